//! Blue-green: the new revision stands beside the old one, and one Service's selector moves all of the traffic at once.
//!
//! Here are the questions that its rules share: which revision the two Services select, how many pods the new one gets, and
//! whether the active Service may go over. What is written follows in `services`, `sizes` and `advance`.

pub mod advance;
pub mod services;
pub mod sizes;
pub mod spec;

use super::{
    advance::pause_begun,
    fleet::Revision,
    look::Look,
    observed::Observed,
    phase::Phase,
    runs::{self, Slot},
};
use chrono::{DateTime, Utc};
use crds::{
    analysis::AnalysisPhase,
    keys,
    rollout::{RolloutAnalysis, RolloutStatus},
};
use spec::{BlueGreen, Promotion};

/// Reason of the pause before the switch.
pub const PAUSE: &str = "BlueGreenPause";

/// What the Services of a blue-green Rollout select now.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// What the spec asks for.
    pub spec: &'a BlueGreen<'a>,
    /// Hash of the revision that the active Service leads to; `None` while it leads to all of them.
    pub active: Option<&'a str>,
    /// Hash of the revision that the preview Service leads to.
    pub preview: Option<&'a str>,
}

impl<'a> Sides<'a> {
    /// Reads the selectors off the Services.
    pub fn of(observed: &'a Observed, spec: &'a BlueGreen<'a>) -> Self {
        let selected = |name: &str| {
            let hash = observed.services.get(name)?.spec.selector.get(keys::POD_TEMPLATE_HASH)?;
            Some(hash.as_str()).filter(|hash| !hash.is_empty())
        };
        Self { spec, active: selected(spec.active_service), preview: spec.preview_service.and_then(selected) }
    }

    /// The users' traffic, in percent, that may reach the revision with this hash.
    pub fn share_of(&self, hash: &str) -> i32 {
        if self.active.is_none_or(|active| active == hash) { super::replicas::WHOLE } else { 0 }
    }
}

/// What decides how many pods the new revision gets.
#[derive(Clone, Copy, Debug, Default)]
struct Need {
    replicas: i32,
    /// The size of a preview, where the spec gives one.
    preview: Option<i32>,
    /// The active Service leads to another revision.
    is_beside: bool,
    /// Nobody looks at a preview: somebody asked to go to the end, or it is switched back to.
    is_hurried: bool,
    /// The preview has passed.
    has_passed: bool,
}

impl Need {
    fn pods(self) -> i32 {
        match self.preview {
            Some(preview) if self.is_beside && !self.is_hurried && !self.has_passed => preview,
            _ => self.replicas,
        }
    }
}

/// The pods that the new revision should have while nothing is taken back.
pub fn wanted_pods(look: &Look<'_>, sides: &Sides<'_>) -> i32 {
    let need = Need {
        replicas: look.spec.limits.replicas,
        preview: sides.spec.preview_replicas,
        is_beside: look.phase.is_updating() && sides.active.is_some() && !is_switched(look, sides),
        is_hurried: look.phase == Phase::Rushing || is_switch_back(look),
        has_passed: look.status().blue_green.scale_up_preview_check_point,
    };
    need.pods()
}

/// The active Service leads to the new revision.
pub fn is_switched(look: &Look<'_>, sides: &Sides<'_>) -> bool {
    sides.active == Some(look.fleet.hash.as_str())
}

/// The new revision is an older one whose pods were still kept: it is switched back to at once, without pause or analysis.
pub fn is_switch_back(look: &Look<'_>) -> bool {
    let has_deadline = look.fleet.canary.and_then(Revision::deadline).is_some_and(|deadline| deadline > look.now);
    look.phase == Phase::Finishing && has_deadline && look.fleet.is_return()
}

/// Every pod that the spec asks for is there and counted, and none besides.
pub fn is_saturated(look: &Look<'_>, revision: Revision<'_>) -> bool {
    let replicas = look.spec.limits.replicas;
    let (meta, status) = (&revision.set.metadata, &revision.set.status);
    let size = revision.size();
    // One that has no pods and needs none is not written to, so it may tell of another size still.
    let is_told = replicas == 0 || revision.desired_annotation() == Some(replicas.to_string().as_str());
    [size.asked, size.available, revision.pods()] == [replicas; 3]
        && is_told
        && status.observed_generation >= meta.generation
}

/// The new revision has the pods that it should have before the switch. More of them, which it keeps for a while, do no harm.
pub fn has_its_pods(look: &Look<'_>, sides: &Sides<'_>) -> bool {
    let wanted = wanted_pods(look, sides);
    look.fleet.canary.is_some_and(|new| new.size().asked >= wanted && new.size().available >= wanted)
}

/// When the pause before the switch is over; `None` where it waits for a person or has not begun.
pub fn pause_end(promotion: Promotion, status: &RolloutStatus) -> Option<DateTime<Utc>> {
    let Promotion::After(time) = promotion else { return None };
    Some(pause_begun(status, PAUSE)? + time)
}

/// Nothing holds the switch any more but pods and analyses.
fn is_pause_over(promotion: Promotion, status: &RolloutStatus, now: DateTime<Utc>) -> bool {
    promotion == Promotion::AtOnce
        || status.blue_green.scale_up_preview_check_point
        || runs::is_resumed(status)
        || pause_end(promotion, status).is_some_and(|end| end <= now)
}

/// The active Service may go over to the new revision once that has all its pods.
pub fn is_cleared(look: &Look<'_>, sides: &Sides<'_>) -> bool {
    match look.phase {
        Phase::First | Phase::Promoted | Phase::Rushing => true,
        Phase::Aborted => false,
        Phase::Finishing | Phase::Stepping(_) => {
            is_switch_back(look) || (is_passed(look, Slot::PrePromotion) && is_let_go(look, sides))
        }
    }
}

