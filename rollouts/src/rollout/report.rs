//! What people and clients read: counts, conditions, weights, phase and message. Every status write is made here, as the
//! difference between what is recorded and what should be, so that a field nobody here knows stays as it is.

use super::{
    blue_green, conditions, duration, experiments,
    fleet::Revision,
    held,
    invalid::Faults,
    look::{Look, rollout_target},
    observed::Observed,
    refusal::{self, Refusal},
    restart,
    runs::{self, SLOTS},
    workload,
};
use chrono::{DateTime, Utc};
use crds::{
    foreign::ReplicaSetStatus,
    keys,
    rollout::{RolloutStatus, TrafficWeights, WeightDestination},
};
use plan::{Event, Plan, Reason, Write, reason::RolloutReason};

/// Fills in everything that follows from what is observed; returns the Events that tell of it.
pub fn refresh(look: &Look<'_>, status: &mut RolloutStatus, abort_message: Option<&str>) -> Vec<Event> {
    let sides = look.sides.as_ref();
    // Under blue-green those count that the users reach, as soon as they reach any.
    let active = sides.and_then(|sides| look.fleet.by_hash(sides.active?));
    let serving = active.map_or_else(|| look.fleet.all.clone(), |active| vec![active]);
    let new: Vec<_> = look.fleet.canary.into_iter().collect();
    status.replicas = total(&look.fleet.all, |status| status.replicas);
    status.ready_replicas = total(&serving, |status| status.ready_replicas);
    status.available_replicas = total(&serving, |status| status.available_replicas);
    status.updated_replicas = total(&new, |status| status.replicas);
    status.hpa_replicas = total(&serving, |status| status.replicas);
    status.current_pod_hash = Some(look.fleet.hash.clone());
    status.selector = look.observed.rollout.spec.selector.clone().map(|mut selector| {
        let hash = active.map(|active| (keys::POD_TEMPLATE_HASH.to_owned(), active.hash().to_owned()));
        selector.match_labels.extend(hash);
        selector.to_query()
    });
    let side = |hash: Option<&str>| hash.map(str::to_owned);
    status.blue_green.active_selector = side(sides.and_then(|sides| sides.active));
    status.blue_green.preview_selector = side(sides.and_then(|sides| sides.preview));
    status.canary.weights = weights(look, status);
    for slot in SLOTS {
        let Some(recorded) = slot.record(status) else { continue };
        if let Some(run) = runs::ours(look.observed, &recorded.name) {
            recorded.status = run.status.phase;
            recorded.message = run.status.message.clone().filter(|message| !message.is_empty());
        }
    }
    let mut events = runs::events(look);
    events.extend(conditions::refresh(look, status, abort_message));
    status.observed_generation = Some(look.observed.rollout.metadata.generation.to_string());
    status.workload_observed_generation = workload::generation(look.observed);
    (status.phase, status.message) = phase(look, status);
    duration::refresh(look, status);
    events
}

