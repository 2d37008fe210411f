//! Is the step over? What the memory should say next: one change at a time, each with its reason and Events.
//!
//! Nothing here acts. A change is recorded, read back, and only then carried out by the rules for Services, traffic,
//! ReplicaSets and runs.

use super::{
    blue_green, conditions, experiments,
    look::Look,
    phase::Phase,
    restart,
    runs::{self, PASSING_SLOTS, SLOTS, Slot, Verdict},
    spec::{Spec, Step, ends},
    traffic,
};
use crate::template;
use chrono::{DateTime, Utc};
use crds::{
    Experiment, Time,
    analysis::AnalysisPhase,
    rollout::{CanaryStrategy, PauseCondition, RolloutStatus},
};
use plan::{Event, reason::RolloutReason};

/// Reason of the pause of a pause step.
pub const PAUSE_STEP: &str = "CanaryPauseStep";

/// A change of the memory.
#[derive(Clone, Debug)]
pub struct Change {
    /// The status with the change in it.
    pub status: RolloutStatus,
    /// Why.
    pub because: RolloutReason,
    /// What tells of it.
    pub events: Vec<Event>,
    /// The words that follow "Rollout aborted update to revision N".
    pub abort_message: Option<String>,
}

impl Change {
    /// One that nothing tells of.
    pub fn new(status: RolloutStatus, because: RolloutReason) -> Self {
        Self { status, because, events: Vec::new(), abort_message: None }
    }

    /// The change with one more Event.
    pub fn telling(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }
}

/// What is recorded before anything else is done: whatever the world still lacks, it is about another goal than the memory
/// says, and a write that is refused for ever must not stand in the way.
pub fn urgent(look: &Look<'_>) -> Option<Change> {
    restarted(look).or_else(|| match look.phase {
        Phase::First | Phase::Promoted => None,
        Phase::Aborted => reconsidered(look),
        Phase::Rushing => retried(look).or_else(|| rushed(look)).or_else(|| judged(look)),
        Phase::Stepping(_) | Phase::Finishing => retried(look).or_else(|| judged(look)),
    })
}

/// Starts the update over when the template or the steps changed.
fn restarted(look: &Look<'_>) -> Option<Change> {
    let (status, spec, fleet) = (look.status(), look.spec, look.fleet);
    let steps_hash = spec.canary().map(steps_hash);
    let is_same_template = status.current_pod_hash.as_deref().is_none_or(|hash| hash.is_empty() || hash == fleet.hash);
    let recorded = status.current_step_hash.as_ref().filter(|hash| !hash.is_empty());
    if is_same_template && recorded == steps_hash.as_ref() {
        return None;
    }
    let mut next = status.clone();
    start_over(&mut next);
    next.promote_full = false;
    // The pods to come are newer than any restart that is due.
    if let Some(due) = restart::wanted(&look.observed.rollout.spec, status).filter(|due| due.0 <= look.now) {
        next.restarted_at = Some(due);
    }
    next.current_pod_hash = Some(fleet.hash.clone());
    next.current_step_hash = steps_hash;
    next.current_step_index = first_step(spec);
    let mut change = Change::new(next, RolloutReason::UpdateStarted);
    if status.stable_rs.as_deref() == Some(fleet.hash.as_str()) {
        change.status.current_step_index = last_step(spec);
        let is_another = status.current_pod_hash.as_deref().is_some_and(|hash| hash != fleet.hash);
        if is_another && spec.canary().is_some() {
            change = change.telling(Event::normal("SkipSteps", "Rollback to stable ReplicaSets"));
        }
    } else if fleet.is_return_within(spec.rollback_window) {
        change.status.current_step_index = last_step(spec);
        let is_active = fleet.canary.is_some_and(|canary| canary.size().asked > 0);
        if is_active && spec.canary().is_some() {
            let told = "Rollback to active ReplicaSets within RollbackWindow";
            change = change.telling(Event::normal("SkipSteps", told));
        }
    }
    Some(change)
}

fn steps_hash(canary: &CanaryStrategy) -> String {
    let steps = serde_json::to_value(&canary.steps).ok().filter(|_| !canary.steps.is_empty());
    template::steps_hash(steps.as_ref())
}

fn first_step(spec: &Spec<'_>) -> Option<i32> {
    (!spec.steps.is_empty()).then_some(0)
}

fn last_step(spec: &Spec<'_>) -> Option<i32> {
    i32::try_from(spec.steps.len()).ok().filter(|steps| *steps > 0)
}

/// Forgets all that belongs to one update.
fn start_over(status: &mut RolloutStatus) {
    clear(status);
    status.blue_green.scale_up_preview_check_point = false;
    for slot in SLOTS {
        *slot.record(status) = None;
    }
}

