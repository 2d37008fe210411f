//! Somebody else moves the weight in the middle of a canary: they are named, once; the step's weight is set again; Envoy follows;
//! and no request is lost. Who changes something else in the VirtualService is left alone.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, weights},
    chronicle::Chronicle,
    installed, invariants,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::json;

async fn a_foreign_weight() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "foreign").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let host = format!("{}.example", stage.namespace);
    let steps = json!([{"setWeight": 30}, {"pause": {}}]);
    stage.put(&Recipe { host: host.clone(), ..Recipe::steps(steps) }.items(&stage.cluster)).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let traffic = Traffic::start(&stage.cluster, &host)?;
    traffic.until_share("v1", 100).await?;
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
    let from = chronicle.revision();

    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    traffic.until_share("v2", 30).await?;
    let patch = r#"[{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 20},
                    {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 80}]"#;
    stage.kubectl(&["patch", "virtualservice", "shop", "--type=json", "--field-manager=alice", "--patch", patch])?;
    stage.until_weights(30, 70).await.with_context(|| controller.log())?;
    stage.kubectl(&["annotate", "virtualservice", "shop", "--field-manager=bob", "note=no weight"])?;
    traffic.until_share("v2", 30).await?;

    stage.plugin(&["promote", "shop"])?;
    stage.until_done().await.with_context(|| controller.log())?;
    stage.until_weights(0, 100).await.with_context(|| controller.log())?;
    traffic.until_share("v2", 100).await?;
    traffic.check()?;

    let told = || async { stage.events("TrafficRoutingError").await.map_err(|error| format!("{error:#}")) };
    let says = "alice set the weight in VirtualService shop to 80 %, it is set to 30 % again";
    let once =
        || async { told().await.and_then(|events| if events == [says] { Ok(()) } else { Err(format!("{events:?}")) }) };
    e2e::wait_until("one event with the name", LIMIT, once).await.with_context(|| controller.log())?;
    let findings = invariants::replay(&chronicle.changes().await?, from);
    ensure!(findings.weights == [30, 80, 30, 100, 0], "{:?}\n{}", findings.weights, controller.log());
    ensure!(weights(&stage.get("virtualservices/shop").await?) == Some((0, 100)), "{}", controller.log());
    Ok(())
}

#[test]
fn who_moves_the_weight_is_named_and_the_weight_is_set_again() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(a_foreign_weight())
}
