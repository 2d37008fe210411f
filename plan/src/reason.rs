//! Why a plan does or does not do something, as typed values. Log, Event, condition, `get` and `explain` print them.
//!
//! One enum per rule crate; each variant prints as one plain sentence (no full stop) that says what is waited for.

mod rollout;
mod run;
mod share;
mod sync;

pub use rollout::RolloutReason;
pub use run::RunReason;
pub use share::Share;
use std::fmt;
pub use sync::SyncReason;

/// A reason from any rule crate.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// From the rules for Rollouts.
    Rollout(RolloutReason),
    /// From the rules for AnalysisRuns.
    Run(RunReason),
    /// From the rules for Applications.
    Sync(SyncReason),
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollout(reason) => reason.fmt(out),
            Self::Run(reason) => reason.fmt(out),
            Self::Sync(reason) => reason.fmt(out),
        }
    }
}

impl Reason {
    /// The variant's name, for logs and for counting.
    pub fn name(&self) -> String {
        let text = match self {
            Self::Rollout(reason) => format!("{reason:?}"),
            Self::Run(reason) => format!("{reason:?}"),
            Self::Sync(reason) => format!("{reason:?}"),
        };
        text.chars().take_while(|letter| letter.is_alphanumeric()).collect()
    }
}

impl From<RolloutReason> for Reason {
    fn from(reason: RolloutReason) -> Self {
        Self::Rollout(reason)
    }
}

impl From<RunReason> for Reason {
    fn from(reason: RunReason) -> Self {
        Self::Run(reason)
    }
}

impl From<SyncReason> for Reason {
    fn from(reason: SyncReason) -> Self {
        Self::Sync(reason)
    }
}
