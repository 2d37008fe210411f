//! Tables for what a Rollout owns in Istio's objects.

use serde_json::{Value, json};

use crate::{Rollout, owned::with_owned_from};

fn rollout(routing: &Value, steps: &Value) -> Rollout {
    Rollout::from_value(&json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"strategy": {"canary": {
        "canaryService": "web-canary", "stableService": "web-stable", "steps": steps, "trafficRouting": routing,
    }}}}))
    .expect("is a Rollout")
}

fn mesh_object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

fn kept(rollout: &Rollout, desired: &Value, live: &Value) -> Value {
    let desired = mesh_object("VirtualService", "web", desired);
    with_owned_from(&[rollout], &desired, &mesh_object("VirtualService", "web", live))["spec"].clone()
}

fn pair(stable: i64, canary: i64) -> Value {
    json!([{"destination": {"host": "web-stable"}, "weight": stable}, {"destination": {"host": "web-canary"}, "weight": canary}])
}

#[test]
fn weights_of_weighted_routes_are_the_live_ones() {
    let one = json!({"istio": {"virtualService": {"name": "web"}}});
    let whole = json!({"istio": {"virtualService": {"name": "web.shop.svc.cluster.local"}}});
    let named = json!({"istio": {"virtualService": {"name": "web.shop", "routes": ["main"]}}});
    let tcp = json!({"istio": {"virtualService": {"name": "web", "tcpRoutes": [{"port": 90}]}}});
    let tls = json!({"istio": {"virtualServices": [{"name": "web", "tlsRoutes": [{"port": 443, "sniHosts": ["a"]}]}]}});
    let cases = [
        (
            "the only route",
            &one,
            json!({"http": [{"route": pair(100, 0)}]}),
            json!({"http": [{"route": pair(70, 30)}]}),
            json!({"http": [{"route": pair(70, 30)}]}),
        ),
        (
            "the only route, of a VirtualService with its whole name",
            &whole,
            json!({"http": [{"route": pair(100, 0)}]}),
            json!({"http": [{"route": pair(70, 30)}]}),
            json!({"http": [{"route": pair(70, 30)}]}),
        ),
        (
            "what is not a weight is Git's",
            &one,
            json!({"http": [{"timeout": "5s", "route": pair(100, 0)}]}),
            json!({"http": [{"timeout": "1s", "route": pair(70, 30)}]}),
            json!({"http": [{"timeout": "5s", "route": pair(70, 30)}]}),
        ),
        (
            "only the named route",
            &named,
            json!({"http": [{"name": "beta", "route": pair(50, 50)}, {"name": "main", "route": pair(100, 0)}]}),
            json!({"http": [{"name": "main", "route": pair(70, 30)}, {"name": "beta", "route": pair(1, 99)}]}),
            json!({"http": [{"name": "beta", "route": pair(50, 50)}, {"name": "main", "route": pair(70, 30)}]}),
        ),
        (
            "a tcp route by port",
            &tcp,
            json!({"tcp": [{"route": pair(5, 5)}, {"match": [{"port": 90}], "route": pair(100, 0)}]}),
            json!({"tcp": [{"match": [{"port": 90}], "route": pair(70, 30)}]}),
            json!({"tcp": [{"route": pair(5, 5)}, {"match": [{"port": 90}], "route": pair(70, 30)}]}),
        ),
        (
            "a tcp route whose blocks name several ports is nobody's",
            &tcp,
            json!({"tcp": [{"match": [{"port": 90}, {}], "route": pair(5, 5)}, {"match": [{"port": 90}], "route": pair(100, 0)}]}),
            json!({"tcp": [{"match": [{"port": 90}, {}], "route": pair(1, 9)}, {"match": [{"port": 90}], "route": pair(70, 30)}]}),
            json!({"tcp": [{"match": [{"port": 90}, {}], "route": pair(5, 5)}, {"match": [{"port": 90}], "route": pair(70, 30)}]}),
        ),
        (
            "a tls route by port and host",
            &tls,
            json!({"tls": [{"match": [{"port": 443, "sniHosts": ["a"]}], "route": pair(100, 0)}]}),
            json!({"tls": [{"match": [{"port": 443, "sniHosts": ["a"]}], "route": pair(70, 30)}]}),
            json!({"tls": [{"match": [{"port": 443, "sniHosts": ["a"]}], "route": pair(70, 30)}]}),
        ),
        (
            "a route that is new",
            &one,
            json!({"http": [{"route": pair(100, 0)}]}),
            json!({}),
            json!({"http": [{"route": pair(100, 0)}]}),
        ),
        (
            "hosts in full are the same hosts",
            &one,
            json!({"http": [{"route": [{"destination": {"host": "web-canary.shop.svc.cluster.local"}, "weight": 0}]}]}),
            json!({"http": [{"route": pair(70, 30)}]}),
            json!({"http": [{"route": [{"destination": {"host": "web-canary.shop.svc.cluster.local"}, "weight": 30}]}]}),
        ),
        (
            "a third destination with a weight is the rollout's to remove",
            &one,
            json!({"http": [{"route": [{"destination": {"host": "web-stable"}, "weight": 90}, {"destination": {"host": "old"}, "weight": 10}]}]}),
            json!({"http": [{"route": pair(70, 30)}]}),
            json!({"http": [{"route": [{"destination": {"host": "web-stable"}, "weight": 70}]}]}),
        ),
    ];
    for (what, routing, desired, live, expected) in cases {
        assert_eq!(kept(&rollout(routing, &json!([])), &desired, &live), expected, "{what}");
    }
}

