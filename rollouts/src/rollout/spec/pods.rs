//! What a canary's spec says about the number of its pods beside weights and surge: a scale of its own, the fewest of a revision,
//! how many are enough to go on, and whether the stable revision gives up what the canary takes over.

use crate::rollout::{invalid::Invalid, replicas};
use crds::rollout::{CanaryStrategy, SetCanaryScale};
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

/// What decides the number of pods.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    /// The scale that each step sets. A step may do so beside something else.
    scales: Vec<Option<CanaryScale>>,
    /// The fewest pods of a revision that has any.
    least: i32,
}

impl Pods {
    /// Parses the fields. Those that need a router count for nothing without one, or are refused.
    pub fn parse(canary: &CanaryStrategy, is_routed: bool) -> Result<Self, Invalid> {
        let scales = canary.steps.iter().map(|step| step.set_canary_scale.as_ref().map(CanaryScale::of)).collect();
        if let Some(index) = canary.steps.iter().position(|step| step.set_canary_scale.is_some() && !is_routed) {
            return Err(Invalid::required(
                &format!("spec.strategy.canary.steps[{index}].setCanaryScale"),
                "SetCanaryScale requires TrafficRouting to be set",
            ));
        }
        let least = canary.min_pods_per_replica_set.filter(|_| is_routed).unwrap_or(0);
        Ok(Self { scales, least })
    }

    /// The scale in force while step `index` is the current one: the last that was set so far.
    pub fn scale_at(&self, index: usize) -> Option<CanaryScale> {
        let set = self.scales.iter().take(index.saturating_add(1)).rev().find_map(|scale| *scale);
        set.filter(|scale| *scale != CanaryScale::MatchTraffic)
    }

    /// Pods that carry this share of `replicas` where a router moves the traffic.
    pub fn for_share(&self, share: i32, replicas: i32) -> i32 {
        let pods = replicas::routed(share.max(0), replicas);
        if pods > 0 { pods.max(self.least.min(replicas)) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(fields: Value) -> Pods {
        let canary: CanaryStrategy = serde_json::from_value(fields).expect("a strategy");
        Pods::parse(&canary, true).expect("is valid")
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
            assert_eq!(pods.for_share(share, replicas), expected, "{least:?} {share} % of {replicas}");
        }
    }
}
