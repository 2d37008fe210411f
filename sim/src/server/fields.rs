//! Sets of fields, as `metadata.managedFields` writes them: `f:` for a field, `k:` for an element by its key, `v:` for an
//! element by its value.
//!
//! A set knows paths only. Who owns it is in `managers.rs`.

use crate::server::{
    schema::ListRule,
    shape::{Shape, name_of},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A path: its steps, each with its prefix.
pub(crate) type Path = Vec<String>;

/// Fields by their path, with their values; elements and keys themselves have none.
pub(crate) type Leaves<'a> = BTreeMap<Path, Option<&'a Value>>;

/// A set of paths, as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    is_member: bool,
    below: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// Reads `fieldsV1`.
    pub(crate) fn parse(raw: &Value) -> FieldSet {
        let Some(fields) = raw.as_object() else { return FieldSet::default() };
        let mut set = FieldSet { is_member: fields.is_empty(), below: BTreeMap::new() };
        for (step, inner) in fields {
            if step == "." {
                set.is_member = true;
            } else {
                set.below.insert(step.clone(), FieldSet::parse(inner));
            }
        }
        set
    }

    /// Writes `fieldsV1`.
    pub(crate) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if self.is_member && !self.below.is_empty() {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, inner) in &self.below {
            fields.insert(step.clone(), inner.to_json());
        }
        Value::Object(fields)
    }

    /// Adds a path.
    pub(crate) fn insert(&mut self, path: &[String]) {
        match path.split_first() {
            None => self.is_member = true,
            Some((step, rest)) => self.below.entry(step.clone()).or_default().insert(rest),
        }
    }

    /// Takes a path away.
    pub(crate) fn remove(&mut self, path: &[String]) {
        let Some((step, rest)) = path.split_first() else {
            self.is_member = false;
            return;
        };
        if let Some(inner) = self.below.get_mut(step) {
            inner.remove(rest);
            if inner.is_empty() {
                self.below.remove(step);
            }
        }
    }

    /// Is this very path in the set?
    pub(crate) fn has(&self, path: &[String]) -> bool {
        self.at(path).is_some_and(|inner| inner.is_member)
    }

    /// Is this path or any below it in the set?
    pub(crate) fn has_at_or_below(&self, path: &[String]) -> bool {
        self.at(path).is_some_and(|inner| !inner.is_empty())
    }

    /// Is nothing in the set?
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_member && self.below.is_empty()
    }

    /// All paths.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn at(&self, path: &[String]) -> Option<&FieldSet> {
        path.iter().try_fold(self, |inner, step| inner.below.get(step))
    }

    fn collect(&self, path: &mut Path, paths: &mut Vec<Path>) {
        if self.is_member && !path.is_empty() {
            paths.push(path.clone());
        }
        for (step, inner) in &self.below {
            path.push(step.clone());
            inner.collect(path, paths);
            path.pop();
        }
    }
}

/// The fields of an object that a writer can own, each with its value.
pub(crate) fn leaves<'a>(shape: Shape<'a>, object: &'a Value) -> Leaves<'a> {
    leaves_beside(shape, object, &Value::Null)
}

/// The same without the fields that `other` has too, with the same value: most writes change little.
pub(crate) fn leaves_beside<'a>(shape: Shape<'a>, object: &'a Value, other: &Value) -> Leaves<'a> {
    let mut found = BTreeMap::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                let shape = shape.child("metadata");
                let other = other.get("metadata");
                for (key, value) in value.as_object().into_iter().flatten() {
                    let other = other.and_then(|other| other.get(key));
                    if !NOBODYS.contains(&key.as_str()) && other != Some(value) {
                        let mut path = vec!["f:metadata".to_owned(), format!("f:{key}")];
                        walk(shape.child(key), value, other, &mut path, &mut found);
                    }
                }
            }
            _ if other.get(key) == Some(value) => {}
            _ => walk(shape.child(key), value, other.get(key), &mut vec![format!("f:{key}")], &mut found),
        }
    }
    found
}

/// Metadata that the server alone writes.
const NOBODYS: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

