//! Routers whose objects hold lists of Services and weights: which lists a Rollout weighs, and the weights that it owns there.
//! Lists are atomic, so an apply carries them whole: this is where the live weights enter the list that is applied.

use serde_json::Value;

use super::mesh::set_weight;
use crate::{
    Rollout, kind,
    rollout::{CanaryStrategy, TrafficRouting},
};

/// Where the routes of App Mesh have their lists.
const APP_MESH: [&str; 4] = [
    "/httpRoute/action/weightedTargets",
    "/http2Route/action/weightedTargets",
    "/grpcRoute/action/weightedTargets",
    "/tcpRoute/action/weightedTargets",
];

/// The weights in one object that a Rollout sets.
pub(super) struct Shares<'a> {
    ends: [&'a str; 2],
    place: Place<'a>,
    /// What names the Service, or the virtual node, in an entry.
    key: &'static str,
}

/// Where the lists are.
enum Place<'a> {
    /// There is one.
    One(&'static str),
    /// Each of these rules has some: the rules, their names, where these are told, and the lists in each.
    Rules { rules: &'static str, names: Vec<&'a str>, lists: &'static [&'static str] },
}

impl<'a> Shares<'a> {
    /// What the Rollout claims in the object of this kind and name in its own namespace.
    pub(super) fn of(rollout: &'a Rollout, group: &str, kind: &str, name: &str) -> Option<Self> {
        let canary = rollout.spec.strategy.canary.as_ref()?;
        let routing = canary.traffic_routing.as_ref()?;
        let is = |known: &crate::Kind| known.group == group && known.kind == kind;
        if is(&kind::TRAEFIK_SERVICE) {
            return Self::of_traefik(canary, routing, name);
        }
        if is(&kind::VIRTUAL_ROUTER) {
            return Self::of_app_mesh(routing);
        }
        is(&kind::APISIX_ROUTE).then(|| Self::of_apisix(canary, routing, name)).flatten()
    }

    fn of_traefik(canary: &'a CanaryStrategy, routing: &'a TrafficRouting, name: &str) -> Option<Self> {
        routing.traefik.as_ref().filter(|traefik| traefik.weighted_traefik_service_name == name)?;
        Some(Self { ends: services(canary)?, place: Place::One("/spec/weighted/services"), key: "/name" })
    }

    fn of_apisix(canary: &'a CanaryStrategy, routing: &'a TrafficRouting, name: &str) -> Option<Self> {
        let route = routing.apisix.as_ref()?.route.as_ref().filter(|route| route.name == name)?;
        let named: Vec<&str> = route.rules.iter().map(String::as_str).collect();
        let names = if named.is_empty() { vec![route.name.as_str()] } else { named };
        let place = Place::Rules { rules: "/spec/http", names, lists: &["/backends"] };
        Some(Self { ends: services(canary)?, place, key: "/serviceName" })
    }

    /// The Rollout does not name the router: its two nodes tell.
    fn of_app_mesh(routing: &'a TrafficRouting) -> Option<Self> {
        let app_mesh = routing.app_mesh.as_ref()?;
        let group = app_mesh.virtual_node_group.as_ref()?;
        let nodes = [&group.canary_virtual_node_ref, &group.stable_virtual_node_ref];
        let [Some(canary), Some(stable)] = nodes.map(|node| node.as_ref().map(|node| node.name.as_str())) else {
            return None;
        };
        let names = app_mesh.virtual_service.iter().flat_map(|service| &service.routes).map(String::as_str).collect();
        let place = Place::Rules { rules: "/spec/routes", names, lists: &APP_MESH };
        Some(Self { ends: [canary, stable], place, key: "/virtualNodeRef/name" })
    }

    fn service<'v>(&self, entry: &'v Value) -> Option<&'v str> {
        entry.pointer(self.key).and_then(Value::as_str).filter(|name| self.ends.contains(name))
    }

    /// Puts the live weights into a list.
    fn keep(&self, wanted: Option<&mut Value>, found: Option<&Value>) {
        let wanted = wanted.and_then(Value::as_array_mut).into_iter().flatten();
        let Some(found) = found.and_then(Value::as_array) else { return };
        for entry in wanted {
            let Some(service) = self.service(entry) else { continue };
            if let Some(same) = found.iter().find(|other| self.service(other) == Some(service)) {
                set_weight(entry, same.get("weight"));
            }
        }
    }
}

fn services(canary: &CanaryStrategy) -> Option<[&str; 2]> {
    Some([canary.canary_service.as_deref()?, canary.stable_service.as_deref()?])
}

