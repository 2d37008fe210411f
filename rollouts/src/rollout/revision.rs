//! Gives every pod template a ReplicaSet and a number: creates it with no pods, adopts one that is there, numbers it above
//! all others, and removes old ones beyond the history limit.

use super::{
    anti_affinity,
    drain::hook,
    fleet::{Fleet, Revision, owner},
    look::{Look, rollout_target},
    observed::Observed,
    phase::Phase,
    pod_metadata,
    spec::Spec,
    workload,
};
use crate::template::{self, injected};
use crds::{keys, kind, rollout::RolloutStatus};
use plan::{Event, ObjectRef, Propagation, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};

/// Annotations of a Rollout that its ReplicaSets do not get.
const NOT_COPIED: [&str; 5] =
    [keys::LAST_APPLIED, keys::REVISION, keys::REVISION_HISTORY, keys::DESIRED_REPLICAS, keys::NOTIFIED];

/// What the current template lacks: `spec.replicas`, an owner of an orphan, a number, a ReplicaSet.
pub fn writes(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>) -> Vec<Write> {
    let rollout = &observed.rollout;
    let mut writes: Vec<Write> = fleet.orphans.iter().map(|orphan| adopted(observed, *orphan)).collect();
    if rollout.spec.replicas.is_none() {
        let body = json!({ "spec": { "replicas": 1 } });
        writes.push(Write::patch(rollout_target(observed), body, RolloutReason::ReplicasDefaulted.into()));
    }
    writes.extend(workload::seen(observed));
    // Orphans may hold the current template: look again once they are ours.
    if !writes.is_empty() {
        return writes;
    }
    let highest = fleet
        .all
        .iter()
        .filter(|set| fleet.canary.is_none_or(|canary| canary.name() != set.name()))
        .map(|set| set.number())
        .max();
    let number = fleet.canary.map_or(0, Revision::number).max(highest.unwrap_or(0) + 1);
    if rollout.metadata.annotation(keys::REVISION) != Some(number.to_string().as_str()) {
        let body = json!({ "metadata": { "annotations": { keys::REVISION: number.to_string() } } });
        let told = Event::normal("RolloutUpdated", format!("Rollout updated to revision {number}"));
        writes.push(
            Write::patch(rollout_target(observed), body, RolloutReason::NewRevision { revision: number }.into())
                .with_event(told),
        );
    }
    match fleet.canary {
        None => writes.push(created(observed, spec, fleet, number)),
        Some(canary) if canary.number() != number => {
            writes.extend(renumbered(observed, canary, number, Lacking::of(observed, spec, fleet, canary)));
        }
        Some(_) => {}
    }
    writes
}

/// What the ReplicaSet of the current revision, which has its number, lacks for pods to come. None come after an abort.
pub fn repaired(look: &Look<'_>) -> Option<Write> {
    let canary = look.fleet.canary.filter(|_| look.phase != Phase::Aborted)?;
    renumbered(look.observed, canary, canary.number(), Lacking::of(look.observed, look.spec, look.fleet, canary))
}

/// The ReplicaSet that carries this hash, there or not.
fn reference(observed: &Observed, hash: &str) -> ObjectRef {
    let meta = &observed.rollout.metadata;
    ObjectRef::of(&kind::REPLICA_SET, &meta.namespace, &format!("{}-{hash}", meta.name))
}

/// The memory after the server said that somebody else holds the name: the next hash is another one.
pub fn collided(observed: &Observed, fleet: &Fleet<'_>) -> Option<RolloutStatus> {
    if fleet.canary.is_some() || !observed.is_taken(&reference(observed, &fleet.hash)) {
        return None;
    }
    let mut next = observed.rollout.status.clone();
    next.collision_count = Some(next.collision_count.unwrap_or(0).saturating_add(1));
    Some(next)
}

/// What the server said when it refused the ReplicaSet of the current template: its name, and the words.
pub fn refusal<'a>(observed: &'a Observed, fleet: &Fleet<'_>) -> Option<(String, &'a str)> {
    let reference = reference(observed, &fleet.hash);
    let words = observed.refusal_of(&reference).filter(|_| fleet.canary.is_none())?;
    Some((reference.name, words))
}

fn adopted(observed: &Observed, orphan: Revision<'_>) -> Write {
    let others =
        orphan.set.metadata.owner_references.iter().filter_map(|reference| serde_json::to_value(reference).ok());
    let owners: Vec<Value> = others.chain([owner(observed)]).collect();
    let body = json!({ "metadata": { "ownerReferences": owners } });
    Write::patch(orphan.target(), body, RolloutReason::Annotated { replica_set: orphan.name().into() }.into())
}

