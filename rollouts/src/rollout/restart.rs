//! Which pods are older than the restart that somebody asked for? Evicts them, stable revision first, as far as others are
//! available in their place, and records the restart once none is left.
//!
//! Nothing here replaces a pod: its ReplicaSet does. Steps, weights and sizes go on beside it.

use super::{advance::Change, fleet::Revision, look::Look, refusal};
use chrono::{DateTime, TimeDelta, Utc};
use crds::{
    Pod, Time, kind,
    rollout::{RolloutSpec, RolloutStatus},
};
use plan::{Requeue, Target, Write, reason::RolloutReason};

/// A budget that has none to give now is asked again after this long.
const BETWEEN_ATTEMPTS: TimeDelta = TimeDelta::seconds(10);

/// What a restart needs.
#[derive(Clone, Debug, Default)]
pub struct Restart {
    /// Pods to evict.
    pub writes: Vec<Write>,
    /// One of them was refused a moment ago: they are tried later, and nothing else waits for them.
    pub is_put_off: bool,
    /// What holds the rest.
    pub held: Option<RolloutReason>,
    /// When to look again.
    pub requeue: Requeue,
    /// It is carried out.
    pub done: Option<Change>,
}

/// The restart that is asked for and that this status does not record as carried out. A status holds whole seconds.
pub fn wanted(spec: &RolloutSpec, status: &RolloutStatus) -> Option<Time> {
    let asked = spec.restart_at?;
    let carried_out = status.restarted_at.map(|time| time.0.timestamp());
    (carried_out != Some(asked.0.timestamp())).then_some(asked)
}

/// What the restart needs now.
pub fn next(look: &Look<'_>) -> Restart {
    let Some(Time(at)) = wanted(&look.observed.rollout.spec, look.status()) else { return Restart::default() };
    if at > look.now {
        let held = Some(RolloutReason::RestartAhead { at });
        return Restart { held, requeue: Requeue::At(at), ..Restart::default() };
    }
    let old = older(look, at);
    if old.is_empty() {
        let mut status = look.status().clone();
        status.restarted_at = Some(Time(at));
        return Restart { done: Some(Change::new(status, RolloutReason::Restarted { at })), ..Restart::default() };
    }
    let (available, fewest) = (available(look), fewest(look));
    let mut spare = (available - fewest).max(0);
    // A pod that serves nobody costs nothing.
    let may_go = |pod: &&Pod| {
        let is_free = !pod.is_ready() || spare > 0;
        spare -= i32::from(pod.is_ready() && spare > 0);
        is_free
    };
    let going: Vec<&Pod> = old.iter().copied().filter(may_go).collect();
    let count = old.len() - going.len();
    let held = (count > 0).then_some(RolloutReason::RestartHeld { count, available, fewest });
    let writes: Vec<Write> = going.into_iter().map(|pod| evicted(pod, at)).collect();
    let refused = refusal::standing(look.observed.refused.as_ref(), writes.iter());
    match refused.map(|refused| refused.at + BETWEEN_ATTEMPTS).filter(|again| *again > look.now) {
        Some(again) => Restart { writes, is_put_off: true, held, requeue: Requeue::At(again), done: None },
        None => Restart { writes, held, ..Restart::default() },
    }
}

/// Our pods that were made before this and are not going yet: the stable revision's first, then the canary's.
fn older<'a>(look: &Look<'a>, at: DateTime<Utc>) -> Vec<&'a Pod> {
    let fleet = look.fleet;
    let current = [fleet.stable_beside_canary(), fleet.canary];
    let revisions = current.into_iter().flatten().chain(fleet.retired.iter().copied());
    let is_older = |pod: &&Pod| pod.metadata.creation_timestamp.is_some_and(|made| made.0 < at);
    revisions.flat_map(|revision| living(look, revision)).filter(is_older).collect()
}

fn living<'a>(look: &Look<'a>, revision: Revision<'a>) -> impl Iterator<Item = &'a Pod> {
    let uid = &revision.set.metadata.uid;
    let pods = look.observed.pods.iter().map(AsRef::as_ref);
    pods.filter(move |pod| pod.metadata.is_controlled_by(uid) && !pod.metadata.is_deleted())
}

/// Available pods that are not going. A ReplicaSet's count lags behind an eviction, the pods say nothing of `minReadySeconds`:
/// the lower one counts, of each revision by itself. In sums, the pods of one that is about to go would make up for it.
fn available(look: &Look<'_>) -> i32 {
    let of = |revision: &Revision<'_>| {
        let ready = living(look, *revision).filter(|pod| pod.is_ready()).count();
        revision.lasting().min(i32::try_from(ready).unwrap_or(i32::MAX))
    };
    look.fleet.all.iter().map(of).sum()
}

/// Pods that stay available: all that are asked for but `maxUnavailable`, of which there is one at least.
fn fewest(look: &Look<'_>) -> i32 {
    let limits = look.spec.limits;
    let asked: i32 = look.fleet.all.iter().map(|revision| revision.size().asked).sum();
    limits.replicas.max(asked) - limits.unavailable.max(1)
}

fn evicted(pod: &Pod, at: DateTime<Utc>) -> Write {
    let because = RolloutReason::PodRestarted { pod: pod.metadata.name.clone(), at };
    Write::evict(Target::of(&kind::POD, &pod.metadata), because.into())
}
