//! JSON patch and JSON merge patch on raw objects.
//!
//! Strategic merge patch and server-side apply have files of their own.

use crate::server::refusal::Refusal;
use serde_json::{Map, Value};

/// The form of a patch, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchForm {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchForm {
    /// The form of a media type; custom kinds take no strategic merge patch.
    pub(crate) fn of(media_type: &str, custom: bool) -> Result<PatchForm, Refusal> {
        let mut accepted = vec!["application/json-patch+json", "application/merge-patch+json"];
        if !custom {
            accepted.push("application/strategic-merge-patch+json");
        }
        accepted.push("application/apply-patch+yaml");
        Ok(match media_type {
            "application/json-patch+json" => PatchForm::Json,
            "application/merge-patch+json" => PatchForm::Merge,
            "application/strategic-merge-patch+json" if !custom => PatchForm::Strategic,
            "application/apply-patch+yaml" => PatchForm::Apply,
            "application/strategic-merge-patch+json" => return Err(Refusal::unsupported_media(&accepted)),
            _ => return Err(Refusal::unknown_media()),
        })
    }
}

/// Applies a JSON patch.
pub(crate) fn json_patch(object: &Value, patch: Value) -> Result<Value, Refusal> {
    let patch: json_patch::Patch = serde_json::from_value(patch)
        .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &patch).map_err(|_| Refusal::unusable_patch())?;
    Ok(patched)
}

/// Applies a JSON merge patch: objects merge, null removes, all else replaces.
pub(crate) fn merge_patch(object: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *object = patch;
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Some(fields) = object.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(&key);
        } else {
            merge_patch(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PatchForm, json_patch, merge_patch};
    use serde_json::json;

    #[test]
    fn merges() {
        for (before, patch, after) in [
            (json!({"a": 1}), json!({"a": null, "b": {"c": null}}), json!({"b": {}})),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 3}}), json!({"a": {"b": 3, "c": 2}})),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({"a": 1}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}})),
        ] {
            let mut object = before;
            merge_patch(&mut object, patch);
            assert_eq!(object, after);
        }
    }

    #[test]
    fn json_patches_and_forms() {
        let patched = json_patch(&json!({"a": 1}), json!([{"op": "replace", "path": "/a", "value": 2}]));
        assert_eq!(patched.expect("applies"), json!({"a": 2}));
        let failed = json_patch(&json!({"a": 1}), json!([{"op": "test", "path": "/a", "value": 2}]));
        assert_eq!(failed.expect_err("the test fails").code, 422);
        assert_eq!(json_patch(&json!({}), json!({"a": 1})).expect_err("is no patch").code, 400);
        assert_eq!(PatchForm::of("application/strategic-merge-patch+json", true).expect_err("custom").code, 415);
        assert_eq!(
            PatchForm::of("application/strategic-merge-patch+json", false).expect("built in"),
            PatchForm::Strategic
        );
    }
}
