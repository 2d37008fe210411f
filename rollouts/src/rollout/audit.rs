//! A second opinion on a plan, before anything of it is sent: the invariants that one plan can show, restated on their own
//! terms. A plan that breaks one is refused whole. Shares none of the rules' reasoning, only their view of the world.

use super::{
    experiments,
    fleet::{Fleet, Revision},
    goal,
    look::Look,
    observed::Observed,
    phase::Phase,
    replicas,
    spec::Spec,
    traffic::Router,
};
use chrono::{DateTime, Utc};
use crds::{keys, kind};
use plan::{ObjectRef, Plan, Requeue, Verb, Write};
use serde_json::Value;

/// The invariant that the plan breaks, in words.
pub fn audit(observed: &Observed, plan: &Plan, now: DateTime<Utc>) -> Result<(), String> {
    if plan.moves_memory() && plan.moves_world() {
        return Err("a plan moves the memory or the world, never both".into());
    }
    if let Requeue::At(time) = plan.requeue
        && time < now
    {
        return Err("no wake-up lies in the past".into());
    }
    if !plan.moves_world() {
        return Ok(());
    }
    let Ok(spec) = Spec::parse(&observed.rollout) else { return Ok(()) };
    let fleet = Fleet::of(observed, &spec);
    let look = Look::of(observed, &spec, &fleet, now);
    plan.writes().iter().try_for_each(|write| one_write(&look, write))
}

fn one_write(look: &Look<'_>, write: &Write) -> Result<(), String> {
    if let Verb::Create { object, body } = &write.verb {
        return weights(look, object, body);
    }
    let Verb::Patch { target, subresource: None, body } = &write.verb else { return Ok(()) };
    if look.observed.routed.contains_key(&target.object) {
        return weights(look, &target.object, body);
    }
    if target.object.kind == kind::SERVICE.kind {
        return active_service(look, &target.object, body);
    }
    if target.object.kind == kind::REPLICA_SET.kind {
        let Some(revision) = look.fleet.all.iter().find(|revision| revision.name() == target.object.name) else {
            return Ok(());
        };
        return size(look, *revision, body);
    }
    Ok(())
}

/// The Service that carries all of the traffic leads to pods.
fn active_service(look: &Look<'_>, object: &ObjectRef, body: &Value) -> Result<(), String> {
    let is_active = look.sides.is_some_and(|sides| sides.spec.active_service == object.name);
    let hash = body.pointer("/spec/selector").and_then(|selector| selector.get(keys::POD_TEMPLATE_HASH));
    let Some(hash) = hash.and_then(Value::as_str).filter(|_| is_active && look.spec.limits.replicas > 0) else {
        return Ok(());
    };
    if look.fleet.by_hash(hash).is_some_and(|revision| revision.size().available > 0) {
        return Ok(());
    }
    Err(format!("the active Service leads to pods: revision {hash} has none"))
}

/// Shares add up to the whole, and after an abort the canary's never rises.
fn weights(look: &Look<'_>, object: &ObjectRef, body: &Value) -> Result<(), String> {
    let found = look.observed.routed.get(object).map(|found| found.object.value()).unwrap_or_default();
    let written = plan::patched(&found, body);
    let of_router = |router: &dyn Router| router.weights(look.observed, object, &written);
    let others: i32 = experiments::branches(look).iter().map(|branch| branch.weight).sum();
    for weights in look.spec.routers.iter().map(Box::as_ref).flat_map(of_router) {
        let (sum, whole) = (weights.canary + weights.stable, look.spec.limits.whole);
        // What an Experiment and subsets of others have is no part of the sum.
        let is_whole = if others > 0 { sum <= whole } else { sum == whole };
        if !is_whole || weights.canary < 0 || weights.stable < 0 {
            return Err(format!("shares add up to the whole: {} + {}", weights.canary, weights.stable));
        }
        let before = look.traffic.as_ref().map_or(0, |traffic| traffic.highest_canary());
        if look.phase == Phase::Aborted && weights.canary > before {
            return Err(format!("after an abort the canary's share never rises: {before} to {}", weights.canary));
        }
    }
    Ok(())
}

/// A revision that traffic reaches keeps pods, and the only healthy revision keeps all of its own.
fn size(look: &Look<'_>, revision: Revision<'_>, body: &Value) -> Result<(), String> {
    let Some(to) = body.pointer("/spec/replicas").and_then(Value::as_i64) else { return Ok(()) };
    if to >= i64::from(revision.size().asked) || look.spec.limits.replicas == 0 {
        return Ok(());
    }
    if to == 0 && look.share_of(revision.hash()) > 0 {
        return Err(format!("a revision with traffic keeps pods: {}", revision.name()));
    }
    // Where the steps give the canary a scale of its own, they say how many are enough for its share.
    let is_scaled = revision.hash() == look.fleet.hash && goal::scale_in_force(look.spec, look.phase).is_some();
    let needed = i64::from(replicas::routed(look.share_of(revision.hash()), look.spec.limits));
    if look.spec.is_routed() && !is_scaled && to < needed {
        return Err(format!(
            "a revision keeps the pods that its share needs: {} needs {needed}, not {to}",
            revision.name()
        ));
    }
    let others: i32 =
        look.fleet.all.iter().filter(|other| other.name() != revision.name()).map(|other| other.size().available).sum();
    // Where pods are the traffic, and the spec lets all of them be missing, a successor can only come after they went.
    let may_all_go = !look.spec.is_routed() && look.spec.limits.fewest_available() == 0;
    if to == 0 && revision.size().available > 0 && others == 0 && !may_all_go {
        return Err(format!("the last healthy revision is never removed: {}", revision.name()));
    }
    Ok(())
}
