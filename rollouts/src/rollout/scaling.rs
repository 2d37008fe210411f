//! Gives ReplicaSets their sizes. How many pods a share needs is in `replicas`; here it is decided which ReplicaSet may grow or
//! shrink now: a revision that traffic reaches keeps its pods, and pods that lost their traffic stay for the drain time.

use super::{
    blue_green,
    drain::{self, drained},
    fleet::Revision,
    goal,
    look::Look,
    phase::Phase,
    replicas::{self, Size, Split},
    switch,
};
use chrono::{DateTime, Utc};
use crds::keys;
use plan::{Event, Requeue, Verb, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};

/// What scaling comes to: writes, what holds it, and when to look again.
#[derive(Debug, Default)]
pub struct Scaling {
    /// Writes, in the order in which they may be sent.
    pub writes: Vec<Write>,
    /// What holds a size back.
    pub held: Vec<RolloutReason>,
    /// When a drain time is over.
    pub requeue: Requeue,
}

/// What becomes of the time until which a ReplicaSet keeps pods that it no longer needs.
#[derive(Clone, Copy, Debug)]
pub enum Deadline {
    /// It stays as it is.
    Keep,
    /// There is none.
    Clear,
    /// It is this, and so many pods stay after it.
    Set(DateTime<Utc>, i32),
}

/// Sizes for all ReplicaSets, stable first, then the canary, then the rest, newest first.
pub fn writes(look: &Look<'_>) -> Scaling {
    let mut scaling = Scaling::default();
    if look.is_halted() {
        return scaling;
    }
    match &look.sides {
        Some(sides) => blue_green::sizes::scale(look, sides, &mut scaling),
        None if look.spec.is_routed() => routed(look, &mut scaling),
        None => basic(look, &mut scaling),
    }
    scaling
}

fn basic(look: &Look<'_>, scaling: &mut Scaling) {
    let limits = look.spec.limits;
    let Some(canary) = look.fleet.canary else { return };
    let stable = look.fleet.stable_beside_canary();
    let retired: Vec<Size> = look.fleet.retired.iter().map(|revision| revision.size()).collect();
    let retired_asked = retired.iter().map(|size| size.asked).sum();
    let goal = Split { canary: look.goal.canary_pods, stable: look.goal.stable_pods };
    let next = replicas::toward(goal, limits, canary.size(), stable.map(Revision::size), retired_asked);
    // Counts that are older than the sizes asked for may name pods that go: nothing shrinks on them.
    let is_counted = look.fleet.all.iter().all(|revision| revision.is_counted());
    let least = |revision: Revision<'_>| if is_counted { 0 } else { revision.size().asked };
    if let Some(stable) = stable {
        scaling.writes.extend(resized(look, stable, next.stable.max(least(stable)), Deadline::Clear));
    }
    scaling.writes.extend(resized(look, canary, next.canary.max(least(canary)), Deadline::Clear));
    // Older revisions go once nothing else moves, so that the same spare pod is not given away twice.
    if scaling.writes.is_empty() && is_counted {
        let sizes = replicas::retired(limits, &retired, look.fleet.lasting());
        for (revision, size) in look.fleet.retired.iter().zip(sizes) {
            scaling.writes.extend(resized(look, *revision, size, Deadline::Clear));
        }
    }
}

fn routed(look: &Look<'_>, scaling: &mut Scaling) {
    let (canary, stable) = (look.fleet.canary, look.fleet.stable_beside_canary());
    if let Some(stable) = stable {
        fitted(look, stable, canary, look.goal.stable_pods, scaling);
    }
    if let Some(canary) = canary {
        let unprepared = switch::unprepared(look).filter(|_| look.goal.canary_pods > canary.size().asked);
        if look.phase == Phase::Aborted {
            taken_back(look, canary, scaling);
        } else if let Some(reason) = unprepared {
            scaling.held.push(reason);
        } else {
            fitted(look, canary, stable, look.goal.canary_pods, scaling);
        }
    }
    let standing: Vec<_> = look.fleet.retired.iter().copied().filter(|revision| revision.size().asked > 0).collect();
    // Nothing retired goes while what serves in its place is short of pods.
    let fewest = fewest_serving(look);
    let beside = canary.filter(|_| look.spec.pods.stable_follows && stable.is_some()).map_or(0, Revision::lasting);
    let serving = look.fleet.stable.or(canary);
    match serving.filter(|revision| revision.size().available + beside < fewest) {
        Some(short) => scaling.held.extend(standing.iter().map(|_| lacking(short, fewest))),
        None => drain::retired(look, standing, look.spec.pods.revision_limit, scaling),
    }
}

/// The pods that the serving revision must have before others lose theirs. One at least: the last healthy pods never go.
pub fn fewest_serving(look: &Look<'_>) -> i32 {
    let limits = look.spec.limits;
    limits.fewest_available().max(limits.replicas.min(1))
}

/// What is said where a revision has too few pods for others to go.
pub fn lacking(revision: Revision<'_>, want: i32) -> RolloutReason {
    RolloutReason::PodsNotReady { replica_set: revision.name().into(), want, have: revision.size().available }
}