/// The pause is over, and nobody looks at a smaller preview.
fn is_let_go(look: &Look<'_>, sides: &Sides<'_>) -> bool {
    let has_all = wanted_pods(look, sides) == look.spec.limits.replicas;
    has_all && is_pause_over(sides.spec.promotion, look.status(), look.now)
}

/// The analysis of this slot is not asked for, or succeeded.
pub fn is_passed(look: &Look<'_>, slot: Slot) -> bool {
    let Some(sides) = &look.sides else { return true };
    let analysis = if slot == Slot::PrePromotion { sides.spec.before } else { sides.spec.after };
    analysis.is_none()
        || slot.recorded(look.status()).is_some_and(|recorded| {
            let run = runs::ours(look.observed, &recorded.name);
            run.map_or(recorded.status, |run| run.status.phase) == AnalysisPhase::Successful
        })
}

/// The analyses that the update calls for now. One that has begun goes on whatever happens to pods.
pub fn wanted_runs<'a>(look: &Look<'a>, sides: &Sides<'a>) -> Vec<(Slot, &'a RolloutAnalysis)> {
    if look.phase != Phase::Finishing || is_switch_back(look) {
        return Vec::new();
    }
    let slot = if is_switched(look, sides) { Slot::PostPromotion } else { Slot::PrePromotion };
    let analysis = if slot == Slot::PostPromotion { sides.spec.after } else { sides.spec.before };
    let recorded = slot.recorded(look.status());
    let is_done = recorded.is_some_and(|recorded| recorded.status == AnalysisPhase::Successful);
    let may_begin = match slot {
        Slot::PostPromotion => look.fleet.canary.is_some_and(|new| is_saturated(look, new)),
        _ => sides.active.is_some() && has_its_pods(look, sides),
    };
    let is_due = !is_done && (recorded.is_some() || may_begin);
    analysis.filter(|_| is_due).map(|analysis| (slot, analysis)).into_iter().collect()
}

/// Both Services lead to the current revision.
pub fn are_settled(look: &Look<'_>, sides: &Sides<'_>) -> bool {
    let hash = Some(look.fleet.hash.as_str());
    sides.active == hash && (sides.spec.preview_service.is_none() || sides.preview == hash)
}

/// What the update waits for once it has its pods; empty where it waits for nothing.
pub fn pending(look: &Look<'_>, sides: &Sides<'_>, status: &RolloutStatus) -> &'static str {
    if !is_switched(look, sides) {
        return "active service cutover pending";
    }
    if status.stable_rs == status.current_pod_hash {
        return "";
    }
    let run = status.blue_green.post_promotion_analysis_run_status.as_ref();
    match sides.spec.after {
        Some(_) if !run.is_some_and(|run| run.status.is_completed()) => "waiting for analysis to complete",
        _ => "waiting for post-promotion verification to complete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use crds::{Time, rollout::PauseCondition};

    #[test]
    fn a_preview_has_its_own_size_until_it_is_promoted() {
        let beside = Need { replicas: 5, preview: Some(1), is_beside: true, ..Need::default() };
        for (need, pods) in [
            (Need { replicas: 5, ..Need::default() }, 5),
            (Need { preview: None, ..beside }, 5),
            (beside, 1),
            (Need { preview: Some(0), ..beside }, 0),
            // A preview may be larger than what follows.
            (Need { preview: Some(7), ..beside }, 7),
            // The first revision has no predecessor, and one that is switched to is no preview.
            (Need { is_beside: false, ..beside }, 5),
            (Need { is_hurried: true, ..beside }, 5),
            (Need { has_passed: true, ..beside }, 5),
            (Need { replicas: 0, ..beside }, 1),
            (Need { replicas: 0, has_passed: true, ..beside }, 0),
        ] {
            assert_eq!(need.pods(), pods, "{need:?}");
        }
    }

    #[test]
    fn the_pause_ends_by_time_by_a_person_or_never_begins() {
        let begun = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        let after = Promotion::After(TimeDelta::seconds(30));
        let paused = |reason: &str| vec![PauseCondition { reason: reason.into(), start_time: Some(Time::from(begun)) }];
        for (promotion, conditions, is_controllers, check_point, secs, is_over) in [
            (Promotion::AtOnce, Vec::new(), false, false, 0, true),
            (Promotion::ByHand, Vec::new(), false, false, 0, false),
            (after, Vec::new(), false, false, 99, false),
            (after, paused(PAUSE), true, false, 29, false),
            (after, paused(PAUSE), true, false, 30, true),
            (after, paused("InconclusiveAnalysisRun"), true, false, 99, false),
            (Promotion::ByHand, paused(PAUSE), true, false, 9_999, false),
            // A person cleared the pause that the controller had set.
            (Promotion::ByHand, Vec::new(), true, false, 0, true),
            (after, Vec::new(), true, false, 0, true),
            // The smaller preview was let go before.
            (Promotion::ByHand, Vec::new(), false, true, 0, true),
        ] {
            let mut status = RolloutStatus { pause_conditions: conditions, ..RolloutStatus::default() };
            status.controller_pause = is_controllers;
            status.blue_green.scale_up_preview_check_point = check_point;
            let now = begun + TimeDelta::seconds(secs);
            assert_eq!(is_pause_over(promotion, &status, now), is_over, "{promotion:?} {status:?} {secs}");
        }
    }
}
