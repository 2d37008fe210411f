//! Which labels and annotations do pods carry because of the role of their revision? Those of the canary while it is one, those
//! of the stable revision, and none of either once a revision is retired.
//!
//! A role is no part of a revision: the ReplicaSet records what its template was given, and comparing templates passes over
//! it. The ReplicaSet comes first, so that new pods are right from the start, then the pods that are there. What a pod loses is
//! what was recorded before, and nothing else.

use super::{
    fleet::{Fleet, Revision},
    look::Look,
    spec::{Spec, Strategy},
};
use crate::template::injected;
use crds::{Pod, keys, kind, rollout::PodMetadata};
use plan::{Target, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// Pods that are changed in one plan: whoever aborts does not wait for all of a large revision.
const MOST_PODS: usize = 20;

/// What an update's new revision gets, and what the stable one gets.
fn blocks<'a>(spec: &Spec<'a>) -> (Option<&'a PodMetadata>, Option<&'a PodMetadata>) {
    match &spec.strategy {
        Strategy::Canary(canary) => (canary.canary_metadata.as_ref(), canary.stable_metadata.as_ref()),
        Strategy::BlueGreen(sides) => (sides.preview_metadata, sides.active_metadata),
    }
}

/// What the revision of this hash is given now.
pub fn wanted(spec: &Spec<'_>, fleet: &Fleet<'_>, hash: &str) -> PodMetadata {
    let (of_new, of_stable) = blocks(spec);
    let is_new = hash == fleet.hash;
    let is_stable = fleet.stable.is_some_and(|stable| stable.hash() == hash);
    let found = match (is_new, is_stable) {
        (true, false) if fleet.stable.is_some() => of_new,
        (true, _) | (_, true) => of_stable,
        (false, false) => None,
    };
    let mut found = found.cloned().unwrap_or_default();
    // The identity of a revision is nobody's to give.
    found.labels.remove(keys::POD_TEMPLATE_HASH);
    found
}

/// Patches of ReplicaSets whose template does not tell their role, and of pods that do not.
pub fn writes(look: &Look<'_>) -> Vec<Write> {
    if blocks(look.spec) == (None, None) {
        return Vec::new();
    }
    let mut writes = Vec::new();
    for revision in &look.fleet.all {
        let given = wanted(look.spec, look.fleet, revision.hash());
        if let Some(write) = retold(look, *revision, &given) {
            writes.push(write);
            continue;
        }
        let of_pods = pods(look, *revision, &given);
        if of_pods.is_empty() {
            writes.extend(forgotten(*revision));
        }
        writes.extend(of_pods.into_iter().take(MOST_PODS.saturating_sub(writes.len())));
    }
    writes
}

fn part_of<'a>(metadata: &'a PodMetadata, part: &str) -> &'a BTreeMap<String, String> {
    if part == "labels" { &metadata.labels } else { &metadata.annotations }
}

/// What its pods were given before and may carry still.
fn former(revision: Revision<'_>) -> PodMetadata {
    let noted = revision.set.metadata.annotation(keys::FORMER_METADATA);
    noted.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The ReplicaSet with the metadata of its role in its template, where it has another.
fn retold(look: &Look<'_>, revision: Revision<'_>, given: &PodMetadata) -> Option<Write> {
    let recorded = injected::metadata(revision.set);
    let template = revision.set.spec.template.value();
    // A key that the user's template has too goes back to what it says.
    let own = if revision.hash() == look.fleet.hash { &look.spec.template } else { &Value::Null };
    let metadata = changed(given, &recorded, own, |part, key| text_in(&template, part, key));
    if metadata.is_empty() && recorded == *given {
        return None;
    }
    let mut left = former(revision);
    left.labels.extend(recorded.labels);
    left.annotations.extend(recorded.annotations);
    left.labels.retain(|key, _| !given.labels.contains_key(key));
    left.annotations.retain(|key, _| !given.annotations.contains_key(key));
    let left = injected::record(&left).filter(|_| revision.size().asked > 0);
    let body = json!({
        "metadata": { "annotations": { keys::EPHEMERAL_METADATA: injected::record(given), keys::FORMER_METADATA: left } },
        "spec": { "template": { "metadata": metadata } },
    });
    Some(Write::patch(revision.target(), body, RolloutReason::RoleTold { what: revision.name().into() }.into()))
}

/// No pod carries any more what was given before.
fn forgotten(revision: Revision<'_>) -> Option<Write> {
    revision.set.metadata.annotation(keys::FORMER_METADATA)?;
    let body = json!({ "metadata": { "annotations": { keys::FORMER_METADATA: null } } });
    let because = RolloutReason::Annotated { replica_set: revision.name().into() };
    Some(Write::patch(revision.target(), body, because.into()))
}

/// Its pods that do not carry what they are given, or carry what they were given before.
fn pods(look: &Look<'_>, revision: Revision<'_>, given: &PodMetadata) -> Vec<Write> {
    let is_its_own =
        |pod: &&Arc<Pod>| pod.metadata.is_controlled_by(&revision.set.metadata.uid) && !pod.metadata.is_deleted();
    let (left, template) = (former(revision), revision.set.spec.template.value());
    let relabelled = |pod: &Arc<Pod>| {
        let carried = |part: &str, key: &str| {
            let texts = if part == "labels" { &pod.metadata.labels } else { &pod.metadata.annotations };
            texts.get(key).cloned()
        };
        let metadata = changed(given, &left, &template, carried);
        let because = RolloutReason::RoleTold { what: format!("pod {}", pod.metadata.name) };
        let target = Target::of(&kind::POD, &pod.metadata);
        (!metadata.is_empty()).then(|| Write::patch(target, json!({ "metadata": metadata }), because.into()))
    };
    if revision.size().asked == 0 {
        return Vec::new();
    }
    look.observed.pods.iter().filter(is_its_own).filter_map(relabelled).collect()
}

/// A merge patch of metadata: all that is given, and what was given before goes back to what `own` says of it.
fn changed(
    given: &PodMetadata,
    before: &PodMetadata,
    own: &Value,
    live: impl Fn(&str, &str) -> Option<String>,
) -> Map<String, Value> {
    let mut metadata = Map::new();
    for part in ["labels", "annotations"] {
        let given = part_of(given, part);
        let lost = part_of(before, part).keys().filter(|key| !given.contains_key(*key));
        let lost = lost.map(|key| (key, text_in(own, part, key)));
        let wanted = given.iter().map(|(key, value)| (key, Some(value.clone()))).chain(lost);
        let changes: Map<String, Value> = wanted
            .filter(|(key, value)| live(part, key) != *value)
            .map(|(key, value)| (key.clone(), value.into()))
            .collect();
        if !changes.is_empty() {
            metadata.insert(part.into(), changes.into());
        }
    }
    metadata
}

fn text_in(template: &Value, part: &str, key: &str) -> Option<String> {
    template.get("metadata")?.get(part)?.get(key)?.as_str().map(str::to_owned)
}
