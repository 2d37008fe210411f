//! What to do next about an Application: the whole story on one screen.
//!
//! Parse the spec, look into Git, compare with what is live, then take one step of a sync or report. A spec, a tree or an
//! object that cannot be read changes nothing but the status.

use crate::{
    Observed,
    automated::{self, Verdict},
    comparison::{self, Comparison, Hindrance},
    deletion,
    look::{self, Look, Round, Tree, Wanted},
    memory::{Memory, Progress},
    operation::{self, Pass, Turn},
    status::Draft,
    validate,
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::keys;
use plan::{Ask, Plan, Requeue, reason::SyncReason};

/// How often live objects are looked at while a sync runs, and while the Application is on its way.
const WHILE_RUNNING: TimeDelta = TimeDelta::seconds(1);
const WHILE_PROGRESSING: TimeDelta = TimeDelta::seconds(5);

/// Decides.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Plan {
    let application = &observed.application;
    if application.metadata.annotations.get(keys::SKIP_RECONCILE).is_some_and(|value| value == "true") {
        return Plan::empty();
    }
    if application.metadata.deletion_timestamp.is_some() {
        return deletion::decide(observed, now);
    }
    let memory = Memory::of(application);
    let round = Round::at(observed, now);
    let spec = match validate::spec(application, observed.allow_file_urls) {
        Ok(spec) => spec,
        Err(errors) => return invalid(observed, &memory, &errors, now),
    };
    let pass = Pass { observed, spec: &spec, memory: &memory, now };
    let (newer, asks) = newer(pass, round);
    if let Some(turn) = overtaken(pass, newer.as_deref()) {
        return carry_out(pass, Draft::unchanged(pass), turn, round, asks);
    }
    let tree = match look::tree(observed, &spec, wanted(&memory), round) {
        Look::Found(tree) => tree,
        Look::Asking(ask) => return reading("the tree in Git", vec![*ask], round),
        Look::Failed(message) => return failed(pass, &message, round),
    };
    match comparison::compare(observed, &spec, &memory, &tree, live_since(pass, &tree, round)) {
        Ok(comparison) => step(pass, &comparison, round, asks),
        Err(Hindrance::Asking(more, what)) => reading(what, asks.into_iter().chain(more).collect(), round),
        Err(Hindrance::Failed(message)) => failed(pass, &message, round),
    }
}

/// One step of a sync, or the report of what was compared.
fn step(pass: Pass<'_>, comparison: &Comparison, round: Round, asks: Vec<Ask>) -> Plan {
    let record = |record| Turn::Record(Box::new(record));
    let mut error = None;
    let turn = match pass.memory.progress() {
        Progress::Asked(order) => operation::begin(pass, order, comparison),
        Progress::Running(order, state) => operation::run(pass, order, state, comparison),
        Progress::Waiting(order, state, failed) => operation::retry(pass, order, state, failed),
        Progress::Terminating(state) => record(operation::terminated(pass, state)),
        Progress::Abandoned(state) => record(operation::abandoned(pass, state)),
        Progress::Idle => match automated::decide(pass.spec, pass.memory, comparison, pass.now) {
            Verdict::Start(order) => operation::begin(pass, &order, comparison),
            Verdict::InSync => wait(SyncReason::InSync { revision: comparison.revision.clone() }, Requeue::Never),
            Verdict::Not(why) => wait(SyncReason::NotSynced { why: why.to_owned() }, Requeue::Never),
            Verdict::Later(due) => {
                wait(SyncReason::NotSynced { why: "others keep changing it".into() }, Requeue::At(due))
            }
            Verdict::Refused(message) => {
                error = Some(message.clone());
                wait(SyncReason::NotSynced { why: message }, Requeue::Never)
            }
        },
    };
    let draft = Draft::compared(pass, comparison, error);
    let again = next_look(pass, &draft, comparison, round);
    carry_out(pass, draft, turn, round, asks).by(again)
}

fn wait(reason: SyncReason, requeue: Requeue) -> Turn {
    Turn::Wait(reason, requeue, None)
}

/// The plan of a turn. Whatever may be pruned later is recorded before anything is applied.
fn carry_out(pass: Pass<'_>, draft: Draft, turn: Turn, round: Round, asks: Vec<Ask>) -> Plan {
    let limit = pass.spec.history_limit;
    let plan = match turn {
        Turn::Record(record) => match draft.with(&record, limit).write(pass, record.reason.clone().into()) {
            Some(write) => Plan::recording(write),
            None => Plan::empty(),
        },
        Turn::Act(_) if draft.has_new_objects(pass) => match draft.write(pass, SyncReason::Compared.into()) {
            Some(write) => Plan::recording(write),
            None => Plan::empty(),
        },
        Turn::Act(writes) => Plan::acting(writes),
        Turn::Wait(reason, requeue, message) => Plan::empty()
            .reporting(draft.saying(message).write(pass, SyncReason::Compared.into()))
            .waiting(reason.into(), requeue),
    };
    asks.into_iter().fold(plan, Plan::asking).by(Requeue::At(round.until))
}

