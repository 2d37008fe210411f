//! Where a storm takes place: a Rollout, what surrounds it, and how its world behaves, drawn from a seed.

use crate::storm::dice::Dice;
use serde_json::{Value, json};
use sim::world;
use std::time::Duration;

/// How requests come to the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Router {
    /// Through one Service.
    None,
    /// Through Istio, by hosts.
    Hosts,
    /// Through Istio, by subsets of one host.
    Subsets,
    /// Through blue-green's active Service.
    ActiveService,
}

impl Router {
    /// Do weights say which part of the requests comes to a version?
    pub(crate) fn has_weights(self) -> bool {
        [Self::Hosts, Self::Subsets].contains(&self)
    }
}

/// A place.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// What all of it comes from.
    pub(crate) seed: u64,
    pub(crate) router: Router,
    /// The Rollout as it is first applied.
    pub(crate) rollout: Value,
    /// All that it refers to.
    pub(crate) others: Vec<Value>,
    /// Pods, routes and Services may be damaged by others: then requests may be lost for a while.
    pub(crate) is_rough: bool,
    /// Controllers hold leases.
    pub(crate) has_leases: bool,
    /// The API server takes Events. They are many, and nothing depends on them.
    pub(crate) takes_events: bool,
    /// It ends with one more version, even if the last one of the storm is sound.
    pub(crate) ends_with_another: bool,
    pub(crate) world: world::Settings,
}

impl Setting {
    pub(crate) fn drawn(seed: u64) -> Setting {
        let dice = &mut Dice::new(seed, "setting");
        let router = dice.pick(&[Router::None, Router::Hosts, Router::Hosts, Router::Subsets, Router::ActiveService]);
        let routes = if router.has_weights() && dice.happens(25) { &["web", "api"][..] } else { &["web"] };
        let mut others = services(router);
        if router.has_weights() {
            others.extend(routes.iter().map(|name| virtual_service(name, router)));
        }
        let host = if router == Router::Hosts { "canary.default" } else { "canary.web.default" };
        let host = if router.has_weights() { host } else { "web.default" };
        // A run without a count never ends: only one in the background may be such.
        others.extend([template(dice, "rate", host, true), template(dice, "watch", host, false)]);
        let lag = dice.pick(&[100, 500, 500, 2_000]);
        let slices_after = Duration::from_millis(dice.pick(&[0, 0, 100, 700]));
        let slowest = dice.pick(&[1_500, 2_000, 6_000]);
        Setting {
            seed,
            router,
            rollout: rollout(dice, router, routes),
            others,
            is_rough: dice.happens(40),
            has_leases: dice.happens(15),
            takes_events: dice.happens(20),
            ends_with_another: dice.happens(50),
            world: world::Settings {
                seed,
                pods_ready_after: (Duration::from_millis(1_000), Duration::from_millis(slowest)),
                pods_stop_after: Duration::from_millis(lag + 1_000) + slices_after,
                slices_after,
                mesh_lag: Duration::from_millis(lag),
                ..world::Settings::default()
            },
        }
    }

    /// The patch that takes every spoiled field back.
    pub(crate) fn mending(&self) -> Value {
        let spoiled: &[&str] = match self.router {
            Router::ActiveService => {
                &["activeService", "previewService", "prePromotionAnalysis", "previewReplicaCount"]
            }
            Router::None | Router::Hosts | Router::Subsets => &[
                "canaryService",
                "stableService",
                "steps",
                "trafficRouting",
                "analysis",
                "maxSurge",
                "maxUnavailable",
                "abortScaleDownDelaySeconds",
            ],
        };
        let name = self.strategy();
        let before = &self.rollout["spec"]["strategy"][name];
        let mut fields: Value = spoiled.iter().map(|field| ((*field).to_owned(), before[*field].clone())).collect();
        if let Some(istio) = fields.pointer_mut("/trafficRouting/istio").and_then(Value::as_object_mut) {
            istio.entry("virtualService").or_insert(Value::Null);
        }
        json!({ "spec": {
            // A restart that is due later would take the only pod there is when nothing may be lost any more.
            "restartAt": null,
            "strategy": { name: fields },
            "template": { "metadata": { "labels": { "app": "web" } } },
        } })
    }

    /// The name of its strategy.
    pub(crate) fn strategy(&self) -> &'static str {
        if self.router == Router::ActiveService { "blueGreen" } else { "canary" }
    }
}

