//! The Experiments of an update: one for each step that asks for it, and what its end means for the Rollout.
//!
//! Its name is recorded in status first; then exactly that Experiment is created. What it does is decided by the rules for
//! Experiments: here it is only started, waited for, and ended.

mod made;

use super::{
    fleet::Fleet,
    look::Look,
    observed::Observed,
    phase::Phase,
    runs::{self, Verdict},
    spec::{Spec, Step},
    traffic::Branch,
};
use crate::child::{self, Children};
use chrono::{DateTime, TimeDelta, Utc};
use crds::{
    Experiment,
    analysis::AnalysisPhase,
    kind,
    rollout::{ExperimentStep, ExperimentStepTemplate},
};
use plan::{Event, Target, Write, reason::RolloutReason};
use serde_json::json;

/// Reason of the pause that an Experiment without verdict causes.
pub const INCONCLUSIVE: &str = "InconclusiveExperiment";
/// The words with which an abort begins that an Experiment caused.
const BLAME: &str = "Experiment analysis phase is error/failed";

/// The Experiments as children of the Rollout.
fn children(observed: &Observed) -> Children<'_, Experiment> {
    Children { owner: &observed.rollout.metadata, all: &observed.experiments, refused: observed.refused.as_ref() }
}

/// The step that asks for an Experiment now.
fn wanted<'a>(look: &Look<'a>) -> Option<(usize, &'a ExperimentStep)> {
    let Phase::Stepping(index) = look.phase else { return None };
    match look.spec.steps.get(index) {
        Some(Step::Experiment(step)) => Some((index, step)),
        _ => None,
    }
}

fn base_name(look: &Look<'_>, index: usize) -> String {
    let revision = look.fleet.canary.map_or(0, |canary| canary.number());
    format!("{}-{}-{revision}-{index}", look.name(), look.fleet.hash)
}

/// What status has recorded for this step. One of a step that a client skipped says nothing about this one.
fn own<'a>(look: &Look<'a>, index: usize) -> Option<&'a str> {
    let recorded = look.status().canary.current_experiment.as_deref()?;
    child::number_of::<Experiment>(&base_name(look, index), recorded).map(|_| recorded)
}

/// The Experiment of the current step.
pub fn current<'a>(look: &Look<'a>) -> Option<&'a Experiment> {
    let (index, _) = wanted(look)?;
    children(look.observed).ours(own(look, index)?)
}

/// Nobody has been behind the Services of an Experiment before. A proxy that hears of the weight before it hears of the endpoints
/// would find nobody there: the pods come first by this, of which recording in whole seconds takes up to one away.
const HEARSAY: TimeDelta = TimeDelta::seconds(2);

/// When proxies have heard of the pods of the step's Experiment, where it is to get a share and they may not have yet.
pub fn unheard_until(look: &Look<'_>) -> Option<DateTime<Utc>> {
    let (_, step) = wanted(look)?;
    let has_share = step.templates.iter().any(|template| template.weight.is_some_and(|weight| weight > 0));
    let running = current(look).filter(|experiment| experiment.status.phase == AnalysisPhase::Running && has_share);
    let heard = running?.status.available_at?.0 + HEARSAY;
    (heard > look.now).then_some(heard)
}

/// What the routes give the running Experiment of the step, by the name of the Service.
pub fn branches(look: &Look<'_>) -> Vec<Branch> {
    let running = current(look).filter(|experiment| experiment.status.phase == AnalysisPhase::Running);
    let running = running.filter(|_| unheard_until(look).is_none());
    let (Some((_, step)), Some(experiment)) = (wanted(look), running) else { return Vec::new() };
    let branch = |template: &ExperimentStepTemplate| {
        let status = experiment.status.template_statuses.iter().find(|status| status.name == template.name)?;
        Some(Branch {
            service: status.service_name.clone().filter(|name| !name.is_empty())?,
            hash: status.pod_template_hash.clone(),
            weight: template.weight.filter(|weight| *weight > 0)?,
            pods: template.replicas.unwrap_or(1),
        })
    };
    let mut branches: Vec<Branch> = step.templates.iter().filter_map(branch).collect();
    branches.sort_by(|one, other| one.service.cmp(&other.service));
    branches
}

/// The Experiment of the current step as people are told of it: its name and its phase.
pub fn unfinished(look: &Look<'_>) -> Option<RolloutReason> {
    let (index, _) = wanted(look)?;
    let experiment = own(look, index)?.to_owned();
    let phase = current(look).map_or(AnalysisPhase::Unset, |experiment| experiment.status.phase);
    (!phase.is_completed()).then(|| RolloutReason::ExperimentUnfinished { experiment, phase: phase.to_string() })
}

