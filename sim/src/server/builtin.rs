//! Built-in kinds: their fields as Kubernetes types know them, their defaults, and the rules that stories rely on.
//!
//! An object goes through its Rust type and back, which drops unknown fields and refuses wrong types as a real server's
//! decoder does. Nothing is stored here.

mod checks;
mod defaults;
mod quantity;

pub(crate) use checks::check;
pub(crate) use defaults::fill_in;
pub(crate) use quantity::canonical as canonical_quantity;

use crate::server::{kinds::Kind, object, refusal::Refusal};
use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination,
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Shapes an object as its kind's type, and returns the paths of fields that the type does not know.
pub(crate) fn normalise(kind: &Kind, value: &mut Value) -> Result<Vec<String>, Refusal> {
    let Some(read) = reader(kind) else { return Ok(Vec::new()) };
    write_quantities(value);
    move_string_data(kind, value);
    let shaped = read(value).map_err(|error| {
        Refusal::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: {error}",
            kind.kind, kind.version, kind.kind
        ))
    })?;
    let mut unknown = Vec::new();
    find_unknown(value, &shaped, "", &mut unknown);
    *value = shaped;
    drop_empty(value);
    if let Some(status) = value.get_mut("status").and_then(Value::as_object_mut) {
        status.retain(|key, count| !COUNTS.contains(&key.as_str()) || count.as_i64() != Some(0));
    }
    Ok(unknown)
}

type Reader = fn(&Value) -> serde_json::Result<Value>;

fn through<T: Serialize + for<'a> Deserialize<'a>>(value: &Value) -> serde_json::Result<Value> {
    serde_json::to_value(T::deserialize(value)?)
}

fn reader(kind: &Kind) -> Option<Reader> {
    if kind.custom {
        return None;
    }
    Some(match kind.kind.as_str() {
        "ClusterRole" => through::<rbac::ClusterRole>,
        "ClusterRoleBinding" => through::<rbac::ClusterRoleBinding>,
        "ConfigMap" => through::<core::ConfigMap>,
        "CronJob" => through::<batch::CronJob>,
        "DaemonSet" => through::<apps::DaemonSet>,
        "Deployment" => through::<apps::Deployment>,
        "EndpointSlice" => through::<discovery::EndpointSlice>,
        "Endpoints" => through::<core::Endpoints>,
        "Event" => through::<core::Event>,
        "HorizontalPodAutoscaler" => through::<autoscaling::HorizontalPodAutoscaler>,
        "Ingress" => through::<networking::Ingress>,
        "Job" => through::<batch::Job>,
        "Lease" => through::<coordination::Lease>,
        "Namespace" => through::<core::Namespace>,
        "NetworkPolicy" => through::<networking::NetworkPolicy>,
        "Node" => through::<core::Node>,
        "Pod" => through::<core::Pod>,
        "PodDisruptionBudget" => through::<policy::PodDisruptionBudget>,
        "PodTemplate" => through::<core::PodTemplate>,
        "ReplicaSet" => through::<apps::ReplicaSet>,
        "Role" => through::<rbac::Role>,
        "RoleBinding" => through::<rbac::RoleBinding>,
        "Secret" => through::<core::Secret>,
        "Service" => through::<core::Service>,
        "ServiceAccount" => through::<core::ServiceAccount>,
        "StatefulSet" => through::<apps::StatefulSet>,
        // Definitions and revisions hold free JSON, which a type would change.
        _ => return None,
    })
}

