//! Which fields of other people's objects a Rollout owns: route weights and managed routes of its VirtualServices, the
//! weights in its routes of Gateway API, its TraefikServices, ApisixRoutes and virtual routers, header routes of Gateway API, the actions and header routes in its Ingresses of the AWS load
//! balancer controller, the revision labels of its DestinationRule's subsets, its virtual nodes and its Services' selectors,
//! and the size of a Deployment whose pods it took over.
//!
//! Whoever compares or applies such an object asks here first: in what Git wants, owned fields are what they are live. A
//! field that is not there yet is nobody's, so at creation Git's values hold. Nothing here judges or writes.

mod backends;
mod gateway;
mod ingress;
mod mesh;

pub use gateway::{GATEWAY_PLUGIN, are_header_rules, gateway_api, gateway_routes, header_rules, is_backend};
pub use ingress::{ALB_BY_ANNOTATION, alb_ingresses, alb_key, alb_root, is_alb_route};
pub use mesh::{is_tcp_route, is_tls_route, virtual_service};

use serde_json::Value;

use crate::{Rollout, keys, rollout::CanaryStrategy};

/// `desired` with the fields that one of the Rollouts owns taken from `live`. Both are whole objects of one name.
pub fn with_owned_from(rollouts: &[&Rollout], desired: &Value, live: &Value) -> Value {
    let mut kept = desired.clone();
    for rollout in rollouts {
        for claim in claims(rollout, desired) {
            match claim {
                Claim::Routes(routes) => mesh::keep_routes(&mut kept, live, &routes),
                Claim::Shares(shares) => backends::keep_weights(&mut kept, live, &shares),
                Claim::Backends(backends) => gateway::keep_weights(&mut kept, live, &backends),
                Claim::Subsets(subsets) => mesh::keep_subsets(&mut kept, live, &subsets),
                Claim::Actions(actions) => ingress::keep_actions(&mut kept, live, &actions),
                Claim::SelectorHash => keep(&mut kept, live, &["spec", "selector", keys::POD_TEMPLATE_HASH]),
                Claim::NodeHash => {
                    keep(&mut kept, live, &["spec", "podSelector", "matchLabels", keys::POD_TEMPLATE_HASH]);
                }
                Claim::Replicas => keep(&mut kept, live, &["spec", "replicas"]),
            }
        }
    }
    kept
}

/// Whether one of the Rollouts owns fields of this object, so that writes to it must name the version they were made on.
pub fn is_shared(rollouts: &[&Rollout], object: &Value) -> bool {
    rollouts.iter().any(|rollout| !claims(rollout, object).is_empty())
}

