//! What is wrong with a spec, in the words that clients match on; and every field of the definition that is known and not
//! carried out, refused under its own path.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Map, Value, json};
use toy::Toy;

/// What the condition says after the words that it always begins with.
fn said(toy: &mut Toy) -> String {
    toy.settle();
    let message = toy.condition("InvalidSpec").2;
    message.strip_prefix("The Rollout \"web\" is invalid: ").unwrap_or(&message).to_owned()
}

fn canary(fields: Value) -> Toy {
    Toy::new(fields, 2).with_istio_hosts()
}

fn spec(fields: Value) -> Toy {
    let mut toy = canary(json!({}));
    toy.patch(json!({ "spec": fields }));
    toy
}

#[test]
fn a_spec_is_refused_in_known_words() {
    for (fields, expected) in [
        (json!({"replicas": -1}), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (json!({"minReadySeconds": -1}), "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"),
        (
            json!({"revisionHistoryLimit": -2}),
            "spec.revisionHistoryLimit: Invalid value: -2: must be greater than or equal to 0",
        ),
        (
            json!({"progressDeadlineSeconds": -1}),
            "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
        (json!({"selector": null}), "spec.selector: Required value: Rollout has missing field '.spec.selector'"),
        (
            json!({"selector": {"matchLabels": null}}),
            "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        ),
        (
            json!({"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}),
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Near\"}]}: invalid label selector",
        ),
        (
            json!({"selector": {"matchLabels": {"app": "shop"}}}),
            "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
        ),
        (
            json!({"progressDeadlineSeconds": 30, "minReadySeconds": 30}),
            "spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds",
        ),
        (
            json!({"strategy": {"canary": null}}),
            "spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'",
        ),
        (
            json!({"strategy": {"blueGreen": {"activeService": "web"}}}),
            "spec.strategy.strategy: Invalid value: \"blueGreen and canary\": Multiple Strategies can not be listed",
        ),
    ] {
        assert_eq!(said(&mut spec(fields.clone())), expected, "{fields}");
    }
    assert_eq!(said(&mut spec(json!({}))), "", "the base is valid");
}

#[test]
fn a_canary_is_refused_in_known_words() {
    let path = "spec.strategy.canary";
    let step = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";
    for (fields, expected) in [
        (
            json!({"maxSurge": 0, "maxUnavailable": "0%"}),
            "maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero",
        ),
        (
            json!({"canaryService": "stable", "stableService": "stable"}),
            "stableService: Invalid value: \"stable\": This rollout uses the same service for the stable and canary services, but two different services are required.",
        ),
        (
            json!({"canaryService": "canary", "trafficRouting": {"istio": {"virtualService": {"name": "web"}}}}),
            "trafficRouting: Invalid value: \"canaryService, stableService\": Canary service and Stable service must to be set to use Traffic Routing",
        ),
        (
            json!({"canaryService": "canary", "stableService": "stable", "trafficRouting": {"istio": {}}}),
            "trafficRouting.istio: Invalid value: \"virtualService, virtualServices\": either VirtualService or VirtualServices must be configured",
        ),
        (
            json!({"scaleDownDelaySeconds": 5}),
            "scaleDownDelaySeconds: Invalid value: 5: Canary scaleDownDelaySeconds can only be used with traffic routing",
        ),
        (
            json!({"dynamicStableScale": true}),
            "dynamicStableScale: Invalid value: true: Canary dynamicStableScale can only be used with traffic routing",
        ),
        (
            json!({"canaryService": "canary", "stableService": "stable", "dynamicStableScale": true, "scaleDownDelaySeconds": 0,
                "trafficRouting": {"istio": {"virtualService": {"name": "web"}}}}),
            "dynamicStableScale: Invalid value: true: Canary dynamicStableScale cannot be used with scaleDownDelaySeconds",
        ),
        (
            json!({"steps": [{"setWeight": 10}, {"setWeight": 101}]}),
            "steps[1].setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100",
        ),
        (
            json!({"steps": [{"setWeight": -1}]}),
            "steps[0].setWeight: Invalid value: -1: SetWeight needs to be between 0 and 100",
        ),
        (
            json!({"steps": [{"setWeight": 10}, {"setCanaryScale": {"replicas": 2}}]}),
            "steps[1].setCanaryScale: Required value: SetCanaryScale requires TrafficRouting to be set",
        ),
        (
            json!({"steps": [{"pause": {"duration": "soon"}}]}),
            "steps[0].pause.duration: Invalid value: -1: Duration needs to be greater than 0",
        ),
        (json!({"steps": [{}]}), &format!("steps[0]: Invalid value: {{}}: {step}")),
        (
            json!({"steps": [{"setWeight": 1, "pause": {}}]}),
            &format!("steps[0]: Invalid value: {{\"setWeight\":1,\"pause\":{{}}}}: {step}"),
        ),
        (
            json!({"replicaProgressThreshold": {"type": "Nodes", "value": 1}}),
            "replicaProgressThreshold.type: Unsupported value: \"Nodes\": supported values: \"Percent\", \"Pods\"",
        ),
        (json!({"canaryService": "gone"}), "canaryService: Invalid value: \"gone\": service \"gone\" not found"),
    ] {
        assert_eq!(said(&mut canary(fields.clone())), format!("{path}.{expected}"), "{fields}");
    }
    for fields in [
        json!({"steps": [{"pause": {"duration": 0}}, {"setWeight": 0}, {"setWeight": 100}], "maxSurge": 0}),
        json!({"dynamicStableScale": false, "maxSurge": "20", "maxUnavailable": 0}),
    ] {
        assert_eq!(said(&mut canary(fields.clone())), "", "{fields}");
    }
}

#[test]
fn blue_green_is_refused_in_known_words() {
    let path = "spec.strategy.blueGreen";
    for (fields, expected) in [
        (
            json!({"previewService": "active"}),
            "activeService: Invalid value: \"active\": This rollout uses the same service for the active and preview services, but two different services are required.",
        ),
        (
            json!({"scaleDownDelayRevisionLimit": 11}),
            "scaleDownDelayRevisionLimit: Invalid value: 11: This rollout's revision history limit can not be smaller than the rollout's scale down limit",
        ),
        (
            json!({"maxUnavailable": "many"}),
            "maxUnavailable: Invalid value: \"many\": must be an integer or percentage (e.g '5%')",
        ),
        (json!({"activeService": "gone"}), "activeService: Invalid value: \"gone\": service \"gone\" not found"),
        (json!({"previewService": "gone"}), "previewService: Invalid value: \"gone\": service \"gone\" not found"),
        (
            json!({"prePromotionAnalysis": {"templates": [{"templateName": "gone"}]}}),
            "prePromotionAnalysis.templates: Invalid value: \"gone\": AnalysisTemplate 'gone' not found",
        ),
        (
            json!({"postPromotionAnalysis": {"templates": [{"templateName": "gone", "clusterScope": true}]}}),
            "postPromotionAnalysis.templates: Invalid value: \"gone\": ClusterAnalysisTemplate 'gone' not found",
        ),
        (json!({"scaleDownDelayRevisionLimit": 10, "maxUnavailable": 0}), ""),
    ] {
        let expected = if expected.is_empty() { String::new() } else { format!("{path}.{expected}") };
        assert_eq!(said(&mut Toy::blue_green(fields.clone(), 2)), expected, "{fields}");
    }
}

#[test]
fn what_a_service_selects_must_fit() {
    let path = "spec.strategy.canary.stableService: Invalid value: \"stable\": Service \"stable\"";
    for (service, expected) in [
        (json!({"spec": {"selector": {"tier": "x"}}}), format!("{path} has unmatch label \"tier\" in rollout")),
        (json!({"spec": {"selector": {"app": "other"}}}), format!("{path} has unmatch label \"app\" in rollout")),
        (
            json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "shop"}}}),
            format!("{path} is managed by another Rollout"),
        ),
        (json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}}}), String::new()),
        (json!({"spec": {"selector": {"rollouts-pod-template-hash": "old"}}}), String::new()),
    ] {
        let mut toy = canary(json!({"stableService": "stable"}));
        toy::merge(toy.services.get_mut("stable").expect("is there"), &service);
        assert_eq!(said(&mut toy), expected, "{service}");
    }
}