fn created(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>, number: u64) -> Write {
    let (rollout, hash) = (&observed.rollout, fleet.hash.as_str());
    let reference = reference(observed, hash);
    let name = &reference.name;
    let mut stamped = template::stamped(&spec.template, hash);
    let labels = stamped.pointer("/metadata/labels").cloned().unwrap_or_default();
    let given = pod_metadata::wanted(spec, fleet, hash);
    injected::give(&mut stamped, &given);
    anti_affinity::give(&mut stamped, observed, spec, fleet);
    let mut annotations: Map<String, Value> = rollout
        .metadata
        .annotations
        .iter()
        .filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect();
    hook::give(&mut stamped, &mut annotations, spec);
    annotations.insert(keys::REVISION.into(), number.to_string().into());
    annotations.extend(injected::record(&given).map(|record| (keys::EPHEMERAL_METADATA.to_owned(), record.into())));
    annotations.insert(keys::DESIRED_REPLICAS.into(), spec.limits.replicas.to_string().into());
    let mut selector = rollout.spec.selector.clone().unwrap_or_default();
    selector.match_labels.insert(keys::POD_TEMPLATE_HASH.into(), hash.into());
    let mut replica_set_spec = json!({ "replicas": 0, "selector": selector, "template": stamped });
    if let (Some(seconds), Some(fields)) = (rollout.spec.min_ready_seconds, replica_set_spec.as_object_mut()) {
        fields.insert("minReadySeconds".into(), seconds.into());
    }
    let body = json!({
        "apiVersion": kind::REPLICA_SET.api_version(), "kind": kind::REPLICA_SET.kind,
        "metadata": {
            "name": name, "namespace": rollout.metadata.namespace, "labels": labels, "annotations": annotations,
            "ownerReferences": [owner(observed)],
        },
        "spec": replica_set_spec,
    });
    let told = Event::normal("NewReplicaSetCreated", format!("Created ReplicaSet {name} (revision {number})"));
    Write::create(reference, body, RolloutReason::NewRevision { revision: number }.into()).with_event(told)
}

/// What the template of a ReplicaSet lacks beside the user's, as merge patches of its pod spec; and the annotations to it.
#[derive(Default)]
struct Lacking {
    pods: Vec<Value>,
    annotations: Value,
}

impl Lacking {
    fn of(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>, canary: Revision<'_>) -> Self {
        let mut lacking = Self::default();
        lacking.pods.extend(anti_affinity::stale(observed, spec, fleet, canary));
        if let Some((pods, annotations)) = hook::stale(spec, canary) {
            lacking.pods.push(pods);
            lacking.annotations = annotations;
        }
        lacking
    }
}

fn fields(object: Value) -> Map<String, Value> {
    if let Value::Object(fields) = object { fields } else { Map::new() }
}

/// A ReplicaSet that is used again gets the highest number; what it was called before is kept beside it. What its pod spec
/// lacks beside the user's template goes with that.
fn renumbered(observed: &Observed, canary: Revision<'_>, number: u64, lacking: Lacking) -> Option<Write> {
    let min_ready_seconds = observed.rollout.spec.min_ready_seconds;
    let is_numbered = canary.number() == number;
    let waits_alike = canary.set.spec.min_ready_seconds.unwrap_or(0) == min_ready_seconds.unwrap_or(0);
    if is_numbered && waits_alike && lacking.pods.is_empty() {
        return None;
    }
    let mut body = json!({ "metadata": { "annotations": { keys::REVISION: number.to_string() } } });
    if !is_numbered && canary.number() > 0 {
        let before = canary.set.metadata.annotation(keys::REVISION_HISTORY).filter(|text| !text.is_empty());
        let history =
            before.map_or_else(|| canary.number().to_string(), |before| format!("{before},{}", canary.number()));
        if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.insert(keys::REVISION_HISTORY.into(), history.into());
        }
    }
    let mut changes = Map::new();
    if !waits_alike {
        changes.insert("minReadySeconds".into(), min_ready_seconds.unwrap_or(0).into());
    }
    let pods: Map<String, Value> = lacking.pods.into_iter().flat_map(fields).collect();
    if !pods.is_empty() {
        changes.insert("template".into(), json!({ "spec": pods }));
    }
    if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.extend(fields(lacking.annotations));
    }
    if let Some(fields) = body.as_object_mut().filter(|_| !changes.is_empty()) {
        fields.insert("spec".into(), changes.into());
    }
    let because = match is_numbered {
        true => RolloutReason::Annotated { replica_set: canary.name().into() },
        false => RolloutReason::NewRevision { revision: number },
    };
    Some(Write::patch(canary.target(), body, because.into()))
}

/// Retired ReplicaSets beyond the history limit, oldest first. One that still has pods, or is about to, stays.
pub fn trimmed(spec: &Spec<'_>, fleet: &Fleet<'_>) -> Vec<Write> {
    let mut retired = fleet.retired.clone();
    retired.sort_by_key(|revision| revision.set.metadata.creation_timestamp);
    let surplus = retired.len().saturating_sub(spec.history_limit);
    let is_idle = |revision: &&Revision<'_>| {
        let status = &revision.set.status;
        revision.size().asked == 0
            && status.replicas == 0
            && status.observed_generation >= revision.set.metadata.generation
    };
    retired
        .iter()
        .take(surplus)
        .filter(is_idle)
        .map(|revision| {
            Write::delete(
                revision.target(),
                Propagation::Background,
                RolloutReason::HistoryTrimmed { name: revision.name().into() }.into(),
            )
        })
        .collect()
}
