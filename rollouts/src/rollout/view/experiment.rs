//! What a person sees of an Experiment: how it is, the images that it runs, and the tree of what belongs to it.

use super::{Image, Node, Scene, Status, image, tree};
use chrono::{DateTime, Utc};
use crds::{AnalysisRun, Experiment, Pod, ReplicaSet, Rollout};
use serde::Serialize;
use std::sync::Arc;

/// What an Experiment's view is made of. Objects that belong to somebody else may be among them and are left out.
#[derive(Clone, Copy, Debug)]
pub struct ExperimentScene<'a> {
    /// The Experiment.
    pub experiment: &'a Experiment,
    /// ReplicaSets of its namespace.
    pub replica_sets: &'a [Arc<ReplicaSet>],
    /// Pods of its namespace.
    pub pods: &'a [Arc<Pod>],
    /// AnalysisRuns of its namespace.
    pub runs: &'a [Arc<AnalysisRun>],
}

/// An Experiment as a person sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentView {
    /// When it was looked at; ages count to here.
    pub at: DateTime<Utc>,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// How it is.
    pub status: Status,
    /// Why; may be empty.
    pub message: String,
    /// The images that run, sorted.
    pub images: Vec<Image>,
    /// The Experiment and everything that belongs to it.
    pub tree: Node,
}

impl ExperimentView {
    /// Looks at an Experiment.
    pub fn of(scene: &ExperimentScene<'_>, now: DateTime<Utc>) -> Self {
        let ExperimentScene { experiment, replica_sets, pods, runs } = *scene;
        // What belongs to it is found by its owner, whoever's Rollout that is.
        let rollout = Rollout::default();
        let all = Scene { rollout: &rollout, replica_sets, pods, runs, experiments: &[], why: &[] };
        Self {
            at: now,
            name: experiment.metadata.name.clone(),
            namespace: experiment.metadata.namespace.clone(),
            status: tree::analysis_status(experiment.status.phase),
            message: experiment.status.message.clone().unwrap_or_default(),
            images: image::of_experiment(&all, experiment),
            tree: tree::of_experiment(&all, experiment),
        }
    }

    /// Whether both show the same, but for the time.
    pub fn shows_same_as(&self, other: &Self) -> bool {
        *self == Self { at: self.at, ..other.clone() }
    }
}
