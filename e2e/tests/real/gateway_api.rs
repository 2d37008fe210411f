//! A canary through an HTTPRoute of Gateway API that istiod serves and real Envoy follows, under two hundred requests a second: the
//! weights are what clients measure, an abort takes them back, and no request is lost.

use anyhow::Context;
use e2e::{
    Cluster, Stage,
    canary::{NAME, Recipe},
    installed,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::{Value, json};

/// Requests in a second.
const RATE: u32 = 200;

/// A route behind the cluster's Gateway.
fn route(cluster: &Cluster, host: &str) -> anyhow::Result<Value> {
    let (namespace, gateway) = cluster.gateway_resource.split_once('/').context("namespace and name of a Gateway")?;
    let backend = |role: &str| json!({"name": format!("{NAME}-{role}"), "port": 80});
    Ok(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": NAME},
        "spec": {
            "parentRefs": [{"namespace": namespace, "name": gateway}],
            "hostnames": [host],
            "rules": [{"backendRefs": [backend("stable"), backend("canary")]}],
        },
    }))
}

async fn canary() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "http-route").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let host = format!("{}.example", stage.namespace);
    let recipe = Recipe::steps(json!([{"setWeight": 30}, {"pause": {}}]));
    let routing = json!({"gatewayAPI": {"httpRoute": NAME}});
    stage.put(&recipe.items_with(&stage.cluster, &routing, [route(&stage.cluster, &host)?])).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let traffic = Traffic::through_gateway_api(&stage.cluster, &host, RATE)?;
    traffic.until_share("v1", 100).await?;

    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    traffic.until_share("v2", 30).await.with_context(|| controller.log())?;
    stage.plugin(&["abort", NAME])?;
    traffic.until_share("v1", 100).await.with_context(|| controller.log())?;
    traffic.check().with_context(|| controller.log())?;

    stage.update("v3").await?;
    traffic.until_share("v3", 30).await.with_context(|| controller.log())?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    stage.plugin(&["promote", NAME])?;
    stage.until_done().await.with_context(|| controller.log())?;
    traffic.until_share("v3", 100).await.with_context(|| controller.log())?;
    traffic.check().with_context(|| controller.log())
}

#[test]
fn envoy_follows_an_http_route_without_a_lost_request() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(canary())
}
