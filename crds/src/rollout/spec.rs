//! What the user wants: the top of a Rollout's spec.

use super::{BlueGreenStrategy, CanaryStrategy, RolloutStatus};
use crate::{
    LabelSelector, ObjectMeta, Raw, Time,
    wire::{object, wire},
};

object!(Rollout);

wire! {
    /// Runs pods like a Deployment, and moves to a new revision step by step while it watches how the revision does.
    pub struct Rollout {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What should run, and how a change is brought out.
        pub spec: RolloutSpec,
        /// How far the change has come. Written by the controller; clients write `abort`, `promoteFull`, `currentStepIndex` and `pauseConditions` to steer it.
        pub status: RolloutStatus,
    }

    /// What should run, and how a change is brought out.
    pub struct RolloutSpec {
        /// How many pods should run. Without it the controller writes 1.
        pub replicas: Option<i32>,
        /// Which pods belong to the Rollout; must match the labels of the template and cannot be changed. May be left out only with `workloadRef`.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::immutable_selector"))]
        pub selector: Option<LabelSelector>,
        /// The pods to run. A change of this field is a new revision. Must be left out with `workloadRef`.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::pod_template"))]
        pub template: Option<Raw>,
        /// An existing workload whose pod template is used in place of `template`.
        pub workload_ref: Option<WorkloadRef>,
        /// Seconds that a pod must be ready before it counts as available. 0 when absent.
        pub min_ready_seconds: Option<i32>,
        /// Which older revisions may be returned to without going through the steps.
        pub rollback_window: Option<RollbackWindow>,
        /// How a new revision replaces the old one: `canary` or `blueGreen`, exactly one of them.
        pub strategy: RolloutStrategy,
        /// How many old ReplicaSets without pods are kept to return to. 10 when absent.
        pub revision_history_limit: Option<i32>,
        /// Stops the update where it is, until somebody removes the field again.
        pub paused: bool,
        /// Seconds without progress after which the Rollout is reported as degraded; must be more than `minReadySeconds`. 600 when absent.
        pub progress_deadline_seconds: Option<i32>,
        /// Abort the update when the progress deadline has passed, instead of only reporting it.
        pub progress_deadline_abort: bool,
        /// Replace, a few at a time, every pod that was created before this moment.
        pub restart_at: Option<Time>,
        /// How many finished analysis runs and experiments are kept.
        pub analysis: Option<AnalysisHistory>,
    }

    /// An existing workload whose pod template is used.
    pub struct WorkloadRef {
        /// API version of the workload, such as `apps/v1`.
        pub api_version: Option<String>,
        /// Deployment, ReplicaSet or PodTemplate.
        pub kind: Option<String>,
        /// Name of the workload, in the Rollout's namespace.
        pub name: Option<String>,
        /// When the workload's own pods are removed: `never`, `onsuccess` (once the Rollout is healthy) or `progressively` (as the Rollout's pods get ready). `never` when absent.
        pub scale_down: Option<String>,
    }

    /// Which older revisions may be returned to without going through the steps.
    pub struct RollbackWindow {
        /// How many revisions back the window reaches. 0 means no window.
        pub revisions: Option<i32>,
    }

    /// How a new revision replaces the old one: exactly one of the fields.
    pub struct RolloutStrategy {
        /// Run the new revision beside the old one, then switch all traffic at once.
        pub blue_green: Option<BlueGreenStrategy>,
        /// Give the new revision a growing part of the pods and of the traffic.
        pub canary: Option<CanaryStrategy>,
    }

    /// How many finished analysis runs and experiments are kept.
    pub struct AnalysisHistory {
        /// How many successful runs, and how many experiments of the same outcome, are kept. 5 when absent.
        pub successful_run_history_limit: Option<i32>,
        /// How many runs that failed, ended in error or were inconclusive are kept, and as many such experiments. 5 when absent.
        pub unsuccessful_run_history_limit: Option<i32>,
    }
}
