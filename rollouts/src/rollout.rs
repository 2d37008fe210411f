//! The rules for a Rollout: what is observed goes in, a plan comes out.
//!
//! The order is always the same. A spec that cannot be carried out touches nothing. The template gets its ReplicaSet and
//! number. A changed template is recorded. Then the world is brought to what the memory says; and only when nothing is left
//! to do there does the memory move on.

mod advance;
pub mod audit;
mod check;
mod conditions;
mod endpoints;
mod fleet;
pub(crate) mod invalid;
mod look;
pub mod memory;
mod observed;
mod phase;
pub mod replicas;
mod report;
mod revision;
mod runs;
mod scaling;
mod spec;
mod switch;
pub mod traffic;
mod unsupported;
pub mod view;

pub use observed::{Observed, References};

use chrono::{DateTime, Utc};
use fleet::Fleet;
use invalid::Invalid;
use look::Look;
use plan::{Plan, Reason, Requeue, Write};
use spec::Spec;

/// What to do next about a Rollout.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Plan {
    if observed.rollout.metadata.is_deleted() {
        return Plan::empty();
    }
    if let Some(error) = &observed.unreadable {
        return report::invalid(
            observed,
            &Invalid::rendered(&error.path, format!("Invalid value: {}", error.problem)),
            now,
        );
    }
    let spec = match Spec::parse(&observed.rollout) {
        Ok(spec) => spec,
        Err(invalid) => return report::invalid(observed, &invalid, now),
    };
    let fleet = Fleet::of(observed, &spec);
    if let Err(invalid) = check::references(observed, &spec, &fleet) {
        return report::invalid(observed, &invalid, now);
    }
    let revisions = revision::writes(observed, &spec, &fleet);
    if !revisions.is_empty() {
        return Plan::acting(revisions);
    }
    let look = report::first_look(observed, &spec, &fleet, now);
    if let Some(change) = advance::restart(observed, &spec, &fleet) {
        return recorded(&look, change);
    }
    carry_out(&look)
}

/// The world follows the memory; when it has, the memory moves on.
fn carry_out(look: &Look<'_>) -> Plan {
    let (mut writes, mut reasons) = switch::writes(look);
    let (moved, held) = traffic::writes(look);
    writes.extend(moved);
    reasons.extend(held);
    writes.extend(runs::writes(look));
    let scaling = scaling::writes(look);
    writes.extend(scaling.writes);
    reasons.extend(scaling.held);
    if writes.is_empty()
        && let Some(change) = advance::next(look)
    {
        return recorded(look, change);
    }
    if writes.is_empty() {
        writes.extend(revision::trimmed(look.spec, look.fleet));
        writes.extend(runs::trimmed(look.observed, look.spec, look.fleet));
    }
    let (waits, requeue) = advance::waiting(look);
    reasons.extend(waits);
    let late = conditions::deadline(look, look.status()).filter(|deadline| *deadline >= look.now);
    // A plan that acts is followed by another look at once, which reports; one that was refused reports here.
    let report = if writes.is_empty() || look.observed.refused.is_some() { report::write(look) } else { None };
    let requeue = requeue
        .earliest(scaling.requeue)
        .earliest(late.map_or(Requeue::Never, |late| Requeue::At(late + chrono::TimeDelta::seconds(1))));
    let mut plan = Plan::acting(writes).reporting(report).by(requeue);
    plan.why = reasons.into_iter().map(Reason::from).collect();
    plan
}

/// One write with the change of the memory and the report that goes with it.
fn recorded(look: &Look<'_>, change: advance::Change) -> Plan {
    let advance::Change { mut status, because, events, abort_message } = change;
    let told = report::refresh(look, &mut status, abort_message.as_deref());
    let write: Option<Write> = report::status_write(look.observed, &status, because);
    match write {
        Some(write) => Plan::recording(write.with_events(told).with_events(events)),
        None => Plan::empty(),
    }
}
