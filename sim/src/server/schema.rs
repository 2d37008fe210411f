//! Structural schemas: what a CRD says about its objects, parsed once, and the two things done to every write:
//! pruning of unknown fields and filling in of defaults.
//!
//! Validation is in `schema/validate.rs`. Objects themselves stay raw JSON.

mod validate;

use crate::server::object;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How the elements of a list are told apart when several writers own parts of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListRule {
    /// The list is one value.
    #[default]
    Atomic,
    /// The elements are scalars and none comes twice.
    Set,
    /// The elements are objects and these fields name them.
    Map(Vec<String>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Type {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// A rule in CEL with the text that is shown when it does not hold.
#[derive(Clone, Debug)]
struct Rule {
    rule: String,
    message: String,
}

/// One node of a structural schema.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    kind: Type,
    int_or_string: bool,
    nullable: bool,
    preserve: bool,
    embedded: bool,
    properties: BTreeMap<String, Schema>,
    additional: Option<Box<Schema>>,
    items: Option<Box<Schema>>,
    required: Vec<String>,
    default: Option<Value>,
    allowed: Vec<Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    is_minimum_exclusive: bool,
    is_maximum_exclusive: bool,
    pattern: Option<(String, Regex)>,
    format: String,
    least_length: Option<usize>,
    most_length: Option<usize>,
    least_items: Option<usize>,
    most_items: Option<usize>,
    least_properties: Option<usize>,
    most_properties: Option<usize>,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Box<Schema>>,
    rules: Vec<Rule>,
    list_rule: ListRule,
    is_atomic_map: bool,
}

impl Schema {
    /// Reads an `openAPIV3Schema`. What cannot be read is left out, as if it were not there.
    pub fn parse(raw: &Value) -> Schema {
        let flag = |key: &str| raw.get(key).and_then(Value::as_bool).unwrap_or_default();
        let size = |key: &str| raw.get(key).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let many = |key: &str| object::list(raw, &[key]).iter().map(Schema::parse).collect();
        let boxed =
            |key: &str| raw.get(key).filter(|inner| inner.is_object()).map(|inner| Box::new(Schema::parse(inner)));
        let properties = raw.get("properties").and_then(Value::as_object).into_iter().flatten();
        let additional = match raw.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(Box::new(Schema { preserve: true, ..Schema::default() })),
            _ => boxed("additionalProperties"),
        };
        Schema {
            kind: type_of(object::text(raw, &["type"])),
            int_or_string: flag("x-kubernetes-int-or-string"),
            nullable: flag("nullable"),
            preserve: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            properties: properties.map(|(key, inner)| (key.clone(), Schema::parse(inner))).collect(),
            additional,
            items: boxed("items"),
            required: strings(raw, "required"),
            default: raw.get("default").cloned(),
            allowed: object::list(raw, &["enum"]).to_vec(),
            minimum: raw.get("minimum").and_then(Value::as_f64),
            maximum: raw.get("maximum").and_then(Value::as_f64),
            is_minimum_exclusive: flag("exclusiveMinimum"),
            is_maximum_exclusive: flag("exclusiveMaximum"),
            pattern: raw.get("pattern").and_then(Value::as_str).and_then(compile),
            format: object::text(raw, &["format"]).to_owned(),
            least_length: size("minLength"),
            most_length: size("maxLength"),
            least_items: size("minItems"),
            most_items: size("maxItems"),
            least_properties: size("minProperties"),
            most_properties: size("maxProperties"),
            all_of: many("allOf"),
            any_of: many("anyOf"),
            one_of: many("oneOf"),
            not: boxed("not"),
            rules: object::list(raw, &["x-kubernetes-validations"]).iter().map(parse_rule).collect(),
            list_rule: parse_list_rule(raw),
            is_atomic_map: object::text(raw, &["x-kubernetes-map-type"]) == "atomic",
        }
    }

    /// Removes the fields of a whole object that the schema does not know, and returns their paths.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut gone = Vec::new();
        self.prune_at(object, "", true, &mut gone);
        gone
    }

    /// Fills in defaults, and drops nulls where a default or nothing is to stand.
    pub fn fill_in(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|key, value| {
                    let schema = self.child(key);
                    !value.is_null() || schema.is_none_or(|inner| inner.nullable || inner.accepts_null())
                });
                for (key, inner) in &self.properties {
                    if let Some(default) = &inner.default
                        && fields.get(key).is_none_or(|found| found.is_null() && !inner.nullable)
                    {
                        fields.insert(key.clone(), default.clone());
                    }
                }
                for (key, value) in fields.iter_mut() {
                    if let Some(inner) = self.child(key) {
                        inner.fill_in(value);
                    }
                }
            }
            Value::Array(elements) => {
                if let Some(inner) = &self.items {
                    elements.iter_mut().for_each(|element| inner.fill_in(element));
                }
            }
            _ => {}
        }
    }

    /// Are there rules in CEL anywhere in it?
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
            || self.properties.values().any(Schema::has_rules)
            || self.items.as_deref().is_some_and(Schema::has_rules)
            || self.additional.as_deref().is_some_and(Schema::has_rules)
    }

    fn accepts_null(&self) -> bool {
        self.kind == Type::Any && !self.int_or_string
    }

    /// The schema of a field, or of any key of a map.
    pub(crate) fn child(&self, key: &str) -> Option<&Schema> {
        self.properties.get(key).or(self.additional.as_deref())
    }

    /// Is this a declared field, and not a key of a map?
    pub(crate) fn declares(&self, key: &str) -> bool {
        self.properties.contains_key(key)
    }

    /// The schema of the elements of a list.
    pub(crate) fn element(&self) -> Option<&Schema> {
        self.items.as_deref()
    }

    /// How the elements of this list are told apart.
    pub(crate) fn list_rule(&self) -> &ListRule {
        &self.list_rule
    }

    /// Is this map owned as one value?
    pub(crate) fn is_atomic_map(&self) -> bool {
        self.is_atomic_map
    }

    fn prune_at(&self, value: &mut Value, path: &str, is_root: bool, gone: &mut Vec<String>) {
        match value {
            Value::Object(fields) => self.prune_fields(fields, path, is_root, gone),
            Value::Array(elements) => {
                let Some(inner) = &self.items else { return };
                for (index, element) in elements.iter_mut().enumerate() {
                    inner.prune_at(element, &format!("{path}[{index}]"), false, gone);
                }
            }
            _ => {}
        }
    }

    fn prune_fields(&self, fields: &mut Map<String, Value>, path: &str, is_root: bool, gone: &mut Vec<String>) {
        let is_whole = is_root || self.embedded;
        let own = |key: &str| is_whole && matches!(key, "apiVersion" | "kind" | "metadata");
        if !self.preserve {
            fields.retain(|key, _| {
                let keep = own(key) || self.child(key).is_some();
                if !keep {
                    gone.push(join(path, key));
                }
                keep
            });
        }
        for (key, value) in fields.iter_mut() {
            // The metadata of the object itself is not the schema's to prune.
            if own(key) && (is_root || key != "metadata") {
                continue;
            }
            if let Some(inner) = self.child(key) {
                inner.prune_at(value, &join(path, key), false, gone);
            }
        }
    }
}

