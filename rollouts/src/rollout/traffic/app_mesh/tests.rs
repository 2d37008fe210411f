//! Which routes of a virtual router are weighed, which pods the nodes know, and what is refused.

use super::{
    super::samples::{brought, canary, object, observed, said, wanted},
    *,
};
use crds::keys;

const APP_MESH: &str = "spec.strategy.canary.trafficRouting.appMesh";

fn settings(routes: &Value) -> Value {
    let nodes = json!({"canaryVirtualNodeRef": {"name": "new"}, "stableVirtualNodeRef": {"name": "old"}});
    json!({"virtualService": {"name": "web", "routes": routes}, "virtualNodeGroup": nodes})
}

fn strategy(app_mesh: &Value) -> CanaryStrategy {
    canary(&json!({ "appMesh": app_mesh }))
}

fn parsed(strategy: &CanaryStrategy) -> Result<AppMesh<'_>, String> {
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.app_mesh.as_ref());
    AppMesh::parse(strategy, settings.expect("App Mesh is set")).map_err(|invalid| invalid.to_string())
}

fn service() -> Value {
    let router = json!({"virtualRouterRef": {"name": "router"}});
    object(&kind::MESH_SERVICE, "web", json!({"provider": {"virtualRouter": router}}))
}

fn target(node: &str, weight: i64) -> Value {
    json!({"virtualNodeRef": {"name": node}, "weight": weight})
}

fn route(name: &str, kind: &str, canary: i64, stable: i64) -> Value {
    let targets = json!([target("new", canary), target("old", stable)]);
    json!({"name": name, kind: {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}})
}

fn router(routes: &Value) -> Value {
    object(&kind::VIRTUAL_ROUTER, "router", json!({"listeners": [{"portMapping": {"port": 80}}], "routes": routes}))
}

fn node(name: &str, hash: Option<&str>) -> Value {
    let mut labels = json!({"app": "web"});
    if let Some(hash) = hash {
        labels[keys::POD_TEMPLATE_HASH] = hash.into();
    }
    object(&kind::VIRTUAL_NODE, name, json!({"podSelector": {"matchLabels": labels}}))
}

#[test]
fn the_router_is_found_behind_the_service_and_its_routes_are_weighed() {
    let elsewhere = json!({"virtualNodeRef": {"name": "new", "namespace": "else"}, "weight": 7});
    let mut strange = route("s", "tcpRoute", 0, 100);
    strange["tcpRoute"]["action"]["weightedTargets"][0] = elsewhere;
    let mut strange_after = strange.clone();
    strange_after["tcpRoute"]["action"]["weightedTargets"][1]["weight"] = 70.into();
    for (names, found, weights, changed) in [
        (
            json!([]),
            json!([route("a", "httpRoute", 0, 100), route("b", "grpcRoute", 1, 1)]),
            vec![(0, 100), (50, 50)],
            Some(json!([route("a", "httpRoute", 30, 70), route("b", "grpcRoute", 30, 70)])),
        ),
        (
            json!(["b"]),
            json!([route("a", "http2Route", 0, 100), route("b", "tcpRoute", 0, 100)]),
            vec![(0, 100)],
            Some(json!([route("a", "http2Route", 0, 100), route("b", "tcpRoute", 30, 70)])),
        ),
        (json!([]), json!([route("a", "httpRoute", 30, 70)]), vec![(30, 70)], None),
        // A node of another namespace is another node.
        (json!([]), json!([strange]), vec![(0, 94)], Some(json!([strange_after]))),
    ] {
        let strategy = strategy(&settings(&names));
        let app_mesh = parsed(&strategy).expect("is valid");
        let observed = observed(&[service(), router(&found)]);
        let named = ObjectRef::of(&kind::VIRTUAL_ROUTER, "web", "router");
        assert_eq!(app_mesh.objects(&observed), std::slice::from_ref(&named));
        let expected: Vec<Weights> =
            weights.iter().map(|(canary, stable)| Weights { canary: *canary, stable: *stable }).collect();
        assert_eq!(app_mesh.weights(&observed, &named, &router(&found)), expected, "{found}");
        let after = brought(&app_mesh, &observed, &named, &router(&found), &wanted(30));
        assert_eq!(after["spec"]["routes"], changed.unwrap_or(found));
        assert_eq!(after["spec"]["listeners"], json!([{"portMapping": {"port": 80}}]), "all else stays");
    }
}

