//! Is the repository as its style says? Sizes, modules that nobody reaches, arrows between crates, words that do not belong.
//!
//! Each test names file and line of everything it finds. There is no list of exceptions: what is too long is cut. It reads
//! the sources as text and needs no cluster.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test: a tree that cannot be read is a failure")]

mod tidy {
    pub(crate) mod arrows;
    pub(crate) mod code;
    pub(crate) mod modules;
    pub(crate) mod tree;
}

use std::{collections::BTreeSet, path::Path};
use tidy::{arrows, code, modules, tree::Tree};

/// Lines of a file.
const LONGEST_FILE: usize = 500;
/// Lines of a function, from its `fn` to its closing brace.
const LONGEST_FUNCTION: usize = 60;

/// Fails with everything that was found.
fn nothing(found: &[String]) {
    assert!(found.is_empty(), "{} findings\n{}\n", found.len(), found.join("\n"));
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let tree = Tree::read();
    let long = tree.code().filter(|source| !source.is_table()).filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LONGEST_FILE).then(|| source.at(lines, &format!("{lines} lines; a file stops at {LONGEST_FILE}")))
    });
    nothing(&long.collect::<Vec<_>>());
}

#[test]
fn no_function_is_longer_than_60_lines() {
    let tree = Tree::read();
    let mut found = Vec::new();
    for source in tree.code().filter(|source| !source.is_table()) {
        let blank = code::blank_rust(&source.text);
        let functions = if source.is_rust() { code::rust_functions(&blank) } else { code::go_functions(&source.text) };
        for function in functions {
            // A table in a test is data: what stands inside its brackets is not counted.
            let is_test = source.is_test_line(&blank, function.line);
            let table = if is_test { code::lines_in_brackets(&blank, &function) } else { 0 };
            let lines = function.lines - table;
            if lines > LONGEST_FUNCTION {
                let text = format!("{} has {lines} lines; a function stops at {LONGEST_FUNCTION}", function.name);
                found.push(source.at(function.line, &text));
            }
        }
    }
    nothing(&found);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let tree = Tree::read();
    let silent = tree.rust().filter(|source| !source.text.starts_with("//! ") || source.text.starts_with("//! ("));
    nothing(&silent.map(|source| source.at(1, "a file opens with `//!`: what it decides or does")).collect::<Vec<_>>());
}

#[test]
fn every_file_is_reached_by_a_mod() {
    let tree = Tree::read();
    let reached = modules::reached(&tree);
    let lost = tree.rust().filter(|source| !reached.contains(&source.path));
    nothing(&lost.map(|source| source.at(1, "no `mod` reaches this file")).collect::<Vec<_>>());
}

#[test]
fn each_crate_is_used_once_in_a_file() {
    let tree = Tree::read();
    let mut found = Vec::new();
    for source in tree.rust() {
        let mut used = BTreeSet::new();
        for (line, text) in code::numbered(&source.text) {
            let Some(path) = text.strip_prefix("use ") else { continue };
            let name = path.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default();
            if !used.insert(name) {
                found.push(source.at(line, &format!("one `use {name}::{{…}}` says it all")));
            }
        }
    }
    nothing(&found);
}

#[test]
fn modules_are_a_file_and_a_folder_of_its_name() {
    let tree = Tree::read();
    let old = tree.rust().filter(|source| source.path.ends_with("mod.rs"));
    nothing(&old.map(|source| source.at(1, "name it after the module: foo.rs beside foo/")).collect::<Vec<_>>());
}

#[test]
fn tests_run_always_and_never_sleep() {
    let tree = Tree::read();
    let mut found = Vec::new();
    for source in tree.rust() {
        let blank = code::blank_rust(&source.text);
        // On a paused clock a sleep takes no time: it says when something happens.
        let is_virtual = blank.contains("start_paused") || blank.contains("time::pause");
        for (line, text) in code::numbered(&blank) {
            if text.contains("#[ignore") {
                found.push(source.at(line, "a test that is not run proves nothing"));
            }
            let sleeps = text.contains("thread::sleep") || (!is_virtual && code::calls_sleep(text));
            if sleeps && source.is_test_line(&blank, line) {
                found.push(source.at(line, "wait until a state is reached, with a limit, instead of sleeping"));
            }
        }
    }
    nothing(&found);
}

#[test]
fn crates_use_what_is_to_their_left() {
    nothing(&arrows::against(&Tree::read()));
}

#[test]
fn pure_crates_ban_clocks_files_and_chance() {
    nothing(&arrows::bans(&Tree::read()));
}

#[test]
fn pure_crates_keep_their_maps_in_order() {
    let tree = Tree::read();
    let mut found = Vec::new();
    for source in tree.rust().filter(|source| arrows::is_pure(source.crate_name())) {
        let blank = code::blank_rust(&source.text);
        for (line, _) in code::numbered(&blank).filter(|(_, text)| text.contains("HashMap") || text.contains("HashSet"))
        {
            found.push(source.at(line, "the same input prints the same plan: BTreeMap, BTreeSet"));
        }
    }
    nothing(&found);
}

#[test]
fn no_word_of_one_machine_or_of_work_left_over() {
    let tree = Tree::read();
    // In two halves, so that this file does not find itself.
    let paths = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/home/", "runner"].concat()];
    let notes = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let mut found = Vec::new();
    for source in tree.all().filter(|source| !source.is_table()) {
        for (line, text) in code::numbered(&source.text) {
            if let Some(word) = paths.iter().find(|word| text.contains(word.as_str())) {
                found.push(source.at(line, &format!("`{word}` is a place on somebody's machine")));
            }
            let has_note = notes.iter().any(|word| code::has_word(text, word));
            if has_note && Path::new(&source.path).extension().is_some_and(|kind| kind == "rs" || kind == "go") {
                found.push(source.at(line, "work left over belongs into an issue"));
            }
        }
    }
    nothing(&found);
}
