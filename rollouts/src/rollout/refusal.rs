//! What the API server refused to write: said among what holds a Rollout, in a condition, and as the message of its phase.
//!
//! A refusal stands as long as the plan still wants to write that object. Nothing here decides whether it is tried again.

use super::{conditions, traffic};
use chrono::{DateTime, Utc};
use crds::{Kind, rollout::RolloutStatus};
use plan::{ObjectRef, Verb, Write, reason::RolloutReason};

/// The condition, which is absent where nothing was refused.
pub const CONDITION: &str = "WriteRefused";
/// Reason of what is refused about a router's objects, as clients know it, and of all else.
const TRAFFIC: &str = "TrafficRoutingError";
const OTHER: &str = "WriteRefused";

/// A write that the API server refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was to be written.
    pub object: ObjectRef,
    /// A pod was asked to go.
    pub is_eviction: bool,
    /// What the server said: who refused, and why.
    pub message: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Refusal {
    fn reason(&self) -> &'static str {
        let is_of = |kind: Kind| kind.kind == self.object.kind && kind.group == self.object.group;
        if traffic::kinds().any(is_of) { TRAFFIC } else { OTHER }
    }

    fn sentence(&self) -> String {
        let what = if self.is_eviction { "evicted" } else { "written" };
        format!("{} cannot be {what}: {}", self.object, self.message)
    }

    /// The server said that the name is taken. What we would take for our own is no refusal: somebody else holds it.
    pub fn is_taken(&self) -> bool {
        self.message.ends_with("already exists")
    }

    /// The refusal as what holds the Rollout up.
    pub fn told(&self) -> RolloutReason {
        RolloutReason::WriteRefused { reason: self.reason(), message: self.sentence() }
    }
}

/// The refusal of something that is still to be written.
pub fn standing<'a, 'w>(
    refused: Option<&'a Refusal>,
    mut wanted: impl Iterator<Item = &'w Write>,
) -> Option<&'a Refusal> {
    let is_same =
        |refused: &Refusal, verb: &Verb| *verb.object() == refused.object && verb.is_eviction() == refused.is_eviction;
    refused.filter(|refused| wanted.any(|write| is_same(refused, &write.verb)))
}

/// Sets the condition, or takes it away.
pub fn show(status: &mut RolloutStatus, refused: Option<&Refusal>, now: DateTime<Utc>) {
    match refused {
        Some(refused) => conditions::say(status, CONDITION, "True", refused.reason(), &refused.sentence(), now),
        None => status.conditions.retain(|condition| condition.condition_type != CONDITION),
    }
}

/// What the condition says.
pub fn shown(status: &RolloutStatus) -> Option<&str> {
    conditions::find(status, CONDITION).map(|condition| condition.message.as_str())
}
