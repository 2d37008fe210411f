//! Which rules are weighed, what they hold, how they look after a change, and what is refused.

use super::{
    super::samples::{canary, object, observed, said, wanted},
    *,
};

const PLUGIN: &str = "spec.strategy.canary.trafficRouting.plugins.argoproj-labs/gatewayAPI";

fn plugin(settings: Value) -> Value {
    json!({"plugins": {"argoproj-labs/gatewayAPI": settings}})
}

fn backend(name: &str, weight: i64) -> Value {
    json!({"name": name, "port": 80, "weight": weight, "filters": [{"type": "RequestHeaderModifier"}]})
}

fn parsed(strategy: &CanaryStrategy) -> Result<Option<GatewayApi<'_>>, String> {
    let routing = strategy.traffic_routing.as_ref().expect("routing");
    GatewayApi::parse(strategy, Services::of(strategy, &Default::default()), routing)
        .map_err(|invalid| invalid.to_string())
}

#[test]
fn what_the_spec_shows_is_checked_at_its_path() {
    for (routing, problem) in [
        (json!({}), None),
        (plugin(json!({"httpRoute": "web"})), None),
        (json!({"gatewayAPI": {"tcpRoutes": [{"name": "web", "useHeaderRoutes": true}]}}), None),
        (
            plugin(json!({})),
            Some(format!("{PLUGIN}: Required value: a route must be named: httpRoute, grpcRoute, tcpRoute, tlsRoute, or several of them")),
        ),
        (
            plugin(json!({"httpRouteSelector": {"matchLabels": {"a": "b"}}})),
            Some(format!("{PLUGIN}.httpRouteSelector: Forbidden: not supported by this version")),
        ),
        (
            plugin(json!({"httpRoutes": [{"name": 5}]})),
            Some(format!("{PLUGIN}.httpRoutes[0].name: Invalid value: invalid type: integer `5`, expected a string")),
        ),
        (
            json!({"gatewayAPI": {"httpRoute": "web"}, "plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "web"}}}),
            Some("spec.strategy.canary.trafficRouting.gatewayAPI: Invalid value: \"gatewayAPI, plugins.argoproj-labs/gatewayAPI\": either gatewayAPI or the plugin must be configured".to_owned()),
        ),
    ] {
        assert_eq!(parsed(&canary(&routing)).err(), problem, "{routing}");
    }
}

#[test]
fn every_kind_of_route_may_be_named_and_be_elsewhere() {
    let strategy = canary(&plugin(json!({
        "httpRoute": "a", "httpRoutes": [{"name": "a"}, {"name": "b"}], "grpcRoute": "c",
        "tcpRoutes": [{"name": "d"}], "tlsRoute": "e", "namespace": "edge",
    })));
    let routing = strategy.traffic_routing.as_ref().expect("routing");
    let found = parsed(&strategy).expect("is valid").expect("is set");
    let objects = found.objects(&observed(&[]));
    let told: Vec<String> = objects.iter().map(|object| format!("{} {object}", object.version)).collect();
    assert_eq!(
        told,
        [
            "v1 HTTPRoute edge/a",
            "v1 HTTPRoute edge/a",
            "v1 HTTPRoute edge/b",
            "v1 GRPCRoute edge/c",
            "v1alpha2 TCPRoute edge/d",
            "v1alpha2 TLSRoute edge/e"
        ]
    );
    assert_eq!(references(routing, "shop").len(), 6, "as they are written");
}

#[test]
fn weights_are_read_and_changed_only_where_both_ends_are() {
    let strategy = canary(&json!({"gatewayAPI": {"httpRoute": "web"}}));
    let router = parsed(&strategy).expect("is valid").expect("is set");
    let web = ObjectRef::of(&kind::HTTP_ROUTE, "web", "web");
    let observed = observed(&[]);
    let alone = json!({"name": "mine", "backendRefs": [backend("canary", 1)]});
    let rules = |first: Value| json!({"hostnames": ["x"], "rules": [{"timeouts": {"request": "3s"}, "backendRefs": first}, alone]});
    let import = json!({"name": "canary", "kind": "ServiceImport", "weight": 3});
    let plain = |name: &str| json!({"name": name, "port": 80});
    for (backends, found, expected) in [
        (
            json!([backend("stable", 100), backend("canary", 0)]),
            (0, 100),
            Some(json!([backend("stable", 70), backend("canary", 30)])),
        ),
        (json!([backend("stable", 70), backend("canary", 30)]), (30, 70), None),
        // Others keep their weight, and a thing of another kind is another thing.
        (
            json!([backend("stable", 100), backend("canary", 0), backend("old", 25), import]),
            (0, 100),
            Some(json!([backend("stable", 70), backend("canary", 30), backend("old", 25), import])),
        ),
        // Absent is 1, and one to one is half of the requests.
        (
            json!([plain("stable"), plain("canary")]),
            (50, 50),
            Some(json!([{"name": "stable", "port": 80, "weight": 70}, {"name": "canary", "port": 80, "weight": 30}])),
        ),
        // Only the first of an end that is named twice carries its weight.
        (
            json!([backend("stable", 1), backend("canary", 1), backend("canary", 1)]),
            (67, 34),
            Some(json!([backend("stable", 70), backend("canary", 30), backend("canary", 0)])),
        ),
        (
            json!([backend("stable", 0), backend("canary", 0)]),
            (0, 0),
            Some(json!([backend("stable", 70), backend("canary", 30)])),
        ),
    ] {
        let route = object(&kind::HTTP_ROUTE, "web", rules(backends.clone()));
        let weights = Weights { canary: found.0, stable: found.1 };
        assert_eq!(router.weights(&observed, &web, &route), [weights], "{backends}");
        let other = ObjectRef::of(&kind::GRPC_ROUTE, "web", "web");
        assert_eq!(router.weights(&observed, &other, &route), [], "a route of another kind");
        let patch = expected.map(|changed| Change::Patch(json!({"spec": {"rules": rules(changed)["rules"]}})));
        assert_eq!(router.change(&observed, &web, &route, &wanted(30)), patch, "{backends}");
    }
}

#[test]
fn a_route_must_be_there_and_hold_both_ends() {
    let strategy = canary(&plugin(json!({"httpRoutes": [{"name": "web"}]})));
    let router = parsed(&strategy).expect("is valid").expect("is set");
    let path = format!("{PLUGIN}.httpRoutes[0].name: Invalid value: \"web\": ");
    let missing = format!("{path}httproutes.gateway.networking.k8s.io \"web\" not found");
    assert_eq!(said(&router, &observed(&[])), Err(missing));
    let why = "the cluster has no kind HTTPRoute (gateway.networking.k8s.io)";
    let closed = Observed { closed_kinds: [(kind::HTTP_ROUTE, why.into())].into(), ..observed(&[]) };
    assert_eq!(said(&router, &closed), Err(format!("{path}HTTPRoute web: {why}")));
    let both = json!([backend("stable", 1), backend("canary", 1)]);
    let lacking = format!("{path}HTTPRoute \"web\" has no rule with both backends, canary and stable");
    for (rules, expected) in [
        (
            json!([{"backendRefs": [backend("stable", 1)]}, {"backendRefs": [backend("canary", 1)]}]),
            Err(lacking.clone()),
        ),
        (json!([]), Err(lacking)),
        (json!([{}, {"backendRefs": both}]), Ok(())),
    ] {
        let route = object(&kind::HTTP_ROUTE, "web", json!({ "rules": rules }));
        assert_eq!(said(&router, &observed(&[route])), expected, "{rules}");
    }
}
