//! Fields by the definitions that the chart installs: which there are, of which type, and which must be there. The API server
//! keeps fields that a definition does not name, so a misspelt one is noticed by nobody else.

use crds::{FieldError, Kind, kind};
use rollouts::template;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::OnceLock};

const DEFINITIONS: [(Kind, &str); 5] = [
    (kind::ROLLOUT, include_str!("../../../charts/leadline/crds/rollouts.argoproj.io.yaml")),
    (kind::EXPERIMENT, include_str!("../../../charts/leadline/crds/experiments.argoproj.io.yaml")),
    (kind::ANALYSIS_RUN, include_str!("../../../charts/leadline/crds/analysisruns.argoproj.io.yaml")),
    (kind::ANALYSIS_TEMPLATE, include_str!("../../../charts/leadline/crds/analysistemplates.argoproj.io.yaml")),
    (
        kind::CLUSTER_ANALYSIS_TEMPLATE,
        include_str!("../../../charts/leadline/crds/clusteranalysistemplates.argoproj.io.yaml"),
    ),
];
const UNKNOWN: &str = "unknown field";

/// Which of our kinds an object is, if any.
pub(super) fn kind_of(object: &Value) -> Option<Kind> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let is_it = |(kind, _): &&(Kind, &str)| kind.kind == text("kind") && kind.api_version() == text("apiVersion");
    DEFINITIONS.iter().find(is_it).map(|(kind, _)| *kind)
}

/// Whether a mistake is a field that does not exist.
pub(super) fn is_unknown(mistake: &FieldError) -> bool {
    mistake.problem == UNKNOWN
}

/// Every field that does not exist, has the wrong type, or is missing.
pub(super) fn check(kind: Kind, object: &Value) -> Vec<FieldError> {
    let mut found = Vec::new();
    if let Some(schema) = schemas().get(&kind) {
        collect(schema, object, "", &mut found);
    }
    for (path, template) in templates(object) {
        let unknown = template::unknown_fields(template, &path).into_iter();
        found.extend(unknown.map(|path| FieldError { path, problem: UNKNOWN.into() }));
    }
    found
}

fn schemas() -> &'static BTreeMap<Kind, Value> {
    static SCHEMAS: OnceLock<BTreeMap<Kind, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let read = |(kind, text): &(Kind, &str)| {
            let definition: Value = serde_saphyr::from_str(text).ok()?;
            Some((*kind, definition.pointer("/spec/versions/0/schema/openAPIV3Schema")?.clone()))
        };
        DEFINITIONS.iter().filter_map(read).collect()
    })
}

/// The pod templates of an object: a definition leaves their content to the API server.
fn templates(object: &Value) -> Vec<(String, &Value)> {
    let own = object.pointer("/spec/template").map(|template| ("spec.template".to_owned(), template));
    let of_experiment = object.pointer("/spec/templates").and_then(Value::as_array).into_iter().flatten().enumerate();
    let of_experiment = of_experiment
        .filter_map(|(index, one)| Some((format!("spec.templates[{index}].template"), one.get("template")?)));
    own.into_iter().chain(of_experiment).collect()
}

fn collect(schema: &Value, value: &Value, path: &str, found: &mut Vec<FieldError>) {
    let mut say = |path: &str, problem: String| found.push(FieldError { path: path.to_owned(), problem });
    // A null counts as absent.
    if value.is_null() {
        return;
    }
    let wanted = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let fits = match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => schema.get("x-kubernetes-int-or-string").is_none() || value.is_string() || value.is_i64(),
    };
    if !fits {
        let wanted = if wanted.is_empty() { "integer or string" } else { wanted };
        return say(path, format!("Invalid value: {value}: must be of type {wanted}"));
    }
    match value {
        Value::Object(fields) => {
            let required =
                schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            for name in required.filter(|name| fields.get(*name).is_none_or(Value::is_null)) {
                say(&below(path, name), "Required value".into());
            }
            of_object(schema, fields, path, found);
        }
        Value::Array(items) => {
            for (item, index) in items.iter().zip(0_usize..) {
                if let Some(schema) = schema.get("items") {
                    collect(schema, item, &format!("{path}[{index}]"), found);
                }
            }
        }
        _ => {}
    }
}

fn of_object(schema: &Value, fields: &Map<String, Value>, path: &str, found: &mut Vec<FieldError>) {
    let known = schema.get("properties").and_then(Value::as_object);
    // Every API server knows more of an object's own metadata, and of that of a pod template, than a definition names.
    let is_complete = known.is_some() && !path.ends_with("template.metadata") && path != "metadata";
    for (name, value) in fields {
        let path = below(path, name);
        match known.and_then(|known| known.get(name)).or(schema.get("additionalProperties")) {
            Some(schema) => collect(schema, value, &path, found),
            None if is_complete => found.push(FieldError { path, problem: UNKNOWN.into() }),
            None => {}
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
