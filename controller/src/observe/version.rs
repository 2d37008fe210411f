//! The API server's version, from when the first Rollout asks for something that older servers lack.
//!
//! Nothing waits for a server that does not tell it: the write that asks too much of it is refused then. It is read again now and
//! then, since servers are replaced.

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
    /// `None` until it was asked once; then what it told, if it did.
    told: Mutex<Option<Option<Version>>>,
}

impl Default for Server {
    fn default() -> Self {
        Self { is_wanted: watch::Sender::new(false), told: Mutex::default() }
    }
}

impl Server {
    /// A Rollout may ask for it.
    pub(super) fn want(&self, kept: &KeptRollout) {
        if kept.references.server {
            self.is_wanted.send_if_modified(|is_wanted| !std::mem::replace(is_wanted, true));
        }
    }

    /// Whether the server was asked, where a Rollout wants to know.
    pub(super) fn was_asked_for(&self, kept: &KeptRollout) -> bool {
        !kept.references.server || self.told().is_some()
    }

    /// The version, where the server tells it.
    pub(super) fn version(&self) -> Option<Version> {
        self.told().flatten()
    }

    fn told(&self) -> Option<Option<Version>> {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the server told; whether that is news. One that told its version once is believed to be the same while it is
    /// silent.
    fn note(&self, told: Option<Version>) -> bool {
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Some(told.or(known.flatten()));
        let is_news = *known != next;
        *known = next;
        is_news
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
                Err(_) => {
                    warn!("the server does not tell its version in time");
                    None
                }
            };
            if self.server.note(read) {
                let rollouts = self.rollouts.all();
                rollouts.iter().filter(|kept| kept.references.server).map(|kept| rollout_key(kept)).for_each(&wake);
            }
            sleep(if read.is_some() { AGAIN } else { PATIENCE }).await;
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
    use super::{Server, number};

    #[test]
    fn a_silent_server_holds_nobody_up_and_is_believed_to_be_what_it_was() {
        let server = Server::default();
        assert_eq!(server.told(), None);
        for (told, is_news, version) in [
            (None, true, None),
            (None, false, None),
            (Some((1, 29)), true, Some((1, 29))),
            (None, false, Some((1, 29))),
            (Some((1, 36)), true, Some((1, 36))),
        ] {
            assert_eq!((server.note(told), server.version(), server.told().is_some()), (is_news, version, true));
        }
    }

    #[test]
    fn a_number_may_have_a_sign_behind_it() {
        for (text, expected) in [("30", 30), ("29+", 29), ("", 0), ("x", 0)] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
