//! Every field of the definition is carried out, or refused under its own path: none is taken in silence.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Map, Value, json};
use toy::Toy;

/// What the condition says.
fn said(toy: &mut Toy) -> String {
    toy.settle();
    toy.condition("InvalidSpec").2
}

/// Fields that are carried out, or that hold some that are.
const CARRIED_OUT: &[&str] = &[
    "spec.replicas",
    "spec.selector",
    "spec.workloadRef",
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
    "spec.strategy.blueGreen.antiAffinity",
    "spec.strategy.blueGreen.drainSeconds",
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
    "spec.strategy.canary.steps.setHeaderRoute",
    "spec.strategy.canary.steps.setMirrorRoute",
    "spec.strategy.canary.trafficRouting.managedRoutes",
    "spec.strategy.canary.minPodsPerReplicaSet",
    "spec.strategy.canary.dynamicStableScale",
    "spec.strategy.canary.scaleDownDelayRevisionLimit",
    "spec.strategy.canary.replicaProgressThreshold",
    "spec.strategy.canary.trafficRouting.istio.destinationRule.name",
    "spec.strategy.canary.trafficRouting.istio.destinationRule.canarySubsetName",
    "spec.strategy.canary.trafficRouting.istio.destinationRule.stableSubsetName",
    "spec.strategy.canary.trafficRouting.istio.virtualService",
    "spec.strategy.canary.trafficRouting.gatewayAPI",
    "spec.strategy.canary.trafficRouting.nginx",
    "spec.strategy.canary.trafficRouting.alb",
    "spec.strategy.canary.trafficRouting.maxTrafficWeight",
    "spec.strategy.canary.trafficRouting.smi",
    "spec.strategy.canary.trafficRouting.traefik",
    "spec.strategy.canary.trafficRouting.apisix",
    "spec.strategy.canary.trafficRouting.appMesh",
    "spec.strategy.canary.trafficRouting.ambassador",
    "spec.strategy.canary.maxSurge",
    "spec.strategy.canary.maxUnavailable",
    "spec.strategy.canary.analysis",
    "spec.strategy.canary.antiAffinity",
    "spec.strategy.canary.pingPong",
    "spec.strategy.canary.drainSeconds",
    "spec.strategy.canary.trafficRouting.istio.destinationRule.additionalSubsetNames",
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
    assert_eq!(refused.len(), 2, "{refused:#?}");
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
        let said = said(&mut with(&path, sample(schema)));
        assert!(said.ends_with(&expected), "{path}: {said}");
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
