//! Plays every scenario and compares its transcript with the one beside it; `UPDATE=1` writes them anew. Then counts the
//! reasons: each of them appears in at least one scenario.

#![allow(clippy::expect_used, clippy::panic)]

use sim::{
    scenario::{Scenario, play},
    simulation::runtime,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder of scenarios");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// The first lines that differ, for a person.
fn difference(kept: &str, found: &str) -> String {
    let pairs = kept.lines().zip(found.lines()).enumerate().find(|(_, (kept, found))| kept != found);
    match pairs {
        Some((line, (kept, found))) => format!("line {}:\n  kept:  {kept}\n  found: {found}", line + 1),
        None => format!("{} lines are kept, {} were found", kept.lines().count(), found.lines().count()),
    }
}

#[test]
fn every_story_reads_like_its_transcript_and_every_reason_is_told() {
    let only = std::env::var("ONLY").ok();
    let is_update = std::env::var("UPDATE").is_ok();
    let mut told = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in files() {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a scenario");
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let played = match runtime().expect("a runtime").block_on(play(&scenario, &folder())) {
            Ok(played) => played,
            Err(broken) => {
                wrong.push(format!("{name}: {broken}"));
                continue;
            }
        };
        told.extend(played.reasons);
        let transcript = format!("{}\n\n{}", scenario.about, played.transcript);
        let beside = path.with_extension("txt");
        let kept = std::fs::read_to_string(&beside).unwrap_or_default();
        if is_update {
            std::fs::write(&beside, &transcript).expect("the transcript is written");
        } else if kept != transcript {
            wrong.push(format!("{name} reads differently (UPDATE=1 keeps it): {}", difference(&kept, &transcript)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    if only.is_none() {
        let missing: Vec<String> = reasons().into_iter().filter(|name| !told.contains(name)).collect();
        let untold: BTreeSet<String> = UNTOLD.iter().map(|(name, _)| (*name).to_owned()).collect();
        let missing: BTreeSet<String> = missing.into_iter().collect();
        assert_eq!(missing, untold, "reasons that no scenario tells, and those that are known to be missing");
    }
}

/// Reasons that no scenario can tell, and why.
const UNTOLD: &[(&str, &str)] = &[
    ("Rollout::Refused", "no plan of the rules breaks an invariant: the audit's own tests build such plans"),
    ("Run::MeasuredSeveral", "two metrics answer in one pass only by chance: the stories of `analysis` tell it"),
    ("Run::Restated", "only another controller leaves such a report: the stories of `analysis` tell it"),
];

/// The names of all reasons of Rollouts and runs, read from where they are defined.
fn reasons() -> Vec<String> {
    let sources = [
        ("Rollout", include_str!("../../plan/src/reason/rollout.rs")),
        ("Run", include_str!("../../plan/src/reason/run.rs")),
        ("Sync", include_str!("../../plan/src/reason/sync.rs")),
    ];
    let variant = regex::Regex::new(r"(?m)^    ([A-Z]\w+)(?: \{|,)").expect("a pattern");
    let names = |(family, source): &(&str, &str)| -> Vec<String> {
        variant
            .captures_iter(source)
            .filter_map(|found| Some(format!("{family}::{}", found.get(1)?.as_str())))
            .collect()
    };
    sources.iter().flat_map(names).collect()
}
