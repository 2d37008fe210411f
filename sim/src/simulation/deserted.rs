//! Since when have the ends of routes led to nobody? One table, for everybody who judges whether a weight may go there.
//!
//! What is news cannot be held against a controller: pods that fail in the moment in which it writes are nobody's fault.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// News need this long from the server into a decision.
pub const NEWS: TimeDelta = TimeDelta::seconds(1);

/// Ends by Service and revision, and since when they have had no ready endpoint, if they have none.
#[derive(Debug, Default)]
pub struct Deserted(BTreeMap<(String, String), Option<DateTime<Utc>>>);

impl Deserted {
    /// Notes how many endpoints an end has now.
    pub fn note(&mut self, service: &str, hash: &str, ready: usize, now: DateTime<Utc>) {
        let since = self.0.entry((service.to_owned(), hash.to_owned())).or_default();
        *since = if ready > 0 { None } else { since.or(Some(now)) };
    }

    /// Could everybody know that this end, which leads to nobody now, does so? One that was never seen never led anywhere.
    pub fn is_known(&self, service: &str, hash: &str, now: DateTime<Utc>) -> bool {
        match self.0.get(&(service.to_owned(), hash.to_owned())) {
            Some(Some(since)) => now - *since > NEWS,
            Some(None) => false,
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_known_to_be_deserted_after_a_while() {
        let begun = DateTime::UNIX_EPOCH;
        let at = |millis: i64| begun + TimeDelta::milliseconds(millis);
        let mut ends = Deserted::default();
        for (time, ready, is_known) in
            [(0, 1, false), (100, 0, false), (1_100, 0, false), (1_101, 0, true), (1_200, 2, false), (1_300, 0, false)]
        {
            ends.note("web", "one", ready, at(time));
            assert_eq!(ends.is_known("web", "one", at(time)), is_known, "{time}");
            assert!(ends.is_known("web", "two", at(time)));
        }
    }
}
