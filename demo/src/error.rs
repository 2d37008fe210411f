//! What can go wrong with a story: it does not happen, or its world cannot be had.

use std::{io, time::Duration};
use thiserror::Error;

/// Why a story ended early.
#[derive(Debug, Error)]
pub enum DemoError {
    /// Something did not happen in time.
    #[error("{what}: waited {} s for it; last seen: {last}", limit.as_secs())]
    Missed {
        /// What was waited for.
        what: String,
        /// For how long.
        limit: Duration,
        /// What was there instead.
        last: String,
    },
    /// A request to the API server failed.
    #[error("{what}")]
    Cluster {
        /// What was asked.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// A promote or abort of the plugin failed.
    #[error("kubectl leadline {command}")]
    Plugin {
        /// The command.
        command: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file, a port or a program.
    #[error("{what}")]
    Machine {
        /// What was tried.
        what: String,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Something is not as the world needs it.
    #[error("{0}")]
    Unusable(String),
    /// The controller ended by itself.
    #[error("the controller ended: {0}")]
    ControllerEnded(String),
}

impl DemoError {
    /// Says what was tried when the machine failed.
    pub(crate) fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Machine { what, source }
    }

    /// Says what was asked of the API server when it failed.
    pub(crate) fn cluster(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Cluster { what, source: Box::new(source) }
    }
}
