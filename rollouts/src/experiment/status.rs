//! What the status is to say: memory and report together, since an Experiment has no status subresource and each status write
//! is a write of the object.
//!
//! Memory is the phase, `availableAt`, each template's counts, status and `lastTransitionTime` (the progress deadline counts
//! from it), and each run's name and phase. All else is report: erasing it changes no decision.

use super::{
    look::Look,
    phase, runs,
    templates::{self, TemplatePhase, has_same_counts},
};
use crate::rollout::conditions::{self, INVALID_SPEC};
use crds::{Time, analysis::AnalysisPhase, experiment::ExperimentStatus};

/// The status as it should be recorded now.
pub fn next(look: Look<'_>) -> ExperimentStatus {
    let mut next = look.status().clone();
    next.template_statuses = look.spec.templates.iter().map(|template| templates::status(look, template)).collect();
    next.analysis_runs = runs::statuses(look);
    let are_running = next.template_statuses.iter().all(|status| TemplatePhase::of(status) == TemplatePhase::Running);
    if next.available_at.is_none() && are_running && look.status().phase != AnalysisPhase::Unset {
        next.available_at = Some(Time::from(look.now));
    }
    (next.phase, next.message) = phase::next(look, &next);
    found(look, &mut next);
    next
}

/// The conditions that go with it.
fn found(look: Look<'_>, next: &mut ExperimentStatus) {
    let (now, name) = (look.now, look.name());
    let has_moved = next
        .template_statuses
        .iter()
        .any(|status| look.recorded_template(&status.name).is_none_or(|before| !has_same_counts(before, status)));
    let list = &mut next.conditions;
    list.retain(|condition| condition.condition_type != INVALID_SPEC);
    let mut progressing = |value: &str, reason: &str, what: &str| {
        let message = format!("Experiment \"{name}\" {what}");
        conditions::set_in(list, "Progressing", value, reason, &message, now);
    };
    match next.phase {
        AnalysisPhase::Successful => {
            progressing("False", "ExperimentCompleted", "has successfully ran and completed.");
        }
        AnalysisPhase::Running => progressing("True", "NewReplicaSetAvailable", "is running."),
        _ if has_moved => {
            let message = format!("Experiment \"{name}\" is progressing.");
            conditions::put_in(list, "Progressing", "True", "ReplicaSetUpdated", &message, now);
        }
        _ => {}
    }
}
