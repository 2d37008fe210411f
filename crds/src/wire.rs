//! How a Rust struct becomes an object on the wire: the `wire!` macro, and decoding that names the wrong field.
//!
//! Every struct of the wire is written inside `wire!`, so that all of them follow one rule: camelCase names, every field
//! may be missing, and what is absent is not written. A plain number or string is always written (a client requires it);
//! `Option`, lists and maps are left out when empty, and so is a `bool` that is false.
//! The order of fields in a struct is the order on the wire; some hashes depend on it.

use std::{borrow::Cow, collections::BTreeMap};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A field that has the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct FieldError {
    /// Where it is, as `spec.strategy.canary.steps[0].setWeight`; empty when the object itself is wrong.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Whether a value is left out when its struct is written.
pub(crate) trait Absent {
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Absent for BTreeMap<K, V> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for bool {
    fn is_absent(&self) -> bool {
        !*self
    }
}

macro_rules! always_written {
    ($($name:ty),*) => {$(
        impl Absent for $name {
            fn is_absent(&self) -> bool {
                false
            }
        }
    )*};
}

always_written!(String, i32, i64);

/// Declares structs of the wire; see the top of this file for what that means.
macro_rules! wire {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)*
        }
    )*) => {$(
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        $(#[$meta])*
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(skip_serializing_if = "crate::wire::Absent::is_absent")]
                pub $field: $type,
            )*
        }

        impl crate::wire::Absent for $name {
            fn is_absent(&self) -> bool {
                false
            }
        }
    )*};
}

/// Gives top-level objects their `from_value`.
macro_rules! object {
    ($($name:ident),*) => {$(
        impl $name {
            /// Reads the object; the error names the first field of a wrong type.
            pub fn from_value(value: &serde_json::Value) -> Result<Self, crate::FieldError> {
                crate::wire::decode(value)
            }
        }
    )*};
}

pub(crate) use {object, wire};

/// Fields whose content is not ours to read, so that a null inside means something to somebody else.
const OPAQUE: [&str; 8] =
    ["config", "job", "jsonBody", "plugin", "plugins", "template", "valuesObject", "managedFields"];

/// Reads a struct from JSON. A null counts as absent, as it does for clients written in Go.
pub(crate) fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, FieldError> {
    let cleaned = if has_null(value) { Cow::Owned(without_nulls(value)) } else { Cow::Borrowed(value) };
    serde_path_to_error::deserialize(cleaned.as_ref()).map_err(|error| {
        let path = error.path().to_string();
        FieldError { path: if path == "." { String::new() } else { path }, problem: error.into_inner().to_string() }
    })
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.iter().any(|(key, field)| !is_opaque(key, field) && has_null(field)),
        _ => false,
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(key, field)| {
                let kept = if is_opaque(key, field) { field.clone() } else { without_nulls(field) };
                (key.clone(), kept)
            })
            .collect(),
        other => other.clone(),
    }
}

fn is_opaque(key: &str, field: &Value) -> bool {
    !field.is_null() && OPAQUE.contains(&key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::FieldError;
    use crate::Rollout;

    #[test]
    fn the_wrong_field_is_named() {
        let of_strategy = |canary| json!({"spec": {"strategy": {"canary": canary}}});
        let cases = [
            (json!({"spec": {"replicas": "3"}}), "spec.replicas", "invalid type: string \"3\", expected i32"),
            (
                json!({"metadata": {"labels": {"a": 1}}}),
                "metadata.labels.a",
                "invalid type: integer `1`, expected a string",
            ),
            (
                of_strategy(json!({"steps": [{"setWeight": 10}, {"setWeight": 1.5}]})),
                "spec.strategy.canary.steps[1].setWeight",
                "invalid type: floating point `1.5`, expected i32",
            ),
            (
                of_strategy(json!({"maxSurge": true})),
                "spec.strategy.canary.maxSurge",
                "invalid type: boolean `true`, expected a 32-bit number or a string",
            ),
            (json!({"spec": {"restartAt": "soon"}}), "spec.restartAt", "\"soon\" is not a time as in RFC 3339"),
            (json!("x"), "", "invalid type: string \"x\", expected struct Rollout"),
        ];
        for (object, path, problem) in cases {
            let expected = FieldError { path: path.to_owned(), problem: problem.to_owned() };
            assert_eq!(Rollout::from_value(&object), Err(expected), "{object}");
        }
    }

    #[test]
    fn null_is_absent_but_not_in_what_others_read() {
        let rollout = Rollout::from_value(&json!({
            "metadata": {"creationTimestamp": null, "labels": null},
            "spec": {
                "replicas": null,
                "template": {"metadata": {"creationTimestamp": null}},
                "strategy": {"canary": {"steps": null, "trafficRouting": {"plugins": {"x": {"y": null}}}}},
            },
            "status": null,
        }))
        .expect("reads");
        assert_eq!(rollout.spec.replicas, None);
        let template = rollout.spec.template.expect("has a template");
        assert_eq!(template.value(), json!({"metadata": {"creationTimestamp": null}}));
        let canary = rollout.spec.strategy.canary.expect("is a canary");
        let plugins = canary.traffic_routing.expect("has routers").plugins;
        assert_eq!(plugins["x"].value(), json!({"y": null}));
    }
}
