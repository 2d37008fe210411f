//! An experiment with a share of the requests of its own: its pods really get it through Envoy, apart from the canary's, and give it
//! back when somebody ends it. No request is lost.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe},
    installed,
    running::Controller,
    stage,
    traffic::{Traffic, sent_to},
};
use serde_json::{Value, json};

/// Requests in a second.
const RATE: u32 = 200;
/// Requests over which the shares of both sides are counted.
const SAMPLE: u64 = 600;
/// Of each side, in percent, and how far the count may be away.
const SHARE: u64 = 20;
const TOLERANCE: u64 = 6;

/// Hosts and weights of a route, but for those of the Rollout's own ends.
fn of_experiment(service: &Value) -> Vec<(String, Value)> {
    let entries = service.pointer("/spec/http/0/route").and_then(Value::as_array).into_iter().flatten();
    let named = entries
        .map(|entry| (entry["destination"]["host"].as_str().unwrap_or_default().to_owned(), entry["weight"].clone()));
    named.filter(|(host, _)| host != "shop-stable" && host != "shop-canary").collect()
}

async fn shares() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "experiment").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let host = format!("{}.example", stage.namespace);
    let templates = json!([
        {"name": "base", "specRef": "stable", "weight": SHARE}, {"name": "next", "specRef": "canary", "weight": SHARE},
    ]);
    let steps = json!([{"experiment": {"templates": templates}}, {"pause": {}}]);
    stage.put(&Recipe { host: host.clone(), ..Recipe::steps(steps) }.items(&stage.cluster)).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let traffic = Traffic::of(&stage.cluster, &host, RATE)?;
    traffic.until_share("v1", 100).await?;

    stage.update("v2").await?;
    let both = |service: &Value| match of_experiment(service) {
        sides if sides.len() == 2 && sides.iter().all(|(_, weight)| *weight == SHARE) => Ok(sides),
        sides => Err(format!("{sides:?}")),
    };
    let sides = stage.until("virtualservices/shop", LIMIT, both).await.with_context(|| controller.log())?;
    // The canary has no share: each answer of the new version is the experiment's.
    traffic.until_share("v2", SHARE).await.with_context(|| controller.log())?;
    let counts = async || -> anyhow::Result<Vec<u64>> {
        let mut counts = Vec::new();
        for (host, _) in &sides {
            counts.push(sent_to(&stage.cluster, &format!("|{host}.{}.", stage.namespace)).await?);
        }
        Ok(counts)
    };
    let (from, sent) = (counts().await?, traffic.sent());
    traffic.until_sent(SAMPLE).await?;
    let (until, sent) = (counts().await?, traffic.sent() - sent);
    for ((host, _), (from, until)) in sides.iter().zip(from.iter().zip(&until)) {
        let percent = 100 * (until - from) / sent;
        ensure!(percent.abs_diff(SHARE) <= TOLERANCE, "{host} got {percent} % of {sent} requests");
    }

    let rollout = stage.get("rollouts/shop").await?;
    let experiment = rollout["status"]["canary"]["currentExperiment"].as_str().context("an experiment")?;
    stage.plugin(&["terminate", "experiment", experiment])?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    traffic.until_share("v1", 100).await.with_context(|| controller.log())?;
    let left = of_experiment(&stage.get("virtualservices/shop").await?);
    ensure!(left.is_empty(), "{left:?}");
    stage.plugin(&["promote", "shop"])?;
    stage.until_done().await.with_context(|| controller.log())?;
    traffic.until_share("v2", 100).await?;
    traffic.check().with_context(|| controller.log())
}

#[test]
fn an_experiment_gets_its_share_of_the_requests_and_gives_it_back() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(shares())
}
