//! When a completed run is removed: some time after its end, if its spec says so.
//!
//! A run without `completedAt` stays, and one that is under way is never looked at here.

use crate::{memory::RunMemory, report};
use chrono::{DateTime, TimeDelta, Utc};
use crds::{
    AnalysisRun,
    analysis::{AnalysisPhase, TtlStrategy},
};
use plan::{Plan, Propagation, Requeue, Write, reason::RunReason};

/// What to do about a completed run.
pub(crate) fn decide(run: &AnalysisRun, memory: &RunMemory, now: DateTime<Utc>) -> Plan {
    let seconds = run.spec.ttl_strategy.as_ref().and_then(|strategy| seconds(strategy, memory.phase));
    let (Some(seconds), Some(completed_at)) = (seconds, memory.completed_at) else {
        return Plan::empty();
    };
    let expires =
        completed_at.checked_add_signed(TimeDelta::seconds(seconds.into())).unwrap_or(DateTime::<Utc>::MAX_UTC);
    if now < expires {
        return Plan::empty().by(Requeue::At(expires));
    }
    Plan::acting(vec![Write::delete(report::target(run), Propagation::Background, RunReason::Expired.into())])
}

/// An end in Error or without a verdict counts as any end, not as a failure.
fn seconds(strategy: &TtlStrategy, phase: AnalysisPhase) -> Option<i32> {
    let particular = match phase {
        AnalysisPhase::Successful => strategy.seconds_after_success,
        AnalysisPhase::Failed => strategy.seconds_after_failure,
        AnalysisPhase::Unset
        | AnalysisPhase::Pending
        | AnalysisPhase::Running
        | AnalysisPhase::Error
        | AnalysisPhase::Inconclusive => None,
    };
    particular.or(strategy.seconds_after_completion)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn which_time_counts() {
        let all = json!({"secondsAfterCompletion": 60, "secondsAfterFailure": 600, "secondsAfterSuccess": 6});
        let completion = json!({"secondsAfterCompletion": 60});
        let failure = json!({"secondsAfterFailure": 600});
        for (strategy, phase, expected) in [
            (&all, AnalysisPhase::Successful, Some(6)),
            (&all, AnalysisPhase::Failed, Some(600)),
            (&all, AnalysisPhase::Error, Some(60)),
            (&all, AnalysisPhase::Inconclusive, Some(60)),
            (&completion, AnalysisPhase::Successful, Some(60)),
            (&completion, AnalysisPhase::Failed, Some(60)),
            (&failure, AnalysisPhase::Error, None),
            (&failure, AnalysisPhase::Successful, None),
        ] {
            let strategy = serde_json::from_value(strategy.clone()).expect("reads");
            assert_eq!(seconds(&strategy, phase), expected, "{phase}");
        }
    }
}
