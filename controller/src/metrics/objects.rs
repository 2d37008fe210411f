//! What is told of the objects in the stores, read when somebody scrapes: a series is there as long as its object is.

use super::ObjectLabels;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

/// Phases of a Rollout as dashboards count them.
const ROLLOUT_PHASES: [&str; 7] = ["Abort", "Completed", "Error", "InvalidSpec", "Paused", "Progressing", "Timeout"];
/// Phases of a run, an experiment or a metric.
const RUN_PHASES: [&str; 6] = ["Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"];

/// Everything that is told of objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    pub(crate) rollouts: Vec<RolloutFigures>,
    pub(crate) runs: Vec<RunFigures>,
    pub(crate) experiments: Vec<RunLabels>,
    pub(crate) templates: Vec<TemplateFigures>,
}

/// What is told of an AnalysisTemplate.
#[derive(Clone, Debug)]
pub(crate) struct TemplateFigures {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Names of its metrics and of their providers.
    pub(crate) metrics: Vec<(String, String)>,
}

/// The state of a Rollout as dashboards count it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RolloutLabels {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) strategy: String,
    pub(crate) traffic_router: String,
    pub(crate) phase: String,
}

/// What is told of one Rollout.
#[derive(Clone, Debug)]
pub(crate) struct RolloutFigures {
    pub(crate) labels: RolloutLabels,
    pub(crate) desired: i32,
    pub(crate) available: i32,
    pub(crate) updated: i32,
}

/// What is told of an AnalysisRun or an Experiment: namespace, name, phase.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RunLabels {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) phase: String,
}

/// What is told of one AnalysisRun.
#[derive(Clone, Debug)]
pub(crate) struct RunFigures {
    pub(crate) labels: RunLabels,
    pub(crate) metrics: Vec<MetricFigures>,
}

/// What is told of one metric of a run.
#[derive(Clone, Debug)]
pub(crate) struct MetricFigures {
    pub(crate) metric: String,
    pub(crate) metric_type: String,
    pub(crate) dry_run: bool,
    pub(crate) phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    namespace: String,
    name: String,
    strategy: String,
    phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TemplateMetricLabels {
    namespace: String,
    name: String,
    r#type: String,
    metric: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MetricTypeLabels {
    namespace: String,
    name: String,
    metric: String,
    r#type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MetricPhaseLabels {
    namespace: String,
    name: String,
    metric: String,
    r#type: String,
    dry_run: String,
    phase: String,
}

/// Registers all of it.
pub(super) fn tell(registry: &mut Registry, objects: &Objects) {
    tell_rollouts(registry, &objects.rollouts);
    let runs: Vec<RunLabels> = objects.runs.iter().map(|run| run.labels.clone()).collect();
    tell_phases(registry, "analysis_run", "State of each AnalysisRun", &runs);
    tell_phases(registry, "experiment", "State of each Experiment", &objects.experiments);
    tell_metrics(registry, &objects.runs);
    tell_templates(registry, &objects.templates);
}

fn tell_templates(registry: &mut Registry, templates: &[TemplateFigures]) {
    let info = Family::<ObjectLabels, Gauge>::default();
    let types = Family::<TemplateMetricLabels, Gauge>::default();
    for TemplateFigures { namespace, name, metrics } in templates {
        let (namespace, name) = (namespace.clone(), name.clone());
        for (metric, metric_type) in metrics {
            let (r#type, metric) = (metric_type.clone(), metric.clone());
            types
                .get_or_create(&TemplateMetricLabels {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    r#type,
                    metric,
                })
                .set(1);
        }
        info.get_or_create(&ObjectLabels { namespace, name }).set(1);
    }
    registry.register("analysis_template_info", "Each AnalysisTemplate", info);
    registry.register("analysis_template_metric_info", "Provider of each metric of an AnalysisTemplate", types);
}

fn tell_rollouts(registry: &mut Registry, rollouts: &[RolloutFigures]) {
    let info = Family::<RolloutLabels, Gauge>::default();
    let phases = Family::<PhaseLabels, Gauge>::default();
    let names = ["desired", "available", "updated", "unavailable"];
    let replicas: Vec<Family<ObjectLabels, Gauge>> = names.iter().map(|_| Family::default()).collect();
    for RolloutFigures { labels, desired, available, updated } in rollouts {
        info.get_or_create(labels).set(1);
        let RolloutLabels { namespace, name, strategy, phase, .. } = labels.clone();
        for known in ROLLOUT_PHASES {
            let (namespace, name, strategy) = (namespace.clone(), name.clone(), strategy.clone());
            let labels = PhaseLabels { namespace, name, strategy, phase: known.to_owned() };
            phases.get_or_create(&labels).set(i64::from(phase == known));
        }
        let labels = ObjectLabels { namespace, name };
        let figures = [*desired, *available, *updated, desired.saturating_sub(*available).max(0)];
        for (family, figure) in replicas.iter().zip(figures) {
            family.get_or_create(&labels).set(figure.into());
        }
    }
    registry.register("rollout_info", "State of each Rollout", info);
    registry.register("rollout_phase", "State of each Rollout; use rollout_info", phases);
    for (name, family) in names.into_iter().zip(replicas) {
        registry.register(format!("rollout_info_replicas_{name}"), "Pods of each Rollout", family);
    }
}

fn tell_phases(registry: &mut Registry, prefix: &str, help: &str, objects: &[RunLabels]) {
    let (info, phases) = (Family::<RunLabels, Gauge>::default(), Family::<RunLabels, Gauge>::default());
    for labels in objects {
        info.get_or_create(labels).set(1);
        for phase in RUN_PHASES {
            let told = RunLabels { phase: phase.to_owned(), ..labels.clone() };
            phases.get_or_create(&told).set(i64::from(labels.phase == phase));
        }
    }
    registry.register(format!("{prefix}_info"), help, info);
    registry.register(format!("{prefix}_phase"), format!("{help}; use {prefix}_info"), phases);
}

fn tell_metrics(registry: &mut Registry, runs: &[RunFigures]) {
    let types = Family::<MetricTypeLabels, Gauge>::default();
    let phases = Family::<MetricPhaseLabels, Gauge>::default();
    for RunFigures { labels, metrics } in runs {
        for MetricFigures { metric, metric_type, dry_run, phase } in metrics {
            let (namespace, name) = (labels.namespace.clone(), labels.name.clone());
            let told = MetricTypeLabels { namespace, name, metric: metric.clone(), r#type: metric_type.clone() };
            types.get_or_create(&told).set(1);
            for known in RUN_PHASES {
                let MetricTypeLabels { namespace, name, metric, r#type } = told.clone();
                let (dry_run, phase_label) = (dry_run.to_string(), known.to_owned());
                let labels = MetricPhaseLabels { namespace, name, metric, r#type, dry_run, phase: phase_label };
                phases.get_or_create(&labels).set(i64::from(phase == known));
            }
        }
    }
    registry.register("analysis_run_metric_type", "Provider of each metric of an AnalysisRun", types);
    registry.register("analysis_run_metric_phase", "State of each metric of an AnalysisRun", phases);
}
