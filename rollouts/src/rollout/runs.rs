//! The AnalysisRuns of an update: which should exist, under which name, and what their end means for the Rollout.
//!
//! A run's name is recorded in status first; then exactly that run is created. Recorded without a phase and absent means
//! create; recorded with one and absent means that somebody deleted it, and it is recorded once more without a phase.

mod arguments;
mod history;
mod verdict;

pub use arguments::{is_unreadable, resolved as arguments};
pub use history::{surplus, trimmed};
pub use verdict::{Verdict, events, verdict};

use super::{
    blue_green,
    fleet::{Fleet, owner},
    look::Look,
    observed::Observed,
    phase::Phase,
    spec::Step,
};
use crate::child::{self, Children};
use crds::{
    AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate,
    analysis::{AnalysisPhase, AnalysisRunSpec, AnalysisTemplateRef, AnalysisTemplateSpec, Argument, merge},
    keys, kind,
    rollout::{RolloutAnalysis, RolloutAnalysisRunStatus, RolloutStatus},
};
use plan::{Target, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// What a run judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The analysis of the step of this index.
    Step(usize),
    /// The analysis beside the steps.
    Background,
    /// The analysis before the active Service is switched.
    PrePromotion,
    /// The analysis after the active Service was switched.
    PostPromotion,
}

impl Slot {
    /// The run's kind as labels and messages name it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Step(_) => "Step",
            Self::Background => "Background",
            Self::PrePromotion => "PrePromotion",
            Self::PostPromotion => "PostPromotion",
        }
    }

    /// The words with which an abort begins that this run caused.
    pub fn blame(self) -> &'static str {
        match self {
            Self::Step(_) => "Step-based analysis phase error/failed",
            Self::Background => "Background analysis phase error/failed",
            Self::PrePromotion => "Blue/green pre-promotion analysis phase error/failed",
            Self::PostPromotion => "Blue/green post-promotion analysis phase error/failed",
        }
    }

    /// What status has recorded in its place.
    pub fn recorded(self, status: &RolloutStatus) -> Option<&RolloutAnalysisRunStatus> {
        match self {
            Self::Step(_) => status.canary.current_step_analysis_run_status.as_ref(),
            Self::Background => status.canary.current_background_analysis_run_status.as_ref(),
            Self::PrePromotion => status.blue_green.pre_promotion_analysis_run_status.as_ref(),
            Self::PostPromotion => status.blue_green.post_promotion_analysis_run_status.as_ref(),
        }
    }

    /// What status has recorded for it. A client that skips a step leaves the run of that step behind: it says nothing about
    /// the next one.
    fn own(self, status: &RolloutStatus) -> Option<&RolloutAnalysisRunStatus> {
        self.recorded(status).filter(|recorded| match self {
            Self::Step(index) => child::numberless::<AnalysisRun>(&recorded.name).ends_with(&format!("-{index}")),
            Self::Background | Self::PrePromotion | Self::PostPromotion => true,
        })
    }

    /// Where status records it.
    pub fn record(self, status: &mut RolloutStatus) -> &mut Option<RolloutAnalysisRunStatus> {
        match self {
            Self::Step(_) => &mut status.canary.current_step_analysis_run_status,
            Self::Background => &mut status.canary.current_background_analysis_run_status,
            Self::PrePromotion => &mut status.blue_green.pre_promotion_analysis_run_status,
            Self::PostPromotion => &mut status.blue_green.post_promotion_analysis_run_status,
        }
    }
}

/// All places of a status that hold a run, whatever step it is at.
pub const SLOTS: [Slot; 4] = [Slot::Step(0), Slot::Background, Slot::PrePromotion, Slot::PostPromotion];
/// Those that are forgotten once an update stops or goes to its end. Those around a switch stay to be read until it starts over.
pub const PASSING_SLOTS: [Slot; 2] = [Slot::Step(0), Slot::Background];

/// The record of a run that is about to be created.
pub fn record(name: &str) -> RolloutAnalysisRunStatus {
    RolloutAnalysisRunStatus { name: name.into(), status: AnalysisPhase::Unset, message: None }
}

/// A person cleared the pauses that the controller had set, and nothing has answered to it yet.
pub fn is_resumed(status: &RolloutStatus) -> bool {
    status.controller_pause && status.pause_conditions.is_empty()
}

