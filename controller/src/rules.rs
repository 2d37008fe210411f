//! Calls the rule crates: one look at one object, and the plan for it.
//!
//! A plan that the audit refuses loses its writes. A rule that panics is a bug in one place, and must not stop the work on
//! everything else: it counts as a refused plan too.

use crate::{
    Shell,
    ask::Outdated,
    events::Subject,
    memory::Refused,
    queue::{Key, Kind},
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::{ObjectMeta, kind};
use plan::{ObjectRef, Plan, reason::RolloutReason};
use rollouts::Ended;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A plan and the object that it is for.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) subject: Subject,
    pub(crate) plan: Plan,
    /// When was looked.
    pub(crate) at: DateTime<Utc>,
    /// Why the plan was refused: an invariant, or a rule that failed.
    pub(crate) refused: Option<String>,
    /// The update that ends with what the plan records.
    pub(crate) ended: Option<Ended>,
}

/// Looks at `key` and decides; `None` when there is no such object.
pub(crate) fn decide(shell: &Shell, key: &Key, now: DateTime<Utc>) -> Option<Decision> {
    match key.kind {
        Kind::Rollout => rollout(shell, key, now),
        Kind::AnalysisRun => run(shell, key, now),
        Kind::Experiment => experiment(shell, key, now),
        Kind::Application => application(shell, key, now),
    }
}

fn rollout(shell: &Shell, key: &Key, now: DateTime<Utc>) -> Option<Decision> {
    let observed = shell.stores.rollout(key, &shell.settings, refused_of(shell, key))?;
    let subject = subject(&kind::ROLLOUT, &observed.rollout.metadata);
    let decision = guarded(subject, now, || {
        let plan = rollouts::decide(&observed, now);
        let verdict = rollouts::audit(&observed, &plan, now);
        (plan, verdict)
    });
    let ended = rollouts::ended(&observed.rollout.status, &decision.plan);
    Some(Decision { ended, ..decision })
}

fn refused_of(shell: &Shell, key: &Key) -> Option<rollouts::Refusal> {
    let refused = shell.outcomes.of(key).refused;
    refused.map(|Refused { object, is_eviction, message, at }| rollouts::Refusal { object, is_eviction, message, at })
}

fn run(shell: &Shell, key: &Key, now: DateTime<Utc>) -> Option<Decision> {
    let run = shell.stores.runs.get(&key.namespace, &key.name)?;
    let subject = subject(&kind::ANALYSIS_RUN, &run.metadata);
    let answers = shell.answers.given(key, &run.metadata.uid);
    let observed = analysis::Observed {
        run,
        answers,
        controller_namespace: shell.settings.own_namespace.clone(),
        prometheus_address: shell.settings.prometheus_address.clone(),
    };
    Some(guarded(subject, now, || (analysis::decide(&observed, now), Ok(()))))
}

fn experiment(shell: &Shell, key: &Key, now: DateTime<Utc>) -> Option<Decision> {
    let observed = shell.stores.experiment(key, &shell.settings, refused_of(shell, key))?;
    let subject = subject(&kind::EXPERIMENT, &observed.experiment.metadata);
    Some(guarded(subject, now, || (rollouts::experiment::decide(&observed, now), Ok(()))))
}

fn refusal(refused: Refused) -> gitops::Refusal {
    gitops::Refusal { object: refused.object, message: refused.message }
}

fn application(shell: &Shell, key: &Key, now: DateTime<Utc>) -> Option<Decision> {
    let settings = shell.settings.applications.as_ref()?;
    let application = shell.stores.applications.get(&key.namespace, &key.name)?;
    let subject = subject(&kind::APPLICATION, &application.metadata);
    if shell.stores.is_touched(key) {
        match shell.answers.outdate_seen(key) {
            Outdated::Now => shell.stores.untouch(key),
            Outdated::AfterThisLook => shell.queue.wake(key.clone()),
            Outdated::OnceAnswered => {}
        }
    }
    let outcome = shell.outcomes.of(key);
    let observed = gitops::Observed {
        rollouts: shell.stores.all_rollouts(),
        answers: shell.answers.given(key, &application.metadata.uid),
        refusals: outcome.refused.into_iter().map(refusal).collect(),
        landed: outcome.landed,
        poll_interval: TimeDelta::from_std(settings.polling).unwrap_or(TimeDelta::MAX),
        allow_file_urls: settings.allow_file,
        controller_namespace: shell.settings.own_namespace.clone(),
        application,
    };
    Some(guarded(subject, now, || (gitops::decide(&observed, now), Ok(()))))
}

fn subject(kind: &crds::Kind, meta: &ObjectMeta) -> Subject {
    Subject {
        object: ObjectRef::of(kind, &meta.namespace, &meta.name),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
    }
}

fn guarded(subject: Subject, at: DateTime<Utc>, decide: impl FnOnce() -> (Plan, Result<(), String>)) -> Decision {
    let (plan, verdict) = catch_unwind(AssertUnwindSafe(decide))
        .unwrap_or_else(|_| (Plan::empty(), Err("the rules failed: this is a bug, please report it".into())));
    match verdict {
        Ok(()) => Decision { subject, plan, at, refused: None, ended: None },
        Err(invariant) => {
            let reason = RolloutReason::Refused { invariant: invariant.clone() };
            Decision { subject, plan: plan.refused(reason.into()), at, refused: Some(invariant), ended: None }
        }
    }
}
