//! What follows a failed sync: how many more attempts, and how long before each.

use super::SpecError;
use chrono::TimeDelta;
use crds::{application::RetryStrategy, duration};

/// Attempts after the first, and the waits between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many; none is no limit.
    pub limit: Option<i64>,
    /// Before the first.
    pub wait: TimeDelta,
    /// By how much the wait grows.
    pub factor: i64,
    /// The longest wait; zero is no bound.
    pub longest: TimeDelta,
}

impl Retry {
    /// What holds when nobody says: an automated sync is tried five times more.
    pub fn default_for(is_automated: bool) -> Self {
        let limit = if is_automated { 5 } else { 0 };
        Self { limit: Some(limit), wait: TimeDelta::seconds(5), factor: 2, longest: TimeDelta::minutes(3) }
    }

    /// Reads what the user says.
    pub(super) fn parse(wire: &RetryStrategy, path: &str, errors: &mut Vec<SpecError>) -> Self {
        let default = Self::default_for(true);
        if wire.refresh {
            errors.push(SpecError::Unsupported { path: format!("{path}.refresh") });
        }
        let backoff = wire.backoff.clone().unwrap_or_default();
        let mut read = |text: Option<&str>, name: &str, default: TimeDelta| match text.filter(|text| !text.is_empty()) {
            None => default,
            Some(text) => seconds_or_duration(text).unwrap_or_else(|| {
                let problem = format!("{text:?} is not a duration");
                errors.push(SpecError::Invalid { path: format!("{path}.backoff.{name}"), problem });
                default
            }),
        };
        Self {
            limit: Some(wire.limit.unwrap_or(0)).filter(|limit| *limit >= 0),
            wait: read(backoff.duration.as_deref(), "duration", default.wait),
            longest: read(backoff.max_duration.as_deref(), "maxDuration", default.longest),
            factor: backoff.factor.unwrap_or(default.factor).max(1),
        }
    }

    /// Whether another attempt follows when this many were made after the first.
    pub fn has_more(&self, made: i64) -> bool {
        self.limit.is_none_or(|limit| made < limit)
    }

    /// How long to wait before the attempt that follows when this many were made after the first.
    pub fn wait_after(&self, made: i64) -> TimeDelta {
        let bound = if self.longest > TimeDelta::zero() { self.longest } else { TimeDelta::days(1) };
        let growth = u32::try_from(made).ok().and_then(|made| self.factor.checked_pow(made));
        let wait = growth.and_then(|growth| self.wait.num_milliseconds().checked_mul(growth));
        wait.map_or(bound, |wait| TimeDelta::milliseconds(wait.min(bound.num_milliseconds())))
    }
}

fn seconds_or_duration(text: &str) -> Option<TimeDelta> {
    match text.parse::<i64>() {
        Ok(seconds) => TimeDelta::try_seconds(seconds),
        Err(_) => duration::parse_go(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::application::RetryBackoff;

    #[test]
    fn waits_grow_up_to_a_bound() {
        let retry = Retry::default_for(true);
        let waits = [0, 1, 2, 5, 6, 60].map(|made| retry.wait_after(made).num_seconds());
        assert_eq!(waits, [5, 10, 20, 160, 180, 180]);
        assert!(retry.has_more(4) && !retry.has_more(5) && !Retry::default_for(false).has_more(0));
    }

    #[test]
    fn what_the_user_says() {
        let backoff = RetryBackoff { duration: Some("7".into()), factor: Some(3), max_duration: Some("1m".into()) };
        let wire = RetryStrategy { limit: Some(-1), backoff: Some(backoff), refresh: false };
        let mut errors = Vec::new();
        let retry = Retry::parse(&wire, "r", &mut errors);
        assert_eq!(
            (retry.wait_after(0).num_seconds(), retry.wait_after(9).num_seconds(), retry.has_more(1000)),
            (7, 60, true)
        );
        let bad = RetryBackoff { duration: Some("soon".into()), ..RetryBackoff::default() };
        Retry::parse(&RetryStrategy { backoff: Some(bad), refresh: true, ..wire }, "r", &mut errors);
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "r.refresh: Forbidden: not supported by this version",
                "r.backoff.duration: Invalid value: \"soon\" is not a duration",
            ]
        );
    }
}
