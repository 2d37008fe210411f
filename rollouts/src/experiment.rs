//! The rules for Experiments. This version carries none out: one that is found says so in its condition, and nothing else of it
//! is touched. An Experiment that has ended, under another controller, is left as it is.

use crate::rollout::{conditions::INVALID_SPEC, invalid::Invalid};
use chrono::{DateTime, Utc};
use crds::{Experiment, Time, kind, rollout::Condition};
use plan::{Event, Plan, Requeue, Target, Write, reason::RolloutReason};
use serde_json::json;

/// What to do next about an Experiment.
pub fn decide(experiment: &Experiment, now: DateTime<Utc>) -> Plan {
    let meta = &experiment.metadata;
    if meta.is_deleted() || experiment.status.phase.is_completed() {
        return Plan::empty();
    }
    let message = format!("The Experiment \"{}\" is invalid: {}", meta.name, Invalid::unsupported("spec.templates"));
    let reason = RolloutReason::InvalidSpec { message: message.clone() };
    let is_told = experiment
        .status
        .conditions
        .iter()
        .any(|condition| condition.condition_type == INVALID_SPEC && condition.message == message);
    if is_told {
        return Plan::empty().waiting(reason.into(), Requeue::Never);
    }
    let mut conditions = experiment.status.conditions.clone();
    conditions.retain(|condition| condition.condition_type != INVALID_SPEC);
    conditions.push(Condition {
        condition_type: INVALID_SPEC.into(),
        status: "True".into(),
        reason: INVALID_SPEC.into(),
        message: message.clone(),
        last_update_time: Some(Time::from(now)),
        last_transition_time: Some(Time::from(now)),
    });
    // Experiments have no status subresource: status is written with the object.
    let write = Write::patch(
        Target::of(&kind::EXPERIMENT, meta),
        json!({ "status": { "conditions": conditions } }),
        reason.clone().into(),
    )
    .with_event(Event::warning(INVALID_SPEC, message));
    Plan::empty().reporting(Some(write)).waiting(reason.into(), Requeue::Never)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::analysis::AnalysisPhase;
    use serde_json::Value;

    fn experiment() -> Experiment {
        let mut experiment = Experiment::default();
        experiment.metadata.name = "compare".into();
        experiment
    }

    #[test]
    fn it_is_refused_by_name_once() {
        let mut experiment = experiment();
        let plan = decide(&experiment, DateTime::UNIX_EPOCH);
        let plan::Verb::Patch { body, .. } = &plan.writes()[0].verb else { panic!("a patch") };
        let message = "The Experiment \"compare\" is invalid: spec.templates: Forbidden: not supported by this version";
        assert_eq!(body["status"]["conditions"][0]["message"], Value::from(message));
        experiment.status.conditions =
            serde_json::from_value(body["status"]["conditions"].clone()).expect("conditions");
        assert!(decide(&experiment, DateTime::UNIX_EPOCH).is_quiet());
    }

    #[test]
    fn one_that_has_ended_is_left_alone() {
        let mut experiment = experiment();
        experiment.status.phase = AnalysisPhase::Successful;
        assert_eq!(decide(&experiment, DateTime::UNIX_EPOCH), Plan::empty());
    }
}
