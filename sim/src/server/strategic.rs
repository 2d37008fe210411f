//! Strategic merge patch of built-in kinds: lists merge by the key of their elements, and directives remove and replace.
//!
//! Which list merges by which key is in `shape.rs`. Custom kinds never come here.

use crate::server::{kinds::Kind, object, refusal::Refusal, schema::ListRule, shape::Shape};
use serde_json::{Map, Value};

/// Applies a strategic merge patch to an object.
pub(crate) fn strategic_patch(kind: &Kind, object: &mut Value, patch: &Value) -> Result<(), Refusal> {
    merge_fields(Shape::of(kind), object, patch)
}

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE_SCALARS: &str = "$deleteFromPrimitiveList/";

fn merge_fields(shape: Shape<'_>, live: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let Some(patch) = patch.as_object() else {
        *live = patch.clone();
        return Ok(());
    };
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            *live = without_directives(patch);
            return Ok(());
        }
        Some("delete") => {
            *live = Value::Object(Map::new());
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(Refusal::bad_request(format!("Unknown patch type found: {other}"))),
    }
    let Some(fields) = object::fields(live) else { return Ok(()) };
    if let Some(kept) = patch.get(RETAIN).and_then(Value::as_array) {
        fields.retain(|key, _| kept.iter().any(|one| one == key));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix(DELETE_SCALARS) {
            let gone = value.as_array().cloned().unwrap_or_default();
            if let Some(elements) = fields.get_mut(list).and_then(Value::as_array_mut) {
                elements.retain(|element| !gone.contains(element));
            }
        } else if key.starts_with('$') {
            continue;
        } else if value.is_null() {
            fields.remove(key);
        } else {
            let live = fields.entry(key.clone()).or_insert(Value::Null);
            match value {
                Value::Array(elements) => merge_list(shape.child(key), live, elements)?,
                _ => merge_fields(shape.child(key), live, value)?,
            }
        }
    }
    for (key, order) in patch {
        if let Some(list) = key.strip_prefix(ORDER)
            && let Some(elements) = fields.get_mut(list).and_then(Value::as_array_mut)
        {
            reorder(&shape.child(list).list_rule(), elements, order.as_array().map_or(&[], Vec::as_slice));
        }
    }
    Ok(())
}

fn merge_list(shape: Shape<'_>, live: &mut Value, patch: &[Value]) -> Result<(), Refusal> {
    let rule = shape.list_rule();
    let is_replaced = patch.iter().any(|one| object::text(one, &[DIRECTIVE]) == "replace");
    if is_replaced || !live.is_array() {
        *live = Value::Array(Vec::new());
    }
    let Some(elements) = live.as_array_mut() else { return Ok(()) };
    let before: Vec<Value> = merge_key(&rule)
        .map(|key| elements.iter().filter_map(|one| one.get(key).cloned()).collect())
        .unwrap_or_default();
    let Some(key) = merge_key(&rule) else {
        if rule == ListRule::Set {
            elements.extend(patch.iter().filter(|one| !elements.contains(one)).cloned().collect::<Vec<_>>());
        } else {
            *elements = patch.to_vec();
        }
        return Ok(());
    };
    for one in patch {
        let directive = object::text(one, &[DIRECTIVE]);
        if directive == "replace" {
            continue;
        }
        let Some(name) = one.get(key) else {
            return Err(Refusal::bad_request(format!("map: {one} does not contain declared merge key: {key}")));
        };
        let found = elements.iter().position(|element| element.get(key) == Some(name));
        match found.and_then(|index| elements.get_mut(index).map(|element| (index, element))) {
            Some((index, _)) if directive == "delete" => drop(elements.remove(index)),
            Some((_, element)) => merge_fields(shape.element(), element, one)?,
            None if directive == "delete" => {}
            None => elements.push(without_directives(one.as_object().unwrap_or(&Map::new()))),
        }
    }
    // New elements come first, as the patch has them; the others keep their order.
    let (new, old): (Vec<Value>, Vec<Value>) =
        std::mem::take(elements).into_iter().partition(|one| one.get(key).is_some_and(|name| !before.contains(name)));
    elements.extend(new.into_iter().chain(old));
    Ok(())
}

