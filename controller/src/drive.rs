//! The loop: take a key, look, decide, audit, write in order, ask, and note when to look again.
//!
//! A key is looked at by one pass at a time, many keys at once. A pass stops at the first write that does not succeed. The
//! only back-off is here. Every write is preceded by the question whether we still lead. Nothing here knows what a plan means.

use crate::{
    Pass, Shell,
    events::Subject,
    memory::{Outcome, Refused},
    observe::Said,
    queue::Key,
    rules,
    write::{Class, Done, Refusal},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use plan::{Moves, Plan, Requeue, Write};
use std::{
    future::Future,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// Waits after a failure: twice as long each time, from the first to the second of these.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));
/// No plan wakes its key earlier than this after a pass: a rule that asks for the past must not spin.
const SOONEST: TimeDelta = TimeDelta::milliseconds(1);

/// How a pass ended.
enum Ended {
    /// Everything was sent.
    Done(Requeue),
    /// A report was sent and nothing else: it says little about whether the next write succeeds.
    Reported(Requeue),
    /// The object is no more.
    Gone,
    /// What it is decided on is not known yet.
    NotYet,
    /// Somebody else leads, or the process is to end.
    NotLeading,
    /// A write did not succeed.
    Refused(Refusal),
    /// The plan was not carried out.
    Unsafe,
}

/// Runs passes until `stop` is ready and those under way have ended.
pub(crate) async fn run(shell: &Arc<Shell>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut leadership = shell.leadership.clone();
    let mut passes: FuturesUnordered<BoxFuture<'static, (Key, Vec<plan::Ask>, String)>> = FuturesUnordered::new();
    let mut asks: FuturesUnordered<BoxFuture<'static, (Key, bool)>> = FuturesUnordered::new();
    let mut is_stopping = false;
    loop {
        let is_working = !is_stopping && shell.leadership.may_write() && shell.is_ready();
        while is_working
            && passes.len() < shell.settings.threads.max(1)
            && let Some(key) = shell.queue.next(shell.clock.now())
        {
            passes.push(pass(Arc::clone(shell), key).boxed());
        }
        if is_stopping && passes.is_empty() {
            return;
        }
        let due = shell.queue.next_due().filter(|_| is_working);
        tokio::select! {
            biased;
            () = &mut stop, if !is_stopping => {
                is_stopping = true;
                shell.is_stopping.store(true, Ordering::Relaxed);
            }
            Some((key, questions, uid)) = passes.next() => {
                shell.queue.done(&key);
                asks.extend(questions.iter().filter_map(|ask| shell.answers.ask(&key, &uid, ask)));
            }
            Some((key, is_news)) = asks.next() => if is_news { shell.queue.wake(key) },
            () = shell.queue.changed() => {}
            () = sleep_towards(shell, due), if due.is_some() => {}
            () = leadership.gained(), if !shell.leadership.may_write() => {}
        }
    }
}

async fn sleep_towards(shell: &Shell, due: Option<DateTime<Utc>>) {
    if let Some(due) = due {
        shell.clock.sleep_towards(due).await;
    }
}

/// One pass over one object; what it asks, and on behalf of which identity.
async fn pass(shell: Arc<Shell>, key: Key) -> (Key, Vec<plan::Ask>, String) {
    let started = Instant::now();
    let mut asks = Vec::new();
    let mut uid = String::new();
    let ended = match read_back(&shell, &key).await {
        Err(refusal) => Ended::Refused(refusal),
        Ok(()) if !shell.stores.can_be_decided(&key) => Ended::NotYet,
        Ok(()) => match rules::decide(&shell, &key, shell.clock.now()) {
            None => give_back(&shell, &key).await,
            Some(decision) => {
                let ended = carry_out(&shell, &key, &decision).await;
                if matches!(ended, Ended::Done(_)) && decision.plan.is_quiet() {
                    shell.answers.rest(&key);
                }
                if matches!(ended, Ended::Done(_) | Ended::Reported(_) | Ended::Refused(_)) {
                    asks = decision.plan.asks;
                }
                uid = decision.subject.uid;
                ended
            }
        },
    };
    // Nothing is counted about an object that is no more: its series would stay for ever.
    if !matches!(ended, Ended::Gone | Ended::NotYet) {
        shell.metrics.passed(&key, started.elapsed(), matches!(ended, Ended::Refused(_) | Ended::Unsafe));
    }
    schedule(&shell, &key, ended);
    (key, asks, uid)
}

/// Reads the objects whose last write got no answer. No decision before that: it might repeat what is done.
async fn read_back(shell: &Shell, key: &Key) -> Result<(), Refusal> {
    for object in shell.fence.doubtful(key) {
        let uid = shell.stores.uid(&object);
        match (shell.writer.read(&object).await?, uid) {
            (Some(found), _) => shell.absorb(key, &object, Said::Is(&found)),
            // Identities do not come back: what was held before the question is gone for good.
            (None, Some(uid)) => shell.absorb(key, &object, Said::Gone(&uid)),
            (None, None) => {}
        }
        shell.fence.settle(key, &object);
    }
    Ok(())
}

/// Gives back what a Rollout left behind, once the server says that there is none.
async fn give_back(shell: &Shell, key: &Key) -> Ended {
    let Some((rollout, writes)) = shell.stores.left_behind(key) else { return Ended::Gone };
    if !shell.leadership.may_write() || shell.is_stopping.load(Ordering::Relaxed) {
        return Ended::NotLeading;
    }
    match shell.writer.read(&rollout).await {
        Ok(Some(_)) => return Ended::Gone,
        Ok(None) => {}
        Err(refusal) => return Ended::Refused(refusal),
    }
    for write in writes {
        match shell.writer.send(&write.verb).await {
            Ok(Done::Object(body)) => {
                info!(%key, "{write}");
                shell.absorb(key, write.verb.object(), Said::Is(&body));
            }
            Ok(Done::Deleted) => {}
            Err(refusal) => return Ended::Refused(failed(shell, key, &write, refusal)),
        }
    }
    Ended::Gone
}

async fn carry_out(shell: &Shell, key: &Key, decision: &rules::Decision) -> Ended {
    let rules::Decision { subject, plan, at: looked, refused, ended } = decision;
    shell.announce(key, subject);
    shell.tell_why(key, plan);
    shell.recorder.refusals(key, subject, &plan.why);
    if let Some(invariant) = refused {
        warn!(%key, invariant, "a plan was refused");
        shell.witness(Pass { key, plan, looked: *looked, refusal: None, at: shell.clock.now() });
        return Ended::Unsafe;
    }
    let (mut outcome, mut is_settled, mut refusal) = (Outcome::default(), false, None);
    for write in plan.writes() {
        // Every prefix of a plan is safe: a long one is not waited for.
        if !shell.leadership.may_write() || shell.is_stopping.load(Ordering::Relaxed) {
            return Ended::NotLeading;
        }
        match shell.writer.send(&write.verb).await {
            Ok(done) => {
                // A report tells of what was refused, and does not undo it.
                is_settled |= write.moves != Moves::Report;
                if write.moves == Moves::World {
                    outcome.landed.push(write.verb.object().clone());
                }
                succeeded(shell, key, subject, write, &done);
            }
            Err(error) => {
                if matches!(error.class, Class::Denied | Class::Invalid) {
                    let (object, message) = (write.verb.object().clone(), error.message.clone());
                    let is_eviction = write.verb.is_eviction();
                    outcome.refused = Some(Refused { object, is_eviction, message, at: shell.clock.now() });
                }
                refusal = Some(failed(shell, key, write, error));
                break;
            }
        }
    }
    if let Some(ended) = ended.as_ref().filter(|_| refusal.is_none()) {
        shell.metrics.ended(ended);
    }
    if is_settled || outcome.refused.is_some() {
        shell.outcomes.note(key, outcome);
    }
    shell.witness(Pass { key, plan, looked: *looked, refusal: refusal.as_ref(), at: shell.clock.now() });
    match refusal {
        Some(refusal) => Ended::Refused(refusal),
        None if is_settled || plan.writes().is_empty() => Ended::Done(plan.requeue),
        None => Ended::Reported(plan.requeue),
    }
}

fn succeeded(shell: &Shell, key: &Key, subject: &Subject, write: &Write, done: &Done) {
    info!(%key, "{write}");
    let object = write.verb.object();
    shell.answers.wrote(key, object);
    shell.outcomes.wrote(key, object);
    match (done, &write.verb) {
        (Done::Object(body), _) => shell.absorb(key, object, Said::Is(body)),
        (Done::Deleted, plan::Verb::Delete { target, .. }) => shell.absorb(key, object, Said::Gone(&target.uid)),
        // The pod may take its time to go: no decision before it is known how it is now.
        (Done::Deleted, plan::Verb::Evict { .. }) => shell.fence.doubt(key, object.clone()),
        (Done::Deleted, _) => {}
    }
    for event in &write.events {
        shell.recorder.tell(key, subject, event);
    }
}

fn failed(shell: &Shell, key: &Key, write: &Write, refusal: Refusal) -> Refusal {
    let object = write.verb.object();
    shell.answers.wrote(key, object);
    match refusal.class {
        Class::Conflict | Class::Gone => debug!(%key, class = %refusal.class, %refusal, "{write}"),
        Class::Unanswered => {
            warn!(%key, %refusal, "no answer, it will be read back: {write}");
            shell.fence.doubt(key, object.clone());
        }
        Class::Throttled => warn!(%key, %refusal, "the server is busy: {write}"),
        Class::Denied | Class::Invalid => {
            warn!(%key, class = %refusal.class, %refusal, "refused: {write}");
        }
    }
    refusal
}

/// Notes when to look at `key` again.
fn schedule(shell: &Shell, key: &Key, ended: Ended) {
    let now = shell.clock.now();
    match ended {
        Ended::Done(requeue) => {
            shell.failures.forget(key);
            look_again(shell, key, requeue, now);
        }
        Ended::Reported(requeue) => look_again(shell, key, requeue, now),
        Ended::Gone => shell.forget(key),
        Ended::NotYet => look_again(shell, key, Requeue::Never, now),
        Ended::NotLeading => shell.queue.wake(key.clone()),
        Ended::Unsafe => shell.queue.hold(key, now + shell.failures.next_wait(key, BACK_OFF)),
        Ended::Refused(refusal) => {
            let wait = shell.failures.next_wait(key, BACK_OFF);
            match refusal.class {
                // Whatever changed the object wakes the key when the watch brings it.
                Class::Conflict | Class::Gone => shell.queue.wake_at(key, Some(now + wait)),
                Class::Unanswered | Class::Denied | Class::Invalid => shell.queue.hold(key, now + wait),
                Class::Throttled => {
                    let asked = refusal.retry_after.and_then(|wait| TimeDelta::from_std(wait).ok());
                    shell.queue.hold(key, now + wait.max(asked.unwrap_or_default()));
                }
            }
        }
    }
}

/// At the time that the plan names, or when everything is looked at again.
fn look_again(shell: &Shell, key: &Key, requeue: Requeue, now: DateTime<Utc>) {
    let resync = now + TimeDelta::from_std(shell.settings.resync).unwrap_or(TimeDelta::MAX);
    let at = match requeue {
        Requeue::At(at) => at.clamp(now + SOONEST, resync.max(now + SOONEST)),
        Requeue::Never => resync,
    };
    shell.queue.wake_at(key, Some(at));
}

/// The plan's reasons in one line, for the log.
pub(crate) fn why(plan: &Plan) -> String {
    plan.why.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
