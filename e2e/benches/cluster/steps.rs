//! How soon a weight follows the pods that it waits for, and what a step of a canary writes.
//!
//! Both are seen from outside. One observer watches pods' counts, endpoints and the VirtualService at the API server, so that
//! what the server takes to tell of a change is in both ends of a time. Writes are counted by a proxy, in a run of its own.

use crate::{arguments::Arguments, machine, process::Measured, times};
use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{NAME, Recipe, weights},
    chronicle::{Change, Chronicle},
    installed,
    proxy::Proxy,
    stage,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// One pod for every twentieth of the traffic: each weight waits for one more.
const PODS: i64 = 20;

/// Prints the times from ready pods to the weight that follows them.
pub(crate) async fn latency(cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    let stage = Stage::set(cluster.clone(), "bench-latency").await?;
    let kubeconfig = stage.account(installed::ROLLOUTS)?;
    let _controller = Measured::start(stage.folder.path(), &kubeconfig, &stage.namespace)?;
    let steps: Vec<Value> = (1..PODS).map(|twentieth| json!({"setWeight": twentieth * 100 / PODS})).collect();
    let recipe = Recipe { replicas: PODS, ..Recipe::steps(steps.into()) };
    stage.apply(&recipe.objects(cluster))?;
    stage.until_done().await?;
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
    let mut times = Vec::new();
    for number in 0..arguments.canaries {
        let from = chronicle.changes().await?.last().map_or(0, |change| change.revision);
        stage.update(&format!("v{}", number + 2)).await?;
        stage.until_done().await?;
        times.extend(follow(&chronicle.changes().await?, from)?);
    }
    ensure!(!times.is_empty(), "no weight waited for pods");
    println!(
        "\npods ready → VirtualService written, {} weights, load {}\n\
         {}   (aim: p50 < 20, p99 < 60)",
        times.len(),
        machine::load(),
        times::spread(times),
    );
    Ok(())
}

/// The times of one canary, from its changes after a revision.
fn follow(changes: &[Change], from: u64) -> anyhow::Result<Vec<Duration>> {
    let rollout = changes.iter().rev().filter(|change| change.name.0 == "rollouts").find_map(|it| it.object.as_ref());
    let hash = rollout.and_then(|rollout| rollout["status"]["stableRS"].as_str()).context("no stable revision")?;
    let mut pods = Pods { revision: format!("{NAME}-{hash}"), ..Pods::default() };
    // How many pods could take traffic, and since when.
    let mut ready: Vec<(i64, Instant)> = Vec::new();
    let mut last: Option<(i64, Instant)> = None;
    let mut times = Vec::new();
    for change in changes.iter().filter(|change| change.revision > from) {
        pods.see(change);
        if ready.last().is_none_or(|(count, _)| *count != pods.ready()) {
            ready.push((pods.ready(), change.told_at));
        }
        let object = change.object.as_ref().filter(|_| change.name.0 == "virtualservices");
        let Some((weight, _)) = object.and_then(weights) else { continue };
        let (former, written) = last.map_or((0, None), |(weight, at)| (weight, Some(at)));
        if weight > former {
            let need = (PODS * weight + 99) / 100;
            let enough = ready.iter().rev().take_while(|(count, _)| *count >= need).last();
            // A weight whose pods were there before the one before it did not wait for them.
            if let Some((_, since)) = enough.filter(|(_, since)| written.is_none_or(|written| *since > written)) {
                times.push(change.told_at.saturating_duration_since(*since));
            }
        }
        last = Some((weight, change.told_at));
    }
    Ok(times)
}

/// What is known of the pods of one revision.
#[derive(Default)]
struct Pods {
    revision: String,
    available: i64,
    endpoints: BTreeMap<String, BTreeSet<String>>,
}

impl Pods {
    fn see(&mut self, change: &Change) {
        let (resource, name) = (change.name.0.as_str(), &change.name.1);
        let object = change.object.as_ref().unwrap_or(&Value::Null);
        match resource {
            "replicasets" if *name == self.revision => {
                self.available = object["status"]["availableReplicas"].as_i64().unwrap_or(0);
            }
            "endpointslices" if object["metadata"]["labels"]["kubernetes.io/service-name"] == "shop-canary" => {
                let endpoints = object["endpoints"].as_array().into_iter().flatten();
                let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
                let names = ready.filter_map(|endpoint| endpoint["targetRef"]["name"].as_str());
                let ours = names.filter(|pod| pod.starts_with(&self.revision)).map(str::to_owned).collect();
                self.endpoints.insert(name.clone(), ours);
            }
            _ => {}
        }
    }

    /// Those that the ReplicaSet counts as available and that can be reached.
    fn ready(&self) -> i64 {
        let reached: BTreeSet<&String> = self.endpoints.values().flatten().collect();
        self.available.min(i64::try_from(reached.len()).unwrap_or(i64::MAX))
    }
}

/// Prints what a step writes when no pods have to be started for it.
pub(crate) async fn writes(cluster: &Cluster) -> anyhow::Result<()> {
    println!(
        "\nwrites of a step that starts no pods, without Events   (aim: 1 to the VirtualService, 1 to the status)"
    );
    let weights: Vec<Value> = (1..10).map(|tenth| json!({"setWeight": tenth * 10})).collect();
    let pause = json!({"pause": {"duration": "1s"}});
    let pauses = weights.iter().flat_map(|weight| [weight.clone(), pause.clone()]).collect();
    for (what, steps) in [("a weight", weights), ("a weight and a pause of a second", pauses)] {
        let stage = Stage::set(cluster.clone(), "bench-writes").await?;
        let proxy = Proxy::start(stage::client(&stage.account(installed::ROLLOUTS)?).await?).await?;
        let _controller = Measured::start(stage.folder.path(), &proxy.kubeconfig(), &stage.namespace)?;
        // One pod carries every weight.
        let recipe = Recipe { replicas: 1, ..Recipe::steps(steps.into()) };
        stage.apply(&recipe.objects(cluster))?;
        stage.until_done().await?;
        proxy.arm(None);
        stage.update("v2").await?;
        stage.until_done().await?;
        println!("{what}: {}", between_weights(&proxy.writes())?);
    }
    Ok(())
}

/// Writes between the first weight and the ninth, per weight.
fn between_weights(writes: &[String]) -> anyhow::Result<String> {
    let routes = writes.iter().enumerate().filter(|(_, write)| write.contains("/virtualservices/"));
    let routes: Vec<usize> = routes.map(|(index, _)| index).collect();
    let (first, last) = (routes.first().context("no weight")?, routes.get(8).context("fewer than nine weights")?);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for write in writes.get(*first..*last).context("writes in disorder")? {
        let parts: Vec<&str> = write.split('/').collect();
        let object = match parts.as_slice() {
            [.., "rollouts", _, "status"] => "status",
            [.., resource, _] => resource,
            _ => write,
        };
        *counts.entry(object.to_owned()).or_default() += 1;
    }
    let per_weight = counts.iter().rev().map(|(object, count)| format!("{:.2} to {object}", *count as f64 / 8.0));
    Ok(per_weight.collect::<Vec<_>>().join(", "))
}