/// Steps of an update; pauses end by themselves or wait for a person.
pub(crate) fn steps(dice: &mut Dice, router: Router) -> Vec<Value> {
    let count = dice.below(6);
    let kinds = if router == Router::None { 8 } else { 9 };
    (0..count)
        .map(|_| match dice.below(kinds) {
            8 => json!({ "setCanaryScale": scale(dice) }),
            0..4 => json!({ "setWeight": dice.pick(&[0, 5, 10, 25, 33, 50, 60, 99, 100]) }),
            4 | 5 => json!({ "pause": { "duration": dice.within(1, 15) } }),
            6 => json!({ "pause": {} }),
            _ => judged(dice),
        })
        .collect()
}

/// A step that is over once something was judged.
fn judged(dice: &mut Dice) -> Value {
    let required = json!([{ "name": "rate", "templateName": "rate", "requiredForCompletion": true }]);
    let both = json!([{ "name": "base", "specRef": "stable" }, { "name": "next", "specRef": "canary", "service": {} }]);
    let canary = json!([{ "name": "next", "specRef": "canary", "replicas": 2, "service": {} }]);
    match dice.below(12) {
        0..6 => json!({ "analysis": { "templates": [{ "templateName": "rate" }] } }),
        6 => json!({ "experiment": { "templates": canary, "duration": "8s" } }),
        7 | 8 => json!({ "experiment": { "templates": both, "duration": "5s", "scaleDownDelaySeconds": 2 } }),
        9 => json!({ "experiment": { "templates": canary, "analyses": required } }),
        _ => json!({ "experiment": { "templates": both, "duration": "20s", "analyses": required } }),
    }
}

fn scale(dice: &mut Dice) -> Value {
    match dice.below(3) {
        0 => json!({ "replicas": dice.below(7) }),
        1 => json!({ "weight": dice.pick(&[0, 10, 50, 100, 130]) }),
        _ => json!({ "matchTrafficWeight": true }),
    }
}

/// What decides the number of pods, beside weights and surge.
fn pods(dice: &mut Dice, router: Router, canary: &mut Value) {
    if dice.happens(20) {
        let kind = dice.pick(&["Percent", "Pods"]);
        let value = if kind == "Percent" { dice.pick(&[50, 90]) } else { dice.pick(&[1, 3]) };
        canary["replicaProgressThreshold"] = json!({ "type": kind, "value": value });
    }
    if router == Router::None {
        return;
    }
    let delays = [("scaleDownDelaySeconds", [5, 35]), ("abortScaleDownDelaySeconds", [5, 0])];
    for (field, values) in delays {
        if dice.happens(40) {
            canary[field] = dice.pick(&values).into();
        }
    }
    if dice.happens(20) {
        canary["minPodsPerReplicaSet"] = dice.within(1, 3).into();
    }
    if dice.happens(20) {
        canary["scaleDownDelayRevisionLimit"] = dice.below(3).into();
    }
    if dice.happens(40) {
        canary["dynamicStableScale"] = true.into();
        canary["scaleDownDelaySeconds"] = Value::Null;
    }
}

fn rollout(dice: &mut Dice, router: Router, routes: &[&str]) -> Value {
    let strategy = match router {
        Router::ActiveService => json!({ "blueGreen": blue_green(dice) }),
        Router::None | Router::Hosts | Router::Subsets => json!({ "canary": canary(dice, router, routes) }),
    };
    let mut spec = json!({
        "replicas": dice.pick(&[1, 1, 1, 2, 2, 2, 3, 3, 4, 6]),
        "selector": { "matchLabels": { "app": "web" } },
        "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{
            "name": "web", "image": "web:1", "ports": [{ "containerPort": 8080 }],
        }] } },
        "strategy": strategy,
        "progressDeadlineSeconds": dice.pick(&[30, 60, 600]),
        "progressDeadlineAbort": dice.happens(50),
    });
    if dice.happens(30) {
        spec["minReadySeconds"] = 2.into();
    }
    if dice.happens(40) {
        // A history that is shorter than what is kept standing is refused.
        let least = spec["strategy"]["blueGreen"]["scaleDownDelayRevisionLimit"].as_u64().unwrap_or(0);
        spec["revisionHistoryLimit"] = dice.within(least, 2.max(least)).into();
    }
    json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": { "name": "web", "namespace": "default" },
        "spec": spec })
}

fn blue_green(dice: &mut Dice) -> Value {
    let mut blue_green = json!({ "activeService": "web" });
    let more = [
        ("previewService", json!("preview"), 60),
        ("autoPromotionEnabled", json!(false), 40),
        ("autoPromotionSeconds", json!(dice.within(1, 20)), 40),
        ("previewReplicaCount", json!(dice.within(1, 3)), 30),
        ("scaleDownDelaySeconds", json!(dice.pick(&[5, 35])), 40),
        ("scaleDownDelayRevisionLimit", json!(dice.below(3)), 30),
        ("abortScaleDownDelaySeconds", json!(dice.pick(&[5, 0])), 40),
        ("prePromotionAnalysis", json!({ "templates": [{ "templateName": "rate" }] }), 40),
        ("postPromotionAnalysis", json!({ "templates": [{ "templateName": "rate" }] }), 40),
    ];
    for (field, value, percent) in more {
        if dice.happens(percent) {
            blue_green[field] = value;
        }
    }
    blue_green
}