/// A count of none is absent, as clients written in Go leave it out.
fn total(sets: &[Revision<'_>], count: fn(&ReplicaSetStatus) -> i32) -> Option<i32> {
    Some(sets.iter().map(|revision| count(&revision.set.status)).sum()).filter(|count| *count != 0)
}

fn weights(look: &Look<'_>, status: &RolloutStatus) -> Option<TrafficWeights> {
    let (traffic, ends) = look.traffic.as_ref().zip(look.spec.canary())?;
    let canary = traffic.highest_canary();
    let destination = |weight: i32, service: &Option<String>, hash: Option<String>| WeightDestination {
        weight,
        service_name: service.clone(),
        pod_template_hash: hash,
    };
    let additional = experiments::branches(look).into_iter().map(|branch| WeightDestination {
        weight: branch.weight,
        service_name: Some(branch.service),
        pod_template_hash: branch.hash,
    });
    let stable_hash = status.stable_rs.clone().filter(|hash| !hash.is_empty());
    Some(TrafficWeights {
        canary: destination(canary, &ends.canary_service, Some(look.fleet.hash.clone())),
        stable: destination(traffic.highest_stable(), &ends.stable_service, stable_hash),
        additional: additional.collect(),
        verified: None,
    })
}

/// Phase and message, first match first.
fn phase(look: &Look<'_>, status: &RolloutStatus) -> (Option<String>, Option<String>) {
    let say =
        |phase: &str, message: String| (Some(phase.to_owned()), Some(message).filter(|message| !message.is_empty()));
    let failed = status
        .conditions
        .iter()
        .find(|condition| ["RolloutAborted", "ProgressDeadlineExceeded"].contains(&condition.reason.as_str()));
    if let Some(condition) = failed {
        return say("Degraded", format!("{}: {}", condition.reason, condition.message));
    }
    if look.observed.rollout.spec.paused {
        return say("Paused", "manually paused".into());
    }
    if let Some(condition) = status.pause_conditions.first() {
        return say("Paused", condition.reason.clone());
    }
    if restart::wanted(&look.observed.rollout.spec, status).is_some() {
        return say("Progressing", "rollout is restarting".into());
    }
    if let Some(refused) = refusal::shown(status) {
        return say("Progressing", refused.to_owned());
    }
    let replicas = look.spec.limits.replicas;
    let updated = status.updated_replicas.unwrap_or(0);
    let is_promoted = status.stable_rs == status.current_pod_hash;
    let message = if updated < replicas {
        "more replicas need to be updated"
    } else if status.available_replicas.unwrap_or(0) < updated {
        "updated replicas are still becoming available"
    } else if let Some(message) = look.sides.as_ref().map(|sides| blue_green::pending(look, sides, status)) {
        message
    } else if !look.spec.is_routed() && status.replicas.unwrap_or(0) > updated {
        "old replicas are pending termination"
    } else if !is_promoted {
        "waiting for all steps to complete"
    } else {
        ""
    };
    say(if message.is_empty() { "Healthy" } else { "Progressing" }, message.into())
}

/// The write that takes the recorded status to `next`; `None` where nothing differs.
pub fn status_write(observed: &Observed, next: &RolloutStatus, because: RolloutReason) -> Option<Write> {
    if *next == observed.rollout.status {
        return None;
    }
    let before = serde_json::to_value(&observed.rollout.status).unwrap_or_default();
    let after = serde_json::to_value(next).unwrap_or_default();
    let patch = plan::merge_patch(&before, &after)?;
    Some(Write::status(rollout_target(observed), patch, because.into()))
}

/// The plan for a spec that cannot be carried out: the condition says why, and nothing else is touched.
pub fn invalid(observed: &Observed, faults: &Faults, now: DateTime<Utc>) -> Plan {
    let message = format!("The Rollout \"{}\" is invalid: {faults}", observed.rollout.metadata.name);
    let mut next = observed.rollout.status.clone();
    let is_same =
        conditions::find(&next, conditions::INVALID_SPEC).is_some_and(|condition| condition.message == message);
    if !is_same {
        next.conditions.retain(|condition| condition.condition_type != conditions::INVALID_SPEC);
        conditions::set(&mut next, conditions::INVALID_SPEC, "True", conditions::INVALID_SPEC, &message, now);
    }
    held::show(&mut next, None, now);
    next.phase = Some("Degraded".into());
    next.message = Some(format!("InvalidSpec: {message}"));
    next.observed_generation = Some(observed.rollout.metadata.generation.to_string());
    let reason = RolloutReason::InvalidSpec { message };
    let write = status_write(observed, &next, reason.clone()).map(|write| {
        let told = Event::warning(conditions::INVALID_SPEC, next.message.clone().unwrap_or_default());
        if is_same { write } else { write.with_event(told) }
    });
    let mut plan = Plan::empty().reporting(write);
    plan.why = [reason].into_iter().chain(faults.missing().cloned()).map(Reason::from).collect();
    plan
}

/// The write that says that the ReplicaSet of the current template cannot be created, `None` where that was said; and why
/// the Rollout is held.
pub fn not_created(observed: &Observed, name: &str, words: &str, now: DateTime<Utc>) -> (Option<Write>, RolloutReason) {
    const REASON: &str = "ReplicaSetCreateError";
    let mut next = observed.rollout.status.clone();
    let message = format!("Failed to create new replica set \"{name}\": {words}");
    conditions::say(&mut next, "Progressing", "False", REASON, &message, now);
    progressing(observed, &mut next, &message);
    (status_write(observed, &next, RolloutReason::Reported), RolloutReason::WriteRefused { reason: REASON, message })
}

/// The write that says that the current template cannot get its ReplicaSet and number because of a refused write.
pub fn refused(observed: &Observed, refused: &Refusal, now: DateTime<Utc>) -> Option<Write> {
    let mut next = observed.rollout.status.clone();
    refusal::show(&mut next, Some(refused), now);
    let message = refusal::shown(&next).unwrap_or_default().to_owned();
    progressing(observed, &mut next, &message);
    status_write(observed, &next, RolloutReason::Reported)
}

/// A phase for people, where nothing of the template is there yet to be counted.
fn progressing(observed: &Observed, next: &mut RolloutStatus, message: &str) {
    next.phase = Some("Progressing".into());
    next.message = Some(message.to_owned());
    next.observed_generation = Some(observed.rollout.metadata.generation.to_string());
}

/// The status as it should read while nothing is decided anew; `None` where it does so already.
pub fn write(look: &Look<'_>, refused: Option<&Refusal>, hold: Option<&RolloutReason>) -> Option<Write> {
    let mut next = look.status().clone();
    refusal::show(&mut next, refused, look.now);
    held::show(&mut next, hold, look.now);
    let events = refresh(look, &mut next, None);
    status_write(look.observed, &next, RolloutReason::Reported).map(|write| write.with_events(events))
}
