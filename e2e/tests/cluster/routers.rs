//! Canaries through other routers, each with its real definition: the weights are written, and the definition takes them.
//!
//! APISIX' and App Mesh's are written by hand in `e2e/cluster`, since no module has them. Ambassador: module
//! `github.com/emissary-ingress/emissary/v3`, `python/tests/integration/manifests/crds.yaml`. SMI: module `github.com/servicemeshinterface/smi-sdk-go`, `crds/split.yaml`. Traefik: module `github.com/traefik/traefik/v3`,
//! `docs/content/reference/dynamic-configuration/traefik.io_traefikservices.yaml`. `e2e/cluster` names the versions.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, NAME, Recipe},
    installed,
    running::Controller,
    stage,
};
use serde_json::{Value, json};

/// What one router's test is about.
struct Case {
    /// The settings of the Rollout.
    routing: Value,
    /// An object that people make.
    own: Option<Value>,
    /// The object that holds the weights, and the list in it.
    object: &'static str,
    list: &'static str,
    /// The field of an entry that names the Service.
    service: &'static str,
    /// Arguments of the controller.
    arguments: &'static [&'static str],
}

impl Case {
    /// The weights of the canary and the stable Service.
    fn weights(&self, object: &Value) -> Option<(i64, i64)> {
        let list = object.pointer(self.list)?.as_array()?;
        let of = |name: &str| list.iter().find(|entry| entry[self.service] == name)?["weight"].as_i64();
        Some((of("shop-canary")?, of("shop-stable")?))
    }

    async fn holds(&self, stage: &Stage, wanted: (i64, i64)) -> anyhow::Result<()> {
        let look = |object: &Value| match self.weights(object) {
            Some(found) if found == wanted => Ok(()),
            found => Err(format!("{found:?} instead of {wanted:?}")),
        };
        stage.until(self.object, LIMIT, look).await.map(drop)
    }
}

/// One update in halves; tells what the router's object was in the middle of it.
async fn halves(stage: &Stage, case: &Case) -> anyhow::Result<Value> {
    let account = stage.account(installed::ROLLOUTS)?;
    let controller = Controller::on(stage, "controller", &account, case.arguments)?;
    let recipe = Recipe::steps(json!([{"setWeight": 50}, {"pause": {}}]));
    stage.put(&recipe.items_with(&stage.cluster, &case.routing, case.own.clone())).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    case.holds(stage, (0, 100)).await.with_context(|| controller.log())?;
    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    case.holds(stage, (50, 50)).await.with_context(|| controller.log())?;
    let middle = stage.get(case.object).await?;
    stage.plugin(&["promote", NAME])?;
    stage.until_done().await.with_context(|| controller.log())?;
    case.holds(stage, (0, 100)).await.with_context(|| controller.log())?;
    Ok(middle)
}

#[test]
fn a_traffic_split_is_made_and_follows_one_canary() -> anyhow::Result<()> {
    for (name, arguments) in [("smi", &[][..]), ("smi-newest", &["--traffic-split-api-version", "v1alpha4"][..])] {
        stage::play(async {
            let stage = Stage::set(Cluster::light()?, name).await?;
            let case = Case {
                routing: json!({"smi": {}}),
                own: None,
                object: "trafficsplits/shop",
                list: "/spec/backends",
                service: "service",
                arguments,
            };
            let split = halves(&stage, &case).await?;
            ensure!(split["spec"]["service"] == "shop-stable", "{split}");
            ensure!(split["metadata"]["ownerReferences"][0]["kind"] == "Rollout", "{split}");
            ensure!(stage.events("TrafficSplitCreated").await? == ["TrafficSplit `shop` created"]);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_traefik_service_follows_one_canary() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "traefik").await?;
        let service = |name: &str| json!({"name": name, "port": 80});
        let services =
            json!([service("shop-stable"), service("shop-canary"), {"name": "old", "port": 80, "weight": 3}]);
        let spec = json!({"weighted": {"sticky": {"cookie": {"name": "lvl1"}}, "services": services}});
        let api_version = "traefik.io/v1alpha1";
        let own =
            json!({"apiVersion": api_version, "kind": "TraefikService", "metadata": {"name": NAME}, "spec": spec});
        let case = Case {
            routing: json!({"traefik": {"weightedTraefikServiceName": NAME}}),
            own: Some(own),
            object: "traefikservices/shop",
            list: "/spec/weighted/services",
            service: "name",
            arguments: &[],
        };
        let found = halves(&stage, &case).await?;
        let weighted = &found["spec"]["weighted"];
        ensure!(weighted["services"][2]["weight"] == 3 && weighted["sticky"]["cookie"]["name"] == "lvl1", "{found}");
        Ok(())
    })
}

