//! A restart under two hundred requests a second: each pod is replaced through the eviction API, never more of them are missing than
//! `maxUnavailable` says, and no request is lost.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, is_done, summary},
    chronicle::{Change, Chronicle},
    installed,
    proxy::Proxy,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Requests in a second.
const RATE: u32 = 200;
const PODS: usize = 4;

/// The fewest endpoints that the stable Service had ready.
fn fewest(changes: &[Change]) -> usize {
    let ready = |slice: &Value| {
        let endpoints = slice["endpoints"].as_array().into_iter().flatten();
        endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
    };
    let is_stable = |slice: &Value| slice["metadata"]["labels"]["kubernetes.io/service-name"] == "shop-stable";
    let mut slices: BTreeMap<&str, usize> = BTreeMap::new();
    let mut fewest = usize::MAX;
    for change in changes.iter().filter(|change| change.name.0 == "endpointslices") {
        if let Some(slice) = change.object.as_ref().filter(|slice| is_stable(slice)) {
            slices.insert(&change.name.1, ready(slice));
            fewest = fewest.min(slices.values().sum());
        }
    }
    fewest
}

async fn restarts() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "eviction").await?;
    let proxy = Proxy::start(stage::client(&stage.account(installed::ROLLOUTS)?).await?).await?;
    let controller = Controller::on(&stage, "controller", &proxy.kubeconfig(), &[])?;
    let host = format!("{}.example", stage.namespace);
    let (replicas, strategy) = (i64::try_from(PODS)?, json!({"maxUnavailable": 1}));
    stage.put(&Recipe { host: host.clone(), replicas, strategy, ..Recipe::default() }.items(&stage.cluster)).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let traffic = Traffic::of(&stage.cluster, &host, RATE)?;
    traffic.until_share("v1", 100).await?;
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
    proxy.arm(None);

    stage.plugin(&["restart", "shop"])?;
    let is_over = |rollout: &Value| match rollout["status"]["restartedAt"] == rollout["spec"]["restartAt"] {
        true => is_done(rollout),
        false => Err(summary(rollout)),
    };
    stage.until("rollouts/shop", LIMIT, is_over).await.with_context(|| controller.log())?;
    traffic.check().with_context(|| controller.log())?;
    let writes = proxy.writes();
    let evicted: BTreeSet<&String> = writes.iter().filter(|write| write.ends_with("/eviction")).collect();
    let removed = writes.iter().any(|write| write.starts_with("DELETE") && write.contains("/pods/"));
    ensure!(evicted.len() == PODS && !removed, "{writes:#?}");
    let fewest = fewest(&chronicle.changes().await?);
    ensure!(fewest + 1 == PODS, "{fewest} of {PODS} pods were ready\n{}", controller.log());
    Ok(())
}

#[test]
fn a_restart_replaces_pods_one_by_one_without_a_lost_request() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(restarts())
}
