//! Templates: metrics and arguments, to be put together into a run.

use super::Metric;
use crate::{
    ObjectMeta,
    wire::{object, wire},
};

object!(AnalysisTemplate, ClusterAnalysisTemplate);

wire! {
    /// What an analysis measures; Rollouts and Experiments refer to it by name.
    pub struct AnalysisTemplate {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What is measured.
        pub spec: AnalysisTemplateSpec,
    }

    /// What an analysis measures, for all namespaces.
    pub struct ClusterAnalysisTemplate {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What is measured.
        pub spec: AnalysisTemplateSpec,
    }

    /// What an analysis measures.
    pub struct AnalysisTemplateSpec {
        /// The metrics; all of them are measured, side by side.
        pub metrics: Vec<Metric>,
        /// Arguments that metrics use as `{{args.name}}`.
        pub args: Vec<Argument>,
        /// Metrics that are measured but decide nothing.
        pub dry_run: Vec<DryRun>,
        /// How many measurements of a metric are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Other templates whose metrics and arguments are added.
        pub templates: Vec<AnalysisTemplateRef>,
    }

    /// A template by name.
    pub struct AnalysisTemplateRef {
        /// Name of the template.
        pub template_name: String,
        /// Whether it is a ClusterAnalysisTemplate.
        pub cluster_scope: bool,
    }

    /// An argument of an analysis.
    pub struct Argument {
        /// Its name.
        pub name: String,
        /// Its value; whoever refers to the template may give another. Without a value somebody must give one.
        pub value: Option<String>,
        /// Where the value is taken from.
        pub value_from: Option<ValueFrom>,
    }

    /// Where an argument's value is taken from: one of the fields.
    pub struct ValueFrom {
        /// A Secret in the namespace of the run; read at each measurement and never shown.
        pub secret_key_ref: Option<SecretKeyRef>,
        /// A field of the Rollout that starts the run.
        pub field_ref: Option<FieldRef>,
    }

    /// A value in a Secret.
    pub struct SecretKeyRef {
        /// Name of the Secret.
        pub name: String,
        /// Key in its data.
        pub key: String,
    }

    /// A field of the Rollout.
    pub struct FieldRef {
        /// Its path, such as `metadata.labels['region']` or `status.currentPodHash`.
        pub field_path: String,
    }

    /// Metrics that are measured but decide nothing.
    pub struct DryRun {
        /// A regular expression; found anywhere in a metric's name it chooses the metric.
        pub metric_name: String,
    }

    /// How many measurements are kept.
    pub struct MeasurementRetention {
        /// A regular expression; found anywhere in a metric's name it chooses the metric.
        pub metric_name: String,
        /// How many. 10 are kept when no rule says otherwise.
        pub limit: i32,
    }
}
