//! Routes of steps through real Envoy: whoever sends the header reaches the canary, nobody else does; each other request is doubled, and its
//! answer comes from the stable version. An abort takes both routes away, and nobody loses a request.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, Routing},
    installed,
    running::Controller,
    stage,
    traffic::{Traffic, sent_to},
};
use serde_json::{Value, json};

/// Requests over which copies are counted.
const SAMPLE: u64 = 300;

async fn routes_of_steps(routing: Routing) -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "header").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let host = format!("{}.example", stage.namespace);
    let steps = json!([
        {"setCanaryScale": {"replicas": 1}},
        {"setHeaderRoute": {"name": "beta", "match": [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]}},
        {"pause": {}},
        {"setMirrorRoute": {"name": "copy", "match": [{"method": {"exact": "GET"}}]}},
        {"pause": {}},
    ]);
    let recipe =
        Recipe { host: host.clone(), routing, managed: vec!["beta".into(), "copy".into()], ..Recipe::steps(steps) };
    stage.put(&recipe.items(&stage.cluster)).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let (plain, beta) =
        (Traffic::start(&stage.cluster, &host)?, Traffic::with_header(&stage.cluster, &host, ("x-beta", "yes"))?);
    plain.until_share("v1", 100).await?;
    beta.until_share("v1", 100).await?;

    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    beta.until_share("v2", 100).await.with_context(|| controller.log())?;
    plain.until_share("v1", 100).await?;
    beta.check().and(plain.check()).with_context(|| controller.log())?;
    drop(beta);

    let canary = match routing {
        Routing::Subsets => format!("|canary|shop.{}.", stage.namespace),
        Routing::Hosts | Routing::ActiveService => format!("shop-canary.{}.", stage.namespace),
    };
    let copies = async || -> anyhow::Result<(u64, u64)> {
        let (from, sent) = (sent_to(&stage.cluster, &canary).await?, plain.sent());
        plain.until_sent(SAMPLE).await?;
        Ok((sent_to(&stage.cluster, &canary).await? - from, plain.sent() - sent))
    };
    let (none, _) = copies().await?;
    ensure!(none == 0, "{none} requests without the header reached the canary");
    stage.plugin(&["promote", "shop"])?;
    let is_copied = |service: &Value| match &service["spec"]["http"] {
        Value::Array(routes) if routes.iter().any(|route| route.get("mirror").is_some()) => Ok(()),
        routes => Err(routes.to_string()),
    };
    stage.until("virtualservices/shop", LIMIT, is_copied).await.with_context(|| controller.log())?;
    plain.until_sent(SAMPLE).await?;
    let (copied, sent) = copies().await?;
    ensure!(copied.abs_diff(sent) <= sent / 20, "{copied} copies of {sent} requests");
    plain.until_share("v1", 100).await?;

    let beta = Traffic::with_header(&stage.cluster, &host, ("x-beta", "yes"))?;
    beta.until_share("v2", 100).await?;
    stage.plugin(&["abort", "shop"])?;
    beta.until_share("v1", 100).await.with_context(|| controller.log())?;
    beta.check().and(plain.check()).with_context(|| controller.log())?;
    let left = stage.get("virtualservices/shop").await?["spec"]["http"].clone();
    ensure!(left.as_array().is_some_and(|routes| routes.len() == 1), "{left}");
    println!("{routing:?}: {copied} copies of {sent} requests");
    Ok(())
}

#[test]
fn a_header_reaches_the_canary_and_a_mirror_doubles_requests_between_hosts() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(routes_of_steps(Routing::Hosts))
}

#[test]
fn a_header_reaches_the_canary_and_a_mirror_doubles_requests_between_subsets() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(routes_of_steps(Routing::Subsets))
}
