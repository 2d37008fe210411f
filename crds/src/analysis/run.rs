//! AnalysisRun: one analysis as it is carried out.

use std::collections::BTreeMap;

use super::{AnalysisPhase, Argument, DryRun, MeasurementRetention, Metric};
use crate::{
    ObjectMeta, Time,
    wire::{object, wire},
};

object!(AnalysisRun);

wire! {
    /// One analysis as it is carried out: its metrics, and what was measured so far.
    pub struct AnalysisRun {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What is measured.
        pub spec: AnalysisRunSpec,
        /// What was found.
        pub status: AnalysisRunStatus,
    }

    /// What is measured.
    pub struct AnalysisRunSpec {
        /// The metrics; all of them are measured, side by side.
        pub metrics: Vec<Metric>,
        /// Values of the arguments that metrics use as `{{args.name}}`.
        pub args: Vec<Argument>,
        /// Ends the run early; what was found so far decides.
        pub terminate: bool,
        /// Metrics that are measured but decide nothing.
        pub dry_run: Vec<DryRun>,
        /// How many measurements of a metric are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// How long the run is kept after its end.
        pub ttl_strategy: Option<TtlStrategy>,
    }

    /// How long the run is kept after its end. Without any field, until its owner goes.
    pub struct TtlStrategy {
        /// Seconds after any end for which no other field speaks.
        pub seconds_after_completion: Option<i32>,
        /// Seconds after it failed.
        pub seconds_after_failure: Option<i32>,
        /// Seconds after it was successful.
        pub seconds_after_success: Option<i32>,
    }

    /// What was found.
    pub struct AnalysisRunStatus {
        /// Pending, Running, Successful, Failed, Error or Inconclusive.
        pub phase: AnalysisPhase,
        /// Why it is in that phase.
        pub message: Option<String>,
        /// What was found, metric by metric.
        pub metric_results: Vec<MetricResult>,
        /// When it started.
        pub started_at: Option<Time>,
        /// How the metrics ended that decide.
        pub run_summary: RunSummary,
        /// How the metrics ended that decide nothing.
        pub dry_run_summary: Option<RunSummary>,
        /// When it ended.
        pub completed_at: Option<Time>,
    }

    /// What was found for one metric. An error uses up none of the metric's `count`.
    pub struct MetricResult {
        /// Name of the metric.
        pub name: String,
        /// How far it is, or how it ended.
        pub phase: AnalysisPhase,
        /// The latest measurements, oldest first.
        pub measurements: Vec<Measurement>,
        /// Why it is in that phase.
        pub message: Option<String>,
        /// How many measurements were taken, not counting errors.
        pub count: i32,
        /// How many were good.
        pub successful: i32,
        /// How many were bad.
        pub failed: i32,
        /// How many were neither.
        pub inconclusive: i32,
        /// How many could not be taken.
        pub error: i32,
        /// How many could not be taken in a row, up to now.
        pub consecutive_error: i32,
        /// Whether it decides nothing.
        pub dry_run: bool,
        /// What the provider tells about the metric, such as the query that was sent.
        pub metadata: BTreeMap<String, String>,
        /// How many were good in a row, up to now.
        pub consecutive_success: i32,
    }

    /// One measurement.
    pub struct Measurement {
        /// How far it is, or how it ended.
        pub phase: AnalysisPhase,
        /// Why it is in that phase.
        pub message: Option<String>,
        /// When it started.
        pub started_at: Option<Time>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// What was measured, as text.
        pub value: Option<String>,
        /// What the provider tells about the measurement.
        pub metadata: BTreeMap<String, String>,
        /// When to look again, for a measurement that takes long.
        pub resume_at: Option<Time>,
    }

    /// How metrics ended.
    pub struct RunSummary {
        /// How many there are.
        pub count: i32,
        /// How many were successful.
        pub successful: i32,
        /// How many failed.
        pub failed: i32,
        /// How many were inconclusive.
        pub inconclusive: i32,
        /// How many ended in error.
        pub error: i32,
    }
}
