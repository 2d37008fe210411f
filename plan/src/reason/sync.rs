//! Reasons of the rules for Applications.

use chrono::{DateTime, Utc};
use thiserror::Error;

/// Why an Application moves or waits.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SyncReason {
    /// The spec is invalid.
    #[error("the spec is invalid: {message}")]
    InvalidSpec { message: String },
    /// The tree is being fetched or the live objects read.
    #[error("{what} is being read")]
    Reading { what: String },
    /// Desired and live state could not be compared.
    #[error("comparison failed: {message}")]
    ComparisonFailed { message: String },
    /// Status follows what was compared.
    #[error("status follows what was compared")]
    Compared,
    /// A sync begins.
    #[error("sync to {revision} begins ({who})")]
    SyncStarted { revision: String, who: String },
    /// A part of a sync is written down.
    #[error("the sync goes on: {written}")]
    SyncAdvanced { written: String },
    /// A failed sync is tried again later.
    #[error("the sync is tried again at {}", until.format("%H:%M:%S"))]
    RetriedAt { until: DateTime<Utc> },
    /// A manifest is applied.
    #[error("{object} follows Git")]
    Applied { object: String },
    /// An object that Git no longer has goes.
    #[error("{object} is no longer in Git")]
    Pruned { object: String },
    /// An object goes together with its Application.
    #[error("{object} goes with its application")]
    ApplicationDeleted { object: String },
    /// A deleted object is still there.
    #[error("{object} is not gone yet")]
    NotGone { object: String },
    /// An Application cannot go.
    #[error("the deletion is held: {message}")]
    DeletionHeld { message: String },
    /// A wave must be healthy before the next begins.
    #[error("wave {wave} waits for {object}")]
    WaveUnhealthy { wave: i32, object: String },
    /// The sync ended.
    #[error("sync {phase}: {message}")]
    SyncEnded { phase: String, message: String },
    /// Everything is as Git says.
    #[error("in sync with {revision}")]
    InSync { revision: String },
    /// A sync is needed, but policy does not allow it by itself.
    #[error("out of sync, and not synced: {why}")]
    NotSynced { why: String },
}
