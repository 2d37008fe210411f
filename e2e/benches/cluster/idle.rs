//! What Rollouts cost that do nothing, each with its ReplicaSet: memory, and how soon a controller that starts has seen all.
//!
//! A first controller brings them to rest; those that are measured start afterwards and find nothing to do.

use crate::{
    arguments::Arguments,
    machine,
    process::{LIMIT, Measured},
};
use anyhow::Context;
use e2e::{Cluster, Stage, installed, wait::holds, wait_until};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::time::Instant;

/// Objects that are created at the same time.
const CREATED_AT_ONCE: usize = 16;

/// Prints memory and start of a controller with each of the asked numbers of Rollouts.
pub(crate) async fn measure(cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    let stage = Stage::set(cluster.clone(), "bench-idle").await?;
    let kubeconfig = stage.account(installed::ROLLOUTS)?;
    println!("\nidle Rollouts, each with a ReplicaSet of {} pods; MB are 10⁶ bytes", arguments.pods);
    println!("   (aim: < 12 MB with none, < 48 MB and < 0.5 % of a core with 5000, all of those looked at within 5 s)");
    println!("Rollouts    RSS    PSS   peak  after two scrapes   ready  all looked at  writes  of a core  load");
    let mut there = 0;
    for count in arguments.rollouts.iter().copied() {
        fill(&stage, &kubeconfig, there..count, arguments.pods).await?;
        there = count;
        // In one process its own questions would be part of the answer: time first, memory in another.
        let (ready, seen, writes) = start(&stage, &kubeconfig, count).await?;
        let measured = Measured::start(stage.folder.path(), &kubeconfig, &stage.namespace)?;
        measured.until_ready().await?;
        let rest = measured.at_rest().await?;
        let core = measured.share_of_core().await?;
        for _ in 0..2 {
            measured.page("/metrics")?;
        }
        let scraped = measured.at_rest().await?;
        println!(
            "{count:8}  {:5.1}  {:5.1}  {:5.1}  {:17.1}  {ready:4.2} s  {seen:11.2} s  {writes:6}  {core:7.2} %  {}",
            rest.rss,
            rest.pss,
            rest.peak,
            scraped.rss,
            machine::load(),
        );
    }
    let sizes = sizes(&stage).await?;
    println!("{sizes}");
    Ok(())
}

/// Starts a controller: seconds until it has read everything, until it has looked at each Rollout, and what it wrote.
async fn start(stage: &Stage, kubeconfig: &str, count: usize) -> anyhow::Result<(f64, f64, u64)> {
    let measured = Measured::start(stage.folder.path(), kubeconfig, &stage.namespace)?;
    let ready = measured.until_ready().await?;
    measured.until_counted("rollout_reconcile_count{", "", count).await?;
    let seen = measured.started.elapsed();
    let page = measured.page("/metrics")?;
    let requests = page.lines().filter(|line| line.starts_with("controller_clientset_k8s_request_total{"));
    let writes = requests.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
    Ok((ready.as_secs_f64(), seen.as_secs_f64(), writes))
}

/// Creates Rollouts, and lets a controller bring them to rest.
async fn fill(stage: &Stage, kubeconfig: &str, wanted: std::ops::Range<usize>, pods: usize) -> anyhow::Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let (since, count) = (Instant::now(), wanted.end);
    let created = wanted.map(|number| async move {
        let body = rollout(number, pods);
        stage.create("rollouts", &body).await.map(drop)
    });
    stream::iter(created).buffer_unordered(CREATED_AT_ONCE).try_collect::<()>().await?;
    let controller = Measured::start(stage.folder.path(), kubeconfig, &stage.namespace)?;
    controller.until_counted("rollout_info{", "phase=\"Completed\"} 1", count).await?;
    controller.at_rest().await?;
    drop(controller);
    // Whoever else writes to these objects, such as the ReplicaSet controller, is done too.
    wait_until("the ReplicaSets are there", LIMIT, || async {
        let list = stage.get("replicasets?limit=1").await.map_err(|error| format!("{error:#}"))?;
        let first = list["items"].as_array().map_or(0, Vec::len) as u64;
        let all = first + list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
        holds(all == count as u64, all)
    })
    .await?;
    eprintln!("{count} Rollouts are there and at rest; the new ones took {:.0} s", since.elapsed().as_secs_f64());
    Ok(())
}

/// The bytes of one of each, as the server sends them.
async fn sizes(stage: &Stage) -> anyhow::Result<String> {
    let mut sizes = Vec::new();
    for resource in ["rollouts", "replicasets", "pods"] {
        let list = stage.get(&format!("{resource}?limit=1")).await?;
        if let Some(first) = list["items"].as_array().context("no list")?.first() {
            sizes.push(format!("{:.1} kB each of the {resource}", first.to_string().len() as f64 / 1e3));
        }
    }
    Ok(sizes.join(", "))
}

/// A Rollout like many: one container with an environment, resources, probes and a volume.
fn rollout(number: usize, pods: usize) -> Value {
    let name = format!("service-{number:05}");
    let labels = json!({
        "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "Helm",
        "team": format!("team-{}", number % 40),
    });
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": "http"}, "periodSeconds": 10});
    let environment: Vec<Value> = (0..12)
        .map(|index| json!({"name": format!("SETTING_{index}"), "value": format!("value {index} of {name}")}))
        .collect();
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "strategy": {"canary": {"maxSurge": "25%", "maxUnavailable": 0, "steps": [
                {"setWeight": 10}, {"pause": {"duration": "5m"}}, {"setWeight": 50}, {"pause": {}},
            ]}},
            "template": {
                "metadata": {"labels": labels, "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
                "spec": {
                    "containers": [{
                        "name": "app", "image": format!("registry.example/shop/{name}:1.0.{number}"),
                        "ports": [{"name": "http", "containerPort": 8080}],
                        "env": environment,
                        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "512Mi"}},
                        "readinessProbe": probe("/ready"), "livenessProbe": probe("/live"),
                        "volumeMounts": [{"name": "settings", "mountPath": "/etc/shop"}],
                    }],
                    "volumes": [{"name": "settings", "configMap": {"name": name}}],
                },
            },
        },
    })
}
