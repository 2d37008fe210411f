//! What happens to an Application's objects when it is deleted: with its finalizer they go first, wave by wave from the
//! last, then the finalizer. Without it they stay.
//!
//! Only what `prune` would call ours is deleted, and nothing that asks to be kept. What holds a deletion up is said in a
//! condition: a refused write, an object that does not go, hooks that nothing here runs, a cluster that is not this one.

use crate::{
    Observed,
    comparison::Compared,
    desired::Goal,
    key,
    look::{self, Look, Round},
    memory::Memory,
    operation::{self, Pass},
    prune,
    status::{self, Draft},
    tracking::Tracking,
    validate::{self, Spec, SpecError},
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::keys;
use plan::{Plan, Propagation, Requeue, Write, reason::SyncReason};
use serde_json::{Value, json};

/// How often it is looked whether deleted objects are gone.
const WHILE_DELETING: TimeDelta = TimeDelta::seconds(1);
/// An object that takes longer than this to go is told of.
const PATIENCE: TimeDelta = TimeDelta::seconds(60);

/// Decides about an Application that is being deleted.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Plan {
    let spec = Spec::unreadable(&observed.application);
    let memory = Memory::of(&observed.application);
    let pass = Pass { observed, spec: &spec, memory: &memory, now };
    let finalizers = &observed.application.metadata.finalizers;
    if let Some(message) = hooks(finalizers, keys::PRE_DELETE_FINALIZER) {
        return held(pass, message, Requeue::Never);
    }
    match finalizers.iter().find_map(|finalizer| propagation(finalizer)) {
        Some(propagation) => cascade(pass, propagation),
        // Somebody else's finalizer holds it, or none does.
        None => match hooks(finalizers, keys::POST_DELETE_FINALIZER) {
            Some(message) => held(pass, message, Requeue::Never),
            None => Plan::empty(),
        },
    }
}

fn cascade(pass: Pass<'_>, propagation: Propagation) -> Plan {
    let Pass { observed, memory, now, .. } = pass;
    let round = Round::at(observed, now);
    let recorded = memory.recorded();
    if recorded.is_empty() {
        return Plan::acting(vec![release(pass)]);
    }
    if let Some(error) = elsewhere(observed) {
        let message = format!("{error}; whoever takes the finalizers away leaves its objects where they are");
        return held(pass, message, Requeue::Never);
    }
    let live = match look::live(observed, recorded, now - WHILE_DELETING) {
        Look::Found(live) => live,
        Look::Asking(ask) => {
            let reading = SyncReason::Reading { what: "live objects".into() };
            return Plan::empty().asking(*ask).waiting(reading.into(), Requeue::At(round.until));
        }
        Look::Failed(message) => return held(pass, message, Requeue::At(round.until)),
    };
    let tracking = Tracking::of(&observed.application, &observed.controller_namespace);
    let ours = prune::extras(memory, &Goal::default(), &live, &tracking);
    let left = ours.iter().filter(|object| !object.settings.options.is_kept_on_deletion).collect::<Vec<_>>();
    let group = prune::next(&left);
    let Some(first) = group.first() else { return Plan::acting(vec![release(pass)]) };
    let writes = group.iter().filter_map(|object| deletion(object, propagation)).collect::<Vec<_>>();
    let again = Requeue::At(live.seen_at + WHILE_DELETING + TimeDelta::milliseconds(1));
    if writes.is_empty() {
        return waiting(pass, first, &group, again);
    }
    act(pass, writes).by(again)
}

/// Deletes, after it was said what could not be deleted before.
fn act(pass: Pass<'_>, mut writes: Vec<Write>) -> Plan {
    let Some(refusal) = pass.observed.refusals.first() else { return Plan::acting(writes) };
    let message = format!("{} cannot be deleted: {}", refusal.object, refusal.message);
    let plan = held(pass, message, Requeue::Never);
    if !plan.writes().is_empty() {
        return plan;
    }
    // The others get their turn before the one that was refused.
    if let Some(place) = writes.iter().position(|write| *write.verb.object() == refusal.object) {
        writes.rotate_left(place + 1);
    }
    plan.why.into_iter().fold(Plan::acting(writes), |plan, why| plan.waiting(why, Requeue::Never))
}

fn waiting(pass: Pass<'_>, first: &Compared, group: &[&Compared], again: Requeue) -> Plan {
    let stuck = group.iter().find_map(|object| stuck(object, pass.now));
    match stuck {
        Some(message) => held(pass, message, again),
        None => {
            let report = Draft::deleting(pass, None).write(pass, SyncReason::Compared.into());
            let waits = SyncReason::NotGone { object: first.key.to_string() };
            Plan::empty().reporting(report).waiting(waits.into(), again)
        }
    }
}

/// An object that has been going for long, with what may hold it.
fn stuck(object: &Compared, now: DateTime<Utc>) -> Option<String> {
    let live = object.live.as_ref()?;
    let since = DateTime::parse_from_rfc3339(key::text(live, &["metadata", "deletionTimestamp"])?).ok()?;
    if now - since.with_timezone(&Utc) < PATIENCE {
        return None;
    }
    let finalizers = key::at(live, &["metadata", "finalizers"]).and_then(Value::as_array);
    let names = finalizers.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let holders = if names.is_empty() { String::new() } else { format!(", held by its finalizers: {names}") };
    Some(format!("{} is being deleted and not gone yet{holders}", object.key))
}

/// What holds the deletion up, in the condition and as the reason.
fn held(pass: Pass<'_>, message: String, again: Requeue) -> Plan {
    let report = Draft::deleting(pass, Some(&message)).write(pass, SyncReason::Compared.into());
    Plan::empty().reporting(report).waiting(SyncReason::DeletionHeld { message }.into(), again)
}

/// The finalizer of hooks, should there be one: it stays until somebody who runs them, or a person, takes it away.
fn hooks(finalizers: &[String], name: &str) -> Option<String> {
    let found = finalizers.iter().find(|finalizer| finalizer.split('/').next() == Some(name))?;
    Some(format!(
        "metadata.finalizers[{found}]: Forbidden: hooks are not supported by this version; take it away to go on"
    ))
}

/// A destination that is not this cluster: nothing here can reach its objects.
fn elsewhere(observed: &Observed) -> Option<SpecError> {
    let mut errors = Vec::new();
    validate::check_destination(&observed.application.spec.destination, &mut errors);
    errors.into_iter().find(|error| matches!(error, SpecError::Unsupported { .. }))
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
fn release(pass: Pass<'_>) -> Write {
    let metadata = &pass.observed.application.metadata;
    let others = metadata.finalizers.iter().filter(|finalizer| propagation(finalizer).is_none()).collect::<Vec<_>>();
    let target = status::target(pass);
    let because = SyncReason::ApplicationDeleted { object: target.object.to_string() };
    Write::patch(target, json!({"metadata": {"finalizers": others}}), because.into())
}