/// The canary of an aborted update.
fn taken_back(look: &Look<'_>, canary: Revision<'_>, scaling: &mut Scaling) {
    if look.spec.pods.canary_follows_back {
        fitted(look, canary, look.fleet.stable, 0, scaling);
        return;
    }
    let replicas = look.spec.limits.replicas;
    let stable_is_back = look.fleet.stable.is_some_and(|stable| stable.size().available >= replicas);
    match look.spec.abort_scale_down_delay {
        Some(delay) if stable_is_back => drained(look, canary, 0, delay, scaling),
        // Its size stays; its bookkeeping follows the Rollout.
        _ => scaling.writes.extend(resized(look, canary, canary.size().asked, Deadline::Keep)),
    }
}

/// One of two revisions that share the traffic gets the size that it should have: more pods at once, fewer only as far as the
/// share that reaches them has gone, for long enough, and as the other one has pods in their place.
fn fitted(look: &Look<'_>, revision: Revision<'_>, other: Option<Revision<'_>>, wanted: i32, scaling: &mut Scaling) {
    let (replicas, asked) = (look.spec.limits.replicas, revision.size().asked);
    if wanted >= asked || !look.phase.is_updating() || replicas == 0 {
        scaling.writes.extend(resized(look, revision, wanted, Deadline::Clear));
        return;
    }
    // The steps may say that fewer pods are enough for the canary's share.
    let is_canary = revision.hash() == look.fleet.hash;
    let is_scaled = is_canary && goal::scale_in_force(look.spec, look.phase).is_some();
    let share = if is_scaled { 0 } else { look.share_of(revision.hash()) };
    let needed = wanted.max(look.spec.pods.for_share(share, look.spec.limits));
    let fewest = fewest_serving(look);
    let promised = other.map_or(0, |other| fewest - lasting_after(scaling, other));
    if promised > needed
        && let Some(other) = other.filter(|other| other.lasting() < other.size().asked)
    {
        // This may be all that is healthy: it keeps its pods until the other one has its own.
        scaling.held.push(lacking(other, fewest));
    }
    let size = needed.max(promised);
    // Fewer replicas take effect at once; a smaller share only when the mesh had the time to learn of it.
    let before = revision.desired_annotation().filter(|before| **before != replicas.to_string());
    if size >= asked {
        scaling.writes.extend(resized(look, revision, asked, Deadline::Clear));
    } else if size > 0 && (before.is_some() || revision.desired_annotation().is_none()) {
        let before = before.and_then(|before| before.parse().ok()).unwrap_or(replicas);
        let pods = size.max(replicas::in_proportion(asked, replicas, before));
        scaling.writes.extend(resized(look, revision, pods, Deadline::Keep));
    } else {
        drained(look, revision, size, look.spec.scale_down_delay, scaling);
    }
}

/// Pods that a revision keeps when what is planned so far is done: two that shrink in one plan must not count on each other.
fn lasting_after(scaling: &Scaling, revision: Revision<'_>) -> i32 {
    let planned = scaling.writes.iter().find_map(|write| match &write.verb {
        Verb::Patch { target, body, .. } if target.object.name == revision.name() => {
            i32::try_from(body.pointer("/spec/replicas")?.as_i64()?).ok()
        }
        _ => None,
    });
    planned.map_or(revision.lasting(), |planned| revision.lasting().min(planned))
}

/// A ReplicaSet with another size, or with its bookkeeping mended; nothing where all is as it should be.
pub fn resized(look: &Look<'_>, revision: Revision<'_>, size: i32, deadline: Deadline) -> Option<Write> {
    let from = revision.size().asked;
    let desired = look.spec.limits.replicas.to_string();
    let is_annotated = revision.desired_annotation() == Some(desired.as_str());
    let kept: Vec<(&str, Value)> = match deadline {
        Deadline::Keep => Vec::new(),
        Deadline::Clear => drain::forgotten(revision),
        Deadline::Set(due, size) => drain::noted(revision, due, size),
    };
    if from == size && (is_annotated || size == 0) && kept.is_empty() {
        return None;
    }
    let mut annotations = Map::new();
    annotations.insert(keys::DESIRED_REPLICAS.into(), desired.into());
    annotations.extend(kept.into_iter().map(|(key, value)| (key.to_owned(), value)));
    let mut body = json!({ "metadata": { "annotations": annotations } });
    if from == size {
        return Some(Write::patch(
            revision.target(),
            body,
            RolloutReason::Annotated { replica_set: revision.name().into() }.into(),
        ));
    }
    if let Some(fields) = body.as_object_mut() {
        fields.insert("spec".into(), json!({ "replicas": size }));
    }
    let direction = if size > from { "up" } else { "down" };
    let told = format!(
        "Scaled {direction} ReplicaSet {} (revision {}) from {from} to {size}",
        revision.name(),
        revision.number()
    );
    let because = RolloutReason::Scaled { replica_set: revision.name().into(), from, to: size };
    Some(Write::patch(revision.target(), body, because.into()).with_event(Event::normal("ScalingReplicaSet", told)))
}
