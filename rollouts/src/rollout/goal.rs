//! What should be now: the canary's share of the traffic, and the pods of both revisions. The one place that answers this;
//! it is asked once in a look, and the rules for routes, ReplicaSets and steps all go by the answer.
//!
//! It looks at no route's endpoints and holds nothing back: how far the world may go towards it now is decided there.

use super::{
    fleet::Fleet,
    phase::Phase,
    replicas::{self, Split, WHOLE},
    spec::{Spec, pods::CanaryScale},
    traffic::Traffic,
};

/// What a canary's update heads for at this moment. Blue-green has questions of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goal {
    /// The share, in percent, that the routes should give the canary.
    pub weight: i32,
    /// Pods of the canary.
    pub canary_pods: i32,
    /// Pods of the stable revision beside it.
    pub stable_pods: i32,
    /// The canary has the pods that its share needs, and the stable revision its own.
    pub has_its_pods: bool,
}

impl Goal {
    /// Derives the goal from where the update stands.
    pub fn of(spec: &Spec<'_>, fleet: &Fleet<'_>, phase: Phase, traffic: Option<&Traffic<'_>>) -> Self {
        let Split { canary, stable } = pods(spec, fleet, phase);
        let mut goal = Self { weight: 0, canary_pods: canary, stable_pods: stable, has_its_pods: false };
        goal.has_its_pods = if spec.is_routed() { goal.is_met(spec, fleet) } else { goal.is_met_exactly(spec, fleet) };
        // To a canary that is to have no pods nothing is sent.
        let traffic = traffic.filter(|_| goal.canary_pods > 0);
        goal.weight = traffic.map_or(0, |traffic| weight(spec, fleet, phase, traffic, goal.has_its_pods));
        goal
    }

    /// Where a router moves the traffic, more pods than needed harm nobody.
    fn is_met(self, spec: &Spec<'_>, fleet: &Fleet<'_>) -> bool {
        let Some(canary) = fleet.canary.map(|canary| canary.size()) else { return false };
        let stable_is_full = fleet
            .stable_beside_canary()
            .is_none_or(|stable| stable.size().asked == spec.limits.replicas && stable.pods() >= spec.limits.replicas);
        canary.asked >= self.canary_pods && canary.available >= spec.pods.enough.of(self.canary_pods) && stable_is_full
    }

    /// Where pods are the traffic, one too many is a share too many.
    fn is_met_exactly(self, spec: &Spec<'_>, fleet: &Fleet<'_>) -> bool {
        let Some(canary) = fleet.canary else { return false };
        let stable_is_there = fleet
            .stable_beside_canary()
            .is_none_or(|stable| stable.size().asked == self.stable_pods && stable.pods() == self.stable_pods);
        // Pods that go count as available for a moment still: the next step must not build on them.
        let canary_is_there = canary.size().asked == self.canary_pods
            && canary.size().available >= spec.pods.enough.of(self.canary_pods)
            && canary.pods() <= self.canary_pods;
        let retired: i32 = fleet.retired.iter().map(|revision| revision.size().available).sum();
        canary_is_there && stable_is_there && retired == 0
    }
}

/// The scale that a step set for the canary's pods. It counts for nothing once the steps are done, or are skipped.
pub fn scale_in_force(spec: &Spec<'_>, phase: Phase) -> Option<CanaryScale> {
    match phase {
        Phase::Stepping(index) => spec.pods.scale_at(index),
        Phase::First | Phase::Promoted | Phase::Aborted | Phase::Rushing | Phase::Finishing => None,
    }
}

/// The sizes that the update heads for.
fn pods(spec: &Spec<'_>, fleet: &Fleet<'_>, phase: Phase) -> Split {
    let replicas = spec.limits.replicas;
    let share = phase.share_of_pods(spec);
    if spec.is_routed() {
        let canary = match scale_in_force(spec, phase) {
            Some(CanaryScale::Replicas(pods)) => pods,
            Some(CanaryScale::Weight(weight)) => spec.pods.for_share(weight, replicas),
            Some(CanaryScale::MatchTraffic) | None => spec.pods.for_share(share, replicas),
        };
        return Split { canary, stable: replicas };
    }
    match fleet.stable_beside_canary() {
        None => Split { canary: replicas, stable: 0 },
        Some(_) => replicas::approximate(spec.limits, share),
    }
}

/// The share that the canary should have now.
fn weight(spec: &Spec<'_>, fleet: &Fleet<'_>, phase: Phase, traffic: &Traffic<'_>, has_its_pods: bool) -> i32 {
    let available = fleet.canary.map_or(0, |canary| canary.size().available);
    // An end that selects another revision can only be switched once nothing is sent to it; and what is sent to one that
    // selects all of them would not be judged by what the canary does.
    let leads_elsewhere = !traffic.canary_selects(&fleet.hash);
    if available == 0 || leads_elsewhere {
        return 0;
    }
    match phase {
        Phase::First | Phase::Promoted | Phase::Aborted => 0,
        Phase::Stepping(index) if has_its_pods => spec.weight_at(index),
        Phase::Stepping(index) => spec.weight_before(index),
        Phase::Finishing | Phase::Rushing if has_its_pods => WHOLE,
        Phase::Finishing => spec.weight_before(spec.steps.len()),
        // A client asked to go to the end: the share rises once, when all pods are there.
        Phase::Rushing => traffic.highest_canary(),
    }
}
