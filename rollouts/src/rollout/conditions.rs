//! The conditions of a Rollout: Available, Healthy, Completed, Progressing, Paused, ReplicaFailure and InvalidSpec, in the
//! words, the order and with the times that existing clients read. Two more are ours: `held` and `refusal` have them.
//!
//! `Progressing.lastUpdateTime` is memory: the progress deadline counts from it. All else here is report.

use super::{blue_green, look::Look, spec::Step};
use chrono::{DateTime, TimeDelta, Utc};
use crds::{
    Time, keys,
    rollout::{Condition, RolloutStatus},
};
use plan::Event;

/// Reason of a Rollout whose update was taken back.
pub const ABORTED: &str = "RolloutAborted";
/// Type and reason of the condition of a spec that cannot be carried out.
pub const INVALID_SPEC: &str = "InvalidSpec";
const PAUSED: &str = "RolloutPaused";
/// Reason of a Rollout that made no progress for too long.
pub const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const DONE: &str = "NewReplicaSetAvailable";

/// The condition of this type.
pub fn find<'a>(status: &'a RolloutStatus, condition_type: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.condition_type == condition_type)
}

/// Sets a condition. One with the same status and reason stays as it is; a changed one goes to the end of the list.
pub fn set(
    status: &mut RolloutStatus,
    condition_type: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: DateTime<Utc>,
) -> bool {
    set_in(&mut status.conditions, condition_type, value, reason, message, now)
}

/// Sets a condition of a list. One with the same status and reason stays as it is; a changed one goes to its end.
pub fn set_in(
    list: &mut Vec<Condition>,
    condition_type: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: DateTime<Utc>,
) -> bool {
    let is_so = |known: &Condition| known.status == value && known.reason == reason;
    let is_known = list.iter().any(|known| known.condition_type == condition_type && is_so(known));
    if !is_known {
        put_in(list, condition_type, value, reason, message, now);
    }
    !is_known
}

/// Sets a condition whose message matters: it is replaced when its words change too.
pub fn say(
    status: &mut RolloutStatus,
    condition_type: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: DateTime<Utc>,
) {
    say_in(&mut status.conditions, condition_type, value, reason, message, now);
}

/// Sets a condition of a list whose message matters; whether it is new.
pub fn say_in(
    list: &mut Vec<Condition>,
    condition_type: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: DateTime<Utc>,
) -> bool {
    let is_so = |known: &Condition| known.status == value && known.reason == reason && known.message == message;
    let is_said = list.iter().any(|known| known.condition_type == condition_type && is_so(known));
    if !is_said {
        put_in(list, condition_type, value, reason, message, now);
    }
    !is_said
}

/// Puts a condition at the end of a list, in place of the one that it had.
pub fn put_in(
    list: &mut Vec<Condition>,
    condition_type: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: DateTime<Utc>,
) {
    let now = Some(Time::from(now));
    let before = list.iter().find(|known| known.condition_type == condition_type && known.status == value);
    let since = before.and_then(|before| before.last_transition_time).or(now);
    list.retain(|known| known.condition_type != condition_type);
    list.push(Condition {
        condition_type: condition_type.into(),
        status: value.into(),
        reason: reason.into(),
        message: message.into(),
        last_update_time: now,
        last_transition_time: since,
    });
}

/// The message of an abort.
pub fn aborted_message(revision: u64, why: Option<&str>) -> String {
    let because = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("Rollout aborted update to revision {revision}{because}")
}

/// Brings all conditions of `status` up to date with what is observed; returns the Events that tell of it.
pub fn refresh(look: &Look<'_>, status: &mut RolloutStatus, abort_message: Option<&str>) -> Vec<Event> {
    let now = look.now;
    status.conditions.retain(|condition| condition.condition_type != INVALID_SPEC);
    let is_available = match &look.sides {
        None => look.fleet.available() >= look.spec.limits.replicas,
        Some(sides) => {
            let active = sides.active.and_then(|hash| look.fleet.by_hash(hash));
            active.is_some_and(|active| active.size().available >= look.spec.limits.replicas)
        }
    };
    let (value, words) = if is_available { ("True", "has") } else { ("False", "does not have") };
    set(status, "Available", value, "AvailableReason", &format!("Rollout {words} minimum availability"), now);
    let is_paused = look.observed.rollout.spec.paused || !status.pause_conditions.is_empty();
    let became_unhealthy = health(look, status, is_paused);
    let events = completion(look, status);
    paused(look, status, is_paused);
    progressing(look, status, became_unhealthy, is_paused, abort_message);
    replica_failure(look, status);
    events
}