#[test]
fn nodes_know_one_revision_each_and_the_canarys_none_where_both_are_one() {
    let strategy = strategy(&settings(&json!([])));
    let app_mesh = parsed(&strategy).expect("is valid");
    for (new, old, canary, stable, expected) in [
        // An update begins, another one replaces it, and it is done.
        (Some("canary-hash"), Some("a"), Some("b"), None, vec![("new", "b")]),
        (Some("b"), Some("a"), Some("c"), None, vec![("new", "c")]),
        (Some("b"), Some("a"), None, Some("b"), vec![("old", "b")]),
        (Some("b"), Some("b"), Some("b"), None, vec![("new", "canary-hash")]),
        (Some("b"), Some("a"), Some("a"), None, vec![("new", "canary-hash")]),
        (Some("canary-hash"), Some("a"), Some("a"), None, vec![]),
        // The first time.
        (None, None, Some("a"), Some("a"), vec![("new", "canary-hash"), ("old", "a")]),
        // The stable node still knows all pods, since it may not be switched yet.
        (Some("b"), None, Some("a"), None, vec![("new", "canary-hash")]),
        (Some("b"), Some("a"), None, None, vec![]),
    ] {
        let observed = observed(&[service(), node("new", new), node("old", old)]);
        let found: Vec<(String, Value)> = app_mesh
            .switched(&observed, canary, stable)
            .into_iter()
            .map(|write| match write.verb {
                plan::Verb::Patch { target, body, .. } => (target.object.name, body),
                verb => panic!("{verb:?}"),
            })
            .collect();
        let expected: Vec<(String, Value)> = expected
            .into_iter()
            .map(|(node, hash)| {
                let spec = json!({"podSelector": {"matchLabels": {keys::POD_TEMPLATE_HASH: hash}}});
                let mark = json!({"annotations": {keys::MANAGED_BY_ROLLOUTS: "shop"}});
                (node.to_owned(), json!({"metadata": mark, "spec": spec}))
            })
            .collect();
        assert_eq!(found, expected, "{new:?} {old:?}");
        let (canary_end, stable_end) = app_mesh.backings(&observed);
        assert_eq!((canary_end.service.as_str(), canary_end.hash.as_deref()), ("canary", new));
        assert_eq!((stable_end.service.as_str(), stable_end.hash.as_deref()), ("stable", old));
    }
}

#[test]
fn all_that_is_named_must_be_there_and_fit() {
    let named = |field: &str, name: &str, words: &str| {
        Err(format!("{APP_MESH}.{field}.name: Invalid value: \"{name}\": {words}"))
    };
    let of_router = |path: &str, words: &str| Err(format!("{path}: Invalid value: \"router\": {words}"));
    let nodes = [node("new", None), node("old", None)];
    let with = |router: Value| vec![service(), router, nodes[0].clone(), nodes[1].clone()];
    let of_a = "for AppMesh virtual-router router and route a";
    let three = json!({"name": "a", "httpRoute": {"action": {"weightedTargets": [target("new", 0), target("old", 1), target("x", 1)]}}});
    let others = json!({"name": "a", "httpRoute": {"action": {"weightedTargets": [target("new", 0), target("x", 1)]}}});
    let at = "spec.routes[0].httpRoute.action.weightedTargets";
    for (objects, expected) in [
        (vec![], named("virtualService", "web", "virtualservices.appmesh.k8s.aws \"web\" not found")),
        (
            vec![object(&kind::MESH_SERVICE, "web", json!({"provider": {}}))],
            named("virtualService", "web", "Virtual-service is not associated with virtual-router"),
        ),
        (vec![service()], named("virtualService", "web", "virtualrouters.appmesh.k8s.aws \"router\" not found")),
        (with(router(&json!([]))), of_router("spec.routes", "No routes defined for AppMesh virtual-router router")),
        (
            with(router(&json!([{"name": "a"}]))),
            of_router(
                "spec.routes[0]",
                &format!("Error getting route details {of_a}. Error: Route has unsupported route type"),
            ),
        ),
        (
            with(router(&json!([{"name": "a", "httpRoute": {}}]))),
            of_router(at, &format!("Invalid route action found {of_a}")),
        ),
        (
            with(router(&json!([three]))),
            of_router(at, &format!("Invalid number of weightedTargets (3) {of_a}, expected 2")),
        ),
        (
            with(router(&json!([others]))),
            of_router(at, &format!("virtual node old is none of the weightedTargets {of_a}")),
        ),
        (
            vec![service(), router(&json!([route("a", "httpRoute", 0, 100)])), nodes[0].clone()],
            named("virtualNodeGroup.stableVirtualNodeRef", "old", "virtualnodes.appmesh.k8s.aws \"old\" not found"),
        ),
        (with(router(&json!([route("a", "httpRoute", 0, 100)]))), Ok(())),
    ] {
        let strategy = strategy(&settings(&json!([])));
        assert_eq!(said(&parsed(&strategy).expect("is valid"), &observed(&objects)), expected, "{objects:?}");
    }
    let strategy = strategy(&settings(&json!(["z"])));
    let found = observed(&with(router(&json!([route("a", "httpRoute", 0, 100)]))));
    let words = "AppMesh virtual-router router has no route z";
    assert_eq!(said(&parsed(&strategy).expect("is valid"), &found), of_router("spec.routes", words));
}

#[test]
fn what_the_spec_shows_is_checked_at_its_path() {
    let nodes = |canary: &str, stable: &str| json!({"canaryVirtualNodeRef": {"name": canary}, "stableVirtualNodeRef": {"name": stable}});
    for (app_mesh, expected) in [
        (json!({}), "virtualService.name: Required value: a virtual service must be named"),
        (
            json!({"virtualService": {"name": "web"}}),
            "virtualNodeGroup: Required value: a virtual node must be named for the canary and for the stable revision",
        ),
        (
            json!({"virtualService": {"name": "web"}, "virtualNodeGroup": nodes("a", "a")}),
            "virtualNodeGroup.canaryVirtualNodeRef.name: Invalid value: \"a\": the canary and the stable revision need two \
             different virtual nodes",
        ),
    ] {
        assert_eq!(parsed(&strategy(&app_mesh)).err(), Some(format!("{APP_MESH}.{expected}")), "{app_mesh}");
    }
}
