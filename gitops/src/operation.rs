//! A sync from its order to its end. Clients wait on this protocol, so its phases and texts are as they know them.
//!
//! Begun: `operation` and `operationState.phase: Running` are written first. Then each pass looks at what is live and
//! does the next step of `waves`; what was written is recorded. Failed with attempts left: still Running, with
//! `finishedAt`. Ended: `operation` is removed and the phase is Succeeded, Failed or Error.

mod record;

pub use record::{Record, Results};

use crate::{
    Observed,
    comparison::{Compared, Comparison},
    diff,
    key::{self, Key},
    memory::{Memory, Progress},
    validate::{self, Request, Spec},
    waves::{self, Step},
};
use chrono::{DateTime, Utc};
use crds::{
    application::{Operation, OperationResource, OperationState},
    kind,
};
use plan::{ObjectRef, Requeue, Target, Write, reason::SyncReason};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a pass does about syncs.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Write down how far the sync is.
    Record(Box<Record>),
    /// Change the cluster.
    Act(Vec<Write>),
    /// Nothing before something happens; the text is shown as the sync's message.
    Wait(SyncReason, Requeue, Option<String>),
}

/// What a pass is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// What the shell saw.
    pub observed: &'a Observed,
    /// The parsed spec.
    pub spec: &'a Spec,
    /// The memory.
    pub memory: &'a Memory<'a>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Begins a sync, or refuses it with everything that is wrong.
pub fn begin(pass: Pass<'_>, order: &Operation, comparison: &Comparison) -> Turn {
    match validate::request(order, pass.spec) {
        Ok(request) => Turn::Record(Box::new(record::begun(pass, order, &request, &comparison.revision))),
        Err(errors) => Turn::Record(Box::new(record::refused(pass, order, &validate::sentences(&errors)))),
    }
}

/// What overtakes a sync that nobody asked for, while it waits: it would hold up what the user wants now.
pub fn overtaken(pass: Pass<'_>, order: &Operation, state: &OperationState, newer: Option<&str>) -> Option<Turn> {
    let is_automated = order.initiated_by.as_ref().is_some_and(|initiator| initiator.automated);
    let result = state.sync_result.as_ref();
    let has_other_source =
        result.and_then(|result| result.source.as_ref()).is_some_and(|source| *source != pass.spec.source);
    let why = match newer {
        _ if !is_automated => return None,
        _ if has_other_source => "superseded by another source".to_owned(),
        Some(newer) if result.is_some_and(|result| result.revision != newer) => format!("superseded by {newer}"),
        _ => return None,
    };
    Some(Turn::Record(Box::new(record::ended(pass, state, "Failed", &why, Results::Kept))))
}

/// One pass of a sync that runs.
pub fn run(pass: Pass<'_>, order: &Operation, state: &OperationState, comparison: &Comparison) -> Turn {
    let request = match validate::request(order, pass.spec) {
        Ok(request) => request,
        Err(errors) => return fail(pass, state, None, &[], "Error", &validate::sentences(&errors)),
    };
    let selected =
        comparison.objects.iter().filter(|object| is_selected(object, &request.resources)).collect::<Vec<_>>();
    if let Some(refusal) = pass.observed.refusals.first() {
        let message = format!("one or more objects failed to apply, reason: {}: {}", refusal.object, refusal.message);
        return fail(pass, state, Some(&request), &selected, "Failed", &message);
    }
    let landed = record::landed(pass, &selected).iter().map(Key::of).collect::<BTreeSet<_>>();
    if request.options.create_namespace && comparison.is_namespace_missing && landed.is_empty() {
        return Turn::Act(vec![namespace(&pass.spec.namespace)]);
    }
    let done = record::written(state).into_iter().chain(landed.iter().cloned()).collect::<BTreeSet<_>>();
    let options = request.prune.then_some(request.options.resources);
    let step = waves::next(&selected, &done, options);
    let unrecorded = landed.iter().any(|key| !record::written(state).contains(key));
    if unrecorded && !matches!(step, Step::Done) {
        return Turn::Record(Box::new(record::advanced(pass, state, &selected)));
    }
    match step {
        Step::Apply(objects) => Turn::Act(objects.into_iter().map(applied).collect()),
        Step::Prune(objects) => Turn::Act(objects.into_iter().filter_map(|object| pruned(object, &request)).collect()),
        Step::AwaitHealth(wave, object) => {
            let message = format!("waiting for healthy state of {}", described(object));
            let reason = SyncReason::WaveUnhealthy { wave, object: object.key.to_string() };
            Turn::Wait(reason, Requeue::Never, Some(message))
        }
        Step::AwaitGone(object) => {
            let message = format!("waiting for deletion of {}", described(object));
            Turn::Wait(SyncReason::NotGone { object: object.key.to_string() }, Requeue::Never, Some(message))
        }
        Step::Failed(object) => {
            let health = object.health.as_ref().map(|health| format!(": {}", health.message)).unwrap_or_default();
            let message = format!(
                "one or more synchronization tasks completed unsuccessfully, reason: {} is Degraded{health}",
                described(object)
            );
            fail(pass, state, Some(&request), &selected, "Failed", &message)
        }
        Step::Done => Turn::Record(Box::new(record::succeeded(pass, state, &request, comparison, &selected))),
    }
}

