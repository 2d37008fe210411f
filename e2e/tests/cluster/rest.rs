//! At rest the controller asks the API server for nothing but its leases, however many Rollouts there are.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe},
    installed,
    proxy::Proxy,
    running::Controller,
    stage,
    wait::holds,
    wait_until,
};
use serde_json::{Value, json};

/// Rollouts without pods beside the one that is in the middle of an update.
const ROLLOUTS: usize = 30;
/// Requests about leases that make a window: two are read and written each half second.
const WINDOW: usize = 48;
const ELECTION: [&str; 3] = ["--leader-elect", "--leader-election-retry-period", "500ms"];

/// What else was asked until the window is full.
async fn others(proxy: &Proxy) -> anyhow::Result<Vec<String>> {
    proxy.arm(None);
    let is_lease = |request: &String| request.contains("/leases");
    wait_until("the leases are renewed", LIMIT, || async {
        let leases = proxy.requests().iter().filter(|request| is_lease(request)).count();
        holds(leases >= WINDOW, leases)
    })
    .await?;
    Ok(proxy.requests().into_iter().filter(|request| !is_lease(request)).collect())
}

async fn rests() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::light()?, "rest").await?;
    stage.grant(installed::ROLLOUTS, "[{apiGroups: [coordination.k8s.io], resources: [leases], verbs: ['*']}]")?;
    let proxy = Proxy::start(stage::client(&stage.account(installed::ROLLOUTS)?).await?).await?;
    let controller = Controller::on(&stage, "controller", &proxy.kubeconfig(), &ELECTION)?;
    let recipe = Recipe::steps(json!([{"setWeight": 50}, {"pause": {}}]));
    stage.put(&recipe.items(&stage.cluster)).await?;
    for number in 0..ROLLOUTS {
        let mut rollout = recipe.rollout(&stage.cluster);
        rollout["metadata"]["name"] = format!("idle-{number}").into();
        rollout["spec"]["replicas"] = 0.into();
        let labels = json!({"app": format!("idle-{number}")});
        rollout["spec"]["selector"]["matchLabels"] = labels.clone();
        rollout["spec"]["template"]["metadata"]["labels"] = labels;
        rollout["spec"]["strategy"] = json!({"canary": {}});
        stage.create("rollouts", &rollout).await?;
    }
    stage.until_done().await.with_context(|| controller.log())?;
    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    let all_healthy = |list: &Value| {
        let items = list["items"].as_array().into_iter().flatten();
        let healthy = items.filter(|rollout| rollout["status"]["phase"] == "Healthy").count();
        holds(healthy == ROLLOUTS, healthy)
    };
    stage.until("rollouts", LIMIT, all_healthy).await.with_context(|| controller.log())?;
    // The last reports are on their way still.
    wait_until("it is at rest", LIMIT, || async {
        let others = others(&proxy).await.map_err(|error| format!("{error:#}"))?;
        holds(others.is_empty(), others)
    })
    .await
    .with_context(|| controller.log())?;
    let others = others(&proxy).await?;
    ensure!(others.is_empty(), "{others:#?}\n{}", controller.log());
    Ok(())
}

#[test]
fn at_rest_nothing_but_the_leases_is_asked_for() -> anyhow::Result<()> {
    stage::play(rests())
}
