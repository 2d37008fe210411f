//! Looks, and holds what a look did against the invariants: no traffic to nobody through us, no share that rises after an
//! abort, no pods that go too early or too many, and no decision that rests on a field which is only report.

use crate::toy::Toy;
use chrono::{DateTime, TimeDelta, Utc};
use plan::{Moves, Verb, Write};
use rollouts::{Observed, decide, rollout::memory::MEMORY};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Seconds that pods stay after their traffic went.
const DRAIN_SECS: i64 = 30;

/// What must be remembered between looks.
#[derive(Debug, Default)]
pub struct Watch {
    /// The shares that revisions had, in percent, and how many replicas were wanted then.
    shares: Vec<(DateTime<Utc>, String, i64, i64)>,
    /// Looks for which what is shown may be better than what is.
    blind: u8,
}

fn asked(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap_or(0)
}

fn available(set: &Value) -> i64 {
    set.pointer("/status/availableReplicas").and_then(Value::as_i64).unwrap_or(0)
}

fn hash(set: &Value) -> &str {
    set["metadata"]["labels"]["rollouts-pod-template-hash"].as_str().unwrap_or_default()
}

/// Labels that an end of the route selects, and its weight.
fn ends(toy: &Toy) -> Vec<(Value, i64)> {
    if let Some(active) = toy.services.get("active") {
        return vec![(active["spec"]["selector"].clone(), 100)];
    }
    let Some(route) = toy.routes.get("web") else { return Vec::new() };
    let destinations = route["spec"]["http"][0]["route"].as_array().expect("a route");
    let labels = |destination: &Value| match destination["subset"].as_str() {
        Some(name) => {
            let subsets = toy.rules["web"]["spec"]["subsets"].as_array().expect("subsets");
            subsets.iter().find(|subset| subset["name"] == name).expect("the subset")["labels"].clone()
        }
        None => toy.services[destination["host"].as_str().expect("a host")]["spec"]["selector"].clone(),
    };
    destinations.iter().map(|to| (labels(&to["destination"]), to["weight"].as_i64().unwrap_or(0))).collect()
}

fn is_selected(labels: &Value, set: &Value) -> bool {
    let wanted = labels.as_object().expect("labels");
    wanted.iter().all(|(key, value)| set["spec"]["template"]["metadata"]["labels"][key] == *value)
}

/// Which ends of the route lead to nobody although they carry weight.
fn dead_ends(toy: &Toy) -> Vec<usize> {
    let leads = |labels: &Value| toy.sets.values().any(|set| is_selected(labels, set) && available(set) > 0);
    let ends = ends(toy).into_iter().enumerate();
    ends.filter(|(_, (labels, weight))| *weight > 0 && !leads(labels)).map(|(index, _)| index).collect()
}

/// Available pods that nobody has asked to go.
fn lasting(toy: &Toy) -> i64 {
    toy.sets.values().map(|set| available(set).min(asked(set))).sum()
}

/// The number of pods that the defaults promise: a quarter, rounded down, may be missing.
fn promised(toy: &Toy) -> i64 {
    let replicas = toy.rollout["spec"]["replicas"].as_i64().unwrap_or(1);
    replicas - replicas / 4
}

impl Watch {
    /// Pods failed or went behind our back: for two looks nobody can know.
    pub fn surprise(&mut self) {
        self.blind = 3;
    }

    /// One look.
    pub fn look(&mut self, toy: &mut Toy) {
        forgets_the_report(toy);
        self.note_shares(toy);
        let dead = dead_ends(toy);
        let was_aborted = is_aborted(toy);
        let weight = toy.routes.get("web").map(|_| toy.weight());
        let (sizes, before) = (sizes(toy), lasting(toy));
        toy.step();
        self.note_shares(toy);
        self.blind = self.blind.saturating_sub(1);
        if self.blind == 0 {
            let made: Vec<usize> = dead_ends(toy).into_iter().filter(|end| !dead.contains(end)).collect();
            assert!(made.is_empty(), "our writes led traffic to nobody at {made:?}:\n{}", toy.tail());
            let (after, promised) = (lasting(toy), promised(toy));
            assert!(after >= before.min(promised), "{after} of {promised} pods last, {before} did:\n{}", toy.tail());
        }
        if let (true, Some(weight)) = (was_aborted && is_aborted(toy), weight) {
            assert!(toy.weight() <= weight, "after an abort the canary's share never rises:\n{}", toy.tail());
        }
        self.nothing_goes_early(toy, &sizes);
    }

