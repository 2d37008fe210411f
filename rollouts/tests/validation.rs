//! What is wrong with a spec, in the words that clients match on: a row for each message.
//!
//! Whoever builds a router adds its rows to `a_router_is_refused_in_known_words`; what a Rollout refers to is in `references.rs`.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::Toy;

fn canary(fields: Value) -> Toy {
    Toy::new(fields, 2).with_istio_hosts()
}

fn routed(fields: Value) -> Toy {
    let mut strategy = toy::routed(json!([]));
    toy::merge(&mut strategy, &fields);
    canary(strategy)
}

fn spec(fields: Value) -> Toy {
    let mut toy = canary(json!({}));
    toy.patch(json!({ "spec": fields }));
    toy
}

/// A patch, the path below `prefix` that is refused for it, and the words; all three are exact, and what else is wrong follows.
type Row<'a> = (Value, &'a str, &'a str);

fn refused(prefix: &str, make: fn(Value) -> Toy, rows: &[Row<'_>]) {
    for (patch, path, words) in rows {
        let expected = format!("{prefix}{path}: {words}");
        let said = make(patch.clone()).fault();
        let (first, rest) = said.split_at_checked(expected.len()).unwrap_or((&said, ""));
        assert_eq!(first, expected, "{patch}");
        assert!(rest.is_empty() || rest.starts_with("; spec."), "{patch}: {said}");
    }
}

#[test]
fn a_spec_is_refused_in_known_words() {
    let negative = "must be greater than or equal to 0";
    let rows = [
        (json!({"replicas": -1}), "replicas", &*format!("Invalid value: -1: {negative}")),
        (json!({"minReadySeconds": -1}), "minReadySeconds", &format!("Invalid value: -1: {negative}")),
        (json!({"revisionHistoryLimit": -2}), "revisionHistoryLimit", &format!("Invalid value: -2: {negative}")),
        (json!({"progressDeadlineSeconds": -1}), "progressDeadlineSeconds", &format!("Invalid value: -1: {negative}")),
        (json!({"selector": null}), "selector", "Required value: Rollout has missing field '.spec.selector'"),
        (
            json!({"selector": {"matchLabels": null}}),
            "selector",
            "Invalid value: {}: empty selector is invalid for deployment",
        ),
        (
            json!({"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}),
            "selector",
            "Invalid value: {\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Near\"}]}: invalid label selector",
        ),
        (
            json!({"selector": {"matchLabels": {"app": "shop"}}}),
            "template.metadata.labels",
            "Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
        ),
        (
            json!({"template": {"spec": {"restartPolicy": "Never"}}}),
            "template.spec.restartPolicy",
            "Unsupported value: \"Never\": supported values: \"Always\"",
        ),
        (json!({"template": {"spec": {"containers": []}}}), "template.spec.containers", "Required value"),
        (
            json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}),
            "template",
            "Internal error: template must be empty for workload reference rollout",
        ),
        (
            json!({"progressDeadlineSeconds": 30, "minReadySeconds": 30}),
            "progressDeadlineSeconds",
            "Invalid value: 30: must be greater than minReadySeconds",
        ),
        (
            json!({"strategy": {"canary": null}}),
            "strategy.strategy",
            "Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'",
        ),
        (
            json!({"strategy": {"blueGreen": {"activeService": "web"}}}),
            "strategy.strategy",
            "Invalid value: \"blueGreen: true canary: true\": Multiple Strategies can not be listed",
        ),
    ];
    refused("spec.", spec, &rows);
    assert_eq!(spec(json!({})).fault(), "", "the base is valid");
    assert_eq!(routed(json!({})).fault(), "", "the routed base is valid");
}

#[test]
fn a_canary_is_refused_in_known_words() {
    let step = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";
    let anti = |preferred: bool, required: bool| {
        format!(
            "Invalid value: \"antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: {preferred} antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: {required}\": AntiAffinity must have exactly one strategy listed"
        )
    };
    let preferred = |weight: i32| json!({"preferredDuringSchedulingIgnoredDuringExecution": {"weight": weight}});
    let mut both = preferred(1);
    both["requiredDuringSchedulingIgnoredDuringExecution"] = json!({});
    let argument = json!({"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.generation"}}});
    let analysis = json!({"templates": [{"templateName": "rate"}], "args": [argument]});
    let experiment = json!({"templates": [{"name": "a", "specRef": "canary"}],
        "analyses": [{"name": "b", "templateName": "rate", "args": [argument]}]});
    let unreadable = format!(
        "Invalid value: {}: Analyses arguments must refer to valid object metadata supported by downwardAPI",
        "[{\"name\":\"x\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.generation\"}}}]"
    );
    let rows = [
        (
            json!({"maxSurge": 0, "maxUnavailable": "0%"}),
            "maxSurge",
            "Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero",
        ),
        (json!({"maxSurge": -1}), "maxSurge", "Invalid value: -1: must be greater than or equal to 0"),
        (
            json!({"maxUnavailable": "x"}),
            "maxUnavailable",
            "Invalid value: \"x\": must be an integer or percentage (e.g '5%')",
        ),
        (
            json!({"canaryService": "stable", "stableService": "stable"}),
            "stableService",
            "Invalid value: \"stable\": This rollout uses the same service for the stable and canary services, but two different services are required.",
        ),
        (
            json!({"scaleDownDelaySeconds": 5}),
            "scaleDownDelaySeconds",
            "Invalid value: 5: Canary scaleDownDelaySeconds can only be used with traffic routing",
        ),
        (
            json!({"dynamicStableScale": true}),
            "dynamicStableScale",
            "Invalid value: true: Canary dynamicStableScale can only be used with traffic routing",
        ),
        (json!({"steps": [{}]}), "steps[0]", &format!("Invalid value: {{}}: {step}")),
        (
            json!({"steps": [{"setWeight": 1, "pause": {}}]}),
            "steps[0]",
            &format!(
                "Invalid value: \"step.Experiment: false step.Pause: true step.SetWeight: true step.Analysis: false\": {step}"
            ),
        ),
        (
            json!({"steps": [{"setWeight": 10}, {"setWeight": 101}]}),
            "steps[1].setWeight",
            "Invalid value: 101: SetWeight needs to be between 0 and 100",
        ),
        (
            json!({"steps": [{"setWeight": -1}]}),
            "steps[0].setWeight",
            "Invalid value: -1: SetWeight needs to be between 0 and 100",
        ),
        (
            json!({"steps": [{"pause": {"duration": "soon"}}]}),
            "steps[0].pause.duration",
            "Invalid value: -1: Duration needs to be greater than 0",
        ),
        (
            json!({"steps": [{"setWeight": 10}, {"setCanaryScale": {"replicas": 2}}]}),
            "trafficRouting",
            "Required value: SetCanaryScale requires TrafficRouting to be set",
        ),
        (
            json!({"steps": [{"setHeaderRoute": {"name": "h"}}]}),
            "steps[0].setHeaderRoute",
            "Invalid value: {\"name\":\"h\"}: SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix",
        ),
        (
            json!({"steps": [{"setMirrorRoute": {"name": "m"}}]}),
            "steps[0].setMirrorRoute",
            "Invalid value: {\"name\":\"m\"}: SetMirrorRoute requires TrafficRouting, supports Istio and Plugins",
        ),
        (
            json!({"steps": [{"experiment": {"templates": [{"name": "a", "specRef": "canary", "weight": 5}]}}]}),
            "steps[0].experiment.templates[0].weight",
            "Invalid value: 5: Experiment template weight cannot be set unless TrafficRouting is enabled",
        ),
        (json!({"steps": [{ "analysis": analysis }]}), "steps[0].analyses", &unreadable),
        (json!({"steps": [{ "experiment": experiment }]}), "steps[0].analyses", &unreadable),
        (json!({"antiAffinity": {}}), "antiAffinity", &anti(false, false)),
        (json!({ "antiAffinity": both }), "antiAffinity", &anti(true, true)),
        (
            json!({"antiAffinity": preferred(0)}),
            "antiAffinity.weight",
            "Invalid value: 0: AntiAffinity weight must be between 1-100",
        ),
        (
            json!({"antiAffinity": preferred(101)}),
            "antiAffinity.weight",
            "Invalid value: 101: AntiAffinity weight must be between 1-100",
        ),
        (
            json!({"replicaProgressThreshold": {"type": "Nodes", "value": 1}}),
            "replicaProgressThreshold.type",
            "Unsupported value: \"Nodes\": supported values: \"Percent\", \"Pods\"",
        ),
    ];
    refused("spec.strategy.canary.", canary, &rows);
    for fields in [
        json!({"steps": [{"pause": {"duration": 0}}, {"setWeight": 0}, {"setWeight": 100}], "maxSurge": 0}),
        json!({"dynamicStableScale": false, "maxSurge": "20", "maxUnavailable": 0}),
    ] {
        assert_eq!(canary(fields.clone()).fault(), "", "{fields}");
    }
}

