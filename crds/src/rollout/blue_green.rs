//! The blue-green strategy.

use super::{AntiAffinity, PodMetadata, RolloutAnalysis};
use crate::{IntOrString, wire::wire};

wire! {
    /// Runs the new revision beside the old one, then switches all traffic at once.
    pub struct BlueGreenStrategy {
        /// Service that carries the users' traffic.
        pub active_service: String,
        /// Service that leads to the new revision before it is switched to.
        pub preview_service: Option<String>,
        /// How many pods the new revision has until it is switched to. All of `spec.replicas` when absent.
        pub preview_replica_count: Option<i32>,
        /// False waits for a person before the switch. True when absent.
        pub auto_promotion_enabled: Option<bool>,
        /// Switch by itself this many seconds after the new revision was ready. 0 does not wait.
        pub auto_promotion_seconds: Option<i32>,
        /// How many pods may be away at once while pods are restarted. 25% when absent.
        pub max_unavailable: Option<IntOrString>,
        /// Seconds that the old revision's pods stay after the switch. 30 when absent.
        pub scale_down_delay_seconds: Option<i32>,
        /// How many old revisions may keep their pods through the delay. No limit when absent.
        pub scale_down_delay_revision_limit: Option<i32>,
        /// Seconds that the new revision's pods stay after an abort; 0 keeps them. 30 when absent.
        pub abort_scale_down_delay_seconds: Option<i32>,
        /// Seconds that pods go on serving after their traffic went, and before they are told to stop: containers without a `preStop` sleep for so long, `terminationGracePeriodSeconds` grows by it, and pods that lost their share stay at least so long. Needs Kubernetes 1.30. None when absent.
        pub drain_seconds: Option<i32>,
        /// Analysis before the switch; when it fails, there is none.
        pub pre_promotion_analysis: Option<RolloutAnalysis>,
        /// Analysis after the switch; when it fails, the old revision is switched back to.
        pub post_promotion_analysis: Option<RolloutAnalysis>,
        /// Keep pods of different revisions on different nodes.
        pub anti_affinity: Option<AntiAffinity>,
        /// Labels and annotations of the new revision's pods before the switch.
        pub preview_metadata: Option<PodMetadata>,
        /// Labels and annotations of the pods that carry the users' traffic.
        pub active_metadata: Option<PodMetadata>,
    }
}