/// A sync that failed and is tried again at its time.
pub fn retry(pass: Pass<'_>, order: &Operation, state: &OperationState, failed: DateTime<Utc>) -> Turn {
    let Ok(request) = validate::request(order, pass.spec) else {
        return Turn::Record(Box::new(record::ended(
            pass,
            state,
            "Error",
            "the sync cannot be carried out any more",
            Results::Kept,
        )));
    };
    let made = state.retry_count.unwrap_or(1);
    let due = failed + request.retry.wait_after(made - 1);
    if pass.now < due {
        return Turn::Wait(SyncReason::RetriedAt { until: due }, Requeue::At(due), None);
    }
    Turn::Record(Box::new(record::retried(state, made)))
}

/// A sync that cannot go on because nothing can be compared.
pub fn cannot_compare(pass: Pass<'_>, progress: Progress<'_>, message: &str) -> Option<Record> {
    match progress {
        Progress::Running(order, state) => match validate::request(order, pass.spec) {
            Ok(request) => Some(record::failed(pass, state, Some(&request), &[], "Error", message)),
            Err(_) => Some(record::failed(pass, state, None, &[], "Error", message)),
        },
        Progress::Asked(order) => Some(record::refused(pass, order, message)),
        Progress::Terminating(state) => Some(terminated(pass, state)),
        Progress::Idle | Progress::Waiting(..) | Progress::Abandoned(_) => None,
    }
}

/// The end of a sync that somebody ended.
pub fn terminated(pass: Pass<'_>, state: &OperationState) -> Record {
    record::ended(pass, state, "Failed", "Operation terminated", Results::Kept)
}

/// The end of a sync whose order was taken away.
pub fn abandoned(pass: Pass<'_>, state: &OperationState) -> Record {
    record::ended(pass, state, "Error", "the operation was removed before it ended", Results::Kept)
}

fn fail(
    pass: Pass<'_>,
    state: &OperationState,
    request: Option<&Request>,
    selected: &[&Compared],
    phase: &str,
    message: &str,
) -> Turn {
    Turn::Record(Box::new(record::failed(pass, state, request, selected, phase, message)))
}

/// Whether a sync of single objects is about this one. A namespace that is not given matches any.
fn is_selected(object: &Compared, resources: &[OperationResource]) -> bool {
    resources.is_empty()
        || resources.iter().any(|resource| {
            let namespace = resource.namespace.as_deref().filter(|namespace| !namespace.is_empty());
            resource.group.as_deref().unwrap_or("") == object.key.group
                && resource.kind == object.key.kind
                && resource.name == object.key.name
                && (namespace.is_none() || namespace == object.key.namespace.as_deref())
        })
}

fn described(object: &Compared) -> String {
    let key = &object.key;
    if key.group.is_empty() {
        format!("{}/{}", key.kind, key.name)
    } else {
        format!("{}/{}/{}", key.group, key.kind, key.name)
    }
}

fn applied(object: &Compared) -> Write {
    let because = SyncReason::Applied { object: object.key.to_string() };
    let live = object.live.as_ref();
    // Fields that only a client-side apply brought are patched away first; the next pass applies what is left.
    let adoption = live
        .and_then(|live| Some((target(&object.reference, live)?, diff::adoption_patch(&object.differences, live)?)));
    if let Some((target, patch)) = adoption {
        return Write::patch(target, patch, because.into());
    }
    let mut body = object.target.clone().unwrap_or_default();
    // The list that is applied holds weights that were read: the server must refuse it once they are old.
    let version = live.and_then(|live| key::text(live, &["metadata", "resourceVersion"])).filter(|_| object.is_shared);
    if let (Some(version), Some(Value::Object(metadata))) = (version, body.get_mut("metadata")) {
        metadata.insert("resourceVersion".into(), version.into());
    }
    Write::apply(object.reference.clone(), body, true, because.into())
}

fn pruned(object: &Compared, request: &Request) -> Option<Write> {
    let target = target(&object.reference, object.live.as_ref()?)?;
    Some(Write::delete(
        target,
        request.options.propagation,
        SyncReason::Pruned { object: object.key.to_string() }.into(),
    ))
}

/// A live object as the target of a write.
pub fn target(reference: &ObjectRef, live: &Value) -> Option<Target> {
    let text = |name: &str| key::text(live, &["metadata", name]).map(ToOwned::to_owned);
    Some(Target { object: reference.clone(), uid: text("uid")?, resource_version: text("resourceVersion")? })
}

fn namespace(name: &str) -> Write {
    let reference = ObjectRef::of(&kind::NAMESPACE, "", name);
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let because = SyncReason::Applied { object: reference.to_string() };
    Write::apply(reference, body, true, because.into())
}
