//! What a story that was played to its end has measured.

use crate::measured::Traffic;
use std::time::Duration;

/// Figures of a story.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Requests that clients sent.
    pub sent: u64,
    /// Errors of the version that was made to fail.
    pub own_errors: u64,
    /// Requests that failed for any other reason.
    pub lost: u64,
    /// Why the first of them did.
    pub lost_why: Vec<String>,
    /// From the last pod that became ready to the weight that waited for it, once for each such weight.
    pub reactions: Vec<Duration>,
    /// How long the story took.
    pub took: Duration,
}

impl Outcome {
    pub(crate) fn of(traffic: &Traffic, failing: &str, reactions: Vec<Duration>, took: Duration) -> Self {
        Self {
            sent: traffic.sent(),
            own_errors: traffic.bad_of(failing),
            lost: traffic.lost_but_for(failing),
            lost_why: traffic.lost_why.clone(),
            reactions,
            took,
        }
    }

    /// Whether all of it went as promised: no request was lost.
    pub fn is_good(&self) -> bool {
        self.lost == 0 && self.sent > 0
    }

    /// The reaction in the middle, and the longest.
    pub fn reaction(&self) -> Option<(Duration, Duration)> {
        let mut sorted = self.reactions.clone();
        sorted.sort();
        Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lost_request_is_too_many() {
        let outcome = Outcome { sent: 1000, own_errors: 30, ..Outcome::default() };
        assert!(outcome.is_good());
        assert!(!Outcome { lost: 1, ..outcome }.is_good());
        assert!(!Outcome::default().is_good(), "without traffic nothing is shown");
    }

    #[test]
    fn reactions_have_a_middle_and_a_longest() {
        let millis = |count| Duration::from_millis(count);
        let outcome = Outcome { reactions: vec![millis(30), millis(5), millis(10)], ..Outcome::default() };
        assert_eq!(outcome.reaction(), Some((millis(10), millis(30))));
        assert_eq!(Outcome::default().reaction(), None);
    }
}
