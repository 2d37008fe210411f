//! Many Rollouts get a new version at once: how long it takes until all of them are promoted, and what it costs. Beside it a loop
//! that sends as many writes to the same kinds of objects and waits for nothing: no controller can be faster than that.
//!
//! No mesh is asked here; pods come from the cluster's own controllers, which take their part of the processor in both runs.

use crate::{
    arguments::Arguments,
    machine,
    process::{LIMIT, Measured},
};
use anyhow::{Context, ensure};
use e2e::{Cluster, Stage, canary, chronicle::Chronicle, installed, wait_until};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Requests under way at the same time: as many as the controller looks after objects.
const AT_ONCE: usize = 10;
/// How often it is looked whether all are done. A look costs the observer something, and the time is taken from the record.
const GLANCE: Duration = Duration::from_secs(2);

/// Writes by kind and verb.
type Writes = BTreeMap<String, u64>;

/// Prints the time, the writes and the rate of an update of all of them, and the rate of the loop.
pub(crate) async fn measure(cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    let stage = Stage::set(cluster.clone(), "bench-many").await?;
    let kubeconfig = stage.account(installed::ROLLOUTS)?;
    let count = arguments.many;
    let controller = Measured::start(stage.folder.path(), &kubeconfig, &stage.namespace)?;
    each(count, |number| {
        let body = rollout(cluster, number);
        let stage = &stage;
        async move { stage.create("rollouts", &body).await.map(drop) }
    })
    .await?;
    controller.until_counted("rollout_info{", "phase=\"Completed\"} 1", count).await?;
    controller.at_rest().await?;
    let (before, chronicle) = (writes(&controller)?, Chronicle::begin(stage.client(), &stage.namespace).await?);
    let started = Instant::now();
    let patch = json!({"spec": {"template": {"spec": canary::template(cluster, "v2")["spec"]}}});
    each(count, |number| patched(&stage, format!("rollouts/{}", name(number)), &patch)).await?;
    let ended = all_promoted(&chronicle, count).await?;
    let took = ended.saturating_duration_since(started);
    controller.at_rest().await?;
    let peak = controller.memory()?.peak;
    let sent = difference(&before, &writes(&controller)?);
    drop((controller, chronicle));
    let total: u64 = sent.values().sum();
    let (raw, raw_took) = raw_loop(&stage, count, &sent).await?;
    let rate = |writes: u64, took: Duration| writes as f64 / took.as_secs_f64();
    let (own, bare) = (rate(total, took), rate(raw, raw_took));
    println!(
        "\n{count} Rollouts get a new version at once (1 pod, setWeight 50, pause 1s), load {}\n\
         all promoted after {:.1} s, {:.2} writes each without Events ({}), peak RSS {peak:.1} MB   (aim: ≤ 8 writes)\n\
         {own:.0} writes/s; a loop that sends {raw} such writes and waits for nothing: {:.1} s, {bare:.0} writes/s: {:.0} %   (aim: ≥ 70 %)",
        machine::load(),
        took.as_secs_f64(),
        total as f64 / count as f64,
        sent.iter()
            .map(|(what, sent)| format!("{what} {:.2}", *sent as f64 / count as f64))
            .collect::<Vec<_>>()
            .join(", "),
        raw_took.as_secs_f64(),
        own / bare * 100.0,
    );
    Ok(())
}

/// Does something for each of them, some at the same time.
async fn each<F: Future<Output = anyhow::Result<()>>>(count: usize, act: impl Fn(usize) -> F) -> anyhow::Result<()> {
    stream::iter((0..count).map(act)).buffer_unordered(AT_ONCE).try_collect::<()>().await
}

async fn patched(stage: &Stage, object: String, patch: &Value) -> anyhow::Result<()> {
    stage.patch(&object, patch).await.map(drop)
}

fn name(number: usize) -> String {
    format!("many-{number:04}")
}

fn rollout(cluster: &Cluster, number: usize) -> Value {
    let name = name(number);
    let mut template = canary::template(cluster, "v1");
    template["metadata"]["labels"]["app"] = name.as_str().into();
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template,
            "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "1s"}}]}},
        },
    })
}

