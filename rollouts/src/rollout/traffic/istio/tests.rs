//! Which routes are found, and how they and the subsets look after a change.

use super::{
    super::samples::{branch, observed},
    subsets::{subset_hash, with_hashes},
    *,
};
use crds::rollout::{TcpRoute, TlsRoute};

const HOSTS: Names<'static> = Names::Hosts { canary: "canary", stable: "stable" };

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
    assert_eq!(select::routes(&two, &named(&["b"]), HOSTS, &[]).map(|routes| routes.len()), Ok(1));
    // A route that steps add is none of those that could be meant.
    assert_eq!(select::routes(&two, &named(&[]), HOSTS, &["a"]), Ok(vec![RouteAt { section: "http", index: 1 }]));
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
        assert_eq!(select::routes(&spec, &wanted, HOSTS, &[]), Err(problem.to_owned()));
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
    let routes = select::routes(&spec, &wanted, HOSTS, &[]).expect("both sections match");
    assert_eq!(routes, vec![RouteAt { section: "tls", index: 0 }, RouteAt { section: "tcp", index: 1 }]);
}

/// A canary between two Services whose VirtualService is `shop`, and what more its routing says.
fn strategy(routing: Value) -> CanaryStrategy {
    let mut strategy = json!({"canaryService": "canary", "stableService": "stable", "trafficRouting": routing});
    strategy["trafficRouting"]["istio"]["virtualService"]["name"] = "shop".into();
    serde_json::from_value(strategy).expect("a strategy")
}

/// What a VirtualService with this spec becomes, and its weights; `None` where it stays as it is.
fn changed(strategy: &CanaryStrategy, spec: &Value, canary: i32) -> (Option<Value>, Vec<Weights>) {
    changed_beside(strategy, spec, canary, &[])
}

/// The same, while an Experiment has these Services and weights.
fn changed_beside(
    strategy: &CanaryStrategy,
    spec: &Value,
    canary: i32,
    experiment: &[(&str, i32)],
) -> (Option<Value>, Vec<Weights>) {
    let others = experiment.iter().map(|(service, weight)| branch(service, *weight)).collect();
    let observed = observed(&[]);
    let settings = strategy.traffic_routing.as_ref().and_then(|routing| routing.istio.as_ref()).expect("istio");
    let istio = Istio::parse(strategy, Services::of(strategy, &Default::default()), settings).expect("is valid");
    let named = ObjectRef::of(&kind::VIRTUAL_SERVICE, "web", "shop");
    let managed = router::managed_after(strategy, strategy.steps.len());
    let wanted = Wanted { canary, whole: 100, others, managed };
    let object = json!({ "spec": spec });
    let patch = istio.change(&observed, &named, &object, &wanted).map(|change| match change {
        Change::Patch(patch) => patch,
        Change::Create(_) | Change::Delete => panic!("it is patched"),
    });
    (patch, istio.weights(&observed, &named, &object))
}

#[test]
fn a_weight_changes_nothing_else() {
    let strategy = strategy(json!({"istio": {"virtualService": {"routes": ["a"]}}}));
    let spec = json!({"hosts": ["x"], "http": [route("a", 100, 0), route("b", 100, 0)]});
    let (patch, weights) = changed(&strategy, &spec, 30);
    assert_eq!(weights, [Weights { canary: 0, stable: 100 }]);
    let patch = patch.expect("the weight differs");
    assert_eq!(patch, json!({"spec": {"http": [route("a", 70, 30), route("b", 100, 0)]}}));
    assert_eq!(changed(&strategy, &patch["spec"], 30), (None, vec![Weights { canary: 30, stable: 70 }]));
}

