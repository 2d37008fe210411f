//! What a canary's spec says about the number of its pods beside weights and surge: a scale of its own, the fewest of a revision,
//! how many are enough to go on, and whether the stable revision gives up what the canary takes over.

use crate::rollout::{
    invalid::{Faults, Invalid},
    replicas::{self, Limits, WHOLE},
};
use crds::rollout::{CanaryStrategy, ReplicaProgressThreshold, SetCanaryScale};
use std::fmt;

/// A step's say about the canary's pods, whatever share it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryScale {
    /// As many as this percentage of the replicas.
    Weight(i32),
    /// So many.
    Replicas(i32),
    /// As many as its share needs, as without such a step.
    MatchTraffic,
}

impl CanaryScale {
    /// Reads it off a step. A number of pods goes before a percentage.
    pub fn of(wire: &SetCanaryScale) -> Self {
        match (wire.match_traffic_weight, wire.replicas, wire.weight) {
            (false, Some(replicas), _) => Self::Replicas(replicas.max(0)),
            (false, None, Some(weight)) => Self::Weight(weight.max(0)),
            _ => Self::MatchTraffic,
        }
    }
}

impl fmt::Display for CanaryScale {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weight(weight) => write!(out, "setCanaryScale{{weight: {weight}}}"),
            Self::Replicas(replicas) => write!(out, "setCanaryScale{{replicas: {replicas}}}"),
            Self::MatchTraffic => out.write_str("setCanaryScale{matchTrafficWeight: true}"),
        }
    }
}

/// How many of the pods that are wanted must be available for the update to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enough {
    /// All of them.
    #[default]
    All,
    /// This percentage of them, rounded up.
    Percent(i32),
    /// So many, or all of them where fewer are wanted.
    Pods(i32),
}

impl Enough {
    fn parse(wire: Option<&ReplicaProgressThreshold>, faults: &mut Faults) -> Self {
        match wire.map(|wire| (wire.threshold_type.as_str(), wire.value)) {
            None => Self::All,
            Some(("Percent" | "Pods", ..0)) => Self::All,
            Some(("Percent", value)) => Self::Percent(value),
            Some(("Pods", value)) => Self::Pods(value),
            Some((other, _)) => {
                faults.note(Invalid::rendered(
                    "spec.strategy.canary.replicaProgressThreshold.type",
                    format!("Unsupported value: {other:?}: supported values: \"Percent\", \"Pods\""),
                ));
                Self::All
            }
        }
    }

    /// How many are enough of so many: one at least, where any are wanted.
    pub fn of(self, wanted: i32) -> i32 {
        let enough = match self {
            Self::All => wanted,
            Self::Percent(percent) => {
                let product = i64::from(wanted) * i64::from(percent);
                i32::try_from((product + 99).div_euclid(i64::from(WHOLE))).unwrap_or(i32::MAX)
            }
            Self::Pods(pods) => pods,
        };
        enough.max(1).min(wanted)
    }
}

/// What decides the number of pods.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    /// The scale that each step sets. A step may do so beside something else.
    scales: Vec<Option<CanaryScale>>,
    /// The fewest pods of a revision that has any.
    least: i32,
    /// How many of them must be available.
    pub enough: Enough,
    /// The stable revision keeps only the pods that its share needs.
    pub stable_follows: bool,
    /// After an abort the canary's pods go as its share does, not all at once after a delay.
    pub canary_follows_back: bool,
    /// How many retired revisions may keep their pods for the drain time; all of them where absent.
    pub revision_limit: Option<usize>,
}

impl Pods {
    /// Parses the fields. Those that need a router count for nothing without one, or are refused.
    pub fn parse(canary: &CanaryStrategy, faults: &mut Faults) -> Self {
        let scales = canary.steps.iter().map(|step| step.set_canary_scale.as_ref().map(CanaryScale::of)).collect();
        let is_routed = canary.traffic_routing.is_some();
        Self {
            scales,
            least: canary.min_pods_per_replica_set.filter(|_| is_routed).unwrap_or(0),
            enough: Enough::parse(canary.replica_progress_threshold.as_ref(), faults),
            stable_follows: canary.dynamic_stable_scale,
            canary_follows_back: canary.dynamic_stable_scale && canary.abort_scale_down_delay_seconds.is_none(),
            revision_limit: canary.scale_down_delay_revision_limit.map(|limit| usize::try_from(limit).unwrap_or(0)),
        }
    }

