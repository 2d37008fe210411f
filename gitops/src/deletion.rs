//! What happens to an Application's objects when it is deleted: with its finalizer they go first, wave by wave from the
//! last, then the finalizer. Without it they stay.
//!
//! Only what `prune` would call ours is deleted, and nothing that asks to be kept.

use crate::{
    Observed,
    comparison::Compared,
    desired::Goal,
    key,
    look::{self, Look, Round},
    memory::Memory,
    operation, prune,
    tracking::Tracking,
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::keys;
use plan::{ObjectRef, Plan, Propagation, Requeue, Target, Write, reason::SyncReason};
use serde_json::json;

/// How often it is looked whether deleted objects are gone.
const WHILE_DELETING: TimeDelta = TimeDelta::seconds(1);

/// Decides about an Application that is being deleted.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Plan {
    let finalizers = &observed.application.metadata.finalizers;
    let propagation = match finalizers.iter().find_map(|finalizer| propagation(finalizer)) {
        Some(propagation) => propagation,
        // Somebody else's finalizer holds it, or none does.
        None => return Plan::empty(),
    };
    let memory = Memory::of(&observed.application);
    let round = Round::at(observed, now);
    let recorded = memory.recorded();
    if recorded.is_empty() {
        return Plan::acting(vec![release(observed)]);
    }
    let live = match look::live(observed, recorded, now - WHILE_DELETING) {
        Look::Found(live) => live,
        Look::Asking(ask) => {
            let reading = SyncReason::Reading { what: "live objects".into() };
            return Plan::empty().asking(*ask).waiting(reading.into(), Requeue::At(round.until));
        }
        Look::Failed(message) => {
            let failed = SyncReason::ComparisonFailed { message };
            return Plan::empty().waiting(failed.into(), Requeue::At(round.until));
        }
    };
    let tracking = Tracking::of(&observed.application, &observed.controller_namespace);
    let ours = prune::extras(&memory, &Goal::default(), &live, &tracking);
    let left = ours.iter().filter(|object| !object.settings.options.is_kept_on_deletion).collect::<Vec<_>>();
    let group = prune::next(&left);
    let Some(first) = group.first() else { return Plan::acting(vec![release(observed)]) };
    let writes = group.iter().filter_map(|object| deletion(object, propagation)).collect::<Vec<_>>();
    let again = Requeue::At(live.seen_at + WHILE_DELETING + TimeDelta::milliseconds(1));
    let waits = SyncReason::NotGone { object: first.key.to_string() };
    if writes.is_empty() { Plan::empty().waiting(waits.into(), again) } else { Plan::acting(writes).by(again) }
}

fn propagation(finalizer: &str) -> Option<Propagation> {
    match finalizer {
        keys::RESOURCES_FINALIZER | keys::RESOURCES_FINALIZER_FOREGROUND => Some(Propagation::Foreground),
        keys::RESOURCES_FINALIZER_BACKGROUND => Some(Propagation::Background),
        _ => None,
    }
}

fn deletion(object: &Compared, propagation: Propagation) -> Option<Write> {
    let live = object.live.as_ref()?;
    if key::at(live, &["metadata", "deletionTimestamp"]).is_some() {
        return None;
    }
    let because = SyncReason::ApplicationDeleted { object: object.key.to_string() };
    Some(Write::delete(operation::target(&object.reference, live)?, propagation, because.into()))
}

/// Takes our finalizers away and leaves everybody else's.
fn release(observed: &Observed) -> Write {
    let metadata = &observed.application.metadata;
    let others = metadata.finalizers.iter().filter(|finalizer| propagation(finalizer).is_none()).collect::<Vec<_>>();
    let object = ObjectRef::new("argoproj.io", "v1alpha1", "Application", Some(&metadata.namespace), &metadata.name);
    let because = SyncReason::ApplicationDeleted { object: object.to_string() };
    let target = Target { object, uid: metadata.uid.clone(), resource_version: metadata.resource_version.clone() };
    Write::patch(target, json!({"metadata": {"finalizers": others}}), because.into())
}
