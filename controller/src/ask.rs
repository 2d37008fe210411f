//! Answers what plans ask: metrics over HTTP, trees from Git, objects from the API server.
//!
//! A question runs once at a time for each key; its answer is kept until a newer one on the same topic comes, and wakes the
//! key. Whoever composes the controller says who answers metrics and Git: the simulator brings its own. Answers about live
//! objects never outlive a write of the same key, so that no decision rests on a view older than our own writes.

pub mod git;
mod live;
pub mod metrics;
pub mod render;
mod secrets;

use crate::{clock::Clock, queue::Key, write::Writer};
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Answered, Ask, LiveAsk, ObjectRef};
pub use secrets::Secrets;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Somebody who answers questions of one sort.
pub trait Answerer: Send + Sync + fmt::Debug {
    /// Answers `ask` in finite time: what goes wrong is part of the answer.
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer>;
}

/// Who answers what no API server knows.
#[derive(Clone, Debug)]
pub struct Answerers {
    /// Answers [`Ask::Metric`].
    pub metrics: Arc<dyn Answerer>,
    /// Answers [`Ask::Git`].
    pub git: Arc<dyn Answerer>,
}

#[derive(Debug, Default)]
struct Topics {
    uid: String,
    answered: Vec<Answered>,
    asked: Vec<Ask>,
    /// Counts what made live answers stale: one that was asked for before the last of them is not kept.
    turns: u64,
    /// A live answer came that no decision has seen.
    is_fresh: bool,
}

/// When what was read of live objects becomes history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outdated {
    /// It did.
    Now,
    /// No decision has seen it yet: after the one that comes now.
    AfterThisLook,
    /// It is being read: after the answer has come and was looked at.
    OnceAnswered,
}

/// Questions and answers of every key.
#[derive(Debug)]
pub(crate) struct Answers {
    clock: Clock,
    answerers: Answerers,
    writer: Writer,
    topics: Mutex<BTreeMap<Key, Topics>>,
}

/// Trees and reads that are kept for each key: the one in use, those before and after it, and some to spare. Rules ask for
/// the latest of a branch and for a pinned commit side by side.
const KEPT: usize = 4;

/// Whether a newer answer takes the place of an older one.
fn replaces(newer: &Ask, older: &Ask) -> bool {
    match (newer, older) {
        (Ask::Metric(newer), Ask::Metric(older)) => newer.metric == older.metric,
        (Ask::Git(newer), Ask::Git(older)) => {
            (&newer.repository, &newer.path, &newer.revision) == (&older.repository, &older.path, &older.revision)
        }
        (Ask::Live(LiveAsk::DryRun(newer, _)), Ask::Live(LiveAsk::DryRun(older, _))) => newer == older,
        (newer, older) => newer == older,
    }
}

/// Adds an answer, newest last, and drops those that nobody can need any more.
fn keep(kept: &mut Vec<Answered>, answered: Answered) {
    kept.retain(|older| !replaces(&answered.ask, &older.ask));
    kept.push(answered);
    for is_of_sort in [|ask: &Ask| matches!(ask, Ask::Git(_)), |ask: &Ask| matches!(ask, Ask::Live(LiveAsk::Get(_)))] {
        let mut surplus = kept.iter().filter(|answered| is_of_sort(&answered.ask)).count().saturating_sub(KEPT);
        kept.retain(|answered| {
            let is_surplus = surplus > 0 && is_of_sort(&answered.ask);
            surplus -= usize::from(is_surplus);
            !is_surplus
        });
    }
}

impl Answers {
    pub(crate) fn new(clock: Clock, answerers: Answerers, writer: Writer) -> Self {
        Self { clock, answerers, writer, topics: Mutex::default() }
    }

