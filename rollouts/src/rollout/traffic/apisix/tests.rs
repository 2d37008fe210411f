//! Which rules of an ApisixRoute are weighed, what a route by header looks like, and what is refused.

use super::{
    super::samples::{self, brought, canary, object, observed, owned_by, said, wanted},
    *,
};

const APISIX: &str = "spec.strategy.canary.trafficRouting.apisix.route.name";

fn strategy(rules: &Value) -> CanaryStrategy {
    canary(&json!({"apisix": {"route": {"name": "web", "rules": rules}}, "managedRoutes": [{"name": "beta"}]}))
}

fn parsed(strategy: &CanaryStrategy) -> Apisix<'_> {
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.apisix.as_ref());
    Apisix::parse(strategy, settings.expect("APISIX is set")).expect("is valid")
}

fn backend(service: &str, weight: i64) -> Value {
    json!({"serviceName": service, "servicePort": 80, "weight": weight})
}

fn rule(name: &str, canary: i64, stable: i64) -> Value {
    json!({
        "name": name, "websocket": true, "match": {"paths": ["/*"]},
        "backends": [backend("stable", stable), backend("canary", canary)],
    })
}

fn route(rules: &Value) -> Value {
    object(&kind::APISIX_ROUTE, "web", json!({"ingressClassName": "apisix", "http": rules, "stream": [{"name": "x"}]}))
}

fn step(matches: &Value) -> SetHeaderRoute {
    serde_json::from_value(json!({"name": "beta", "match": matches})).expect("a step")
}

#[test]
fn weights_of_the_named_rules_are_read_and_written() {
    for (rules, found, weights, changed) in [
        (json!([]), json!([rule("web", 0, 100)]), vec![(0, 100)], Some(json!([rule("web", 30, 70)]))),
        (json!([]), json!([rule("web", 30, 70), rule("other", 0, 100)]), vec![(30, 70)], None),
        (
            json!(["a", "b"]),
            json!([rule("a", 1, 1), rule("web", 0, 100), rule("b", 0, 100)]),
            vec![(50, 50), (0, 100)],
            Some(json!([rule("a", 30, 70), rule("web", 0, 100), rule("b", 30, 70)])),
        ),
    ] {
        let strategy = strategy(&rules);
        let (router, observed, named) = (parsed(&strategy), observed(&[]), object_of("web", "web"));
        let expected: Vec<Weights> =
            weights.iter().map(|(canary, stable)| Weights { canary: *canary, stable: *stable }).collect();
        assert_eq!(router.weights(&observed, &named, &route(&found)), expected, "{found}");
        let patch = changed.map(|http| Change::Patch(json!({"spec": {"http": http}})));
        assert_eq!(router.change(&observed, &named, &route(&found), &wanted(30)), patch, "{found}");
    }
}

#[test]
fn a_backend_without_a_weight_has_a_hundred() {
    let strategy = strategy(&json!([]));
    let mut plain = rule("web", 25, 0);
    plain["backends"][0].as_object_mut().expect("a backend").remove("weight");
    let weights = parsed(&strategy).weights(&observed(&[]), &object_of("web", "web"), &route(&json!([plain])));
    assert_eq!(weights, [Weights { canary: 20, stable: 80 }]);
}

