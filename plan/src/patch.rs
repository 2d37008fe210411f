//! The JSON merge patch that leads from one value to another: null removes, lists are replaced whole. What a status write
//! says is made here, so that a field which nobody changed is not in it. And the way back: what a patch makes of a value.

use serde_json::{Map, Value};

/// The patch, or nothing when the two are equal.
pub fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return Some(to.clone()) };
    let mut patch = Map::new();
    for (name, wanted) in to {
        let change = match from.get(name) {
            Some(found) => merge_patch(found, wanted),
            None => Some(wanted.clone()),
        };
        patch.extend(change.map(|change| (name.clone(), change)));
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}

/// The value after a merge patch.
pub fn patched(value: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    let mut fields = value.as_object().cloned().unwrap_or_default();
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            let after = patched(fields.get(name).unwrap_or(&Value::Null), change);
            fields.insert(name.clone(), after);
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patches() {
        for (from, to, expected) in [
            (json!({"a": 1}), json!({"a": 1}), None),
            (
                json!({"a": 1, "b": {"c": 1, "d": 2}}),
                json!({"a": 2, "b": {"c": 1}}),
                Some(json!({"a": 2, "b": {"d": null}})),
            ),
            (json!({"l": [1, 2]}), json!({"l": [1]}), Some(json!({"l": [1]}))),
            (json!({}), json!({"x": {}}), Some(json!({"x": {}}))),
        ] {
            assert_eq!(merge_patch(&from, &to), expected, "{from} {to}");
            assert_eq!(patched(&from, &expected.unwrap_or_else(|| json!({}))), to, "{from}");
        }
    }
}