/// The name to record for a step that asks for an Experiment and has none that will do.
pub fn unnamed(look: &Look<'_>) -> Option<String> {
    let (index, step) = wanted(look)?;
    if is_held(look) || is_served(look, index) {
        return None;
    }
    let spec = made::spec(look, step).ok()?;
    let same = |experiment: &Experiment| experiment.spec == spec;
    Some(children(look.observed).free_name(&base_name(look, index), own(look, index), same))
}

/// It begins when no pause holds the step.
fn is_held(look: &Look<'_>) -> bool {
    look.observed.rollout.spec.paused || !look.status().pause_conditions.is_empty()
}

/// A step is served by an Experiment that is recorded and there, or about to be created. Somebody who resumed after an
/// inconclusive one asks for another.
fn is_served(look: &Look<'_>, index: usize) -> bool {
    let Some(recorded) = own(look, index) else { return false };
    match children(look.observed).ours(recorded) {
        Some(experiment) => {
            !(runs::is_resumed(look.status()) && experiment.status.phase == AnalysisPhase::Inconclusive)
        }
        None => !children(look.observed).is_taken(recorded),
    }
}

/// One is recorded that no step asks for any more: a client skipped its step.
pub fn is_left_behind(look: &Look<'_>) -> bool {
    let is_own = wanted(look).is_some_and(|(index, _)| own(look, index).is_some());
    look.status().canary.current_experiment.is_some() && !is_own
}

/// The step that asks for an Experiment, has none, and cannot have one now.
pub fn impossible(look: &Look<'_>) -> Option<(usize, String)> {
    let (index, step) = wanted(look)?;
    let has_none = !is_held(look) && (current(look).is_none() || !is_served(look, index));
    Some((index, made::spec(look, step).err().filter(|_| has_none)?))
}

/// What the end of the step's Experiment means for the update.
pub fn verdict(look: &Look<'_>) -> Option<Verdict> {
    let experiment = current(look)?;
    match experiment.status.phase {
        AnalysisPhase::Failed | AnalysisPhase::Error => {
            Some(Verdict::blaming(BLAME, experiment.status.message.as_deref()))
        }
        // Held for it already, or resumed after it: then it is replaced, not held again.
        AnalysisPhase::Inconclusive if !is_held_for_it(look) && !runs::is_resumed(look.status()) => {
            Some(Verdict::Hold(INCONCLUSIVE))
        }
        _ => None,
    }
}

fn is_held_for_it(look: &Look<'_>) -> bool {
    look.status().pause_conditions.iter().any(|condition| condition.reason == INCONCLUSIVE)
}

/// Creates the recorded one, and ends those that no step asks for.
pub fn writes(look: &Look<'_>) -> Vec<Write> {
    let mut writes: Vec<Write> = created(look).into_iter().collect();
    let wanted = wanted(look).and_then(|(index, _)| own(look, index));
    let unfinished = children(look.observed).own().filter(|experiment| !experiment.status.phase.is_completed());
    for experiment in unfinished.filter(|experiment| !experiment.spec.terminate && !experiment.metadata.is_deleted()) {
        let name = &experiment.metadata.name;
        if wanted != Some(name.as_str()) {
            let target = Target::of(&kind::EXPERIMENT, &experiment.metadata);
            let because = RolloutReason::ExperimentEnded { experiment: name.clone() };
            writes.push(Write::patch(target, json!({ "spec": { "terminate": true } }), because.into()));
        }
    }
    writes
}

fn created(look: &Look<'_>) -> Option<Write> {
    let (index, step) = wanted(look)?;
    let name = own(look, index)?;
    if !children(look.observed).is_due(name, AnalysisPhase::Unset) {
        return None;
    }
    let body = made::body(look, name, &made::spec(look, step).ok()?);
    let because = RolloutReason::ExperimentStarted { experiment: name.into() };
    let told = Event::normal("ExperimentCreated", format!("Created Experiment '{name}'"));
    Some(Write::create(children(look.observed).reference(name), body, because.into()).with_event(told))
}

/// Ended ones beyond the history limits, and those of revisions that are gone.
pub fn trimmed(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>) -> Vec<Write> {
    let recorded = observed.rollout.status.canary.current_experiment.as_deref();
    runs::surplus(children(observed), spec, fleet, |name| recorded == Some(name))
}
