//! Walks what Git has and notes where the live object is different. What only the live object has is somebody else's: a
//! default, another controller's field, or ours of before, which `managed` finds.

use super::{
    Change, Difference, Path, Segment,
    lists::{self, Identity},
    path, quantity,
};
use crate::key;
use serde_json::{Map, Value};

/// The fields of `desired` that `live` has not, or has differently.
pub(super) fn differing(desired: &Value, live: &Value) -> Vec<Difference> {
    let mut walk = Walk::over(desired);
    let (Value::Object(wanted), Value::Object(found)) = (desired, live) else { return Vec::new() };
    for (name, value) in wanted {
        match name.as_str() {
            // These identify the object, or are not Git's to say.
            "apiVersion" | "kind" | "status" => {}
            "metadata" => walk.metadata(value, found.get(name)),
            _ => walk.field(&Path::default(), name, value, found.get(name)),
        }
    }
    walk.found
}

/// The list reading of an object's kind, shared with the search for removed fields.
pub(super) struct Reading {
    is_built_in: bool,
    kind: String,
}

impl Reading {
    pub(super) fn of(object: &Value) -> Self {
        let api_version = key::text(object, &["apiVersion"]).unwrap_or("");
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            is_built_in: lists::is_built_in_group(group),
            kind: key::text(object, &["kind"]).unwrap_or("").to_owned(),
        }
    }

    pub(super) fn identity(&self, path: &Path, items: &[Value]) -> Identity {
        let in_metadata = matches!(path.0.as_slice(), [Segment::Field(first), _] if first == "metadata");
        let has_keys =
            |keys: &[&str]| items.iter().all(|item| keys.iter().all(|name| path::key_of(item, name).is_some()));
        match lists::identity(self.is_built_in, in_metadata, path.last_field(), has_keys) {
            // Two elements with the same keys, as in a list of variables: their places tell them apart.
            Identity::Keys(names) if has_twins(items, names) => Identity::Place,
            identity => identity,
        }
    }

    fn is_atomic_map(&self, path: &Path) -> bool {
        matches!(path.0.last(), Some(Segment::Field(field)) if lists::is_atomic_map(self.is_built_in, &self.kind, field))
    }
}

struct Walk {
    reading: Reading,
    found: Vec<Difference>,
}

impl Walk {
    fn over(desired: &Value) -> Self {
        Self { reading: Reading::of(desired), found: Vec::new() }
    }

    fn differs(&mut self, path: &Path) {
        self.found.push(Difference { path: path.clone(), change: Change::Differs });
    }

    /// Name and namespace identify the object; everything else of the metadata that Git may set is compared.
    fn metadata(&mut self, desired: &Value, live: Option<&Value>) {
        let path = Path::of(&["metadata"]);
        for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
            if let Some(value) = desired.get(name) {
                self.field(&path, name, value, live.and_then(|live| live.get(name)));
            }
        }
    }

    fn field(&mut self, parent: &Path, name: &str, desired: &Value, live: Option<&Value>) {
        let path = parent.field(name);
        match live.filter(|value| !value.is_null()) {
            None => {
                // An empty map of labels or annotations is not kept by the server.
                let is_nothing = desired.is_null() || (is_empty(desired) && matches!(name, "labels" | "annotations"));
                if !is_nothing {
                    self.differs(&path);
                }
            }
            Some(live) => {
                let is_same_quantity =
                    quantity::is_quantity(parent.last_field(), name) && quantity::are_equal(desired, live);
                if !is_same_quantity {
                    self.value(&path, desired, live);
                }
            }
        }
    }

    fn value(&mut self, path: &Path, desired: &Value, live: &Value) {
        match (desired, live) {
            (Value::Object(desired), Value::Object(live)) => self.object(path, desired, live),
            (Value::Array(desired), Value::Array(live)) => self.list(path, desired, live),
            (Value::Number(one), Value::Number(two)) if one.as_f64() == two.as_f64() => {}
            // Git says nothing about a null.
            (Value::Null, _) => {}
            (one, two) if one == two => {}
            _ => self.differs(path),
        }
    }

    fn object(&mut self, path: &Path, desired: &Map<String, Value>, live: &Map<String, Value>) {
        if self.reading.is_atomic_map(path) && desired != live {
            return self.differs(path);
        }
        for (name, value) in desired {
            self.field(path, name, value, live.get(name));
        }
    }

    fn list(&mut self, path: &Path, desired: &[Value], live: &[Value]) {
        match self.reading.identity(path, desired) {
            Identity::Keys(names) => {
                for item in desired {
                    let keys = keys_of(item, names);
                    let step = path.then(Segment::Keyed(keys.clone()));
                    match live.iter().find(|found| path::has_keys(found, &keys)) {
                        Some(found) => self.value(&step, item, found),
                        None => self.differs(&step),
                    }
                }
            }
            Identity::Member => {
                for item in desired.iter().filter(|item| !live.contains(item)) {
                    self.differs(&path.then(Segment::Element(item.clone())));
                }
            }
            Identity::Place if desired.len() != live.len() => self.differs(path),
            Identity::Place => {
                for (place, (desired, live)) in desired.iter().zip(live).enumerate() {
                    self.value(&path.then(Segment::Index(place)), desired, live);
                }
            }
        }
    }
}

