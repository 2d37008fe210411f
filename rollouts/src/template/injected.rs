//! What a controller added to the template of a ReplicaSet beside the hash, as annotations of the ReplicaSet record it.
//!
//! It belongs to a role of the revision, not to the revision: without it the template is as the user wrote it. Nothing here
//! decides what is added.

use super::{child, object};
use crds::{ReplicaSet, keys, rollout::PodMetadata};
use serde_json::Value;
use std::collections::BTreeMap;

/// The labels and annotations that were added to the pods. A record that cannot be read counts as none.
pub fn metadata(set: &ReplicaSet) -> PodMetadata {
    let recorded = set.metadata.annotation(keys::EPHEMERAL_METADATA);
    recorded.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The record of that; none where it is nothing.
pub fn record(given: &PodMetadata) -> Option<String> {
    (*given != PodMetadata::default()).then(|| serde_json::to_string(given).unwrap_or_default())
}

/// Adds labels and annotations to a template.
pub fn give(template: &mut Value, given: &PodMetadata) {
    for (part, texts) in [("labels", &given.labels), ("annotations", &given.annotations)] {
        let metadata = object(template).and_then(|template| child(template, "metadata"));
        if let Some(kept) = metadata.filter(|_| !texts.is_empty()).and_then(|metadata| child(metadata, part)) {
            kept.extend(texts.iter().map(|(key, value)| (key.clone(), value.clone().into())));
        }
    }
}

/// Adds an item to the list at a path.
pub fn add_to_list(template: &mut Value, path: &[&str], item: Value) {
    let mut place = template;
    for name in path {
        let Some(next) = object(place).map(|fields| fields.entry(*name).or_insert(Value::Null)) else { return };
        place = next;
    }
    match place {
        Value::Array(items) => items.push(item),
        place => *place = Value::Array(vec![item]),
    }
}

/// The template of a ReplicaSet without what was added to it. The hash stays among its labels.
pub fn bare(set: &ReplicaSet) -> Value {
    let mut template = set.spec.template.value();
    let added = metadata(set);
    remove(&mut template, "labels", &added.labels);
    remove(&mut template, "annotations", &added.annotations);
    template
}

fn remove(template: &mut Value, part: &str, added: &BTreeMap<String, String>) {
    let kept = template.get_mut("metadata").and_then(|metadata| metadata.get_mut(part)).and_then(Value::as_object_mut);
    if let Some(kept) = kept {
        kept.retain(|name, _| !added.contains_key(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_added_is_not_part_of_the_template() {
        let template = |labels: Value, annotations: Value| json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": {}});
        let added = r#"{"labels":{"role":"canary"},"annotations":{"team":"blue"}}"#;
        for (record, left) in [
            (Some(added), template(json!({"app": "web"}), json!({"mine": "1"}))),
            (Some("{"), template(json!({"app": "web", "role": "canary"}), json!({"mine": "1", "team": "blue"}))),
            (None, template(json!({"app": "web", "role": "canary"}), json!({"mine": "1", "team": "blue"}))),
        ] {
            let live = template(json!({"app": "web", "role": "canary"}), json!({"mine": "1", "team": "blue"}));
            let annotations = record.map(|record| json!({ keys::EPHEMERAL_METADATA: record }));
            let set = json!({"metadata": {"name": "web-1", "annotations": annotations}, "spec": {"template": live}});
            let set = ReplicaSet::from_value(&set).expect("a ReplicaSet");
            assert_eq!(bare(&set), left, "{record:?}");
        }
    }
}
