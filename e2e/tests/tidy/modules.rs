//! Follows `mod` from the root of every target, as the compiler does, to find files that nobody compiles.

use super::{
    code,
    tree::{Source, Tree},
};
use std::collections::BTreeSet;

/// The Rust files that some target reaches.
pub(crate) fn reached(tree: &Tree) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    for root in tree.manifests().flat_map(|(folder, manifest)| roots(tree, folder, manifest)) {
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        follow(tree, &root, &folder, &mut reached);
    }
    reached
}

/// The files in which a crate's targets begin.
fn roots(tree: &Tree, folder: &str, manifest: &Source) -> Vec<String> {
    let named = |key: &str| {
        let key = format!("{key} = \"");
        let values = manifest.text.lines().filter_map(move |line| line.strip_prefix(&key)?.split('"').next());
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut roots: Vec<String> = named("path").iter().map(|path| format!("{folder}/{path}")).collect();
    let finds_tests = !manifest.text.contains("autotests = false");
    if !finds_tests {
        roots.extend(named("name").iter().map(|name| format!("{folder}/tests/{name}.rs")));
    }
    roots.extend(tree.rust().map(|source| source.path.clone()).filter(|path| {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            [first, ..] if *first != folder => false,
            [_, "build.rs"] | [_, "src", "lib.rs" | "main.rs"] => true,
            [_, "src", "bin", _] | [_, "src", "bin", _, "main.rs"] => true,
            [_, "benches" | "examples", _] | [_, "benches" | "examples", _, "main.rs"] => true,
            [_, "tests", _] | [_, "tests", _, "main.rs"] => finds_tests,
            _ => false,
        }
    }));
    roots
}

/// Adds a file and those below it. `folder` is where its modules are.
fn follow(tree: &Tree, path: &str, folder: &str, reached: &mut BTreeSet<String>) {
    let Some(source) = tree.file(path) else { return };
    if !reached.insert(path.to_owned()) {
        return;
    }
    for module in declared(&source.text) {
        let inside = module.inside.iter().fold(folder.to_owned(), |folder, name| format!("{folder}/{name}"));
        let own = path.rsplit_once('/').map_or("", |(own, _)| own);
        match module.path {
            Some(named) => {
                let named = flat(&format!("{}/{named}", if module.inside.is_empty() { own } else { &inside }));
                let below = named.rsplit_once('/').map_or("", |(below, _)| below).to_owned();
                follow(tree, &named, &below, reached);
            }
            None => {
                let below = format!("{inside}/{}", module.name);
                follow(tree, &format!("{below}.rs"), &below, reached);
                follow(tree, &format!("{below}/mod.rs"), &below, reached);
            }
        }
    }
}

/// A path without `..`.
fn flat(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A `mod name;`.
#[derive(Debug, PartialEq, Eq)]
struct Module {
    name: String,
    /// The modules with a body that it stands in.
    inside: Vec<String>,
    /// From `#[path = "..."]`.
    path: Option<String>,
}

fn declared(text: &str) -> Vec<Module> {
    let blank = code::blank_rust(text);
    let mut modules = Vec::new();
    let mut open: Vec<Option<String>> = Vec::new();
    let (mut start, mut named) = (0, None);
    for (at, char) in blank.char_indices().filter(|(_, char)| matches!(char, '{' | '}' | ';')) {
        let statement = &blank[start..at];
        let name = statement.split_whitespace().rev().take(2).collect::<Vec<_>>();
        let module = match name.as_slice() {
            [name, "mod"] => Some((*name).to_owned()),
            _ => None,
        };
        let attribute = statement.find("#[path").and_then(|at| text[start + at..].split('"').nth(1));
        named = attribute.map(str::to_owned).or(named.take().filter(|_| module.is_some()));
        match (char, module) {
            ('{', module) => open.push(module),
            ('}', _) => drop(open.pop()),
            (_, Some(name)) => {
                modules.push(Module { name, inside: open.iter().flatten().cloned().collect(), path: named.take() });
            }
            (_, None) => {}
        }
        start = at + 1;
    }
    modules
}

#[test]
fn modules_are_found_where_they_are_declared() {
    let found =
        declared("mod a;\nmod b { pub(crate) mod c; }\n#[path = \"../d.rs\"]\nmod d;\n// mod e;\nfn f() { g(); }\n");
    let module = |name: &str, inside: &[&str], path: Option<&str>| Module {
        name: name.into(),
        inside: inside.iter().map(|name| (*name).to_owned()).collect(),
        path: path.map(Into::into),
    };
    assert_eq!(found, [module("a", &[], None), module("c", &["b"], None), module("d", &[], Some("../d.rs"))]);
    assert_eq!(flat("sim/tests/../toy.rs"), "sim/toy.rs");
}
