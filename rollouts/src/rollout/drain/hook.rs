//! How do pods finish what they are doing before they end? Their containers sleep for the drain time before they are told to
//! stop, so that whoever learns late that they go can still reach them, and they get as much more time for their end.
//!
//! A container that has a `preStop` of its own keeps it. What is added is recorded beside the template and is no part of the
//! revision: neither hash nor comparison see it.

use crate::{
    rollout::{
        fleet::Revision,
        invalid::{Faults, Invalid},
        observed::Observed,
        spec::Spec,
    },
    template::{bare, injected::Hook},
};
use crds::{keys, rollout::RolloutStrategy};
use serde_json::{Map, Value, json};

/// The first version of Kubernetes whose containers can sleep before they stop.
const LEAST_SERVER: (u32, u32) = (1, 30);

/// How long containers are to sleep.
pub fn seconds(strategy: &RolloutStrategy, faults: &mut Faults) -> i32 {
    let asked = match (&strategy.canary, &strategy.blue_green) {
        (Some(canary), _) => ("canary", canary.drain_seconds),
        (None, blue_green) => ("blueGreen", blue_green.as_ref().and_then(|blue_green| blue_green.drain_seconds)),
    };
    let (strategy, seconds) = (asked.0, asked.1.unwrap_or(0));
    if seconds < 0 {
        let path = format!("spec.strategy.{strategy}.drainSeconds");
        faults.note(Invalid::value(&path, seconds, "must be greater than or equal to 0"));
    }
    seconds.max(0)
}

/// Whether the server can do what the spec asks for. A server whose version is not known is believed to.
pub fn check(observed: &Observed, spec: &Spec<'_>) -> Result<(), Invalid> {
    let Some((major, minor)) = observed.server.filter(|server| spec.drain_secs > 0 && *server < LEAST_SERVER) else {
        return Ok(());
    };
    let strategy = if spec.canary().is_some() { "canary" } else { "blueGreen" };
    let (least_major, least_minor) = LEAST_SERVER;
    let problem = format!("Forbidden: needs Kubernetes {least_major}.{least_minor} or later, this is {major}.{minor}");
    Err(Invalid::rendered(&format!("spec.strategy.{strategy}.drainSeconds"), problem))
}

/// Adds the sleep to a new template, and the record of it to the annotations.
pub fn give(template: &mut Value, annotations: &mut Map<String, Value>, spec: &Spec<'_>) {
    if let Some(hook) = Hook::add(template, spec.drain_secs) {
        annotations.insert(keys::DRAIN_HOOK.into(), hook.into());
    }
}

/// Patches of the pod spec and of the annotations of `live`, where its pods would not sleep as long as they should.
pub fn stale(spec: &Spec<'_>, live: Revision<'_>) -> Option<(Value, Value)> {
    let recorded = live.set.metadata.annotation(keys::DRAIN_HOOK);
    if recorded.is_none() && spec.drain_secs == 0 {
        return None;
    }
    let mut wanted = bare(live.set);
    let hook = Hook::add(&mut wanted, spec.drain_secs);
    let template = live.set.spec.template.value();
    let mut pods = Map::new();
    for field in ["containers", "terminationGracePeriodSeconds"] {
        let of = |template: &Value| template.get("spec").and_then(|spec| spec.get(field)).cloned().unwrap_or_default();
        if of(&wanted) != of(&template) {
            pods.insert(field.into(), of(&wanted));
        }
    }
    let is_right = pods.is_empty() && recorded == hook.as_deref();
    (!is_right).then(|| (pods.into(), json!({ keys::DRAIN_HOOK: hook })))
}