/// What a Rollout owns in an object.
enum Claim<'a> {
    Routes(mesh::Routes<'a>),
    Backends(gateway::Backends<'a>),
    Shares(backends::Shares<'a>),
    Subsets(mesh::Subsets<'a>),
    Actions(ingress::Actions<'a>),
    SelectorHash,
    NodeHash,
    Replicas,
}

fn claims<'a>(rollout: &'a Rollout, object: &Value) -> Vec<Claim<'a>> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or("");
    let (kind, name, namespace) = (text("/kind"), text("/metadata/name"), text("/metadata/namespace"));
    let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let is_near = namespace == rollout.metadata.namespace;
    match (group, kind) {
        ("networking.istio.io", "VirtualService") => {
            mesh::Routes::of(rollout, name, namespace).into_iter().map(Claim::Routes).collect()
        }
        ("networking.istio.io", "DestinationRule") if is_near => {
            mesh::Subsets::of(rollout, name).into_iter().map(Claim::Subsets).collect()
        }
        ("gateway.networking.k8s.io", _) => {
            gateway::Backends::of(rollout, kind, name, namespace).into_iter().map(Claim::Backends).collect()
        }
        ("networking.k8s.io", "Ingress") if is_near => {
            ingress::Actions::of(rollout, name).into_iter().map(Claim::Actions).collect()
        }
        ("", "Service") if is_near && services(rollout).contains(&name) => vec![Claim::SelectorHash],
        ("appmesh.k8s.aws", "VirtualNode") if is_near && nodes(rollout).contains(&name) => vec![Claim::NodeHash],
        ("apps", "Deployment") if is_near && scales(rollout, name) => vec![Claim::Replicas],
        _ if is_near => backends::Shares::of(rollout, group, kind, name).into_iter().map(Claim::Shares).collect(),
        _ => Vec::new(),
    }
}

/// The Services that a canary's routes may lead to.
fn ends(canary: &CanaryStrategy) -> impl Iterator<Item = &str> {
    let pair = canary.ping_pong.iter().flat_map(|pair| [pair.ping_service.as_str(), pair.pong_service.as_str()]);
    canary.canary_service.as_deref().into_iter().chain(canary.stable_service.as_deref()).chain(pair)
}

/// The Services whose selectors the Rollout points at its revisions.
fn services(rollout: &Rollout) -> Vec<&str> {
    let canary = rollout.spec.strategy.canary.iter().flat_map(ends);
    let blue_green = rollout.spec.strategy.blue_green.iter().flat_map(|blue_green| {
        [blue_green.active_service.as_str()].into_iter().chain(blue_green.preview_service.as_deref())
    });
    canary.chain(blue_green).filter(|name| !name.is_empty()).collect()
}

/// The virtual nodes of App Mesh that the Rollout points at its revisions.
fn nodes(rollout: &Rollout) -> Vec<&str> {
    let routing = rollout.spec.strategy.canary.iter().filter_map(|canary| canary.traffic_routing.as_ref());
    let groups = routing.filter_map(|routing| routing.app_mesh.as_ref()?.virtual_node_group.as_ref());
    let nodes = groups.flat_map(|group| [&group.canary_virtual_node_ref, &group.stable_virtual_node_ref]);
    nodes.flatten().map(|node| node.name.as_str()).collect()
}

/// Whether the Rollout scales this Deployment down because it took its pod template over.
fn scales(rollout: &Rollout, deployment: &str) -> bool {
    rollout.spec.workload_ref.as_ref().is_some_and(|workload| {
        workload.kind.as_deref() == Some("Deployment")
            && workload.name.as_deref() == Some(deployment)
            && workload.scale_down.as_deref().is_some_and(|when| when != "never")
    })
}

/// Takes one field from `live`, or its absence.
fn keep(kept: &mut Value, live: &Value, path: &[&str]) {
    let Some((last, way)) = path.split_last() else { return };
    let found = path.iter().try_fold(live, |value, name| value.get(name)).cloned();
    let parent = way.iter().try_fold(kept, |value, name| value.get_mut(name));
    if let Some(Value::Object(fields)) = parent {
        match found {
            Some(value) => fields.insert((*last).to_owned(), value),
            None => fields.remove(*last),
        };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{is_shared, with_owned_from};
    use crate::Rollout;

    fn rollout(strategy: &Value) -> Rollout {
        Rollout::from_value(&json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"strategy": strategy, "workloadRef": {"kind": "Deployment", "name": "old", "scaleDown": "onsuccess"}},
        }))
        .expect("is a Rollout")
    }

    fn object(api_version: &str, kind: &str, name: &str, spec: Value) -> Value {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    }

    #[test]
    fn selectors_and_sizes() {
        let canary = rollout(&json!({"canary": {"canaryService": "web-canary", "stableService": "web"}}));
        let blue_green = rollout(&json!({"blueGreen": {"activeService": "web", "previewService": "next"}}));
        let hash = json!({"selector": {"app": "web", "rollouts-pod-template-hash": "abc"}});
        let plain = json!({"selector": {"app": "web"}});
        let cases = [
            (&canary, object("v1", "Service", "web-canary", plain.clone()), hash.clone(), hash.clone()),
            (&canary, object("v1", "Service", "web-canary", hash.clone()), plain.clone(), plain.clone()),
            (&blue_green, object("v1", "Service", "next", plain.clone()), hash.clone(), hash.clone()),
            (&canary, object("v1", "Service", "other", plain.clone()), hash.clone(), plain.clone()),
            (
                &canary,
                object("apps/v1", "Deployment", "old", json!({"replicas": 5, "paused": true})),
                json!({"replicas": 0}),
                json!({"replicas": 0, "paused": true}),
            ),
            (
                &canary,
                object("apps/v1", "Deployment", "new", json!({"replicas": 5})),
                json!({"replicas": 0}),
                json!({"replicas": 5}),
            ),
        ];
        for (rollout, desired, live_spec, expected) in cases {
            let live = json!({"spec": live_spec});
            let kept = with_owned_from(&[rollout], &desired, &live);
            assert_eq!(kept["spec"], expected, "{desired}");
            let is_owned = !["other", "new"].contains(&desired["metadata"]["name"].as_str().expect("has a name"));
            assert_eq!(is_shared(&[rollout], &desired), is_owned, "{desired}");
        }
    }

    #[test]
    fn another_namespace_is_not_ours() {
        let canary = rollout(&json!({"canary": {"canaryService": "web-canary"}}));
        let mut service = object("v1", "Service", "web-canary", json!({"selector": {"app": "web"}}));
        service["metadata"]["namespace"] = json!("elsewhere");
        assert!(!is_shared(&[&canary], &service));
    }
}
