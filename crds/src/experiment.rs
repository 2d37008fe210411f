//! Experiment: revisions that run side by side for a while, to be compared.

use crate::{
    LabelSelector, ObjectMeta, Raw, Time,
    analysis::{AnalysisPhase, Argument, DryRun, MeasurementRetention},
    rollout::{AnalysisRunMetadata, Condition, ServiceName},
    wire::{object, wire},
};

object!(Experiment);

wire! {
    /// Runs revisions side by side for a while, to compare them.
    pub struct Experiment {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What runs, and for how long.
        pub spec: ExperimentSpec,
        /// How far it is.
        pub status: ExperimentStatus,
    }

    /// What runs, and for how long.
    pub struct ExperimentSpec {
        /// The revisions to run.
        pub templates: Vec<ExperimentTemplate>,
        /// How long it lasts once all pods are available, such as `30m`. Until its analyses end when absent.
        pub duration: Option<String>,
        /// Seconds without progress after which it fails. 600 when absent.
        pub progress_deadline_seconds: Option<i32>,
        /// Ends it early.
        pub terminate: bool,
        /// Analyses that run meanwhile.
        pub analyses: Vec<ExperimentAnalysis>,
        /// Seconds that its pods stay after its end. 30 when absent.
        pub scale_down_delay_seconds: Option<i32>,
        /// Metrics that are measured but decide nothing.
        pub dry_run: Vec<DryRun>,
        /// How many measurements of a metric are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations of the analysis runs.
        pub analysis_run_metadata: AnalysisRunMetadata,
    }

    /// One revision to run.
    pub struct ExperimentTemplate {
        /// Name within the experiment.
        pub name: String,
        /// How many pods. 1 when absent.
        pub replicas: Option<i32>,
        /// Seconds that a pod must be ready before it counts as available. 0 when absent.
        pub min_ready_seconds: Option<i32>,
        /// Which pods belong to it; must match the labels of the template.
        pub selector: Option<LabelSelector>,
        /// The pods to run.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::pod_template"))]
        pub template: Option<Raw>,
        /// A Service for the pods.
        pub service: Option<ServiceName>,
    }

    /// One analysis of an experiment.
    pub struct ExperimentAnalysis {
        /// Name within the experiment.
        pub name: String,
        /// The AnalysisTemplate.
        pub template_name: String,
        /// Whether `templateName` is a ClusterAnalysisTemplate.
        pub cluster_scope: bool,
        /// Values for the template's arguments.
        pub args: Vec<Argument>,
        /// Whether the experiment waits for the end of this analysis.
        pub required_for_completion: bool,
    }

    /// How far it is.
    pub struct ExperimentStatus {
        /// Pending, Running, Successful, Failed, Error or Inconclusive.
        pub phase: AnalysisPhase,
        /// Why it is in that phase.
        pub message: Option<String>,
        /// When all of its pods were available.
        pub available_at: Option<Time>,
        /// How far each template is.
        pub template_statuses: Vec<ExperimentTemplateStatus>,
        /// How far each analysis is.
        pub analysis_runs: Vec<ExperimentAnalysisRunStatus>,
        /// Findings, each with since when it holds.
        pub conditions: Vec<Condition>,
    }

    /// How far a template is.
    pub struct ExperimentTemplateStatus {
        /// Name of the template.
        pub name: String,
        /// All pods.
        pub replicas: i32,
        /// Pods of the wanted template.
        pub updated_replicas: i32,
        /// Pods that are ready.
        pub ready_replicas: i32,
        /// Pods that have been ready for `minReadySeconds`.
        pub available_replicas: i32,
        /// Counts hash collisions of pod templates.
        pub collision_count: Option<i32>,
        /// Progressing, Running, Successful, Failed or Error.
        pub status: Option<String>,
        /// Why.
        pub message: Option<String>,
        /// When `status` last changed.
        pub last_transition_time: Option<Time>,
        /// The Service that was created.
        pub service_name: Option<String>,
        /// Hash of the pods' template.
        pub pod_template_hash: Option<String>,
    }

    /// How far an analysis is.
    pub struct ExperimentAnalysisRunStatus {
        /// Name of the analysis.
        pub name: String,
        /// Name of the AnalysisRun.
        pub analysis_run: String,
        /// Its phase.
        pub phase: AnalysisPhase,
        /// Its message.
        pub message: Option<String>,
    }
}
