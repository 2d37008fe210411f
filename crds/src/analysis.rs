//! AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun: what is measured, how often, and what was found.
//!
//! The wire types only. How templates become one run is in `merge`, since several rule crates must agree on it.

pub mod merge;
mod metric;
mod phase;
mod provider;
mod run;
mod template;

pub use self::{
    metric::{Metric, Provider},
    phase::AnalysisPhase,
    provider::{
        Authentication, BasicAuth, CloudWatchDimension, CloudWatchMetric, CloudWatchMetricDataQuery,
        CloudWatchMetricStat, CloudWatchMetricStatMetric, DatadogMetric, DatadogSecretRef, GraphiteMetric,
        InfluxdbMetric, JobMetric, KayentaMetric, KayentaScope, KayentaThreshold, NewRelicMetric, OAuth2,
        PrometheusMetric, PrometheusRangeQuery, ScopeDetail, Sigv4, SkywalkingMetric, WavefrontMetric, WebMetric,
        WebMetricHeader,
    },
    run::{AnalysisRun, AnalysisRunSpec, AnalysisRunStatus, Measurement, MetricResult, RunSummary, TtlStrategy},
    template::{
        AnalysisTemplate, AnalysisTemplateRef, AnalysisTemplateSpec, Argument, ClusterAnalysisTemplate, DryRun,
        FieldRef, MeasurementRetention, SecretKeyRef, ValueFrom,
    },
};
