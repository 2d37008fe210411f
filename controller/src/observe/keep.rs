//! What a store keeps of each kind: the fields that decisions read. Everything else is dropped at the door.

use super::{figures::Figures, packed::Kept};
use crds::{EndpointSlice, Experiment, FieldError, ObjectMeta, Pod, RawObject, ReplicaSet, Rollout, Service, keys};
use rollouts::References;
use serde_json::Value;
use std::sync::Arc;

/// Wrong fields that are taken out of an object, one at a time, before it counts as empty.
const MOST_WRONG_FIELDS: usize = 20;

/// A Rollout as it is kept: packed, and beside it what is asked of many at once.
#[derive(Debug)]
pub(crate) struct KeptRollout {
    /// The Rollout, or what is left of it without the fields of a wrong type.
    pub(crate) rollout: Kept<Rollout>,
    /// Its namespace.
    pub(crate) namespace: Box<str>,
    /// Its name.
    pub(crate) name: Box<str>,
    /// The first of the wrong fields.
    pub(crate) unreadable: Option<Box<FieldError>>,
    /// The objects beside its own that it names.
    pub(crate) references: References,
    /// What is told of it.
    pub(crate) figures: Figures,
}

/// An Experiment as it is kept.
#[derive(Debug)]
pub(crate) struct KeptExperiment {
    /// The Experiment, or what is left of it without the fields of a wrong type.
    pub(crate) experiment: Arc<Experiment>,
    /// The first of the wrong fields.
    pub(crate) unreadable: Option<FieldError>,
}

/// A ReplicaSet as it is kept.
#[derive(Debug)]
pub(crate) struct KeptReplicaSet {
    /// The ReplicaSet.
    pub(crate) set: Kept<ReplicaSet>,
    /// Its namespace.
    pub(crate) namespace: Box<str>,
    /// Who controls it.
    pub(crate) controller: Option<Owner>,
}

/// Name and identity of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Its name.
    pub(crate) name: Box<str>,
    /// Its identity.
    pub(crate) uid: Box<str>,
}

impl Owner {
    /// Who controls an object with this metadata.
    pub(crate) fn of(meta: &ObjectMeta) -> Option<Self> {
        let owner = meta.controller()?;
        Some(Self { name: owner.name.as_str().into(), uid: owner.uid.as_str().into() })
    }
}

/// An error as a store reports it.
pub(super) fn readable<T>(read: Result<T, FieldError>) -> Result<T, String> {
    read.map_err(|error| error.to_string())
}

/// For a controller that looks at one Rollout at a time.
pub(super) fn rollout(object: &Value) -> Result<KeptRollout, String> {
    kept_rollout(object, |rollout| Kept::pack(&rollout).map_err(|error| error.to_string()))
}

/// For a controller that looks at all of them again and again, as it does for Applications.
pub(super) fn whole_rollout(object: &Value) -> Result<KeptRollout, String> {
    kept_rollout(object, |rollout| Ok(Kept::Whole(Arc::new(rollout))))
}

fn kept_rollout(
    object: &Value,
    keep: impl FnOnce(Rollout) -> Result<Kept<Rollout>, String>,
) -> Result<KeptRollout, String> {
    let (mut rollout, unreadable) = read_around(object, Rollout::from_value)?;
    // Read by nobody, and as long as the object itself.
    rollout.metadata.annotations.remove(keys::LAST_APPLIED);
    Ok(KeptRollout {
        namespace: rollout.metadata.namespace.as_str().into(),
        name: rollout.metadata.name.as_str().into(),
        unreadable: unreadable.map(Box::new),
        references: References::of(&rollout),
        figures: Figures::of(&rollout),
        rollout: keep(rollout)?,
    })
}

pub(super) fn experiment(object: &Value) -> Result<KeptExperiment, String> {
    let (mut experiment, unreadable) = read_around(object, Experiment::from_value)?;
    experiment.metadata.annotations.remove(keys::LAST_APPLIED);
    Ok(KeptExperiment { experiment: Arc::new(experiment), unreadable })
}

/// Reads an object without the fields that have a wrong type: one bad field must not hide the whole of it.
fn read_around<T>(
    object: &Value,
    read: impl Fn(&Value) -> Result<T, FieldError>,
) -> Result<(T, Option<FieldError>), String> {
    let first = match read(object) {
        Ok(whole) => return Ok((whole, None)),
        Err(error) => error,
    };
    let mut rest = object.clone();
    let mut wrong = first.clone();
    for _ in 0..MOST_WRONG_FIELDS {
        if !take_out(&mut rest, &wrong.path) {
            break;
        }
        match read(&rest) {
            Ok(left) => return Ok((left, Some(first))),
            Err(error) => wrong = error,
        }
    }
    Err(first.to_string())
}