/// Promoted, and everything is as the spec asks.
fn is_healthy(look: &Look<'_>, status: &RolloutStatus, is_paused: bool) -> bool {
    let replicas = look.spec.limits.replicas;
    // Under blue-green the pods of older revisions stay for a while and harm nobody.
    let (total, is_switched) = match &look.sides {
        None => (status.replicas, true),
        Some(sides) => (status.updated_replicas, blue_green::are_settled(look, sides)),
    };
    let counts = [status.updated_replicas, status.available_replicas, total];
    let is_observed = look.status().observed_generation.as_deref()
        == Some(look.observed.rollout.metadata.generation.to_string().as_str());
    let steps = i32::try_from(look.spec.steps.len()).ok();
    let is_at_end = look.spec.steps.is_empty() || status.current_step_index == steps;
    counts.iter().all(|count| count.unwrap_or(0) == replicas)
        && is_observed
        && is_at_end
        && is_switched
        && is_promoted(status)
        && !is_paused
}

fn is_promoted(status: &RolloutStatus) -> bool {
    status.stable_rs.as_deref().is_some_and(|hash| !hash.is_empty()) && status.stable_rs == status.current_pod_hash
}

fn health(look: &Look<'_>, status: &mut RolloutStatus, is_paused: bool) -> bool {
    if is_healthy(look, status, is_paused) {
        set(status, "Healthy", "True", "RolloutHealthy", "Rollout is healthy", look.now);
        return false;
    }
    find(status, "Healthy").is_some()
        && set(status, "Healthy", "False", "RolloutHealthy", "Rollout is not healthy", look.now)
}

fn completion(look: &Look<'_>, status: &mut RolloutStatus) -> Vec<Event> {
    let value = if is_promoted(status) { "True" } else { "False" };
    if !set(status, "Completed", value, "RolloutCompleted", "RolloutCompleted", look.now) || value == "True" {
        return Vec::new();
    }
    let revision = look.fleet.canary.map_or(0, |canary| canary.number());
    let hash = &look.fleet.hash;
    vec![Event::normal(
        "RolloutNotCompleted",
        format!("Rollout not completed, started update to revision {revision} ({hash})"),
    )]
}

fn paused(look: &Look<'_>, status: &mut RolloutStatus, is_paused: bool) {
    let was_paused = find(status, "Paused").is_some_and(|condition| condition.status == "True");
    if is_paused != was_paused && !status.abort {
        set(status, "Paused", if is_paused { "True" } else { "False" }, PAUSED, "Rollout is paused", look.now);
    }
}

fn progressing(
    look: &Look<'_>,
    status: &mut RolloutStatus,
    became_unhealthy: bool,
    is_paused: bool,
    abort_message: Option<&str>,
) {
    let (now, name) = (look.now, look.fleet.canary.map_or("", |canary| canary.name()));
    let reason = find(status, "Progressing").map(|condition| condition.reason.clone()).unwrap_or_default();
    if status.abort && !is_promoted(status) {
        match abort_message {
            Some(message) => say(status, "Progressing", "False", ABORTED, message, now),
            None => {
                let revision = look.fleet.canary.map_or(0, |canary| canary.number());
                set(status, "Progressing", "False", ABORTED, &aborted_message(revision, None), now);
            }
        }
        return;
    }
    if is_paused && !is_promoted(status) {
        set(status, "Progressing", "Unknown", PAUSED, "Rollout is paused", now);
        return;
    }
    resumed(status, &reason, now);
    begun(look, status);
    let has_settled = find(status, "Progressing")
        .is_some_and(|condition| condition.reason == DONE && condition.status != "Unknown")
        && status.replicas == status.available_replicas;
    if has_settled {
        return;
    }
    if is_healthy(look, status, is_paused) {
        set(status, "Progressing", "True", DONE, &format!("ReplicaSet \"{name}\" has successfully progressed."), now);
    } else if made_progress(look, status) || became_unhealthy {
        let lost = became_unhealthy && is_promoted(status);
        let reason = if lost { "ReplicaSetNotAvailable" } else { "ReplicaSetUpdated" };
        let message = format!("ReplicaSet \"{name}\" is progressing.");
        put_in(&mut status.conditions, "Progressing", "True", reason, &message, now);
    } else if is_timed_out(look, status) {
        set(
            status,
            "Progressing",
            "False",
            TIMED_OUT,
            &format!("ReplicaSet \"{name}\" has timed out progressing."),
            now,
        );
    }
}