#[test]
fn managed_routes_and_experiments_stay() {
    let routing = json!({"managedRoutes": [{"name": "header"}], "istio": {"virtualService": {"name": "web"}}});
    let header = json!({"name": "header", "match": [{"headers": {"x": {"exact": "y"}}}], "route": pair(0, 100)});
    let live = json!({"http": [header, {"route": pair(70, 30)}]});
    let desired = json!({"http": [{"route": pair(100, 0)}]});
    assert_eq!(kept(&rollout(&routing, &json!([])), &desired, &live), live);

    let experiment = json!([{"experiment": {"templates": [{"name": "e", "specRef": "canary", "weight": 5}]}}]);
    let mut destinations = pair(70, 25);
    destinations.as_array_mut().expect("is a list").push(json!({"destination": {"host": "web-e"}, "weight": 5}));
    let live = json!({"http": [{"route": destinations}]});
    let one = json!({"istio": {"virtualService": {"name": "web"}}});
    assert_eq!(kept(&rollout(&one, &experiment), &desired, &live), live);
    assert_eq!(kept(&rollout(&one, &json!([])), &desired, &live), json!({"http": [{"route": pair(70, 25)}]}));
}

#[test]
fn subsets_keep_their_revision_and_users_their_weights() {
    let routing = json!({"istio": {"virtualService": {"name": "web"}, "destinationRule": {
        "name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable", "additionalSubsetNames": ["beta"]}}});
    let rollout = rollout(&routing, &json!([]));
    let hash = |hash: &str| json!({"app": "web", "rollouts-pod-template-hash": hash});
    let desired = json!({"host": "web", "subsets": [{"name": "canary", "labels": {"app": "web"}}, {"name": "stable"}, {"name": "beta", "labels": {"v": "b"}}]});
    let live = json!({"subsets": [{"name": "stable", "labels": hash("s")}, {"name": "canary", "labels": hash("c")}, {"name": "web-e", "labels": hash("e")}, {"name": "old"}]});
    let rule = with_owned_from(
        &[&rollout],
        &mesh_object("DestinationRule", "web", &desired),
        &mesh_object("DestinationRule", "web", &live),
    );
    assert_eq!(
        rule["spec"]["subsets"],
        json!([{"name": "canary", "labels": hash("c")}, {"name": "stable", "labels": {"rollouts-pod-template-hash": "s"}},
               {"name": "beta", "labels": {"v": "b"}}, {"name": "web-e", "labels": hash("e")}])
    );

    let route = |canary: i64, beta: i64| json!({"http": [{"route": [{"destination": {"host": "web", "subset": "canary"}, "weight": canary}, {"destination": {"host": "web", "subset": "beta"}, "weight": beta}]}]});
    assert_eq!(kept(&rollout, &route(0, 20), &route(30, 10)), route(30, 20));
}
