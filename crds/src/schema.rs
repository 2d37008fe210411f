//! Schemas as the API server wants them: structural, nothing nullable, and every field that we do not know is kept.
//!
//! The derived schema knows names, types and texts; this file adds what Kubernetes has words of its own for, and takes
//! out what it refuses. No default is written: what is absent stays absent, and the rules know what that means.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value, json};

use crate::{IntOrString, LabelSelector, ObjectMeta, Raw, Time, analysis::AnalysisPhase};

/// Says that fields which the schema does not name are kept.
const KEEP_UNKNOWN: &str = "x-kubernetes-preserve-unknown-fields";

/// Whether a client must give the fields that are always written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    /// In a spec, which people write.
    Enforced,
    /// In a status: a write of half of it must not be refused.
    Lenient,
}

/// The structural schema of a type.
pub(crate) fn of<T: JsonSchema>(required: Required) -> Value {
    let settings = SchemaSettings::default().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let root = settings.into_generator().into_root_schema_for::<T>();
    structural(root.to_value(), required).schema
}

/// A schema, and whether its value may be left out.
struct Node {
    schema: Value,
    is_optional: bool,
}

fn structural(schema: Value, required: Required) -> Node {
    let Value::Object(mut fields) = schema else { return Node { schema, is_optional: true } };
    for unwanted in ["title", "default", "$schema", "required"] {
        fields.remove(unwanted);
    }
    let mut is_optional = take_null(&mut fields);
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(key) {
            *inner = structural(inner.take(), required).schema;
        }
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        let needed = structural_properties(properties, required);
        if !needed.is_empty() && required == Required::Enforced {
            fields.insert("required".to_owned(), needed.into());
        }
    }
    // A map names none of its fields; a label selector is Kubernetes' own type and complete.
    let is_whole = fields.contains_key("additionalProperties") || fields.contains_key("x-kubernetes-map-type");
    if fields.get("type") == Some(&Value::from("object")) && !is_whole {
        fields.insert(KEEP_UNKNOWN.to_owned(), true.into());
    }
    let is_scalar = matches!(fields.get("type").and_then(Value::as_str), Some("string" | "integer"));
    is_optional |= !is_scalar;
    Node { schema: Value::Object(fields), is_optional }
}

/// Turns each property into a structural one, and lists those that must be there.
fn structural_properties(properties: &mut Map<String, Value>, required: Required) -> Vec<String> {
    let mut needed = Vec::new();
    for (name, property) in properties.iter_mut() {
        let node = structural(property.take(), required);
        if !node.is_optional {
            needed.push(name.clone());
        }
        *property = node.schema;
    }
    needed
}

/// Takes out that a value may be null, which is how an optional field looks when it was derived.
fn take_null(fields: &mut Map<String, Value>) -> bool {
    if let Some(Value::Array(choices)) = fields.remove("anyOf") {
        for choice in choices {
            if let Value::Object(choice) = choice
                && choice.get("type") != Some(&Value::from("null"))
            {
                for (key, value) in choice {
                    fields.entry(key).or_insert(value);
                }
            }
        }
        return true;
    }
    let Some(Value::Array(types)) = fields.get("type") else { return false };
    let one = types.iter().find(|name| *name != "null").cloned();
    if let Some(one) = one {
        fields.insert("type".to_owned(), one);
    }
    true
}

/// An object of any content; also one that is described elsewhere, since a definition has a largest size.
pub(crate) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["object", "null"], KEEP_UNKNOWN: true})
}

/// A list of them.
pub(crate) fn any_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "object", KEEP_UNKNOWN: true}})
}

/// A pod template: labels and annotations are typed, so that `kubectl explain` shows them; the rest is kept as it is,
/// because the pods' own schema is the API server's, of whatever version.
pub(crate) fn pod_template(_: &mut SchemaGenerator) -> Schema {
    let texts = |description: &str| json!({"type": "object", "description": description, "additionalProperties": {"type": "string"}});
    json_schema!({
        "type": ["object", "null"],
        "properties": {
            "metadata": {
                "type": "object",
                "description": "Labels and annotations of the pods.",
                "properties": {"labels": texts("Labels."), "annotations": texts("Annotations.")},
            },
            "spec": {
                "type": "object",
                "description": "What a pod runs, as in the spec of a Pod.",
                KEEP_UNKNOWN: true,
            },
        },
    })
}

/// A selector that cannot be changed: the pods of another selector would be nobody's.
pub(crate) fn immutable_selector(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<Option<LabelSelector>>();
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        json!([{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]),
    );
    schema
}

macro_rules! schema_of {
    ($($name:ident => $schema:tt,)*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

schema_of! {
    Raw => {KEEP_UNKNOWN: true},
    Time => {"type": "string", "format": "date-time"},
    IntOrString => {"x-kubernetes-int-or-string": true},
    ObjectMeta => {"type": "object"},
    AnalysisPhase => {"type": "string"},
}