/// The path of a field below another.
fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn type_of(text: &str) -> Type {
    match text {
        "object" => Type::Object,
        "array" => Type::Array,
        "string" => Type::String,
        "integer" => Type::Integer,
        "number" => Type::Number,
        "boolean" => Type::Boolean,
        _ => Type::Any,
    }
}

fn strings(raw: &Value, key: &str) -> Vec<String> {
    object::list(raw, &[key]).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn compile(pattern: &str) -> Option<(String, Regex)> {
    Regex::new(pattern).ok().map(|regex| (pattern.to_owned(), regex))
}

fn parse_rule(raw: &Value) -> Rule {
    let rule = object::text(raw, &["rule"]).trim().to_owned();
    let message = match object::text(raw, &["message"]) {
        "" => format!("failed rule: {rule}"),
        message => message.to_owned(),
    };
    Rule { rule, message }
}

fn parse_list_rule(raw: &Value) -> ListRule {
    match object::text(raw, &["x-kubernetes-list-type"]) {
        "map" => ListRule::Map(strings(raw, "x-kubernetes-list-map-keys")),
        "set" => ListRule::Set,
        _ => ListRule::Atomic,
    }
}

#[cfg(test)]
mod tests {
    use super::Schema;
    use serde_json::json;

    fn schema() -> Schema {
        Schema::parse(&json!({
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "properties": {
                        "replicas": { "type": "integer", "default": 1 },
                        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                        "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                        "rows": { "type": "array", "items": { "type": "object", "properties": {
                            "name": { "type": "string" }, "size": { "type": "integer", "default": 3 } } } },
                    },
                },
            },
        }))
    }

    #[test]
    fn prunes_what_is_unknown() {
        let mut object = json!({
            "apiVersion": "x/v1", "kind": "X", "metadata": { "name": "a" }, "extra": 1,
            "spec": { "unknown": 1, "free": { "anything": [1] }, "labels": { "a": "b" }, "rows": [{ "name": "n", "no": 1 }] },
        });
        let mut gone = schema().prune(&mut object);
        gone.sort();
        assert_eq!(gone, ["extra", "spec.rows[0].no", "spec.unknown"]);
        assert_eq!(
            object["spec"],
            json!({ "free": { "anything": [1] }, "labels": { "a": "b" }, "rows": [{ "name": "n" }] })
        );
    }

    #[test]
    fn fills_in_defaults() {
        let mut object = json!({ "spec": { "replicas": null, "rows": [{ "name": "n" }, { "size": 4 }] } });
        schema().fill_in(&mut object);
        assert_eq!(object, json!({ "spec": { "replicas": 1, "rows": [{ "name": "n", "size": 3 }, { "size": 4 }] } }));
    }
}
