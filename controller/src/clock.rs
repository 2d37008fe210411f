//! What time it is for the controller: the wall clock, or tokio's clock on top of a fixed start.
//!
//! With the second one, a paused tokio runtime is virtual time: the simulator and the controller share one clock, and an
//! hour passes in milliseconds. No other file of this crate reads a clock.

use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;
use tokio::time::Instant;

/// No single sleep is longer, so that a wall clock that was set forward is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// A source of time. Copies show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Wall,
    Tokio { base: DateTime<Utc>, start: Instant },
}

impl Clock {
    /// The machine's clock.
    pub fn wall() -> Self {
        Self(Source::Wall)
    }

    /// Shows `base` now and goes on with tokio's clock. Must be called inside a runtime.
    pub fn starting_at(base: DateTime<Utc>) -> Self {
        Self(Source::Tokio { base, start: Instant::now() })
    }

    /// The current time.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> DateTime<Utc> {
        match self.0 {
            Source::Wall => Utc::now(),
            Source::Tokio { base, start } => {
                let elapsed = TimeDelta::from_std(start.elapsed()).unwrap_or(TimeDelta::MAX);
                base.checked_add_signed(elapsed).unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
        }
    }

    /// Sleeps until `due`, or somewhat less when that is far away: callers look at the clock again.
    pub async fn sleep_towards(&self, due: DateTime<Utc>) {
        let remaining = (due - self.now()).to_std().unwrap_or(Duration::ZERO);
        // Tokio's timer counts whole milliseconds and rounds up.
        tokio::time::sleep(remaining.min(LONGEST_SLEEP)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_follows_tokio() {
        let clock = Clock::starting_at(DateTime::UNIX_EPOCH);
        let copy = clock;
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH + TimeDelta::seconds(90));
        assert_eq!(copy.now(), clock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_no_earlier_than_due() {
        let clock = Clock::starting_at(DateTime::UNIX_EPOCH);
        let due = DateTime::UNIX_EPOCH + TimeDelta::microseconds(1_500_300);
        clock.sleep_towards(due).await;
        assert!(clock.now() >= due);
    }
}
