//! Small memories of the loop, each per key: how often it failed in a row, what the server refused, what was logged last.
//!
//! All of it may be lost at any time without harm. The durable memory is in the objects themselves.

use crate::queue::Key;
use chrono::TimeDelta;
use plan::{Moves, ObjectRef};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Something remembered for each key.
#[derive(Debug)]
struct PerKey<T>(Mutex<BTreeMap<Key, T>>);

impl<T> Default for PerKey<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> PerKey<T> {
    fn open(&self) -> MutexGuard<'_, BTreeMap<Key, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Failures(PerKey<u32>);

impl Failures {
    /// Counts a failure; how long to wait after it, from `limits.0` on, doubling, up to `limits.1`.
    pub(crate) fn next_wait(&self, key: &Key, limits: (Duration, Duration)) -> TimeDelta {
        let mut failures = self.0.open();
        let count = failures.entry(key.clone()).or_default();
        let wait = limits.0.saturating_mul(1 << (*count).min(20)).min(limits.1);
        *count = count.saturating_add(1);
        TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)
    }

    /// A pass succeeded, or the key is no more.
    pub(crate) fn forget(&self, key: &Key) {
        self.0.open().remove(key);
    }
}

/// What became of the writes of a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// What the server refused, by object, until it does it.
    pub(crate) refused: BTreeMap<ObjectRef, String>,
    /// The other objects that the latest plan with writes to them changed.
    pub(crate) landed: Vec<ObjectRef>,
}

/// What became of the writes of every key.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(PerKey<Outcome>);

impl Outcomes {
    /// A plan that changes other objects is about to be carried out.
    pub(crate) fn begin(&self, key: &Key) {
        if let Some(outcome) = self.0.open().get_mut(key) {
            outcome.landed.clear();
        }
    }

    /// The server refused a write to `object`.
    pub(crate) fn refused(&self, key: &Key, object: &ObjectRef, message: &str) {
        self.0.open().entry(key.clone()).or_default().refused.insert(object.clone(), message.to_owned());
    }

    /// A write to `object` succeeded.
    pub(crate) fn succeeded(&self, key: &Key, object: &ObjectRef, moves: Moves) {
        let mut outcomes = self.0.open();
        if moves == Moves::World {
            let outcome = outcomes.entry(key.clone()).or_default();
            outcome.refused.remove(object);
            outcome.landed.push(object.clone());
        } else if let Some(outcome) = outcomes.get_mut(key) {
            outcome.refused.remove(object);
        }
    }

    /// What is known of `key`.
    pub(crate) fn of(&self, key: &Key) -> Outcome {
        self.0.open().get(key).cloned().unwrap_or_default()
    }

    /// Nothing is wanted for `key` any more, or it is no more.
    pub(crate) fn forget(&self, key: &Key) {
        self.0.open().remove(key);
    }
}

/// The last text about each key.
#[derive(Debug, Default)]
pub(crate) struct Last(PerKey<String>);

impl Last {
    /// Whether `text` differs from the last one.
    pub(crate) fn is_new(&self, key: &Key, text: &str) -> bool {
        let mut last = self.0.open();
        if last.get(key).map_or(text.is_empty(), |known| known == text) {
            return false;
        }
        last.insert(key.clone(), text.to_owned());
        true
    }

    /// The key is no more; what was said last.
    pub(crate) fn forget(&self, key: &Key) -> Option<String> {
        self.0.open().remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Kind;

    #[test]
    fn waits_double_up_to_a_limit_and_start_over() {
        let failures = Failures::default();
        let key = Key::new(Kind::Rollout, "shop", "web");
        let limits = (Duration::from_millis(10), Duration::from_millis(50));
        let waits: Vec<i64> = (0..4).map(|_| failures.next_wait(&key, limits).num_milliseconds()).collect();
        assert_eq!(waits, [10, 20, 40, 50]);
        failures.forget(&key);
        assert_eq!(failures.next_wait(&key, limits).num_milliseconds(), 10);
    }

    #[test]
    fn a_refusal_stays_until_its_object_is_written() {
        let outcomes = Outcomes::default();
        let key = Key::new(Kind::Rollout, "shop", "web");
        let set = ObjectRef::new("apps", "v1", "ReplicaSet", Some("shop"), "web-1");
        let status = ObjectRef::new("argoproj.io", "v1alpha1", "Rollout", Some("shop"), "web");
        outcomes.refused(&key, &set, "quota exceeded");
        outcomes.succeeded(&key, &status, Moves::Report);
        assert_eq!(outcomes.of(&key).refused.len(), 1, "a report does not lift it");
        outcomes.succeeded(&key, &set, Moves::World);
        assert!(outcomes.of(&key).refused.is_empty());
        assert_eq!(outcomes.of(&key).landed, [set]);
        outcomes.begin(&key);
        assert!(outcomes.of(&key).landed.is_empty());
    }
}
