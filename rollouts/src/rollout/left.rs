//! What does a Rollout leave behind? Services and subsets that it pointed at its revisions, and that it names no more or that
//! outlive it, lose the hash and the mark: then they lead to whatever the user's own labels select.
//!
//! Only what carries the Rollout's mark is touched.

use super::observed::References;
use crds::{RawObject, Service, keys, kind};
use plan::{ObjectRef, Target, Write, reason::RolloutReason};
use serde_json::{Value, json};
use std::sync::Arc;

/// What carries the mark of a Rollout.
#[derive(Clone, Debug, Default)]
pub struct Marked {
    /// Services.
    pub services: Vec<Arc<Service>>,
    /// DestinationRules.
    pub rules: Vec<Arc<RawObject>>,
}

/// Gives back what is marked and not among these references; those of a Rollout that is no more are none.
pub fn writes(marked: &Marked, references: &References) -> Vec<Write> {
    let is_left = |service: &&Arc<Service>| !references.services.contains(&service.metadata.name);
    let services = marked.services.iter().filter(is_left).map(|service| {
        let name = &service.metadata.name;
        let spec = json!({ "selector": { keys::POD_TEMPLATE_HASH: null } });
        given_back(Target::of(&kind::SERVICE, &service.metadata), format!("service {name}"), &spec)
    });
    let is_named = |object: &ObjectRef, rule: &RawObject| {
        object.kind == kind::DESTINATION_RULE.kind && object.name == rule.metadata.name
    };
    let rules = marked.rules.iter().filter(|rule| !references.objects.iter().any(|object| is_named(object, rule)));
    let rules = rules.map(|rule| {
        let target = Target::of(&kind::DESTINATION_RULE, &rule.metadata);
        given_back(target, format!("DestinationRule {}", rule.metadata.name), &without_hashes(rule))
    });
    services.chain(rules).collect()
}

fn given_back(target: Target, what: String, spec: &Value) -> Write {
    let body = json!({ "metadata": { "annotations": { keys::MANAGED_BY_ROLLOUTS: null } }, "spec": spec });
    Write::patch(target, body, RolloutReason::GivenBack { what }.into())
}

/// All subsets, since a merge patch replaces lists; every other field of them stays.
fn without_hashes(rule: &RawObject) -> Value {
    let mut subsets = rule.spec().get("subsets").and_then(Value::as_array).cloned().unwrap_or_default();
    for labels in subsets.iter_mut().filter_map(|subset| subset.get_mut("labels")?.as_object_mut()) {
        labels.remove(keys::POD_TEMPLATE_HASH);
    }
    json!({ "subsets": subsets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::Rollout;

    fn marked() -> Marked {
        let meta = |name: &str| json!({"name": name, "namespace": "shop", "uid": name, "resourceVersion": "7", "annotations": {keys::MANAGED_BY_ROLLOUTS: "web"}});
        let service = |name: &str| {
            let spec = json!({"selector": {"app": "web", keys::POD_TEMPLATE_HASH: "abc"}});
            Arc::new(Service::from_value(&json!({"metadata": meta(name), "spec": spec})).expect("a Service"))
        };
        let subset = json!({"name": "stable", "labels": {"app": "web", keys::POD_TEMPLATE_HASH: "abc"}, "trafficPolicy": {"x": 1}});
        let rule = json!({"metadata": meta("web"), "spec": {"host": "web", "subsets": [subset, {"name": "other"}]}});
        let rule = Arc::new(RawObject::from_value(&rule).expect("a DestinationRule"));
        Marked { services: vec![service("stable"), service("canary")], rules: vec![rule] }
    }

    #[test]
    fn what_is_named_no_more_is_given_back() {
        let rollout = |strategy: Value| {
            let object = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"strategy": strategy}});
            References::of(&Rollout::from_value(&object).expect("a Rollout"))
        };
        let routed = json!({"istio": {"virtualService": {"name": "web"}, "destinationRule": {"name": "web"}}});
        for (references, expected) in [
            (References::default(), vec!["stable", "canary", "web"]),
            (rollout(json!({"canary": {"stableService": "stable"}})), vec!["canary", "web"]),
            (
                rollout(
                    json!({"canary": {"stableService": "stable", "canaryService": "canary", "trafficRouting": routed}}),
                ),
                vec![],
            ),
            (rollout(json!({"blueGreen": {"activeService": "canary"}})), vec!["stable", "web"]),
        ] {
            let writes = writes(&marked(), &references);
            let names: Vec<&str> = writes.iter().map(|write| write.verb.object().name.as_str()).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn hash_and_mark_go_and_all_else_stays() {
        let bodies: Vec<Value> = writes(&marked(), &References::default())
            .into_iter()
            .filter_map(|write| if let plan::Verb::Patch { body, .. } = write.verb { Some(body) } else { None })
            .collect();
        let mark = json!({"annotations": {keys::MANAGED_BY_ROLLOUTS: null}});
        let service = json!({"metadata": mark, "spec": {"selector": {keys::POD_TEMPLATE_HASH: null}}});
        let subset = json!({"name": "stable", "labels": {"app": "web"}, "trafficPolicy": {"x": 1}});
        let rule = json!({"metadata": mark, "spec": {"subsets": [subset, {"name": "other"}]}});
        assert_eq!(bodies, [service.clone(), service, rule]);
    }
}
