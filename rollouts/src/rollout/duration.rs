//! How long the update takes: `status.duration`, and what is counted when one has ended. It is report, no decision reads it; what
//! was recorded before is carried on.
//!
//! People hold an update where it waits for nobody but them. That time is counted apart, so that what remains is the machine's.

use super::{
    advance::PAUSE_STEP,
    blue_green::{self, spec::Promotion},
    look::Look,
    spec::{Step, Strategy},
};
use chrono::{DateTime, Utc};
use crds::{
    Time, keys,
    rollout::{RolloutDuration, RolloutStatus},
};
use plan::{Plan, Subresource, Verb};

const PROMOTED: &str = "Promoted";
const FAST_PROMOTED: &str = "FastPromoted";
const ROLLED_BACK: &str = "RolledBack";
const FAST_ROLLED_BACK: &str = "FastRolledBack";
const ABORTED: &str = "Aborted";
/// Another template came before the update was through. No status shows it: the next update has its place.
const SUPERSEDED: &str = "Superseded";

/// An update that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How: Promoted, FastPromoted, Aborted, Superseded, RolledBack or FastRolledBack.
    pub how: String,
    /// Seconds from its start to its end.
    pub secs: i64,
    /// Seconds of them in which a person held it.
    pub held_secs: i64,
}

/// Brings the duration in `status` up to date, which becomes the next record and is otherwise complete.
pub fn refresh(look: &Look<'_>, status: &mut RolloutStatus) {
    let before = look.status();
    let now = Time::from(look.now);
    if has_begun(before, status) {
        let completion_status = return_of(look, status).map(str::to_owned);
        status.duration =
            Some(RolloutDuration { rollout_started_at: Some(now), completion_status, ..RolloutDuration::default() });
    }
    let is_held = is_held(look, status);
    let is_promoted = is_promoted(status);
    let is_aborted = status.abort && status.aborted_at.is_some() && !is_promoted;
    let is_healthy = status.phase.as_deref() == Some("Healthy");
    let Some(duration) = status.duration.as_mut().filter(|duration| duration.finished_at.is_none()) else { return };
    match duration.manual_pause_started_at {
        None if is_held => duration.manual_pause_started_at = Some(now),
        Some(since) if !is_held => {
            let held = duration.total_manual_pause_duration_seconds.unwrap_or(0) + (look.now - since.0).num_seconds();
            duration.total_manual_pause_duration_seconds = Some(held).filter(|held| *held > 0);
            duration.manual_pause_started_at = None;
        }
        _ => {}
    }
    if is_aborted {
        duration.completion_status = Some(ABORTED.into());
        duration.finished_at = Some(now);
    } else if is_promoted {
        if !self::is_promoted(before) || duration.completion_status.is_none() {
            let how = promotion_of(duration.completion_status.as_deref(), before.promote_full);
            duration.completion_status = Some(how.into());
        }
        duration.finished_at = is_healthy.then_some(now);
    }
}

/// Another template, or another try of the same one.
fn has_begun(before: &RolloutStatus, next: &RolloutStatus) -> bool {
    let is_another = before.current_pod_hash != next.current_pod_hash;
    is_another || (before.aborted_at.is_some() && next.aborted_at.is_none() && !is_promoted(next))
}

fn is_promoted(status: &RolloutStatus) -> bool {
    status.stable_rs.as_deref().is_some_and(|hash| !hash.is_empty()) && status.stable_rs == status.current_pod_hash
}

/// How an update that leads back to an older revision will have ended.
fn return_of(look: &Look<'_>, status: &RolloutStatus) -> Option<&'static str> {
    status.stable_rs.as_deref().filter(|hash| !hash.is_empty())?;
    let is_fast = is_promoted(status)
        || look.fleet.is_return_within(look.spec.rollback_window)
        || (look.sides.is_some() && blue_green::is_switch_back(look));
    let is_used_again =
        look.fleet.canary.is_some_and(|canary| canary.set.metadata.annotation(keys::REVISION_HISTORY).is_some());
    match (is_fast, is_used_again) {
        (true, _) => Some(FAST_ROLLED_BACK),
        (false, true) => Some(ROLLED_BACK),
        (false, false) => None,
    }
}

fn promotion_of(recorded: Option<&str>, is_full: bool) -> &'static str {
    match (recorded, is_full) {
        (Some(FAST_ROLLED_BACK), _) | (Some(ROLLED_BACK), true) => FAST_ROLLED_BACK,
        (Some(ROLLED_BACK), false) => ROLLED_BACK,
        (_, true) => FAST_PROMOTED,
        (_, false) => PROMOTED,
    }
}

/// It waits for a person and for nothing else: no clock will let it go on.
fn is_held(look: &Look<'_>, status: &RolloutStatus) -> bool {
    if is_promoted(status) || status.abort {
        return false;
    }
    let has_clock = |reason: &str| match &look.spec.strategy {
        Strategy::Canary(_) if reason == PAUSE_STEP => {
            let index = usize::try_from(status.current_step_index.unwrap_or(0)).unwrap_or(0);
            matches!(look.spec.steps.get(index), Some(Step::Pause(Some(_))))
        }
        Strategy::BlueGreen(sides) if reason == blue_green::PAUSE => matches!(sides.promotion, Promotion::After(_)),
        Strategy::Canary(_) | Strategy::BlueGreen(_) => false,
    };
    look.observed.rollout.spec.paused || status.pause_conditions.iter().any(|pause| !has_clock(&pause.reason))
}

/// The update that ends with a plan's record, if one does.
pub fn ended(before: &RolloutStatus, plan: &Plan) -> Option<Ended> {
    let is_status = |verb: &Verb| matches!(verb, Verb::Patch { subresource: Some(Subresource::Status), .. });
    let write = plan.writes().iter().find(|write| is_status(&write.verb))?;
    let Verb::Patch { body, .. } = &write.verb else { return None };
    let patch = body.pointer("/status/duration")?;
    let known = serde_json::to_value(&before.duration).unwrap_or_default();
    let after: RolloutDuration = serde_json::from_value(plan::patched(&known, patch)).ok()?;
    end_between(before.duration.as_ref(), &after)
}

fn end_between(before: Option<&RolloutDuration>, after: &RolloutDuration) -> Option<Ended> {
    let before = before.filter(|before| before.finished_at.is_none());
    let is_same = |before: &&RolloutDuration| before.rollout_started_at == after.rollout_started_at;
    match before.filter(|before| !is_same(before)) {
        Some(left) => counted(left, after.rollout_started_at?.0, SUPERSEDED),
        None => counted(after, after.finished_at?.0, after.completion_status.as_deref().unwrap_or(PROMOTED)),
    }
}

fn counted(duration: &RolloutDuration, end: DateTime<Utc>, how: &str) -> Option<Ended> {
    let since = |start: Time| (end - start.0).num_seconds().max(0);
    let held = duration.total_manual_pause_duration_seconds.unwrap_or(0);
    let held_secs = held + duration.manual_pause_started_at.map_or(0, since);
    Some(Ended { how: how.to_owned(), secs: since(duration.rollout_started_at?), held_secs })
}

#[cfg(test)]
mod tests;