#[test]
fn templates_must_be_there_and_fit() {
    let metric = |fields: Value| {
        let mut metric = json!({"name": "m", "provider": {"prometheus": {"query": "up"}}});
        toy::merge(&mut metric, &fields);
        json!({ "metrics": [metric] })
    };
    let with_args = |args: Value| {
        let mut template = metric(json!({}));
        template["args"] = args;
        template
    };
    let mut counted = metric(json!({"interval": "1m", "count": "{{ args.n }}"}));
    counted["args"] = json!([{"name": "n", "value": "3"}]);
    let secret = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let endless = "AnalysisTemplate rate has metric m which runs indefinitely. Invalid value for count:";
    for (template, of_step, of_background) in [
        (None, "AnalysisTemplate 'rate' not found", "AnalysisTemplate 'rate' not found"),
        (Some(metric(json!({"interval": "1m"}))), &*format!("{endless} <nil>"), ""),
        (Some(metric(json!({"interval": "1m", "count": 0}))), &format!("{endless} 0"), ""),
        (Some(counted), "", ""),
        (Some(with_args(json!([{"name": "x"}]))), "args.x was not resolved", "args.x was not resolved"),
        (
            Some(with_args(json!([{"name": "x", "value": "1", "valueFrom": secret}]))),
            "AnalysisTemplate rate: arg 'x' has both Value and ValueFrom fields",
            "",
        ),
        (
            Some(metric(json!({"provider": {"prometheus": {"query": "rate({{args.y}})"}}}))),
            "AnalysisTemplate rate: failed to resolve {{args.y}}",
            "",
        ),
        (
            Some(json!({"metrics": [], "templates": [{"templateName": "gone"}]})),
            "AnalysisTemplate 'gone' not found",
            "AnalysisTemplate 'gone' not found",
        ),
    ] {
        let analysis = json!({"templates": [{"templateName": "rate"}]});
        for (strategy, path, expected) in [
            (json!({"steps": [{ "analysis": analysis }]}), "steps[0].analysis", of_step),
            (json!({ "analysis": analysis }), "analysis", of_background),
        ] {
            let mut toy = canary(strategy);
            if let Some(template) = &template {
                toy = toy.with_template("rate", template.clone());
            }
            let whole = format!("spec.strategy.canary.{path}.templates: Invalid value: \"rate\": {expected}");
            assert_eq!(said(&mut toy), if expected.is_empty() { "" } else { &whole }, "{template:?}");
        }
    }
    let argument = json!({"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.generation"}}});
    let step = json!({"analysis": {"templates": [{"templateName": "rate"}], "args": [argument]}});
    let expected = "spec.strategy.canary.steps[0].analyses: Invalid value: \"metadata.generation\": Analyses arguments must refer to valid object metadata supported by downwardAPI";
    assert_eq!(said(&mut canary(json!({ "steps": [step] }))), expected);
}

