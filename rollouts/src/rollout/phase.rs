//! Where an update stands, read off the memory: the one value that every rule switches on.

use super::{fleet::Fleet, spec::Spec};
use crds::rollout::RolloutStatus;

/// Where an update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No revision was ever promoted.
    First,
    /// The current revision is the stable one.
    Promoted,
    /// The update is being taken back, or was.
    Aborted,
    /// To the end at once: somebody asked for it, or the revision is one that may be returned to without steps.
    Rushing,
    /// At the step of this index.
    Stepping(usize),
    /// All steps are done; the canary takes over. Blue-green has no steps: its whole update is this.
    Finishing,
}

impl Phase {
    /// Reads the phase. The memory must be about the current template: see `advance::urgent`.
    pub fn of(status: &RolloutStatus, fleet: &Fleet<'_>, spec: &Spec<'_>) -> Self {
        if fleet.stable.is_none() {
            return Self::First;
        }
        if status.stable_rs.as_deref() == Some(fleet.hash.as_str()) {
            return Self::Promoted;
        }
        if status.abort {
            return Self::Aborted;
        }
        if status.promote_full || fleet.is_return_within(spec.rollback_window) {
            return Self::Rushing;
        }
        let index = usize::try_from(status.current_step_index.unwrap_or(0)).unwrap_or(0);
        if index < spec.steps.len() { Self::Stepping(index) } else { Self::Finishing }
    }

    /// The share for which the canary must have pods.
    pub fn share_of_pods(self, spec: &Spec<'_>) -> i32 {
        match self {
            Self::First | Self::Promoted | Self::Rushing | Self::Finishing => spec.limits.whole,
            Self::Aborted => 0,
            Self::Stepping(index) => spec.weight_at(index),
        }
    }

    /// True while the canary and the stable revision are two.
    pub fn is_updating(self) -> bool {
        match self {
            Self::First | Self::Promoted => false,
            Self::Aborted | Self::Rushing | Self::Stepping(_) | Self::Finishing => true,
        }
    }
}
