//! A canary through AWS' controller on a real API server, which knows Ingresses: the text of the action, byte by byte, and a route by
//! header that comes and goes. No request is sent here: what AWS makes of an Ingress is AWS'.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, NAME, Recipe},
    installed,
    running::Controller,
    stage,
};
use serde_json::{Value, json};

const INGRESSES: [&str; 2] = ["shop", "shop-admin"];
const ACTION: &str = "alb.ingress.kubernetes.io/actions.shop-stable";

fn ingress(name: &str) -> Value {
    let service = json!({"name": "shop-stable", "port": {"name": "use-annotation"}});
    let path = json!({"path": "/*", "pathType": "ImplementationSpecific", "backend": {"service": service}});
    let rules = json!([{"host": format!("{name}.example"), "http": {"paths": [path]}}]);
    let spec = json!({"ingressClassName": "alb", "rules": rules});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec})
}

fn action(canary: i64) -> String {
    let group = |service: &str, weight: i64| {
        format!("{{\"ServiceName\":\"shop-{service}\",\"ServicePort\":\"80\",\"Weight\":{weight}}}")
    };
    let groups = [group("canary", canary), group("stable", 100 - canary)].join(",");
    format!("{{\"Type\":\"forward\",\"ForwardConfig\":{{\"TargetGroups\":[{groups}]}}}}")
}

/// Waits until every Ingress has this weight, and so many paths: a route by header has one of its own.
async fn all_hold(stage: &Stage, canary: i64, paths: usize) -> anyhow::Result<()> {
    for name in INGRESSES {
        let holds = |object: &Value| {
            let found = &object["metadata"]["annotations"][ACTION];
            let there = object["spec"]["rules"][0]["http"]["paths"].as_array().map_or(0, Vec::len);
            if *found == action(canary) && there == paths {
                return Ok(());
            }
            Err(format!("{name}: {found}, {there} paths instead of {paths}"))
        };
        stage.until(&format!("ingresses/{name}"), LIMIT, holds).await?;
    }
    Ok(())
}

#[test]
fn actions_and_header_routes_follow_one_canary() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "alb").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let header = json!({"name": "beta", "match": [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]});
        let steps = json!([{"setWeight": 50}, {"setHeaderRoute": header}, {"pause": {}}]);
        let mut items = Recipe::steps(steps).items(&stage.cluster);
        items.retain(|item| item["kind"] != "VirtualService");
        items.extend(INGRESSES.map(ingress));
        let rollout = items.iter_mut().find(|item| item["kind"] == "Rollout").context("a Rollout")?;
        rollout["spec"]["strategy"]["canary"]["trafficRouting"] =
            json!({"alb": {"ingresses": INGRESSES, "servicePort": 80}, "managedRoutes": [{"name": "beta"}]});
        stage.put(&items).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        all_hold(&stage, 0, 1).await.with_context(|| controller.log())?;
        stage.update("v2").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        all_hold(&stage, 50, 2).await.with_context(|| controller.log())?;
        let found = stage.get(&format!("ingresses/{}", INGRESSES[0])).await?;
        let first = &found["spec"]["rules"][0]["http"]["paths"][0];
        ensure!(first["backend"]["service"] == json!({"name": "beta", "port": {"name": "use-annotation"}}), "{first}");
        stage.plugin(&["promote", NAME])?;
        stage.until_done().await.with_context(|| controller.log())?;
        all_hold(&stage, 0, 1).await.with_context(|| controller.log())?;
        let found = stage.get(&format!("ingresses/{}", INGRESSES[1])).await?;
        let record = &found["metadata"]["annotations"]["rollouts.argoproj.io/managed-alb-annotations"];
        ensure!(*record == format!("{{\"{NAME}\":[\"{ACTION}\"]}}"), "{record}");
        let told = stage.events("PatchingALBIngress").await?;
        ensure!(told.contains(&"Updating Ingress `shop` to desiredWeight '50'".to_owned()), "{told:?}");
        Ok(())
    })
}
