//! What `/metrics` tells of the objects in the stores.

use super::{KeptExperiment, KeptRollout, Stores};
use crate::metrics::{MetricFigures, Objects, RolloutFigures, RolloutLabels, RunFigures, RunLabels, TemplateFigures};
use crds::{
    AnalysisRun, ObjectMeta, Rollout,
    analysis::{AnalysisPhase, AnalysisTemplateSpec, Metric},
    owned,
    rollout::TrafficRouting,
};

/// What is told of a Rollout beside its name, taken when it changed: a page tells of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// What Applications look at.
    pub(crate) generation: i64,
    /// The same.
    pub(crate) health: Option<Box<str>>,
    strategy: &'static str,
    traffic_router: &'static str,
    phase: &'static str,
    desired: i32,
    available: i32,
    updated: i32,
}

impl Stores {
    /// One entry for each object.
    pub(crate) fn figures(&self) -> Objects {
        let (near, wide) = (self.templates.all(), self.cluster_templates.all());
        let near = near.iter().map(|template| template_figures(&template.metadata, &template.spec));
        let wide = wide.iter().map(|template| template_figures(&template.metadata, &template.spec));
        Objects {
            rollouts: self.rollouts.all().iter().map(|kept| rollout_figures(kept)).collect(),
            runs: self.runs.all().iter().map(|run| run_figures(run)).collect(),
            experiments: self.experiments.all().iter().map(|it| experiment_figures(it)).collect(),
            templates: near.chain(wide).collect(),
        }
    }
}

/// One for the whole cluster has no namespace.
fn template_figures(meta: &ObjectMeta, spec: &AnalysisTemplateSpec) -> TemplateFigures {
    let metrics = spec.metrics.iter();
    let metrics = metrics.map(|metric| (metric.name.clone(), type_of(metric))).collect();
    TemplateFigures { namespace: meta.namespace.clone(), name: meta.name.clone(), metrics }
}

fn type_of(metric: &Metric) -> String {
    provider_type(&serde_json::to_value(&metric.provider).unwrap_or_default())
}

fn experiment_figures(kept: &KeptExperiment) -> RunLabels {
    phase_of(&kept.experiment.metadata, kept.experiment.status.phase)
}

fn rollout_figures(kept: &KeptRollout) -> RolloutFigures {
    let figures = &kept.figures;
    RolloutFigures {
        labels: RolloutLabels {
            namespace: kept.namespace.to_string(),
            name: kept.name.to_string(),
            strategy: figures.strategy.into(),
            traffic_router: figures.traffic_router.into(),
            phase: figures.phase.into(),
        },
        desired: figures.desired,
        available: figures.available,
        updated: figures.updated,
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
            metric_type: type_of(metric),
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

impl Figures {
    /// Reads them off a Rollout.
    pub(crate) fn of(rollout: &Rollout) -> Self {
        let strategy = &rollout.spec.strategy;
        let canary = strategy.canary.as_ref();
        let routing = canary.and_then(|canary| canary.traffic_routing.as_ref());
        Self {
            generation: rollout.metadata.generation,
            health: rollout.status.phase.as_deref().map(Box::from),
            strategy: match (canary, &strategy.blue_green) {
                (Some(_), _) => "canary",
                (None, Some(_)) => "blueGreen",
                (None, None) => "none",
            },
            traffic_router: routing.map_or("", router),
            phase: phase(rollout),
            desired: rollout.spec.replicas.unwrap_or(1),
            available: rollout.status.available_replicas.unwrap_or(0),
            updated: rollout.status.updated_replicas.unwrap_or(0),
        }
    }
}

fn router(routing: &TrafficRouting) -> &'static str {
    let is_gateway_api = routing.gateway_api.is_some() || routing.plugins.contains_key(owned::GATEWAY_PLUGIN);
    let known = [
        ("ALB", routing.alb.is_some()),
        ("Ambassador", routing.ambassador.is_some()),
        ("Istio", routing.istio.is_some()),
        ("Nginx", routing.nginx.is_some()),
        ("SMI", routing.smi.is_some()),
        ("AppMesh", routing.app_mesh.is_some()),
        ("Traefik", routing.traefik.is_some()),
        ("Apisix", routing.apisix.is_some()),
        ("GatewayAPI", is_gateway_api),
    ];
    known.into_iter().find(|(_, is_set)| *is_set).map_or("", |(name, _)| name)
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
