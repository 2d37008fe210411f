//! What time it is in a simulated world.
//!
//! A clock is a date plus the time that tokio has counted since. On a paused runtime tokio's time is virtual, so an
//! hour passes in microseconds; on a normal one the clock shows the real time. It never sleeps and never moves time.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::time::Instant;

/// A date that runs with tokio's time. Copies show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: DateTime<Utc>,
    start: Instant,
}

impl Clock {
    /// A clock that shows `base` now.
    pub fn starting_at(base: DateTime<Utc>) -> Clock {
        Clock { base, start: Instant::now() }
    }

    /// A clock that shows the machine's time now and follows tokio's time from here.
    pub fn real() -> Clock {
        Clock::starting_at(Utc::now())
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.start.elapsed()).unwrap_or(TimeDelta::MAX);
        self.base.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The time now as Kubernetes writes it: whole seconds.
    pub fn stamp(&self) -> String {
        self.now().to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use chrono::DateTime;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn follows_virtual_time() {
        let base = DateTime::from_timestamp(1_800_000_000, 0).expect("in range");
        let clock = Clock::starting_at(base);
        assert_eq!(clock.now(), base);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now() - base, chrono::TimeDelta::hours(1));
        assert_eq!(clock.stamp(), "2027-01-15T09:00:00Z");
    }
}