/// What the controller has written so far, Events apart.
fn writes(controller: &Measured) -> anyhow::Result<Writes> {
    let page = controller.page("/metrics")?;
    let lines = page.lines().filter_map(|line| line.strip_prefix("controller_clientset_k8s_request_total{"));
    let mut counts = Writes::new();
    for line in lines {
        let (labels, count) = line.rsplit_once(' ').context("no number")?;
        let label = |name: &str| labels.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        let (kind, verb) = (label("kind").unwrap_or("?"), label("verb").unwrap_or("?").to_lowercase());
        let is_write = ["post", "put", "patch", "delete"].contains(&verb.as_str());
        if is_write && !["Event", "events", "Lease"].contains(&kind) {
            *counts.entry(format!("{verb} {kind}")).or_default() +=
                count.parse::<f64>().context(line.to_owned())? as u64;
        }
    }
    Ok(counts)
}

fn difference(before: &Writes, after: &Writes) -> Writes {
    let later = after.iter().map(|(what, count)| (what.clone(), count - before.get(what).copied().unwrap_or(0)));
    later.filter(|(_, count)| *count > 0).collect()
}

/// When the last of them was promoted to the second version.
async fn all_promoted(chronicle: &Chronicle, count: usize) -> anyhow::Result<Instant> {
    wait_until("all are promoted", LIMIT, || async {
        sleep(GLANCE).await;
        let changes = chronicle.changes().await.map_err(|error| format!("{error:#}"))?;
        let mut done = BTreeSet::new();
        for change in changes.iter().filter(|change| change.name.0 == "rollouts") {
            let object = change.object.as_ref().unwrap_or(&Value::Null);
            let image = object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            let (phase, status) = (object["status"]["phase"].as_str(), &object["status"]);
            let is_promoted = phase == Some("Healthy") && status["stableRS"] == status["currentPodHash"];
            let generation = Value::from(object["metadata"]["generation"].to_string());
            let is_seen = status["observedGeneration"] == generation;
            if image.ends_with(":v2")
                && is_promoted
                && is_seen
                && done.insert(change.name.1.clone())
                && done.len() == count
            {
                return Ok(change.told_at);
            }
        }
        Err(done.len().to_string())
    })
    .await
}

/// As many writes to the same kinds of objects, with nothing decided and nothing waited for; how many those were.
async fn raw_loop(stage: &Stage, count: usize, sent: &Writes) -> anyhow::Result<(u64, Duration)> {
    let of = |what: &str| -> u64 {
        let like = sent.iter().filter(|(name, _)| name.to_lowercase().starts_with(what)).map(|(_, count)| count);
        (like.sum::<u64>() as f64 / count as f64).round() as u64
    };
    // A verb is the method of its request.
    let (created, sets, rollouts) = (of("post replicaset"), of("patch replicaset"), of("patch rollout"));
    let list = stage.get("replicasets").await?;
    let mut by_rollout: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for set in list["items"].as_array().context("no list")? {
        let app = set["metadata"]["labels"]["app"].as_str().context("no label")?;
        by_rollout.entry(app.to_owned()).or_default().push(set.clone());
    }
    ensure!(by_rollout.len() == count, "{} of {count} have ReplicaSets", by_rollout.len());
    let started = Instant::now();
    let one = |(name, known): (String, Vec<Value>)| async move {
        for number in 0..created {
            let mut body = known.first().context("no ReplicaSet")?.clone();
            let label = json!(format!("raw{number}"));
            body["metadata"] = json!({"name": format!("{name}-raw{number}"), "labels": {"app": name}});
            body["spec"]["replicas"] = 0.into();
            for labels in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
                *body
                    .pointer_mut(labels)
                    .and_then(|labels| labels.get_mut("rollouts-pod-template-hash"))
                    .context("no hash")? = label.clone();
            }
            stage.create("replicasets", &body).await?;
        }
        for number in 0..sets {
            let (target, replicas) = match (number, known.get(1)) {
                (0, _) => (format!("{name}-raw0"), 1),
                (_, other) => {
                    let other = other.or(known.first()).context("no ReplicaSet")?;
                    (other["metadata"]["name"].as_str().unwrap_or_default().to_owned(), 0)
                }
            };
            let patch =
                json!({"metadata": {"annotations": {"raw": number.to_string()}}, "spec": {"replicas": replicas}});
            stage.patch(&format!("replicasets/{target}"), &patch).await?;
        }
        for number in 0..rollouts {
            let patch = json!({"status": {"message": format!("raw {number}")}});
            stage.patch(&format!("rollouts/{name}/status"), &patch).await?;
        }
        anyhow::Ok(())
    };
    stream::iter(by_rollout.into_iter().map(one)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    Ok(((created + sets + rollouts) * count as u64, started.elapsed()))
}
