//! A pod template as the identity of a revision: its hash, whether two of them are the same, whether one is valid,
//! and how it is stamped onto a ReplicaSet.
//!
//! Works on the JSON as it was read, because a typed copy would drop fields that a newer cluster knows.
//! Never decides what happens to a revision; see `rollout` for that.

mod defaults;
mod encode;
mod equality;
mod hash;
mod image;
pub mod injected;
mod names;
mod order;
mod quantity;
mod unknown;
mod validate;

pub use defaults::with_defaults;
pub use equality::{TERMS, is_about_the_hash, same};
pub use hash::{hash, steps_hash};
pub use injected::bare;
pub use unknown::unknown_fields;
pub use validate::validate;

use crds::keys;
use serde_json::{Map, Value};

/// The template as it goes into a ReplicaSet: with the hash among its labels.
pub fn stamped(template: &Value, hash: &str) -> Value {
    let mut template = template.clone();
    let metadata = object(&mut template).and_then(|template| child(template, "metadata"));
    if let Some(labels) = metadata.and_then(|metadata| child(metadata, "labels")) {
        labels.insert(keys::POD_TEMPLATE_HASH.to_owned(), Value::from(hash));
    }
    template
}

/// The template without the hash among its labels, as it was before it went into a ReplicaSet.
pub fn unstamped(template: &Value) -> Value {
    let mut template = template.clone();
    remove_stamp(&mut template);
    template
}

/// The template without rules that keep its pods apart from another revision's.
pub fn without_terms(mut template: Value) -> Value {
    equality::remove_injected_terms(&mut template);
    template
}

fn remove_stamp(template: &mut Value) {
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(keys::POD_TEMPLATE_HASH);
    }
}

/// A value as an object; null becomes one.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// The object under `name`, made when it is missing. None if something else is there.
fn child<'parent>(parent: &'parent mut Map<String, Value>, name: &str) -> Option<&'parent mut Map<String, Value>> {
    object(parent.entry(name).or_insert(Value::Null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_joins_the_labels() {
        let cases = [
            (
                json!({"metadata": {"labels": {"app": "shop"}}}),
                json!({"metadata": {"labels": {"app": "shop", keys::POD_TEMPLATE_HASH: "abc"}}}),
            ),
            (json!({"metadata": {"labels": null}}), json!({"metadata": {"labels": {keys::POD_TEMPLATE_HASH: "abc"}}})),
            (json!({"spec": {}}), json!({"metadata": {"labels": {keys::POD_TEMPLATE_HASH: "abc"}}, "spec": {}})),
            (json!(null), json!({"metadata": {"labels": {keys::POD_TEMPLATE_HASH: "abc"}}})),
        ];
        for (template, expected) in cases {
            assert_eq!(stamped(&template, "abc"), expected);
        }
    }

    #[test]
    fn a_stamp_does_not_change_the_identity() {
        let template =
            json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}});
        assert_eq!(unstamped(&stamped(&template, "abc")), template);
        assert!(same(&stamped(&with_defaults(&template), "abc"), &template));
    }
}
