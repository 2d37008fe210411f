//! Canaries through Ingresses, which a real API server knows. With nginx two Ingresses of the user, and ours beside each; with AWS'
//! controller the text of the action, byte by byte, and a route by header that comes and goes. No request is sent here: what either
//! makes of an Ingress is theirs.

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
const ACTION: &str = "alb.ingress.kubernetes.io/actions.shop-stable";

/// An Ingress of the user.
fn ingress(class: &str, name: &str, rules: Value) -> Value {
    let spec = json!({"ingressClassName": class, "rules": rules});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec})
}

/// One for nginx; what the API server fills in is left out.
fn of_nginx(name: &str) -> Value {
    let backend = |service: &str| json!({"service": {"name": service, "port": {"number": 80}}});
    let path = |path: &str, service: &str| json!({"path": path, "pathType": "Prefix", "backend": backend(service)});
    let paths = json!([path("/", "shop-stable"), path("/api", "api")]);
    let rules = json!([{"host": format!("{name}.example"), "http": {"paths": paths}},
        {"host": "api.example", "http": {"paths": [path("/", "api")]}}]);
    ingress("nginx", name, rules)
}

/// One for AWS' controller.
fn of_alb(name: &str) -> Value {
    let service = json!({"name": "shop-stable", "port": {"name": "use-annotation"}});
    let path = json!({"path": "/*", "pathType": "ImplementationSpecific", "backend": {"service": service}});
    ingress("alb", name, json!([{"host": format!("{name}.example"), "http": {"paths": [path]}}]))
}

fn action(canary: i64) -> String {
    let group = |service: &str, weight: i64| {
        format!("{{\"ServiceName\":\"shop-{service}\",\"ServicePort\":\"80\",\"Weight\":{weight}}}")
    };
    let groups = [group("canary", canary), group("stable", 100 - canary)].join(",");
    format!("{{\"Type\":\"forward\",\"ForwardConfig\":{{\"TargetGroups\":[{groups}]}}}}")
}

async fn weights_are(stage: &Stage, wanted: &str) -> anyhow::Result<()> {
    for name in INGRESSES {
        let holds = |object: &Value| match object.pointer(WEIGHT) {
            Some(found) if found == wanted => Ok(()),
            found => Err(format!("{name}: {found:?} instead of {wanted}")),
        };
        stage.until(&format!("ingresses/{NAME}-{name}-canary"), LIMIT, holds).await?;
    }
    Ok(())
}

/// Waits until every Ingress has this weight, and so many paths: a route by header has one of its own.
async fn actions_are(stage: &Stage, canary: i64, paths: usize) -> anyhow::Result<()> {
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
fn ingresses_of_ours_stand_beside_those_of_the_user() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "nginx").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let settings = json!({"stableIngresses": INGRESSES, "additionalIngressAnnotations": {"canary-by-header": "x"}});
        let recipe = Recipe::steps(json!([{"setWeight": 50}, {"pause": {}}]));
        let own = INGRESSES.map(of_nginx);
        stage.put(&recipe.items_with(&stage.cluster, &json!({"nginx": settings}), own)).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        stage.update("v2").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        weights_are(&stage, "50").await.with_context(|| controller.log())?;
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
        weights_are(&stage, "0").await.with_context(|| controller.log())?;
        let stable = stage.get(&format!("ingresses/{}", INGRESSES[0])).await?;
        ensure!(stable["metadata"]["annotations"].is_null(), "that of the user is left alone: {stable}");
        Ok(())
    })
}

#[test]
fn actions_and_header_routes_follow_one_canary() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "alb").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let header = json!({"name": "beta", "match": [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]});
        let steps = json!([{"setWeight": 50}, {"setHeaderRoute": header}, {"pause": {}}]);
        let routing = json!({"alb": {"ingresses": INGRESSES, "servicePort": 80}, "managedRoutes": [{"name": "beta"}]});
        let own = INGRESSES.map(of_alb);
        stage.put(&Recipe::steps(steps).items_with(&stage.cluster, &routing, own)).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        actions_are(&stage, 0, 1).await.with_context(|| controller.log())?;
        stage.update("v2").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        actions_are(&stage, 50, 2).await.with_context(|| controller.log())?;
        let found = stage.get(&format!("ingresses/{}", INGRESSES[0])).await?;
        let first = &found["spec"]["rules"][0]["http"]["paths"][0];
        ensure!(first["backend"]["service"] == json!({"name": "beta", "port": {"name": "use-annotation"}}), "{first}");
        stage.plugin(&["promote", NAME])?;
        stage.until_done().await.with_context(|| controller.log())?;
        actions_are(&stage, 0, 1).await.with_context(|| controller.log())?;
        let found = stage.get(&format!("ingresses/{}", INGRESSES[1])).await?;
        let record = &found["metadata"]["annotations"]["rollouts.argoproj.io/managed-alb-annotations"];
        ensure!(*record == format!("{{\"{NAME}\":[\"{ACTION}\"]}}"), "{record}");
        let told = stage.events("PatchingALBIngress").await?;
        ensure!(told.contains(&"Updating Ingress `shop` to desiredWeight '50'".to_owned()), "{told:?}");
        // A Rollout that goes in the middle of an update leaves all requests to the one Service.
        stage.update("v3").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        actions_are(&stage, 50, 2).await.with_context(|| controller.log())?;
        stage.delete("rollouts/shop").await?;
        let alone = action(0).replacen(r#"{"ServiceName":"shop-canary","ServicePort":"80","Weight":0},"#, "", 1);
        for name in INGRESSES {
            let is_reset = |object: &Value| {
                let annotations = &object["metadata"]["annotations"];
                let paths = object["spec"]["rules"][0]["http"]["paths"].as_array().map_or(0, Vec::len);
                if *annotations == json!({ ACTION: alone }) && paths == 1 { Ok(()) } else { Err(object.to_string()) }
            };
            stage.until(&format!("ingresses/{name}"), LIMIT, is_reset).await.with_context(|| controller.log())?;
        }
        Ok(())
    })
}