#[test]
fn routing_is_refused_in_known_words() {
    let both = "Invalid value: \"\": Canary service and Stable service must to be set to use Traffic Routing";
    let several = "StringMatch match value must have exactly one of the following: exact, regex, prefix";
    let missed = "StringMatch value missed, match value must have one of the following: exact, regex, prefix";
    let unknown = "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes";
    let turns = |ping: &str, pong: &str| json!({"pingPong": {"pingService": ping, "pongService": pong}});
    let header =
        |value: Value| json!({"setHeaderRoute": {"name": "r", "match": [{"headerName": "x", "headerValue": value}]}});
    let mirror = |value: Value| json!({"setMirrorRoute": {"name": "r", "match": [value]}});
    let managed = |step: Value| json!({"steps": [step], "trafficRouting": {"managedRoutes": [{"name": "r"}]}});
    let weighted = json!({"experiment": {"templates": [{"name": "a", "specRef": "canary", "weight": 5}]}});
    let two = json!({"exact": "a", "regex": "b"});
    let rows = [
        (json!({"canaryService": null}), "canaryService", both),
        (json!({"stableService": ""}), "stableService", both),
        (
            json!({"dynamicStableScale": true, "scaleDownDelaySeconds": 0}),
            "dynamicStableScale",
            "Invalid value: true: Canary dynamicStableScale cannot be used with scaleDownDelaySeconds",
        ),
        (
            json!({"trafficRouting": {"maxTrafficWeight": 50}}),
            "trafficRouting.maxTrafficWeight",
            "Invalid value: 50: Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins",
        ),
        (
            json!({"trafficRouting": {"maxTrafficWeight": 50, "nginx": {"stableIngress": "web"}}}),
            "trafficRouting.maxTrafficWeight",
            "Invalid value: 50: Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins",
        ),
        (
            json!({"trafficRouting": {"istio": null, "maxTrafficWeight": 0, "nginx": {"stableIngress": "web"}}}),
            "trafficRouting.maxTrafficWeight",
            "Invalid value: 0: must be greater than 0",
        ),
        (
            json!({"trafficRouting": {"istio": null, "maxTrafficWeight": 1000, "nginx": {}}, "steps": [{"setWeight": 1001}]}),
            "steps[0].setWeight",
            "Invalid value: 1001: SetWeight needs to be between 0 and 1000",
        ),
        (
            turns("", "b"),
            "pingPong.pingService",
            "Invalid value: \"\": Ping service and Pong service must to be set to use Ping-Pong feature",
        ),
        (
            turns("a", ""),
            "pingPong.pongService",
            "Invalid value: \"\": Ping service and Pong service must to be set to use Ping-Pong feature",
        ),
        (
            turns("a", "stable"),
            "pingPong.pongService",
            "Invalid value: \"stable\": it is canaryService or stableService too: one Service cannot take turns and keep a role",
        ),
        (
            turns("a", "a"),
            "pingPong.pingService",
            "Invalid value: \"a\": This rollout uses the same service for the ping and pong services, but two different services are required.",
        ),
        (
            json!({"steps": [header(json!({"exact": "a"}))]}),
            "trafficRouting.managedRoutes",
            "Required value: Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'",
        ),
        (
            managed(json!({"setHeaderRoute": {"name": "other"}})),
            "steps[0].setHeaderRoute",
            &format!("Invalid value: \"other\": {unknown}"),
        ),
        (
            managed(json!({"setMirrorRoute": {"name": "other"}})),
            "steps[0].setMirrorRoute",
            &format!("Invalid value: \"other\": {unknown}"),
        ),
        (
            managed(header(two.clone())),
            "steps[0].setHeaderRoute.match[0]",
            &format!("Invalid value: {{\"exact\":\"a\",\"regex\":\"b\"}}: {several}"),
        ),
        (
            managed(header(json!(null))),
            "steps[0].setHeaderRoute.match[0]",
            &format!("Invalid value: \"null\": {missed}"),
        ),
        (
            managed(header(json!({"exact": ""}))),
            "steps[0].setHeaderRoute.match[0]",
            &format!("Invalid value: {{\"exact\":\"\"}}: {missed}"),
        ),
        (
            managed(mirror(json!({ "method": two }))),
            "steps[0].setMirrorRoute.match[0]",
            &format!("Invalid value: {{\"exact\":\"a\",\"regex\":\"b\"}}: {several}"),
        ),
        (
            managed(mirror(json!({"path": {}}))),
            "steps[0].setMirrorRoute.match[0]",
            &format!("Invalid value: {{}}: {missed}"),
        ),
        (
            managed(mirror(json!({"headers": {"x": {}}}))),
            "steps[0].setMirrorRoute.match[0]",
            &format!("Invalid value: {{}}: {missed}"),
        ),
        (
            json!({"steps": [weighted], "trafficRouting": {"istio": null, "nginx": {}}}),
            "steps[0].experiment.templates[0].weight",
            "Invalid value: 5: Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time",
        ),
        (
            json!({"trafficRouting": {"istio": null}}),
            "trafficRouting.istio",
            "Required value: a traffic router must be configured",
        ),
    ];
    refused("spec.strategy.canary.", routed, &rows);
}

