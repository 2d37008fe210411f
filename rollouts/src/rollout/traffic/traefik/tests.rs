//! What a weighted TraefikService holds, how it looks after a change, and what is refused.

use super::{
    super::samples::{self, canary, observed, said, wanted},
    *,
};

fn strategy() -> CanaryStrategy {
    canary(&json!({"traefik": {"weightedTraefikServiceName": "split"}}))
}

fn parsed(strategy: &CanaryStrategy) -> Traefik<'_> {
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.traefik.as_ref());
    Traefik::of(strategy, settings.expect("Traefik is set"))
}

fn service(name: &str, weight: i64) -> Value {
    json!({"name": name, "port": 80, "weight": weight, "strategy": "RoundRobin"})
}

fn object(services: &Value) -> Value {
    let spec = json!({"weighted": {"services": services, "sticky": {"cookie": {"name": "lvl1"}}}});
    samples::object(&kind::TRAEFIK_SERVICE, "split", spec)
}

#[test]
fn weights_are_read_and_the_whole_list_is_written() {
    let strategy = strategy();
    let router = parsed(&strategy);
    let observed = observed(&[]);
    let named = router.objects(&observed).remove(0);
    assert_eq!((named.api_version().as_str(), named.name.as_str()), ("traefik.io/v1alpha1", "split"));
    for (found, shares, changed) in [
        (
            json!([service("stable", 100), service("canary", 0)]),
            (0, 100),
            Some(json!([service("stable", 70), service("canary", 30)])),
        ),
        (json!([service("stable", 70), service("canary", 30)]), (30, 70), None),
        (
            json!([service("old", 3), service("stable", 1), service("canary", 1)]),
            (50, 50),
            Some(json!([service("old", 3), service("stable", 70), service("canary", 30)])),
        ),
    ] {
        let object = object(&found);
        assert_eq!(
            router.weights(&observed, &named, &object),
            [Weights { canary: shares.0, stable: shares.1 }],
            "{found}"
        );
        let patch = changed.map(|services| Change::Patch(json!({"spec": {"weighted": {"services": services}}})));
        assert_eq!(router.change(&observed, &named, &object, &wanted(30)), patch, "{found}");
    }
}

#[test]
fn a_service_must_be_there_and_weigh_both() {
    let strategy = strategy();
    let router = parsed(&strategy);
    let path = "spec.strategy.canary.trafficRouting.traefik.weightedTraefikServiceName: Invalid value: \"split\": ";
    assert_eq!(said(&router, &observed(&[])), Err(format!("{path}traefikservices.traefik.io \"split\" not found")));
    for (services, expected) in [
        (json!([service("stable", 1)]), Err("TraefikService \"split\" has no weighted service canary")),
        (json!([service("canary", 1)]), Err("TraefikService \"split\" has no weighted service stable")),
        (json!([service("canary", 1), service("stable", 1)]), Ok(())),
    ] {
        let expected = expected.map_err(|words| format!("{path}{words}"));
        assert_eq!(said(&router, &observed(&[object(&services)])), expected, "{services}");
    }
}