/// Fields that are carried out, or that hold some that are.
const CARRIED_OUT: &[&str] = &[
    "spec.replicas",
    "spec.selector",
    "spec.rollbackWindow",
    "spec.template",
    "spec.minReadySeconds",
    "spec.revisionHistoryLimit",
    "spec.paused",
    "spec.progressDeadlineSeconds",
    "spec.progressDeadlineAbort",
    "spec.restartAt",
    "spec.analysis",
    "spec.strategy.blueGreen.activeService",
    "spec.strategy.blueGreen.previewService",
    "spec.strategy.blueGreen.previewReplicaCount",
    "spec.strategy.blueGreen.autoPromotionEnabled",
    "spec.strategy.blueGreen.autoPromotionSeconds",
    "spec.strategy.blueGreen.maxUnavailable",
    "spec.strategy.blueGreen.previewMetadata",
    "spec.strategy.blueGreen.activeMetadata",
    "spec.strategy.blueGreen.scaleDownDelaySeconds",
    "spec.strategy.blueGreen.scaleDownDelayRevisionLimit",
    "spec.strategy.blueGreen.abortScaleDownDelaySeconds",
    "spec.strategy.blueGreen.prePromotionAnalysis",
    "spec.strategy.blueGreen.postPromotionAnalysis",
    "spec.strategy.canary.canaryService",
    "spec.strategy.canary.stableService",
    "spec.strategy.canary.steps.setWeight",
    "spec.strategy.canary.steps.pause",
    "spec.strategy.canary.steps.analysis",
    "spec.strategy.canary.steps.setCanaryScale",
    "spec.strategy.canary.steps.experiment",
    "spec.strategy.canary.minPodsPerReplicaSet",
    "spec.strategy.canary.dynamicStableScale",
    "spec.strategy.canary.scaleDownDelayRevisionLimit",
    "spec.strategy.canary.replicaProgressThreshold",
    "spec.strategy.canary.trafficRouting.istio.destinationRule.name",
    "spec.strategy.canary.trafficRouting.istio.destinationRule.canarySubsetName",
    "spec.strategy.canary.trafficRouting.istio.destinationRule.stableSubsetName",
    "spec.strategy.canary.trafficRouting.istio.virtualService",
    "spec.strategy.canary.trafficRouting.gatewayAPI",
    "spec.strategy.canary.maxSurge",
    "spec.strategy.canary.maxUnavailable",
    "spec.strategy.canary.analysis",
    "spec.strategy.canary.canaryMetadata",
    "spec.strategy.canary.stableMetadata",
    "spec.strategy.canary.scaleDownDelaySeconds",
    "spec.strategy.canary.abortScaleDownDelaySeconds",
];

