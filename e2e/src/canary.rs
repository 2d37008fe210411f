//! What tests roll out: one Rollout behind its Services and a VirtualService, and how it looks at its ends.
//!
//! Its pods run on both clusters: on the light one they live by their annotations, on the real one by their image's tag.

use crate::{Cluster, Stage, wait::Look};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest that any state of a canary is waited for.
pub const LIMIT: Duration = Duration::from_secs(180);
/// The name of the Rollout and its VirtualService; its Services are called `shop-stable` and `shop-canary`, or `shop-active`.
pub const NAME: &str = "shop";

/// What moves the requests from one version to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Weights of two hosts.
    Hosts,
    /// Weights of two subsets of one host.
    Subsets,
    /// The selector of blue-green's active Service.
    ActiveService,
}

/// What differs between tests.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The host that clients ask for.
    pub host: String,
    /// The first version.
    pub version: String,
    /// The steps.
    pub steps: Value,
    /// More fields of the strategy.
    pub strategy: Value,
    /// What moves the requests.
    pub routing: Routing,
    /// How many pods.
    pub replicas: i64,
    /// Names of the routes that steps set.
    pub managed: Vec<String>,
}

impl Default for Recipe {
    fn default() -> Self {
        let steps = json!([{"setWeight": 50}, {"pause": {"duration": "1s"}}]);
        Self {
            host: NAME.into(),
            version: "v1".into(),
            steps,
            strategy: json!({}),
            routing: Routing::Hosts,
            replicas: 2,
            managed: Vec::new(),
        }
    }
}

impl Recipe {
    /// A canary with these steps.
    pub fn steps(steps: Value) -> Self {
        Self { steps, ..Self::default() }
    }

    /// All objects, as one list.
    pub fn objects(&self, cluster: &Cluster) -> String {
        json!({"apiVersion": "v1", "kind": "List", "items": self.items(cluster)}).to_string()
    }

    /// All objects, one by one.
    pub fn items(&self, cluster: &Cluster) -> Vec<Value> {
        let mut items = vec![self.virtual_service(cluster), self.rollout(cluster)];
        match self.routing {
            Routing::Hosts => items.extend([service("shop-stable"), service("shop-canary")]),
            Routing::Subsets => items.extend([destination_rule(), service(NAME)]),
            Routing::ActiveService => items.push(service("shop-active")),
        }
        items
    }

    /// All objects, where another router than Istio moves the requests: its settings, and objects of its own.
    pub fn items_with(&self, cluster: &Cluster, routing: &Value, own: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let mut items = self.items(cluster);
        items.retain(|item| item["kind"] != "VirtualService");
        for rollout in items.iter_mut().filter(|item| item["kind"] == "Rollout") {
            rollout["spec"]["strategy"]["canary"]["trafficRouting"] = routing.clone();
        }
        items.extend(own);
        items
    }

    /// The Rollout.
    pub fn rollout(&self, cluster: &Cluster) -> Value {
        let mut strategy = self.own_strategy();
        for fields in strategy.as_object_mut().into_iter().flat_map(|strategy| strategy.values_mut()) {
            *fields = merged(fields.take(), &self.strategy);
        }
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": NAME},
            "spec": {
                "replicas": self.replicas, "revisionHistoryLimit": 1, "progressDeadlineSeconds": 60,
                "selector": {"matchLabels": {"app": NAME}},
                "template": template(cluster, &self.version),
                "strategy": strategy,
            },
        })
    }

    fn own_strategy(&self) -> Value {
        let istio = json!({"virtualService": {"name": NAME, "routes": ["primary"]}});
        let canary = |more: Value| {
            let canary = json!({"steps": self.steps, "scaleDownDelaySeconds": 1, "abortScaleDownDelaySeconds": 1});
            json!({"canary": merged(canary, &more)})
        };
        match self.routing {
            Routing::Hosts => canary(json!({
                "stableService": "shop-stable", "canaryService": "shop-canary", "trafficRouting": self.traffic_routing(istio),
            })),
            Routing::Subsets => {
                let rule = json!({"name": NAME, "stableSubsetName": "stable", "canarySubsetName": "canary"});
                canary(
                    json!({"trafficRouting": self.traffic_routing(merged(istio, &json!({"destinationRule": rule})))}),
                )
            }
            Routing::ActiveService => json!({"blueGreen": {
                "activeService": "shop-active", "scaleDownDelaySeconds": 1, "abortScaleDownDelaySeconds": 1,
            }}),
        }
    }

    fn traffic_routing(&self, istio: Value) -> Value {
        let managed: Vec<Value> = self.managed.iter().map(|name| json!({ "name": name })).collect();
        json!({ "istio": istio, "managedRoutes": managed })
    }

    /// The VirtualService.
    pub fn virtual_service(&self, cluster: &Cluster) -> Value {
        let destination = |role: &str| match self.routing {
            Routing::Subsets => json!({"host": NAME, "subset": role}),
            Routing::Hosts | Routing::ActiveService => json!({"host": format!("shop-{role}")}),
        };
        let route = match self.routing {
            Routing::ActiveService => json!([{"destination": destination("active")}]),
            Routing::Hosts | Routing::Subsets => json!([
                {"destination": destination("stable"), "weight": 100},
                {"destination": destination("canary"), "weight": 0},
            ]),
        };
        let mut spec = json!({"hosts": [self.host], "http": [{"name": "primary", "route": route}]});
        if cluster.has_pods() {
            spec["gateways"] = json!([cluster.gateway_resource]);
        }
        json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": NAME}, "spec": spec})
    }
}