    /// The scale in force while step `index` is the current one: the last that was set so far.
    pub fn scale_at(&self, index: usize) -> Option<CanaryScale> {
        let set = self.scales.iter().take(index.saturating_add(1)).rev().find_map(|scale| *scale);
        set.filter(|scale| *scale != CanaryScale::MatchTraffic)
    }

    /// Pods that carry this share where a router moves the traffic.
    pub fn for_share(&self, share: i32, limits: Limits) -> i32 {
        let pods = replicas::routed(share.max(0), limits);
        if pods > 0 { pods.max(self.least.min(limits.replicas)) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::rollout::TrafficRouting;
    use serde_json::{Value, json};

    fn parsed(fields: Value) -> Pods {
        let mut canary: CanaryStrategy = serde_json::from_value(fields).expect("a strategy");
        canary.traffic_routing = Some(TrafficRouting::default());
        let mut faults = Faults::default();
        let pods = Pods::parse(&canary, &mut faults);
        faults.unless_any(pods).expect("is valid")
    }

    #[test]
    fn a_scale_is_in_force_until_another_one() {
        let scale = |fields: Value| json!({ "setCanaryScale": fields });
        let pods = parsed(json!({"steps": [
            {"setWeight": 5}, scale(json!({"weight": 50})), {"pause": {}}, scale(json!({"replicas": 3})), {"setWeight": 10},
            scale(json!({"matchTrafficWeight": true})), {"setWeight": 20},
            {"setWeight": 30, "setCanaryScale": {"replicas": 9, "weight": 1}}, scale(json!({})), scale(json!({"replicas": -1})),
        ]}));
        use CanaryScale::{Replicas, Weight};
        for (index, expected) in [
            (0, None),
            (1, Some(Weight(50))),
            (2, Some(Weight(50))),
            (3, Some(Replicas(3))),
            (4, Some(Replicas(3))),
            (5, None),
            (6, None),
            (7, Some(Replicas(9))),
            (8, None),
            (9, Some(Replicas(0))),
            (99, Some(Replicas(0))),
        ] {
            assert_eq!(pods.scale_at(index), expected, "at step {index}");
        }
    }

    #[test]
    fn a_revision_that_has_pods_has_the_fewest_or_all() {
        for (least, share, replicas, expected) in [
            (None, 10, 5, 1),
            (None, 10, 21, 3),
            (Some(2), 10, 5, 2),
            (Some(2), 50, 5, 3),
            (Some(2), 0, 5, 0),
            (Some(2), 100, 5, 5),
            // Never more than all of them.
            (Some(9), 10, 5, 5),
            (Some(2), 10, 1, 1),
            (Some(2), 10, 0, 0),
            (Some(2), -50, 5, 0),
            // A scale may be larger than the whole.
            (None, 150, 4, 6),
        ] {
            let pods = parsed(json!({ "minPodsPerReplicaSet": least }));
            let limits = Limits { replicas, surge: 0, unavailable: 0, whole: WHOLE };
            assert_eq!(pods.for_share(share, limits), expected, "{least:?} {share} % of {replicas}");
        }
    }
    #[test]
    fn a_threshold_says_how_many_are_enough() {
        let threshold = |kind: &str, value: i32| json!({"type": kind, "value": value});
        for (given, wanted, expected) in [
            (json!(null), 10, 10),
            (threshold("Percent", 90), 10, 9),
            (threshold("Percent", 90), 5, 5),
            (threshold("Percent", 50), 5, 3),
            (threshold("Percent", 0), 5, 1),
            (threshold("Percent", 150), 5, 5),
            (threshold("Percent", 50), 0, 0),
            (threshold("Pods", 3), 10, 3),
            (threshold("Pods", 0), 10, 1),
            // It never asks for more than are wanted.
            (threshold("Pods", 30), 10, 10),
            (threshold("Pods", -1), 10, 10),
            (threshold("Percent", -1), 10, 10),
        ] {
            let pods = parsed(json!({ "replicaProgressThreshold": given }));
            assert_eq!(pods.enough.of(wanted), expected, "{given} of {wanted}");
        }
    }
}