/// Puts live weights into an object.
pub(super) fn keep_weights(kept: &mut Value, live: &Value, claim: &Shares<'_>) {
    match &claim.place {
        Place::One(list) => claim.keep(kept.pointer_mut(list), live.pointer(list)),
        Place::Rules { rules, names, lists } => {
            let name = |rule: &Value| rule.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let wanted = kept.pointer_mut(rules).and_then(Value::as_array_mut).into_iter().flatten();
            for rule in wanted.filter(|rule| names.is_empty() || names.contains(&name(rule).as_str())) {
                let found = live.pointer(rules).and_then(Value::as_array).into_iter().flatten();
                let same = found.into_iter().find(|other| name(other) == name(rule));
                for list in *lists {
                    claim.keep(rule.pointer_mut(list), same.and_then(|same| same.pointer(list)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Kind, Rollout, kind, owned};

    fn rollout(routing: &Value) -> Rollout {
        let canary = json!({"canaryService": "canary", "stableService": "stable", "trafficRouting": routing});
        let meta = json!({"name": "web", "namespace": "shop"});
        let rollout = json!({"metadata": meta, "spec": {"strategy": {"canary": canary}}});
        Rollout::from_value(&rollout).expect("is a Rollout")
    }

    fn object(kind: &Kind, name: &str, spec: &Value) -> Value {
        let metadata = json!({"name": name, "namespace": "shop"});
        json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata, "spec": spec})
    }

    #[test]
    fn live_weights_of_the_two_ends_are_kept_and_no_others() {
        let rollout = rollout(&json!({"traefik": {"weightedTraefikServiceName": "split"}}));
        let list = |weights: &[(&str, i64)]| {
            let entries = weights.iter().map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}));
            json!({"weighted": {"services": entries.collect::<Vec<_>>()}})
        };
        let object = |name: &str, spec: &Value| object(&kind::TRAEFIK_SERVICE, name, spec);
        let git = list(&[("stable", 100), ("canary", 0), ("extra", 5)]);
        let live = list(&[("canary", 30), ("extra", 7), ("stable", 70)]);
        let merged = list(&[("stable", 70), ("canary", 30), ("extra", 5)]);
        for (name, expected) in [("split", &merged), ("other", &git)] {
            let kept = owned::with_owned_from(&[&rollout], &object(name, &git), &object(name, &live));
            assert_eq!(kept["spec"], *expected, "{name}");
            assert_eq!(owned::is_shared(&[&rollout], &object(name, &git)), *expected == merged);
        }
    }
    #[test]
    fn live_weights_of_the_named_rules_are_kept_and_no_others() {
        let rollout = rollout(&json!({"apisix": {"route": {"name": "web", "rules": ["a"]}}}));
        let rule = |name: &str, canary: i64| {
            let backend = |service: &str, weight: i64| json!({"serviceName": service, "weight": weight});
            json!({"name": name, "backends": [backend("canary", canary), backend("stable", 100 - canary), backend("old", canary)]})
        };
        let git = object(&kind::APISIX_ROUTE, "web", &json!({"http": [rule("a", 0), rule("b", 0)]}));
        let live = object(&kind::APISIX_ROUTE, "web", &json!({"http": [rule("b", 30), rule("a", 30)]}));
        let kept = owned::with_owned_from(&[&rollout], &git, &live);
        let mut merged = rule("a", 30);
        merged["backends"][2]["weight"] = 0.into();
        assert_eq!(kept["spec"]["http"], json!([merged, rule("b", 0)]));
        let beta = object(&kind::APISIX_ROUTE, "beta", &json!({}));
        assert!(!owned::is_shared(&[&rollout], &beta), "a route by header is wholly the controller's");
    }
    #[test]
    fn live_weights_and_labels_of_virtual_nodes_are_kept() {
        let nodes = json!({"canaryVirtualNodeRef": {"name": "new"}, "stableVirtualNodeRef": {"name": "old"}});
        let rollout = rollout(&json!({"appMesh": {"virtualService": {"name": "web"}, "virtualNodeGroup": nodes}}));
        let router = |canary: i64| {
            let target = |node: &str, weight: i64| json!({"virtualNodeRef": {"name": node}, "weight": weight});
            let targets = json!([target("new", canary), target("old", 100 - canary)]);
            let routes = json!([{"name": "all", "httpRoute": {"action": {"weightedTargets": targets}}}]);
            object(&kind::VIRTUAL_ROUTER, "router", &json!({ "routes": routes }))
        };
        let kept = owned::with_owned_from(&[&rollout], &router(0), &router(30));
        assert_eq!(kept, router(30));
        let node = |name: &str, labels: Value| {
            object(&kind::VIRTUAL_NODE, name, &json!({"podSelector": {"matchLabels": labels}}))
        };
        for (name, is_kept) in [("new", true), ("old", true), ("other", false)] {
            let live = node(name, json!({"app": "web", "rollouts-pod-template-hash": "abc"}));
            let git = node(name, json!({"app": "web"}));
            let kept = owned::with_owned_from(&[&rollout], &git, &live);
            assert_eq!(kept, if is_kept { live } else { git }, "{name}");
        }
    }
}
