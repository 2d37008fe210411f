//! Is the update over? What the memory of a blue-green update should say next: promoted, let go, resumed or paused.
//!
//! The switch itself is no change of the memory: the Service's selector is the record of it, and is read back from there.

use super::{PAUSE, Sides, has_its_pods, is_passed, is_pause_over, is_saturated, is_switch_back, is_switched};
use crate::rollout::{
    advance::{Change, has_pause, paused, promoted, reason_to_rush, resume_event, resumed},
    look::Look,
    phase::Phase,
    runs::{self, Slot},
};
use crds::{analysis::AnalysisPhase, rollout::RolloutStatus};
use plan::reason::RolloutReason;

/// The next change of the memory while an update is under way.
pub fn next(look: &Look<'_>, sides: &Sides<'_>) -> Option<Change> {
    finished(look, sides).or_else(|| {
        if look.observed.rollout.spec.paused {
            None
        } else if is_undecided(look) {
            resumed(look)
        } else if is_switched(look, sides) {
            gone_over(look)
        } else {
            let_go(look, sides).or_else(|| held(look, sides))
        }
    })
}

/// The new revision is the stable one as soon as it carries the traffic and nothing judges it any more.
fn finished(look: &Look<'_>, sides: &Sides<'_>) -> Option<Change> {
    let mut change = promoted(look, reason_to_promote(look, sides)?.into());
    if is_paused(look.status()) {
        change.events.insert(0, resume_event());
    }
    Some(change)
}

fn reason_to_promote(look: &Look<'_>, sides: &Sides<'_>) -> Option<&'static str> {
    if sides.active.is_none() {
        // What was never served whole is no predecessor. One that has all its pods is selected before anything else.
        let is_served = look.fleet.stable.is_some_and(|stable| is_saturated(look, stable));
        return (!is_served).then_some("Initial deploy");
    }
    if !is_switched(look, sides) {
        return None;
    }
    match look.phase {
        Phase::Rushing => Some(reason_to_rush(look.status())),
        _ if is_switch_back(look) => Some("Fast rollback"),
        _ => is_passed(look, Slot::PostPromotion).then_some("Completed blue-green update"),
    }
}

fn is_paused(status: &RolloutStatus) -> bool {
    status.controller_pause || has_pause(status, PAUSE)
}

/// A person goes on after an analysis that could not decide.
fn is_undecided(look: &Look<'_>) -> bool {
    let is_inconclusive =
        |slot| runs::current(look, slot).is_some_and(|run| run.status.phase == AnalysisPhase::Inconclusive);
    runs::is_resumed(look.status()) && runs::wanted(look).into_iter().any(|(slot, _)| is_inconclusive(slot))
}

/// The pause before the switch is over once the switch is done.
fn gone_over(look: &Look<'_>) -> Option<Change> {
    let status = look.status();
    (has_pause(status, PAUSE) || runs::is_resumed(status)).then(|| unpaused(status.clone()))
}

fn unpaused(mut next: RolloutStatus) -> Change {
    let was_paused = is_paused(&next);
    next.pause_conditions.retain(|condition| condition.reason != PAUSE);
    next.controller_pause = !next.pause_conditions.is_empty();
    let change = Change::new(next, RolloutReason::Reported);
    if was_paused { change.telling(resume_event()) } else { change }
}

/// The smaller preview was looked at for long enough: from now on the new revision gets all of its pods.
fn let_go(look: &Look<'_>, sides: &Sides<'_>) -> Option<Change> {
    let status = look.status();
    let is_small = super::wanted_pods(look, sides) != look.spec.limits.replicas;
    let is_over = is_pause_over(sides.spec.promotion, status, look.now);
    if !is_small || !is_over || !has_its_pods(look, sides) || !is_passed(look, Slot::PrePromotion) {
        return None;
    }
    let mut change = unpaused(status.clone());
    change.status.blue_green.scale_up_preview_check_point = true;
    Some(change)
}

/// The pause before the switch begins: the new revision has its pods, and nothing speaks against it.
fn held(look: &Look<'_>, sides: &Sides<'_>) -> Option<Change> {
    let status = look.status();
    let is_open = is_pause_over(sides.spec.promotion, status, look.now) || is_switch_back(look);
    let is_ready = has_its_pods(look, sides) && is_passed(look, Slot::PrePromotion);
    let begins = look.phase == Phase::Finishing && is_ready && !is_open && status.pause_conditions.is_empty();
    begins.then(|| paused(look, status.clone(), PAUSE))
}
