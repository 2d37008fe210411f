//! What a decision about an Application looks at: copies of what the stores hold, the answers to what earlier plans
//! asked, and what became of the latest plan that wrote. The shell fills it in and judges nothing of it.

use chrono::TimeDelta;
use crds::{Application, Rollout};
use plan::{Answered, ObjectRef};
use std::sync::Arc;

/// Everything that [`crate::decide`] sees.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The Application itself.
    pub application: Arc<Application>,
    /// The Rollouts of all namespaces in which the Application may have objects: they own fields that Git does not.
    pub rollouts: Vec<Arc<Rollout>>,
    /// Answers to what plans for this Application asked, the latest for each question.
    ///
    /// Whatever stands in a plan's asks is asked now, unless the same question is on its way, even if it was answered
    /// before. Answers about live objects are dropped when a write to another object than the Application is sent, and
    /// one that was on its way then is not kept either. The shell may drop them too when it sees a watched object of
    /// this Application change: that makes the next look fresh.
    pub answers: Vec<Answered>,
    /// What the API server refused in the latest plan that wrote: an invalid object or a missing permission. A conflict
    /// is not a refusal.
    pub refusals: Vec<Refusal>,
    /// Which other objects' writes in the latest plan that wrote were answered with success.
    pub landed: Vec<ObjectRef>,
    /// How long a look at Git and at the live objects is good for.
    pub poll_interval: TimeDelta,
    /// Whether a repository may be a folder of this machine.
    pub allow_file_urls: bool,
    /// The namespace whose Applications are tracked by their name alone.
    pub controller_namespace: String,
}

/// A write that the API server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was to be written.
    pub object: ObjectRef,
    /// What the server said.
    pub message: String,
}