/// The runs that the phase calls for.
pub fn wanted<'a>(look: &Look<'a>) -> Vec<(Slot, &'a RolloutAnalysis)> {
    if let Some(sides) = look.sides {
        return blue_green::wanted_runs(look, &sides);
    }
    let index = match look.phase {
        Phase::Stepping(index) => index,
        Phase::Finishing => look.spec.steps.len(),
        Phase::First | Phase::Promoted | Phase::Aborted | Phase::Rushing => return Vec::new(),
    };
    let step = match look.spec.steps.get(index) {
        Some(Step::Analysis(analysis)) => Some((Slot::Step(index), analysis.as_ref())),
        _ => None,
    };
    let background = look.spec.background.as_ref().filter(|background| index >= background.starting_step);
    step.into_iter().chain(background.map(|background| (Slot::Background, &background.analysis))).collect()
}

/// The runs as children of the Rollout.
fn children(observed: &Observed) -> Children<'_, AnalysisRun> {
    Children { owner: &observed.rollout.metadata, all: &observed.runs, refused: observed.refused.as_ref() }
}

/// The run with this name, where it is ours.
pub fn ours<'a>(observed: &'a Observed, name: &str) -> Option<&'a AnalysisRun> {
    children(observed).ours(name)
}

/// The run that status records for a slot.
pub fn current<'a>(look: &Look<'a>, slot: Slot) -> Option<&'a AnalysisRun> {
    ours(look.observed, &slot.own(look.status())?.name)
}

/// The names to record for slots that want a run and have none that will do.
pub fn unnamed(look: &Look<'_>) -> Vec<(Slot, String)> {
    let name_for = |(slot, analysis): (Slot, &RolloutAnalysis)| {
        if is_held(look, slot) || is_served(look, slot) {
            return None;
        }
        let spec = spec_of(look.observed, look.fleet, analysis).ok()?;
        Some((slot, free_name(look, slot, &spec)))
    };
    wanted(look).into_iter().filter_map(name_for).collect()
}

/// A step's run begins when no pause holds the step; so do those around a switch.
fn is_held(look: &Look<'_>, slot: Slot) -> bool {
    let is_paused = look.observed.rollout.spec.paused || !look.status().pause_conditions.is_empty();
    is_paused && slot != Slot::Background
}

/// A slot is served by a run that is recorded and there, or recorded and about to be created. Somebody who resumed after an
/// inconclusive run asks for another one.
fn is_served(look: &Look<'_>, slot: Slot) -> bool {
    let Some(recorded) = slot.own(look.status()) else { return false };
    match ours(look.observed, &recorded.name) {
        Some(run) => !(is_resumed(look.status()) && run.status.phase == AnalysisPhase::Inconclusive),
        None => children(look.observed).is_due(&recorded.name, recorded.status),
    }
}

fn base_name(look: &Look<'_>, slot: Slot) -> String {
    let revision = look.fleet.canary.map_or(0, |canary| canary.number());
    let base = format!("{}-{}-{revision}", look.name(), look.fleet.hash);
    match slot {
        Slot::Step(index) => format!("{base}-{index}"),
        Slot::Background => base,
        Slot::PrePromotion => format!("{base}-pre"),
        Slot::PostPromotion => format!("{base}-post"),
    }
}

fn free_name(look: &Look<'_>, slot: Slot, spec: &AnalysisRunSpec) -> String {
    let recorded = slot.own(look.status()).map(|recorded| recorded.name.as_str());
    children(look.observed).free_name(&base_name(look, slot), recorded, |run| is_same(&run.spec, spec))
}

/// A run that judges as this spec does, and is not to end.
pub(crate) fn is_same(one: &AnalysisRunSpec, other: &AnalysisRunSpec) -> bool {
    !one.terminate
        && one.metrics == other.metrics
        && one.args == other.args
        && one.dry_run == other.dry_run
        && one.measurement_retention == other.measurement_retention
}

/// The spec of a run for an analysis, or why there can be none.
pub fn spec_of(observed: &Observed, fleet: &Fleet<'_>, analysis: &RolloutAnalysis) -> Result<AnalysisRunSpec, String> {
    let templates = templates_of(observed, analysis)?;
    let args = arguments::resolved(observed, fleet, &analysis.args)?;
    merged(&templates, &args, analysis)
}

/// The spec of a run whose fields of the Rollout are still to come, or why no run can ever have one.
pub fn check(observed: &Observed, analysis: &RolloutAnalysis) -> Result<AnalysisRunSpec, String> {
    merged(&templates_of(observed, analysis)?, &arguments::promised(&analysis.args), analysis)
}

fn merged(
    templates: &[&AnalysisTemplateSpec],
    args: &[Argument],
    analysis: &RolloutAnalysis,
) -> Result<AnalysisRunSpec, String> {
    let merged = merge::merge(templates, args, &analysis.dry_run, &analysis.measurement_retention);
    merged.map_err(|error| error.to_string())
}

