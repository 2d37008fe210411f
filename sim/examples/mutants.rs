//! Do storms find bugs? Each file of `tests/mutants` is a deliberate one: it is put into a copy of the tree, the storms are
//! built and played there, and must break something within three minutes.
//!
//! `cargo run -p sim --example mutants [NAME]` (`make mutants`) plays all or one of them and prints a table. It never touches
//! the tree itself, and fails when a mutant is not caught, or no longer fits the code that it changes.
#![allow(clippy::expect_used, clippy::panic, reason = "a tool for developers: what cannot be done is a failure")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

/// A storm has so long to find a mutant.
const SECONDS: &str = "180";

/// A deliberate bug.
struct Mutant {
    name: String,
    /// What it does.
    what: String,
    /// The changed files, by their path.
    files: BTreeMap<String, String>,
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let copy = root().join("target/mutants");
    let mut rows = Vec::new();
    let all = mutants().expect("every mutant fits");
    for mutant in all.iter().filter(|it| wanted.is_empty() || wanted.contains(&it.name)) {
        eprintln!("{}: {}", mutant.name, mutant.what);
        copy_tree(&copy);
        mutant.files.iter().for_each(|(path, text)| write(&copy.join(path), text));
        let found = storm(&copy);
        eprintln!("  {}", found.as_deref().unwrap_or("NOT CAUGHT"));
        rows.push((mutant, found));
    }
    println!("\n{:26} caught", "mutant");
    for (mutant, found) in &rows {
        println!("{:26} {}", mutant.name, found.as_deref().unwrap_or("NOT CAUGHT"));
    }
    let escaped = rows.iter().filter(|(_, found)| found.is_none()).count();
    println!("{} mutants, {escaped} not caught", rows.len());
    if escaped == 0 && !rows.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// All mutants, or those that do not fit.
fn mutants() -> Result<Vec<Mutant>, String> {
    let folder = root().join("sim/tests/mutants");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let (mut mutants, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        match mutant(&name, &read(&path)) {
            Ok(mutant) => mutants.push(mutant),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    if wrong.is_empty() { Ok(mutants) } else { Err(wrong.join("\n")) }
}

/// Reads a mutant: a sentence, then for each place `@@ path`, the lines that go (`-`), and those that come (`+`).
fn mutant(name: &str, text: &str) -> Result<Mutant, String> {
    let what = text.lines().find_map(|line| line.strip_prefix("# ")).ok_or("it does not say what it does")?;
    let mut files = BTreeMap::new();
    for place in text.split("@@ ").skip(1) {
        let (path, lines) = place.split_once('\n').ok_or("a place without lines")?;
        let of = |mark: char| -> String {
            lines.lines().filter_map(|line| line.strip_prefix(mark)).map(|line| format!("{line}\n")).collect()
        };
        let (old, new) = (of('-'), of('+'));
        let file = files.entry(path.to_owned()).or_insert_with(|| read(&root().join(path)));
        match file.matches(&old).count() {
            1 => *file = file.replace(&old, &new),
            count => return Err(format!("what it changes is {count} times in {path}")),
        }
    }
    if files.is_empty() {
        Err("it changes nothing".into())
    } else {
        Ok(Mutant { name: name.into(), what: what.into(), files })
    }
}

/// Brings the copy to what the tree holds. Files that are the same are left alone, so that little is built anew.
fn copy_tree(copy: &Path) {
    let listed = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output();
    let listed = String::from_utf8(listed.expect("git runs").stdout).expect("names in UTF-8");
    for path in listed.lines().filter(|path| root().join(path).is_file()) {
        let bytes = fs::read(root().join(path)).expect("a file");
        if fs::read(copy.join(path)).ok().as_ref() != Some(&bytes) {
            fs::create_dir_all(copy.join(path).parent().expect("a folder")).expect("a folder");
            fs::write(copy.join(path), bytes).expect("the copy is written");
        }
    }
}

/// Builds and plays the storms of the copy; what they found first.
fn storm(copy: &Path) -> Option<String> {
    // What others wrote is the same in both trees, and built once.
    let built = Command::new("cargo")
        .args(["test", "--workspace", "--exclude", "e2e", "--profile", "storm", "--test", "storm", "--no-run"])
        .env("CARGO_TARGET_DIR", root().join("target"))
        .current_dir(copy)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(built.status.success(), "the mutant cannot be built\n{said}");
    let program = said.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("an executable").0;
    let begun = Instant::now();
    let mut storm = Command::new(program)
        .arg("--nocapture")
        .envs([("N", "0"), ("SECONDS_AT_LEAST", SECONDS)])
        .current_dir(copy.join("sim"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("storms run");
    let lines = BufReader::new(storm.stderr.take().expect("piped")).lines();
    let found = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("==== ").map(str::to_owned));
    // It goes on to cut the failure down, which nobody waits for.
    storm.kill().expect("it can be ended");
    storm.wait().expect("it ends");
    found.filter(|_| begun.elapsed().as_secs() <= 190)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::{mutant, mutants};

    #[test]
    fn every_mutant_still_fits() {
        let all = mutants().unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(all.len() >= 10, "{} mutants", all.len());
    }

    #[test]
    fn one_that_changes_nothing_or_too_much_is_refused() {
        assert!(mutant("a", "# a\n").is_err());
        assert!(mutant("a", "# a\n@@ sim/Cargo.toml\n-no such line\n+b\n").is_err());
        assert!(mutant("a", "# a\n@@ sim/Cargo.toml\n-[lints]\n+[lint]\n").is_ok());
    }
}
