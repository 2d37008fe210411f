//! Which rules are weighed, what they hold, how they look after a change, and what is refused.

use super::{
    super::samples::{brought, canary, object, observed, said, wanted},
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

fn step(name: &str, matches: &Value) -> crds::rollout::SetHeaderRoute {
    serde_json::from_value(json!({"name": name, "match": matches})).expect("a step")
}

#[test]
fn a_rule_by_header_stands_before_the_weighed_one_and_goes_without_a_trace() {
    let strategy = canary(&json!({"gatewayAPI": {"httpRoutes": [{"name": "web", "useHeaderRoutes": true}]}}));
    let router = parsed(&strategy).expect("is valid").expect("is set");
    let (observed, named) = (observed(&[]), ObjectRef::of(&kind::HTTP_ROUTE, "web", "web"));
    let by_path = |path: &str| json!({"path": {"type": "PathPrefix", "value": path}});
    let weighed = json!({
        "name": "main", "matches": [by_path("/a"), by_path("/b")], "timeouts": {"request": "3s"},
        "backendRefs": [backend("stable", 100), backend("canary", 0)],
    });
    let testers =
        json!({"matches": [{"headers": [{"name": "x", "value": "1"}]}], "backendRefs": [backend("canary", 1)]});
    let route = object(&kind::HTTP_ROUTE, "web", json!({"rules": [testers, weighed]}));
    let steps = [
        step("beta", &json!([{"headerName": "x-beta", "headerValue": {"exact": "yes"}}])),
        step(
            "gamma",
            &json!([{"headerName": "x-v", "headerValue": {"prefix": "v1."}}, {"headerName": "x-w", "headerValue": {"regex": "a|b"}}]),
        ),
    ];
    let with = |count: usize| {
        let managed = steps.iter().take(count).map(ManagedRoute::Header).collect();
        Wanted { managed, ..wanted(20) }
    };
    let one = brought(&router, &observed, &named, &route, &with(1));
    let header = json!({"type": "Exact", "name": "x-beta", "value": "yes"});
    let with_header = |path: &str| {
        let mut one = by_path(path);
        one["headers"] = json!([header]);
        one
    };
    let beta = json!({
        "matches": [with_header("/a"), with_header("/b")], "timeouts": {"request": "3s"},
        "backendRefs": [backend("canary", 1)],
    });
    let mut reweighed = weighed.clone();
    reweighed["backendRefs"] = json!([backend("stable", 80), backend("canary", 20)]);
    assert_eq!(one["spec"]["rules"], json!([beta, testers, reweighed]));
    assert_eq!(router.managed(&observed, &named, &one), ["beta"]);
    assert_eq!(brought(&router, &observed, &named, &one, &with(1)), one, "it is as it should be");
    assert_eq!(router.weights(&observed, &named, &one), [Weights { canary: 20, stable: 80 }]);
    let two = brought(&router, &observed, &named, &one, &with(2));
    let rules = two["spec"]["rules"].as_array().expect("rules");
    assert_eq!((rules.len(), &rules[0], &rules[2]), (4, &beta, &testers));
    assert_eq!(
        rules[1]["matches"][0]["headers"],
        json!([{"type": "RegularExpression", "name": "x-v", "value": "v1\\..*"}, {"type": "RegularExpression", "name": "x-w", "value": "a|b"}])
    );
    let gone = brought(&router, &observed, &named, &two, &wanted(20));
    assert_eq!(gone["spec"]["rules"], json!([testers, reweighed]), "that of the user stays");
    assert_eq!(gone["metadata"]["annotations"], json!({}));
    // What another Rollout has added to the same route is none of ours.
    let other = json!({"web/other": {"beta": [[{"headers": []}]]}}).to_string();
    let mut shared = route.clone();
    shared["metadata"]["annotations"] = json!({"leadline.dev/managed-rules": other});
    let shared = brought(&router, &observed, &named, &shared, &with(1));
    let gone = brought(&router, &observed, &named, &shared, &wanted(20));
    assert_eq!(gone["metadata"]["annotations"]["leadline.dev/managed-rules"], other);
}

#[test]
fn a_rule_of_the_users_that_matches_the_same_stays() {
    let with_headers = canary(&json!({"gatewayAPI": {"httpRoutes": [{"name": "web", "useHeaderRoutes": true}]}}));
    let without = canary(&json!({"gatewayAPI": {"httpRoutes": [{"name": "web"}]}}));
    let [router, former] =
        [&with_headers, &without].map(|strategy| parsed(strategy).expect("is valid").expect("is set"));
    let (observed, named) = (observed(&[]), ObjectRef::of(&kind::HTTP_ROUTE, "web", "web"));
    let step = step("beta", &json!([{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]));
    let with_step = Wanted { managed: vec![ManagedRoute::Header(&step)], ..wanted(20) };
    let matches = json!([{"headers": [{"type": "Exact", "name": "x-beta", "value": "yes"}]}]);
    let [ours, theirs] = ["canary", "mine"].map(|to| json!({"matches": matches, "backendRefs": [backend(to, 1)]}));
    let weighed = |canary: i64| json!({"backendRefs": [backend("stable", 100 - canary), backend("canary", canary)]});
    let route = object(&kind::HTTP_ROUTE, "web", json!({"rules": [theirs, weighed(0)]}));
    let both = brought(&router, &observed, &named, &route, &with_step);
    assert_eq!(both["spec"]["rules"], json!([ours, theirs, weighed(20)]));
    assert_eq!(brought(&router, &observed, &named, &both, &with_step), both, "it is as it should be");
    let gone = json!([theirs, weighed(20)]);
    assert_eq!(brought(&router, &observed, &named, &both, &wanted(20))["spec"]["rules"], gone);
    // A spec that adds no rules any more sees those that were added, and takes them away.
    assert_eq!(former.managed(&observed, &named, &both), ["beta"]);
    assert_eq!(brought(&former, &observed, &named, &both, &wanted(20))["spec"]["rules"], gone);
}

#[test]
fn only_routes_that_are_told_to_take_headers() {
    let header =
        json!([{"setHeaderRoute": {"name": "beta", "match": [{"headerName": "x", "headerValue": {"exact": "1"}}]}}]);
    let mirror = json!([{"setMirrorRoute": {"name": "copy"}}]);
    let step = "spec.strategy.canary.steps[0]";
    let needs = format!(
        "{step}.setHeaderRoute: Invalid value: \"beta\": a route by header needs httpRoutes or grpcRoutes with \
         useHeaderRoutes: true"
    );
    for (settings, steps, expected) in [
        (json!({"httpRoute": "web"}), &header, Some(needs.clone())),
        (json!({"tcpRoutes": [{"name": "web", "useHeaderRoutes": true}]}), &header, Some(needs)),
        (json!({"grpcRoutes": [{"name": "web", "useHeaderRoutes": true}]}), &header, None),
        (
            json!({"httpRoutes": [{"name": "web", "useHeaderRoutes": true}]}),
            &mirror,
            Some(format!("{step}.setMirrorRoute: Forbidden: not supported by this version")),
        ),
    ] {
        let steps = serde_json::from_value(steps.clone()).expect("steps");
        let strategy = CanaryStrategy { steps, ..canary(&plugin(settings.clone())) };
        assert_eq!(parsed(&strategy).err(), expected, "{settings}");
    }
    let strategy = canary(&plugin(json!({"httpRoutes": [{"name": "a", "useHeaderRoutes": true}, {"name": "b"}]})));
    let router = parsed(&strategy).expect("is valid").expect("is set");
    let named = |name: &str| ObjectRef::of(&kind::HTTP_ROUTE, "web", name);
    assert!(router.takes_headers(&named("a")) && !router.takes_headers(&named("b")));
}
