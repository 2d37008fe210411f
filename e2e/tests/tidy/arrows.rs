//! Who may depend on whom: a crate uses what is to its left, nothing to its right, and no neighbour.

use super::{code, tree::Tree};

/// Our crates from left to right; those of one row are neighbours.
const ROWS: [&[&str]; 9] = [
    &["crds"],
    &["plan"],
    &["rollouts", "analysis", "gitops"],
    &["controller"],
    &["sim", "server"],
    &["kubectl"],
    &["demo"],
    &["leadline"],
    &["e2e"],
];

/// The crates that decide and never do.
const PURE: [&str; 5] = ["crds", "plan", "rollouts", "analysis", "gitops"];

/// What no pure crate may depend on, tests included.
const IMPURE: [&str; 22] = [
    "anyhow",
    "async-std",
    "env_logger",
    "fastrand",
    "futures",
    "getrandom",
    "gix",
    "hyper",
    "hyper-util",
    "k8s-openapi",
    "kube",
    "log",
    "notify",
    "prometheus-client",
    "rand",
    "reqwest",
    "rustls",
    "socket2",
    "tokio",
    "tower",
    "tracing",
    "tracing-subscriber",
];

/// What the `clippy.toml` of a pure crate bans.
const BANNED: [&str; 13] = [
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs::File",
    "std::net::TcpStream",
    "chrono::Utc::now",
    "chrono::Local::now",
    "std::env::var",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::thread::spawn",
    "std::thread::sleep",
];

/// The rules that every `clippy.toml` has, since the nearest one replaces the root's.
const EVERYWHERE: [&str; 4] = [
    "allow-unwrap-in-tests = true",
    "allow-expect-in-tests = true",
    "allow-panic-in-tests = true",
    "allow-indexing-slicing-in-tests = true",
];

pub(crate) fn is_pure(name: &str) -> bool {
    PURE.contains(&name)
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

/// Arrows that point the wrong way.
pub(crate) fn against(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (name, manifest) in tree.manifests() {
        let Some(own) = row(name) else {
            found.push(manifest.at(1, "a crate without a place in the order of crates"));
            continue;
        };
        for (line, used) in dependencies(&manifest.text) {
            // A crate may name itself, to see its own features in its tests.
            let is_backwards = row(used).is_some_and(|other| other >= own) && used != name;
            if is_backwards {
                found.push(manifest.at(line, &format!("{name} may not use {used}: it is not to its left")));
            }
            if is_pure(name) && IMPURE.contains(&used) {
                found.push(manifest.at(line, &format!("{name} is pure and may not see {used}")));
            }
        }
    }
    found
}

/// The names in the tables of dependencies, with their lines.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut is_inside = false;
    let mut names = Vec::new();
    for (number, line) in code::numbered(manifest) {
        if let Some(table) = line.strip_prefix('[') {
            is_inside = table.trim_end_matches(']').ends_with("dependencies");
        } else if is_inside && line.starts_with(|char: char| char.is_alphabetic()) {
            let end = line.find(|char: char| !(char.is_alphanumeric() || char == '-' || char == '_'));
            names.push((number, &line[..end.unwrap_or(line.len())]));
        }
    }
    names
}

/// Pure crates whose `clippy.toml` is missing or lets something through.
pub(crate) fn bans(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for name in PURE {
        let path = format!("{name}/clippy.toml");
        let Some(rules) = tree.file(&path) else {
            found.push(format!("{path}:1: a pure crate bans clocks, files and chance by name"));
            continue;
        };
        let banned = BANNED.iter().map(|path| format!("\"{path}\""));
        let lacking = banned.chain(EVERYWHERE.map(str::to_owned)).filter(|rule| !rules.text.contains(rule));
        found.extend(lacking.map(|rule| rules.at(1, &format!("{rule} is missing"))));
    }
    found
}

#[test]
fn dependencies_are_read_from_every_table() {
    let manifest =
        "[package]\nname = \"a\"\n[dependencies]\nplan.workspace = true\n[dev-dependencies]\nb = { path = \"b\" }\n";
    assert_eq!(dependencies(manifest), [(4, "plan"), (6, "b")]);
}