/// What follows a pause or an abort that is over.
fn resumed(status: &mut RolloutStatus, reason: &str, now: DateTime<Utc>) {
    let (reason, message) = match reason {
        PAUSED => ("RolloutResumed", "Rollout is resumed"),
        ABORTED => ("RolloutRetry", "Retrying Rollout after abort"),
        _ => return,
    };
    set(status, "Progressing", "Unknown", reason, message, now);
}

/// Another template has its own time to progress: it inherits neither the success nor the lateness of the one before, also
/// where no pod of it can be created and so no count ever moves.
fn begun(look: &Look<'_>, status: &mut RolloutStatus) {
    let is_first = find(status, "Progressing").is_none();
    let is_another = look.status().current_pod_hash != status.current_pod_hash && !is_promoted(status);
    if !is_first && !is_another {
        return;
    }
    let name = look.fleet.canary.map_or("", |canary| canary.name());
    let is_used_again =
        look.fleet.canary.is_some_and(|canary| canary.set.metadata.annotation(keys::REVISION_HISTORY).is_some());
    let (reason, words) =
        if is_used_again { ("FoundNewReplicaSet", "Found") } else { ("NewReplicaSetCreated", "Created") };
    let message = format!("{words} new replica set \"{name}\"");
    put_in(&mut status.conditions, "Progressing", "True", reason, &message, look.now);
}

/// Pods or steps moved since the last record.
fn made_progress(look: &Look<'_>, status: &RolloutStatus) -> bool {
    let before = look.status();
    let old_pods = |status: &RolloutStatus| status.replicas.unwrap_or(0) - status.updated_replicas.unwrap_or(0);
    status.updated_replicas != before.updated_replicas
        || old_pods(status) < old_pods(before)
        || status.ready_replicas > before.ready_replicas
        || status.available_replicas > before.available_replicas
        || status.stable_rs != before.stable_rs
        || status.current_step_index != before.current_step_index
        || status.current_step_hash != before.current_step_hash
        || status.blue_green.active_selector != before.blue_green.active_selector
        || status.blue_green.preview_selector != before.blue_green.preview_selector
}

/// When the progress deadline passes; `None` where it does not count now.
pub fn deadline(look: &Look<'_>, status: &RolloutStatus) -> Option<DateTime<Utc>> {
    let index = usize::try_from(status.current_step_index.unwrap_or(0)).unwrap_or(0);
    let is_judged = look.sides.is_some_and(|sides| !blue_green::wanted_runs(look, &sides).is_empty());
    let waits_on_purpose = is_judged
        || matches!(look.spec.steps.get(index), Some(Step::Pause(_) | Step::Analysis(_) | Step::Experiment(_)));
    let is_draining = look.fleet.retired.iter().any(|revision| revision.drains(look.now));
    deadline_of(status, look.spec.progress_deadline).filter(|_| !waits_on_purpose && !is_draining)
}

/// The progress deadline as far as status alone shows whether it counts: not after the end or an abort, and not in a pause.
pub fn deadline_of(status: &RolloutStatus, span: TimeDelta) -> Option<DateTime<Utc>> {
    let condition = find(status, "Progressing")?;
    let has_none = [ABORTED, PAUSED, DONE].contains(&condition.reason.as_str());
    let is_paused = find(status, "Paused").is_some_and(|condition| condition.status == "True");
    (!has_none && !is_paused).then_some(condition.last_update_time?.0 + span)
}

/// No progress within the deadline. Once so, it stays so until something moves.
pub fn is_timed_out(look: &Look<'_>, status: &RolloutStatus) -> bool {
    let is_known = find(status, "Progressing").is_some_and(|condition| condition.reason == TIMED_OUT);
    is_known || deadline(look, status).is_some_and(|deadline| deadline < look.now)
}

fn replica_failure(look: &Look<'_>, status: &mut RolloutStatus) {
    let sets = look.fleet.canary.iter().chain(&look.fleet.all);
    let failure = sets
        .flat_map(|revision| &revision.set.status.conditions)
        .find(|condition| condition.condition_type == "ReplicaFailure");
    match failure {
        Some(failure) => {
            let (reason, message) =
                (failure.reason.clone().unwrap_or_default(), failure.message.clone().unwrap_or_default());
            say(status, "ReplicaFailure", &failure.status, &reason, &message, look.now);
        }
        None => status.conditions.retain(|condition| condition.condition_type != "ReplicaFailure"),
    }
}
