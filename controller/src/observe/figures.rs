//! What `/metrics` tells of the objects in the stores.

use super::Stores;
use crate::metrics::{RolloutFigures, RolloutLabels, RunLabels};
use crds::Rollout;

impl Stores {
    /// One entry for each Rollout.
    pub(crate) fn rollout_figures(&self) -> Vec<RolloutFigures> {
        self.rollouts.all().iter().map(|kept| figures(&kept.rollout)).collect()
    }

    /// One entry for each AnalysisRun.
    pub(crate) fn run_figures(&self) -> Vec<RunLabels> {
        let runs = self.runs.all();
        runs.iter()
            .map(|run| RunLabels {
                namespace: run.metadata.namespace.clone(),
                name: run.metadata.name.clone(),
                phase: run.status.phase.as_str().to_owned(),
            })
            .collect()
    }
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
