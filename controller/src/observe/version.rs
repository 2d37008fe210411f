//! The API server's version, from when the first Rollout asks for something that older servers lack.
//!
//! It is read once; one that is too old for some Rollout is read again now and then, since servers are replaced.

use super::{KeptRollout, Stores, rollout_key};
use crate::queue::Key;
use kube::Client;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::warn;

/// How long an answer is waited for, and how long until it is asked again where there was none.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is read again.
const AGAIN: Duration = Duration::from_secs(600);

/// Major and minor.
type Version = (u32, u32);

/// What is known of the server.
#[derive(Debug)]
pub(crate) struct Server {
    is_wanted: watch::Sender<bool>,
    version: Mutex<Option<Version>>,
}

impl Default for Server {
    fn default() -> Self {
        Self { is_wanted: watch::Sender::new(false), version: Mutex::default() }
    }
}

impl Server {
    /// A Rollout may ask for it.
    pub(super) fn want(&self, kept: &KeptRollout) {
        if kept.references.server {
            self.is_wanted.send_if_modified(|is_wanted| !std::mem::replace(is_wanted, true));
        }
    }

    /// Whether a Rollout knows it, or does not care.
    pub(super) fn is_known_for(&self, kept: &KeptRollout) -> bool {
        !kept.references.server || self.version().is_some()
    }

    /// The version.
    pub(super) fn version(&self) -> Option<Version> {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stores {
    /// Reads the version, for ever; tells whom a new one wakes.
    pub(super) async fn follow_server(&self, client: &Client, wake: impl Fn(Key)) {
        // The sender is here, so that it cannot be gone.
        let _ = self.server.is_wanted.subscribe().wait_for(|is_wanted| *is_wanted).await;
        loop {
            let read = match timeout(PATIENCE, client.apiserver_version()).await {
                Ok(Ok(info)) => Some((number(&info.major), number(&info.minor))),
                Ok(Err(error)) => {
                    warn!(error = crate::logging::chain(&error), "the server does not tell its version");
                    None
                }
                Err(_) => None,
            };
            let Some(version) = read else {
                sleep(PATIENCE).await;
                continue;
            };
            let before = self.server.version.lock().unwrap_or_else(PoisonError::into_inner).replace(version);
            if before != Some(version) {
                let rollouts = self.rollouts.all();
                rollouts.iter().filter(|kept| kept.references.server).map(|kept| rollout_key(kept)).for_each(&wake);
            }
            sleep(AGAIN).await;
        }
    }
}

/// Some servers write a sign behind the number.
fn number(text: &str) -> u32 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_may_have_a_sign_behind_it() {
        for (text, expected) in [("30", 30), ("29+", 29), ("", 0), ("x", 0)] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
