//! What a controller records, judged on the server: nothing is created whose name is not recorded, no step that judges is over
//! before its judgement was good, and no patch is sent that does not name the version that it was decided on.

use serde_json::Value;
use sim::{
    server::Server,
    world::calls::{list, number, text},
};
use std::sync::Arc;

const OURS: &str = "argoproj.io/v1alpha1";

/// The storm's Rollout.
pub(crate) fn rollout(server: &Server) -> Option<Arc<Value>> {
    server.get(OURS, "Rollout", "default", "web")
}

/// Does a patch say which version it was decided on? One that does not wins over what others wrote meanwhile.
pub(crate) fn names_its_version(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    !text(&body, "/metadata/resourceVersion").is_empty()
}

/// The youngest run or Experiment, where nobody had recorded its name when it was made.
pub(crate) fn unrecorded(server: &Server, kind: &str) -> Option<String> {
    let age = |object: &Arc<Value>| text(object, "/metadata/resourceVersion").parse::<u64>().unwrap_or(0);
    let made = server.list(OURS, kind).into_iter().max_by_key(age)?;
    let name = text(&made, "/metadata/name");
    let owners = server.list(OURS, "Experiment").into_iter().chain(rollout(server));
    let is_recorded = owners.into_iter().any(|owner| owner["status"].to_string().contains(&format!("\"{name}\"")));
    (!is_recorded).then(|| format!("{kind} {name} is created before its name is recorded"))
}

/// The step that a write of the Rollout calls complete although its run or Experiment has not succeeded.
pub(crate) fn skipped(server: &Server, before: &Value, after: &Value) -> Option<String> {
    let (from, to) = (number(before, "/status/currentStepIndex"), number(after, "/status/currentStepIndex"));
    let same = |pointer: &str| text(before, pointer) == text(after, pointer);
    let is_promoted = text(after, "/status/stableRS") == text(after, "/status/currentPodHash");
    let is_hurried = before.pointer("/status/promoteFull") == Some(&Value::Bool(true));
    if to != from + 1
        || is_promoted
        || is_hurried
        || !same("/status/currentPodHash")
        || !same("/status/currentStepHash")
    {
        return None;
    }
    let step = list(before, "/spec/strategy/canary/steps").get(usize::try_from(from).ok()?)?;
    let (kind, name) = if step["analysis"].is_object() {
        ("AnalysisRun", text(before, "/status/canary/currentStepAnalysisRunStatus/name"))
    } else if step["experiment"].is_object() {
        ("Experiment", text(before, "/status/canary/currentExperiment"))
    } else {
        return None;
    };
    let judged = server.get(OURS, kind, "default", name)?;
    let phase = text(&judged, "/status/phase");
    (phase != "Successful").then(|| format!("step {from} is called complete, and {kind} {name} is {phase:?}"))
}