fn find_unknown(given: &Value, shaped: &Value, path: &str, unknown: &mut Vec<String>) {
    match (given, shaped) {
        (Value::Object(given), Value::Object(shaped)) => {
            for (key, value) in given {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match shaped.get(key) {
                    Some(kept) => find_unknown(value, kept, &inner, unknown),
                    None if value.is_null() => {}
                    None => unknown.push(inner),
                }
            }
        }
        (Value::Array(given), Value::Array(shaped)) => {
            for (index, (value, kept)) in given.iter().zip(shaped).enumerate() {
                find_unknown(value, kept, &format!("{path}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}

/// Maps that are left out when they are empty.
const MAPS: &[&str] =
    &["labels", "annotations", "nodeSelector", "matchLabels", "data", "limits", "requests", "resourceHealth"];

/// Texts that are left out when they are empty.
const TEXTS: &[&str] = &[
    "clusterIP",
    "generateName",
    "hostname",
    "imagePullPolicy",
    "namespace",
    "nodeName",
    "resourceVersion",
    "serviceAccountName",
    "subdomain",
    "value",
];

/// Counts in a status that are left out when they are zero.
const COUNTS: &[&str] = &[
    "active",
    "availableReplicas",
    "failed",
    "fullyLabeledReplicas",
    "observedGeneration",
    "readyReplicas",
    "succeeded",
    "terminatingReplicas",
    "unavailableReplicas",
    "updatedReplicas",
];

fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, inner| match inner {
                Value::Array(elements) => !elements.is_empty(),
                Value::Object(map) => !map.is_empty() || !MAPS.contains(&key.as_str()),
                Value::String(text) => !text.is_empty() || !TEXTS.contains(&key.as_str()),
                _ => true,
            });
            fields.values_mut().for_each(drop_empty);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

/// Writes amounts of resources as text in their shortest form, as the server's own type does.
fn write_quantities(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields.iter_mut() {
                match (key.as_str(), inner) {
                    ("limits" | "requests" | "capacity" | "allocatable", Value::Object(amounts)) => {
                        amounts.values_mut().for_each(write_quantity);
                    }
                    ("sizeLimit" | "divisor", amount) => write_quantity(amount),
                    (_, inner) => write_quantities(inner),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(write_quantities),
        _ => {}
    }
}

fn write_quantity(amount: &mut Value) {
    let text = match &*amount {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return,
    };
    *amount = canonical_quantity(&text).unwrap_or(text).into();
}

/// A Secret's `stringData` is only ever written.
fn move_string_data(kind: &Kind, value: &mut Value) {
    if !kind.is("", "secrets") {
        return;
    }
    let Some(Value::Object(plain)) = object::take(value, &["stringData"]) else { return };
    for (key, text) in plain {
        let encoded = base64(text.as_str().unwrap_or_default().as_bytes());
        object::put(value, &["data", &key], encoded.into());
    }
}

fn base64(bytes: &[u8]) -> String {
    let encoded = serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()));
    encoded.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::normalise;
    use crate::server::kinds::Kinds;
    use serde_json::json;

    #[test]
    fn shapes_objects() {
        let kinds = Kinds::built_in();
        let kind = kinds.of_path("apps", "v1", "deployments").expect("built in");
        let mut value = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a", "labels": {} },
            "spec": { "foo": 1, "selector": { "matchLabels": { "a": "b" } }, "template": { "spec": { "volumes": [],
                "containers": [{ "name": "c", "resources": { "limits": { "cpu": 1, "memory": "1024Mi" } }, "bar": 2 }] } } },
        });
        let mut unknown = normalise(&kind, &mut value).expect("readable");
        unknown.sort();
        assert_eq!(unknown, ["spec.foo", "spec.template.spec.containers[0].bar"]);
        let container = &value["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["resources"]["limits"], json!({ "cpu": "1", "memory": "1Gi" }));
        assert_eq!(value["metadata"], json!({ "name": "a" }));
        let mut wrong = json!({ "spec": { "replicas": "three" } });
        assert_eq!(normalise(&kind, &mut wrong).expect_err("no number").code, 400);
        let mut secret = json!({ "stringData": { "a": "hi" } });
        normalise(&kinds.of_path("", "v1", "secrets").expect("built in"), &mut secret).expect("readable");
        assert_eq!(secret["data"], json!({ "a": "aGk=" }));
    }
}
