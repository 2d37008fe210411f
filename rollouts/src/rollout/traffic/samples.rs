//! What the tables of all routers begin with: a Rollout called `shop` in the namespace `web`, what is observed beside it, and what
//! is wanted of its routes. No rule is tested here.

use super::router::{Branch, Change, Router, Wanted};
use crate::rollout::observed::Observed;
use crds::{Kind, RawObject, Rollout, rollout::CanaryStrategy};
use plan::ObjectRef;
use serde_json::{Value, json};
use std::sync::Arc;

/// A canary between two Services with this routing.
pub fn canary(routing: &Value) -> CanaryStrategy {
    let strategy = json!({"canaryService": "canary", "stableService": "stable", "trafficRouting": routing});
    serde_json::from_value(strategy).expect("a strategy")
}

/// What is observed where these objects are.
pub fn observed(objects: &[Value]) -> Observed {
    let meta = json!({"name": "shop", "namespace": "web", "uid": "me"});
    let rollout = Rollout::from_value(&json!({ "metadata": meta })).expect("a Rollout");
    let routed = objects.iter().map(|object| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).expect("a field");
        let kind = Kind::of(text("/apiVersion"), text("/kind")).expect("a known kind");
        let found = RawObject::from_value(object).expect("an object");
        (ObjectRef::of(kind, "web", &found.metadata.name), Arc::new(found))
    });
    Observed { rollout: Arc::new(rollout), routed: routed.collect(), ..Observed::default() }
}

/// An object of this kind.
pub fn object(kind: &Kind, name: &str, spec: Value) -> Value {
    let meta = json!({"name": name, "namespace": "web"});
    json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": meta, "spec": spec})
}

/// The object with somebody as its controller.
pub fn owned_by(mut object: Value, uid: &str) -> Value {
    object["metadata"]["ownerReferences"] =
        json!([{"kind": "Rollout", "name": "shop", "uid": uid, "controller": true}]);
    object
}

/// This weight for the canary, and no more.
pub fn wanted(canary: i32) -> Wanted<'static> {
    Wanted { canary, whole: 100, others: Vec::new(), managed: Vec::new() }
}

/// A Service of an Experiment.
pub fn branch(service: &str, weight: i32) -> Branch {
    Branch { service: service.into(), hash: Some("e1".into()), weight, pods: 1 }
}

/// What the check of a router says.
pub fn said(router: &dyn Router, observed: &Observed) -> Result<(), String> {
    router.check(observed).map_err(|invalid| invalid.to_string())
}

/// The object as it is once it is brought to what is wanted.
pub fn brought(
    router: &dyn Router,
    observed: &Observed,
    named: &ObjectRef,
    found: &Value,
    wanted: &Wanted<'_>,
) -> Value {
    match router.change(observed, named, found, wanted) {
        None => found.clone(),
        Some(Change::Create(body)) => body,
        Some(Change::Patch(patch)) => plan::patched(found, &patch),
        Some(Change::Delete) => Value::Null,
    }
}
