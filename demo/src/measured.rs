//! What the clients of the story's program see: who answered, how well, over the last seconds.
//!
//! Counts come from a world and only grow; a window over them gives shares and rates. Nothing is smoothed.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// Shares are taken over this long, or since the weight last changed if that is shorter.
const WINDOW: Duration = Duration::from_secs(5);
/// A share over fewer requests is no share.
const FEWEST: u64 = 20;

/// What one version answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Good answers.
    pub good: u64,
    /// Answers with an error.
    pub bad: u64,
}

impl Answers {
    fn all(self) -> u64 {
        self.good + self.bad
    }
}

/// What clients have seen since the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Answers by version.
    pub versions: BTreeMap<String, Answers>,
    /// Requests that no version answered.
    pub lost: u64,
    /// Why the first of them were lost.
    pub lost_why: Vec<String>,
}

impl Traffic {
    /// How many requests were sent.
    pub fn sent(&self) -> u64 {
        self.lost + self.versions.values().map(|answers| answers.all()).sum::<u64>()
    }

    /// How many answers of this version were errors.
    pub fn bad_of(&self, version: &str) -> u64 {
        self.versions.get(version).map_or(0, |answers| answers.bad)
    }

    /// How many requests were lost or answered with an error, but for the errors of this version.
    pub fn lost_but_for(&self, version: &str) -> u64 {
        let others = self.versions.iter().filter(|(name, _)| *name != version);
        self.lost + others.map(|(_, answers)| answers.bad).sum::<u64>()
    }
}

/// The last seconds of traffic.
#[derive(Debug, Default)]
pub(crate) struct Window {
    samples: VecDeque<(Instant, Traffic)>,
}

impl Window {
    /// Takes the newest counts in.
    pub(crate) fn take(&mut self, at: Instant, traffic: Traffic) {
        self.samples.push_back((at, traffic));
        // The first one kept is the base of the differences.
        while self.samples.get(1).is_some_and(|(time, _)| at.duration_since(*time) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Forgets what was before: the weight has changed.
    pub(crate) fn restart(&mut self) {
        let newest = self.samples.pop_back();
        self.samples.clear();
        self.samples.extend(newest);
    }

    /// The share of the requests that this version answered, in percent.
    pub(crate) fn share(&self, version: &str) -> Option<f64> {
        let (first, last) = self.ends()?;
        percent(difference(first, last, version).all(), last.sent() - first.sent())
    }

    /// How many of a hundred of its answers were good.
    pub(crate) fn success(&self, version: &str) -> Option<f64> {
        let (first, last) = self.ends()?;
        let answers = difference(first, last, version);
        // A handful of requests says nothing of the traffic's size, but all of how they went.
        (answers.all() > 0 && last.sent() - first.sent() >= FEWEST).then_some(())?;
        Some(ratio(answers.good, answers.all()))
    }

    fn ends(&self) -> Option<(&Traffic, &Traffic)> {
        Some((&self.samples.front()?.1, &self.samples.back()?.1))
    }
}

fn difference(first: &Traffic, last: &Traffic, version: &str) -> Answers {
    let of = |traffic: &Traffic| traffic.versions.get(version).copied().unwrap_or_default();
    Answers { good: of(last).good - of(first).good, bad: of(last).bad - of(first).bad }
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole >= FEWEST).then(|| ratio(part, whole))
}

// Counts of requests are far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(v1: u64, v2_good: u64, v2_bad: u64) -> Traffic {
        let versions = BTreeMap::from([
            ("v1".to_owned(), Answers { good: v1, bad: 0 }),
            ("v2".to_owned(), Answers { good: v2_good, bad: v2_bad }),
        ]);
        Traffic { versions, ..Traffic::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_tells_of_the_last_seconds_alone() {
        let start = Instant::now();
        let mut window = Window::default();
        window.take(start, traffic(1000, 0, 0));
        assert_eq!(window.share("v1"), None, "nothing was sent in between");
        window.take(start + Duration::from_secs(1), traffic(1090, 7, 3));
        assert_eq!((window.share("v2"), window.success("v2")), (Some(10.0), Some(70.0)));
        window.take(start + Duration::from_secs(7), traffic(1140, 57, 3));
        assert_eq!((window.share("v2"), window.success("v2")), (Some(50.0), Some(100.0)));
        window.restart();
        assert_eq!(window.share("v2"), None);
        window.take(start + Duration::from_secs(8), traffic(1140, 107, 3));
        assert_eq!(window.share("v2"), Some(100.0));
    }

    #[test]
    fn only_one_version_may_fail() {
        let mut counted = traffic(100, 70, 30);
        assert_eq!((counted.sent(), counted.bad_of("v2"), counted.lost_but_for("v2")), (200, 30, 0));
        counted.lost = 2;
        assert_eq!(counted.lost_but_for("v2"), 2);
        assert_eq!(counted.lost_but_for("v1"), 32);
    }
}
