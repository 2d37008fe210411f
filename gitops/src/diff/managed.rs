//! Fields that we brought before and that Git no longer has.
//!
//! Our entry in `managedFields` lists what our last apply set. An object that we have never applied may carry kubectl's
//! last-applied annotation (Argo CD writes it too), which says the same for a client-side apply. Once our own entry is
//! there the annotation is old news and is not read: somebody else may have set the same field since.

use super::{Change, Difference, FIELD_MANAGER, Path, Segment, compare::Reading, lists::Identity, path};
use serde_json::{Map, Value};

/// What an apply, or the patch before the first one, is to take away.
pub(super) fn removed(desired: &Value, live: &Value) -> Vec<Difference> {
    let (found, change) = match applied_fields(live) {
        Some(fields) => (by_fields(fields, desired, live), Change::Removed),
        None => match last_applied(live) {
            Some(before) => (by_last_applied(&before, desired, live), Change::RemovedFromLastApplied),
            None => return Vec::new(),
        },
    };
    found.into_iter().map(|path| Difference { path, change }).collect()
}

/// Whether others manage a live object and we have never applied it ourselves.
pub fn is_foreign(live: &Value) -> bool {
    let entries = live.get("metadata").and_then(|metadata| metadata.get("managedFields")).and_then(Value::as_array);
    entries.is_some_and(|entries| !entries.is_empty()) && applied_fields(live).is_none()
}

fn applied_fields(live: &Value) -> Option<&Map<String, Value>> {
    live.get("metadata")?.get("managedFields")?.as_array()?.iter().find_map(|entry| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("");
        let is_ours =
            text("manager") == FIELD_MANAGER && text("operation") == "Apply" && text("subresource").is_empty();
        entry.get("fieldsV1").filter(|_| is_ours)?.as_object()
    })
}

fn last_applied(live: &Value) -> Option<Value> {
    serde_json::from_str(crate::key::annotation(live, crds::keys::LAST_APPLIED)?).ok()
}

fn by_fields(fields: &Map<String, Value>, desired: &Value, live: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    walk_fields(fields, Some(desired), Some(live), &Path::default(), &mut found);
    found
}

/// The names in `fieldsV1`: `f:` a field, `k:` an element by its keys, `v:` a member of a set, `i:` a place, `.` the
/// container itself.
fn walk_fields(
    fields: &Map<String, Value>,
    desired: Option<&Value>,
    live: Option<&Value>,
    path: &Path,
    found: &mut Vec<Path>,
) {
    for (name, below) in fields {
        let Some(segment) = segment(name) else { continue };
        let step = path.then(segment);
        let Some(last) = step.0.last() else { continue };
        let one = Path(vec![last.clone()]);
        let Some(live) = live.and_then(|live| one.find(live)) else { continue };
        let wanted = desired.and_then(|desired| one.find(desired)).filter(|value| !value.is_null());
        match (wanted, below.as_object()) {
            (None, _) => found.push(step),
            (Some(wanted), Some(below)) => walk_fields(below, Some(wanted), Some(live), &step, found),
            (Some(_), None) => {}
        }
    }
}

fn segment(name: &str) -> Option<Segment> {
    let (prefix, rest) = name.split_once(':')?;
    match prefix {
        "f" => Some(Segment::Field(rest.to_owned())),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
            Some(Segment::Keyed(keys.into_iter().collect()))
        }
        "v" => Some(Segment::Element(serde_json::from_str(rest).ok()?)),
        "i" => Some(Segment::Index(rest.parse().ok()?)),
        _ => None,
    }
}

fn by_last_applied(before: &Value, desired: &Value, live: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    walk_last_applied(&Reading::of(desired), before, desired, live, &Path::default(), &mut found);
    found
}

fn walk_last_applied(
    reading: &Reading,
    before: &Value,
    desired: &Value,
    live: &Value,
    path: &Path,
    found: &mut Vec<Path>,
) {
    match (before, desired, live) {
        (Value::Object(before), Value::Object(desired), Value::Object(live)) => {
            for (name, was) in before {
                let step = path.field(name);
                let Some(live) = live.get(name) else { continue };
                match desired.get(name).filter(|value| !value.is_null()) {
                    Some(wanted) => walk_last_applied(reading, was, wanted, live, &step, found),
                    None if was.is_null() || step == Path::of(&["status"]) => {}
                    // A list or map that Git empties this way is removed whole.
                    None => found.push(step),
                }
            }
        }
        (Value::Array(before), Value::Array(desired), Value::Array(live)) => {
            let Identity::Keys(names) = reading.identity(path, before) else { return };
            for was in before {
                let keys = names
                    .iter()
                    .filter_map(|name| path::key_of(was, name).map(|value| ((*name).to_owned(), value)))
                    .collect::<Vec<_>>();
                let Some(live) = live.iter().find(|item| path::has_keys(item, &keys)) else { continue };
                let step = path.then(Segment::Keyed(keys.clone()));
                match desired.iter().find(|item| path::has_keys(item, &keys)) {
                    Some(wanted) => walk_last_applied(reading, was, wanted, live, &step, found),
                    None => found.push(step),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live(spec: &Value, fields: &Value, last_applied: Option<&Value>) -> Value {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "managedFields": [
            {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:other": {}}}},
            {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": fields},
        ]}, "spec": spec});
        if fields.is_null() {
            object["metadata"]["managedFields"] = json!([]);
        }
        if let Some(last_applied) = last_applied {
            object["metadata"]["annotations"] = json!({crds::keys::LAST_APPLIED: last_applied.to_string()});
        }
        object
    }

    fn found(desired: &Value, live: &Value) -> Vec<String> {
        let desired =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": desired});
        removed(&desired, live).iter().map(|difference| format!("{:?} {difference}", difference.change)).collect()
    }

    #[test]
    fn our_fields_that_git_dropped() {
        let spec = json!({"a": 1, "b": {"c": 2}, "other": 3, "containers": [{"name": "web", "image": "i"}, {"name": "side"}], "set": ["x", "y"]});
        let fields = json!({"f:spec": {"f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:gone": {},
            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}, "k:{\"name\":\"side\"}": {".": {}, "f:name": {}}},
            "f:set": {"v:\"x\"": {}, "v:\"y\"": {}}}});
        let object = live(&spec, &fields, None);
        assert_eq!(
            found(&json!({"b": {"c": 2}, "containers": [{"name": "web"}], "set": ["x"]}), &object),
            [
                "Removed spec.a",
                "Removed spec.containers[name=side]",
                "Removed spec.containers[name=web].image",
                "Removed spec.set[y]",
            ]
        );
        assert!(found(&spec, &object).is_empty());
    }

    #[test]
    fn the_annotation_counts_until_our_own_apply() {
        let before = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"a": 1, "replicas": 3, "containers": [{"name": "web", "image": "i"}, {"name": "side"}]}});
        let spec = json!({"a": 1, "replicas": 5, "containers": [{"name": "web", "image": "i"}, {"name": "side"}]});
        let desired = json!({"a": 1, "containers": [{"name": "web"}]});
        assert_eq!(
            found(&desired, &live(&spec, &Value::Null, Some(&before))),
            [
                "RemovedFromLastApplied spec.containers[name=web].image",
                "RemovedFromLastApplied spec.containers[name=side]",
                "RemovedFromLastApplied spec.replicas",
            ]
        );
        assert!(found(&desired, &live(&spec, &json!({"f:spec": {"f:a": {}}}), Some(&before))).is_empty());
    }
}
