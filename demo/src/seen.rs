//! What a person sees of the story's Rollout at one moment, gathered from its objects and from the clients.
//!
//! Only public fields are read, as any client may; nothing is judged.

use crate::{
    manifests::{ROLLOUT, version_of},
    measured::Window,
    watching::{Copies, Passed},
};
use serde_json::Value;
use sim::{
    simulation::words_of_step,
    world::calls::{list, text},
};
use std::fmt;

/// One moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Healthy, Progressing, Paused or Degraded; empty before the controller looked.
    pub(crate) phase: String,
    /// Why it is in that phase.
    pub(crate) message: String,
    /// The step that is being done: `3/6 setWeight 30`.
    pub(crate) step: String,
    /// The canary's weight in the VirtualService.
    pub(crate) weight: u64,
    /// The version that the pod template asks for.
    pub(crate) wanted: String,
    /// The version that was last brought out whole.
    pub(crate) stable: String,
    /// The share of the wanted version at the clients, in percent.
    pub(crate) share: Option<f64>,
    /// How many of a hundred of its answers were good.
    pub(crate) success: Option<f64>,
    /// The commit that was synced, and what the Application says of itself.
    pub(crate) synced: String,
    pub(crate) sync_status: String,
    pub(crate) sync_message: String,
    /// What the controller waits for.
    pub(crate) why: String,
}

impl Seen {
    pub(crate) fn of(copies: &Copies, window: &Window, why: String) -> Self {
        let empty = Value::Null;
        let rollout = copies.get("Rollout", ROLLOUT).unwrap_or(&empty);
        let application = copies.application().unwrap_or(&empty);
        let wanted = version_of(text(rollout, "/spec/template/spec/containers/0/image")).to_owned();
        let is_current = is_observed(rollout);
        Self {
            phase: if is_current { text(rollout, "/status/phase").to_owned() } else { String::new() },
            message: text(rollout, "/status/message").to_owned(),
            step: if is_current { step_of(rollout) } else { String::new() },
            weight: copies.weight(),
            stable: version_with(copies, text(rollout, "/status/stableRS")),
            share: window.share(&wanted),
            success: window.success(&wanted),
            synced: text(application, "/status/sync/revision").to_owned(),
            sync_status: text(application, "/status/sync/status").to_owned(),
            sync_message: list(application, "/status/conditions")
                .first()
                .map(|condition| text(condition, "/message").to_owned())
                .unwrap_or_default(),
            why: foremost(&why),
            wanted,
        }
    }

    /// The same moment at a weight that was too short to be looked at.
    pub(crate) fn at_weight(&self, passed: Passed) -> Self {
        let why = format!("this weight was there for {} ms", passed.stayed.as_millis());
        let phase = "Progressing".to_owned();
        Self { weight: passed.weight, share: None, success: None, phase, why, ..self.clone() }
    }

    /// Whether this version is all there is.
    pub(crate) fn is_healthy_on(&self, version: &str) -> bool {
        self.phase == "Healthy" && self.wanted == version && self.stable == version && self.weight == 0
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, message, step, weight, wanted, stable, sync_status, sync_message, why, .. } = self;
        let share = self.share.map_or_else(|| "an unknown share".into(), |share| format!("{share:.1} %"));
        write!(
            out,
            "Rollout {phase:?} ({message:?}), step {step:?}, weight {weight} %, wanted {wanted:?} with {share}, stable \
             {stable:?}, Application {sync_status:?} {sync_message:?}, waiting for {why:?}"
        )
    }
}

/// What a failed analysis found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) run: String,
    pub(crate) metric: String,
    /// The values that were bad.
    pub(crate) values: Vec<String>,
    pub(crate) condition: String,
    pub(crate) message: String,
}

