//! The requests that the actors of a world send: any object as raw JSON, with or without a status half.
//!
//! Thin on purpose: no types, no retries. An actor that fails looks again and tries again.

use crds::kind;
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A kind of objects that requests are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub crds::Kind);

/// Pods.
pub const POD: Kind = Kind(kind::POD);
/// Services.
pub const SERVICE: Kind = Kind(kind::SERVICE);
/// ReplicaSets.
pub const REPLICA_SET: Kind = Kind(kind::REPLICA_SET);
/// EndpointSlices.
pub const ENDPOINT_SLICE: Kind = Kind(kind::ENDPOINT_SLICE);
/// Jobs.
pub const JOB: Kind = Kind(kind::JOB);
/// Istio's VirtualServices.
pub const VIRTUAL_SERVICE: Kind = Kind(kind::VIRTUAL_SERVICE);
/// Istio's DestinationRules.
pub const DESTINATION_RULE: Kind = Kind(kind::DESTINATION_RULE);
/// Gateway API's HTTPRoutes.
pub const HTTP_ROUTE: Kind = Kind(kind::HTTP_ROUTE);

/// Ingresses.
pub const INGRESS: Kind = Kind(kind::INGRESS);

/// The result of a request.
pub type Answer = Result<Value, kube::Error>;

impl Kind {
    /// The path of all objects of this kind.
    pub fn everywhere(self) -> String {
        self.0.path(None)
    }

    fn collection(self, namespace: &str) -> String {
        self.0.path(Some(namespace))
    }

    fn object(self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }

    /// Makes an object.
    pub async fn create(self, client: &Client, namespace: &str, body: &Value) -> Answer {
        send(client, "POST", &self.collection(namespace), "application/json", body).await
    }

    /// Changes an object by merge patch.
    pub async fn patch(self, client: &Client, namespace: &str, name: &str, body: &Value) -> Answer {
        send(client, "PATCH", &self.object(namespace, name), "application/merge-patch+json", body).await
    }

    /// Changes an object's status by merge patch.
    pub async fn patch_status(self, client: &Client, namespace: &str, name: &str, status: &Value) -> Answer {
        let path = format!("{}/status", self.object(namespace, name));
        send(client, "PATCH", &path, "application/merge-patch+json", &json!({ "status": status })).await
    }

    /// Puts a pod on a node.
    pub(crate) async fn bind(self, client: &Client, namespace: &str, name: &str, node: &str) -> Answer {
        let body = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name },
            "target": { "apiVersion": "v1", "kind": "Node", "name": node },
        });
        send(client, "POST", &format!("{}/binding", self.object(namespace, name)), "application/json", &body).await
    }

    /// Deletes an object of this identity; `grace_secs` is for pods.
    pub async fn delete(self, client: &Client, object: &Value, grace_secs: Option<u32>) -> Answer {
        let mut options = json!({ "preconditions": { "uid": text(object, "/metadata/uid") } });
        if let (Some(grace), Some(fields)) = (grace_secs, options.as_object_mut()) {
            fields.insert("gracePeriodSeconds".to_owned(), grace.into());
        }
        let (namespace, name) = name_of(object);
        send(client, "DELETE", &self.object(&namespace, &name), "application/json", &options).await
    }
}

async fn send(client: &Client, method: &str, path: &str, media: &str, body: &Value) -> Answer {
    let bytes = serde_json::to_vec(body).map_err(kube::Error::SerdeError)?;
    let request = Request::builder().method(method).uri(path).header("content-type", media).body(bytes);
    client.request(request.map_err(kube::Error::HttpError)?).await
}

/// The value at a JSON pointer. It is asked for all the time: unlike serde's own this makes no text of each step.
pub fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut steps = pointer.split('/');
    // Before the first slash there is nothing.
    steps.next();
    steps.try_fold(object, |inner, step| {
        let step =
            if step.contains('~') { Cow::Owned(step.replace("~1", "/").replace("~0", "~")) } else { step.into() };
        match inner {
            Value::Object(fields) => fields.get(&*step),
            Value::Array(elements) => elements.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    })
}

/// The text at a JSON pointer, or an empty one.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer, or 0.
pub fn number(object: &Value, pointer: &str) -> i64 {
    at(object, pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The list at a JSON pointer, or an empty one.
pub fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// An object's namespace and name.
pub fn name_of(object: &Value) -> (String, String) {
    (text(object, "/metadata/namespace").to_owned(), text(object, "/metadata/name").to_owned())
}

/// An annotation, or an empty text.
pub fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    let found = at(object, "/metadata/annotations").and_then(|all| all.get(key));
    found.and_then(Value::as_str).unwrap_or_default()
}

/// Has its deletion begun?
pub fn is_deleting(object: &Value) -> bool {
    at(object, "/metadata/deletionTimestamp").is_some()
}

/// The uid of the owner that controls an object.
pub fn controller_uid(object: &Value) -> &str {
    let owners = list(object, "/metadata/ownerReferences").iter();
    let owner = owners.into_iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true));
    owner.map(|owner| text(owner, "/uid")).unwrap_or_default()
}

/// Is a condition of this type true?
pub fn is_true(object: &Value, condition: &str) -> bool {
    let mut conditions = list(object, "/status/conditions").iter();
    conditions.any(|one| text(one, "/type") == condition && text(one, "/status") == "True")
}

/// Does a map of labels hold all of `wanted`? An empty one selects nothing.
pub fn selects(wanted: Option<&Value>, labels: Option<&Value>) -> bool {
    let Some(wanted) = wanted.and_then(Value::as_object).filter(|map| !map.is_empty()) else { return false };
    wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}