/// Forgets pauses, an abort and the runs of the steps.
fn clear(status: &mut RolloutStatus) {
    status.pause_conditions.clear();
    status.controller_pause = false;
    status.abort = false;
    status.aborted_at = None;
    status.canary.current_experiment = None;
    for slot in PASSING_SLOTS {
        *slot.record(status) = None;
    }
}

/// The next change of the memory, once the world is as the memory says.
pub fn next(look: &Look<'_>) -> Option<Change> {
    match look.phase {
        Phase::First => Some(promoted(look, "Initial deploy".into())),
        Phase::Promoted => settled(look),
        Phase::Aborted => abort_seen(look),
        Phase::Rushing | Phase::Stepping(_) | Phase::Finishing => {
            if let Some(sides) = &look.sides {
                return blue_green::advance::next(look, sides).or_else(|| named(look));
            }
            finished(look).or_else(|| stepped(look)).or_else(|| resumed(look)).or_else(|| named(look))
        }
    }
}

/// A promoted Rollout has nothing to abort or to hurry.
fn settled(look: &Look<'_>) -> Option<Change> {
    let status = look.status();
    let has_leftovers = status.abort
        || status.promote_full
        || status.aborted_at.is_some()
        || status.controller_pause
        || !status.pause_conditions.is_empty();
    let is_at_end = status.current_step_index == last_step(look.spec);
    if !has_leftovers && is_at_end {
        return None;
    }
    let mut next = status.clone();
    clear(&mut next);
    next.promote_full = false;
    next.current_step_index = last_step(look.spec);
    Some(Change::new(next, RolloutReason::Reported))
}

/// The first look at an abort that a client asked for. Later a client that promotes may have counted a step further, and an
/// aborted update stands before its first.
fn abort_seen(look: &Look<'_>) -> Option<Change> {
    let (status, first) = (look.status(), first_step(look.spec));
    if status.aborted_at.is_none() {
        return Some(aborted(look, None));
    }
    (status.current_step_index != first).then(|| {
        let next = RolloutStatus { current_step_index: first, ..status.clone() };
        Change::new(next, RolloutReason::Reported)
    })
}

fn aborted(look: &Look<'_>, why: Option<String>) -> Change {
    let mut next = look.status().clone();
    clear(&mut next);
    // Whoever still wants to go to the end asks again, and is heard then.
    next.promote_full = false;
    next.abort = true;
    next.aborted_at = Some(Time::from(look.now));
    next.current_step_index = first_step(look.spec);
    let revision = look.fleet.canary.map_or(0, |canary| canary.number());
    let message = conditions::aborted_message(revision, why.as_deref());
    let mut change =
        Change::new(next, RolloutReason::Aborted { why }).telling(Event::warning("RolloutAborted", message.clone()));
    change.abort_message = Some(message);
    change
}

/// Somebody asked to go to the end after the abort was recorded: that takes the abort back.
fn reconsidered(look: &Look<'_>) -> Option<Change> {
    let status = look.status();
    (status.promote_full && status.aborted_at.is_some()).then(|| hurried(look))
}

/// Whoever goes to the end waits for no step, pause or run.
fn rushed(look: &Look<'_>) -> Option<Change> {
    let status = look.status();
    let is_held = status.controller_pause || !status.pause_conditions.is_empty();
    let has_runs =
        PASSING_SLOTS.iter().any(|slot| slot.recorded(status).is_some()) || status.canary.current_experiment.is_some();
    let is_at_end = status.current_step_index == last_step(look.spec);
    (is_held || has_runs || !is_at_end).then(|| hurried(look))
}

fn hurried(look: &Look<'_>) -> Change {
    let was_paused = !look.status().pause_conditions.is_empty();
    let mut next = look.status().clone();
    clear(&mut next);
    next.current_step_index = last_step(look.spec);
    let change = Change::new(next, RolloutReason::UpdateStarted);
    if was_paused { change.telling(resume_event()) } else { change }
}

/// Tells that a pause is over.
pub fn resume_event() -> Event {
    Event::normal("RolloutResumed", "Rollout is resumed")
}

/// The abort was taken back: the update starts at the first step again, with new runs.
fn retried(look: &Look<'_>) -> Option<Change> {
    look.status().aborted_at?;
    let mut next = look.status().clone();
    start_over(&mut next);
    next.current_step_index = first_step(look.spec);
    Some(Change::new(next, RolloutReason::UpdateStarted))
}

