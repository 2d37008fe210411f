//! What a person sees of a Rollout, or of an Experiment: a summary, the images that run, and the tree of what belongs to it.
//!
//! A view is a value, made of what is observed and the time; `text` turns one into lines, and `paint` colours them. It
//! reports and never decides: what a client may conclude from a status is in `phase`, as existing clients conclude it.

pub mod age;
mod experiment;
pub mod explain;
mod image;
pub mod paint;
mod phase;
mod pod;
mod progress;
mod summary;
pub mod table;
pub mod text;
mod tree;

pub use experiment::{ExperimentScene, ExperimentView};
pub use image::{Image, Tag};
pub use phase::Phase;
pub use progress::{Position, Progress};
pub use summary::{Replicas, Strategy, Summary};

use super::{conditions, held, refusal};
use chrono::{DateTime, Utc};
use crds::{AnalysisRun, Experiment, Pod, ReplicaSet, Rollout};
use plan::Reason;
use serde::Serialize;
use std::sync::Arc;

/// What a view is made of. Objects that belong to somebody else may be among them and are left out.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The Rollout.
    pub rollout: &'a Rollout,
    /// ReplicaSets of its namespace.
    pub replica_sets: &'a [Arc<ReplicaSet>],
    /// Pods of its namespace.
    pub pods: &'a [Arc<Pod>],
    /// AnalysisRuns of its namespace.
    pub runs: &'a [Arc<AnalysisRun>],
    /// Experiments of its namespace.
    pub experiments: &'a [Arc<Experiment>],
    /// What the last plan did or waited for, where it is known.
    pub why: &'a [Reason],
}

/// A Rollout as a person sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// When it was looked at; ages count to here.
    pub at: DateTime<Utc>,
    /// The Rollout in a few words.
    pub summary: Summary,
    /// The share that reaches the canary, as far as the status tells; `None` for other strategies.
    pub actual_weight: Option<i32>,
    /// The images that run, sorted.
    pub images: Vec<Image>,
    /// What it did or waits for, in sentences.
    pub why: Vec<String>,
    /// The Rollout and everything that belongs to it.
    pub tree: Node,
}

impl View {
    /// Looks at a Rollout.
    pub fn of(scene: &Scene<'_>, now: DateTime<Utc>) -> Self {
        let summary = Summary::of(scene.rollout);
        Self {
            at: now,
            actual_weight: progress::actual_weight(scene),
            images: image::running(scene),
            why: why(scene),
            tree: tree::grow(scene, &summary),
            summary,
        }
    }

    /// Whether both show the same, but for the time.
    pub fn shows_same_as(&self, other: &Self) -> bool {
        let Self { at: _, summary, actual_weight, images, why, tree } = self;
        *summary == other.summary
            && *actual_weight == other.actual_weight
            && *images == other.images
            && *why == other.why
            && *tree == other.tree
    }
}

/// What the last plan said; where that is not known, what the status says of what holds the Rollout.
fn why(scene: &Scene<'_>) -> Vec<String> {
    if !scene.why.is_empty() {
        return scene.why.iter().map(ToString::to_string).collect();
    }
    let said = [refusal::CONDITION, held::CONDITION].map(|name| conditions::find(&scene.rollout.status, name));
    said.into_iter().flatten().map(|condition| condition.message.clone()).collect()
}

/// One object of the tree, or a revision, which has no object of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// How it is; `None` for a revision.
    pub status: Option<Status>,
    /// When it was created, where that is known.
    pub created: Option<DateTime<Utc>>,
    /// What else there is to say.
    pub notes: Vec<Note>,
    /// What belongs to it.
    pub children: Vec<Node>,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum NodeKind {
    /// The Rollout.
    Rollout,
    /// What one pod template brought.
    Revision,
    /// A ReplicaSet.
    ReplicaSet,
    /// An Experiment.
    Experiment,
    /// An AnalysisRun.
    AnalysisRun,
    /// A pod.
    Pod,
    /// The Job of a measurement.
    Job,
}

/// How an object is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Good, bad or neither.
    pub icon: Icon,
    /// The word for it.
    pub word: String,
}

impl Status {
    fn new(icon: Icon, word: impl Into<String>) -> Self {
        Self { icon, word: word.into() }
    }
}

/// Good, bad or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Icon {
    /// As it should be, or ended so.
    Good,
    /// On its way.
    Progressing,
    /// Has not begun.
    Waiting,
    /// Held.
    Paused,
    /// Failed.
    Bad,
    /// Could not be carried out.
    Warning,
    /// Nobody knows.
    Unknown,
    /// Neither good nor bad.
    Neutral,
    /// Nothing known that has a sign.
    Blank,
}

/// Something worth knowing about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Note {
    /// What a ReplicaSet is to the Rollout.
    Role(Role),
    /// When a ReplicaSet may be scaled down.
    ScaleDown(DateTime<Utc>),
    /// How many of a pod's containers are ready, and how many there are.
    Ready(usize, usize),
    /// How often a pod's containers were started again.
    Restarts(i32),
    /// How many measurements of a run ended so.
    Measured(Icon, i32),
}

/// What a ReplicaSet is to its Rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// The new revision of a canary.
    Canary,
    /// The revision that was promoted last.
    Stable,
    /// Where blue-green's active Service leads.
    Active,
    /// Where blue-green's preview Service leads.
    Preview,
    /// Behind the ping Service.
    Ping,
    /// Behind the pong Service.
    Pong,
}

impl Role {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Stable => "stable",
            Self::Active => "active",
            Self::Preview => "preview",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    /// What the ReplicaSet of this hash is to the Rollout.
    fn all_of(rollout: &Rollout, hash: &str) -> Vec<Self> {
        let status = &rollout.status;
        let is = |known: &Option<String>| !hash.is_empty() && known.as_deref() == Some(hash);
        let mut roles = Vec::new();
        if let Some(canary) = &rollout.spec.strategy.canary {
            let is_stable = is(&status.stable_rs);
            if !is_stable && !is(&status.current_pod_hash) {
                return roles;
            }
            roles.push(if is_stable { Self::Stable } else { Self::Canary });
            if canary.ping_pong.is_some() {
                let stable_is_ping = status.canary.stable_ping_pong.as_deref() == Some("ping");
                roles.push(if is_stable == stable_is_ping { Self::Ping } else { Self::Pong });
            }
        }
        if rollout.spec.strategy.blue_green.is_some() {
            roles.extend(is(&status.stable_rs).then_some(Self::Stable));
            if is(&status.blue_green.active_selector) {
                roles.push(Self::Active);
            } else if is(&status.blue_green.preview_selector) {
                roles.push(Self::Preview);
            }
        }
        roles
    }
}
