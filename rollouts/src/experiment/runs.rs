//! The AnalysisRuns of an Experiment. They begin once all pods are there; a run's name is recorded first, then exactly that run
//! is created. What ends the Experiment ends them.

mod arguments;

use super::look::Look;
use crate::rollout::{expanded, is_same_run};
use crds::{
    analysis::{AnalysisPhase, AnalysisRunSpec, AnalysisTemplateRef, merge},
    experiment::{ExperimentAnalysis, ExperimentAnalysisRunStatus},
    keys, kind,
};
use plan::{Event, Target, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};

/// What is to be recorded for the analyses, in the order of the spec.
pub fn statuses(look: Look<'_>) -> Vec<ExperimentAnalysisRunStatus> {
    look.spec.analyses.iter().filter_map(|analysis| status(look, analysis)).collect()
}

fn status(look: Look<'_>, analysis: &ExperimentAnalysis) -> Option<ExperimentAnalysisRunStatus> {
    let recorded = look.recorded_run(&analysis.name);
    if let Some(ended) = recorded.filter(|recorded| recorded.phase.is_completed()) {
        return Some(ended.clone());
    }
    let runs = look.runs();
    if let Some(recorded) = recorded.filter(|recorded| !recorded.analysis_run.is_empty()) {
        if let Some(run) = runs.ours(&recorded.analysis_run) {
            let message = run.status.message.clone().filter(|message| !message.is_empty());
            return Some(ExperimentAnalysisRunStatus { phase: run.status.phase, message, ..recorded.clone() });
        }
        let words = look.observed.refusal_of(&runs.reference(&recorded.analysis_run));
        if let Some(words) = words {
            return Some(failed(analysis, creation_failed(analysis, words)));
        }
        if runs.is_due(&recorded.analysis_run, recorded.phase) && !look.is_terminating() {
            return Some(recorded.clone());
        }
    }
    // One that never began, or that somebody removed, has nothing to end.
    if look.is_terminating() {
        return None;
    }
    if look.status().available_at.is_none() {
        return unverified(look, analysis).map(|message| failed(analysis, message));
    }
    Some(match spec_of(look, analysis) {
        Err(problem) => failed(analysis, creation_failed(analysis, &problem)),
        Ok(spec) => {
            let base = format!("{}-{}", look.name(), analysis.name);
            let name = recorded.map(|recorded| recorded.analysis_run.as_str());
            let free = runs.free_name(&base, name, |run| is_same_run(&run.spec, &spec));
            ExperimentAnalysisRunStatus { name: analysis.name.clone(), analysis_run: free, ..Default::default() }
        }
    })
}

fn failed(analysis: &ExperimentAnalysis, message: String) -> ExperimentAnalysisRunStatus {
    ExperimentAnalysisRunStatus {
        name: analysis.name.clone(),
        phase: AnalysisPhase::Error,
        message: Some(message),
        ..Default::default()
    }
}

fn creation_failed(analysis: &ExperimentAnalysis, problem: &str) -> String {
    format!("Failed to create AnalysisRun for analysis '{}': {problem}", analysis.name)
}

/// Why an analysis can never begin. Before there are pods it is only asked whether its template is there.
fn unverified(look: Look<'_>, analysis: &ExperimentAnalysis) -> Option<String> {
    let template = &analysis.template_name;
    let (is_there, kind) = if analysis.cluster_scope {
        (look.observed.cluster_templates.contains_key(template), "ClusterAnalysisTemplate")
    } else {
        (look.observed.templates.contains_key(template), "AnalysisTemplate")
    };
    let resource = kind.to_lowercase();
    let name = &analysis.name;
    (!is_there).then(|| {
        format!("{kind} verification failed for analysis '{name}': {resource}.argoproj.io \"{template}\" not found")
    })
}

/// The spec of the run of an analysis, or why there can be none.
fn spec_of(look: Look<'_>, analysis: &ExperimentAnalysis) -> Result<AnalysisRunSpec, String> {
    let reference =
        AnalysisTemplateRef { template_name: analysis.template_name.clone(), cluster_scope: analysis.cluster_scope };
    let templates = expanded(&[reference], &look.observed.templates, &look.observed.cluster_templates)?;
    let args = arguments::resolved(look, &analysis.args)?;
    let spec = &look.observed.experiment.spec;
    merge::merge(&templates, &args, &spec.dry_run, &spec.measurement_retention).map_err(|error| error.to_string())
}

/// Creates recorded runs.
pub fn created(look: Look<'_>) -> impl Iterator<Item = Write> {
    let due = look.spec.analyses.iter().filter_map(move |analysis| {
        let recorded = look.recorded_run(&analysis.name).filter(|recorded| !recorded.analysis_run.is_empty())?;
        let is_due = look.runs().is_due(&recorded.analysis_run, recorded.phase);
        (is_due && !look.is_terminating()).then_some((analysis, recorded.analysis_run.as_str()))
    });
    due.filter_map(move |(analysis, name)| {
        let body = body(look, name, &spec_of(look, analysis).ok()?);
        Some(Write::create(look.runs().reference(name), body, RolloutReason::RunStarted { run: name.into() }.into()))
    })
}

fn body(look: Look<'_>, name: &str, spec: &AnalysisRunSpec) -> Value {
    let extra = &look.observed.experiment.spec.analysis_run_metadata;
    let texts = |map: &std::collections::BTreeMap<String, String>| -> Map<String, Value> {
        map.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect()
    };
    let mut labels = texts(&extra.labels);
    labels.extend(look.observed.instance_id.iter().map(|id| (keys::INSTANCE_ID.to_owned(), id.clone().into())));
    json!({
        "apiVersion": kind::ANALYSIS_RUN.api_version(), "kind": kind::ANALYSIS_RUN.kind,
        "metadata": {
            "name": name, "namespace": look.namespace(), "labels": labels, "annotations": texts(&extra.annotations),
            "ownerReferences": [look.owner()],
        },
        "spec": spec,
    })
}

/// Ends the runs that nobody needs: all of them at the end, and at any time those that are not recorded.
pub fn ended(look: Look<'_>) -> impl Iterator<Item = Write> {
    let analysis_of = move |run: &str| look.status().analysis_runs.iter().find(|recorded| recorded.analysis_run == run);
    let is_over = move |run: &&crds::AnalysisRun| look.is_terminating() || analysis_of(&run.metadata.name).is_none();
    let unfinished = look.runs().own().filter(|run| !run.status.phase.is_completed() && !run.metadata.is_deleted());
    unfinished.filter(|run| !run.spec.terminate).filter(is_over).map(move |run| {
        let name = &run.metadata.name;
        let analysis = analysis_of(name).map_or(name, |recorded| &recorded.name);
        let told = Event::normal("AnalysisRunTerminating", format!("Terminating {analysis} ({name})"));
        let target = Target::of(&kind::ANALYSIS_RUN, &run.metadata);
        let because = RolloutReason::RunEnded { run: name.clone() };
        Write::patch(target, json!({ "spec": { "terminate": true } }), because.into()).with_event(told)
    })
}