fn keys_of(item: &Value, names: &[&str]) -> Vec<(String, Value)> {
    names.iter().filter_map(|name| path::key_of(item, name).map(|value| ((*name).to_owned(), value))).collect()
}

fn has_twins(items: &[Value], names: &[&str]) -> bool {
    let keys = items.iter().map(|item| keys_of(item, names)).collect::<Vec<_>>();
    keys.iter().enumerate().any(|(place, one)| keys.iter().take(place).any(|other| other == one))
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(api_version: &str, kind: &str, desired: &Value, live: &Value) -> Vec<String> {
        let object = |spec: &Value| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec, "status": {"a": 1}});
        differing(&object(desired), &object(live)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn built_in_kinds() {
        let web = json!({"name": "web", "image": "a:1"});
        for (desired, live, expected) in [
            (json!({"replicas": 2}), json!({"replicas": 2, "revisionHistoryLimit": 10}), vec![]),
            (json!({"replicas": 2}), json!({"replicas": 3}), vec!["spec.replicas"]),
            (json!({"replicas": 2}), json!({}), vec!["spec.replicas"]),
            (json!({"replicas": null}), json!({"replicas": 3}), vec![]),
            (json!({"a": 1}), json!({"a": 1.0}), vec![]),
            (
                json!({"containers": [web]}),
                json!({"containers": [{"name": "proxy"}, {"name": "web", "image": "a:1", "pullPolicy": "x"}]}),
                vec![],
            ),
            (
                json!({"containers": [web]}),
                json!({"containers": [{"name": "web", "image": "a:2"}]}),
                vec!["spec.containers[name=web].image"],
            ),
            (json!({"containers": [web]}), json!({"containers": []}), vec!["spec.containers[name=web]"]),
            (
                json!({"ports": [{"port": 80}]}),
                json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}),
                vec![],
            ),
            (
                json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
                json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
                vec![],
            ),
            (json!({"args": ["a"]}), json!({"args": ["a", "b"]}), vec!["spec.args"]),
            (json!({"args": ["a", "c"]}), json!({"args": ["a", "b"]}), vec!["spec.args[1]"]),
            (
                json!({"limits": {"cpu": 1, "memory": "1024Mi"}}),
                json!({"limits": {"cpu": "1", "memory": "1Gi"}}),
                vec![],
            ),
            (json!({"limits": {"cpu": "2"}}), json!({"limits": {"cpu": "1"}}), vec!["spec.limits.cpu"]),
            (json!({"emptyDir": {}}), json!({"hostPath": {}}), vec!["spec.emptyDir"]),
            (
                json!({"nodeSelector": {"a": "b"}}),
                json!({"nodeSelector": {"a": "b", "c": "d"}}),
                vec!["spec.nodeSelector"],
            ),
        ] {
            assert_eq!(found("apps/v1", "Deployment", &desired, &live), expected, "{desired} {live}");
        }
    }

    #[test]
    fn a_selector_of_a_service_is_one_value() {
        let (desired, live) = (json!({"selector": {"app": "web"}}), json!({"selector": {"app": "web", "debug": "1"}}));
        assert_eq!(found("v1", "Service", &desired, &live), ["spec.selector"]);
    }

    #[test]
    fn lists_of_custom_resources_go_by_place() {
        let (desired, live) =
            (json!({"containers": [{"name": "a"}]}), json!({"containers": [{"name": "b"}, {"name": "a"}]}));
        assert_eq!(found("argoproj.io/v1alpha1", "Rollout", &desired, &live), ["spec.containers"]);
    }

    #[test]
    fn metadata_is_compared_where_git_may_set_it() {
        let desired = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "labels": {"a": "1"}, "annotations": {}, "finalizers": ["f"]}});
        let live = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "uid": "u", "labels": {"a": "2"}, "finalizers": ["g"]}});
        assert_eq!(
            differing(&desired, &live).iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["metadata.labels.a", "metadata.finalizers[f]"]
        );
    }
}