impl Finding {
    /// What the newest failed analysis run found.
    pub(crate) fn newest(copies: &Copies) -> Option<Self> {
        let failed = copies.all("AnalysisRun").filter(|run| text(run, "/status/phase") == "Failed");
        let run = failed.max_by_key(|run| text(run, "/status/completedAt").to_owned())?;
        let results = list(run, "/status/metricResults");
        let result = results.iter().find(|result| text(result, "/phase") == "Failed")?;
        let metric = text(result, "/name");
        let spec = list(run, "/spec/metrics").iter().find(|spec| text(spec, "/name") == metric)?;
        let bad = list(result, "/measurements").iter().filter(|measurement| text(measurement, "/phase") == "Failed");
        Some(Self {
            run: text(run, "/metadata/name").to_owned(),
            metric: metric.to_owned(),
            values: bad.map(|measurement| text(measurement, "/value").to_owned()).collect(),
            condition: text(spec, "/successCondition").to_owned(),
            message: text(run, "/status/message").to_owned(),
        })
    }
}

/// How many measurements an analysis run of this version's update has taken so far, and how many were good.
pub(crate) fn measurements(copies: &Copies) -> (i64, i64) {
    let newest = copies.all("AnalysisRun").max_by_key(|run| text(run, "/metadata/creationTimestamp").to_owned());
    let results = newest.map(|run| list(run, "/status/metricResults")).unwrap_or_default();
    let sum = |field: &str| results.iter().filter_map(|result| result.pointer(field).and_then(Value::as_i64)).sum();
    (sum("/count"), sum("/successful"))
}

/// The sentences that hold the update up: that pods of earlier revisions stay for a while is told only if it is all there is.
fn foremost(why: &str) -> String {
    let is_aside = |sentence: &&str| sentence.contains("keeps its pods until");
    let (aside, held): (Vec<&str>, Vec<&str>) = why.split("; ").partition(is_aside);
    if held.is_empty() { aside.join("; ") } else { held.join("; ") }
}

/// A status that speaks of an earlier spec says nothing of this one.
fn is_observed(rollout: &Value) -> bool {
    let seen = text(rollout, "/status/observedGeneration").parse::<i64>().ok();
    seen.is_some() && seen == rollout.pointer("/metadata/generation").and_then(Value::as_i64)
}

fn version_with(copies: &Copies, hash: &str) -> String {
    let has_hash = |set: &&Value| text(set, "/metadata/labels/rollouts-pod-template-hash") == hash;
    let set = copies.all("ReplicaSet").find(has_hash);
    set.map(|set| version_of(text(set, "/spec/template/spec/containers/0/image")).to_owned()).unwrap_or_default()
}

fn step_of(rollout: &Value) -> String {
    let steps = list(rollout, "/spec/strategy/canary/steps");
    let Some(index) = rollout.pointer("/status/currentStepIndex").and_then(Value::as_u64) else {
        return String::new();
    };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    match steps.get(index) {
        Some(step) => format!("{}/{} {}", index + 1, steps.len(), words_of_step(step)),
        None => "all done".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_read_well() {
        let steps =
            json!([{"setWeight": 10}, {"pause": {"duration": "8s"}}, {"pause": {"duration": 5}}, {"pause": {}}]);
        for (index, words) in [
            (json!(null), ""),
            (json!(0), "1/4 setWeight 10"),
            (json!(1), "2/4 pause 8s"),
            (json!(2), "3/4 pause 5s"),
            (json!(3), "4/4 pause {}"),
            (json!(4), "all done"),
        ] {
            let rollout = json!({
                "spec": {"strategy": {"canary": {"steps": steps}}},
                "status": {"currentStepIndex": index},
            });
            assert_eq!(step_of(&rollout), words);
        }
    }

    #[test]
    fn what_holds_the_update_up_comes_foremost() {
        for (why, foremost) in [
            ("a keeps its pods until 12:01:03; paused until 12:00:46", "paused until 12:00:46"),
            ("a keeps its pods until 12:01:03", "a keeps its pods until 12:01:03"),
            ("", ""),
        ] {
            assert_eq!(super::foremost(why), foremost);
        }
    }

    #[test]
    fn a_status_of_an_earlier_spec_is_no_status() {
        for (seen, is_current) in [(json!("2"), true), (json!("1"), false), (json!(null), false)] {
            let rollout = json!({"metadata": {"generation": 2}, "status": {"observedGeneration": seen}});
            assert_eq!(is_observed(&rollout), is_current);
        }
    }
}