    fn topics(&self) -> MutexGuard<'_, BTreeMap<Key, Topics>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was answered to this object so far. A successor of the same name starts with nothing.
    pub(crate) fn given(&self, key: &Key, uid: &str) -> Vec<Answered> {
        let mut topics = self.topics();
        match topics.get_mut(key) {
            Some(topic) if topic.uid == uid => {
                topic.is_fresh = false;
                topic.answered.clone()
            }
            Some(_) => {
                topics.remove(key);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// A write of `key` to `object` was sent: what was read from the API server before is history. The object's own
    /// status is not among what is read.
    pub(crate) fn wrote(&self, key: &Key, object: &ObjectRef) {
        let is_own = object.name == key.name
            && object.namespace.as_deref() == Some(&key.namespace)
            && object.kind == key.kind.to_string();
        if !is_own {
            self.outdate(key);
        }
    }

    /// A live object of `key` was seen to change: what was read before is history, once a decision has seen it. An object
    /// that changes all the time must not keep its Application from ever seeing anything.
    pub(crate) fn outdate_seen(&self, key: &Key) -> Outdated {
        let mut topics = self.topics();
        let Some(topic) = topics.get_mut(key) else { return Outdated::Now };
        let is_live = |ask: &Ask| matches!(ask, Ask::Live(_));
        if topic.asked.iter().any(is_live) {
            return Outdated::OnceAnswered;
        }
        if topic.is_fresh {
            return Outdated::AfterThisLook;
        }
        topic.answered.retain(|answered| !is_live(&answered.ask));
        Outdated::Now
    }

    /// Nothing is to be done about `key`: what was read of live objects is not held until somebody wakes it. It would be
    /// the largest part of the memory, and too old then.
    pub(crate) fn rest(&self, key: &Key) {
        if let Some(topic) = self.topics().get_mut(key) {
            topic.answered.retain(|answered| !matches!(answered.ask, Ask::Live(_)));
        }
    }

    /// What was read of live objects is history.
    fn outdate(&self, key: &Key) {
        if let Some(topic) = self.topics().get_mut(key) {
            topic.turns += 1;
            topic.answered.retain(|answered| !matches!(answered.ask, Ask::Live(_)));
        }
    }

    /// `key` is no more.
    pub(crate) fn forget(&self, key: &Key) {
        self.topics().remove(key);
    }

    /// Asks, unless just that is being asked. The future ends with true when the answer is one that `key` should see.
    pub(crate) fn ask(self: &Arc<Self>, key: &Key, uid: &str, ask: &Ask) -> Option<BoxFuture<'static, (Key, bool)>> {
        let asked_at = self.clock.now();
        let mut topics = self.topics();
        let topic = topics.entry(key.clone()).or_insert_with(|| Topics { uid: uid.to_owned(), ..Topics::default() });
        if topic.asked.contains(ask) {
            return None;
        }
        topic.asked.push(ask.clone());
        let turns = topic.turns;
        drop(topics);
        let answer = match ask {
            Ask::Metric(_) => self.answerers.metrics.answer(ask.clone()),
            Ask::Git(_) => self.answerers.git.answer(ask.clone()),
            Ask::Live(live) => live::answer(self.writer.clone(), live.clone()).boxed(),
        };
        let (answers, key, uid, ask) = (Arc::clone(self), key.clone(), uid.to_owned(), ask.clone());
        Some(
            async move {
                let answer = answer.await;
                let answered_at = answers.clock.now();
                let is_news = answers.take(&key, &uid, turns, Answered { ask, answer, asked_at, answered_at });
                (key, is_news)
            }
            .boxed(),
        )
    }

    fn take(&self, key: &Key, uid: &str, turns: u64, answered: Answered) -> bool {
        let mut topics = self.topics();
        let Some(topic) = topics.get_mut(key).filter(|topic| topic.uid == uid) else { return false };
        topic.asked.retain(|asked| *asked != answered.ask);
        // Read before our own last write: the key looks again and asks again.
        let is_stale = matches!(answered.ask, Ask::Live(_)) && topic.turns != turns;
        if !is_stale {
            topic.is_fresh |= matches!(answered.ask, Ask::Live(_));
            keep(&mut topic.answered, answered);
        }
        true
    }
}

#[cfg(test)]
mod tests;
