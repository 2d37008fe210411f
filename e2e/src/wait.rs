//! Waiting until a state is reached, with a limit, in real time.
//!
//! The state is asked for again and again: an event that was missed costs nothing. What was seen last is in the error.

use anyhow::bail;
use std::{
    fmt::Debug,
    future::Future,
    time::{Duration, Instant},
};

/// How long one look is apart from the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What a look saw: the awaited state, or why it is not there.
pub type Look<T> = Result<T, String>;

/// Asks until the state is there and returns it, or fails after `limit` with what was seen last.
pub async fn wait_until<T, F, W>(what: &str, limit: Duration, mut look: F) -> anyhow::Result<T>
where
    F: FnMut() -> W,
    W: Future<Output = Look<T>>,
{
    let start = Instant::now();
    loop {
        match look().await {
            Ok(seen) => return Ok(seen),
            Err(seen) if start.elapsed() > limit => bail!("{what}: not within {limit:?}; last seen: {seen}"),
            Err(_) => tokio::time::sleep(BETWEEN_LOOKS).await,
        }
    }
}

/// A look at a plain condition.
pub fn holds(condition: bool, otherwise: impl Debug) -> Look<()> {
    if condition { Ok(()) } else { Err(format!("{otherwise:?}")) }
}
