//! Which objects want to be looked at, and when: a set of ready keys and one due time for each key.
//!
//! A key that is being looked at is never handed out twice; what wakes it meanwhile makes it ready again afterwards. A key
//! on hold (after a failure) stays until its hold is over, whatever wakes it. Nothing here decides why a key waits.

use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// The kinds of objects that have rules of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Rollout.
    Rollout,
    /// An AnalysisRun.
    AnalysisRun,
    /// An Experiment.
    Experiment,
    /// An Application.
    Application,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Rollout => "Rollout",
            Self::AnalysisRun => "AnalysisRun",
            Self::Experiment => "Experiment",
            Self::Application => "Application",
        })
    }
}

/// One object that the controller looks after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// Names an object.
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// What is told of the keys of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueFigures {
    /// How many want to be looked at now.
    pub(crate) depth: u64,
    /// How often any of them became ready.
    pub(crate) adds: u64,
}

/// The wake-ups of all keys.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

// Invariant: a key is in at most one of `ready` (and then also in `order`) and `busy`.
#[derive(Debug, Default)]
struct State {
    order: VecDeque<Key>,
    ready: BTreeSet<Key>,
    busy: BTreeSet<Key>,
    again: BTreeSet<Key>,
    due: BTreeSet<(DateTime<Utc>, Key)>,
    due_of: BTreeMap<Key, DateTime<Utc>>,
    held: BTreeMap<Key, DateTime<Utc>>,
    adds: BTreeMap<Kind, u64>,
}

impl State {
    fn make_ready(&mut self, key: Key) {
        if self.busy.contains(&key) {
            self.again.insert(key);
        } else if self.ready.insert(key.clone()) {
            *self.adds.entry(key.kind).or_default() += 1;
            self.order.push_back(key);
        }
    }

    fn set_due(&mut self, key: &Key, at: Option<DateTime<Utc>>) {
        if let Some(old) = self.due_of.remove(key) {
            self.due.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.due_of.insert(key.clone(), at);
            self.due.insert((at, key.clone()));
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a key ready, unless it is on hold.
    pub(crate) fn wake(&self, key: Key) {
        let mut state = self.state();
        if !state.held.contains_key(&key) {
            state.make_ready(key);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Sets the one time at which a key becomes ready by itself; `None` takes it away.
    pub(crate) fn wake_at(&self, key: &Key, at: Option<DateTime<Utc>>) {
        self.state().set_due(key, at);
        self.changed.notify_one();
    }

    /// Keeps a key from being looked at before `until`, whatever wakes it.
    pub(crate) fn hold(&self, key: &Key, until: DateTime<Utc>) {
        let mut state = self.state();
        state.held.insert(key.clone(), until);
        state.again.remove(key);
        state.set_due(key, Some(until));
        drop(state);
        self.changed.notify_one();
    }

    /// The next key to look at. It counts as busy until [`Queue::done`].
    pub(crate) fn next(&self, now: DateTime<Utc>) -> Option<Key> {
        let mut state = self.state();
        while let Some((at, key)) = state.due.first().cloned()
            && at <= now
        {
            state.set_due(&key, None);
            state.held.remove(&key);
            state.make_ready(key);
        }
        let key = state.order.pop_front()?;
        state.ready.remove(&key);
        state.busy.insert(key.clone());
        Some(key)
    }

    /// The pass over a key ended.
    pub(crate) fn done(&self, key: &Key) {
        let mut state = self.state();
        state.busy.remove(key);
        if state.again.remove(key) && !state.held.contains_key(key) {
            state.make_ready(key.clone());
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Forgets a key that is no more. An event may bring it back.
    pub(crate) fn forget(&self, key: &Key) {
        let mut state = self.state();
        state.set_due(key, None);
        state.held.remove(key);
    }

    /// Makes [`Queue::changed`] return, for somebody whose condition changed.
    pub(crate) fn poke(&self) {
        self.changed.notify_one();
    }

    /// The earliest due time.
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.state().due.first().map(|(at, _)| *at)
    }

    /// What is told of each kind that was ever looked at.
    pub(crate) fn figures(&self) -> BTreeMap<Kind, QueueFigures> {
        let state = self.state();
        let mut figures: BTreeMap<Kind, QueueFigures> =
            state.adds.iter().map(|(kind, adds)| (*kind, QueueFigures { depth: 0, adds: *adds })).collect();
        for key in &state.ready {
            figures.entry(key.kind).or_default().depth += 1;
        }
        figures
    }

    /// Returns when something changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn key(name: &str) -> Key {
        Key::new(Kind::Rollout, "shop", name)
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn ready_keys_come_once_and_in_order() {
        let queue = Queue::default();
        for name in ["b", "a", "b"] {
            queue.wake(key(name));
        }
        assert_eq!(queue.next(at(0)), Some(key("b")));
        assert_eq!(queue.figures(), BTreeMap::from([(Kind::Rollout, QueueFigures { depth: 1, adds: 2 })]));
        assert_eq!(queue.next(at(0)), Some(key("a")));
        assert_eq!(queue.next(at(0)), None);
    }

    #[test]
    fn a_busy_key_waits_for_its_pass_to_end() {
        let queue = Queue::default();
        queue.wake(key("a"));
        assert_eq!(queue.next(at(0)), Some(key("a")));
        queue.wake(key("a"));
        assert_eq!(queue.next(at(0)), None, "one pass at a time");
        queue.done(&key("a"));
        assert_eq!(queue.next(at(0)), Some(key("a")), "what woke it meanwhile is not lost");
        queue.done(&key("a"));
        assert_eq!(queue.next(at(0)), None);
    }

    #[test]
    fn a_due_time_is_replaced_not_added() {
        let queue = Queue::default();
        queue.wake_at(&key("a"), Some(at(5)));
        queue.wake_at(&key("a"), Some(at(9)));
        assert_eq!(queue.next_due(), Some(at(9)));
        assert_eq!(queue.next(at(5)), None);
        assert_eq!(queue.next(at(9)), Some(key("a")));
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn a_held_key_is_deaf_until_its_time() {
        let queue = Queue::default();
        queue.wake(key("a"));
        assert_eq!(queue.next(at(0)), Some(key("a")));
        queue.wake(key("a"));
        queue.hold(&key("a"), at(3));
        queue.done(&key("a"));
        queue.wake(key("a"));
        assert_eq!(queue.next(at(2)), None);
        assert_eq!(queue.next(at(3)), Some(key("a")));
        queue.done(&key("a"));
        queue.wake(key("a"));
        assert_eq!(queue.next(at(3)), Some(key("a")), "the hold is over");
    }
}
