//! One look at a Rollout: everything that the rules derive once and then share. It is passed down and never changed.

use super::{
    blue_green::Sides,
    experiments,
    fleet::Fleet,
    goal::Goal,
    observed::Observed,
    phase::Phase,
    spec::{Spec, Strategy},
    traffic::Traffic,
};
use chrono::{DateTime, Utc};
use crds::{kind, rollout::RolloutStatus};
use plan::Target;

/// What the rules see.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The stores' contents.
    pub observed: &'a Observed,
    /// The parsed spec.
    pub spec: &'a Spec<'a>,
    /// The ReplicaSets by role.
    pub fleet: &'a Fleet<'a>,
    /// Where the update stands.
    pub phase: Phase,
    /// What the routes hold; `None` where traffic is not routed.
    pub traffic: Option<Traffic<'a>>,
    /// What a canary heads for now.
    pub goal: Goal,
    /// What the Services of blue-green select; `None` for a canary.
    pub sides: Option<Sides<'a>>,
    /// The time.
    pub now: DateTime<Utc>,
}

impl<'a> Look<'a> {
    /// Derives what the rules share.
    pub fn of(observed: &'a Observed, spec: &'a Spec<'a>, fleet: &'a Fleet<'a>, now: DateTime<Utc>) -> Self {
        let phase = Phase::of(&observed.rollout.status, fleet, spec);
        let sides = match &spec.strategy {
            Strategy::Canary(_) => None,
            Strategy::BlueGreen(blue_green) => Some(Sides::of(observed, blue_green)),
        };
        let traffic = Traffic::of(observed, spec);
        let goal = Goal::of(observed, spec, fleet, phase, traffic.as_ref());
        Self { observed, spec, fleet, phase, traffic, goal, sides, now }
    }

    /// The recorded status.
    pub fn status(&self) -> &'a RolloutStatus {
        &self.observed.rollout.status
    }

    /// The Rollout's name.
    pub fn name(&self) -> &'a str {
        &self.observed.rollout.metadata.name
    }

    /// The Rollout's namespace.
    pub fn namespace(&self) -> &'a str {
        &self.observed.rollout.metadata.namespace
    }

    /// The Rollout as an object to write to.
    pub fn target(&self) -> Target {
        rollout_target(self.observed)
    }

    /// `spec.paused`, or a pause because an analysis or an experiment could not decide: both stop every scaling.
    pub fn is_halted(&self) -> bool {
        let reasons = [INCONCLUSIVE, experiments::INCONCLUSIVE];
        let inconclusive = |condition: &crds::rollout::PauseCondition| reasons.contains(&condition.reason.as_str());
        self.observed.rollout.spec.paused || self.status().pause_conditions.iter().any(inconclusive)
    }

    /// The share that reaches the revision with this hash at most. Without routing nothing is known to.
    pub fn share_of(&self, hash: &str) -> i32 {
        if let Some(sides) = &self.sides {
            return sides.share_of(hash);
        }
        self.traffic.as_ref().map_or(0, |traffic| traffic.share_of(hash))
    }
}

/// Reason of the pause that an analysis without verdict causes.
pub const INCONCLUSIVE: &str = "InconclusiveAnalysisRun";

/// The Rollout as an object to write to.
pub fn rollout_target(observed: &Observed) -> Target {
    Target::of(&kind::ROLLOUT, &observed.rollout.metadata)
}
