//! A Deployment becomes a Rollout under two hundred requests a second: the Rollout takes its template over, the Deployment gives its
//! pods up, and no request is lost. Then the Deployment's template changes, and that is a canary.

use anyhow::Context;
use e2e::{
    Cluster, Stage,
    canary::{self, LIMIT, NAME, Recipe},
    installed,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::{Value, json};

/// Requests in a second.
const RATE: u32 = 200;

/// The Deployment that was there first.
fn deployment(cluster: &Cluster, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": NAME}},
            "template": canary::template(cluster, "v1"),
        },
    })
}

fn pods(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

async fn migrates(scale_down: &str) -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "workload").await?;
    let host = format!("{}.example", stage.namespace);
    let steps = json!([{"setWeight": 50}, {"pause": {"duration": "1s"}}]);
    let recipe = Recipe { host: host.clone(), replicas: 3, ..Recipe::steps(steps) };
    let (rollouts, others): (Vec<_>, Vec<_>) =
        recipe.items(&stage.cluster).into_iter().partition(|item| item["kind"] == "Rollout");
    stage.put(&others).await?;
    stage.put(&[deployment(&stage.cluster, 3)]).await?;
    let is_ready = |object: &Value| match object["status"]["availableReplicas"].as_i64() {
        Some(3) => Ok(()),
        other => Err(format!("{other:?} pods are available")),
    };
    stage.until(&format!("deployments/{NAME}"), LIMIT, is_ready).await?;
    let traffic = Traffic::of(&stage.cluster, &host, RATE)?;
    traffic.until_share("v1", 100).await?;
    traffic.check().context("nothing has happened yet")?;

    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    for mut rollout in rollouts {
        let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME, "scaleDown": scale_down});
        rollout["spec"]["workloadRef"] = reference;
        for field in ["template", "selector"] {
            rollout["spec"].as_object_mut().map(|spec| spec.remove(field));
        }
        stage.put(&[rollout]).await?;
    }
    let has_none = |object: &Value| match pods(object) {
        0 => Ok(()),
        some => Err(format!("the Deployment has {some} pods")),
    };
    stage.until(&format!("deployments/{NAME}"), LIMIT, has_none).await.with_context(|| controller.log())?;
    stage.until_done().await.with_context(|| controller.log())?;
    traffic.until_sent(u64::from(RATE) * 8).await?;
    traffic.check().with_context(|| controller.log())?;

    let template = canary::template(&stage.cluster, "v2");
    stage.patch(&format!("deployments/{NAME}"), &json!({"spec": {"template": template}})).await?;
    traffic.until_share("v2", 100).await.with_context(|| controller.log())?;
    stage.until_done().await.with_context(|| controller.log())?;
    traffic.check().with_context(|| controller.log())
}

#[test]
fn a_deployment_becomes_a_rollout_pod_by_pod_without_a_lost_request() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(migrates("progressively"))
}

#[test]
fn a_deployment_becomes_a_rollout_at_once_without_a_lost_request() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(migrates("onsuccess"))
}
