//! The write that takes the recorded status to the next one, and the Events that tell of what changed in it.

use super::{look::Look, observed::Observed, templates::TemplatePhase};
use crate::rollout::conditions::{self, INVALID_SPEC};
use chrono::{DateTime, Utc};
use crds::{
    analysis::AnalysisPhase,
    experiment::{ExperimentAnalysisRunStatus, ExperimentStatus, ExperimentTemplateStatus},
    kind,
};
use plan::{Event, ObjectRef, Plan, Reason, Requeue, Target, Write, reason::RolloutReason};
use serde_json::json;

/// The write with what it tells; `None` where nothing differs.
pub fn status_write(look: Look<'_>, next: &ExperimentStatus) -> Option<Write> {
    let before = look.status();
    let mut events: Vec<Event> = next.template_statuses.iter().filter_map(|status| of_template(look, status)).collect();
    events.extend(next.analysis_runs.iter().flat_map(|run| of_run(look, run)));
    events.extend(of_experiment(before.phase, next.phase));
    let because = match () {
        () if before.phase != next.phase => RolloutReason::ExperimentMoved {
            phase: next.phase.to_string(),
            message: next.message.clone().unwrap_or_default(),
        },
        () => named(before, next).unwrap_or(RolloutReason::Reported),
    };
    write(look.observed, next, because).map(|write| write.with_events(events))
}

/// A run whose name is recorded now.
fn named(before: &ExperimentStatus, next: &ExperimentStatus) -> Option<RolloutReason> {
    let is_new = |run: &&ExperimentAnalysisRunStatus| {
        !run.analysis_run.is_empty() && !before.analysis_runs.iter().any(|known| known.analysis_run == run.analysis_run)
    };
    next.analysis_runs.iter().find(is_new).map(|run| RolloutReason::RunStarted { run: run.analysis_run.clone() })
}

fn write(observed: &Observed, next: &ExperimentStatus, because: RolloutReason) -> Option<Write> {
    let before = serde_json::to_value(&observed.experiment.status).unwrap_or_default();
    let after = serde_json::to_value(next).unwrap_or_default();
    let patch = plan::merge_patch(&before, &after)?;
    let target = Target::of(&kind::EXPERIMENT, &observed.experiment.metadata);
    Some(Write::patch(target, json!({ "status": patch }), because.into()))
}

fn of_template(look: Look<'_>, next: &ExperimentTemplateStatus) -> Option<Event> {
    let before = look.recorded_template(&next.name).and_then(|status| status.status.clone()).unwrap_or_default();
    let phase = TemplatePhase::of(next);
    if phase.as_str() == before {
        return None;
    }
    let what = format!("Template '{}' transitioned from {before} -> {phase}", next.name);
    Some(event(&format!("Template{phase}"), with_message(what, next.message.as_deref()), phase.is_bad()))
}

/// On the Experiment and, where a Rollout owns it, there too: always as a Warning, as clients know it.
fn of_run(look: Look<'_>, next: &ExperimentAnalysisRunStatus) -> Vec<Event> {
    let before = look.recorded_run(&next.name).map_or(AnalysisPhase::Unset, |run| run.phase);
    if before == next.phase || next.phase == AnalysisPhase::Unset {
        return Vec::new();
    }
    let phase = next.phase;
    let what = format!("AnalysisRun '{}' transitioned from {before} -> {phase}", next.name);
    let message = with_message(what, next.message.as_deref());
    let reason = format!("AnalysisRun{phase}");
    let is_bad = matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error);
    let own = event(&reason, message.clone(), is_bad);
    [own].into_iter().chain(owner(look).map(|owner| Event::warning(&reason, message).about(owner))).collect()
}

/// The Rollout whose step this Experiment is.
fn owner(look: Look<'_>) -> Option<Target> {
    let owner = look.observed.experiment.metadata.controller().filter(|owner| owner.kind == kind::ROLLOUT.kind)?;
    let object = ObjectRef::of(&kind::ROLLOUT, look.namespace(), &owner.name);
    Some(Target { object, uid: owner.uid.clone(), resource_version: String::new() })
}

fn of_experiment(before: AnalysisPhase, next: AnalysisPhase) -> Option<Event> {
    if before == next {
        return None;
    }
    let is_bad = matches!(next, AnalysisPhase::Failed | AnalysisPhase::Error | AnalysisPhase::Inconclusive);
    Some(event(&format!("Experiment{next}"), format!("Experiment transitioned from {before} -> {next}"), is_bad))
}

fn event(reason: &str, message: String, is_bad: bool) -> Event {
    if is_bad { Event::warning(reason, message) } else { Event::normal(reason, message) }
}

fn with_message(what: String, message: Option<&str>) -> String {
    match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{what}: {message}"),
        None => what,
    }
}

/// The plan for a spec that cannot be carried out: the condition says why, and nothing else is touched.
pub fn invalid(observed: &Observed, message: &str, now: DateTime<Utc>) -> Plan {
    let mut next = observed.experiment.status.clone();
    let is_new = conditions::say_in(&mut next.conditions, INVALID_SPEC, "True", INVALID_SPEC, message, now);
    let reason = RolloutReason::InvalidSpec { message: message.to_owned() };
    let told = Event::warning(INVALID_SPEC, message);
    let write = write(observed, &next, reason.clone()).filter(|_| is_new).map(|write| write.with_event(told));
    Plan::empty().reporting(write).waiting(Reason::from(reason), Requeue::Never)
}