#[test]
fn every_field_of_the_definition_is_carried_out_or_refused() {
    let text = include_str!("../../charts/leadline/crds/rollouts.argoproj.io.yaml");
    let definition: Value = serde_saphyr::from_str(text).expect("is YAML");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut refused = Vec::new();
    walk("spec", schema, &mut refused);
    assert_eq!(refused.len(), 18, "{refused:#?}");
}

/// Every field below `path` that is not carried out is refused, as a whole where nothing in it is.
fn walk(path: &str, schema: &Value, refused: &mut Vec<String>) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if CARRIED_OUT.iter().any(|known| path == *known || path == format!("{known}s")) {
            continue;
        }
        if CARRIED_OUT.iter().any(|known| known.starts_with(&format!("{path}."))) {
            walk(&path, schema.get("items").unwrap_or(schema), refused);
            continue;
        }
        // Of plugins one is carried out: another is refused by its name.
        let written = path.replace(".steps.", ".steps[0].").replace(".plugins", ".plugins.some");
        let expected = format!("{written}: Forbidden: not supported by this version");
        assert_eq!(said(&mut with(&path, sample(schema))), expected, "{path}");
        refused.push(path);
    }
}

/// A valid Rollout with one more field.
fn with(path: &str, value: Value) -> Toy {
    let rule = json!({"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"});
    let istio = json!({ "virtualService": {"name": "web"}, "destinationRule": rule });
    let mut toy = Toy::new(json!({ "trafficRouting": { "istio": istio } }), 2).with_istio_subsets();
    let patch = path.rsplit('.').fold(value, |value, name| {
        let value = if name == "steps" { json!([value]) } else { value };
        Value::Object(Map::from_iter([(name.to_owned(), value)]))
    });
    if path.contains(".blueGreen.") {
        toy = Toy::blue_green(json!({}), 2);
    }
    toy.patch(patch);
    toy
}

/// Some value of the type.
fn sample(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("boolean") => true.into(),
        Some("integer" | "number") => 1.into(),
        Some("array") => json!([sample(&schema["items"])]),
        Some("object") if schema.get("additionalProperties").is_some() => {
            json!({"some": sample(&schema["additionalProperties"])})
        }
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(name, schema)| (name.clone(), sample(schema))).collect::<Map<_, _>>().into()
        }
        Some("string") if schema["format"] == "date-time" => "2030-01-01T00:00:00Z".into(),
        Some("string") => "some".into(),
        _ => 1.into(),
    }
}
