//! What is waited for, in words for people, and when a wait is over. It decides nothing: each gate says elsewhere whether it
//! is open.

use super::{
    advance::{PAUSE_STEP, pause_end},
    blue_green, experiments,
    look::Look,
    phase::Phase,
    runs::{self, Slot},
};
use plan::{Requeue, reason::RolloutReason};

/// What holds the current step, for people, and when to look again.
pub fn on(look: &Look<'_>) -> (Vec<RolloutReason>, Requeue) {
    let status = look.status();
    let mut reasons = Vec::new();
    let mut requeue = Requeue::Never;
    if look.observed.rollout.spec.paused {
        reasons.push(RolloutReason::PausedByUser);
    }
    for condition in &status.pause_conditions {
        let end = match condition.reason.as_str() {
            PAUSE_STEP => pause_end(look),
            blue_green::PAUSE => look.sides.and_then(|sides| blue_green::pause_end(sides.spec.promotion, status)),
            _ => None,
        };
        reasons.push(match end {
            Some(until) => RolloutReason::PausedUntil { until },
            None => RolloutReason::Paused { reason: condition.reason.clone() },
        });
        requeue = requeue.earliest(end.filter(|end| *end > look.now).map_or(Requeue::Never, Requeue::At));
    }
    if look.phase == Phase::Aborted {
        reasons.push(RolloutReason::StaysAborted);
    }
    let wanted = runs::wanted(look).into_iter().map(|(slot, _)| slot).filter(|slot| *slot != Slot::Background);
    for run in wanted.filter_map(|slot| runs::current(look, slot)).filter(|run| !run.status.phase.is_completed()) {
        reasons
            .push(RolloutReason::RunUnfinished { run: run.metadata.name.clone(), phase: run.status.phase.to_string() });
    }
    reasons.extend(experiments::unfinished(look));
    if let Some(until) = experiments::unheard_until(look) {
        reasons.push(RolloutReason::ShareComes { until });
        requeue = requeue.earliest(Requeue::At(until));
    }
    reasons.extend(missing_pods(look));
    (reasons, requeue)
}

/// Pods that are asked for and not there yet, and, where pods are the traffic, older ones that are there still.
fn missing_pods(look: &Look<'_>) -> Vec<RolloutReason> {
    let current = look.fleet.canary.into_iter().chain(look.fleet.stable_beside_canary());
    let mut reasons: Vec<RolloutReason> = current
        .filter(|revision| revision.size().available < revision.size().asked)
        .map(|revision| RolloutReason::PodsNotReady {
            replica_set: revision.name().into(),
            want: revision.size().asked,
            have: revision.size().available,
        })
        .collect();
    let count = look.fleet.retired.iter().map(|revision| revision.pods()).sum();
    if count > 0 && look.spec.is_basic() {
        reasons.push(RolloutReason::OldPodsRemain { count });
    }
    reasons
}
