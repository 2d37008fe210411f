//! What `/metrics` tells of the objects in the stores.

use super::Stores;
use crate::metrics::{MetricFigures, Objects, RolloutFigures, RolloutLabels, RunFigures, RunLabels};
use crds::{AnalysisRun, ObjectMeta, Rollout, analysis::AnalysisPhase};

impl Stores {
    /// One entry for each object.
    pub(crate) fn figures(&self) -> Objects {
        let templates = self.templates.all();
        let templates = templates.iter().map(|template| &template.metadata);
        Objects {
            rollouts: self.rollouts.all().iter().map(|kept| figures(&kept.rollout)).collect(),
            runs: self.runs.all().iter().map(|run| run_figures(run)).collect(),
            experiments: self.experiments.all().iter().map(|it| phase_of(&it.metadata, it.status.phase)).collect(),
            templates: templates.map(|meta| (meta.namespace.clone(), meta.name.clone())).collect(),
        }
    }
}

fn phase_of(meta: &ObjectMeta, phase: AnalysisPhase) -> RunLabels {
    RunLabels { namespace: meta.namespace.clone(), name: meta.name.clone(), phase: phase.as_str().to_owned() }
}

fn run_figures(run: &AnalysisRun) -> RunFigures {
    let metrics = run.spec.metrics.iter().map(|metric| {
        let result = run.status.metric_results.iter().find(|result| result.name == metric.name);
        MetricFigures {
            metric: metric.name.clone(),
            metric_type: provider_type(&serde_json::to_value(&metric.provider).unwrap_or_default()),
            dry_run: result.is_some_and(|result| result.dry_run),
            phase: result.map_or("", |result| result.phase.as_str()).to_owned(),
        }
    });
    RunFigures { labels: phase_of(&run.metadata, run.status.phase), metrics: metrics.collect() }
}

/// The name of the one provider that is set, as clients write it.
fn provider_type(provider: &serde_json::Value) -> String {
    let name = provider.as_object().and_then(|fields| fields.keys().next()).map_or("", String::as_str);
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn figures(rollout: &Rollout) -> RolloutFigures {
    let strategy = &rollout.spec.strategy;
    let canary = strategy.canary.as_ref();
    let routing = canary.and_then(|canary| canary.traffic_routing.as_ref());
    let labels = RolloutLabels {
        namespace: rollout.metadata.namespace.clone(),
        name: rollout.metadata.name.clone(),
        strategy: match (canary, &strategy.blue_green) {
            (Some(_), _) => "canary",
            (None, Some(_)) => "blueGreen",
            (None, None) => "none",
        }
        .into(),
        traffic_router: if routing.is_some_and(|routing| routing.istio.is_some()) { "Istio" } else { "" }.into(),
        phase: phase(rollout).into(),
    };
    RolloutFigures {
        labels,
        desired: rollout.spec.replicas.unwrap_or(1),
        available: rollout.status.available_replicas.unwrap_or(0),
        updated: rollout.status.updated_replicas.unwrap_or(0),
    }
}

/// The phase as dashboards know it: read from the reason of the Progressing condition.
fn phase(rollout: &Rollout) -> &'static str {
    let conditions = &rollout.status.conditions;
    if conditions.iter().any(|condition| condition.condition_type == "InvalidSpec" && condition.status == "True") {
        return "InvalidSpec";
    }
    let progressing = conditions.iter().find(|condition| condition.condition_type == "Progressing");
    match progressing.map(|condition| condition.reason.as_str()) {
        Some("NewReplicaSetAvailable") => "Completed",
        Some("RolloutPaused") => "Paused",
        Some("ReplicaSetCreateError") => "Error",
        Some("ProgressDeadlineExceeded") => "Timeout",
        Some("RolloutAborted") => "Abort",
        _ => "Progressing",
    }
}
