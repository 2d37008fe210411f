//! A canary through Gateway API, with all four kinds of routes at once, two of them with a header, and their real definitions: module
//! `sigs.k8s.io/gateway-api`, in the version that `e2e/cluster` names, `config/crd/experimental`.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, NAME, Recipe},
    installed,
    running::Controller,
    stage,
};
use serde_json::{Value, json};

const ROUTES: [&str; 4] = ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"];

fn object(kind: &str) -> String {
    format!("{}s/{NAME}", kind.to_lowercase())
}

/// A route with two rules, of which one leads to both Services; its weights are left out, which means 1.
fn route(kind: &str) -> Value {
    let version = if matches!(kind, "HTTPRoute" | "GRPCRoute") { "v1" } else { "v1alpha2" };
    let backend = |role: &str| json!({"name": format!("shop-{role}"), "port": 80});
    let mut rules = json!([{"backendRefs": [backend("stable"), backend("canary")]}]);
    let mut spec = json!({"parentRefs": [{"name": "gateway"}]});
    if kind == "HTTPRoute" {
        let matches = json!([{"path": {"type": "PathPrefix", "value": "/stable"}}]);
        let alone = json!({"matches": matches, "timeouts": {"request": "3s"}, "backendRefs": [backend("stable")]});
        rules = json!([alone, rules[0]]);
    }
    if kind == "TLSRoute" {
        spec["hostnames"] = json!(["shop.example"]);
    }
    spec["rules"] = rules;
    let api_version = format!("gateway.networking.k8s.io/{version}");
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": NAME}, "spec": spec})
}

/// The weights of the canary and the stable Service in the rule that has both.
fn weights(route: &Value) -> Option<(i64, i64)> {
    let backends = route["spec"]["rules"].as_array()?.last()?["backendRefs"].as_array()?;
    let of = |name: &str| backends.iter().find(|backend| backend["name"] == name)?["weight"].as_i64();
    Some((of("shop-canary")?, of("shop-stable")?))
}

async fn all_hold(stage: &Stage, wanted: (i64, i64)) -> anyhow::Result<()> {
    for kind in ROUTES {
        let holds = |route: &Value| match weights(route) {
            Some(found) if found == wanted => Ok(()),
            found => Err(format!("{kind}: {found:?} instead of {wanted:?}")),
        };
        stage.until(&object(kind), LIMIT, holds).await?;
    }
    Ok(())
}

#[test]
fn four_kinds_of_routes_follow_one_canary() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "gateway-api").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let with_headers = json!([{"name": NAME, "useHeaderRoutes": true}]);
        let named = json!({"httpRoutes": with_headers, "grpcRoutes": with_headers, "tcpRoute": NAME, "tlsRoutes": [{"name": NAME}]});
        let routing = json!({"plugins": {"argoproj-labs/gatewayAPI": named}, "managedRoutes": [{"name": "beta"}]});
        let header = json!({"name": "beta", "match": [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]});
        let recipe = Recipe::steps(json!([{"setWeight": 50}, {"setHeaderRoute": header}, {"pause": {}}]));
        stage.put(&recipe.items_with(&stage.cluster, &routing, ROUTES.map(route))).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        all_hold(&stage, (0, 100)).await.with_context(|| controller.log())?;
        stage.update("v2").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        all_hold(&stage, (50, 50)).await.with_context(|| controller.log())?;
        let rules = stage.get(&object("HTTPRoute")).await?["spec"]["rules"].clone();
        ensure!(rules[0]["backendRefs"].as_array().map(Vec::len) == Some(1), "{rules}");
        ensure!(rules[0]["matches"][0]["headers"][0]["value"] == "yes", "{rules}");
        ensure!(rules[1]["timeouts"]["request"] == "3s" && rules[1]["backendRefs"][0]["weight"] == 1, "{rules}");
        stage.plugin(&["promote", NAME])?;
        stage.until_done().await.with_context(|| controller.log())?;
        all_hold(&stage, (0, 100)).await.with_context(|| controller.log())?;
        for (kind, count) in [("HTTPRoute", 2), ("GRPCRoute", 1)] {
            let route = stage.get(&object(kind)).await?;
            ensure!(route["spec"]["rules"].as_array().map(Vec::len) == Some(count), "{route}");
            ensure!(route["metadata"]["annotations"].is_null(), "nothing is left: {route}");
        }
        Ok(())
    })
}
