//! The step that an update stands at, in words, and what each kind of step waits for.

use super::{Case, Link, Part, own, run};
use chrono::TimeDelta;
use crds::{
    duration,
    rollout::{CanaryStep, RolloutAnalysisRunStatus},
};

/// The current step of a canary.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) index: usize,
    pub(super) of: usize,
    pub(super) step: &'a CanaryStep,
}

impl<'a> At<'a> {
    /// `None` where there are no steps, or all are done.
    pub(super) fn of(case: &Case<'a>) -> Option<Self> {
        let steps = &case.rollout.spec.strategy.canary.as_ref()?.steps;
        let index = usize::try_from(case.status().current_step_index.unwrap_or(0)).ok()?;
        Some(Self { index, of: steps.len(), step: steps.get(index)? })
    }

    /// `step 2 of 4 (pause)`.
    pub(super) fn told(self) -> String {
        format!("step {} of {} ({})", self.index + 1, self.of, describe(self.step))
    }
}

/// The step after the current one, in words.
pub(super) fn following(case: &Case<'_>) -> String {
    let steps = case.rollout.spec.strategy.canary.as_ref().map(|canary| canary.steps.as_slice()).unwrap_or_default();
    let next = At::of(case).and_then(|at| Some((at.index + 2, steps.get(at.index + 1)?)));
    match next {
        Some((number, step)) => format!("step {number} of {} ({})", steps.len(), describe(step)),
        None => "the rest of the pods and of the traffic".into(),
    }
}

/// A step in the words of its manifest.
fn describe(step: &CanaryStep) -> String {
    let pause = step.pause.as_ref().map(|pause| match &pause.duration {
        Some(duration) => format!("pause: {duration}"),
        None => "pause".into(),
    });
    let named = |kind: &str, name: &Option<String>| format!("{kind}: {}", name.as_deref().unwrap_or_default());
    step.set_weight
        .map(|weight| format!("setWeight: {weight}"))
        .or(pause)
        .or(step.analysis.as_ref().map(|_| "analysis".into()))
        .or(step.experiment.as_ref().map(|_| "experiment".into()))
        .or(step.set_canary_scale.as_ref().map(|_| "setCanaryScale".into()))
        .or(step.set_header_route.as_ref().map(|route| named("setHeaderRoute", &route.name)))
        .or(step.set_mirror_route.as_ref().map(|route| named("setMirrorRoute", &route.name)))
        .or(step.plugin.as_ref().map(|plugin| format!("plugin: {}", plugin.name)))
        .unwrap_or_else(|| "an empty step".into())
}

/// How long a pause step lasts; `None` for one without end.
pub(super) fn pause(step: &CanaryStep) -> Option<TimeDelta> {
    let given = step.pause.as_ref()?.duration.as_ref()?;
    Some(TimeDelta::seconds(duration::pause_seconds(given)))
}

/// What the runs and the experiment of the update still have to say.
pub(super) fn judged(case: &Case<'_>) -> Part {
    let status = case.status();
    if status.stable_rs == status.current_pod_hash && case.rollout.spec.strategy.canary.is_some() {
        return Part::default();
    }
    let canary = At::of(case).and(status.canary.current_step_analysis_run_status.as_ref());
    let switch = &status.blue_green;
    let all = [
        (canary, "the step goes on when its analysis succeeds, and the update is aborted when it fails"),
        (
            switch.pre_promotion_analysis_run_status.as_ref(),
            "the switch waits until its analysis succeeds, and is aborted when it fails",
        ),
        (
            switch.post_promotion_analysis_run_status.as_ref(),
            "the update ends when the analysis after the switch succeeds, and is taken back when it fails",
        ),
    ];
    let unfinished =
        all.into_iter().filter_map(|(run, next)| Some((run.filter(|run| !run.status.is_completed())?, next)));
    let parts = unfinished.map(|(run, next)| waits(case, run, next));
    parts.fold(Part::default(), Part::and).and(experiment(case))
}

fn waits(case: &Case<'_>, recorded: &RolloutAnalysisRunStatus, next: &str) -> Part {
    Part::of(run::link(case, &recorded.name)).then(capital(next)).advising([
        run::advice(&recorded.name),
        own("end the analysis now", format!("terminate analysisrun {}", recorded.name)),
        own("go on without it", format!("promote {}", case.name())),
        own("take the update back", format!("abort {}", case.name())),
    ])
}

fn experiment(case: &Case<'_>) -> Part {
    let named = case.status().canary.current_experiment.as_deref().filter(|name| !name.is_empty());
    let is_at_one = At::of(case).is_some_and(|at| at.step.experiment.is_some());
    let Some(name) = named.filter(|_| is_at_one) else { return Part::default() };
    let (link, end): (Link, _) = run::experiment(case, name);
    let next = match end {
        Some(end) => format!("The experiment lasts until {}; the step goes on when it succeeds.", case.until(end)),
        None => "The step goes on when the experiment succeeds, and the update is aborted when it fails.".into(),
    };
    Part::of(link).then(next).advising([
        own("see the experiment", format!("get experiment {name}")),
        own("end the experiment now", format!("terminate experiment {name}")),
        own("take the update back", format!("abort {}", case.name())),
    ])
}

/// A sentence with its first letter and its full stop.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
