//! In which phase a Rollout is, for a client: what the controller recorded, unless it has not seen the latest change yet.

use super::{Icon, Status};
use crds::{Rollout, keys};
use serde::Serialize;

/// The phase of a Rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// All is as the spec asks.
    Healthy,
    /// On its way.
    Progressing,
    /// Held.
    Paused,
    /// Stuck, taken back, or asked for what cannot be done.
    Degraded,
    /// Nothing is recorded.
    Unknown,
}

impl Phase {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::Paused => "Paused",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }

    /// The phase and its message.
    pub(super) fn of(rollout: &Rollout) -> (Self, String) {
        let status = &rollout.status;
        if !is_generation_seen(rollout) {
            return (Self::Progressing, "waiting for rollout spec update to be observed".into());
        }
        if status.controller_pause && status.pause_conditions.is_empty() {
            return (Self::Progressing, "waiting for rollout to unpause".into());
        }
        if !is_workload_seen(rollout) {
            let message = "waiting for rollout spec update to be observed for the reference workload";
            return (Self::Progressing, message.into());
        }
        let phase = match status.phase.as_deref() {
            Some("Healthy") => Self::Healthy,
            Some("Progressing") => Self::Progressing,
            Some("Paused") => Self::Paused,
            Some("Degraded") => Self::Degraded,
            _ => Self::Unknown,
        };
        (phase, status.message.clone().unwrap_or_default())
    }

    /// Icon and word.
    pub fn status(self) -> Status {
        let icon = match self {
            Self::Healthy => Icon::Good,
            Self::Progressing => Icon::Progressing,
            Self::Paused => Icon::Paused,
            Self::Degraded => Icon::Bad,
            Self::Unknown => Icon::Unknown,
        };
        Status::new(icon, self.word())
    }
}

/// A text that is no number, or one above the generation, is a hash that controllers before 1.0 recorded.
pub(super) fn is_generation_seen(rollout: &Rollout) -> bool {
    let Some(recorded) = rollout.status.observed_generation.as_deref().filter(|text| !text.is_empty()) else {
        return false;
    };
    recorded.parse().map_or(true, |number: i64| number >= rollout.metadata.generation)
}

/// The workload that is referred to was looked at as it is now.
pub(super) fn is_workload_seen(rollout: &Rollout) -> bool {
    let generation = rollout.metadata.annotation(keys::WORKLOAD_GENERATION).and_then(|text| text.parse::<i64>().ok());
    let seen = rollout.status.workload_observed_generation.as_deref().and_then(|text| text.parse::<i64>().ok());
    match (&rollout.spec.workload_ref, generation, seen) {
        (Some(_), Some(generation), Some(seen)) => generation == seen,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::Phase;
    use crds::Rollout;
    use serde_json::{Value, json};

    #[test]
    fn what_was_not_seen_yet_comes_before_what_is_recorded() {
        let unseen = "waiting for rollout spec update to be observed";
        let recorded = |changes: Value| {
            let mut status = json!({"observedGeneration": "3", "phase": "Healthy"});
            if let (Some(status), Value::Object(changes)) = (status.as_object_mut(), changes) {
                status.extend(changes);
            }
            status
        };
        let workload = "waiting for rollout spec update to be observed for the reference workload";
        for (status, phase, message) in [
            (json!({}), Phase::Progressing, unseen),
            (recorded(json!({})), Phase::Healthy, ""),
            (recorded(json!({"observedGeneration": "2"})), Phase::Progressing, unseen),
            (recorded(json!({"observedGeneration": "6cf8c87b77"})), Phase::Healthy, ""),
            (recorded(json!({"observedGeneration": "7589658"})), Phase::Healthy, ""),
            (recorded(json!({"controllerPause": true})), Phase::Progressing, "waiting for rollout to unpause"),
            (
                recorded(json!({
                    "controllerPause": true, "phase": "Paused", "message": "CanaryPauseStep",
                    "pauseConditions": [{"reason": "CanaryPauseStep"}],
                })),
                Phase::Paused,
                "CanaryPauseStep",
            ),
            (recorded(json!({"workloadObservedGeneration": "4"})), Phase::Progressing, workload),
            (recorded(json!({"workloadObservedGeneration": "5"})), Phase::Healthy, ""),
            (recorded(json!({"phase": "Degraded", "message": "bad"})), Phase::Degraded, "bad"),
            (recorded(json!({"phase": "Sleepy"})), Phase::Unknown, ""),
        ] {
            let rollout = Rollout::from_value(&json!({
                "metadata": {"generation": 3, "annotations": {"rollout.argoproj.io/workload-generation": "5"}},
                "spec": {"workloadRef": {"kind": "Deployment", "name": "web"}},
                "status": status,
            }))
            .expect("is a Rollout");
            assert_eq!(Phase::of(&rollout), (phase, message.to_owned()), "{status}");
        }
    }
}
