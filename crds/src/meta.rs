//! The part of an object's metadata that decisions read. `managedFields` is left out: it is most of the bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FieldError, Time, keys, wire};

/// Name, identity, version, labels and owners of an object. A text that is absent is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// Name, unique per kind and namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Prefix from which the API server makes a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// Namespace; empty for a cluster-scoped object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Identity: a new object under an old name has a new one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Version of the whole object; opaque.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// Counts changes of the spec.
    #[serde(skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// When the API server created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Time>,
    /// Present once somebody asked to delete it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Time>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Owners; the garbage collector deletes this object with the last of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// Who must act before a deleted object goes away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

impl ObjectMeta {
    /// Reads the `metadata` of a whole object, also when the rest of it cannot be read.
    pub fn of_object(object: &serde_json::Value) -> Result<Self, FieldError> {
        let metadata = object.get("metadata").unwrap_or(&serde_json::Value::Null);
        if metadata.is_null() {
            return Ok(Self::default());
        }
        wire::decode(metadata)
            .map_err(|error| FieldError { path: format!("metadata.{}", error.path), problem: error.problem })
    }

    /// The label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// The annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// The number of the revision that this object is, or belongs to; 0 before it has one.
    pub fn revision(&self) -> u64 {
        self.annotation(keys::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The owner that controls this object: at most one does.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }

    /// Whether the object with this uid controls it.
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.uid == uid)
    }

    /// Whether somebody asked to delete it.
    pub fn is_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

impl wire::Absent for ObjectMeta {
    fn is_absent(&self) -> bool {
        false
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Who an object belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// Group and version of the owner.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner, in the same namespace.
    pub name: String,
    /// Identity of the owner.
    pub uid: String,
    /// True for the one owner that controls the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// True when a foreground deletion of the owner waits for the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}
