//! What should be now: the canary's share of the traffic, and the pods of both revisions. The one place that answers this;
//! it is asked once in a look, and the rules for routes, ReplicaSets and steps all go by the answer.
//!
//! It holds nothing back: how far the world may go towards it now is decided where it is written. One thing it does look at: where
//! the stable revision gave pods up, a share can come back only as far as there are pods for it again.

use super::{
    fleet::Fleet,
    observed::Observed,
    phase::Phase,
    replicas::{self, Limits, Split},
    spec::{Spec, pods::CanaryScale},
    traffic::{self, Backing, Traffic},
};

/// What a canary's update heads for at this moment. Blue-green has questions of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goal {
    /// The share that the routes should give the canary.
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
    pub fn of(
        observed: &Observed,
        spec: &Spec<'_>,
        fleet: &Fleet<'_>,
        phase: Phase,
        traffic: Option<&Traffic<'_>>,
    ) -> Self {
        let Split { canary, stable } = pods(spec, fleet, phase);
        let mut goal = Self { weight: 0, canary_pods: canary, stable_pods: stable, has_its_pods: false };
        goal.has_its_pods = if spec.is_routed() { goal.is_met(spec, fleet) } else { goal.is_met_exactly(spec, fleet) };
        let Some(traffic) = traffic else { return goal };
        // To a canary that is to have no pods nothing is sent.
        let end = if canary > 0 { weight(spec, fleet, phase, traffic, goal.has_its_pods) } else { 0 };
        goal.weight = end;
        if spec.pods.stable_follows {
            let left_beside = |share: i32| spec.pods.for_share(spec.limits.whole - share, spec.limits);
            goal.stable_pods = left_beside(share_of_pods(spec, phase)).max(left_beside(end));
            goal.weight = end.max(traffic.lowest_canary().min(kept_share(observed, spec, fleet, traffic)));
        }
        goal
    }

    /// Where a router moves the traffic, more pods than needed harm nobody.
    fn is_met(self, spec: &Spec<'_>, fleet: &Fleet<'_>) -> bool {
        let Some(canary) = fleet.canary.map(|canary| canary.size()) else { return false };
        // One that follows the share may have too many for a while, and never too few: its pods come before its share does.
        let stable = fleet.stable_beside_canary().filter(|_| !spec.pods.stable_follows);
        let stable_is_full =
            stable.is_none_or(|stable| stable.size().asked == self.stable_pods && stable.pods() >= self.stable_pods);
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
    if spec.is_routed() {
        let canary = match scale_in_force(spec, phase) {
            // Who asks for no pods at all asks for none here either.
            Some(CanaryScale::Replicas(pods)) if replicas > 0 => pods,
            _ => spec.pods.for_share(share_of_pods(spec, phase), spec.limits),
        };
        return Split { canary, stable: replicas };
    }
    match fleet.stable_beside_canary() {
        None => Split { canary: replicas, stable: 0 },
        Some(_) => replicas::approximate(spec.limits, phase.share_of_pods(spec)),
    }
}

/// The share for which the canary is to have pods.
fn share_of_pods(spec: &Spec<'_>, phase: Phase) -> i32 {
    match scale_in_force(spec, phase) {
        Some(CanaryScale::Weight(weight)) => weight,
        Some(CanaryScale::Replicas(_) | CanaryScale::MatchTraffic) | None => phase.share_of_pods(spec),
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
        Phase::Finishing | Phase::Rushing if has_its_pods => spec.limits.whole,
        Phase::Finishing => spec.weight_before(spec.steps.len()),
        // A client asked to go to the end: the share rises once, when all pods are there.
        Phase::Rushing => traffic.highest_canary(),
    }
}

/// The share that stays with the pods that have it until the stable revision has grown again.
fn kept_share(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>, traffic: &Traffic<'_>) -> i32 {
    let Some(stable) = fleet.stable else { return 0 };
    let count =
        |backing: &Backing, hash: &str| i32::try_from(traffic::ready(observed, backing, hash)).unwrap_or(i32::MAX);
    let of_route = |(canary, back): (&Backing, &Backing)| {
        // An end that leads to the stable revision itself has nothing to keep.
        let hash = canary.hash.as_deref().filter(|hash| *hash != stable.hash())?;
        Some(fair_share(spec.limits, count(canary, hash), count(back, stable.hash())))
    };
    traffic.backings().filter_map(of_route).max().unwrap_or(0)
}

/// The share of the canary's pods where the stable revision has so many of all replicas: as many canary pods as the stable revision
/// lacks carry as much as its own do.
fn fair_share(limits: Limits, canary: i32, stable: i32) -> i32 {
    let needed = canary.min(limits.replicas.saturating_sub(stable)).max(0);
    let carrying = i64::from(needed) + i64::from(stable);
    let share = (i64::from(needed) * i64::from(limits.whole) + carrying - 1).checked_div(carrying).unwrap_or(0);
    i32::try_from(share).unwrap_or(limits.whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_goes_back_as_far_as_there_are_pods_for_it() {
        // All replicas, ready pods of the canary and of the stable revision, the share that the canary keeps.
        for (replicas, canary, stable, share) in [
            (4, 3, 1, 75),
            (4, 3, 2, 50),
            (4, 3, 3, 25),
            (4, 3, 4, 0),
            // Nobody is left behind the canary: the stable pods take it all, few as they are.
            (4, 0, 1, 0),
            (4, 0, 0, 0),
            // Nobody is left behind the stable end: the canary keeps it all, few as it is.
            (4, 1, 0, 100),
            // Both have too few: each pod carries as much as any other.
            (10, 2, 2, 50),
            (10, 1, 3, 25),
            // What is left over goes to the canary, so that the stable pods never have more than their part.
            (3, 2, 2, 34),
            (7, 7, 3, 58),
            // More than all replicas.
            (4, 9, 5, 0),
            (0, 2, 1, 0),
        ] {
            let limits = |whole| Limits { replicas, surge: 0, unavailable: 0, whole };
            assert_eq!(fair_share(limits(100), canary, stable), share, "{canary} + {stable} of {replicas}");
        }
    }
}