/// Strategic merge goes by one key even where server-side apply goes by two.
fn merge_key(rule: &ListRule) -> Option<&str> {
    match rule {
        ListRule::Map(keys) => keys.first().map(String::as_str),
        ListRule::Set | ListRule::Atomic => None,
    }
}

/// Elements that the order names come in that order; the others keep their place after what they stood behind.
fn reorder(rule: &ListRule, elements: &mut [Value], order: &[Value]) {
    let place = |element: &Value| {
        order.iter().position(|one| match merge_key(rule) {
            Some(key) => one.get(key) == element.get(key),
            None => one == element,
        })
    };
    let mut last = 0;
    let mut ranked: Vec<(usize, usize, Value)> = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        last = place(element).unwrap_or(last);
        ranked.push((last, index, element.clone()));
    }
    ranked.sort_by_key(|(rank, index, _)| (*rank, *index));
    for (slot, (_, _, element)) in elements.iter_mut().zip(ranked) {
        *slot = element;
    }
}

fn without_directives(fields: &Map<String, Value>) -> Value {
    let clean = |value: &Value| match value {
        Value::Object(inner) => without_directives(inner),
        Value::Array(elements) => elements
            .iter()
            .map(|element| element.as_object().map_or_else(|| element.clone(), without_directives))
            .collect(),
        other => other.clone(),
    };
    let kept = fields.iter().filter(|(key, value)| !key.starts_with('$') && !value.is_null());
    Value::Object(kept.map(|(key, value)| (key.clone(), clean(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::strategic_patch;
    use crate::server::kinds::Kinds;
    use serde_json::{Value, json};

    fn patched(spec: Value, patch: Value) -> Value {
        let kinds = Kinds::built_in();
        let kind = kinds.of_path("", "v1", "pods").expect("built in");
        let mut object = json!({ "spec": spec });
        strategic_patch(&kind, &mut object, &json!({ "spec": patch })).expect("applies");
        object["spec"].clone()
    }

    #[test]
    fn merges_by_key() {
        let two =
            json!({ "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "1" }], "args": ["x"] });
        for (patch, after) in [
            (
                json!({ "containers": [{ "name": "a", "image": "2" }] }),
                json!({ "containers": [{ "name": "a", "image": "2" }, { "name": "b", "image": "1" }], "args": ["x"] }),
            ),
            (
                json!({ "containers": [{ "name": "a", "$patch": "delete" }], "args": ["y"] }),
                json!({ "containers": [{ "name": "b", "image": "1" }], "args": ["y"] }),
            ),
            (
                json!({ "containers": [{ "$patch": "replace" }, { "name": "c" }], "args": null }),
                json!({ "containers": [{ "name": "c" }] }),
            ),
            (
                json!({ "$setElementOrder/containers": [{ "name": "b" }, { "name": "a" }], "containers": [{ "name": "b", "image": "3" }] }),
                json!({ "containers": [{ "name": "b", "image": "3" }, { "name": "a", "image": "1" }], "args": ["x"] }),
            ),
            (json!({ "$retainKeys": ["args"] }), json!({ "args": ["x"] })),
        ] {
            assert_eq!(patched(two.clone(), patch.clone()), after, "{patch}");
        }
    }

    #[test]
    fn refuses_nonsense() {
        let kinds = Kinds::built_in();
        let kind = kinds.of_path("", "v1", "pods").expect("built in");
        let patch = json!({ "spec": { "containers": [{ "image": "1" }] } });
        assert_eq!(strategic_patch(&kind, &mut json!({}), &patch).expect_err("no key").code, 400);
    }
}
