//! How a decision about a run is written down: one merge patch of what changed in its status, and the Events that tell
//! of it. A status that did not change is not written.

use crate::refusal::Refusal;
use crds::{
    AnalysisRun,
    analysis::{AnalysisPhase, AnalysisRunStatus},
    kind::ANALYSIS_RUN,
};
use plan::{Event, Plan, Reason, Target, Write, reason::RunReason};
use serde_json::json;

/// The run as a plan names it.
pub(crate) fn target(run: &AnalysisRun) -> Target {
    Target::of(&ANALYSIS_RUN, &run.metadata)
}

/// The write that turns the run's status into `status`, with the Events of metrics and of the run that end by it.
pub(crate) fn changes(run: &AnalysisRun, status: &AnalysisRunStatus, because: RunReason) -> Option<Write> {
    let before = serde_json::to_value(&run.status).ok()?;
    let patch = plan::merge_patch(&before, &serde_json::to_value(status).ok()?)?;
    // The run has no status subresource: its status is a field like any other.
    Some(
        Write::patch(target(run), json!({ "status": patch }), Reason::from(because))
            .with_events(events(&run.status, status)),
    )
}

/// A run that cannot be carried out ends at once. It gets no `completedAt`, as clients know it, so it is never removed by age.
pub(crate) fn refused(run: &AnalysisRun, refusal: &Refusal) -> Plan {
    let message = refusal.to_string();
    let status =
        AnalysisRunStatus { phase: AnalysisPhase::Error, message: Some(message.clone()), ..run.status.clone() };
    changes(run, &status, RunReason::Invalid { message }).map_or_else(Plan::empty, Plan::recording)
}

fn events(before: &AnalysisRunStatus, after: &AnalysisRunStatus) -> Vec<Event> {
    let was_completed =
        |name: &str| before.metric_results.iter().any(|result| result.name == name && result.phase.is_completed());
    let ended = |phase: AnalysisPhase, kind: &str, what: &str| {
        let (reason, message) = (format!("{kind}{phase}"), format!("{what} Completed. Result: {phase}"));
        if matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error) {
            Event::warning(&reason, message)
        } else {
            Event::normal(&reason, message)
        }
    };
    let metrics =
        after.metric_results.iter().filter(|result| result.phase.is_completed() && !was_completed(&result.name));
    let of_metrics = metrics.map(|result| ended(result.phase, "Metric", &format!("Metric '{}'", result.name)));
    let of_run = (after.phase.is_completed() && !before.phase.is_completed())
        .then(|| ended(after.phase, "AnalysisRun", "Analysis"));
    of_metrics.chain(of_run).collect()
}