/// The slots that want a run, have none, and cannot have one now: a field that an argument reads is not there.
pub fn impossible(look: &Look<'_>) -> Option<(Slot, String)> {
    let has_none = |slot| !is_held(look, slot) && (current(look, slot).is_none() || !is_served(look, slot));
    let problem = |analysis| spec_of(look.observed, look.fleet, analysis).err();
    wanted(look).into_iter().find_map(|(slot, analysis)| Some((slot, problem(analysis).filter(|_| has_none(slot))?)))
}

/// The templates of an analysis, those that they name included.
pub fn templates_of<'a>(
    observed: &'a Observed,
    analysis: &RolloutAnalysis,
) -> Result<Vec<&'a AnalysisTemplateSpec>, String> {
    let references: Vec<AnalysisTemplateRef> = analysis
        .templates
        .iter()
        .map(|named| AnalysisTemplateRef {
            template_name: named.template_name.clone(),
            cluster_scope: named.cluster_scope,
        })
        .collect();
    expanded(&references, &observed.templates, &observed.cluster_templates)
}

/// The templates of a list, those that they name included.
pub fn expanded<'a>(
    references: &[AnalysisTemplateRef],
    near: &'a BTreeMap<String, Arc<AnalysisTemplate>>,
    cluster: &'a BTreeMap<String, Arc<ClusterAnalysisTemplate>>,
) -> Result<Vec<&'a AnalysisTemplateSpec>, String> {
    let find = |named: &AnalysisTemplateRef| match named.cluster_scope {
        true => cluster.get(&named.template_name).map(|template| &template.spec),
        false => near.get(&named.template_name).map(|template| &template.spec),
    };
    merge::expand(references, &find).map_err(|error| error.to_string())
}

/// Creates recorded runs, ends those that nobody needs, and removes old ones.
pub fn writes(look: &Look<'_>) -> Vec<Write> {
    let wanted = wanted(look);
    let mut writes: Vec<Write> = wanted.iter().filter_map(|(slot, analysis)| created(look, *slot, analysis)).collect();
    let is_wanted = |name: &str| {
        wanted.iter().any(|(slot, _)| slot.own(look.status()).is_some_and(|recorded| recorded.name == name))
    };
    for run in children(look.observed).own() {
        let meta = &run.metadata;
        if !run.status.phase.is_completed() && !run.spec.terminate && !meta.is_deleted() && !is_wanted(&meta.name) {
            let target = Target::of(&kind::ANALYSIS_RUN, meta);
            let body = json!({ "spec": { "terminate": true } });
            writes.push(Write::patch(target, body, RolloutReason::RunEnded { run: meta.name.clone() }.into()));
        }
    }
    writes
}

fn created(look: &Look<'_>, slot: Slot, analysis: &RolloutAnalysis) -> Option<Write> {
    let recorded = slot.own(look.status())?;
    if !children(look.observed).is_due(&recorded.name, recorded.status) {
        return None;
    }
    let spec = spec_of(look.observed, look.fleet, analysis).ok()?;
    let body = run_body(look, slot, analysis, &recorded.name, &spec);
    let reference = children(look.observed).reference(&recorded.name);
    Some(Write::create(reference, body, RolloutReason::RunStarted { run: recorded.name.clone() }.into()))
}

fn run_body(look: &Look<'_>, slot: Slot, analysis: &RolloutAnalysis, name: &str, spec: &AnalysisRunSpec) -> Value {
    let meta = &look.observed.rollout.metadata;
    let extra = analysis.analysis_run_metadata.clone().unwrap_or_default();
    let mut labels: Map<String, Value> = Map::new();
    labels.insert(keys::POD_TEMPLATE_HASH.into(), look.fleet.hash.clone().into());
    labels.insert(keys::ROLLOUT_TYPE.into(), slot.kind().into());
    if let Slot::Step(index) = slot {
        labels.insert(keys::STEP_INDEX.into(), index.to_string().into());
    }
    labels.extend(look.observed.instance_id.iter().map(|id| (keys::INSTANCE_ID.to_owned(), id.clone().into())));
    labels.extend(extra.labels.into_iter().map(|(key, value)| (key, value.into())));
    let selector = look.observed.rollout.spec.selector.clone().unwrap_or_default();
    labels.extend(selector.match_labels.into_iter().map(|(key, value)| (key, value.into())));
    let mut annotations: Map<String, Value> =
        extra.annotations.into_iter().map(|(key, value)| (key, value.into())).collect();
    let revision = look.fleet.canary.map_or(0, |canary| canary.number());
    annotations.insert(keys::REVISION.into(), revision.to_string().into());
    json!({
        "apiVersion": kind::ANALYSIS_RUN.api_version(), "kind": kind::ANALYSIS_RUN.kind,
        "metadata": {
            "name": name, "namespace": meta.namespace, "labels": labels, "annotations": annotations,
            "ownerReferences": [owner(look.observed)],
        },
        "spec": spec,
    })
}
