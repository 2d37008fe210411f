//! How far is the Experiment? Its phase follows from its templates and its analyses; what has ended stays so.

use super::{
    look::{Look, has_shown_enough, is_bad},
    templates::TemplatePhase,
};
use crds::{
    analysis::AnalysisPhase,
    experiment::{ExperimentAnalysisRunStatus, ExperimentStatus},
};

/// The phase that goes with what is to be recorded, and why it is that.
pub fn next(look: Look<'_>, next: &ExperimentStatus) -> (AnalysisPhase, Option<String>) {
    let recorded = look.status();
    if recorded.phase.is_completed() {
        return (recorded.phase, recorded.message.clone());
    }
    if recorded.phase == AnalysisPhase::Unset {
        return (AnalysisPhase::Pending, None);
    }
    let worst = next.template_statuses.iter().max_by_key(|status| TemplatePhase::of(status));
    let idle =
        if look.is_terminating() || look.has_lasted() { TemplatePhase::Successful } else { TemplatePhase::Running };
    let templates = worst.map_or(idle, TemplatePhase::of);
    match templates {
        TemplatePhase::Error => return (AnalysisPhase::Error, worst.and_then(|status| status.message.clone())),
        TemplatePhase::Failed => return (AnalysisPhase::Failed, worst.and_then(|status| status.message.clone())),
        TemplatePhase::Progressing | TemplatePhase::Running | TemplatePhase::Successful => {}
    }
    if let Some(run) = worst_run(&next.analysis_runs) {
        return (run.phase, run.message.clone());
    }
    if has_shown_enough(look.spec, &next.analysis_runs) {
        let is_early = next.analysis_runs.iter().any(|run| !run.phase.is_completed());
        return (AnalysisPhase::Successful, is_early.then(|| "Required AnalysisRuns completed".to_owned()));
    }
    match templates {
        TemplatePhase::Progressing => (AnalysisPhase::Pending, None),
        TemplatePhase::Successful if !awaits_verdict(look, next) => (AnalysisPhase::Successful, None),
        _ => (AnalysisPhase::Running, None),
    }
}

/// The worst of the runs that ended, and not well.
fn worst_run(runs: &[ExperimentAnalysisRunStatus]) -> Option<&ExperimentAnalysisRunStatus> {
    let rank = |run: &&ExperimentAnalysisRunStatus| match run.phase {
        AnalysisPhase::Error => 3,
        AnalysisPhase::Failed => 2,
        _ => 1,
    };
    // The first of those that are equally bad.
    runs.iter().filter(|run| is_bad(run.phase)).rev().max_by_key(rank)
}

/// An analysis that the Experiment cannot do without goes on after the pods had their time. At an early end those that never
/// began are not waited for.
fn awaits_verdict(look: Look<'_>, next: &ExperimentStatus) -> bool {
    let required = look.spec.analyses.iter().filter(|analysis| analysis.required_for_completion);
    let run_of = |name: &str| next.analysis_runs.iter().find(|run| run.name == name);
    let mut runs = required.map(|analysis| run_of(&analysis.name));
    runs.any(|run| run.map_or(!look.is_terminating(), |run| !run.phase.is_completed()))
}
