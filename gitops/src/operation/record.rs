//! What is written down about a sync: its state, its results, its place in the history, and the Events that tell of it.

use super::Pass;
use crate::{
    comparison::{Compared, Comparison},
    diff,
    key::Key,
    validate::{Request, ResourceOptions, Spec},
};
use chrono::{DateTime, Utc};
use crds::{
    Time,
    application::{Operation, OperationState, ResourceResult, RevisionHistory, SyncOperationResult},
};
use plan::{Event, ObjectRef, reason::SyncReason};
use std::collections::BTreeSet;

/// What a pass writes down.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The order, while the sync is not over.
    pub operation: Option<Operation>,
    /// How far it is.
    pub state: OperationState,
    /// A new entry of the history.
    pub history: Option<RevisionHistory>,
    /// Why.
    pub reason: SyncReason,
    /// Events.
    pub events: Vec<Event>,
}

/// Which results of single objects an ended sync shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Results {
    /// Those that were there.
    Kept,
    /// These.
    New(Vec<ResourceResult>),
}

/// A sync begins.
pub(super) fn begun(pass: Pass<'_>, order: &Operation, request: &Request, revision: &str) -> Record {
    let who = initiator(order, request.is_automated);
    let state = OperationState {
        operation: order.clone(),
        phase: "Running".into(),
        message: Some("waiting to start".into()),
        sync_result: Some(result(pass.spec, revision, Vec::new())),
        started_at: Some(pass.now.into()),
        ..OperationState::default()
    };
    let text = if request.is_automated { "automated sync" } else { "sync" };
    Record {
        operation: Some(order.clone()),
        state,
        history: None,
        reason: SyncReason::SyncStarted { revision: revision.to_owned(), who: who.clone() },
        events: vec![Event::normal("OperationStarted", format!("{who} initiated {text} to '{revision}'"))],
    }
}

/// A sync that cannot be carried out ends before it begins.
pub(super) fn refused(pass: Pass<'_>, order: &Operation, message: &str) -> Record {
    let state =
        OperationState { operation: order.clone(), started_at: Some(pass.now.into()), ..OperationState::default() };
    ended(pass, &state, "Error", message, Results::Kept)
}

/// What was written is written down, so that the next wave can begin.
pub(super) fn advanced(pass: Pass<'_>, state: &OperationState, selected: &[&Compared]) -> Record {
    let results = with_landed(pass, state, selected);
    let message = format!("{} objects written", results.len());
    let state = with_results(OperationState { message: Some(message.clone()), ..state.clone() }, results);
    let reason = SyncReason::SyncAdvanced { written: message };
    Record { operation: Some(state.operation.clone()), state, history: None, reason, events: Vec::new() }
}

/// All is done.
pub(super) fn succeeded(
    pass: Pass<'_>,
    state: &OperationState,
    request: &Request,
    comparison: &Comparison,
    selected: &[&Compared],
) -> Record {
    let mut results = with_landed(pass, state, selected);
    let known = results.iter().map(key_of).collect::<BTreeSet<_>>();
    let others = selected.iter().filter(|object| !known.contains(&object.key));
    results.extend(others.filter_map(|object| untouched(object, request)));
    let tasks = if results.is_empty() { "no more tasks" } else { "all tasks run" };
    let record = ended(pass, state, "Succeeded", &format!("successfully synced ({tasks})"), Results::New(results));
    let is_whole = request.resources.is_empty();
    Record { history: is_whole.then(|| history(pass, state, &comparison.revision)), ..record }
}

/// An attempt failed: another follows, or this was the last.
pub(super) fn failed(
    pass: Pass<'_>,
    state: &OperationState,
    request: Option<&Request>,
    selected: &[&Compared],
    phase: &str,
    message: &str,
) -> Record {
    let mut results = with_landed(pass, state, selected);
    results.extend(pass.observed.refusals.iter().map(|refusal| ResourceResult {
        status: Some("SyncFailed".into()),
        message: Some(refusal.message.clone()),
        ..resource(&refusal.object)
    }));
    let made = state.retry_count.unwrap_or(0);
    let Some(request) = request.filter(|request| request.retry.has_more(made)) else {
        return ended(pass, state, phase, message, Results::New(results));
    };
    let due = pass.now + request.retry.wait_after(made);
    let next = made + 1;
    let state = OperationState {
        message: Some(format!("{message}. Retrying attempt #{next} at {}.", clock(due))),
        finished_at: Some(pass.now.into()),
        retry_count: Some(next),
        ..with_results(state.clone(), results)
    };
    let reason = SyncReason::SyncEnded { phase: phase.to_owned(), message: message.to_owned() };
    Record { operation: Some(state.operation.clone()), state, history: None, reason, events: Vec::new() }
}

/// The next attempt begins.
pub(super) fn retried(state: &OperationState, attempt: i64) -> Record {
    let message = format!("Retrying operation. Attempt #{attempt}");
    let state =
        OperationState { message: Some(message.clone()), finished_at: None, ..with_results(state.clone(), Vec::new()) };
    let reason = SyncReason::SyncAdvanced { written: message };
    Record { operation: Some(state.operation.clone()), state, history: None, reason, events: Vec::new() }
}

