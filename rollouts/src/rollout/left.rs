//! What does a Rollout leave behind? Services, subsets and virtual nodes that it pointed at its revisions, and that it names no more
//! or that outlive it, lose the hash and the mark: then they lead to whatever the user's own labels select. An Ingress of AWS' controller
//! leads to one Service again.
//!
//! Only what carries the Rollout's mark is touched.

use super::{observed::References, traffic::alb::reset};
use crds::{Kind, RawObject, Service, keys, kind};
use plan::{ObjectRef, Target, Write, reason::RolloutReason};
use serde_json::{Value, json};
use std::sync::Arc;

/// What carries the mark of a Rollout.
#[derive(Clone, Debug, Default)]
pub struct Marked {
    /// The Rollout's name.
    pub rollout: String,
    /// Services.
    pub services: Vec<Arc<Service>>,
    /// DestinationRules.
    pub rules: Vec<Arc<RawObject>>,
    /// Virtual nodes.
    pub nodes: Vec<Arc<RawObject>>,
    /// Ingresses.
    pub ingresses: Vec<Arc<RawObject>>,
}

/// Gives back what is marked and not among these references; those of a Rollout that is no more are none.
pub fn writes(marked: &Marked, references: &References) -> Vec<Write> {
    let is_left = |service: &&Arc<Service>| !references.services.contains(&service.metadata.name);
    let services = marked.services.iter().filter(is_left).map(|service| {
        let name = &service.metadata.name;
        let spec = json!({ "selector": { keys::POD_TEMPLATE_HASH: null } });
        given_back(Target::of(&kind::SERVICE, &service.metadata), format!("service {name}"), &spec)
    });
    let is_named = |kind: &Kind, found: &RawObject| {
        let named = ObjectRef::of(kind, &found.metadata.namespace, &found.metadata.name);
        references.objects.contains(&named)
    };
    let rules = marked.rules.iter().filter(|rule| !is_named(&kind::DESTINATION_RULE, rule));
    let rules = rules.map(|rule| {
        let target = Target::of(&kind::DESTINATION_RULE, &rule.metadata);
        given_back(target, format!("DestinationRule {}", rule.metadata.name), &without_hashes(rule))
    });
    let nodes = marked.nodes.iter().filter(|node| !is_named(&kind::VIRTUAL_NODE, node)).map(|node| {
        let spec = json!({ "podSelector": { "matchLabels": { keys::POD_TEMPLATE_HASH: null } } });
        let target = Target::of(&kind::VIRTUAL_NODE, &node.metadata);
        given_back(target, format!("virtual node {}", node.metadata.name), &spec)
    });
    let ingresses = marked.ingresses.iter().filter(|ingress| !is_named(&kind::INGRESS, ingress));
    let ingresses = ingresses.filter_map(|ingress| {
        let body = reset::given_back(ingress, &marked.rollout)?;
        let because = RolloutReason::ActionReset { ingress: ingress.metadata.name.clone() };
        Some(Write::patch(Target::of(&kind::INGRESS, &ingress.metadata), body, because.into()))
    });
    services.chain(rules).chain(nodes).chain(ingresses).collect()
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
        let services = vec![service("stable"), service("canary")];
        let labels = json!({"matchLabels": {"app": "web", keys::POD_TEMPLATE_HASH: "abc"}});
        let node = json!({"metadata": meta("old"), "spec": {"podSelector": labels}});
        let nodes = vec![Arc::new(RawObject::from_value(&node).expect("a virtual node"))];
        Marked { rollout: "web".into(), services, rules: vec![rule], nodes, ingresses: vec![ingress()] }
    }

    const ACTION: &str = "alb.ingress.kubernetes.io/actions.stable";

    fn action(groups: &[(&str, i64)]) -> String {
        let group = |(service, weight): &(&str, i64)| {
            format!("{{\"ServiceName\":\"{service}\",\"ServicePort\":\"80\",\"Weight\":{weight}}}")
        };
        let groups: Vec<String> = groups.iter().map(group).collect();
        format!("{{\"Type\":\"forward\",\"ForwardConfig\":{{\"TargetGroups\":[{}]}}}}", groups.join(","))
    }

    fn path(service: &str) -> Value {
        json!({"backend": {"service": {"name": service, "port": {"name": "use-annotation"}}}})
    }

    /// One with an action, a route by header, and an action of another Rollout.
    fn ingress() -> Arc<RawObject> {
        let [beta, when] = ["actions", "conditions"].map(|kind| format!("alb.ingress.kubernetes.io/{kind}.beta"));
        let root = "alb.ingress.kubernetes.io/actions.root";
        let record = json!({"web": [ACTION, beta, when, root], "other": ["x"]}).to_string();
        let shares = action(&[("canary", 20), ("stable", 80)]);
        let annotations = json!({ACTION: shares, root: shares, beta: "b", when: "w", keys::MANAGED_ALB_ANNOTATIONS: record, "x": "1"});
        let rules = json!([{"host": "a", "http": {"paths": [path("beta"), path("stable")]}}]);
        let meta = json!({"name": "edge", "namespace": "shop", "annotations": annotations});
        Arc::new(RawObject::from_value(&json!({"metadata": meta, "spec": {"rules": rules}})).expect("an Ingress"))
    }

    #[test]
    fn an_ingress_leads_to_one_service_again() {
        let body = reset::given_back(&ingress(), "web").expect("it keeps something");
        let alone = action(&[("stable", 100)]);
        let annotations = json!({
            ACTION: alone, "alb.ingress.kubernetes.io/actions.root": alone,
            "alb.ingress.kubernetes.io/actions.beta": null, "alb.ingress.kubernetes.io/conditions.beta": null,
            keys::MANAGED_ALB_ANNOTATIONS: json!({"other": ["x"]}).to_string(),
        });
        let rules = json!([{"host": "a", "http": {"paths": [path("stable")]}}]);
        assert_eq!(body, json!({"metadata": {"annotations": annotations}, "spec": {"rules": rules}}));
        assert_eq!(reset::given_back(&ingress(), "nobody"), None);
    }

    #[test]
    fn what_is_named_no_more_is_given_back() {
        let rollout = |strategy: Value| {
            let object = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"strategy": strategy}});
            References::of(&Rollout::from_value(&object).expect("a Rollout"))
        };
        let istio = json!({"virtualService": {"name": "web"}, "destinationRule": {"name": "web"}});
        let group = json!({"canaryVirtualNodeRef": {"name": "new"}, "stableVirtualNodeRef": {"name": "old"}});
        let mesh = json!({"virtualService": {"name": "web"}, "virtualNodeGroup": group});
        let routed = json!({"istio": istio, "appMesh": mesh, "alb": {"ingress": "edge", "servicePort": 80}});
        for (references, expected) in [
            (References::default(), vec!["stable", "canary", "web", "old", "edge"]),
            (rollout(json!({"canary": {"stableService": "stable"}})), vec!["canary", "web", "old", "edge"]),
            (
                rollout(
                    json!({"canary": {"stableService": "stable", "canaryService": "canary", "trafficRouting": routed}}),
                ),
                vec![],
            ),
            (rollout(json!({"blueGreen": {"activeService": "canary"}})), vec!["stable", "web", "old", "edge"]),
        ] {
            let writes = writes(&marked(), &references);
            let names: Vec<&str> = writes.iter().map(|write| write.verb.object().name.as_str()).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn hash_and_mark_go_and_all_else_stays() {
        let marked = Marked { ingresses: Vec::new(), ..marked() };
        let bodies: Vec<Value> = writes(&marked, &References::default())
            .into_iter()
            .filter_map(|write| if let plan::Verb::Patch { body, .. } = write.verb { Some(body) } else { None })
            .collect();
        let mark = json!({"annotations": {keys::MANAGED_BY_ROLLOUTS: null}});
        let service = json!({"metadata": mark, "spec": {"selector": {keys::POD_TEMPLATE_HASH: null}}});
        let node = json!({"metadata": mark, "spec": {"podSelector": {"matchLabels": {keys::POD_TEMPLATE_HASH: null}}}});
        let subset = json!({"name": "stable", "labels": {"app": "web"}, "trafficPolicy": {"x": 1}});
        let rule = json!({"metadata": mark, "spec": {"subsets": [subset, {"name": "other"}]}});
        assert_eq!(bodies, [service.clone(), service, rule, node]);
    }
}
