//! The rules for an Experiment: what is observed goes in, a plan comes out.
//!
//! A spec that cannot be carried out touches nothing. What is observed is recorded first: how far each template and each run
//! is, and what follows from it. Then the world is brought to what the record says: ReplicaSets, Services, AnalysisRuns.

mod look;
mod observed;
mod phase;
mod replica_sets;
mod report;
mod routes;
mod runs;
mod services;
mod spec;
mod status;
mod templates;

pub use observed::Observed;

use crate::rollout::refusal;
use chrono::{DateTime, Utc};
use crds::Experiment;
use look::Look;
use plan::{Plan, Reason, Requeue, Write, reason::RolloutReason};
use spec::Spec;

/// What is wrong with an Experiment in a file; nothing but its own spec is looked at.
pub fn lint(experiment: &Experiment) -> Option<String> {
    Spec::parse(experiment).err()
}

/// What to do next about an Experiment.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Plan {
    let experiment = &observed.experiment;
    if experiment.metadata.is_deleted() {
        return Plan::empty();
    }
    let unreadable = observed.unreadable.as_ref().map(|error| {
        let name = &experiment.metadata.name;
        format!("The Experiment \"{name}\" is invalid: {}: Invalid value: {}", error.path, error.problem)
    });
    let spec = match unreadable.map_or_else(|| Spec::parse(experiment), Err) {
        Ok(spec) => spec,
        // What has ended under other rules is left as it is.
        Err(_) if experiment.status.phase.is_completed() => return Plan::empty(),
        Err(message) => return report::invalid(observed, &message, now),
    };
    let look = Look { observed, spec: &spec, now };
    match report::status_write(look, &status::next(look)) {
        Some(write) => Plan::recording(write),
        None => carry_out(look),
    }
}

/// The world follows the record. What ends comes first: nothing that cannot be created stands in its way.
fn carry_out(look: Look<'_>) -> Plan {
    let templates = &look.spec.templates;
    let mut writes: Vec<Write> = runs::ended(look).collect();
    let mut requeue = templates::wake_up(look);
    let mut growing = Vec::new();
    for template in templates {
        let (write, due) = replica_sets::scaled(look, template);
        requeue = requeue.earliest(due);
        if look.desired(template) == 0 { writes.extend(write) } else { growing.extend(write) }
    }
    writes.extend(services::removed(look));
    writes.extend(templates.iter().filter_map(|template| replica_sets::created(look, template)));
    writes.extend(templates.iter().filter_map(|template| services::created(look, template)));
    // Pods come behind a Service that is there already.
    if !templates.iter().any(|template| services::is_missing(look, template)) {
        writes.extend(growing);
    }
    writes.extend(runs::created(look));
    if let Some(end) = look.ends_at().filter(|end| *end > look.now && !look.is_terminating()) {
        requeue = requeue.earliest(Requeue::At(end));
    }
    let refused = refusal::standing(look.observed.refused.as_ref(), writes.iter()).map(|refused| refused.told());
    let mut plan = Plan::acting(writes).by(requeue);
    plan.why = refused.into_iter().chain(waiting(look)).map(Reason::from).collect();
    plan
}

/// What it waits for, for people.
fn waiting(look: Look<'_>) -> Vec<RolloutReason> {
    let templates = &look.spec.templates;
    let sets = templates.iter().filter_map(|template| Some((template, look.set_of(template)?)));
    let mut reasons: Vec<RolloutReason> = sets
        .filter_map(|(template, set)| {
            let (replica_set, have) = (set.metadata.name.clone(), set.status.available_replicas);
            let want = look.desired(template);
            if want > have {
                return Some(RolloutReason::PodsNotReady { replica_set, want, have });
            }
            if want < set.asked() && look.leading_to(template).is_some() {
                return Some(RolloutReason::StillCarriesTraffic { what: replica_set });
            }
            let until = set.scale_down_deadline().filter(|until| *until > look.now && set.asked() > want)?;
            Some(RolloutReason::Draining { replica_set, until })
        })
        .collect();
    if look.is_terminating() || look.status().available_at.is_none() {
        return reasons;
    }
    let recorded = look.status().analysis_runs.iter().filter(|run| !run.phase.is_completed());
    reasons.extend(
        recorded
            .map(|run| RolloutReason::RunUnfinished { run: run.analysis_run.clone(), phase: run.phase.to_string() }),
    );
    reasons.push(match look.ends_at() {
        Some(until) => RolloutReason::LastsUntil { until },
        None => RolloutReason::LastsUntilEnded,
    });
    reasons
}
