//! `kill -9` of the API server in the middle of a canary, once while it waits and once while it moves: what Envoy sends where
//! does not change meanwhile, the controller lives on, and each weight is set once.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, is_done},
    chronicle::Chronicle,
    installed, invariants,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::{Value, json};

async fn restarts() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "restart").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let host = format!("{}.example", stage.namespace);
    let steps = json!([{"setWeight": 30}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "1s"}}]);
    stage.put(&Recipe { host: host.clone(), ..Recipe::steps(steps) }.items(&stage.cluster)).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let traffic = Traffic::start(&stage.cluster, &host)?;
    traffic.until_share("v1", 100).await?;
    let chronicle = Chronicle::across_restarts(stage.client(), &stage.namespace).await?;
    let (from, process) = (chronicle.revision(), controller.pid());

    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    stage.cluster.kill("kube-apiserver")?;
    stage.cluster.repair()?;
    traffic.until_share("v2", 30).await?;

    stage.plugin(&["promote", "shop"])?;
    let moves = |rollout: &Value| match rollout["status"]["currentStepIndex"].as_i64() {
        Some(1) => Err("still at the pause".to_owned()),
        _ => Ok(()),
    };
    stage.until("rollouts/shop", LIMIT, moves).await.with_context(|| controller.log())?;
    stage.cluster.kill("kube-apiserver")?;
    stage.cluster.repair()?;
    stage.until("rollouts/shop", 2 * LIMIT, is_done).await.with_context(|| controller.log())?;
    stage.until_weights(0, 100).await.with_context(|| controller.log())?;
    traffic.until_share("v2", 100).await?;
    traffic.check()?;

    ensure!(controller.is_alive() && controller.pid() == process, "{}", controller.log());
    let findings = invariants::replay(&chronicle.changes().await?, from);
    ensure!(findings.broken.is_empty(), "{:#?}\n{}", findings.broken, controller.log());
    ensure!(findings.weights == [30, 60, 100, 0], "{:?}\n{}", findings.weights, controller.log());
    Ok(())
}

#[test]
fn a_canary_outlives_restarts_of_the_api_server() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(restarts())
}