/// A sync is over.
pub(super) fn ended(pass: Pass<'_>, state: &OperationState, phase: &str, message: &str, results: Results) -> Record {
    let message = match state.retry_count.unwrap_or(0) {
        0 => message.to_owned(),
        retries => format!("{message} (retried {retries} times)"),
    };
    let state = match results {
        Results::Kept => state.clone(),
        Results::New(results) => with_results(state.clone(), results),
    };
    let revision = state.sync_result.as_ref().map(|result| result.revision.clone()).unwrap_or_default();
    let event = if phase == "Succeeded" {
        Event::normal("OperationCompleted", format!("Sync operation to {revision} succeeded"))
    } else {
        Event::warning("OperationCompleted", format!("Sync operation to {revision} failed: {message}"))
    };
    let state = OperationState {
        phase: phase.to_owned(),
        message: Some(message.clone()),
        finished_at: Some(pass.now.into()),
        ..state
    };
    let reason = SyncReason::SyncEnded { phase: phase.to_owned(), message };
    Record { operation: None, state, history: None, reason, events: vec![event] }
}

/// The objects that a sync has written, by its own record.
pub(super) fn written(state: &OperationState) -> BTreeSet<Key> {
    let results = state.sync_result.iter().flat_map(|result| &result.resources);
    results.filter(|result| matches!(result.status.as_deref(), Some("Synced" | "Pruned"))).map(key_of).collect()
}

/// What the latest writes carried to its end. The patch before the first apply of an object is only its beginning: until
/// our own apply is seen on the object, it is still to come.
pub(super) fn landed(pass: Pass<'_>, selected: &[&Compared]) -> Vec<ObjectRef> {
    let is_begun = |reference: &&ObjectRef| {
        selected.iter().any(|object| {
            let live = object.live.as_ref().filter(|_| !object.is_extra() && !object.is_synced());
            object.key == Key::of(reference) && live.is_some_and(diff::is_foreign)
        })
    };
    pass.observed.landed.iter().filter(|reference| !is_begun(reference)).cloned().collect()
}

fn with_landed(pass: Pass<'_>, state: &OperationState, selected: &[&Compared]) -> Vec<ResourceResult> {
    let mut results = state.sync_result.as_ref().map(|result| result.resources.clone()).unwrap_or_default();
    for reference in landed(pass, selected) {
        let reference = &reference;
        let key = Key::of(reference);
        let is_extra = selected.iter().any(|object| object.key == key && object.is_extra());
        // An extra that is gone is not compared any more; Git does not have it either.
        let is_pruned = is_extra
            || (!selected.is_empty()
                && !selected.iter().any(|object| object.key == key)
                && reference.kind != "Namespace");
        let (status, message) =
            if is_pruned { ("Pruned", "pruned".to_owned()) } else { ("Synced", applied(reference)) };
        results.retain(|result| key_of(result) != key);
        results.push(ResourceResult {
            status: Some(status.into()),
            message: Some(message),
            hook_phase: Some(if is_pruned { "Succeeded" } else { "Running" }.into()),
            sync_phase: Some("Sync".into()),
            ..resource(reference)
        });
    }
    results
}

/// What kubectl says of such a write.
fn applied(reference: &ObjectRef) -> String {
    let kind = reference.kind.to_lowercase();
    let dot = if reference.group.is_empty() { "" } else { "." };
    format!("{kind}{dot}{}/{} serverside-applied", reference.group, reference.name)
}

/// What a sync says about an object that it did not write.
fn untouched(object: &Compared, request: &Request) -> Option<ResourceResult> {
    let (status, message) = if object.is_extra() {
        let is_kept = object.settings.options.with(request.options.resources) != ResourceOptions::default();
        ("PruneSkipped", if is_kept { "ignored (no prune)" } else { "ignored (requires pruning)" })
    } else if request.options.out_of_sync_only {
        return None;
    } else {
        ("Synced", "unchanged")
    };
    Some(ResourceResult {
        status: Some(status.into()),
        message: Some(message.into()),
        sync_phase: Some("Sync".into()),
        ..resource(&object.reference)
    })
}

fn resource(reference: &ObjectRef) -> ResourceResult {
    ResourceResult {
        group: reference.group.clone(),
        version: reference.version.clone(),
        kind: reference.kind.clone(),
        namespace: reference.namespace.clone().unwrap_or_default(),
        name: reference.name.clone(),
        ..ResourceResult::default()
    }
}

fn key_of(result: &ResourceResult) -> Key {
    Key {
        group: result.group.clone(),
        kind: result.kind.clone(),
        namespace: Some(result.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        name: result.name.clone(),
    }
}

fn result(spec: &Spec, revision: &str, resources: Vec<ResourceResult>) -> SyncOperationResult {
    SyncOperationResult {
        resources,
        revision: revision.to_owned(),
        source: Some(spec.source.clone()),
        ..SyncOperationResult::default()
    }
}

fn with_results(state: OperationState, resources: Vec<ResourceResult>) -> OperationState {
    let result = state.sync_result.clone().unwrap_or_default();
    OperationState { sync_result: Some(SyncOperationResult { resources, ..result }), ..state }
}

fn history(pass: Pass<'_>, state: &OperationState, revision: &str) -> RevisionHistory {
    RevisionHistory {
        revision: Some(revision.to_owned()),
        deployed_at: Some(Time::from(pass.now)),
        id: pass.memory.next_history_id(),
        source: Some(pass.spec.source.clone()),
        deploy_started_at: state.started_at,
        initiated_by: state.operation.initiated_by.clone(),
        ..RevisionHistory::default()
    }
}

fn initiator(order: &Operation, is_automated: bool) -> String {
    let name =
        order.initiated_by.as_ref().and_then(|initiator| initiator.username.clone()).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| if is_automated { "automated sync policy" } else { "Unknown user" }.to_owned())
}

/// The time of day as clients show it: `3:04PM`.
fn clock(time: DateTime<Utc>) -> String {
    time.format("%-I:%M%p").to_string()
}
