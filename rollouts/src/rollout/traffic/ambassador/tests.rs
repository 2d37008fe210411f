//! What the Mapping of ours holds, how it follows the user's, and what is refused.

use super::{
    super::samples::{brought, canary, object, observed, owned_by, said, wanted},
    *,
};

const PATH_OF_MAPPING: &str = "spec.strategy.canary.trafficRouting.ambassador.mappings[0]";

fn strategy() -> CanaryStrategy {
    canary(&json!({"ambassador": {"mappings": ["web"]}}))
}

fn parsed(strategy: &CanaryStrategy) -> Result<Ambassador<'_>, String> {
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.ambassador.as_ref());
    Ambassador::parse(strategy, settings.expect("Ambassador is set")).map_err(|invalid| invalid.to_string())
}

fn mapping(name: &str, spec: Value) -> Value {
    object(&kind::MAPPING, name, spec)
}

fn base() -> Value {
    mapping("web", json!({"hostname": "*", "prefix": "/", "service": "stable:80", "timeout_ms": 3000}))
}

#[test]
fn ours_is_made_with_the_first_share_and_follows() {
    let strategy = strategy();
    let (router, observed, named) = (parsed(&strategy).expect("is valid"), observed(&[base()]), beside("web", "web"));
    assert_eq!(router.change(&observed, &named, &Value::Null, &wanted(0)), None, "nobody needs it yet");
    let made = brought(&router, &observed, &named, &Value::Null, &wanted(20));
    let spec = |weight: i64| json!({"hostname": "*", "prefix": "/", "service": "canary:80", "timeout_ms": 3000, "weight": weight});
    assert_eq!((&made["metadata"]["name"], &made["spec"]), (&json!("web-canary"), &spec(20)));
    assert_eq!(made["metadata"]["ownerReferences"][0]["uid"], "me");
    assert_eq!(router.change(&observed, &named, &made, &wanted(20)), None, "it is as it should be");
    let patch = |fields: Value| Some(Change::Patch(json!({ "spec": fields })));
    assert_eq!(router.change(&observed, &named, &made, &wanted(0)), patch(json!({"weight": 0})), "it stays");
    let mut stale = made.clone();
    stale["spec"] = json!({"prefix": "/old", "hostname": "*", "service": "canary:80", "timeout_ms": 3000, "weight": 20, "host": "x"});
    assert_eq!(router.change(&observed, &named, &stale, &wanted(20)), patch(json!({"prefix": "/", "host": null})));
    let left = mapping("web-canary", spec(20));
    let adopted = brought(&router, &observed, &named, &left, &wanted(20));
    assert_eq!(adopted["metadata"]["ownerReferences"][0]["uid"], "me", "one that was left without an owner");
}

#[test]
fn weights_are_those_of_ours() {
    let strategy = strategy();
    let (router, observed, named) = (parsed(&strategy).expect("is valid"), observed(&[]), beside("web", "web"));
    for (found, canary) in [
        (Value::Null, 0),
        (mapping("web-canary", json!({"weight": 20})), 20),
        (mapping("web-canary", json!({"weight": 0})), 0),
        (mapping("web-canary", json!({})), 50),
    ] {
        let weights = [Weights { canary, stable: 100 - canary }];
        assert_eq!(router.weights(&observed, &named, &found), weights, "{found}");
    }
    assert_eq!(router.weights(&observed, &object_of("web", "web"), &Value::Null), [], "that of the user holds none");
}

#[test]
fn the_service_keeps_scheme_namespace_and_port() {
    let strategy = strategy();
    let router = parsed(&strategy).expect("is valid");
    for (stable, expected) in [
        ("stable", "canary"),
        ("stable:80", "canary:80"),
        ("stable.web", "canary.web"),
        ("https://stable.web.svc.cluster.local:8443", "https://canary.web.svc.cluster.local:8443"),
        // Another name for the stable Service.
        ("old.other:80", "canary:80"),
    ] {
        assert_eq!(router.service(stable), expected, "{stable}");
    }
}

#[test]
fn names_of_ours_are_never_too_long() {
    let long = "a".repeat(250);
    assert_eq!(beside(&long, "web").name, format!("{}-canary", "a".repeat(246)));
    assert_eq!(beside("web", "web").name, "web-canary");
}

#[test]
fn every_mapping_must_be_there_without_a_weight_and_ours_be_ours() {
    let refused = |words: &str| Err(format!("{PATH_OF_MAPPING}: Invalid value: \"web\": {words}"));
    let ours = mapping("web-canary", json!({}));
    let weighed = |weight: i64| mapping("web", json!({"service": "stable", "weight": weight}));
    let can_not = "spec.weight: Invalid value: \"web\": Ambassador mapping \"web\" can not define weight";
    for (objects, expected) in [
        (vec![], refused("mappings.getambassador.io \"web\" not found")),
        (vec![weighed(1)], Err(can_not.to_owned())),
        (vec![weighed(0)], Ok(())),
        (vec![base()], Ok(())),
        (vec![base(), ours.clone()], Ok(())),
        (vec![base(), owned_by(ours.clone(), "me")], Ok(())),
        (vec![base(), owned_by(ours, "you")], refused("canary mapping `web-canary` controlled by different object")),
    ] {
        let strategy = strategy();
        assert_eq!(said(&parsed(&strategy).expect("is valid"), &observed(&objects)), expected, "{objects:?}");
    }
    let nothing = canary(&json!({"ambassador": {}}));
    let words = "spec.strategy.canary.trafficRouting.ambassador.mappings: Required value: a Mapping must be named";
    assert_eq!(parsed(&nothing).err(), Some(words.to_owned()));
}
