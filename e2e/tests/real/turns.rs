//! Two Services take turns in being the stable one, under two hundred requests a second: several updates in a row and an abort lose no
//! request, and the end of an update moves no traffic.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{Recipe, weights},
    chronicle::Chronicle,
    installed, invariants,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::json;

/// Requests in a second.
const RATE: u32 = 200;

/// Which of the two is the stable one.
async fn turn(stage: &Stage) -> anyhow::Result<String> {
    let rollout = stage.get("rollouts/shop").await?;
    let turn = rollout["status"]["canary"]["stablePingPong"].as_str();
    Ok(turn.context("nobody's turn")?.to_owned())
}

/// The weights of both while one of them has all of the requests.
fn all_at(turn: &str) -> (i64, i64) {
    if turn == "ping" { (100, 0) } else { (0, 100) }
}

async fn take_turns() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "turns").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let host = format!("{}.example", stage.namespace);
    let strategy = json!({
        "canaryService": null, "stableService": null,
        "pingPong": {"pingService": "shop-canary", "pongService": "shop-stable"},
    });
    stage.put(&Recipe { host: host.clone(), strategy, ..Recipe::default() }.items(&stage.cluster)).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let traffic = Traffic::of(&stage.cluster, &host, RATE)?;
    traffic.until_share("v1", 100).await?;
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
    let from = chronicle.revision();
    let mut stable = turn(&stage).await?;
    for version in ["v2", "v3", "v4"] {
        stage.update(version).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        let next = turn(&stage).await?;
        ensure!(next != stable, "{version}: {next} is the stable one once more\n{}", controller.log());
        stable = next;
        traffic.until_share(version, 100).await?;
        traffic.check().with_context(|| controller.log())?;
    }
    let findings = invariants::replay(&chronicle.changes().await?, from);
    ensure!(findings.broken.is_empty(), "{:#?}\n{}", findings.broken, controller.log());
    // Those of the one that the first version took: away, back, and away again, and nothing at the end of an update.
    ensure!(findings.weights == [50, 0, 50, 100, 50, 0], "{:?}\n{}", findings.weights, controller.log());

    stage.update("v5").await?;
    stage.until_weights(50, 50).await?;
    stage.plugin(&["abort", "shop"])?;
    stage.until_phase("Degraded", "RolloutAborted").await.with_context(|| controller.log())?;
    ensure!(turn(&stage).await? == stable, "an abort changes no turn\n{}", controller.log());
    traffic.until_share("v4", 100).await?;
    traffic.check().with_context(|| controller.log())?;
    let seen = weights(&stage.get("virtualservices/shop").await?);
    ensure!(seen == Some(all_at(&stable)), "{seen:?}\n{}", controller.log());
    Ok(())
}

#[test]
fn no_request_is_lost_while_two_services_take_turns() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(take_turns())
}