#[test]
fn a_router_is_refused_in_known_words() {
    let only = |router: Value| json!({"trafficRouting": router});
    let turns = json!({"pingService": "a", "pongService": "b"});
    let alb = json!({"steps": [{"setHeaderRoute": {"name": "r", "match": [{"headerName": "x", "headerValue": {"prefix": "a"}}]}}],
        "trafficRouting": {"alb": {}, "managedRoutes": [{"name": "r"}]}});
    let rows = [
        (
            only(json!({"istio": {"virtualService": null}})),
            "trafficRouting.istio",
            "Internal error: either VirtualService or VirtualServices must be configured",
        ),
        (
            only(json!({"istio": {"virtualServices": [{"name": "b"}]}})),
            "trafficRouting.istio",
            "Internal error: either VirtualService or VirtualServices must be configured",
        ),
        (
            only(json!({"istio": null, "gatewayAPI": {}})),
            "trafficRouting.gatewayAPI",
            "Required value: a route must be named: httpRoute, grpcRoute, tcpRoute, tlsRoute, or several of them",
        ),
        (
            only(json!({"istio": null, "alb": {}})),
            "trafficRouting.alb",
            "Internal error: Either Ingress or Ingresses must be configured. Neither are configured.",
        ),
        (
            only(json!({"istio": null, "alb": {"ingress": "a", "ingresses": ["b"]}})),
            "trafficRouting.alb",
            "Internal error: Either Ingress or Ingresses must be configured. Both are configured.",
        ),
        (
            only(json!({"istio": null, "alb": {"ingress": "web"}})),
            "trafficRouting.alb.ingress",
            "Invalid value: \"web\": ingresses.networking.k8s.io \"web\" not found",
        ),
        (
            json!({"trafficRouting": {"istio": null, "alb": {"ingress": "web"}}, "pingPong": turns}),
            "trafficRouting.alb.rootService",
            "Invalid value: \"\": Root service field is required for the configuration with ALB and ping-pong feature enabled",
        ),
        (
            only(json!({"istio": null, "nginx": {}})),
            "trafficRouting.nginx",
            "Internal error: Either StableIngress or StableIngresses must be configured. Neither are configured.",
        ),
        (
            only(json!({"istio": null, "nginx": {"stableIngress": "a", "stableIngresses": ["b"]}})),
            "trafficRouting.nginx",
            "Internal error: Either StableIngress or StableIngresses must be configured. Both are configured.",
        ),
        (
            only(json!({"istio": null, "nginx": {"stableIngress": "web"}})),
            "trafficRouting.nginx.stableIngress",
            "Invalid value: \"web\": ingresses.networking.k8s.io \"web\" not found",
        ),
        (
            json!({"trafficRouting": {"istio": null, "nginx": {}}, "pingPong": turns}),
            "trafficRouting.alb",
            "Invalid value: \"null\": Ping-pong feature works with the ALB, Istio, and plugin-based traffic routers only",
        ),
        (
            alb,
            "steps[0].setHeaderRoute.match[0]",
            "Invalid value: {\"prefix\":\"a\"}: SetHeaderRoute match value invalid. ALB supports 'exact' value only",
        ),
    ];
    refused("spec.strategy.canary.", routed, &rows);
    let both = "Invalid value: \"\": Canary service and Stable service must to be set to use Traffic Routing";
    for router in ["istio", "alb", "smi", "apisix", "ambassador", "nginx", "appMesh", "traefik", "gatewayAPI"] {
        let row = (json!({"trafficRouting": { router: {} }}), "stableService", both);
        refused("spec.strategy.canary.", canary, &[row]);
    }
}

