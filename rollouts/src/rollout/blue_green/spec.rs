//! The blue-green strategy as the rules use it: parsed once, at the door, in the words that clients match on.

use crate::rollout::{
    invalid::{Faults, Invalid},
    spec::affinity,
};
use chrono::TimeDelta;
use crds::rollout::{AntiAffinity, BlueGreenStrategy, PodMetadata, RolloutAnalysis};

const PATH: &str = "spec.strategy.blueGreen";

/// What lets the active Service go over to the new revision, once that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// Nothing more.
    AtOnce,
    /// A person, or this much time.
    After(TimeDelta),
    /// A person.
    ByHand,
}

impl Promotion {
    /// What a spec says of it.
    pub fn of(wire: &BlueGreenStrategy) -> Self {
        match (wire.auto_promotion_enabled.unwrap_or(true), wire.auto_promotion_seconds.unwrap_or(0)) {
            (false, _) => Self::ByHand,
            (true, secs) if secs > 0 => Self::After(TimeDelta::seconds(i64::from(secs))),
            (true, _) => Self::AtOnce,
        }
    }
}

/// What a blue-green spec asks for beside what every strategy has.
#[derive(Clone, Debug)]
pub struct BlueGreen<'a> {
    /// The Service that carries the users' traffic.
    pub active_service: &'a str,
    /// The Service that leads to the new revision.
    pub preview_service: Option<&'a str>,
    /// Pods of the new revision until it is promoted; all of them when absent.
    pub preview_replicas: Option<i32>,
    /// What lets the active Service go over.
    pub promotion: Promotion,
    /// Analysis before the switch.
    pub before: Option<&'a RolloutAnalysis>,
    /// Analysis after the switch.
    pub after: Option<&'a RolloutAnalysis>,
    /// What keeps its pods away from those of the stable revision.
    pub anti_affinity: Option<&'a AntiAffinity>,
    /// What pods of the new revision carry before it is promoted.
    pub preview_metadata: Option<&'a PodMetadata>,
    /// What pods of the stable revision carry.
    pub active_metadata: Option<&'a PodMetadata>,
    /// Older revisions that may keep their pods for the delay; all of them when absent.
    pub revision_limit: Option<usize>,
    /// Whether older revisions stay until the analysis after the switch succeeded: so it is where no delay is given.
    pub keeps_until_verified: bool,
}

impl<'a> BlueGreen<'a> {
    /// Parses and checks.
    pub fn parse(wire: &'a BlueGreenStrategy, history_limit: i32, faults: &mut Faults) -> Self {
        if wire.preview_service.as_deref() == Some(wire.active_service.as_str()) {
            faults.note(Invalid::value(
                &format!("{PATH}.activeService"),
                &wire.active_service,
                "This rollout uses the same service for the active and preview services, but two different services are required.",
            ));
        }
        if let Some(limit) = wire.scale_down_delay_revision_limit.filter(|limit| history_limit < *limit) {
            faults.note(Invalid::value(
                &format!("{PATH}.scaleDownDelayRevisionLimit"),
                limit,
                "This rollout's revision history limit can not be smaller than the rollout's scale down limit",
            ));
        }
        affinity::check(PATH, wire.anti_affinity.as_ref(), faults);
        Self {
            active_service: &wire.active_service,
            preview_service: wire.preview_service.as_deref().filter(|name| !name.is_empty()),
            preview_replicas: wire.preview_replica_count,
            promotion: Promotion::of(wire),
            before: wire.pre_promotion_analysis.as_ref(),
            after: wire.post_promotion_analysis.as_ref(),
            anti_affinity: wire.anti_affinity.as_ref(),
            preview_metadata: wire.preview_metadata.as_ref(),
            active_metadata: wire.active_metadata.as_ref(),
            revision_limit: wire.scale_down_delay_revision_limit.map(|limit| usize::try_from(limit).unwrap_or(0)),
            keeps_until_verified: wire.post_promotion_analysis.is_some() && wire.scale_down_delay_seconds.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lets_the_active_service_go_over() {
        for (enabled, secs, expected) in [
            (None, None, Promotion::AtOnce),
            (Some(true), None, Promotion::AtOnce),
            (None, Some(0), Promotion::AtOnce),
            (None, Some(30), Promotion::After(TimeDelta::seconds(30))),
            (Some(true), Some(30), Promotion::After(TimeDelta::seconds(30))),
            (Some(false), None, Promotion::ByHand),
            // Whoever wants to decide is not overtaken by a clock.
            (Some(false), Some(30), Promotion::ByHand),
        ] {
            let wire = BlueGreenStrategy {
                auto_promotion_enabled: enabled,
                auto_promotion_seconds: secs,
                ..BlueGreenStrategy::default()
            };
            assert_eq!(Promotion::of(&wire), expected, "{enabled:?} {secs:?}");
        }
    }
}