#[test]
fn a_stranger_with_weight_goes_and_one_without_stays() {
    let spec = json!({"http": [{"route": [
        {"destination": {"host": "stable"}, "weight": 50}, {"destination": {"host": "canary"}}, {"destination": {"host": "old"}, "weight": 50}, {"destination": {"host": "idle"}},
    ]}]});
    assert_eq!(
        changed(&strategy(json!({})), &spec, 0).0,
        Some(json!({"spec": {"http": [{"route": [
            {"destination": {"host": "stable"}, "weight": 100}, {"destination": {"host": "canary"}}, {"destination": {"host": "idle"}},
        ]}]}}))
    );
}

#[test]
fn an_experiment_gets_its_weights_from_the_stable_part_and_gives_them_back() {
    let strategy = strategy(json!({}));
    let ends = |canary: i32, stable: i32| {
        let port = json!({"number": 80});
        vec![
            json!({"destination": {"host": "canary", "port": port}, "weight": canary}),
            json!({"destination": {"host": "stable", "port": port}, "weight": stable}),
        ]
    };
    let tried =
        |name: &str, weight: i32| json!({"destination": {"host": name, "port": {"number": 80}}, "weight": weight});
    let route = |destinations: Vec<Value>| json!({"http": [{ "route": destinations }]});
    let with = |more: &[Value], stable: i32| route([ends(20, stable), more.to_vec()].concat());
    let both = [("try-a", 5), ("try-b", 10)];
    let running = with(&[tried("try-a", 5), tried("try-b", 10)], 65);
    for (what, found, experiment, expected) in [
        ("both are added", with(&[], 80), &both[..], Some(running.clone())),
        ("nothing is to do", running.clone(), &both[..], None),
        (
            "one that somebody moved is mended",
            with(&[tried("try-a", 50), tried("try-b", 10)], 20),
            &both[..],
            Some(running.clone()),
        ),
        ("both go", running, &[][..], Some(with(&[], 80))),
    ] {
        let patch = changed_beside(&strategy, &found, 20, experiment).0;
        assert_eq!(patch, expected.map(|spec| json!({ "spec": spec })), "{what}");
    }
    let (patch, _) = changed_beside(&strategy, &with(&[], 80), 20, &[("try-a", 100)]);
    let expected = with(&[tried("try-a", 100)], 0);
    assert_eq!(patch, Some(json!({ "spec": expected })), "the stable part is never less than nothing");
}

#[test]
fn subsets_of_others_keep_their_weight() {
    let rule = json!({
        "name": "shop", "canarySubsetName": "canary", "stableSubsetName": "stable", "additionalSubsetNames": ["theirs"],
    });
    let strategy = strategy(json!({"istio": {"destinationRule": rule}}));
    let route = |canary: i32, stable: i32| {
        let to =
            |subset: &str, weight: i32| json!({"destination": {"host": "shop", "subset": subset}, "weight": weight});
        json!({"http": [{"route": [to("stable", stable), to("canary", canary), to("theirs", 15)]}]})
    };
    let (patch, weights) = changed(&strategy, &route(0, 85), 20);
    assert_eq!(weights, [Weights { canary: 0, stable: 100 }], "theirs is nothing that could be moved");
    assert_eq!(patch, Some(json!({ "spec": route(20, 65) })));
    assert_eq!(changed(&strategy, &route(20, 65), 20).0, None);
    assert_eq!(changed(&strategy, &route(20, 65), 100).0, Some(json!({ "spec": route(100, 0) })));
    assert_eq!(changed(&strategy, &route(100, 0), 100), (None, vec![Weights { canary: 100, stable: 0 }]));
}

