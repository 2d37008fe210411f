//! Which object is meant, whatever its version: how desired, live and recorded objects are paired.
//!
//! Reads names out of JSON; it decides nothing and never guesses a missing name.

use plan::ObjectRef;
use serde_json::Value;
use std::fmt;

/// Group, kind, namespace and name. Two versions of a kind are one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of a reference.
    pub fn of(reference: &ObjectRef) -> Self {
        Self {
            group: reference.group.clone(),
            kind: reference.kind.clone(),
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(out, "{} {namespace}/{}", self.kind, self.name),
            None => write!(out, "{} {}", self.kind, self.name),
        }
    }
}

/// The reference of an object in JSON; absent when `apiVersion`, `kind` or the name is.
pub fn reference(object: &Value) -> Option<ObjectRef> {
    let api_version = object.get("apiVersion")?.as_str()?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = object.get("kind")?.as_str()?;
    let metadata = object.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let namespace = metadata.get("namespace").and_then(Value::as_str).filter(|text| !text.is_empty());
    Some(ObjectRef::new(group, version, kind, namespace, name))
}

/// A text below an object, by the names on the way.
pub fn text<'a>(object: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(object, path)?.as_str()
}

/// A value below an object, by the names on the way.
pub fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, name| value.get(name))
}

/// An annotation of an object.
pub fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    text(object, &["metadata", "annotations", name])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_read_or_absent() {
        for (object, expected) in [
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}),
                Some("Deployment shop/web"),
            ),
            (
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "namespace": ""}}),
                Some("Namespace shop"),
            ),
            (json!({"apiVersion": "v1", "kind": "Service"}), None),
            (json!({"kind": "Service", "metadata": {"name": "web"}}), None),
        ] {
            assert_eq!(reference(&object).map(|found| found.to_string()).as_deref(), expected);
        }
    }
}