#[test]
fn blue_green_is_refused_in_known_words() {
    let rows = [
        (
            json!({"previewService": "active"}),
            "activeService",
            "Invalid value: \"active\": This rollout uses the same service for the active and preview services, but two different services are required.",
        ),
        (
            json!({"scaleDownDelayRevisionLimit": 11}),
            "scaleDownDelayRevisionLimit",
            "Invalid value: 11: This rollout's revision history limit can not be smaller than the rollout's scale down limit",
        ),
        (
            json!({"antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 0}}}),
            "antiAffinity.weight",
            "Invalid value: 0: AntiAffinity weight must be between 1-100",
        ),
        (
            json!({"antiAffinity": {}}),
            "antiAffinity",
            "Invalid value: \"antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: false antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: false\": AntiAffinity must have exactly one strategy listed",
        ),
        (
            json!({"maxUnavailable": "many"}),
            "maxUnavailable",
            "Invalid value: \"many\": must be an integer or percentage (e.g '5%')",
        ),
    ];
    let made = |fields| Toy::blue_green(fields, 2);
    refused("spec.strategy.blueGreen.", made, &rows);
    assert_eq!(made(json!({"scaleDownDelayRevisionLimit": 10, "maxUnavailable": 0})).fault(), "");
}

#[test]
fn what_else_is_wrong_follows_in_the_same_condition() {
    let mut toy = spec(json!({"replicas": -1, "minReadySeconds": -1, "strategy": {"canary":
        {"steps": [{"setWeight": 101}, {"setCanaryScale": {}}, {"setCanaryScale": {}}], "canaryMetadata": {}}}}));
    let expected = [
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
        "spec.strategy.canary.steps[0].setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100",
        "spec.strategy.canary.trafficRouting: Required value: SetCanaryScale requires TrafficRouting to be set",
    ];
    let said_all = toy.fault();
    assert!(said_all.starts_with(&expected.join("; ")), "{said_all}");
    let steps: Vec<Value> = (0..25).map(|_| json!({"setWeight": -1})).collect();
    let many = canary(json!({ "steps": steps })).fault();
    assert_eq!(many.matches("SetWeight needs").count(), 20);
    assert!(many.ends_with("; and 5 more"), "{many}");
}
