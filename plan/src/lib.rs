//! What a plan is: the one value that a rule crate hands to the shell.
//!
//! A rule crate looks at an `Observed` and returns a [`Plan`]: the questions it needs answered ([`Ask`]), the writes to
//! send in order ([`Write`]), when to look again at the latest ([`Requeue`]) and why ([`Reason`]). The shell carries the
//! plan out and chooses nothing. A plan moves the memory or moves the world, never both; [`Plan`] keeps that by its
//! constructors. Nothing here waits, calls or looks at a clock.

mod ask;
mod object;
mod patch;
mod print;
pub mod reason;
mod requeue;
mod write;

pub use ask::{
    Answer, Answered, Ask, Credentials, GitAnswer, GitAsk, Header, HttpReply, LiveAsk, MetricAsk, Piece, SecretRef,
    SecretText,
};
pub use object::{ObjectRef, Target};
pub use patch::{merge_patch, patched};
pub use reason::Reason;
pub use requeue::Requeue;
pub use write::{Event, EventType, Moves, Propagation, Subresource, Verb, Write};

/// What to do next about one object, and why.
///
/// Invariant: the writes that move the memory and those that move the world never stand in one plan; a report comes last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Questions for the shell. An answer wakes the object again.
    pub asks: Vec<Ask>,
    writes: Vec<Write>,
    /// The earliest moment at which anything here asked to be looked at again.
    pub requeue: Requeue,
    /// What holds this object up, most telling first.
    pub why: Vec<Reason>,
}

impl Plan {
    /// A plan that does nothing and asks for nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A plan whose single write records what was decided.
    pub fn recording(write: Write) -> Self {
        Self { writes: vec![Write { moves: Moves::Memory, ..write }], ..Self::default() }
    }

    /// A plan that changes other objects, in this order.
    pub fn acting(writes: Vec<Write>) -> Self {
        let writes = writes.into_iter().map(|write| Write { moves: Moves::World, ..write }).collect();
        Self { writes, ..Self::default() }
    }

    /// Adds a write that only people and clients read. It goes last, whatever the plan moves.
    pub fn reporting(mut self, write: Option<Write>) -> Self {
        self.writes.extend(write.map(|write| Write { moves: Moves::Report, ..write }));
        self
    }

    /// Adds what holds the object up, and when to look again because of it.
    pub fn waiting(mut self, reason: Reason, requeue: Requeue) -> Self {
        self.why.push(reason);
        self.requeue = self.requeue.earliest(requeue);
        self
    }

    /// Looks again at `requeue` at the latest.
    pub fn by(mut self, requeue: Requeue) -> Self {
        self.requeue = self.requeue.earliest(requeue);
        self
    }

    /// Adds a question for the shell.
    pub fn asking(mut self, ask: Ask) -> Self {
        self.asks.push(ask);
        self
    }

    /// The writes, in the order in which they are sent.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// True when there is nothing to write and nothing to ask: what a quiet world ends with.
    pub fn is_quiet(&self) -> bool {
        self.writes.is_empty() && self.asks.is_empty()
    }

    /// True when a write of this plan records a decision.
    pub fn moves_memory(&self) -> bool {
        self.writes.iter().any(|write| write.moves == Moves::Memory)
    }

    /// True when a write of this plan changes another object.
    pub fn moves_world(&self) -> bool {
        self.writes.iter().any(|write| write.moves == Moves::World)
    }

    /// The same plan without any write: what a refused plan becomes.
    pub fn refused(mut self, reason: Reason) -> Self {
        self.writes.clear();
        self.why.insert(0, reason);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::RolloutReason;
    use serde_json::json;

    fn status_write() -> Write {
        let target = Target {
            object: ObjectRef::new("argoproj.io", "v1alpha1", "Rollout", Some("shop"), "web"),
            uid: "u1".into(),
            resource_version: "7".into(),
        };
        Write::status(
            target,
            json!({"currentStepIndex": 1}),
            RolloutReason::StepCompleted { step: 1, of: 2, what: "setWeight: 20".into() }.into(),
        )
    }

    #[test]
    fn a_plan_reads_as_a_story() {
        let plan = Plan::recording(
            status_write()
                .with_event(Event::normal("RolloutStepCompleted", "Rollout step 1/2 completed (setWeight: 20)")),
        )
        .waiting(RolloutReason::Paused { reason: "CanaryPauseStep".into() }.into(), Requeue::Never);
        assert_eq!(
            plan.to_string(),
            "record Rollout shop/web status {\"currentStepIndex\":1}: step 1 of 2 is complete (setWeight: 20)\n  \
             event RolloutStepCompleted: Rollout step 1/2 completed (setWeight: 20)\n\
             waits: paused (CanaryPauseStep) until somebody promotes\n"
        );
    }

    #[test]
    fn memory_and_world_never_share_a_plan_and_the_report_is_last() {
        let plan = Plan::acting(vec![status_write()]).reporting(Some(status_write()));
        assert!(plan.moves_world() && !plan.moves_memory());
        assert_eq!(plan.writes().last().map(|write| write.moves), Some(Moves::Report));
    }

    #[test]
    fn a_refused_plan_writes_nothing_and_says_why_first() {
        let plan = Plan::recording(status_write()).refused(RolloutReason::Paused { reason: "x".into() }.into());
        assert!(plan.writes().is_empty());
        assert_eq!(plan.why.len(), 1);
    }
}