/// Which revision this pass is about: that of the sync that runs, or the latest.
fn wanted<'a>(memory: &Memory<'a>) -> Wanted<'a> {
    match memory.progress() {
        Progress::Running(_, state) | Progress::Waiting(_, state, _) | Progress::Terminating(state) => {
            let result = state.sync_result.as_ref().map(|result| result.revision.as_str());
            result.filter(|revision| !revision.is_empty()).map_or(Wanted::Latest, Wanted::Pinned)
        }
        Progress::Asked(order) => {
            let revision = order.sync.as_ref().and_then(|sync| sync.revision.as_deref());
            revision.filter(|revision| !revision.is_empty()).map_or(Wanted::Latest, Wanted::Named)
        }
        Progress::Idle | Progress::Abandoned(_) => Wanted::Latest,
    }
}

/// The latest commit while a sync runs, and what to ask to learn it.
fn newer(pass: Pass<'_>, round: Round) -> (Option<String>, Vec<Ask>) {
    if !matches!(pass.memory.progress(), Progress::Running(..) | Progress::Waiting(..)) {
        return (None, Vec::new());
    }
    match look::tree(pass.observed, pass.spec, Wanted::Latest, round) {
        Look::Found(tree) => (Some(tree.answer.commit), Vec::new()),
        Look::Asking(ask) => (None, vec![*ask]),
        Look::Failed(_) => (None, Vec::new()),
    }
}

/// A sync that waits is overtaken by a newer commit; one that writes finishes its wave first.
fn overtaken(pass: Pass<'_>, newer: Option<&str>) -> Option<Turn> {
    match pass.memory.progress() {
        Progress::Running(order, state) => {
            let is_waiting = pass.observed.landed.is_empty() && pass.observed.refusals.is_empty();
            operation::overtaken(pass, order, state, newer.filter(|_| is_waiting))
        }
        Progress::Waiting(order, state, _) => operation::overtaken(pass, order, state, newer),
        _ => None,
    }
}

/// From when on a look at the live objects is fresh enough.
fn live_since(pass: Pass<'_>, tree: &Tree, round: Round) -> DateTime<Utc> {
    let interval = pass.observed.poll_interval;
    let since = match pass.memory.progress() {
        Progress::Running(..) => pass.now - WHILE_RUNNING.min(interval),
        _ if pass.memory.is_progressing() => pass.now - WHILE_PROGRESSING.min(interval),
        _ => round.since,
    };
    // Somebody who asks for a comparison means the live objects too.
    if look::is_refresh_wanted(pass.observed) { since.max(tree.asked_at) } else { since.max(round.since) }
}

/// When the live objects are looked at again.
fn next_look(pass: Pass<'_>, draft: &Draft, comparison: &Comparison, round: Round) -> Requeue {
    let interval = pass.observed.poll_interval;
    let is_progressing = draft.status.health.status.as_deref() == Some("Progressing");
    let wait = match pass.memory.progress() {
        Progress::Running(..) => WHILE_RUNNING.min(interval),
        _ if is_progressing => WHILE_PROGRESSING.min(interval),
        _ => return Requeue::At(round.until),
    };
    // A look is fresh for `wait` and not longer; a moment later it is not.
    Requeue::At((comparison.live_at + wait + TimeDelta::milliseconds(1)).max(pass.now))
}

fn reading(what: &str, asks: Vec<Ask>, round: Round) -> Plan {
    let plan = Plan::empty().waiting(SyncReason::Reading { what: what.to_owned() }.into(), Requeue::At(round.until));
    asks.into_iter().fold(plan, Plan::asking)
}

/// Nothing can be compared: the condition says why, a sync that runs fails, and everything that runs stays.
fn failed(pass: Pass<'_>, message: &str, round: Round) -> Plan {
    let draft = Draft::failed(pass, "ComparisonError", message.to_owned());
    let reason = SyncReason::ComparisonFailed { message: message.to_owned() };
    let turn = match operation::cannot_compare(pass, pass.memory.progress(), message) {
        Some(record) => Turn::Record(Box::new(record)),
        None => Turn::Wait(reason, Requeue::Never, None),
    };
    carry_out(pass, draft, turn, round, Vec::new())
}

fn invalid(observed: &Observed, memory: &Memory<'_>, errors: &[validate::SpecError], now: DateTime<Utc>) -> Plan {
    let message = validate::sentences(errors);
    let spec = validate::Spec::unreadable(&observed.application);
    let pass = Pass { observed, spec: &spec, memory, now };
    let is_refreshed = look::is_refresh_wanted(observed);
    let draft = Draft { is_refreshed, ..Draft::failed(pass, "InvalidSpecError", message.clone()) };
    let turn = match operation::cannot_compare(pass, memory.progress(), &message) {
        Some(record) => Turn::Record(Box::new(record)),
        None => Turn::Wait(SyncReason::InvalidSpec { message }, Requeue::Never, None),
    };
    // Only a change of the spec helps, and that wakes the Application.
    match turn {
        Turn::Record(record) => {
            let reason = record.reason.clone();
            draft.with(&record, spec.history_limit).write(pass, reason.into()).map_or_else(Plan::empty, Plan::recording)
        }
        Turn::Act(writes) => Plan::acting(writes),
        Turn::Wait(reason, requeue, _) => {
            Plan::empty().reporting(draft.write(pass, reason.clone().into())).waiting(reason.into(), requeue)
        }
    }
}