/// A pod template of this version.
pub fn template(cluster: &Cluster, version: &str) -> Value {
    let image = image(cluster, version);
    if !cluster.has_pods() {
        return json!({
            "metadata": {"labels": {"app": NAME}, "annotations": {"leadline.dev/ready-after": "300ms"}},
            "spec": {"containers": [{"name": "app", "image": image}]},
        });
    }
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1});
    json!({
        "metadata": {"labels": {"app": NAME}},
        "spec": {
            "dnsPolicy": "Default", "automountServiceAccountToken": false, "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 5,
            "containers": [
                {"name": "app", "image": image, "ports": [{"containerPort": 8080}], "readinessProbe": probe},
            ],
        },
    })
}

/// The image of a version.
pub fn image(cluster: &Cluster, version: &str) -> String {
    let name = if cluster.has_pods() { cluster.image.as_str() } else { "leadline/app" };
    format!("{}:{version}", name.split_once(':').map_or(name, |(name, _)| name))
}

/// An object with more fields.
fn merged(mut object: Value, more: &Value) -> Value {
    if let (Some(fields), Some(more)) = (object.as_object_mut(), more.as_object()) {
        fields.extend(more.clone());
    }
    object
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": NAME}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    })
}

fn destination_rule() -> Value {
    let subset = |name: &str| json!({"name": name, "labels": {"app": NAME}});
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": NAME},
        "spec": {"host": NAME, "subsets": [subset("stable"), subset("canary")]},
    })
}

/// The weights of the canary and the stable version in a VirtualService; `None` where one Service has all of it.
pub fn weights(virtual_service: &Value) -> Option<(i64, i64)> {
    let route = virtual_service.pointer("/spec/http/0/route")?.as_array()?;
    let of = |role: &str| {
        let found = route.iter().find(|entry| {
            let destination = &entry["destination"];
            destination["host"].as_str().is_some_and(|host| host.ends_with(role)) || destination["subset"] == role
        });
        found.map(|entry| entry["weight"].as_i64().unwrap_or(0))
    };
    Some((of("canary")?, of("stable")?))
}

/// An AnalysisTemplate with one metric, `quality`, that is good from 1 on.
pub fn analysis(name: &str, prometheus: &str, more: &Value) -> Value {
    let mut metric = json!({
        "name": "quality", "successCondition": "result[0] >= 1",
        "provider": {"prometheus": {"address": prometheus, "query": "quality", "timeout": 1}},
    });
    if let (Some(fields), Some(more)) = (metric.as_object_mut(), more.as_object()) {
        fields.extend(more.clone());
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name},
        "spec": {"metrics": [metric]},
    })
}

/// What a condition of this type says, where it is true.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind && condition["status"] != "False");
    found?["message"].as_str()
}

/// Whether the Rollout is done with its present template: healthy, stable and current the same.
pub fn is_done(rollout: &Value) -> Look<()> {
    let status = &rollout["status"];
    let generation = rollout["metadata"]["generation"].to_string();
    let is_seen = status["observedGeneration"].as_str() == Some(&generation);
    let is_stable = status["stableRS"].is_string() && status["stableRS"] == status["currentPodHash"];
    if is_seen && is_stable && status["phase"] == "Healthy" { Ok(()) } else { Err(summary(rollout)) }
}

/// Phase, message and step of a Rollout.
pub fn summary(rollout: &Value) -> String {
    let status = &rollout["status"];
    format!(
        "phase {} message {} step {} stable {} current {} generation {}/{}",
        status["phase"],
        status["message"],
        status["currentStepIndex"],
        status["stableRS"],
        status["currentPodHash"],
        status["observedGeneration"],
        rollout["metadata"]["generation"],
    )
}

impl Stage {
    /// Waits until the weights of canary and stable are these.
    pub async fn until_weights(&self, canary: i64, stable: i64) -> anyhow::Result<()> {
        self.until("virtualservices/shop", LIMIT, |object| match weights(object) {
            Some(seen) if seen == (canary, stable) => Ok(()),
            seen => Err(format!("{seen:?} instead of {canary} and {stable}")),
        })
        .await
    }

    /// Waits until the Rollout is in this phase and says this.
    pub async fn until_phase(&self, phase: &str, message: &str) -> anyhow::Result<Value> {
        self.until("rollouts/shop", LIMIT, |rollout| {
            let status = &rollout["status"];
            let said = status["message"].as_str().unwrap_or_default();
            let is_there = status["phase"] == phase && said.contains(message);
            if is_there { Ok(rollout.clone()) } else { Err(summary(rollout)) }
        })
        .await
    }

    /// Waits until the Rollout is done with its present template.
    pub async fn until_done(&self) -> anyhow::Result<()> {
        self.until("rollouts/shop", LIMIT, is_done).await
    }

    /// Gives the Rollout the image of another version.
    pub async fn update(&self, version: &str) -> anyhow::Result<()> {
        let template = template(&self.cluster, version);
        self.patch("rollouts/shop", &json!({"spec": {"template": template}})).await.map(drop)
    }
}