/// Removes the field at a path such as `spec.strategy.canary.steps[0].setWeight`.
fn take_out(object: &mut Value, path: &str) -> bool {
    let path = path.replace('[', ".").replace(']', "");
    let mut parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let Some(last) = parts.pop() else { return false };
    let mut parent = object;
    for part in parts {
        let child = match parent {
            Value::Object(fields) => fields.get_mut(part),
            Value::Array(items) => part.parse().ok().and_then(|index: usize| items.get_mut(index)),
            _ => None,
        };
        let Some(child) = child else { return false };
        parent = child;
    }
    match parent {
        Value::Object(fields) => fields.remove(last).is_some(),
        // An item is emptied, not removed: those behind it keep their places.
        Value::Array(items) => match last.parse().ok().and_then(|index: usize| items.get_mut(index)) {
            Some(item) if !item.is_null() => {
                *item = Value::Null;
                true
            }
            _ => false,
        },
        _ => false,
    }
}

pub(super) fn replica_set(object: &Value) -> Result<KeptReplicaSet, String> {
    kept_replica_set(object, |set| Kept::pack(&set).map_err(|error| error.to_string()))
}

/// For a controller whose memory nobody counts.
pub(super) fn whole_replica_set(object: &Value) -> Result<KeptReplicaSet, String> {
    kept_replica_set(object, |set| Ok(Kept::Whole(Arc::new(set))))
}

fn kept_replica_set(
    object: &Value,
    keep: impl FnOnce(ReplicaSet) -> Result<Kept<ReplicaSet>, String>,
) -> Result<KeptReplicaSet, String> {
    let set = readable(ReplicaSet::from_value(object))?;
    Ok(KeptReplicaSet {
        namespace: set.metadata.namespace.as_str().into(),
        controller: Owner::of(&set.metadata),
        set: keep(set)?,
    })
}

pub(super) fn pod(object: &Value, with_annotations: bool) -> Result<Pod, String> {
    let mut pod = readable(Pod::from_value(object))?;
    if !with_annotations {
        pod.metadata.annotations.clear();
    }
    // Only people who ask why a pod is not ready read it.
    pod.status.init_container_statuses.iter_mut().for_each(|container| container.last_state = None);
    pod.status.container_statuses.iter_mut().for_each(|container| container.last_state = None);
    Ok(pod)
}

/// What a Rollout takes from a workload, and what its size is changed by.
pub(super) fn workload(object: &Value) -> Result<RawObject, String> {
    let mut kept = object.clone();
    only(&mut kept, &["apiVersion", "kind", "metadata", "spec", "template"]);
    if let Some(metadata) = kept.get_mut("metadata") {
        only(metadata, &["name", "namespace", "uid", "resourceVersion", "generation"]);
    }
    if let Some(spec) = kept.get_mut("spec") {
        only(spec, &["replicas", "selector", "template"]);
    }
    readable(RawObject::from_value(&kept))
}

fn only(object: &mut Value, fields: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|name, _| fields.contains(&name.as_str()));
    }
}

pub(super) fn service(object: &Value) -> Result<Service, String> {
    let mut service = readable(Service::from_value(object))?;
    service.metadata.annotations.retain(|key, _| key == keys::MANAGED_BY_ROLLOUTS);
    Ok(service)
}

pub(super) fn endpoint_slice(object: &Value) -> Result<EndpointSlice, String> {
    let mut slice = readable(EndpointSlice::from_value(object))?;
    slice.metadata.annotations.clear();
    slice.metadata.labels.retain(|key, _| key == keys::SERVICE_NAME);
    slice.metadata.owner_references.clear();
    Ok(slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_wrong_field_does_not_hide_the_rest() {
        let kept = rollout(&json!({
            "metadata": {"name": "web", "namespace": "shop", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"replicas": 3, "minReadySeconds": "soon", "strategy": {"canary": {"canaryService": "web-canary", "steps": [{"setWeight": "lots"}, {"setWeight": 20}]}}},
        }))
        .expect("reads around it");
        assert!(kept.unreadable.expect("says which").path.contains("minReadySeconds"));
        let left = kept.rollout.open().expect("opens");
        assert_eq!(left.spec.replicas, Some(3));
        assert!(left.metadata.annotations.is_empty());
        assert_eq!(kept.references.services, ["web-canary"]);
    }
}
