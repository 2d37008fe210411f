//! Blue-green, judged by what Prometheus counts of Envoy's answers: a version that fails behind the preview is never switched to, a good
//! one is, and one that fails only its users is taken back. Nobody loses a request but to the errors of that one.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, Routing, analysis},
    installed,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::{Value, json};

/// Requests in a second, of users as of those who try the preview.
const RATE: u32 = 50;

/// A share of good answers that a Service must have kept over the last seconds, measured twice.
fn success_rate(stage: &Stage, name: &str, service: &str, at_least: f64) -> Value {
    let rate = |class: &str| {
        let cluster = format!("outbound|80||{service}.{}.svc.cluster.local", stage.namespace);
        format!("sum(rate(envoy_cluster_upstream_rq_xx{{envoy_cluster_name=\"{cluster}\"{class}}}[3s]))")
    };
    let query = format!("{} / {}", rate(",envoy_response_code_class=\"2\""), rate(""));
    let measured = json!({
        "successCondition": format!("result[0] >= {at_least}"), "failureLimit": 0,
        // Nothing of the version before it is among what is measured.
        "initialDelay": "4s", "interval": "1s", "count": 2,
        "provider": {"prometheus": {"address": stage.cluster.prometheus, "query": query, "timeout": 1}},
    });
    analysis(name, &stage.cluster.prometheus, &measured)
}

/// All objects: users reach the active Service, and a host of its own leads to the preview.
fn items(stage: &Stage, host: &str) -> Vec<Value> {
    let named = |name: &str| json!({"templates": [{"templateName": name}]});
    let strategy = json!({
        "previewService": "shop-preview",
        "prePromotionAnalysis": named("before"), "postPromotionAnalysis": named("after"),
    });
    let recipe = Recipe { host: host.to_owned(), routing: Routing::ActiveService, strategy, ..Recipe::default() };
    let mut items = recipe.items(&stage.cluster);
    let of_kind = |kind: &str| items.iter().filter(|item| item["kind"] == kind).cloned().collect::<Vec<_>>();
    let (mut services, mut routes) = (of_kind("Service"), of_kind("VirtualService"));
    services.iter_mut().for_each(|service| service["metadata"]["name"] = "shop-preview".into());
    for route in &mut routes {
        route["metadata"]["name"] = "preview".into();
        route["spec"]["hosts"] = json!([format!("preview.{host}")]);
        route["spec"]["http"][0]["route"][0]["destination"]["host"] = "shop-preview".into();
    }
    items.extend(services.into_iter().chain(routes));
    items.push(success_rate(stage, "before", "shop-preview", 0.75));
    items.push(success_rate(stage, "after", "shop-active", 0.99));
    items
}

async fn judged() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "judged").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let host = format!("{}.example", stage.namespace);
    stage.put(&items(&stage, &host)).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let traffic = Traffic::of(&stage.cluster, &host, RATE)?;
    let _preview = Traffic::of(&stage.cluster, &format!("preview.{host}"), RATE)?;
    traffic.until_share("v1", 100).await?;

    stage.update("v2-errors50").await?;
    stage.until_phase("Degraded", "pre-promotion analysis").await.with_context(|| controller.log())?;
    traffic.check().with_context(|| controller.log())?;
    ensure!(traffic.answered_by("v2") == 0, "users met v2\n{}", controller.log());

    stage.update("v3").await?;
    stage.until_done().await.with_context(|| controller.log())?;
    traffic.until_share("v3", 100).await?;
    traffic.check().with_context(|| controller.log())?;

    // Too few errors for the preview, too many for users.
    stage.update("v4-errors10").await?;
    stage.until_phase("Degraded", "post-promotion analysis").await.with_context(|| controller.log())?;
    ensure!(traffic.answered_by("v4") > 0, "it was never switched to\n{}", controller.log());
    traffic.until_share("v3", 100).await.with_context(|| controller.log())?;
    traffic.check_but_for("v4").with_context(|| controller.log())?;
    let is_told = |runs: &Value| match phases(runs) {
        told if told == ENDS => Ok(()),
        told => Err(format!("{told:?}")),
    };
    stage.until("analysisruns", LIMIT, is_told).await
}

/// How the runs of the three versions ended, in order.
const ENDS: [&str; 5] = ["pre Failed", "pre Successful", "post Successful", "pre Successful", "post Failed"];

fn phases(runs: &Value) -> Vec<String> {
    let mut runs: Vec<&Value> = runs["items"].as_array().into_iter().flatten().collect();
    runs.sort_by_key(|run| run["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse::<u64>().ok()));
    let told = runs.into_iter().map(|run| {
        let name = run["metadata"]["name"].as_str().unwrap_or_default();
        let kind = if name.ends_with("pre") { "pre" } else { "post" };
        format!("{kind} {}", run["status"]["phase"].as_str().unwrap_or_default())
    });
    told.collect()
}

#[test]
fn what_fails_is_never_switched_to_or_taken_back() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(judged())
}
