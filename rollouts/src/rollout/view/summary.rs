//! A Rollout in a few words: what a list shows of it, and the head of its view.

use super::{Phase, Progress};
use crds::Rollout;
use serde::Serialize;

/// A Rollout in a few words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its phase.
    pub phase: Phase,
    /// Why it is in that phase; may be empty.
    pub message: String,
    /// How it changes.
    pub strategy: Strategy,
    /// Its pods, counted.
    pub replicas: Replicas,
}

/// How a Rollout changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Strategy {
    /// Step by step.
    Canary(Progress),
    /// At once.
    BlueGreen,
    /// The spec does not say.
    Unknown,
}

impl Strategy {
    /// The word for it; empty where the spec does not say.
    pub fn word(self) -> &'static str {
        match self {
            Self::Canary(_) => "Canary",
            Self::BlueGreen => "BlueGreen",
            Self::Unknown => "",
        }
    }
}

/// Pods, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Replicas {
    /// How many the spec asks for.
    pub desired: i32,
    /// How many there are.
    pub current: i32,
    /// How many are of the current template.
    pub updated: i32,
    /// How many are ready.
    pub ready: i32,
    /// How many are available.
    pub available: i32,
}

impl Summary {
    /// Reads it off spec and status.
    pub fn of(rollout: &Rollout) -> Self {
        let (phase, message) = Phase::of(rollout);
        let (spec, status) = (&rollout.spec, &rollout.status);
        let strategy = match (&spec.strategy.canary, &spec.strategy.blue_green) {
            (Some(canary), _) => Strategy::Canary(Progress::of(rollout, canary)),
            (None, Some(_)) => Strategy::BlueGreen,
            (None, None) => Strategy::Unknown,
        };
        Self {
            name: rollout.metadata.name.clone(),
            namespace: rollout.metadata.namespace.clone(),
            phase,
            message,
            strategy,
            replicas: Replicas {
                desired: spec.replicas.unwrap_or(1),
                current: status.replicas.unwrap_or(0),
                updated: status.updated_replicas.unwrap_or(0),
                ready: status.ready_replicas.unwrap_or(0),
                available: status.available_replicas.unwrap_or(0),
            },
        }
    }
}
