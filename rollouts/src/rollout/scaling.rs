//! Gives ReplicaSets their sizes. How many pods a share needs is in `replicas`; here it is decided which ReplicaSet may grow or
//! shrink now: a revision that traffic reaches keeps its pods, and pods that lost their traffic stay for the drain time.

use super::{
    fleet::Revision,
    look::Look,
    phase::Phase,
    replicas::{self, Size},
};
use chrono::TimeDelta;
use crds::{Time, keys};
use plan::{Event, Requeue, Write, reason::RolloutReason};
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

/// Sizes for all ReplicaSets, stable first, then the canary, then the rest, newest first.
pub fn writes(look: &Look<'_>) -> Scaling {
    let mut scaling = Scaling::default();
    if look.is_halted() {
        return scaling;
    }
    if look.spec.is_routed() {
        routed(look, &mut scaling);
    } else {
        basic(look, &mut scaling);
    }
    scaling
}

fn basic(look: &Look<'_>, scaling: &mut Scaling) {
    let limits = look.spec.limits;
    let Some(canary) = look.fleet.canary else { return };
    let stable = look.fleet.stable_beside_canary();
    let retired: Vec<Size> = look.fleet.retired.iter().map(|revision| revision.size()).collect();
    let retired_asked = retired.iter().map(|size| size.asked).sum();
    let next = replicas::toward(look.basic_goal(), limits, canary.size(), stable.map(Revision::size), retired_asked);
    if let Some(stable) = stable {
        scaling.writes.extend(resized(look, stable, next.stable, None));
    }
    scaling.writes.extend(resized(look, canary, next.canary, None));
    // Older revisions go once nothing else moves, so that the same spare pod is not given away twice.
    if scaling.writes.is_empty() {
        let sizes = replicas::retired(limits, &retired, look.fleet.available());
        for (revision, size) in look.fleet.retired.iter().zip(sizes) {
            scaling.writes.extend(resized(look, *revision, size, None));
        }
    }
}

fn routed(look: &Look<'_>, scaling: &mut Scaling) {
    let replicas = look.spec.limits.replicas;
    if let Some(stable) = look.fleet.stable_beside_canary() {
        scaling.writes.extend(resized(look, stable, replicas, None));
    }
    if let Some(canary) = look.fleet.canary {
        routed_canary(look, canary, scaling);
    }
    for revision in &look.fleet.retired {
        // Nothing retired goes while what serves in its place is short of pods.
        let serving = look.fleet.stable.or(look.fleet.canary).map_or(0, |revision| revision.size().available);
        if revision.size().asked > 0 && serving < look.spec.limits.fewest_available() {
            scaling.held.push(RolloutReason::PodsNotReady {
                replica_set: look.fleet.stable.map_or("", |stable| stable.name()).into(),
                want: look.spec.limits.fewest_available(),
                have: serving,
            });
            continue;
        }
        drained(look, *revision, look.spec.scale_down_delay, scaling);
    }
}

fn routed_canary(look: &Look<'_>, canary: Revision<'_>, scaling: &mut Scaling) {
    let replicas = look.spec.limits.replicas;
    if look.phase == Phase::Aborted {
        let stable_is_back = look.fleet.stable.is_some_and(|stable| stable.size().available >= replicas);
        match look.spec.abort_scale_down_delay {
            Some(delay) if stable_is_back => drained(look, canary, delay, scaling),
            _ => scaling.writes.extend(annotated(look, canary)),
        }
        return;
    }
    // Pods go only as far as the share that reaches them has gone.
    let share = look.phase.share_of_pods(look.spec).max(if look.phase.is_updating() {
        look.share_of(canary.hash())
    } else {
        0
    });
    let wanted = replicas::routed(share, replicas);
    let fewest = look.spec.limits.fewest_available();
    let short = look.fleet.stable_beside_canary().filter(|stable| stable.size().available < fewest);
    if let Some(stable) = short.filter(|_| wanted < canary.size().asked) {
        // The canary may be all that is healthy: it keeps its pods until the stable revision has its own.
        let have = stable.size().available;
        scaling.held.push(RolloutReason::PodsNotReady { replica_set: stable.name().into(), want: fewest, have });
        return;
    }
    scaling.writes.extend(resized(look, canary, wanted, canary.deadline().map(|_| Value::Null)));
}

/// Takes the pods of a revision that nothing is sent to, once it has been so for `delay`.
fn drained(look: &Look<'_>, revision: Revision<'_>, delay: TimeDelta, scaling: &mut Scaling) {
    if revision.size().asked == 0 {
        return;
    }
    // Who asks for no pods at all asks for no traffic either.
    if look.share_of(revision.hash()) > 0 && look.spec.limits.replicas > 0 {
        scaling.held.push(RolloutReason::StillCarriesTraffic { what: revision.name().into() });
        return;
    }
    let recorded = revision.deadline();
    let due = recorded.unwrap_or(if delay.is_zero() { look.now } else { look.now + delay });
    if due <= look.now {
        scaling.writes.extend(resized(look, revision, 0, Some(Value::Null)));
        return;
    }
    let deadline = recorded.is_none().then(|| Value::from(Time::from(due).to_string()));
    scaling.writes.extend(resized(look, revision, revision.size().asked, deadline));
    scaling.held.push(RolloutReason::Draining { replica_set: revision.name().into(), until: due });
    scaling.requeue = scaling.requeue.earliest(Requeue::At(due));
}

/// Keeps the bookkeeping annotation of a ReplicaSet that is not resized in step with the Rollout.
fn annotated(look: &Look<'_>, revision: Revision<'_>) -> Option<Write> {
    resized(look, revision, revision.size().asked, None)
}

/// A ReplicaSet with another size, or with its bookkeeping mended; nothing where all is as it should be.
///
/// `deadline` replaces the scale-down deadline: null removes it.
fn resized(look: &Look<'_>, revision: Revision<'_>, size: i32, deadline: Option<Value>) -> Option<Write> {
    let from = revision.size().asked;
    let desired = look.spec.limits.replicas.to_string();
    let is_annotated = revision.desired_annotation() == Some(desired.as_str());
    if from == size && (is_annotated || size == 0) && deadline.is_none() {
        return None;
    }
    let mut annotations = Map::new();
    annotations.insert(keys::DESIRED_REPLICAS.into(), desired.into());
    annotations.extend(deadline.map(|deadline| (keys::SCALE_DOWN_DEADLINE.to_owned(), deadline)));
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