/// What the runs say, and what the progress deadline says.
fn judged(look: &Look<'_>) -> Option<Change> {
    match runs::verdict(look).or_else(|| experiments::verdict(look)) {
        Some(Verdict::Abort(why)) => return Some(aborted(look, Some(why))),
        Some(Verdict::Hold(reason)) => return Some(paused(look, look.status().clone(), reason)),
        None => {}
    }
    let canary = look.fleet.canary?;
    let is_late = look.observed.rollout.spec.progress_deadline_abort && conditions::is_timed_out(look, look.status());
    is_late.then(|| aborted(look, Some(format!("ReplicaSet \"{}\" has timed out progressing.", canary.name()))))
}

/// A pause begins.
pub fn paused(look: &Look<'_>, mut next: RolloutStatus, reason: &str) -> Change {
    next.pause_conditions.push(PauseCondition { reason: reason.into(), start_time: Some(Time::from(look.now)) });
    next.controller_pause = true;
    let told = Event::normal("RolloutPaused", format!("Rollout is paused ({reason})"));
    Change::new(next, RolloutReason::PauseStarted { reason: reason.into() }).telling(told)
}

/// The canary takes over: all of its pods are there and, where traffic is routed, all traffic goes to it.
fn finished(look: &Look<'_>) -> Option<Change> {
    let canary = look.fleet.canary?;
    let why = match look.phase {
        Phase::Rushing => reason_to_rush(look.status()).to_owned(),
        Phase::Finishing => format!("Completed all {} canary steps", look.spec.steps.len()),
        Phase::First | Phase::Promoted | Phase::Aborted | Phase::Stepping(_) => return None,
    };
    let has_all_pods = canary.size().available >= look.spec.pods.enough.of(look.spec.limits.replicas);
    let has_all_traffic = has_share(look, look.spec.limits.whole);
    (has_all_pods && has_all_traffic).then(|| promoted(look, why))
}

/// Why an update goes to its end at once.
pub fn reason_to_rush(status: &RolloutStatus) -> &'static str {
    if status.promote_full { "Full promotion requested" } else { "Rollback within window" }
}

/// Every route gives the canary this share. Where it is to have no pods there is nothing that a share could reach.
fn has_share(look: &Look<'_>, weight: i32) -> bool {
    let is_reachable = look.spec.limits.replicas > 0 && (look.goal.canary_pods > 0 || weight == 0);
    let Some(traffic) = look.traffic.as_ref().filter(|_| is_reachable) else { return true };
    // A larger share is no reason to wait where the stable revision has nobody to take it back.
    let is_stuck = look.fleet.stable.is_some_and(|stable| stable.size().available == 0);
    traffic.holds(weight, look.spec.limits.whole) || (is_stuck && traffic.lowest_canary() >= weight)
}

/// The new revision is the stable one from now on.
pub fn promoted(look: &Look<'_>, why: String) -> Change {
    let revision = look.fleet.canary.map_or(0, |canary| canary.number());
    let mut next = look.status().clone();
    let was_stable = next.stable_rs.replace(look.fleet.hash.clone());
    clear(&mut next);
    next.promote_full = false;
    next.blue_green.scale_up_preview_check_point = false;
    next.current_step_index = last_step(look.spec);
    let mut change = Change::new(next, RolloutReason::Promoted { revision, why: why.clone() });
    if was_stable.as_deref() == Some(look.fleet.hash.as_str()) {
        return change;
    }
    let turn = look.spec.canary().and_then(|canary| ends::next_turn(canary, look.status()));
    change.status.canary.stable_ping_pong = turn.or(change.status.canary.stable_ping_pong);
    change.telling(Event::normal(
        "RolloutCompleted",
        format!("Rollout completed update to revision {revision} ({}): {why}", look.fleet.hash),
    ))
}

/// The current step is over, or a pause step begins.
fn stepped(look: &Look<'_>) -> Option<Change> {
    let Phase::Stepping(index) = look.phase else { return None };
    let step = look.spec.steps.get(index)?;
    if look.observed.rollout.spec.paused {
        return None;
    }
    let status = look.status();
    if is_complete(look, index, step) {
        return Some(completed(look, index, step));
    }
    let begins = matches!(step, Step::Pause(_)) && !status.controller_pause && !has_pause(status, PAUSE_STEP);
    begins.then(|| paused(look, status.clone(), PAUSE_STEP))
}

/// Whether a pause of this kind holds the update.
pub fn has_pause(status: &RolloutStatus, reason: &str) -> bool {
    status.pause_conditions.iter().any(|condition| condition.reason == reason)
}

/// When the pause of this kind began.
pub fn pause_begun(status: &RolloutStatus, reason: &str) -> Option<DateTime<Utc>> {
    let pause = status.pause_conditions.iter().find(|condition| condition.reason == reason)?;
    pause.start_time.map(DateTime::from)
}

