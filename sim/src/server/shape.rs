//! How parts of an object are told apart when several writers own or patch parts of it.
//!
//! Custom kinds say so in their schema; built-in kinds in the table below, which strategic merge patch and server-side
//! apply share. A shape walks down beside the value it describes.

use crate::server::{
    kinds::Kind,
    schema::{ListRule, Schema},
};
use serde_json::Value;

/// What is known about the place of a value inside its object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape<'a> {
    /// A part of a custom object; `None` where its schema says nothing.
    Custom { schema: Option<&'a Schema>, is_root: bool },
    /// A part of a built-in object: the field it is in, and the field around that.
    BuiltIn { holder: &'a str, field: &'a str },
}

impl<'a> Shape<'a> {
    /// The shape of a whole object.
    pub(crate) fn of(kind: &'a Kind) -> Shape<'a> {
        if kind.custom {
            Shape::Custom { schema: kind.schema.as_deref(), is_root: true }
        } else {
            Shape::BuiltIn { holder: "", field: "" }
        }
    }

    /// The shape of a field.
    pub(crate) fn child(self, key: &'a str) -> Shape<'a> {
        match self {
            Shape::Custom { is_root: true, .. } if key == "metadata" => Shape::BuiltIn { holder: "", field: key },
            Shape::Custom { schema, .. } => {
                Shape::Custom { schema: schema.and_then(|schema| schema.child(key)), is_root: false }
            }
            Shape::BuiltIn { field, .. } => Shape::BuiltIn { holder: field, field: key },
        }
    }

    /// The shape of an element of a list.
    pub(crate) fn element(self) -> Shape<'a> {
        match self {
            Shape::Custom { schema, .. } => Shape::Custom { schema: schema.and_then(Schema::element), is_root: false },
            Shape::BuiltIn { .. } => self,
        }
    }

    /// How the elements of this list are told apart.
    pub(crate) fn list_rule(self) -> ListRule {
        match self {
            Shape::Custom { schema, .. } => schema.map(|schema| schema.list_rule().clone()).unwrap_or_default(),
            Shape::BuiltIn { holder, field } => built_in_rule(holder, field),
        }
    }

    /// Is this map owned as one value?
    pub(crate) fn is_atomic_map(self) -> bool {
        match self {
            Shape::Custom { schema, .. } => schema.is_some_and(Schema::is_atomic_map),
            Shape::BuiltIn { holder, field } => ATOMIC_MAPS.contains(&field) && holder != "matchLabels",
        }
    }

    /// Is this a declared field of its kind, and not a key of a map?
    pub(crate) fn declares(self, key: &str) -> bool {
        match self {
            Shape::Custom { is_root: true, .. } => true,
            Shape::Custom { schema, .. } => schema.is_some_and(|schema| schema.declares(key)),
            Shape::BuiltIn { field, .. } => !FREE_MAPS.contains(&field),
        }
    }
}

/// The fields that name an element of a list, when it has all of them.
pub(crate) fn name_of(element: &Value, keys: &[String]) -> Option<Value> {
    let mut name = serde_json::Map::new();
    for key in keys {
        match element.get(key) {
            Some(value) => name.insert(key.clone(), value.clone()),
            // The one key with a default that writers leave out.
            None if key == "protocol" => name.insert(key.clone(), "TCP".into()),
            None => return None,
        };
    }
    Some(Value::Object(name))
}

const FREE_MAPS: &[&str] = &[
    "annotations",
    "allocatable",
    "binaryData",
    "capacity",
    "data",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "requests",
    "stringData",
];

const ATOMIC_MAPS: &[&str] = &[
    "configMapKeyRef",
    "fieldRef",
    "involvedObject",
    "labelSelector",
    "namespaceSelector",
    "nodeSelector",
    "podSelector",
    "resourceFieldRef",
    "roleRef",
    "secretKeyRef",
    "selector",
    "targetRef",
];

fn built_in_rule(holder: &str, field: &str) -> ListRule {
    let keys: &[&str] = match field {
        "finalizers" => return ListRule::Set,
        "ports" if matches!(holder, "containers" | "initContainers" | "ephemeralContainers") => {
            &["containerPort", "protocol"]
        }
        "ports" if holder == "spec" => &["port", "protocol"],
        "ownerReferences" => &["uid"],
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "resourceClaims"
        | "schedulingGates" => &["name"],
        "secrets" if holder.is_empty() => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "hostAliases" | "podIPs" | "hostIPs" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "conditions" => &["type"],
        "addresses" if holder == "status" => &["type"],
        _ => return ListRule::Atomic,
    };
    ListRule::Map(keys.iter().map(|&key| key.to_owned()).collect())
}
