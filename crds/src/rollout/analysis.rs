//! How a Rollout asks for an analysis. Part of what the step hash covers, so the order of fields matters here.

use std::collections::BTreeMap;

pub use crate::analysis::AnalysisTemplateRef as TemplateRef;
use crate::{
    analysis::{DryRun, FieldRef, MeasurementRetention},
    wire::wire,
};

wire! {
    /// An analysis: templates put together, with values for their arguments.
    pub struct RolloutAnalysis {
        /// Templates whose metrics are measured together.
        pub templates: Vec<TemplateRef>,
        /// Values for the templates' arguments.
        pub args: Vec<RolloutAnalysisArgument>,
        /// Metrics that are measured but decide nothing.
        pub dry_run: Vec<DryRun>,
        /// How many measurements of a metric are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations of the analysis run.
        pub analysis_run_metadata: Option<AnalysisRunMetadata>,
    }

    /// An analysis beside the steps.
    pub struct RolloutAnalysisBackground {
        #[serde(flatten)]
        /// The analysis itself.
        pub analysis: RolloutAnalysis,
        /// Index of the step with which it starts. 0 when absent.
        pub starting_step: Option<i32>,
    }

    /// A value for an argument.
    pub struct RolloutAnalysisArgument {
        /// Name of the argument.
        pub name: String,
        /// The value itself.
        pub value: Option<String>,
        /// Where the value is taken from.
        pub value_from: Option<RolloutAnalysisArgumentSource>,
    }

    /// Where an argument's value is taken from: one of the fields.
    pub struct RolloutAnalysisArgumentSource {
        /// The pod template hash of the Latest or of the Stable revision.
        pub pod_template_hash_value: Option<String>,
        /// A field of the Rollout.
        pub field_ref: Option<FieldRef>,
    }

    /// Labels and annotations for analysis runs.
    pub struct AnalysisRunMetadata {
        /// Labels.
        pub labels: BTreeMap<String, String>,
        /// Annotations.
        pub annotations: BTreeMap<String, String>,
    }
}