#[test]
fn a_route_by_header_is_an_object_of_its_own_that_comes_and_goes() {
    let strategy = strategy(&json!([]));
    let (router, named) = (parsed(&strategy), object_of("beta", "web"));
    let mut weighed = rule("web", 20, 80);
    weighed["priority"] = 4.into();
    weighed["match"]["exprs"] = json!([{"subject": {"scope": "Query", "name": "q"}, "op": "Equal", "value": "1"}]);
    let observed = observed(&[route(&json!([weighed, rule("other", 0, 100)]))]);
    let step = step(&json!([{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]));
    let with = Wanted { managed: vec![ManagedRoute::Header(&step)], ..wanted(20) };
    assert_eq!(router.objects(&observed), [object_of("web", "web"), named.clone()]);
    assert_eq!(router.change(&observed, &named, &Value::Null, &wanted(20)), None);
    let made = brought(&router, &observed, &named, &Value::Null, &with);
    let mut expected = weighed.clone();
    expected["priority"] = 5.into();
    expected["backends"] = json!([backend("canary", 100)]);
    expected["match"]["exprs"] = json!([
        {"subject": {"scope": "Query", "name": "q"}, "op": "Equal", "value": "1"},
        {"subject": {"scope": "Header", "name": "x-beta"}, "op": "Equal", "value": "yes"},
    ]);
    assert_eq!(made["spec"], json!({"http": [expected], "ingressClassName": "apisix"}));
    assert_eq!((&made["metadata"]["name"], &made["metadata"]["namespace"]), (&json!("beta"), &json!("web")));
    assert_eq!(made["metadata"]["ownerReferences"][0]["uid"], "me");
    assert_eq!(
        (router.managed(&observed, &named, &made), router.weights(&observed, &named, &made)),
        (vec!["beta".into()], vec![])
    );
    assert_eq!(router.managed(&observed, &object_of("web", "web"), &made), [""; 0], "the weights are in the other one");
    assert_eq!(brought(&router, &observed, &named, &made, &with), made, "it is as it should be");
    let stale = owned_by(object(&kind::APISIX_ROUTE, "beta", json!({"http": [], "stream": []})), "me");
    assert_eq!(brought(&router, &observed, &named, &stale, &with)["spec"], made["spec"], "it follows");
    assert_eq!(router.change(&observed, &named, &made, &wanted(20)), Some(Change::Delete));
    assert_eq!(router.part_of(&named, &with).managed.len(), 1);
    assert_eq!(router.part_of(&object_of("web", "web"), &with).managed, []);
}

#[test]
fn a_header_is_compared_in_three_ways() {
    for (value, operation, text) in [
        (json!({"exact": "a.b"}), "Equal", "a.b"),
        (json!({"regex": "a.b"}), "RegexMatch", "a.b"),
        (json!({"prefix": "a.b"}), "RegexMatch", "^a\\.b.*"),
    ] {
        let step = step(&json!([{"headerName": "x", "headerValue": value}]));
        let found = step.matches.iter().filter_map(matches).collect::<Vec<_>>();
        let subject = json!({"scope": "Header", "name": "x"});
        assert_eq!(found, [json!({"subject": subject, "op": operation, "value": text})], "{value}");
    }
}

#[test]
fn the_route_must_be_there_and_names_of_ours_be_free() {
    let refused = |words: &str| Err(format!("{APISIX}: Invalid value: \"web\": {words}"));
    let taken = "spec.strategy.canary.trafficRouting.managedRoutes[0].name: Invalid value: \"beta\": \
                 duplicate ApisixRoute [beta] already exists";
    let valid = route(&json!([rule("web", 0, 100)]));
    let beta = object(&kind::APISIX_ROUTE, "beta", json!({}));
    for (objects, expected) in [
        (vec![], refused("apisixroutes.apisix.apache.org \"web\" not found")),
        (
            vec![object(&kind::APISIX_ROUTE, "web", json!({}))],
            refused("spec.http was not found in Apisix Route manifest"),
        ),
        (vec![route(&json!([rule("x", 0, 100)]))], refused("Apisix http route rule web not found")),
        (
            vec![route(&json!([{"name": "web", "backends": [backend("stable", 1)]}]))],
            refused("apisix route canary backend was not found"),
        ),
        (vec![valid.clone()], Ok(())),
        (vec![valid.clone(), beta.clone()], Err(taken.to_owned())),
        (vec![valid.clone(), owned_by(beta.clone(), "you")], Err(taken.to_owned())),
        (vec![valid, owned_by(beta, "me")], Ok(())),
    ] {
        let strategy = strategy(&json!([]));
        assert_eq!(said(&parsed(&strategy), &observed(&objects)), expected, "{objects:?}");
    }
    let strategy = samples::canary(&json!({"apisix": {}}));
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.apisix.as_ref()).expect("is set");
    let said = Apisix::parse(&strategy, settings).map(drop).map_err(|invalid| invalid.to_string());
    assert_eq!(said, Err(format!("{APISIX}: Required value: an ApisixRoute must be named")));
}
