//! Small memories of the loop, each per key: how often it failed in a row, what the server refused, what was logged last.
//!
//! All of it may be lost at any time without harm. The durable memory is in the objects themselves.

use crate::queue::Key;
use chrono::{DateTime, TimeDelta, Utc};
use plan::ObjectRef;
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

/// What became of the latest plan of a key that wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What the server refused for good.
    pub(crate) refused: Option<Refused>,
    /// The other objects that it changed.
    pub(crate) landed: Vec<ObjectRef>,
}

/// A write that the server refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Of what.
    pub(crate) object: ObjectRef,
    /// A pod was asked to go.
    pub(crate) is_eviction: bool,
    /// The server's words.
    pub(crate) message: String,
    /// When.
    pub(crate) at: DateTime<Utc>,
}

/// The outcome of every key.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(PerKey<Outcome>);

impl Outcomes {
    /// A plan wrote.
    pub(crate) fn note(&self, key: &Key, outcome: Outcome) {
        let mut outcomes = self.0.open();
        if outcome == Outcome::default() {
            outcomes.remove(key);
        } else {
            outcomes.insert(key.clone(), outcome);
        }
    }

    /// A write to `object` succeeded: whatever was refused about it is over.
    pub(crate) fn wrote(&self, key: &Key, object: &ObjectRef) {
        if let Some(outcome) = self.0.open().get_mut(key) {
            outcome.refused.take_if(|refused| refused.object == *object);
        }
    }

    /// What is known of `key`.
    pub(crate) fn of(&self, key: &Key) -> Outcome {
        self.0.open().get(key).cloned().unwrap_or_default()
    }

    /// `key` is no more.
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
    fn a_refusal_is_over_when_its_object_was_written() {
        let outcomes = Outcomes::default();
        let key = Key::new(Kind::Rollout, "shop", "web");
        let (route, set) = (ObjectRef::new("", "v1", "A", None, "route"), ObjectRef::new("", "v1", "B", None, "set"));
        let refused =
            Refused { object: route.clone(), is_eviction: false, message: "no".into(), at: DateTime::UNIX_EPOCH };
        outcomes.note(&key, Outcome { refused: Some(refused.clone()), landed: vec![set.clone()] });
        outcomes.wrote(&key, &set);
        assert_eq!(outcomes.of(&key).refused, Some(refused));
        outcomes.wrote(&key, &route);
        assert_eq!(outcomes.of(&key), Outcome { refused: None, landed: vec![set] });
    }

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
}
