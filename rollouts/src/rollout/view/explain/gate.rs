//! What holds a Rollout: each reason that the controller or a person wrote down, with what stands behind it.

use super::{
    Case, Link, Part, kubectl, leader, own, pods, reference, run,
    step::{self, At},
};
use crate::rollout::{
    advance::PAUSE_STEP,
    blue_green::{self, spec::Promotion},
    conditions, experiments, held,
    look::INCONCLUSIVE,
    refusal, restart,
    view::phase,
};
use chrono::{DateTime, Utc};
use crds::rollout::PauseCondition;

/// Everything that holds it, most telling first.
pub(super) fn all(case: &Case<'_>) -> Part {
    if case.rollout.metadata.is_deleted() {
        return Part::default();
    }
    if let Some(part) = unseen(case).map(|link| leader::absent(case, link)).or_else(|| invalid(case)) {
        return part;
    }
    let pauses = case.status().pause_conditions.iter().map(|condition| pause(case, condition));
    let parts = [refused(case), aborted(case), by_user(case)].into_iter().chain(pauses);
    let waits = [late(case), step::judged(case), held(case), restarting(case)];
    parts.chain(waits).fold(Part::default(), Part::and)
}

/// Whether nobody has looked at the last change yet.
pub(super) fn is_unseen(case: &Case<'_>) -> bool {
    unseen(case).is_some()
}

fn unseen(case: &Case<'_>) -> Option<Link> {
    let status = case.status();
    let generation = case.rollout.metadata.generation;
    let what = if !phase::is_generation_seen(case.rollout) {
        match status.observed_generation.as_deref().filter(|text| !text.is_empty()) {
            Some(seen) => format!(
                "no controller has looked at its spec since it changed: generation {generation}, last seen {seen}"
            ),
            None => "no controller has looked at it yet".into(),
        }
    } else if status.controller_pause && status.pause_conditions.is_empty() {
        "somebody ended its pause, and the controller has not gone on yet".into()
    } else if !phase::is_workload_seen(case.rollout) {
        "no controller has looked at its workload since that changed".into()
    } else {
        return None;
    };
    Some(Link::new(what))
}

/// The spec, or something that it names, is not as it must be.
fn invalid(case: &Case<'_>) -> Option<Part> {
    let condition = conditions::find(case.status(), conditions::INVALID_SPEC)?;
    let problem =
        condition.message.split_once(" is invalid: ").map_or(condition.message.as_str(), |(_, problem)| problem);
    let link = Link::new(format!("its spec cannot be carried out: {problem}")).since(condition.last_transition_time);
    let (below, look) = reference::looked_for(case).unzip();
    let mend = kubectl("mend the field", format!("edit rollout {}", case.name()));
    Some(
        Part::of(link.over(below))
            .then("Nothing is touched until this is mended: pods and traffic stay as they are.")
            .advising(look.into_iter().chain([mend])),
    )
}

/// The API server refuses a write of the controller.
fn refused(case: &Case<'_>) -> Part {
    let Some(condition) = conditions::find(case.status(), refusal::CONDITION) else { return Part::default() };
    let link = Link::new(format!("the API server refuses a write: {}", condition.message));
    Part::of(link.since(condition.last_transition_time))
        .then("The write is tried again, at most every 10 seconds.")
        .advising([kubectl(
            "see what was told of it",
            format!("get events --field-selector involvedObject.name={}", case.name()),
        )])
}

/// The update was taken back.
fn aborted(case: &Case<'_>) -> Part {
    let status = case.status();
    if !status.abort || status.stable_rs == status.current_pod_hash {
        return Part::default();
    }
    let message = conditions::find(status, "Progressing").filter(|known| known.reason == conditions::ABORTED);
    let because = message.and_then(|known| Some(known.message.split_once(": ")?.1));
    let what = match because {
        Some(because) => format!("the update was aborted: {because}"),
        None => "the update was aborted, and no reason is recorded: a person or a program asked for it".into(),
    };
    let runs = failed_runs(case);
    let advice = runs.iter().map(|name| run::advice(name)).collect::<Vec<_>>();
    let link = Link::new(what).since(status.aborted_at).over(runs.iter().map(|name| run::link(case, name)));
    Part::of(link).then("Nothing happens by itself: the stable revision stays.").advising(advice).advising([
        own("try the same again", format!("retry rollout {}", case.name())),
        own("bring the spec back to the stable revision", format!("undo {}", case.name())),
    ])
}