#[test]
fn managed_routes_stand_before_the_others_and_lead_to_the_canary() {
    let by_header = json!({"name": "beta", "match": [
        {"headerName": "x-beta", "headerValue": {"exact": "yes"}}, {"headerName": "agent", "headerValue": {"regex": "a.*"}},
    ]});
    let mirror = json!({"name": "copy", "percentage": 35, "match": [
        {"method": {"exact": "GET"}, "path": {"prefix": "/v1"}, "headers": {"x": {"regex": "y"}}},
    ]});
    let with_steps = |steps: Value| {
        let mut canary = strategy(json!({"managedRoutes": [{"name": "copy"}, {"name": "beta"}]}));
        canary.steps = serde_json::from_value(steps).expect("steps");
        canary
    };
    let both = with_steps(json!([{"setHeaderRoute": by_header}, {"setMirrorRoute": mirror}]));
    let none = with_steps(json!([
        {"setHeaderRoute": by_header}, {"setMirrorRoute": mirror}, {"setHeaderRoute": {"name": "beta"}}, {"setMirrorRoute": {"name": "copy"}},
    ]));
    let main = |canary: i32| {
        json!({"name": "main", "route": [
            {"destination": {"host": "canary.web", "port": {"number": 80}}, "weight": canary},
            {"destination": {"host": "stable.web"}, "weight": 100 - canary},
        ]})
    };
    let (first, last) = (json!({"name": "users"}), json!({"name": "end", "redirect": {}}));
    let canary = json!({"host": "canary.web", "port": {"number": 80}});
    let copy = |weight: i32| {
        json!({
            "name": "copy", "match": [{"method": {"exact": "GET"}, "uri": {"prefix": "/v1"}, "headers": {"x": {"regex": "y"}}}],
            "route": main(weight)["route"], "mirror": canary, "mirrorPercentage": {"value": 35},
        })
    };
    let beta = json!({
        "name": "beta", "match": [{"headers": {"x-beta": {"exact": "yes"}}}, {"headers": {"agent": {"regex": "a.*"}}}],
        "route": [{"destination": canary, "weight": 100}],
    });
    let old = json!({"name": "beta", "match": [], "route": []});
    let (with, without) = (json!([copy(20), beta, main(20)]), json!([main(20)]));
    for (what, strategy, found, expected) in [
        ("both are added", &both, json!([main(0)]), Some(with.clone())),
        ("nothing is to do", &both, with.clone(), None),
        ("the copy follows the weight", &both, json!([copy(0), beta, main(0)]), Some(with.clone())),
        ("one that somebody changed is mended", &both, json!([copy(20), old, main(20)]), Some(with.clone())),
        ("one that somebody moved comes back", &both, json!([main(20), copy(20), beta]), Some(with.clone())),
        ("another Rollout's may stand before them", &both, json!([{"name": "theirs"}, copy(20), beta, main(20)]), None),
        (
            "another Rollout has a route of the same name",
            &none,
            json!([{"name": "beta", "route": [{"destination": {"host": "other"}}]}, main(20)]),
            None,
        ),
        ("both go", &none, with, Some(without.clone())),
        ("nobody is left", &none, without, None),
    ] {
        let mut settings = strategy.clone();
        if let Some(named) = settings.traffic_routing.as_mut().and_then(|routing| routing.istio.as_mut()) {
            named.virtual_service.as_mut().expect("one").routes = vec!["main".into()];
        }
        let patch = changed(&settings, &json!({ "http": found }), 20).0;
        assert_eq!(patch, expected.map(|list| json!({"spec": {"http": list}})), "{what}");
    }
    let around = json!({"http": [first, main(0), last]});
    let mut settings = both.clone();
    settings
        .traffic_routing
        .as_mut()
        .and_then(|routing| routing.istio.as_mut()?.virtual_service.as_mut())
        .expect("one")
        .routes = vec!["main".into()];
    let patch = changed(&settings, &around, 20).0;
    assert_eq!(
        patch,
        Some(json!({"spec": {"http": [copy(20), beta, first, main(20), last]}})),
        "the others keep their order"
    );
    let copied = json!({"http": [copy(30), main(20)]});
    let weights = [Weights { canary: 20, stable: 80 }, Weights { canary: 30, stable: 70 }];
    assert_eq!(changed(&settings, &copied, 20).1, weights, "the answers of copied requests come from its own route");
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