fn canary(dice: &mut Dice, router: Router, routes: &[&str]) -> Value {
    let mut canary = json!({ "steps": steps(dice, router) });
    let (surge, unavailable) =
        dice.pick(&[(json!(1), json!(0)), (json!(0), json!(1)), (json!("25%"), json!("25%")), (json!(2), json!(1))]);
    canary["maxSurge"] = surge;
    canary["maxUnavailable"] = unavailable;
    if dice.happens(50) {
        canary["analysis"] = json!({ "templates": [{ "templateName": "watch" }], "startingStep": dice.within(1, 3) });
    }
    let named: Vec<Value> = routes.iter().map(|name| json!({ "name": name })).collect();
    let mut istio =
        if named.len() > 1 { json!({ "virtualServices": named }) } else { json!({ "virtualService": named[0] }) };
    match router {
        Router::None | Router::ActiveService => {}
        Router::Hosts => {
            canary["canaryService"] = "canary".into();
            canary["stableService"] = "stable".into();
            canary["trafficRouting"] = json!({ "istio": istio });
        }
        Router::Subsets => {
            istio["destinationRule"] =
                json!({ "name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable" });
            canary["trafficRouting"] = json!({ "istio": istio });
        }
    }
    pods(dice, router, &mut canary);
    canary
}

fn services(router: Router) -> Vec<Value> {
    let names: &[&str] = match router {
        Router::None | Router::Subsets => &["web"],
        Router::Hosts => &["stable", "canary"],
        Router::ActiveService => &["web", "preview"],
    };
    let service = |name: &&str| {
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "default" },
            "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] },
        });
        if !router.has_weights() && *name == "web" {
            service["metadata"]["annotations"] = json!({ "leadline.dev/requests-per-second": "20" });
        }
        service
    };
    let mut all: Vec<Value> = names.iter().map(service).collect();
    if router == Router::Subsets {
        all.push(json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": { "name": "web", "namespace": "default" },
            "spec": { "host": "web", "subsets": [
                { "name": "stable", "labels": { "app": "web" } }, { "name": "canary", "labels": { "app": "web" } },
            ] },
        }));
    }
    all
}

fn virtual_service(name: &str, router: Router) -> Value {
    let end = |which: &str| match router {
        Router::Subsets => json!({ "host": "web", "subset": which }),
        Router::Hosts | Router::None | Router::ActiveService => json!({ "host": which }),
    };
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": { "name": name, "namespace": "default" },
        "spec": { "hosts": [format!("{name}.example.com")], "http": [{ "route": [
            { "destination": end("stable"), "weight": 100 }, { "destination": end("canary"), "weight": 0 },
        ] }] },
    })
}

/// A template that judges the part of requests that succeed; `host` names a subset where there is a dot more.
fn template(dice: &mut Dice, name: &str, host: &str, is_counted: bool) -> Value {
    let cluster = match host.split_once('.') {
        Some(("canary", rest)) if rest.contains('.') => format!("outbound.80.canary.{rest}.*"),
        _ => format!("outbound.80..{host}.*"),
    };
    let by = |label: &str| {
        format!("sum(rate(envoy_cluster_upstream_rq_xx{{envoy_cluster_name=~\"{cluster}\"{label}}}[10s]))")
    };
    let query = format!("{} / {}", by(",envoy_response_code_class!=\"5\""), by(""));
    let mut metric = json!({
        "name": "rate", "interval": "3s", "failureLimit": dice.below(2),
        "successCondition": "len(result) == 0 || isNaN(result[0]) || result[0] >= 0.9",
        "provider": { "prometheus": { "address": "http://prometheus.monitoring:9090", "query": query } },
    });
    if is_counted || dice.happens(50) {
        metric["count"] = dice.within(1, 3).into();
    }
    if dice.happens(40) {
        metric["initialDelay"] = "4s".into();
    }
    // Some metrics can neither be called good nor bad.
    if dice.happens(20) {
        metric["failureCondition"] = "len(result) > 0 && result[0] < 0.5".into();
        metric["inconclusiveLimit"] = dice.below(2).into();
    }
    json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": { "name": name, "namespace": "default" }, "spec": { "metrics": [metric] } })
}
