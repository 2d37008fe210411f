//! Pods that lost their traffic stay for a while: a mesh learns late that nothing is to be sent to them.
//!
//! A ReplicaSet carries the time at which it may shrink and the size that it keeps then. The size belongs to the share that its
//! routes had when the time was noted: a share that falls further meanwhile has a time of its own, afterwards, so that at each
//! moment there are the pods for the highest share of the time before. Nothing here knows why a size is wanted.

pub mod hook;

use super::{
    fleet::Revision,
    look::Look,
    scaling::{Deadline, Scaling, resized},
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::{Time, keys};
use plan::{Requeue, reason::RolloutReason};
use serde_json::Value;
use std::cmp::Reverse;

/// A revision that was left keeps its pods for so long, unless its delay is shorter.
const LEAST_DELAY: TimeDelta = TimeDelta::seconds(30);

/// Leaves a revision with `size` pods, once it has needed no more of them for `delay`.
pub fn drained(look: &Look<'_>, revision: Revision<'_>, size: i32, delay: TimeDelta, scaling: &mut Scaling) {
    let asked = revision.size().asked;
    // Who asks for no pods at all asks for no traffic either.
    if size == 0 && asked > 0 && look.share_of(revision.hash()) > 0 && look.spec.limits.replicas > 0 {
        scaling.writes.extend(resized(look, revision, asked, Deadline::Clear));
        scaling.held.push(RolloutReason::StillCarriesTraffic { what: revision.name().into() });
        return;
    }
    let (due, kept) = match revision.deadline() {
        None => (look.now + delay, size),
        Some(due) => (due, size.max(revision.kept_then())),
    };
    if due <= look.now {
        scaling.writes.extend(resized(look, revision, kept.min(asked), Deadline::Clear));
        return;
    }
    if asked == 0 {
        return;
    }
    scaling.writes.extend(resized(look, revision, asked, Deadline::Set(due, kept)));
    scaling.held.push(RolloutReason::Draining { replica_set: revision.name().into(), until: due });
    scaling.requeue = scaling.requeue.earliest(Requeue::At(due));
}

/// Retired revisions lose their pods: those of at most so many stay for the drain time.
pub fn retired(look: &Look<'_>, mut standing: Vec<Revision<'_>>, limit: Option<usize>, scaling: &mut Scaling) {
    // Who was left last is kept first: it may still get requests, and is the one to be switched back to.
    standing.sort_by_key(|revision| Reverse(revision.deadline().unwrap_or(DateTime::<Utc>::MAX_UTC)));
    for (kept, revision) in standing.into_iter().enumerate() {
        if limit.is_none_or(|limit| kept < limit) {
            drained(look, revision, 0, look.spec.scale_down_delay, scaling);
        } else {
            beyond_limit(look, revision, scaling);
        }
    }
}

/// One that the limit has no room for goes as soon as the data plane had the time to learn that nothing is sent to it.
fn beyond_limit(look: &Look<'_>, revision: Revision<'_>, scaling: &mut Scaling) {
    let delay = look.spec.scale_down_delay;
    let due = revision.deadline().map(|deadline| deadline - delay + delay.min(LEAST_DELAY.max(look.spec.drain())));
    match due.filter(|_| look.share_of(revision.hash()) == 0 && revision.kept_then() == 0) {
        Some(due) if due <= look.now => {
            scaling.writes.extend(resized(look, revision, 0, Deadline::Clear));
        }
        Some(due) => {
            scaling.held.push(RolloutReason::Draining { replica_set: revision.name().into(), until: due });
            scaling.requeue = scaling.requeue.earliest(Requeue::At(due));
        }
        None => drained(look, revision, 0, delay, scaling),
    }
}

/// The annotations for a deadline and the pods that stay after it, as far as they are not there yet.
pub fn noted(revision: Revision<'_>, due: DateTime<Utc>, size: i32) -> Vec<(&'static str, Value)> {
    let mut notes = Vec::new();
    if revision.deadline() != Some(due) {
        notes.push((keys::SCALE_DOWN_DEADLINE, Time::from(due).to_string().into()));
    }
    if revision.kept_then() != size {
        notes.push((keys::SCALE_DOWN_TO, if size > 0 { size.to_string().into() } else { Value::Null }));
    }
    notes
}

/// The same annotations, taken away.
pub fn forgotten(revision: Revision<'_>) -> Vec<(&'static str, Value)> {
    let keys = [keys::SCALE_DOWN_DEADLINE, keys::SCALE_DOWN_TO];
    keys.into_iter()
        .filter(|key| revision.set.metadata.annotation(key).is_some())
        .map(|key| (key, Value::Null))
        .collect()
}