#[test]
fn an_apisix_route_follows_one_canary_and_a_header_leads_to_it() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "apisix").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let backend = |name: &str| json!({"serviceName": name, "servicePort": 80});
        let plugins = json!([{"name": "cors", "config": {"allow_origins": "*"}}]);
        let rule = json!({
            "name": NAME, "match": {"paths": ["/*"]}, "plugins": plugins,
            "backends": [backend("shop-stable"), backend("shop-canary")],
        });
        let own = json!({
            "apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "metadata": {"name": NAME},
            "spec": {"ingressClassName": "apisix", "http": [rule]},
        });
        let header = json!({"name": "beta", "match": [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]});
        let steps = json!([{"setWeight": 50}, {"setHeaderRoute": header}, {"pause": {}}]);
        let routing = json!({"apisix": {"route": {"name": NAME}}, "managedRoutes": [{"name": "beta"}]});
        stage.put(&Recipe::steps(steps).items_with(&stage.cluster, &routing, [own])).await?;
        let case = Case {
            routing,
            own: None,
            object: "apisixroutes/shop",
            list: "/spec/http/0/backends",
            service: "serviceName",
            arguments: &[],
        };
        stage.until_done().await.with_context(|| controller.log())?;
        case.holds(&stage, (0, 100)).await.with_context(|| controller.log())?;
        stage.update("v2").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        case.holds(&stage, (50, 50)).await.with_context(|| controller.log())?;
        let made = stage.get("apisixroutes/beta").await?;
        let rule = &made["spec"]["http"][0];
        ensure!(rule["priority"] == 1 && rule["backends"].as_array().map(Vec::len) == Some(1), "{made}");
        ensure!(rule["backends"][0]["serviceName"] == "shop-canary" && rule["plugins"][0]["enable"] == true, "{made}");
        ensure!(rule["match"]["exprs"][0]["subject"]["name"] == "x-beta", "{made}");
        stage.plugin(&["promote", NAME])?;
        stage.until_done().await.with_context(|| controller.log())?;
        case.holds(&stage, (0, 100)).await.with_context(|| controller.log())?;
        ensure!(stage.get("apisixroutes/beta").await.is_err(), "it goes with the update");
        Ok(())
    })
}