    fn note_shares(&mut self, toy: &Toy) {
        let replicas = toy.rollout["spec"]["replicas"].as_i64().unwrap_or(1);
        let ends = ends(toy);
        for set in toy.sets.values() {
            let own = ends.iter().filter(|(labels, _)| is_selected(labels, set));
            self.shares.push((toy.now, hash(set).to_owned(), own.map(|(_, weight)| weight).sum(), replicas));
        }
        self.shares.retain(|(at, ..)| toy.now - *at < TimeDelta::seconds(DRAIN_SECS));
    }

    fn nothing_goes_early(&self, toy: &Toy, sizes: &BTreeMap<String, i64>) {
        if toy.rollout["spec"]["replicas"] == 0 {
            return;
        }
        // Steps may say that fewer pods are enough for a share; without a router the pods are the share.
        let canary = &toy.rollout["spec"]["strategy"]["canary"];
        let has_scales =
            canary["steps"].as_array().is_some_and(|steps| steps.iter().any(|step| !step["setCanaryScale"].is_null()));
        for set in toy.sets.values().filter(|set| sizes.get(hash(set)).is_some_and(|size| asked(set) < *size)) {
            let own = self.shares.iter().filter(|(_, of, ..)| of == hash(set));
            let share = own.clone().map(|(_, _, share, _)| *share).max().unwrap_or(0);
            let replicas = own.map(|(.., replicas)| *replicas).min().unwrap_or(0);
            let needed = if has_scales || toy.routes.is_empty() { share.min(1) } else { (share * replicas + 99) / 100 };
            let asked = asked(set);
            assert!(asked >= needed, "{} goes to {asked} pods, its share needs {needed}:\n{}", hash(set), toy.tail());
        }
    }
}

fn sizes(toy: &Toy) -> BTreeMap<String, i64> {
    toy.sets.values().map(|set| (hash(set).to_owned(), asked(set))).collect()
}

fn is_aborted(toy: &Toy) -> bool {
    toy.status("abort") == json!(true) && toy.status("stableRS") != toy.status("currentPodHash")
}

/// Erasing everything in the status that is not memory changes no decision.
fn forgets_the_report(toy: &Toy) {
    let observed = toy.observe();
    let mut erased = toy.rollout.clone();
    erased["status"] = memory_of(&toy.rollout["status"]);
    let bare = Observed {
        rollout: std::sync::Arc::new(crds::Rollout::from_value(&erased).expect("a rollout")),
        ..observed.clone()
    };
    let (one, other) = (decide(&observed, toy.now), decide(&bare, toy.now));
    let decisions = |plan: &plan::Plan, base: &Value| -> Vec<String> {
        let writes = plan.writes().iter().filter(|write| write.moves != Moves::Report);
        writes.map(|write| decision(write, base)).collect()
    };
    assert_eq!(
        decisions(&one, &toy.rollout["status"]),
        decisions(&other, &erased["status"]),
        "a report decides:\n{}",
        toy.tail()
    );
}

/// What a write does, whatever it tells: for a record, the memory that it leaves behind.
fn decision(write: &Write, status: &Value) -> String {
    match &write.verb {
        Verb::Patch { body, subresource: Some(_), .. } => {
            let mut after = status.clone();
            crate::toy::merge(&mut after, &body["status"]);
            let mut memory = memory_of(&after);
            // Conditions are memory for their times; their order and words come out of the report.
            memory.as_object_mut().expect("an object").remove("conditions");
            memory.to_string()
        }
        verb => format!("{verb:?}"),
    }
}

/// The fields of a status that a decision may read. An absent field and its zero are the same.
fn memory_of(status: &Value) -> Value {
    let mut kept = json!({});
    for path in MEMORY {
        let pointer = format!("/{}", path.replace('.', "/"));
        let found = status.pointer(&pointer).filter(|value| !value.is_null());
        let Some(value) = found.filter(|value| **value != json!([]) && **value != json!(false)) else { continue };
        match path.split_once('.') {
            Some((outer, inner)) => kept[outer][inner] = value.clone(),
            None => kept[path] = value.clone(),
        }
    }
    kept
}
