//! What a controller added to the template of a ReplicaSet beside the hash, as annotations of the ReplicaSet record it.
//!
//! It belongs to a role of the revision, not to the revision: without it the template is as the user wrote it. Nothing here
//! decides what is added.

use super::{child, object};
use crds::{ReplicaSet, keys, rollout::PodMetadata};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long Kubernetes gives a pod for its end where the template says nothing.
const GRACE_SECS: i64 = 30;
const GRACE: &str = "terminationGracePeriodSeconds";
const PRE_STOP: &str = "preStop";

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
    let recorded = set.metadata.annotation(keys::DRAIN_HOOK);
    if let Some(hook) = recorded.and_then(|text| serde_json::from_str::<Hook>(text).ok()) {
        hook.remove(&mut template);
    }
    template
}

fn remove(template: &mut Value, part: &str, added: &BTreeMap<String, String>) {
    let kept = template.get_mut("metadata").and_then(|metadata| metadata.get_mut(part)).and_then(Value::as_object_mut);
    if let Some(kept) = kept {
        kept.retain(|name, _| !added.contains_key(name));
    }
}

/// What was added to the containers of a template so that its pods finish what they are doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hook {
    /// How long they sleep before they are told to stop.
    seconds: i32,
    /// Which of them sleep: those without a `preStop` of their own.
    containers: Vec<String>,
    /// How long the pods had for their end before.
    grace: Option<i64>,
}

impl Hook {
    /// Adds the sleep; returns the record of it. Nothing is added where nobody sleeps.
    pub fn add(template: &mut Value, seconds: i32) -> Option<String> {
        let spec = template.get_mut("spec").and_then(Value::as_object_mut).filter(|_| seconds > 0)?;
        let mut hook = Self { seconds, ..Self::default() };
        for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = container.get("name").and_then(Value::as_str).map(str::to_owned);
            let lifecycle = object(container).and_then(|container| child(container, "lifecycle"));
            let Some((name, lifecycle)) = name.zip(lifecycle) else { continue };
            if lifecycle.get(PRE_STOP).is_none_or(Value::is_null) {
                lifecycle.insert(PRE_STOP.into(), pause(seconds));
                hook.containers.push(name);
            }
        }
        // Their own time for the end begins after the sleep.
        hook.grace = spec.get(GRACE).and_then(Value::as_i64);
        spec.insert(GRACE.into(), (hook.grace.unwrap_or(GRACE_SECS) + i64::from(seconds)).into());
        serde_json::to_string(&hook).ok()
    }

    fn remove(&self, template: &mut Value) {
        let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else { return };
        for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            let is_ours = self.containers.iter().any(|ours| ours == name);
            let Some(container) = container.as_object_mut().filter(|_| is_ours) else { continue };
            let Some(lifecycle) = container.get_mut("lifecycle").and_then(Value::as_object_mut) else { continue };
            if lifecycle.get(PRE_STOP) == Some(&pause(self.seconds)) {
                lifecycle.remove(PRE_STOP);
            }
            if lifecycle.is_empty() {
                container.remove("lifecycle");
            }
        }
        match self.grace {
            Some(grace) => spec.insert(GRACE.into(), grace.into()),
            None => spec.remove(GRACE),
        };
    }
}

fn pause(seconds: i32) -> Value {
    json!({ "sleep": { "seconds": seconds } })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn containers_sleep_before_they_stop_and_what_was_added_can_be_taken_away() {
        let own = json!({"exec": {"command": ["true"]}});
        for (spec, sleeping, grace) in [
            (json!({"containers": [{"name": "a"}, {"name": "b", "lifecycle": {"preStop": own}}]}), vec!["a"], 40),
            (
                json!({"containers": [{"name": "a", "lifecycle": {"postStart": own}}], "terminationGracePeriodSeconds": 0}),
                vec!["a"],
                10,
            ),
            (json!({"containers": [{"name": "a"}], "terminationGracePeriodSeconds": 90}), vec!["a"], 100),
            (json!({"containers": [{"name": "a", "lifecycle": {"preStop": own}}]}), vec![], 40),
        ] {
            let bare_template = json!({"metadata": {"labels": {"app": "web"}}, "spec": spec});
            let mut template = bare_template.clone();
            assert_eq!(Hook::add(&mut template, 0), None);
            assert_eq!(template, bare_template, "nothing is asked for");
            let record = Hook::add(&mut template, 10).expect("is recorded");
            let containers = template["spec"]["containers"].as_array().expect("a list");
            let sleeps = containers.iter().filter(|container| container["lifecycle"]["preStop"] == pause(10));
            assert_eq!(sleeps.map(|container| &container["name"]).collect::<Vec<_>>(), sleeping, "{spec}");
            assert_eq!(template["spec"]["terminationGracePeriodSeconds"], grace, "{spec}");
            let set = json!({"metadata": {"name": "web-1", "annotations": {keys::DRAIN_HOOK: record}}, "spec": {"template": template}});
            let left = bare(&ReplicaSet::from_value(&set).expect("a ReplicaSet"));
            assert!(crate::template::same(&left, &bare_template), "{left}");
        }
    }
}
