//! The whole story of an AnalysisRun: begin, ask, record what was answered, judge, end, expire.
//!
//! A plan records what is known now in one write and asks what is due; several metrics are asked side by side. An
//! answer counts once: its question carries how many measurements there were before it.

use crate::{
    Observed,
    measurement::{self, Look},
    memory::{MetricMemory, RunMemory},
    metric::{self, Metric},
    report,
    schedule::{self, Next},
    time_to_live,
    verdict::{self, result_of},
};
use chrono::{DateTime, Utc};
use crds::analysis::{AnalysisPhase, AnalysisRunStatus, Measurement};
use plan::{Ask, Plan, Requeue, reason::RunReason};

/// What to do next about a run.
pub fn decide(observed: &Observed, now: DateTime<Utc>) -> Plan {
    let run = &*observed.run;
    let memory = RunMemory::of(&run.status);
    if run.metadata.is_deleted() {
        return Plan::empty();
    }
    if memory.phase.is_completed() {
        return time_to_live::decide(run, &memory, now);
    }
    let metrics = match metric::parse(observed) {
        Ok(metrics) => metrics,
        Err(refusal) => return report::refused(run, &refusal),
    };
    let taken = taken(&metrics, observed, now);
    let status = verdict::assess(&metrics, &with_measurements(&run.status, &taken), run.spec.terminate, now);
    let plan =
        report::changes(run, &status, reason(&memory, &status, &taken)).map_or_else(Plan::empty, Plan::recording);
    // Its beginning is recorded before anything is asked: initial delays count from what is recorded.
    if memory.started_at.is_none() || status.phase.is_completed() {
        return plan;
    }
    metrics.iter().fold(plan, |plan, metric| waiting(plan, metric, &status, observed, now))
}

/// A measurement that is there and not recorded yet.
type Taken<'a> = (&'a Metric, Measurement);

fn taken<'a>(metrics: &'a [Metric], observed: &Observed, now: DateTime<Utc>) -> Vec<Taken<'a>> {
    let run = &observed.run;
    if verdict::is_terminating(metrics, &run.status.metric_results, run.spec.terminate) {
        return Vec::new();
    }
    let looks = metrics.iter().map(|metric| (metric, look(metric, &run.status, observed, now).1));
    looks
        .filter_map(|(metric, look)| match look {
            Look::Taken(measurement) => Some((metric, measurement)),
            Look::Ask(_) | Look::Rest => None,
        })
        .collect()
}

fn look(metric: &Metric, status: &AnalysisRunStatus, observed: &Observed, now: DateTime<Utc>) -> (Next, Look) {
    let next = match status.started_at {
        Some(started_at) => {
            let memory = result_of(&status.metric_results, metric).map(MetricMemory::of).unwrap_or_default();
            schedule::next(metric, &memory, started_at.into(), now)
        }
        None => Next::Nothing,
    };
    (next, measurement::look(metric, next, &observed.answers, now))
}

fn with_measurements(status: &AnalysisRunStatus, taken: &[Taken]) -> AnalysisRunStatus {
    let mut status = status.clone();
    for (metric, measurement) in taken {
        let result = measurement::recorded(metric, result_of(&status.metric_results, metric), measurement.clone());
        match status.metric_results.iter_mut().find(|before| before.name == metric.name) {
            Some(before) => *before = result,
            None => status.metric_results.push(result),
        }
    }
    status
}

/// Why the status changes.
fn reason(memory: &RunMemory, status: &AnalysisRunStatus, taken: &[Taken]) -> RunReason {
    if status.phase.is_completed() {
        return RunReason::Completed {
            phase: status.phase.to_string(),
            message: status.message.clone().unwrap_or_default(),
        };
    }
    match taken {
        [] if memory.started_at.is_none() => RunReason::Started,
        [] => RunReason::Restated,
        [(metric, one)] if one.phase == AnalysisPhase::Error => {
            RunReason::NotMeasured { metric: metric.name.clone(), message: one.message.clone().unwrap_or_default() }
        }
        [(metric, one)] => RunReason::Measured {
            metric: metric.name.clone(),
            value: one.value.clone().unwrap_or_default(),
            phase: one.phase.to_string(),
        },
        several => {
            let what = several
                .iter()
                .map(|(metric, one)| format!("{} {}", metric.name, one.phase))
                .collect::<Vec<_>>()
                .join(", ");
            RunReason::MeasuredSeveral { what }
        }
    }
}

/// The plan with what a metric waits for: its provider, or its next time.
fn waiting(plan: Plan, metric: &Metric, status: &AnalysisRunStatus, observed: &Observed, now: DateTime<Utc>) -> Plan {
    let name = metric.name.clone();
    let is_first = result_of(&status.metric_results, metric).is_none();
    match look(metric, status, observed, now) {
        (Next::At(until), _) if is_first => {
            plan.waiting(RunReason::FirstMeasurement { metric: name, until }.into(), Requeue::At(until))
        }
        (Next::At(until), _) => {
            plan.waiting(RunReason::NextMeasurement { metric: name, until }.into(), Requeue::At(until))
        }
        (_, Look::Ask(ask)) => {
            plan.asking(Ask::Metric(*ask)).waiting(RunReason::AwaitingProvider { metric: name }.into(), Requeue::Never)
        }
        // One that is there already is recorded next: the write of this plan wakes the run again.
        (_, Look::Taken(_) | Look::Rest) => plan,
    }
}
