//! Server-side apply: an object becomes what a manager names, others keep what is theirs, and what the manager no longer
//! names goes unless somebody else owns it.
//!
//! This computes the next object and its owners; storing it is the writer's.

use crate::server::{
    fields::{self, leaves, path_text, remove_at},
    kinds::Kind,
    managers::{self, Manager},
    object,
    refusal::{Cause, Refusal},
    schema::ListRule,
    shape::Shape,
};
use serde_json::Value;

/// The object after `manager` has applied `config` to what is there.
pub(crate) fn apply(
    kind: &Kind,
    live: Option<&Value>,
    config: &Value,
    manager: Manager,
    force: bool,
) -> Result<Value, Refusal> {
    if object::at(config, &["metadata", "managedFields"]).is_some_and(|entries| !entries.is_null()) {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let nothing = Value::Null;
    let shape = Shape::of(kind);
    let wanted = leaves(shape, config);
    let found = leaves(shape, live.unwrap_or(&nothing));
    let mut others = live.map(managers::read).unwrap_or_default();
    let position = others.iter().position(|other| other.is(&manager));
    let last = position.map(|position| others.remove(position));
    let mut conflicts = Vec::new();
    for other in &mut others {
        for (path, value) in &wanted {
            let differs = value.is_some() && found.get(path) != Some(value);
            if differs && other.fields.has(path) {
                conflicts.push((other.text(), path_text(path)));
                other.fields.remove(path);
            }
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(conflict(conflicts));
    }
    let mut own = manager;
    for path in wanted.keys() {
        own.fields.insert(path);
    }
    let mut next = live.cloned().unwrap_or(Value::Null);
    merge(shape, &mut next, config);
    if let Some(last) = &last {
        // An element goes before its fields, which name it; while somebody keeps the element, its name stays.
        let mut dropped = last.fields.paths();
        dropped.sort_by_key(Vec::len);
        for path in dropped {
            let is_kept = keeps(&own, &path) || others.iter().any(|other| keeps(other, &path));
            if !is_kept && !is_name_of_element(&path) {
                remove_at(shape, &mut next, &path);
            }
        }
    }
    if last.as_ref().is_some_and(|last| last.fields == own.fields && live == Some(&next)) {
        own.time = last.map(|last| last.time).unwrap_or_default();
    }
    others.push(own);
    managers::write(&mut next, &others);
    Ok(next)
}

/// Fields stay while anything below them is owned; an element of a list stays only for who owns the element itself.
fn keeps(manager: &Manager, path: &[String]) -> bool {
    let is_element = path.last().is_some_and(|step| !step.starts_with("f:"));
    if is_element { manager.fields.has(path) } else { manager.fields.has_at_or_below(path) }
}

fn is_name_of_element(path: &[String]) -> bool {
    let [.., element, field] = path else { return false };
    let Some((name, key)) = element.strip_prefix("k:").zip(field.strip_prefix("f:")) else { return false };
    serde_json::from_str::<Value>(name).is_ok_and(|name| name.get(key).is_some())
}

fn conflict(conflicts: Vec<(String, String)>) -> Refusal {
    let causes: Vec<Cause> = conflicts
        .iter()
        .map(|(who, path)| Cause {
            reason: "FieldManagerConflict",
            message: format!("conflict with {who}"),
            field: path.clone(),
        })
        .collect();
    if let [(who, path)] = conflicts.as_slice() {
        return Refusal::apply_conflict(format!("Apply failed with 1 conflict: conflict with {who}: {path}"), &causes);
    }
    let mut lines = Vec::new();
    let mut managers: Vec<&String> = conflicts.iter().map(|(who, _)| who).collect();
    managers.sort();
    managers.dedup();
    for manager in managers {
        lines.push(format!("conflicts with {manager}:"));
        lines.extend(conflicts.iter().filter(|(who, _)| who == manager).map(|(_, path)| format!("- {path}")));
    }
    let message = format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"));
    Refusal::apply_conflict(message, &causes)
}

/// Merges a configuration into an object: maps merge, lists as their rule says, all else replaces.
fn merge(shape: Shape<'_>, live: &mut Value, config: &Value) {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !shape.is_atomic_map() => {
            for (key, value) in config {
                merge(shape.child(key), live.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(live), Value::Array(config)) if shape.list_rule() != ListRule::Atomic => {
            let rule = shape.list_rule();
            for element in config {
                let step = fields::step_of(&rule, element);
                match live.iter_mut().find(|one| step.is_some() && fields::step_of(&rule, one) == step) {
                    Some(found) => merge(shape.element(), found, element),
                    None => live.push(element.clone()),
                }
            }
        }
        (live, config) => *live = config.clone(),
    }
}
