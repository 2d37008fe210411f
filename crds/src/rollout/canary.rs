//! The canary strategy, but for its steps and routers.

use std::collections::BTreeMap;

use super::{CanaryStep, RolloutAnalysisBackground, TrafficRouting};
use crate::{IntOrString, wire::wire};

wire! {
    /// Gives the new revision a growing part of the pods and of the traffic.
    pub struct CanaryStrategy {
        /// Service whose selector is kept on the pods of the new revision.
        pub canary_service: Option<String>,
        /// Service whose selector is kept on the pods of the stable revision.
        pub stable_service: Option<String>,
        /// What happens on the way to the new revision, in this order. Without steps the new revision replaces the old one as fast as `maxSurge` and `maxUnavailable` allow.
        pub steps: Vec<CanaryStep>,
        /// Divide traffic with a mesh or an ingress controller. Without it the number of pods decides what share of the traffic the new revision gets.
        pub traffic_routing: Option<TrafficRouting>,
        /// How many pods may run above `spec.replicas`: a number, or a percentage rounded up. 25% when absent.
        pub max_surge: Option<IntOrString>,
        /// How many pods may be missing below `spec.replicas`: a number, or a percentage rounded down. 25% when absent.
        pub max_unavailable: Option<IntOrString>,
        /// Analysis that runs in the background while the update goes on, and aborts it when it fails.
        pub analysis: Option<RolloutAnalysisBackground>,
        /// Keep pods of different revisions on different nodes.
        pub anti_affinity: Option<AntiAffinity>,
        /// Labels and annotations of the canary's pods while it is the canary.
        pub canary_metadata: Option<PodMetadata>,
        /// Labels and annotations of the stable revision's pods.
        pub stable_metadata: Option<PodMetadata>,
        /// Seconds that the old revision's pods stay after the update is complete. 30 with `trafficRouting`, where alone it is allowed.
        pub scale_down_delay_seconds: Option<i32>,
        /// How many old revisions may keep their pods through the scale-down delay. No limit when absent.
        pub scale_down_delay_revision_limit: Option<i32>,
        /// Seconds that the canary's pods stay after an abort; 0 keeps them. 30 when absent. With `trafficRouting` only.
        pub abort_scale_down_delay_seconds: Option<i32>,
        /// Remove stable pods as traffic leaves them, instead of keeping all of them until the end. With `trafficRouting` only.
        pub dynamic_stable_scale: bool,
        /// Two Services that take turns in being the stable one, so that a finished update moves no traffic.
        pub ping_pong: Option<PingPong>,
        /// Seconds that pods go on serving after their traffic went, and before they are told to stop: containers without a `preStop` sleep for so long, `terminationGracePeriodSeconds` grows by it, and pods that lost their share stay at least so long. Needs Kubernetes 1.30. None when absent.
        pub drain_seconds: Option<i32>,
        /// The fewest pods that a revision with traffic may have. With `trafficRouting` only.
        pub min_pods_per_replica_set: Option<i32>,
        /// How many of the new revision's pods must be available for an update without traffic routing to go on. All of them when absent.
        pub replica_progress_threshold: Option<ReplicaProgressThreshold>,
    }

    /// Keeps pods of different revisions on different nodes: exactly one of the fields.
    pub struct AntiAffinity {
        /// The scheduler tries to.
        pub preferred_during_scheduling_ignored_during_execution: Option<PreferredAntiAffinity>,
        /// The scheduler must.
        pub required_during_scheduling_ignored_during_execution: Option<RequiredAntiAffinity>,
    }

    /// How much the scheduler tries.
    pub struct PreferredAntiAffinity {
        /// Weight among the scheduler's preferences, 1 to 100.
        pub weight: i32,
    }

    /// Has no settings.
    pub struct RequiredAntiAffinity {}

    /// Labels and annotations for pods.
    pub struct PodMetadata {
        /// Labels.
        pub labels: BTreeMap<String, String>,
        /// Annotations.
        pub annotations: BTreeMap<String, String>,
    }

    /// Two Services that take turns.
    pub struct PingPong {
        /// One Service.
        pub ping_service: String,
        /// The other Service.
        pub pong_service: String,
    }

    /// How many pods must be available for the update to go on.
    pub struct ReplicaProgressThreshold {
        /// Whether `value` counts Pods or is a Percent of the pods wanted.
        #[serde(rename = "type")]
        pub threshold_type: String,
        /// The number.
        pub value: i32,
    }
}

impl CanaryStrategy {
    /// The weight that stands for all of the traffic, where the spec says so.
    pub fn own_whole(&self) -> Option<i32> {
        self.traffic_routing.as_ref()?.max_traffic_weight.filter(|weight| *weight > 0)
    }

    /// Names of the routes that are the Rollout's own: its steps add and take them away.
    pub fn managed_routes(&self) -> impl Iterator<Item = &str> {
        self.traffic_routing.iter().flat_map(|routing| &routing.managed_routes).map(|route| route.name.as_str())
    }
}
