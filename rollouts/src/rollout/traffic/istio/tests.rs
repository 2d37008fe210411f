//! Which routes are found, and how they and the subsets look after a change.

use super::*;
use crds::rollout::{TcpRoute, TlsRoute};

const HOSTS: Ends<'static> = Ends::Hosts { canary: "canary", stable: "stable" };

fn route(name: &str, stable: i32, canary: i32) -> Value {
    json!({"name": name, "timeout": "3s", "route": [
        {"destination": {"host": "stable.shop.svc.cluster.local", "port": {"number": 80}}, "weight": stable, "headers": {"x": 1}},
        {"destination": {"host": "canary"}, "weight": canary},
    ]})
}

fn named(routes: &[&str]) -> IstioVirtualService {
    IstioVirtualService {
        name: "shop".into(),
        routes: routes.iter().map(|name| (*name).into()).collect(),
        ..Default::default()
    }
}

#[test]
fn a_name_may_carry_its_namespace() {
    for (given, expected) in [
        ("vs", ("shop", "vs")),
        ("vs.other", ("other", "vs")),
        ("a.b.ns", ("ns", "a.b")),
        ("vs.svc", ("svc", "vs")),
        ("vs.ns.cluster.local", ("ns", "vs")),
        ("vs.ns.svc.cluster.local", ("ns", "vs")),
    ] {
        assert_eq!(name_of(given, "shop"), (expected.0.to_owned(), expected.1.to_owned()));
    }
}

#[test]
fn routes_are_selected_or_refused_in_known_words() {
    let two = json!({"http": [route("a", 100, 0), route("b", 100, 0)]});
    assert_eq!(select(&two, &named(&["b"]), HOSTS).map(|routes| routes.len()), Ok(1));
    for (spec, wanted, problem) in [
        (json!({}), named(&[]), "Unable to get any of the HTTP, TCP or TLS routes for the Istio VirtualService"),
        (
            two.clone(),
            named(&[]),
            "Istio VirtualService has invalid HTTP routes. Error: spec.http[] should be set in VirtualService and it must have exactly one route when omitting spec.strategy.canary.trafficRouting.istio.virtualService.routes",
        ),
        (
            two,
            named(&["c"]),
            "Istio VirtualService has invalid HTTP routes. Error: HTTP Route 'c' is not found in the defined Virtual Service.",
        ),
        (
            json!({"http": [{"route": [{"destination": {"host": "stable"}}]}]}),
            named(&[]),
            "Istio VirtualService has invalid HTTP routes. Error: Canary Service 'canary' not found in route",
        ),
    ] {
        assert_eq!(select(&spec, &wanted, HOSTS), Err(problem.to_owned()));
    }
}

#[test]
fn tcp_and_tls_routes_are_found_by_what_they_match() {
    let ends =
        json!([{"destination": {"host": "stable"}, "weight": 100}, {"destination": {"host": "canary"}, "weight": 0}]);
    let spec = json!({
        "tcp": [{"match": [{"port": 1}], "route": ends}, {"match": [{"port": 2}], "route": ends}],
        "tls": [{"match": [{"port": 443, "sniHosts": ["b", "a"]}], "route": ends}],
    });
    let wanted = IstioVirtualService {
        name: "shop".into(),
        tcp_routes: vec![TcpRoute { port: Some(2) }],
        tls_routes: vec![TlsRoute { port: Some(443), sni_hosts: vec!["a".into(), "b".into()] }],
        ..Default::default()
    };
    let routes = select(&spec, &wanted, HOSTS).expect("both sections match");
    assert_eq!(routes, vec![RouteAt { section: "tls", index: 0 }, RouteAt { section: "tcp", index: 1 }]);
}

#[test]
fn a_weight_changes_nothing_else() {
    let spec = json!({"hosts": ["x"], "http": [route("a", 100, 0), route("b", 100, 0)]});
    let routes = select(&spec, &named(&["a"]), HOSTS).expect("route a is there");
    let patch = with_weight(&spec, &routes, HOSTS, 30).expect("the weight differs");
    assert_eq!(patch, json!({"spec": {"http": [route("a", 70, 30), route("b", 100, 0)]}}));
    let patched = patch.get("spec").expect("spec is there");
    assert_eq!(weights(patched, &routes, HOSTS), vec![Weights { canary: 30, stable: 70 }]);
    assert_eq!(with_weight(patched, &routes, HOSTS, 30), None);
}

#[test]
fn a_stranger_with_weight_goes_and_one_without_stays() {
    let spec = json!({"http": [{"route": [
        {"destination": {"host": "stable"}, "weight": 50}, {"destination": {"host": "canary"}}, {"destination": {"host": "old"}, "weight": 50}, {"destination": {"host": "idle"}},
    ]}]});
    let routes = select(&spec, &named(&[]), HOSTS).expect("one route");
    let patch = with_weight(&spec, &routes, HOSTS, 0).expect("the weight differs");
    assert_eq!(
        patch,
        json!({"spec": {"http": [{"route": [
            {"destination": {"host": "stable"}, "weight": 100}, {"destination": {"host": "canary"}, "weight": 0}, {"destination": {"host": "idle"}},
        ]}]}})
    );
}

#[test]
fn subsets_keep_their_other_labels() {
    let spec = json!({"host": "shop", "subsets": [{"name": "canary", "labels": {"app": "x"}, "trafficPolicy": {}}, {"name": "stable"}, {"name": "other"}]});
    let patch = with_hashes(&spec, &[("canary", "h2"), ("stable", "h1")]);
    let subsets = patch.get("spec").expect("spec is there");
    assert_eq!(
        (subset_hash(subsets, "canary"), subset_hash(subsets, "stable"), subset_hash(subsets, "other")),
        (Some("h2"), Some("h1"), None)
    );
    assert_eq!(subsets["subsets"][0]["labels"]["app"], "x");
    assert!(subsets["subsets"][0].get("trafficPolicy").is_some());
}
