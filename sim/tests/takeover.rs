//! Clusters as upstream left them, in the middle of everything: each is restored with its identities, statuses and ages, a
//! controller starts, and a person ends the update. Nothing is made anew, and the world goes on from where it stood.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

use chrono::{DateTime, TimeDelta, Utc};
use regex::Regex;
use serde_json::Value;
use sim::simulation::{Action, Look, Options, Simulation, beginning, runtime};
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

const NAME: &str = "shop";
/// Time in which a new controller has done whatever it does at its start.
const START: Duration = Duration::from_secs(20);
/// An update whose end a person asked for has ended by then, with all its delays.
const PATIENCE: Duration = Duration::from_secs(600);

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../rollouts/tests/data/upstream-states"))
}

/// The objects of a point, so much later that it was left a moment before a simulation begins.
fn objects(point: &str) -> String {
    let text = std::fs::read_to_string(folder().join(point).join("objects.yaml")).expect("a point");
    // Nothing is behind the addresses that were measured, and no provider but Prometheus is carried out.
    let web =
        Regex::new(r"web:\n(?: +authentication:\n(?: +\w+: \{\}\n)+)?( +)jsonPath: .*\n +url: .*").expect("a pattern");
    let text = web.replace_all(&text, "prometheus:\n${1}query: vector(5)").replace("result == 5", "result[0] == 5");
    let stamp = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").expect("a pattern");
    let time = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
    let updated = Regex::new(r"lastUpdateTime: '([^']+)'").expect("a pattern");
    let last = updated.captures_iter(&text).map(|found| time(&found[1])).max().expect("conditions");
    let later = beginning() - last - TimeDelta::seconds(2);
    let moved = |found: &regex::Captures<'_>| (time(&found[0]) + later).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    stamp.replace_all(&text, moved).into_owned()
}

fn replica_sets(simulation: &Simulation) -> BTreeSet<String> {
    let uid = |set: &std::sync::Arc<Value>| set["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    simulation.server().list("apps/v1", "ReplicaSet").iter().map(uid).collect()
}

fn has_ended(look: &Look) -> bool {
    look.phase() == "Healthy" && look.text("/status/stableRS") == look.text("/status/currentPodHash")
}

/// What a person has to do so that the update goes to its end.
fn ending(look: &Look) -> Vec<Action> {
    let mut actions = Vec::new();
    if look.is_paused() {
        actions.push(Action::Pause(false));
    }
    if look.is_aborted() {
        actions.push(Action::Retry);
    }
    actions.push(Action::PromoteFull);
    actions
}

/// Plays a point; what is wrong with it.
async fn played(point: &str) -> Result<(), String> {
    let namespace = format!("u-{point}");
    let simulation = Simulation::start(Options::seeded(1));
    let home = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
    simulation.apply(&home).map_err(|refusal| refusal.to_string())?;
    simulation.server().restore_yaml(&objects(point)).map_err(|refusal| refusal.to_string())?;
    let before = replica_sets(&simulation);
    simulation.advance(START).await;
    let look = |simulation: &Simulation| simulation.look(&namespace, NAME).expect("a Rollout");
    let stood = look(&simulation);
    for action in ending(&stood).iter().filter(|_| !has_ended(&stood)) {
        simulation.act(&namespace, NAME, action).await.map_err(|failure| format!("{failure:?}"))?;
    }
    let ended = simulation.until(PATIENCE, |simulation| has_ended(&look(simulation))).await;
    let story = || format!("{point}: {}\n{}", look(&simulation).message(), simulation.journal().transcript());
    if point.starts_with("invalid") {
        return if ended { Err(format!("it is valid: {}", story())) } else { Ok(()) };
    }
    if !ended {
        return Err(format!("does not end: {}", story()));
    }
    if let Some(wrong) = simulation.journal().first_wrong() {
        return Err(format!("{wrong}: {}", story()));
    }
    let lost = simulation.world().mesh().lost();
    if simulation.world().mesh().counts().sent() == 0 && point.starts_with("istio") {
        return Err(format!("no request is sent: {}", story()));
    }
    match replica_sets(&simulation).difference(&before).count() {
        0 if lost == 0 => Ok(()),
        0 => Err(format!("{lost} requests are lost: {}", story())),
        made => Err(format!("{made} ReplicaSets are made anew: {}", story())),
    }
}

#[test]
fn every_point_is_taken_over_and_ends() {
    let points = std::fs::read_dir(folder()).expect("the points");
    let mut points: Vec<String> =
        points.map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned()).collect();
    points.sort();
    let failed = points.iter().filter_map(|point| runtime().expect("a runtime").block_on(played(point)).err());
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), points.len(), failed.join("\n\n"));
    assert_eq!(points.len(), 40);
}