/// Runs of the current revision that failed.
fn failed_runs(case: &Case<'_>) -> Vec<String> {
    use crds::analysis::AnalysisPhase;
    let hash = case.status().current_pod_hash.as_deref();
    let uid = &case.rollout.metadata.uid;
    let runs = case
        .evidence
        .scene
        .runs
        .iter()
        .filter(|run| run.metadata.owner_references.iter().any(|owner| owner.uid == *uid));
    let of_revision = runs.filter(|run| run.metadata.label(crds::keys::POD_TEMPLATE_HASH) == hash);
    let failed = of_revision.filter(|run| matches!(run.status.phase, AnalysisPhase::Failed | AnalysisPhase::Error));
    failed.map(|run| run.metadata.name.clone()).collect()
}

fn by_user(case: &Case<'_>) -> Part {
    if !case.rollout.spec.paused {
        return Part::default();
    }
    let since = conditions::find(case.status(), "Paused").filter(|known| known.status == "True");
    let link = Link::new("somebody paused the whole rollout (spec.paused)")
        .since(since.and_then(|known| known.last_transition_time));
    Part::of(link)
        .then("Nothing happens until somebody lets it go on.")
        .advising([own("let it go on", format!("promote {}", case.name()))])
}

/// A pause that the controller recorded.
fn pause(case: &Case<'_>, condition: &PauseCondition) -> Part {
    let name = case.name();
    let promote = own("let the update go on now", format!("promote {name}"));
    let abort = own("take the update back", format!("abort {name}"));
    match condition.reason.as_str() {
        PAUSE_STEP => {
            let end = At::of(case).and_then(|at| step::pause(at.step)).zip(condition.start_time);
            let end = end.map(|(span, begun)| begun.0 + span);
            let following = step::following(case);
            timed(case, "a pause step holds it", condition, end, &following).advising([promote, abort])
        }
        blue_green::PAUSE => {
            let end = case.rollout.spec.strategy.blue_green.as_ref().map(Promotion::of);
            let end = end.and_then(|promotion| blue_green::pause_end(promotion, case.status()));
            let service =
                case.rollout.spec.strategy.blue_green.as_ref().and_then(|spec| spec.preview_service.as_deref());
            let behind = service.map(|name| format!(" behind the preview Service {name}")).unwrap_or_default();
            let what = format!("the new revision waits{behind}");
            timed(case, &what, condition, end, "the switch of the active Service").advising([promote, abort])
        }
        reason => undecided(case, reason, condition).advising([promote, abort]),
    }
}

fn timed(case: &Case<'_>, what: &str, condition: &PauseCondition, end: Option<DateTime<Utc>>, following: &str) -> Part {
    let until = if end.is_some() { "" } else { ", until somebody promotes" };
    let link = Link::new(format!("{what}{until}")).since(condition.start_time);
    match end {
        None => Part::of(link).then(format!("Nothing happens by itself; after a promotion follows {following}.")),
        Some(end) if end >= case.now => {
            Part::of(link).then(format!("The pause ends {}; then follows {following}.", case.at(end)))
        }
        // It is over, and nobody went on.
        Some(end) => leader::absent(
            case,
            link.over([Link::new("the pause is over, and the controller has not gone on yet").since(Some(end.into()))]),
        ),
    }
}

