//! The experiment of a canary step. Part of what the step hash covers, so the order of fields matters here too.

use super::{AnalysisRunMetadata, PodMetadata, RolloutAnalysisArgument};
use crate::{LabelSelector, analysis::DryRun, wire::wire};

wire! {
    /// An Experiment that a step starts and waits for.
    pub struct ExperimentStep {
        /// The revisions to run side by side.
        pub templates: Vec<ExperimentStepTemplate>,
        /// How long the experiment lasts once all its pods are available, such as `30m`. Until its analyses end when absent.
        pub duration: Option<String>,
        /// Analyses that run meanwhile.
        pub analyses: Vec<ExperimentStepAnalysis>,
        /// Metrics that are measured but decide nothing.
        pub dry_run: Vec<DryRun>,
        // Not an Option: clients write it even when it is empty, and so hash it.
        /// Labels and annotations of the analysis runs.
        pub analysis_run_metadata: AnalysisRunMetadata,
        /// Seconds that the experiment's pods stay after its end. 30 when absent.
        pub scale_down_delay_seconds: Option<i32>,
    }

    /// One revision that an experiment runs.
    pub struct ExperimentStepTemplate {
        /// Name within the experiment.
        pub name: String,
        /// Which revision's pods: `canary` or `stable`.
        pub spec_ref: String,
        /// How many pods. 1 when absent.
        pub replicas: Option<i32>,
        // Not an Option, for the same reason.
        /// Labels and annotations added to the pods.
        pub metadata: PodMetadata,
        /// Selector of the pods, in place of the Rollout's.
        pub selector: Option<LabelSelector>,
        /// Percentage of the traffic that the pods get. With `trafficRouting` only.
        pub weight: Option<i32>,
        /// A Service for the pods.
        pub service: Option<ServiceName>,
    }

    /// A Service to create.
    pub struct ServiceName {
        /// Its name; the ReplicaSet's when absent.
        pub name: Option<String>,
    }

    /// One analysis of an experiment.
    pub struct ExperimentStepAnalysis {
        /// Name within the experiment.
        pub name: String,
        /// The AnalysisTemplate.
        pub template_name: String,
        /// Whether `templateName` is a ClusterAnalysisTemplate.
        pub cluster_scope: bool,
        /// Values for the template's arguments.
        pub args: Vec<RolloutAnalysisArgument>,
        /// Whether the experiment waits for the end of this analysis.
        pub required_for_completion: bool,
    }
}
