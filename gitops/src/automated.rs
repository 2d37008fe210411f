//! Whether to sync without being asked, decided after each comparison.
//!
//! A commit is tried once; what failed is not tried again by itself. Somebody else's changes are undone only with
//! `selfHeal`, with growing pauses, so that two controllers at war do not melt the API server.

use crate::{
    comparison::{Compared, Comparison},
    memory::{Attempt, Memory},
    prune,
    validate::{Automated, Spec},
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::application::{Operation, OperationInitiator, OperationResource, RetryStrategy, SyncOperation};

/// The first pause between two undoings, its growth and its bound.
const HEAL_WAIT: TimeDelta = TimeDelta::seconds(2);
const HEAL_GROWTH: i32 = 3;
const LONGEST_HEAL_WAIT: TimeDelta = TimeDelta::seconds(300);
/// After this much peace the pauses start over.
const PEACE: TimeDelta = TimeDelta::seconds(330);

/// How often a failed sync is tried again when nobody says.
const ATTEMPTS: i64 = 5;

/// What the policy says about a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing is to be done.
    InSync,
    /// Sync now.
    Start(Box<Operation>),
    /// Out of sync, and not synced for a reason that is no fault.
    Not(&'static str),
    /// The same, until this time.
    Later(DateTime<Utc>),
    /// Out of sync, and syncing would be wrong: the text of the condition.
    Refused(String),
}

/// Decides for a comparison with the latest revision while no sync runs.
pub fn decide(spec: &Spec, memory: &Memory<'_>, comparison: &Comparison, now: DateTime<Utc>) -> Verdict {
    if comparison.is_synced() {
        return Verdict::InSync;
    }
    let attempt = memory.attempt().filter(|attempt| {
        attempt.revision == comparison.revision && attempt.source.is_none_or(|source| *source == spec.source)
    });
    // A sync that somebody asked for and that failed is told of even where nothing is automatic.
    let failure = attempt.filter(|attempt| !attempt.is_success).map(|attempt| {
        Verdict::Refused(format!("Failed last sync attempt to {}: {}", comparison.revision, attempt.message))
    });
    let Some(automated) = spec.automated else {
        return failure.unwrap_or(Verdict::Not("automated sync is off"));
    };
    let work = comparison.objects.iter().filter(|object| is_work(object, automated, spec)).collect::<Vec<_>>();
    if work.is_empty() {
        return failure.unwrap_or(Verdict::Not("only objects that are not pruned are left"));
    }
    let start = |sync| Verdict::Start(Box::new(operation(spec, sync)));
    let wipes_out = comparison.objects.iter().all(Compared::is_extra);
    if automated.prune && !automated.allow_empty && wipes_out {
        return Verdict::Refused(format!(
            "Skipping sync attempt to {}: auto-sync will wipe out all resources",
            comparison.revision
        ));
    }
    let sync = SyncOperation {
        revision: Some(comparison.revision.clone()),
        prune: automated.prune,
        ..SyncOperation::default()
    };
    match (attempt, failure) {
        (_, Some(refused)) => refused,
        (None, None) => start(sync),
        (Some(_), None) if !automated.self_heal => Verdict::Not("selfHeal is off"),
        (Some(attempt), None) => heal(spec, attempt, &work, sync, now),
    }
}

fn heal(spec: &Spec, attempt: Attempt<'_>, work: &[&Compared], sync: SyncOperation, now: DateTime<Utc>) -> Verdict {
    let finished = attempt.finished_at.unwrap_or(now);
    let heals = if now - finished > PEACE { 0 } else { attempt.heals };
    let due = finished + heal_wait(heals);
    if now < due {
        return Verdict::Later(due);
    }
    let resources = work.iter().map(|object| OperationResource {
        group: Some(object.key.group.clone()).filter(|group| !group.is_empty()),
        kind: object.key.kind.clone(),
        name: object.key.name.clone(),
        namespace: None,
    });
    let sync = SyncOperation { resources: resources.collect(), auto_heal_attempts_count: Some(heals + 1), ..sync };
    Verdict::Start(Box::new(operation(spec, sync)))
}

fn heal_wait(heals: i64) -> TimeDelta {
    let Ok(turns) = u32::try_from(heals - 1) else { return TimeDelta::zero() };
    let growth = HEAL_GROWTH.checked_pow(turns);
    growth
        .and_then(|growth| HEAL_WAIT.checked_mul(growth))
        .map_or(LONGEST_HEAL_WAIT, |wait| wait.min(LONGEST_HEAL_WAIT))
}

fn operation(spec: &Spec, sync: SyncOperation) -> Operation {
    let initiated_by = Some(OperationInitiator { automated: true, ..OperationInitiator::default() });
    let retry = spec.retry.clone().unwrap_or(RetryStrategy { limit: Some(ATTEMPTS), ..RetryStrategy::default() });
    Operation { sync: Some(sync), initiated_by, retry: Some(retry), ..Operation::default() }
}

/// Whether a sync would change this object. Without this an extra that is kept would be synced for ever.
fn is_work(object: &Compared, automated: Automated, spec: &Spec) -> bool {
    if object.is_extra() {
        automated.prune && object.is_out_of_sync() && prune::is_prunable(object, spec.options.resources)
    } else {
        !object.is_synced()
    }
}

#[cfg(test)]
mod tests;
