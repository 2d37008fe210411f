//! A canary through nginx on a real API server, which knows Ingresses: two Ingresses of the user, and ours beside each. No request
//! is sent here: what nginx makes of an Ingress is nginx'.

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
const WEIGHT: &str = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight";

/// An Ingress of the user; what the API server fills in is left out.
fn ingress(name: &str) -> Value {
    let backend = |service: &str| json!({"service": {"name": service, "port": {"number": 80}}});
    let path = |path: &str, service: &str| json!({"path": path, "pathType": "Prefix", "backend": backend(service)});
    let paths = json!([path("/", "shop-stable"), path("/api", "api")]);
    let rules = json!([{"host": format!("{name}.example"), "http": {"paths": paths}},
        {"host": "api.example", "http": {"paths": [path("/", "api")]}}]);
    let spec = json!({"ingressClassName": "nginx", "rules": rules});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec})
}

async fn all_hold(stage: &Stage, wanted: &str) -> anyhow::Result<()> {
    for name in INGRESSES {
        let holds = |object: &Value| match object.pointer(WEIGHT) {
            Some(found) if found == wanted => Ok(()),
            found => Err(format!("{name}: {found:?} instead of {wanted}")),
        };
        stage.until(&format!("ingresses/{NAME}-{name}-canary"), LIMIT, holds).await?;
    }
    Ok(())
}

#[test]
fn ingresses_of_ours_stand_beside_those_of_the_user() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "nginx").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let mut items = Recipe::steps(json!([{"setWeight": 50}, {"pause": {}}])).items(&stage.cluster);
        items.retain(|item| item["kind"] != "VirtualService");
        items.extend(INGRESSES.map(ingress));
        let rollout = items.iter_mut().find(|item| item["kind"] == "Rollout").context("a Rollout")?;
        rollout["spec"]["strategy"]["canary"]["trafficRouting"] =
            json!({"nginx": {"stableIngresses": INGRESSES, "additionalIngressAnnotations": {"canary-by-header": "x"}}});
        stage.put(&items).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        stage.update("v2").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        all_hold(&stage, "50").await.with_context(|| controller.log())?;
        let ours = stage.get(&format!("ingresses/{NAME}-{}-canary", INGRESSES[0])).await?;
        let (annotations, spec) = (&ours["metadata"]["annotations"], &ours["spec"]);
        ensure!(annotations["nginx.ingress.kubernetes.io/canary-by-header"] == "x", "{annotations}");
        ensure!(ours["metadata"]["ownerReferences"][0]["name"] == NAME, "{ours}");
        ensure!(spec["ingressClassName"] == "nginx" && spec["rules"].as_array().map(Vec::len) == Some(1), "{spec}");
        let paths = &spec["rules"][0]["http"]["paths"];
        ensure!(paths[0]["backend"]["service"]["name"] == "shop-canary", "{paths}");
        ensure!(paths[1]["backend"]["service"]["name"] == "api", "{paths}");
        let told = stage.events("CreatingCanaryIngress").await?;
        ensure!(told.contains(&"Creating canary ingress `shop-shop-canary` with weight `50`".to_owned()), "{told:?}");
        stage.plugin(&["promote", NAME])?;
        stage.until_done().await.with_context(|| controller.log())?;
        all_hold(&stage, "0").await.with_context(|| controller.log())?;
        let stable = stage.get(&format!("ingresses/{}", INGRESSES[0])).await?;
        ensure!(stable["metadata"]["annotations"].is_null(), "that of the user is left alone: {stable}");
        Ok(())
    })
}
