//! The definitions are such that an API server takes them, the chart holds exactly these, and objects of controllers in
//! the field are valid by them.
#![allow(clippy::expect_used, reason = "a test may say what must hold")]

use crds::{definition, kind};
use serde_json::Value;

/// The largest definition that `kubectl apply` can still remember in an annotation.
const LARGEST: usize = 256 * 1024;

const CHART: [(&str, &str); 7] = [
    ("rollouts.argoproj.io.yaml", include_str!("../../charts/leadline/crds/rollouts.argoproj.io.yaml")),
    (
        "analysistemplates.argoproj.io.yaml",
        include_str!("../../charts/leadline/crds/analysistemplates.argoproj.io.yaml"),
    ),
    (
        "clusteranalysistemplates.argoproj.io.yaml",
        include_str!("../../charts/leadline/crds/clusteranalysistemplates.argoproj.io.yaml"),
    ),
    ("analysisruns.argoproj.io.yaml", include_str!("../../charts/leadline/crds/analysisruns.argoproj.io.yaml")),
    ("experiments.argoproj.io.yaml", include_str!("../../charts/leadline/crds/experiments.argoproj.io.yaml")),
    ("applications.argoproj.io.yaml", include_str!("../../charts/leadline/crds/applications.argoproj.io.yaml")),
    ("appprojects.argoproj.io.yaml", include_str!("../../charts/leadline/crds/appprojects.argoproj.io.yaml")),
];

const SAMPLES: [&str; 4] = [
    include_str!("data/analysis-step-failed-aborted.yaml"),
    include_str!("data/bluegreen-pre-promotion-analysis.yaml"),
    include_str!("data/experiment-step-running.yaml"),
    include_str!("data/istio-subset-weight-25.yaml"),
];

fn schema(definition: &Value) -> &Value {
    definition.pointer("/spec/versions/0/schema/openAPIV3Schema").expect("has a schema")
}

#[test]
fn the_chart_holds_these_definitions() {
    let definitions = definition::all();
    assert_eq!(definitions.len(), CHART.len());
    assert_eq!(definitions.iter().map(|definition| definition.kind).collect::<Vec<_>>(), kind::OURS);
    for (definition, (file, text)) in definitions.iter().zip(CHART) {
        assert_eq!(definition.file_name(), file);
        assert!(text == definition::to_yaml(&definition.object), "{file}: run crdgen");
        assert!(text.len() < LARGEST, "{file} has {} bytes", text.len());
        let read: Value = serde_saphyr::from_str(text).expect("is YAML");
        assert_eq!(read, definition.object, "{file}");
        let has_status = definition.object.pointer("/spec/versions/0/subresources/status").is_some();
        assert_eq!(has_status, definition.kind.status_subresource, "{file}");
    }
}

#[test]
fn schemas_are_structural() {
    for definition in definition::all() {
        let mut problems = Vec::new();
        lint(definition.kind.kind, schema(&definition.object), &mut problems);
        assert_eq!(problems, Vec::<String>::new());
    }
}

/// Keywords of which each node of a structural schema may have some.
const ALLOWED: [&str; 11] = [
    "type",
    "format",
    "description",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

fn lint(path: &str, node: &Value, problems: &mut Vec<String>) {
    let fields = node.as_object().expect("a schema is an object");
    problems
        .extend(fields.keys().filter(|key| !ALLOWED.contains(&key.as_str())).map(|key| format!("{path}: has {key}")));
    let is = |key: &str| fields.get(key) == Some(&true.into());
    let keeps_unknown = is("x-kubernetes-preserve-unknown-fields");
    match fields.get("type").and_then(Value::as_str) {
        Some("object") => {
            let is_whole = fields.contains_key("additionalProperties") || fields.contains_key("x-kubernetes-map-type");
            // The object itself and its metadata are the API server's.
            let is_outer =
                path.matches('.').count() < 1 || path.ends_with(".metadata") && path.matches('.').count() == 1;
            if !(keeps_unknown || is_whole || is_outer) {
                problems.push(format!("{path}: drops unknown fields"));
            }
        }
        Some("array" | "string" | "integer" | "boolean") => {}
        None if keeps_unknown || is("x-kubernetes-int-or-string") => {}
        other => problems.push(format!("{path}: has type {other:?}")),
    }
    for (name, property) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property.get("description").is_none() && name != "metadata" {
            problems.push(format!("{path}: has no description"));
        }
        lint(&path, property, problems);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get(key) {
            lint(&format!("{path}[]"), inner, problems);
        }
    }
}

#[test]
fn objects_in_the_field_are_valid() {
    let mut counted = 0;
    for object in SAMPLES.iter().flat_map(|text| serde_saphyr::from_multiple::<Value>(text).expect("is YAML")) {
        let Some(definition) = definition::all().into_iter().find(|definition| object["kind"] == definition.kind.kind)
        else {
            continue;
        };
        let mut problems = Vec::new();
        validate(definition.kind.kind, schema(&definition.object), &object, &mut problems);
        assert_eq!(problems, Vec::<String>::new());
        counted += 1;
    }
    assert!(counted >= 8, "the samples hold objects of our kinds: {counted}");
}

/// As much of validation as our schemas use, but for formats and rules.
fn validate(path: &str, schema: &Value, value: &Value, problems: &mut Vec<String>) {
    let fits = match (schema.get("type").and_then(Value::as_str), value) {
        (None, _)
        | (Some("object"), Value::Object(_))
        | (Some("array"), Value::Array(_))
        | (Some("string"), Value::String(_))
        | (Some("boolean"), Value::Bool(_)) => true,
        (Some("integer"), Value::Number(number)) => number.is_i64(),
        _ => false,
    };
    if !fits {
        problems.push(format!("{path}: {value} is not {schema}"));
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if value.get(name.as_str().expect("is a name")).is_none() {
            problems.push(format!("{path}: {name} is missing"));
        }
    }
    let known = |name: &str| schema.get("properties").and_then(|properties| properties.get(name));
    for (name, field) in value.as_object().into_iter().flatten() {
        if let Some(inner) = known(name).or_else(|| schema.get("additionalProperties")) {
            validate(&format!("{path}.{name}"), inner, field, problems);
        }
    }
    if let Some(items) = schema.get("items") {
        for item in value.as_array().into_iter().flatten() {
            validate(&format!("{path}[]"), items, item, problems);
        }
    }
}