fn undecided(case: &Case<'_>, reason: &str, condition: &PauseCondition) -> Part {
    let status = case.status();
    let recorded = [
        &status.canary.current_step_analysis_run_status,
        &status.canary.current_background_analysis_run_status,
        &status.blue_green.pre_promotion_analysis_run_status,
        &status.blue_green.post_promotion_analysis_run_status,
    ];
    let is_undecided = |status: crds::analysis::AnalysisPhase| status == crds::analysis::AnalysisPhase::Inconclusive;
    let runs = recorded.into_iter().flatten().filter(|run| is_undecided(run.status)).map(|run| run.name.as_str());
    let runs: Vec<&str> = runs.filter(|_| reason == INCONCLUSIVE).collect();
    let experiment = status.canary.current_experiment.as_deref().filter(|_| reason == experiments::INCONCLUSIVE);
    let what = match reason {
        INCONCLUSIVE => "an analysis could not decide, so a person has to".to_owned(),
        experiments::INCONCLUSIVE => "an experiment could not decide, so a person has to".to_owned(),
        other => format!("it is paused ({other})"),
    };
    let links = runs.iter().map(|name| run::link(case, name));
    let link = Link::new(what).since(condition.start_time);
    let link = link.over(links).over(experiment.map(|name| run::experiment(case, name).0));
    Part::of(link)
        .then("Nothing happens until somebody promotes or aborts.")
        .advising(runs.iter().map(|name| run::advice(name)))
}

/// No progress within the deadline.
fn late(case: &Case<'_>) -> Part {
    let Some(condition) = conditions::find(case.status(), "Progressing") else { return Part::default() };
    if condition.reason != conditions::TIMED_OUT {
        return Part::default();
    }
    let secs = case.rollout.spec.progress_deadline_seconds.unwrap_or(600);
    let link = Link::new(format!("it made no progress for its deadline of {secs} seconds: {}", condition.message));
    Part::of(link.since(condition.last_transition_time))
        .then("It goes on as soon as what holds it is gone.")
        .advising([own("take the update back", format!("abort {}", case.name()))])
}

/// What the controller said that it waits for, and pods that are missing whether or not it said so.
fn held(case: &Case<'_>) -> Part {
    let part = hold(case);
    let status = case.status();
    let is_updating =
        status.stable_rs.as_deref().is_some_and(|hash| !hash.is_empty()) && status.stable_rs != status.current_pod_hash;
    let can_abort = is_updating && !status.abort && !part.links.is_empty();
    part.advising(can_abort.then(|| own("take the update back", format!("abort {}", case.name()))))
}

fn hold(case: &Case<'_>) -> Part {
    let missing = || case.sets.iter().filter_map(|set| pods::missing(case, set)).fold(Part::default(), Part::and);
    let Some(condition) = conditions::find(case.status(), held::CONDITION) else { return missing() };
    let link = Link::new(&condition.message).since(condition.last_transition_time);
    match condition.reason.as_str() {
        // The links of the ReplicaSets say the same, and more.
        "PodsNotReady" => {
            let mut part = missing();
            let since = condition.last_transition_time.map(DateTime::from);
            if part.links.is_empty() {
                return Part::of(link);
            }
            for known in &mut part.links {
                known.since = known.since.or(since.filter(|_| known.what == condition.message));
            }
            part
        }
        "EndpointsNotReady" => {
            let part = missing();
            let link = link.over(reference::endpoints(case, &condition.message)).over(part.links);
            Part { links: vec![link], ..part }
        }
        _ => Part::of(link).and(missing()),
    }
}

/// A restart that somebody asked for.
fn restarting(case: &Case<'_>) -> Part {
    let Some(at) = restart::wanted(&case.rollout.spec, case.status()) else { return Part::default() };
    if at.0 > case.now {
        return Part::default().then(format!("All pods are replaced, a few at a time, from {} on.", case.until(at.0)));
    }
    let old = case.evidence.scene.pods.iter().filter(|pod| {
        let is_ours = case.sets.iter().any(|set| pod.metadata.is_controlled_by(&set.metadata.uid));
        is_ours && pod.metadata.creation_timestamp.is_some_and(|created| created < at)
    });
    let link =
        Link::new(format!("its pods are being restarted, and {} older ones are left", old.count())).since(Some(at));
    Part::of(link).then("They are evicted as newer pods become available.")
}
