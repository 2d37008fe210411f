//! Health of the built-in kinds: the first rule that holds decides.

use super::{Health, HealthCode};
use crate::key::{at, text};
use serde_json::Value;

fn number(object: &Value, path: &[&str]) -> i64 {
    at(object, path).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether the controller of a kind has not yet seen the latest spec.
fn is_unseen(object: &Value) -> bool {
    number(object, &["metadata", "generation"]) > number(object, &["status", "observedGeneration"])
}

fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let conditions = at(object, &["status", "conditions"])?.as_array()?;
    conditions.iter().find(|condition| text(condition, &["type"]) == Some(name))
}

fn is_true(condition: Option<&Value>) -> bool {
    condition.and_then(|condition| text(condition, &["status"])) == Some("True")
}

fn progressing(message: String) -> Health {
    Health::new(HealthCode::Progressing, format!("Waiting for rollout to finish: {message}"))
}

/// A Deployment.
pub(super) fn deployment(object: &Value) -> Health {
    if at(object, &["spec", "paused"]).and_then(Value::as_bool) == Some(true) {
        return Health::new(HealthCode::Suspended, "Deployment is paused");
    }
    if is_unseen(object) {
        return progressing("observed deployment generation less than desired generation".into());
    }
    let reason = condition(object, "Progressing").and_then(|condition| text(condition, &["reason"]));
    if reason == Some("ProgressDeadlineExceeded") {
        let name = text(object, &["metadata", "name"]).unwrap_or("");
        return Health::new(HealthCode::Degraded, format!("Deployment {name:?} exceeded its progress deadline"));
    }
    let wanted = at(object, &["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1);
    let [updated, replicas, available] =
        ["updatedReplicas", "replicas", "availableReplicas"].map(|name| number(object, &["status", name]));
    if updated < wanted {
        return progressing(format!("{updated} out of {wanted} new replicas have been updated..."));
    }
    if replicas > updated {
        return progressing(format!("{} old replicas are pending termination...", replicas - updated));
    }
    if available < updated {
        return progressing(format!("{available} of {updated} updated replicas are available..."));
    }
    Health::new(HealthCode::Healthy, "")
}

/// A ReplicaSet.
pub(super) fn replica_set(object: &Value) -> Health {
    if is_unseen(object) {
        return progressing("observed replica set generation less than desired generation".into());
    }
    let failure = condition(object, "ReplicaFailure");
    if is_true(failure) {
        return Health::new(HealthCode::Degraded, failure.and_then(|found| text(found, &["message"])).unwrap_or(""));
    }
    let wanted = at(object, &["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1);
    let available = number(object, &["status", "availableReplicas"]);
    if available < wanted {
        return progressing(format!("{available} out of {wanted} new replicas are available..."));
    }
    Health::new(HealthCode::Healthy, "")
}

/// A Service: only one that waits for its load balancer is not well.
pub(super) fn service(object: &Value) -> Health {
    let is_balanced = text(object, &["spec", "type"]) == Some("LoadBalancer");
    let ingress = at(object, &["status", "loadBalancer", "ingress"]).and_then(Value::as_array);
    if is_balanced && ingress.is_none_or(Vec::is_empty) {
        return Health::new(HealthCode::Progressing, "");
    }
    Health::new(HealthCode::Healthy, "")
}

/// A Job. A condition `Suspended`, even a false one, counts as the end of it, as clients expect.
pub(super) fn job(object: &Value) -> Health {
    let said =
        |name: &str| condition(object, name).and_then(|found| text(found, &["message"])).unwrap_or("").to_owned();
    if is_true(condition(object, "Failed")) {
        return Health::new(HealthCode::Degraded, said("Failed"));
    }
    if is_true(condition(object, "Suspended")) {
        return Health::new(HealthCode::Suspended, said("Suspended"));
    }
    match ["Complete", "Failed", "Suspended"].into_iter().find(|name| condition(object, name).is_some()) {
        Some(name) => Health::new(HealthCode::Healthy, said(name)),
        None => Health::new(HealthCode::Progressing, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HealthCode, of};
    use serde_json::{Value, json};

    fn code(api_version: &str, kind: &str, spec: Value, status: Value) -> (HealthCode, String) {
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "generation": 2}, "spec": spec, "status": status});
        let health = of(&object).expect("the kind has a health");
        (health.code, health.message)
    }

    #[test]
    fn deployments() {
        let seen = |fields: Value| {
            let mut status = json!({"observedGeneration": 2});
            status.as_object_mut().expect("is an object").extend(fields.as_object().cloned().unwrap_or_default());
            status
        };
        for (spec, status, expected, message) in [
            (json!({"paused": true}), json!({}), HealthCode::Suspended, "Deployment is paused"),
            (
                json!({}),
                json!({"observedGeneration": 1}),
                HealthCode::Progressing,
                "Waiting for rollout to finish: observed deployment generation less than desired generation",
            ),
            (
                json!({}),
                seen(json!({"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]})),
                HealthCode::Degraded,
                "Deployment \"web\" exceeded its progress deadline",
            ),
            (
                json!({"replicas": 3}),
                seen(json!({"updatedReplicas": 1})),
                HealthCode::Progressing,
                "Waiting for rollout to finish: 1 out of 3 new replicas have been updated...",
            ),
            (
                json!({}),
                seen(json!({"updatedReplicas": 1, "replicas": 2})),
                HealthCode::Progressing,
                "Waiting for rollout to finish: 1 old replicas are pending termination...",
            ),
            (
                json!({}),
                seen(json!({"updatedReplicas": 1, "replicas": 1})),
                HealthCode::Progressing,
                "Waiting for rollout to finish: 0 of 1 updated replicas are available...",
            ),
            (
                json!({}),
                seen(json!({"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1})),
                HealthCode::Healthy,
                "",
            ),
            (json!({"replicas": 0}), seen(json!({})), HealthCode::Healthy, ""),
        ] {
            assert_eq!(code("apps/v1", "Deployment", spec, status), (expected, message.to_owned()));
        }
    }

    #[test]
    fn other_kinds() {
        for (api_version, kind, spec, status, expected) in [
            (
                "apps/v1",
                "ReplicaSet",
                json!({"replicas": 1}),
                json!({"observedGeneration": 1}),
                HealthCode::Progressing,
            ),
            (
                "apps/v1",
                "ReplicaSet",
                json!({"replicas": 1}),
                json!({"observedGeneration": 2}),
                HealthCode::Progressing,
            ),
            (
                "apps/v1",
                "ReplicaSet",
                json!({"replicas": 1}),
                json!({"observedGeneration": 2, "availableReplicas": 1}),
                HealthCode::Healthy,
            ),
            (
                "apps/v1",
                "ReplicaSet",
                json!({"replicas": 1}),
                json!({"observedGeneration": 2, "conditions": [{"type": "ReplicaFailure", "status": "True"}]}),
                HealthCode::Degraded,
            ),
            ("v1", "Service", json!({}), json!({}), HealthCode::Healthy),
            ("v1", "Service", json!({"type": "LoadBalancer"}), json!({"loadBalancer": {}}), HealthCode::Progressing),
            (
                "v1",
                "Service",
                json!({"type": "LoadBalancer"}),
                json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}),
                HealthCode::Healthy,
            ),
            ("batch/v1", "Job", json!({}), json!({}), HealthCode::Progressing),
            (
                "batch/v1",
                "Job",
                json!({}),
                json!({"conditions": [{"type": "Complete", "status": "True"}]}),
                HealthCode::Healthy,
            ),
            (
                "batch/v1",
                "Job",
                json!({}),
                json!({"conditions": [{"type": "Failed", "status": "True"}]}),
                HealthCode::Degraded,
            ),
            (
                "batch/v1",
                "Job",
                json!({}),
                json!({"conditions": [{"type": "Suspended", "status": "True"}]}),
                HealthCode::Suspended,
            ),
            (
                "batch/v1",
                "Job",
                json!({}),
                json!({"conditions": [{"type": "Suspended", "status": "False"}]}),
                HealthCode::Healthy,
            ),
        ] {
            assert_eq!(code(api_version, kind, spec.clone(), status.clone()).0, expected, "{kind} {spec} {status}");
        }
    }
}
