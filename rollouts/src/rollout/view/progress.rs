//! How far a canary is: the step, the weight that it asks for, and the weight that it has.

use super::{Role, Scene, tree};
use crate::rollout::{fleet::Revision, replicas::WHOLE, spec::routing::whole};
use crds::{Rollout, rollout::CanaryStrategy};
use serde::Serialize;

/// How far a canary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The step; `None` without steps and before the first look of a controller.
    pub step: Option<Position>,
    /// The weight that the steps ask for.
    pub set_weight: i32,
}

/// A place among the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// How many steps are over.
    pub index: i32,
    /// How many there are.
    pub of: usize,
}

impl Progress {
    pub(super) fn of(rollout: &Rollout, canary: &CanaryStrategy) -> Self {
        let of = canary.steps.len();
        let step = rollout.status.current_step_index.filter(|_| of > 0).map(|index| Position { index, of });
        Self { step, set_weight: set_weight(rollout, canary) }
    }
}

/// Index of the step that is being done; `None` when there is none.
fn current_step(rollout: &Rollout, canary: &CanaryStrategy) -> Option<usize> {
    let index = usize::try_from(rollout.status.current_step_index.unwrap_or(0)).unwrap_or(0);
    (index < canary.steps.len()).then_some(index)
}

fn set_weight(rollout: &Rollout, canary: &CanaryStrategy) -> i32 {
    if rollout.status.abort {
        return 0;
    }
    let Some(index) = current_step(rollout, canary) else { return whole(canary) };
    canary.steps.iter().take(index + 1).rev().find_map(|step| step.set_weight).unwrap_or(0)
}

/// The share that reaches the canary: what the controller recorded, or its part of the available pods.
pub(super) fn actual_weight(scene: &Scene<'_>) -> Option<i32> {
    let rollout = scene.rollout;
    let canary = rollout.spec.strategy.canary.as_ref()?;
    if current_step(rollout, canary).is_none() {
        return Some(whole(canary));
    }
    let available = rollout.status.available_replicas.unwrap_or(0);
    if available <= 0 {
        return Some(0);
    }
    if canary.traffic_routing.is_some() {
        let recorded = rollout.status.canary.weights.as_ref().map(|weights| weights.canary.weight);
        return Some(recorded.unwrap_or_else(|| set_weight(rollout, canary)));
    }
    let of_canary: i32 = tree::replica_sets_of(scene, &rollout.metadata.uid)
        .into_iter()
        .filter(|set| Role::all_of(rollout, Revision { set }.hash()).contains(&Role::Canary))
        .map(|set| set.status.available_replicas)
        .sum();
    Some(i32::try_from(i64::from(of_canary) * i64::from(WHOLE) / i64::from(available)).unwrap_or(WHOLE))
}