fn walk<'a>(shape: Shape<'a>, value: &'a Value, other: Option<&Value>, path: &mut Path, found: &mut Leaves<'a>) {
    match value {
        Value::Object(fields) if !fields.is_empty() && !shape.is_atomic_map() => {
            for (key, inner) in fields {
                let other = other.and_then(|other| other.get(key));
                if other == Some(inner) {
                    continue;
                }
                path.push(format!("f:{key}"));
                walk(shape.child(key), inner, other, path, found);
                let is_open = inner.is_object() || inner.is_array();
                if is_open && !shape.declares(key) {
                    found.entry(path.clone()).or_insert(None);
                }
                path.pop();
            }
        }
        Value::Array(elements) if shape.list_rule() != ListRule::Atomic => {
            let rule = shape.list_rule();
            for element in elements {
                let Some(step) = step_of(&rule, element) else { continue };
                path.push(step);
                if rule != ListRule::Set {
                    walk(shape.element(), element, None, path, found);
                }
                found.insert(path.clone(), None);
                path.pop();
            }
        }
        other => drop(found.insert(path.clone(), Some(other))),
    }
}

/// The step to an element of a list.
pub(crate) fn step_of(rule: &ListRule, element: &Value) -> Option<String> {
    match rule {
        ListRule::Atomic => None,
        ListRule::Set => Some(format!("v:{element}")),
        ListRule::Map(keys) => Some(format!("k:{}", name_of(element, keys)?)),
    }
}

/// Removes what a path leads to, and parents that are empty then.
pub(crate) fn remove_at(shape: Shape<'_>, value: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    match value {
        Value::Object(fields) => {
            let key = step.strip_prefix("f:").unwrap_or(step);
            if rest.is_empty() {
                fields.remove(key);
                return;
            }
            let Some(inner) = fields.get_mut(key) else { return };
            let was_empty = is_hollow(inner);
            remove_at(shape.child(key), inner, rest);
            if !was_empty && is_hollow(inner) {
                fields.remove(key);
            }
        }
        Value::Array(elements) => {
            let rule = shape.list_rule();
            let is_it = |element: &Value| step_of(&rule, element).as_ref() == Some(step);
            if rest.is_empty() {
                elements.retain(|element| !is_it(element));
            } else if let Some(element) = elements.iter_mut().find(|element| is_it(element)) {
                remove_at(shape.element(), element, rest);
            }
        }
        _ => {}
    }
}

fn is_hollow(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// A path as messages show it: `.spec.containers[name="web"].image`.
pub(crate) fn path_text(path: &[String]) -> String {
    let mut text = String::new();
    for step in path {
        match step.split_once(':') {
            Some(("f", key)) => text.push_str(&format!(".{key}")),
            Some(("k", name)) => {
                let name: Map<String, Value> = serde_json::from_str(name).unwrap_or_default();
                let pairs: Vec<String> = name.iter().map(|(key, value)| format!("{key}={value}")).collect();
                text.push_str(&format!("[{}]", pairs.join(",")));
            }
            Some(("v", value)) => text.push_str(&format!("[={value}]")),
            _ => text.push_str(step),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{FieldSet, leaves, path_text, remove_at};
    use crate::server::{kinds::Kinds, shape::Shape};
    use serde_json::json;

    #[test]
    fn sets_travel_as_fields_v1() {
        let raw = json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { "f:replicas": {} } });
        let mut set = FieldSet::parse(&raw);
        assert_eq!(set.to_json(), raw);
        let path: Vec<String> = ["f:spec", "f:replicas"].map(str::to_owned).to_vec();
        assert!(set.has(&path) && set.has_at_or_below(&path[..1]) && !set.has(&path[..1]));
        set.remove(&path);
        assert_eq!(set.to_json(), json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } } }));
    }

    #[test]
    fn leaves_of_a_deployment() {
        let kinds = Kinds::built_in();
        let kind = kinds.of_path("apps", "v1", "deployments").expect("built in");
        let object = json!({
            "metadata": { "name": "a", "labels": { "x": "y" } },
            "spec": { "selector": { "matchLabels": { "x": "y" } }, "template": { "spec": { "containers": [
                { "name": "c", "ports": [{ "containerPort": 80 }], "args": ["a"] }] } } },
        });
        let texts: Vec<String> = leaves(Shape::of(&kind), &object).keys().map(|path| path_text(path)).collect();
        let container = ".spec.template.spec.containers[name=\"c\"]";
        let port = format!("{container}.ports[containerPort=80,protocol=\"TCP\"]");
        assert_eq!(
            texts,
            [
                ".metadata.labels.x",
                ".spec.selector",
                container,
                &format!("{container}.args"),
                &format!("{container}.name"),
                &port,
                &format!("{port}.containerPort"),
            ]
        );
        let mut smaller = object.clone();
        let path = leaves(Shape::of(&kind), &object).into_keys().find(|path| path_text(path) == container);
        remove_at(Shape::of(&kind), &mut smaller, &path.expect("there"));
        assert_eq!(smaller["spec"], json!({ "selector": { "matchLabels": { "x": "y" } } }));
    }
}
