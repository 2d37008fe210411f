//! Health of a Rollout: its own phase, once its controller has seen the latest spec.

use super::{Health, HealthCode};
use crate::key::{at, text};
use serde_json::Value;

/// A Rollout.
pub(super) fn rollout(object: &Value) -> Health {
    let phase = text(object, &["status", "phase"]).unwrap_or("");
    if phase.is_empty() {
        return Health::new(HealthCode::Progressing, "Waiting for rollout to finish: status has not been reconciled.");
    }
    let generation = at(object, &["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(0);
    // The Rollout writes the generation that it has seen as a text.
    let seen = text(object, &["status", "observedGeneration"]).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    if seen < generation {
        let message = "Waiting for rollout to finish: observed rollout generation less than desired generation";
        return Health::new(HealthCode::Progressing, message);
    }
    let message = text(object, &["status", "message"]).unwrap_or("");
    let code = match phase {
        "Healthy" => HealthCode::Healthy,
        "Paused" => HealthCode::Suspended,
        "Progressing" => HealthCode::Progressing,
        "Degraded" => HealthCode::Degraded,
        _ => HealthCode::Unknown,
    };
    Health::new(code, message)
}

#[cfg(test)]
mod tests {
    use super::super::{HealthCode, of};
    use serde_json::json;

    #[test]
    fn the_phase_speaks_once_it_is_up_to_date() {
        for (status, expected, message) in [
            (json!({}), HealthCode::Progressing, "Waiting for rollout to finish: status has not been reconciled."),
            (
                json!({"phase": "Healthy", "observedGeneration": "2"}),
                HealthCode::Progressing,
                "Waiting for rollout to finish: observed rollout generation less than desired generation",
            ),
            (json!({"phase": "Healthy", "observedGeneration": "3"}), HealthCode::Healthy, ""),
            (
                json!({"phase": "Paused", "observedGeneration": "3", "message": "CanaryPauseStep"}),
                HealthCode::Suspended,
                "CanaryPauseStep",
            ),
            (
                json!({"phase": "Progressing", "observedGeneration": "3", "message": "more replicas need to be updated"}),
                HealthCode::Progressing,
                "more replicas need to be updated",
            ),
            (
                json!({"phase": "Degraded", "observedGeneration": "3", "message": "InvalidSpec: x"}),
                HealthCode::Degraded,
                "InvalidSpec: x",
            ),
            (json!({"phase": "Other", "observedGeneration": "3"}), HealthCode::Unknown, ""),
        ] {
            let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"generation": 3}, "status": status});
            let health = of(&object).expect("a rollout has a health");
            assert_eq!((health.code, health.message.as_str()), (expected, message), "{status}");
        }
    }
}
