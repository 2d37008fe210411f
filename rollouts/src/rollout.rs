//! The rules for a Rollout: what is observed goes in, a plan comes out.
//!
//! The order is always the same. A spec that cannot be carried out touches nothing. The template gets its ReplicaSet and
//! number. What gives the update another goal (a changed template, a failed analysis, a retry) is recorded. Then the world is
//! brought to what the memory says; and only when nothing is left to do there does the memory move on.

mod advance;
mod anti_affinity;
mod audit;
mod blue_green;
mod check;
pub(crate) mod conditions;
mod drain;
mod duration;
mod endpoints;
mod experiments;
mod fleet;
mod goal;
mod held;
pub(crate) mod invalid;
pub mod left;
mod lint;
mod look;
pub mod memory;
mod observed;
mod phase;
mod pod_metadata;
pub(crate) mod refusal;
mod replicas;
mod report;
mod restart;
mod revision;
mod runs;
mod scaling;
mod spec;
mod switch;
pub mod traffic;
mod unsupported;
pub mod view;
mod waiting;
pub mod workload;

pub use audit::audit;
pub use duration::{Ended, ended};
pub use lint::lint;
pub use observed::{Observed, References};
pub use refusal::Refusal;
pub(crate) use runs::{expanded, is_same as is_same_run};

use chrono::{DateTime, Utc};
use fleet::Fleet;
use invalid::Invalid;
use look::Look;
use phase::Phase;
use plan::{Plan, Reason, Requeue, Write, reason::RolloutReason};
use spec::Spec;

/// What to do next about a Rollout.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Plan {
    if observed.rollout.metadata.is_deleted() {
        return Plan::empty();
    }
    if let Some(error) = &observed.unreadable {
        let fault = Invalid::rendered(&error.path, format!("Invalid value: {}", error.problem));
        return report::invalid(observed, &fault.into(), now);
    }
    let spec = match Spec::of(observed) {
        Ok(spec) => spec,
        Err(faults) => return report::invalid(observed, &faults, now),
    };
    let fleet = Fleet::of(observed, &spec);
    let look = Look::of(observed, &spec, &fleet, now);
    if let Err(faults) = check::references(&look) {
        return report::invalid(observed, &faults, now);
    }
    if let Some(plan) = revised(observed, &spec, &fleet, now) {
        return plan;
    }
    if let Some(change) = advance::urgent(&look) {
        return recorded(&look, change);
    }
    match check::runs(&look) {
        Err(fault) => report::invalid(observed, &fault.into(), now),
        Ok(()) => carry_out(&look),
    }
}

/// The current template gets its ReplicaSet and number; where the server refuses that, the Rollout says so.
fn revised(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>, now: DateTime<Utc>) -> Option<Plan> {
    let writes = revision::writes(observed, spec, fleet);
    if writes.is_empty() {
        return None;
    }
    if let Some(next) = revision::collided(observed, fleet) {
        return report::status_write(observed, &next, RolloutReason::Reported).map(Plan::recording);
    }
    let Some(refused) = refusal::standing(observed.refused.as_ref(), writes.iter()) else {
        return Some(Plan::acting(writes));
    };
    let (told, reason) = match revision::refusal(observed, fleet) {
        Some((name, words)) => report::not_created(observed, &name, words, now),
        None => (report::refused(observed, refused, now), refused.told()),
    };
    let plan = if told.is_some() { Plan::empty().reporting(told) } else { Plan::acting(writes) };
    Some(plan.waiting(reason.into(), Requeue::Never))
}

/// The world follows the memory; when it has, the memory moves on.
fn carry_out(look: &Look<'_>) -> Plan {
    let (mut writes, mut reasons) = switch::writes(look);
    let (moved, held) = traffic::writes(look);
    writes.extend(moved);
    reasons.extend(held);
    writes.extend(runs::writes(look));
    writes.extend(experiments::writes(look));
    let scaling = scaled(look);
    writes.extend(scaling.writes);
    reasons.extend(scaling.held);
    // A ReplicaSet that is changed in this plan already is looked at again first.
    if writes.is_empty() {
        writes.extend(pod_metadata::writes(look));
    }
    if writes.is_empty() {
        writes.extend(left::writes(&look.observed.marked, &References::of(&look.observed.rollout)));
    }
    let workload = if writes.is_empty() { workload::scaling(look) } else { workload::Scaling::default() };
    writes.extend(workload.write);
    let restart = restart::next(look);
    let (hold, until_said) = held::lasting(look, &reasons);
    let refused = refusal::standing(look.observed.refused.as_ref(), writes.iter().chain(&restart.writes));
    if let Some(refused) = refused {
        // It ends each pass before its report: then the report goes alone, and first.
        if let Some(report) = report::write(look, Some(refused), hold.as_ref()) {
            return Plan::empty().reporting(Some(report)).waiting(refused.told().into(), Requeue::Never);
        }
        reasons.insert(0, refused.told());
    }
    if writes.is_empty()
        && let Some(change) = advance::next(look).or(restart.done)
    {
        return recorded(look, change);
    }
    if writes.is_empty() {
        writes.extend(revision::trimmed(look.spec, look.fleet));
        writes.extend(runs::trimmed(look.observed, look.spec, look.fleet));
        writes.extend(experiments::trimmed(look.observed, look.spec, look.fleet));
        if !restart.is_put_off {
            writes.extend(restart.writes);
        }
    }
    let (waits, requeue) = waiting::on(look);
    reasons.extend(waits);
    reasons.extend(restart.held.into_iter().chain(workload.held));
    let late = conditions::deadline(look, look.status()).filter(|deadline| *deadline >= look.now);
    // A plan that acts is followed by another look at once, which reports.
    let report = if writes.is_empty() { report::write(look, refused, hold.as_ref()) } else { None };
    let requeue = requeue
        .earliest(scaling.requeue)
        .earliest(restart.requeue)
        .earliest(workload.requeue)
        .earliest(until_said)
        .earliest(late.map_or(Requeue::Never, |late| Requeue::At(late + chrono::TimeDelta::seconds(1))));
    let mut plan = Plan::acting(writes).reporting(report).by(requeue);
    plan.why = reasons.into_iter().map(Reason::from).collect();
    plan
}

/// Sizes, and what the current ReplicaSet lacks: no pod is made of a template that lacks something, unless the server will not
/// have it mended, and no update waits for that.
fn scaled(look: &Look<'_>) -> scaling::Scaling {
    let mut scaling = scaling::writes(look);
    if let Some(repaired) = revision::repaired(look) {
        let is_refused = refusal::standing(look.observed.refused.as_ref(), [&repaired].into_iter()).is_some();
        if !is_refused || look.phase != Phase::Promoted {
            scaling.writes.retain(|write| write.verb.object() != repaired.verb.object());
        }
        scaling.writes.push(repaired);
    }
    scaling
}

/// One write with the change of the memory and the report that goes with it.
fn recorded(look: &Look<'_>, change: advance::Change) -> Plan {
    let advance::Change { mut status, because, events, abort_message } = change;
    held::show(&mut status, None, look.now);
    let told = report::refresh(look, &mut status, abort_message.as_deref());
    let write: Option<Write> = report::status_write(look.observed, &status, because);
    match write {
        Some(write) => Plan::recording(write.with_events(told).with_events(events)),
        None => Plan::empty(),
    }
}
