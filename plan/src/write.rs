//! A write: one request to the API server, the version it was decided on, why, and the Events that tell of it.

use crate::{ObjectRef, Reason, Target};
use serde_json::{Value, json};

/// What a write moves: see the crate's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// Fields that a later decision reads.
    Memory,
    /// Anything outside the object's own memory.
    World,
    /// What only people and clients read.
    Report,
}

/// A subresource that a patch goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subresource {
    /// `/status`
    Status,
}

/// What happens to dependents of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Dependents go first.
    Foreground,
    /// Dependents go later.
    Background,
    /// Dependents stay.
    Orphan,
}

/// The request itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// POST under a name that is known beforehand. "Already exists" with our owner and the same spec is success.
    Create {
        /// Which object.
        object: ObjectRef,
        /// The whole object.
        body: Value,
    },
    /// A JSON merge patch with `resourceVersion`; null removes a field, lists are replaced whole.
    Patch {
        /// Which object, and the version it was decided on.
        target: Target,
        /// Where the patch goes; `None` is the object itself.
        subresource: Option<Subresource>,
        /// The patch without its precondition, which the shell adds from `target`.
        body: Value,
    },
    /// Deletion of exactly this object.
    Delete {
        /// Which object; its uid is the precondition.
        target: Target,
        /// What happens to its dependents.
        propagation: Propagation,
    },
    /// Deletion of exactly this pod through the eviction API: the server asks the PodDisruptionBudgets.
    Evict {
        /// Which pod; its uid is the precondition.
        target: Target,
    },
    /// Server-side apply with our field manager: for `gitops` alone.
    Apply {
        /// Which object.
        object: ObjectRef,
        /// What is applied.
        body: Value,
        /// Take over fields that another manager holds.
        force: bool,
    },
}

impl Verb {
    /// Asks a pod to go.
    pub fn is_eviction(&self) -> bool {
        matches!(self, Self::Evict { .. })
    }

    /// The object that the request is about.
    pub fn object(&self) -> &ObjectRef {
        match self {
            Self::Create { object, .. } | Self::Apply { object, .. } => object,
            Self::Patch { target, .. } | Self::Delete { target, .. } | Self::Evict { target } => &target.object,
        }
    }
}

/// Whether an Event tells of something usual or of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// Usual.
    Normal,
    /// Trouble.
    Warning,
}

/// A Kubernetes Event about the object that the plan is for, sent once its write was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Usual or trouble.
    pub event_type: EventType,
    /// Machine-readable reason, such as `RolloutPaused`.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// Another object that it is about, where it is not the one that the plan is for.
    pub about: Option<Target>,
}

impl Event {
    /// An Event of type Normal.
    pub fn normal(reason: &str, message: impl Into<String>) -> Self {
        Self { event_type: EventType::Normal, reason: reason.into(), message: message.into(), about: None }
    }

    /// An Event of type Warning.
    pub fn warning(reason: &str, message: impl Into<String>) -> Self {
        Self { event_type: EventType::Warning, reason: reason.into(), message: message.into(), about: None }
    }

    /// The same Event about another object.
    pub fn about(self, object: Target) -> Self {
        Self { about: Some(object), ..self }
    }
}

/// One write of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Memory, world or report. Set by the constructors of [`crate::Plan`].
    pub moves: Moves,
    /// The request.
    pub verb: Verb,
    /// Why it is sent.
    pub because: Reason,
    /// Sent in this order once the write was answered with success.
    pub events: Vec<Event>,
}

impl Write {
    fn new(verb: Verb, because: Reason) -> Self {
        Self { moves: Moves::World, verb, because, events: Vec::new() }
    }

    /// Creates an object under a known name.
    pub fn create(object: ObjectRef, body: Value, because: Reason) -> Self {
        Self::new(Verb::Create { object, body }, because)
    }

    /// Changes an object by merge patch.
    pub fn patch(target: Target, body: Value, because: Reason) -> Self {
        Self::new(Verb::Patch { target, subresource: None, body }, because)
    }

    /// Changes fields of `status` through the status subresource; `status` is a merge patch of the status alone.
    pub fn status(target: Target, status: Value, because: Reason) -> Self {
        Self::new(
            Verb::Patch { target, subresource: Some(Subresource::Status), body: json!({ "status": status }) },
            because,
        )
    }

    /// Deletes an object.
    pub fn delete(target: Target, propagation: Propagation, because: Reason) -> Self {
        Self::new(Verb::Delete { target, propagation }, because)
    }

    /// Evicts a pod.
    pub fn evict(target: Target, because: Reason) -> Self {
        Self::new(Verb::Evict { target }, because)
    }

    /// Applies a manifest from Git.
    pub fn apply(object: ObjectRef, body: Value, force: bool, because: Reason) -> Self {
        Self::new(Verb::Apply { object, body, force }, because)
    }

    /// Adds an Event.
    pub fn with_event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// Adds Events.
    pub fn with_events(mut self, events: impl IntoIterator<Item = Event>) -> Self {
        self.events.extend(events);
        self
    }
}
