//! Pods with their annotations, from when the first Rollout gives its pods some.
//!
//! Annotations of pods are long and mostly other people's: as long as nobody needs them they are not kept. When somebody does,
//! all pods are listed once more, and whoever waits for that is woken.

use super::{KeptRollout, Stores, rollout_key};
use crate::queue::Key;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Whether annotations of pods are kept.
#[derive(Debug)]
pub(crate) struct PodAnnotations {
    is_wanted: watch::Sender<bool>,
    are_listed: AtomicBool,
}

impl Default for PodAnnotations {
    fn default() -> Self {
        Self { is_wanted: watch::Sender::new(false), are_listed: AtomicBool::new(false) }
    }
}

impl PodAnnotations {
    /// Whether somebody needs them.
    pub(super) fn are_wanted(&self) -> bool {
        *self.is_wanted.borrow()
    }

    /// Waits until somebody needs them.
    pub(super) async fn wanted(&self) {
        // The sender is here, so that it cannot be gone.
        let _ = self.is_wanted.subscribe().wait_for(|is_wanted| *is_wanted).await;
    }

    /// A Rollout may need them.
    pub(super) fn want(&self, kept: &KeptRollout) {
        if kept.references.pod_annotations {
            self.is_wanted.send_if_modified(|is_wanted| !std::mem::replace(is_wanted, true));
        }
    }

    /// Whether a Rollout has them, or needs none.
    pub(super) fn are_there_for(&self, kept: &KeptRollout) -> bool {
        !kept.references.pod_annotations || self.are_listed.load(Ordering::Acquire)
    }
}

impl Stores {
    /// All pods are held with their annotations now; whom that wakes.
    pub(super) fn woken_by_annotations(&self) -> Vec<Key> {
        if self.pod_annotations.are_listed.swap(true, Ordering::AcqRel) {
            return Vec::new();
        }
        let rollouts = self.rollouts.all();
        rollouts.iter().filter(|kept| kept.references.pod_annotations).map(|kept| rollout_key(kept)).collect()
    }
}
