//! ReplicaSet: one revision's pods.

use chrono::{DateTime, Utc};

use crate::{
    LabelSelector, ObjectMeta, Raw, Time, keys,
    wire::{object, wire},
};

object!(ReplicaSet);

wire! {
    /// One revision's pods.
    pub struct ReplicaSet {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What should run.
        pub spec: ReplicaSetSpec,
        /// What runs.
        pub status: ReplicaSetStatus,
    }

    /// What should run.
    pub struct ReplicaSetSpec {
        /// How many pods; the API server fills in 1.
        pub replicas: Option<i32>,
        /// Seconds that a pod must be ready before it counts as available.
        pub min_ready_seconds: Option<i32>,
        /// Which pods are its own.
        pub selector: LabelSelector,
        /// The pods.
        pub template: Raw,
    }

    /// What runs.
    pub struct ReplicaSetStatus {
        /// All pods.
        pub replicas: i32,
        /// Pods that are ready.
        pub ready_replicas: i32,
        /// Pods that have been ready for `minReadySeconds`.
        pub available_replicas: i32,
        /// Pods that have all labels of the template.
        pub fully_labeled_replicas: i32,
        /// The generation that this status tells about.
        pub observed_generation: i64,
        /// Findings.
        pub conditions: Vec<ReplicaSetCondition>,
    }

    /// A finding.
    pub struct ReplicaSetCondition {
        /// What it is about.
        #[serde(rename = "type")]
        pub condition_type: String,
        /// True, False or Unknown.
        pub status: String,
        /// When its status last changed.
        pub last_transition_time: Option<Time>,
        /// Why, in one word.
        pub reason: Option<String>,
        /// Why, in a sentence.
        pub message: Option<String>,
    }
}

impl ReplicaSet {
    /// The pods that it asks for.
    pub fn asked(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// When it may be scaled down, where that was put off. A text that is no time counts as passed.
    pub fn scale_down_deadline(&self) -> Option<DateTime<Utc>> {
        let text = self.metadata.annotation(keys::SCALE_DOWN_DEADLINE)?;
        Some(Time::parse(text).map_or(DateTime::UNIX_EPOCH, |time| time.0))
    }
}
