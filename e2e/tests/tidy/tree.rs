//! The repository's own files as text. Skips what is built, what git keeps, and what no program reads as text.

use super::code;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What is no source: folders, and the file that stands for `.git` in a second working tree.
const NOT_OURS: [&str; 4] = ["target", ".git", ".cluster", "node_modules"];

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the repository's root, with slashes.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

impl Source {
    /// A finding, as editors understand it.
    pub(crate) fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    /// The first folder.
    pub(crate) fn crate_name(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_go(&self) -> bool {
        self.path.ends_with(".go")
    }

    /// Data and generated files have no limits.
    pub(crate) fn is_table(&self) -> bool {
        self.path.split('/').any(|part| part == "data" || part.contains("generated")) || self.path.ends_with(".lock")
    }

    /// Whether this line is compiled for tests only.
    pub(crate) fn is_test_line(&self, blank: &str, line: usize) -> bool {
        let is_test_file = self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        is_test_file || code::test_regions(blank).iter().any(|region| region.contains(&line))
    }
}

/// All files.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    sources: BTreeMap<String, Source>,
}

impl Tree {
    /// Reads the repository that this test belongs to.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository").to_owned();
        let mut tree = Self { root: root.clone(), sources: BTreeMap::new() };
        tree.add(&root);
        assert!(tree.file("Cargo.toml").is_some(), "the root is found");
        tree
    }

    fn add(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder can be read") {
            let entry = entry.expect("an entry can be read");
            let (path, kind) = (entry.path(), entry.file_type().expect("has a type"));
            let name = entry.file_name().to_string_lossy().into_owned();
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.add(&path);
            }
            // What is not UTF-8 is not for reading.
            if kind.is_file()
                && let Ok(text) = fs::read_to_string(&path)
            {
                let path =
                    path.strip_prefix(&self.root).expect("is below the root").to_string_lossy().replace('\\', "/");
                self.sources.insert(path.clone(), Source { path, text });
            }
        }
    }

    /// Every file.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// Rust and Go.
    pub(crate) fn code(&self) -> impl Iterator<Item = &Source> {
        self.all().filter(|source| source.is_rust() || source.is_go())
    }

    /// Rust.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.all().filter(|source| source.is_rust())
    }

    /// The file at this path.
    pub(crate) fn file(&self, path: &str) -> Option<&Source> {
        self.sources.get(path)
    }

    /// The manifests of our crates, by the name of the folder.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.all().filter(|source| source.path.ends_with("/Cargo.toml")).map(|source| (source.crate_name(), source))
    }
}
