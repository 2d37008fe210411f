//! Where a Rollout stands, in one sentence; and what happens by itself when nothing more is done: deadlines and drains.

use super::{Case, Link, Part, age, gate, own, step::At};
use crate::rollout::{
    conditions,
    fleet::Revision,
    spec::routing,
    view::{Phase, progress},
};
use chrono::TimeDelta;
use crds::ReplicaSet;
use plan::reason::Share;

/// The first link, and what time alone brings.
pub(super) fn of(case: &Case<'_>, phase: Phase, held: &Part) -> (Link, Part) {
    // Time alone brings nothing where nobody looks.
    let is_unattended = gate::is_unseen(case);
    let root = Link::new(sentence(case));
    if case.rollout.metadata.is_deleted() {
        return (
            Link::new("the rollout is being deleted").since(case.rollout.metadata.deletion_timestamp),
            Part::default(),
        );
    }
    let mut part = Part { next: drains(case), ..Part::default() };
    if let Some(deadline) = deadline(case).filter(|_| !is_unattended) {
        part.next.insert(0, deadline);
    }
    if held.links.is_empty() && phase == Phase::Healthy {
        part.next.push("Nothing happens until somebody changes the rollout.".into());
    } else if held.links.is_empty() {
        let said = case.status().message.as_deref().filter(|said| !said.is_empty());
        part.links.extend(said.map(|said| Link::new(format!("the controller says: {said}"))));
        part.unknown.push(
            "what is waited for: no condition says it. What lasts is said after 30 seconds without progress".into(),
        );
        part.advice.push(own("look on while it changes", format!("get rollout {} -w", case.name())));
    }
    (root, part)
}

fn revision(set: Option<&ReplicaSet>) -> String {
    set.map_or_else(|| "the new revision".into(), |set| format!("revision {}", set.metadata.revision()))
}

fn sentence(case: &Case<'_>) -> String {
    let status = case.status();
    let new = revision(case.new_set());
    let stable = case.set_of(status.stable_rs.as_deref());
    let available = status.available_replicas.unwrap_or(0);
    let wanted = case.rollout.spec.replicas.unwrap_or(1);
    let Some(stable) = stable else {
        return format!("{new} is the first, and {available} of {wanted} pods are available");
    };
    if status.stable_rs == status.current_pod_hash {
        return format!("{new} is the stable one, and {available} of {wanted} pods are available");
    }
    let old = format!("revision {}", stable.metadata.revision());
    if status.abort {
        return format!("the update from {old} to {new} was aborted");
    }
    if status.promote_full {
        return format!("the update from {old} to {new} goes to its end at once, as somebody asked");
    }
    let update = format!("the update from {old} to {new}");
    let Some(canary) = &case.rollout.spec.strategy.canary else {
        let is_switched = status.blue_green.active_selector == status.current_pod_hash;
        let switched =
            if is_switched { "has been switched to, and is not promoted yet" } else { "has not been switched to yet" };
        return format!("{new} stands beside {old}, and {switched}");
    };
    let weight = progress::actual_weight(&case.evidence.scene).unwrap_or(0);
    let share = Share { weight, whole: routing::whole(canary) };
    let of_what = if canary.traffic_routing.is_some() { "traffic" } else { "available pods" };
    match At::of(case) {
        Some(at) => format!("{update} is at {}, with {share} of the {of_what} on {new}", at.told()),
        None => format!("{update} is past all of its steps"),
    }
}

/// When the progress deadline passes, where it counts now: not in a pause, an analysis or an experiment, after an abort, or
/// while other pods still drain.
fn deadline(case: &Case<'_>) -> Option<String> {
    let (spec, status) = (&case.rollout.spec, case.status());
    let is_waiting = At::of(case)
        .is_some_and(|at| at.step.pause.is_some() || at.step.analysis.is_some() || at.step.experiment.is_some());
    let is_late = conditions::find(status, "Progressing").is_some_and(|known| known.reason == conditions::TIMED_OUT);
    let is_refused = conditions::find(status, conditions::INVALID_SPEC).is_some();
    let is_draining = retired(case).any(|revision| revision.drains(case.now));
    if is_waiting || is_late || is_refused || is_draining || status.abort {
        return None;
    }
    let span = TimeDelta::seconds(i64::from(spec.progress_deadline_seconds.unwrap_or(600)));
    let due = conditions::deadline_of(status, span)?;
    let consequence = if spec.progress_deadline_abort && status.stable_rs != status.current_pod_hash {
        "the update is aborted"
    } else {
        "the rollout counts as degraded, and goes on trying"
    };
    Some(format!("If nothing progresses until {}, {consequence}.", case.until(due)))
}

fn retired<'a>(case: &Case<'a>) -> impl Iterator<Item = Revision<'a>> {
    let current = [&case.status().current_pod_hash, &case.status().stable_rs];
    let all = case.sets.iter().map(|set| Revision { set });
    all.filter(move |revision| current.iter().all(|hash| hash.as_deref() != Some(revision.hash())))
}

/// Which pods go, and when.
fn drains(case: &Case<'_>) -> Vec<String> {
    let told = |set: &ReplicaSet| -> Option<String> {
        let (name, revision) = (&set.metadata.name, Revision { set });
        let (asked, kept) = (revision.size().asked, revision.kept_then());
        let deadline = revision.deadline().filter(|_| asked > kept)?;
        let which = if kept > 0 { format!("All but {kept} of the pods") } else { "The pods".to_owned() };
        Some(if deadline < case.now {
            format!("{which} of {name} may go: their time was up {} ago.", age::short(case.now - deadline))
        } else {
            format!("{which} of {name} go {}.", case.at(deadline))
        })
    };
    case.sets.iter().filter_map(|set| told(set)).collect()
}
