//! Many times as a line: the middle, what few are slower than, and the slowest.
//!
//! Knows nothing of what was timed.

use std::time::Duration;

/// The line.
pub(crate) fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let of = |percent: usize| {
        let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    format!("p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, the slowest {:.1} ms", of(50), of(90), of(99), of(100))
}
