//! Reading and writing the parts that every Kubernetes object has, on raw JSON.
//!
//! Objects stay `serde_json::Value` so that no field is ever lost. These functions never fail: what is absent or of
//! another type reads as empty.

use serde_json::{Map, Value};

/// The value under a path of fields.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |inner, key| inner.get(key))
}

/// The text under a path of fields, or "".
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The integer under a path of fields.
pub(crate) fn int(value: &Value, path: &[&str]) -> Option<i64> {
    at(value, path).and_then(Value::as_i64)
}

/// The elements of a list under a path of fields.
pub(crate) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Puts a value under a path of fields; what is in the way and no object is replaced.
pub(crate) fn put(value: &mut Value, path: &[&str], new: Value) {
    if let Some(place) = place(value, path) {
        *place = new;
    }
}

/// Puts a value under a path of fields where there is none or null.
pub(crate) fn put_default(value: &mut Value, path: &[&str], new: Value) {
    if let Some(place) = place(value, path)
        && place.is_null()
    {
        *place = new;
    }
}

/// Removes a field and returns what it held.
pub(crate) fn take(value: &mut Value, path: &[&str]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(value, |inner, key| inner.get_mut(*key))?;
    parent.as_object_mut()?.remove(*last)
}

/// The object's fields, which are made where the value is none.
pub(crate) fn fields(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

fn place<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    let mut inner = value;
    for key in path {
        inner = fields(inner)?.entry((*key).to_owned()).or_insert(Value::Null);
    }
    Some(inner)
}

/// `metadata.name`.
pub(crate) fn name(object: &Value) -> &str {
    text(object, &["metadata", "name"])
}

/// `metadata.namespace`.
pub(crate) fn namespace(object: &Value) -> &str {
    text(object, &["metadata", "namespace"])
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Value) -> &str {
    text(object, &["metadata", "uid"])
}

/// `metadata.resourceVersion` as it is written.
pub(crate) fn version(object: &Value) -> &str {
    text(object, &["metadata", "resourceVersion"])
}

/// Is the object on its way out?
pub(crate) fn is_deleting(object: &Value) -> bool {
    at(object, &["metadata", "deletionTimestamp"]).is_some_and(|stamp| !stamp.is_null())
}

/// `metadata.finalizers`.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    list(object, &["metadata", "finalizers"]).iter().filter_map(Value::as_str).collect()
}

/// Does the object carry this finalizer?
pub(crate) fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    finalizers(object).contains(&finalizer)
}

/// `metadata.ownerReferences`.
pub(crate) fn owners(object: &Value) -> &[Value] {
    list(object, &["metadata", "ownerReferences"])
}

/// The same object without the fields that say when and by whom, to see whether a write changes anything.
pub(crate) fn same_content(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return one == other };
    let meta_same = match (one.get("metadata"), other.get("metadata")) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            same_but(left, right, &["managedFields", "resourceVersion"])
        }
        (left, right) => left == right,
    };
    meta_same && same_but(one, other, &["metadata"])
}

/// Are two maps equal but for these keys?
pub(crate) fn same_but(one: &Map<String, Value>, other: &Map<String, Value>, but: &[&str]) -> bool {
    let left = one.iter().filter(|(key, _)| !but.contains(&key.as_str()));
    let right = other.iter().filter(|(key, _)| !but.contains(&key.as_str()));
    left.eq(right)
}