/// When the pause of the current pause step is over; `None` where it waits for a person or has not begun.
pub fn pause_end(look: &Look<'_>) -> Option<DateTime<Utc>> {
    let Phase::Stepping(index) = look.phase else { return None };
    let Some(Step::Pause(Some(duration))) = look.spec.steps.get(index) else { return None };
    Some(pause_begun(look.status(), PAUSE_STEP)? + *duration)
}

fn is_complete(look: &Look<'_>, index: usize, step: &Step) -> bool {
    let status = look.status();
    match step {
        Step::SetWeight(weight) => look.goal.has_its_pods && has_share(look, *weight),
        Step::SetCanaryScale(_) => look.goal.has_its_pods,
        Step::SetHeaderRoute(_) | Step::SetMirrorRoute(_) => traffic::is_settled(look),
        Step::Pause(_) => runs::is_resumed(status) || pause_end(look).is_some_and(|end| end <= look.now),
        Step::Analysis(_) => {
            let is_free = status.pause_conditions.is_empty();
            is_free
                && runs::current(look, Slot::Step(index))
                    .is_some_and(|run| run.status.phase == AnalysisPhase::Successful)
        }
        Step::Experiment(_) => {
            let is_successful = |experiment: &Experiment| experiment.status.phase == AnalysisPhase::Successful;
            status.pause_conditions.is_empty() && experiments::current(look).is_some_and(is_successful)
        }
    }
}

fn completed(look: &Look<'_>, index: usize, step: &Step) -> Change {
    let of = look.spec.steps.len();
    let was_paused = has_pause(look.status(), PAUSE_STEP) || look.status().controller_pause;
    let mut next = look.status().clone();
    next.current_step_index = i32::try_from(index + 1).ok();
    next.pause_conditions.retain(|condition| condition.reason != PAUSE_STEP);
    next.controller_pause = !next.pause_conditions.is_empty();
    next.canary.current_step_analysis_run_status = None;
    next.canary.current_experiment = None;
    renew(look, &mut next);
    let what = step.describe();
    let told = Event::normal("RolloutStepCompleted", format!("Rollout step {}/{of} completed ({what})", index + 1));
    let mut events = vec![told];
    if was_paused && next.pause_conditions.is_empty() {
        events.push(resume_event());
    }
    // A pause that follows begins with the same write: the time of its start is the time of this record.
    if matches!(look.spec.steps.get(index + 1), Some(Step::Pause(_))) && next.pause_conditions.is_empty() {
        let begun = paused(look, next, PAUSE_STEP);
        next = begun.status;
        events.extend(begun.events);
    }
    Change { events, ..Change::new(next, RolloutReason::StepCompleted { step: index + 1, of, what }) }
}

/// A person let it go on, and no pause step ends by that: the runs that could not decide are replaced by new ones, with the
/// same write, so that each of them is asked about once.
pub fn resumed(look: &Look<'_>) -> Option<Change> {
    if look.observed.rollout.spec.paused || !runs::is_resumed(look.status()) {
        return None;
    }
    let mut next = look.status().clone();
    next.controller_pause = false;
    let because = renew(look, &mut next).unwrap_or(RolloutReason::Reported);
    Some(Change::new(next, because).telling(resume_event()))
}

/// Records other names for the runs and the experiment that a person goes on after; the last of them.
fn renew(look: &Look<'_>, next: &mut RolloutStatus) -> Option<RolloutReason> {
    if !runs::is_resumed(look.status()) {
        return None;
    }
    let mut last = None;
    for (slot, name) in runs::unnamed(look) {
        // The step that ends here takes its run along.
        if slot.recorded(next).is_some() {
            *slot.record(next) = Some(runs::record(&name));
            last = Some(RolloutReason::RunStarted { run: name });
        }
    }
    if let Some(name) = experiments::unnamed(look).filter(|_| next.canary.current_experiment.is_some()) {
        next.canary.current_experiment = Some(name.clone());
        last = Some(RolloutReason::ExperimentStarted { experiment: name });
    }
    last
}

/// Records the name of a run or an experiment that the phase calls for, and forgets the experiment of another step.
fn named(look: &Look<'_>) -> Option<Change> {
    let mut next = look.status().clone();
    if let Some((slot, name)) = runs::unnamed(look).into_iter().next() {
        *slot.record(&mut next) = Some(runs::record(&name));
        return Some(Change::new(next, RolloutReason::RunStarted { run: name }));
    }
    if let Some(experiment) = experiments::unnamed(look) {
        next.canary.current_experiment = Some(experiment.clone());
        return Some(Change::new(next, RolloutReason::ExperimentStarted { experiment }));
    }
    next.canary.current_experiment = None;
    experiments::is_left_behind(look).then(|| Change::new(next, RolloutReason::Reported))
}