#[test]
fn a_mapping_of_ours_stands_beside_that_of_the_user() -> anyhow::Result<()> {
    for (name, arguments) in
        [("ambassador", &[][..]), ("ambassador-newest", &["--ambassador-api-version", "getambassador.io/v3alpha1"][..])]
    {
        stage::play(async {
            let stage = Stage::set(Cluster::light()?, name).await?;
            let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, arguments)?;
            let own = json!({
                "apiVersion": "getambassador.io/v2", "kind": "Mapping", "metadata": {"name": NAME},
                "spec": {"prefix": "/shop/", "service": "http://shop-stable:80", "timeout_ms": 3000},
            });
            let recipe = Recipe::steps(json!([{"setWeight": 50}, {"pause": {}}]));
            let routing = json!({"ambassador": {"mappings": [NAME]}});
            stage.put(&recipe.items_with(&stage.cluster, &routing, [own])).await?;
            stage.until_done().await.with_context(|| controller.log())?;
            stage.update("v2").await?;
            stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
            let is = |weight: i64| {
                move |mapping: &Value| match &mapping["spec"]["weight"] {
                    found if *found == weight => Ok(mapping.clone()),
                    found => Err(format!("{found} instead of {weight}")),
                }
            };
            let made = stage.until("mappings/shop-canary", LIMIT, is(50)).await.with_context(|| controller.log())?;
            let spec = &made["spec"];
            ensure!(spec["service"] == "http://shop-canary:80" && spec["timeout_ms"] == 3000, "{made}");
            ensure!(made["metadata"]["ownerReferences"][0]["name"] == NAME, "{made}");
            stage.plugin(&["promote", NAME])?;
            stage.until_done().await.with_context(|| controller.log())?;
            stage.until("mappings/shop-canary", LIMIT, is(0)).await.with_context(|| controller.log())?;
            let told = stage.events("CanaryMappingWeightUpdate").await?;
            ensure!(told.contains(&"Set canary mapping weight to 50".to_owned()), "{told:?}");
            ensure!(stage.get("mappings/shop").await?["spec"]["weight"].is_null(), "that of the user is left alone");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_virtual_router_of_app_mesh_follows_one_canary_and_nodes_know_its_pods() -> anyhow::Result<()> {
    stage::play(async {
        let stage = Stage::set(Cluster::light()?, "app-mesh").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "appmesh.k8s.aws/v1beta2", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let target = |node: &str, weight: i64| json!({"virtualNodeRef": {"name": node}, "weight": weight});
        let action = json!({"weightedTargets": [target("new", 0), target("old", 100)]});
        let route = json!({"name": "all", "httpRoute": {"match": {"prefix": "/"}, "action": action}});
        let listeners = json!([{"portMapping": {"port": 8080, "protocol": "http"}}]);
        let node = |name: &str| {
            object("VirtualNode", name, json!({"podSelector": {"matchLabels": {"app": NAME}}, "listeners": listeners}))
        };
        let provider = json!({"virtualRouter": {"virtualRouterRef": {"name": "router"}}});
        let own = [
            object("VirtualService", NAME, json!({ "provider": provider })),
            object("VirtualRouter", "router", json!({"listeners": listeners, "routes": [route]})),
            node("new"),
            node("old"),
        ];
        let group = json!({"canaryVirtualNodeRef": {"name": "new"}, "stableVirtualNodeRef": {"name": "old"}});
        let routing = json!({"appMesh": {"virtualService": {"name": NAME}, "virtualNodeGroup": group}});
        let recipe = Recipe::steps(json!([{"setWeight": 50}, {"pause": {}}]));
        stage.put(&recipe.items_with(&stage.cluster, &routing, own)).await?;
        let is = |canary: i64| {
            move |router: &Value| {
                let targets = &router["spec"]["routes"][0]["httpRoute"]["action"]["weightedTargets"];
                let found = (targets[0]["weight"].as_i64(), targets[1]["weight"].as_i64());
                if found == (Some(canary), Some(100 - canary)) { Ok(()) } else { Err(format!("{targets}")) }
            }
        };
        let knows = async |node: &str| {
            let found = stage.get(&format!("virtualnodes/{node}")).await?;
            anyhow::Ok(found["spec"]["podSelector"]["matchLabels"].clone())
        };
        let label = "rollouts-pod-template-hash";
        stage.until_done().await.with_context(|| controller.log())?;
        stage.until("virtualrouters/router", LIMIT, is(0)).await.with_context(|| controller.log())?;
        let first = knows("old").await?;
        ensure!(first["app"] == NAME && knows("new").await?[label] == "canary-hash", "{first}");
        stage.update("v2").await?;
        stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
        stage.until("virtualrouters/router", LIMIT, is(50)).await.with_context(|| controller.log())?;
        let second = knows("new").await?;
        ensure!(knows("old").await? == first && second[label] != first[label], "{first} {second}");
        stage.plugin(&["promote", NAME])?;
        stage.until_done().await.with_context(|| controller.log())?;
        stage.until("virtualrouters/router", LIMIT, is(0)).await.with_context(|| controller.log())?;
        ensure!(knows("old").await? == second, "{second}");
        let at_rest = |node: &Value| match &node["spec"]["podSelector"]["matchLabels"][label] {
            found if found == "canary-hash" => Ok(()),
            found => Err(found.to_string()),
        };
        stage.until("virtualnodes/new", LIMIT, at_rest).await.with_context(|| controller.log())
    })
}
