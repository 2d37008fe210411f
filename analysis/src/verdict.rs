//! What measurements amount to: how they are counted, when a metric is over, and when and how the run is.
//!
//! Pure counting. It takes no measurement, sends nothing and chooses no time.

use crate::{memory::MetricMemory, metric::Metric, validate::Limits};
use chrono::{DateTime, Utc};
use crds::analysis::{AnalysisPhase, AnalysisRunStatus, Measurement, MetricResult, RunSummary};

/// A result with one more measurement counted. An error uses up none of the metric's `count`.
pub(crate) fn counted(mut result: MetricResult, phase: AnalysisPhase) -> MetricResult {
    let one_more = |number: &mut i32| *number = number.saturating_add(1);
    match phase {
        AnalysisPhase::Successful => one_more(&mut result.successful),
        AnalysisPhase::Failed => one_more(&mut result.failed),
        AnalysisPhase::Inconclusive => one_more(&mut result.inconclusive),
        AnalysisPhase::Error => one_more(&mut result.error),
        AnalysisPhase::Unset | AnalysisPhase::Pending | AnalysisPhase::Running => return result,
    }
    if phase == AnalysisPhase::Error {
        one_more(&mut result.consecutive_error);
    } else {
        one_more(&mut result.count);
        result.consecutive_error = 0;
    }
    if phase == AnalysisPhase::Successful {
        one_more(&mut result.consecutive_success);
    } else {
        result.consecutive_success = 0;
    }
    result
}

/// How far a metric is.
pub(crate) fn metric_phase(metric: &Metric, memory: &MetricMemory, is_terminating: bool) -> AnalysisPhase {
    if memory.phase.is_completed() {
        return memory.phase;
    }
    let Some(last) = memory.last else {
        return if is_terminating { AnalysisPhase::Successful } else { AnalysisPhase::Pending };
    };
    if !last.phase.is_completed() {
        return AnalysisPhase::Running;
    }
    if let Some((phase, _)) = excess(metric.limits, memory) {
        return phase;
    }
    let success_limit = metric.limits.consecutive_success;
    if success_limit > 0 && memory.consecutive_success >= success_limit {
        return AnalysisPhase::Successful;
    }
    if metric.effective_count().is_some_and(|count| memory.count >= count) {
        return match (metric.limits.failure >= 0, success_limit > 0) {
            (true, true) => AnalysisPhase::Inconclusive,
            (false, true) => AnalysisPhase::Failed,
            (_, false) => AnalysisPhase::Successful,
        };
    }
    if is_terminating { AnalysisPhase::Successful } else { AnalysisPhase::Running }
}

/// The limit that is exceeded, and the phase that this means. Where several are, errors outweigh the inconclusive and
/// those outweigh failures.
pub(crate) fn excess(limits: Limits, memory: &MetricMemory) -> Option<(AnalysisPhase, String)> {
    if memory.consecutive_error > limits.consecutive_error {
        let cause = format!(
            "consecutiveErrors ({}) > consecutiveErrorLimit ({})",
            memory.consecutive_error, limits.consecutive_error
        );
        return Some((AnalysisPhase::Error, cause));
    }
    if memory.inconclusive > limits.inconclusive {
        return Some((
            AnalysisPhase::Inconclusive,
            format!("inconclusive ({}) > inconclusiveLimit ({})", memory.inconclusive, limits.inconclusive),
        ));
    }
    if limits.failure >= 0 && memory.failed > limits.failure {
        return Some((
            AnalysisPhase::Failed,
            format!("failed ({}) > failureLimit ({})", memory.failed, limits.failure),
        ));
    }
    None
}

/// The status of a run whose metrics were measured so far as `status` says.
pub(crate) fn assess(
    metrics: &[Metric],
    status: &AnalysisRunStatus,
    is_terminated: bool,
    now: DateTime<Utc>,
) -> AnalysisRunStatus {
    let mut results =
        phased(metrics, &status.metric_results, is_terminating(metrics, &status.metric_results, is_terminated), now);
    // A metric that ended just now stops its siblings too.
    let is_terminating = is_terminating(metrics, &results, is_terminated);
    if is_terminating {
        results = phased(metrics, &results, true, now);
    }
    let has_unfinished =
        metrics.iter().any(|metric| !result_of(&results, metric).is_some_and(|result| result.phase.is_completed()));
    let (phase, message) = if has_unfinished && !is_terminating {
        (AnalysisPhase::Running, None)
    } else {
        outcome(metrics, &results, is_terminated)
    };
    AnalysisRunStatus {
        phase,
        message: if phase == status.phase { status.message.clone() } else { message },
        started_at: status.started_at.or(Some(now.into())),
        completed_at: phase.is_completed().then(|| now.into()),
        run_summary: summary(metrics, &results, false),
        dry_run_summary: Some(summary(metrics, &results, true)),
        metric_results: results,
    }
}

/// The result of a metric.
pub(crate) fn result_of<'a>(results: &'a [MetricResult], metric: &Metric) -> Option<&'a MetricResult> {
    results.iter().find(|result| result.name == metric.name)
}

/// True when the run is about to end: somebody ended it, or a metric that decides has ended badly, which stops its siblings.
pub(crate) fn is_terminating(metrics: &[Metric], results: &[MetricResult], is_terminated: bool) -> bool {
    let mut deciding = metrics.iter().filter(|metric| !metric.is_dry_run);
    is_terminated || deciding.any(|metric| result_of(results, metric).is_some_and(|result| severity(result.phase) > 0))
}

fn phased(metrics: &[Metric], results: &[MetricResult], is_terminating: bool, now: DateTime<Utc>) -> Vec<MetricResult> {
    results
        .iter()
        .map(|result| match metrics.iter().find(|metric| metric.name == result.name) {
            Some(metric) => phased_one(metric, result.clone(), is_terminating, now),
            None => result.clone(),
        })
        .collect()
}

fn phased_one(metric: &Metric, result: MetricResult, is_terminating: bool, now: DateTime<Utc>) -> MetricResult {
    let mut result = if is_terminating { stopped(result, now) } else { result };
    let memory = MetricMemory::of(&result);
    let phase = metric_phase(metric, &memory, is_terminating);
    if phase == result.phase {
        return result;
    }
    result.phase = phase;
    result.message = result.measurements.last().and_then(|last| last.message.clone());
    if let (true, Some((_, cause))) = (metric.is_dry_run, excess(metric.limits, &memory)) {
        result.message = Some(format!("Metric assessed {phase} due to {cause}"));
    }
    result
}

/// Ends a measurement that is under way when the run stops. Ours never are: they are recorded when their answer is there.
fn stopped(mut result: MetricResult, now: DateTime<Utc>) -> MetricResult {
    if result.phase.is_completed() || result.measurements.last().is_none_or(|last| last.phase.is_completed()) {
        return result;
    }
    if let Some(last) = result.measurements.pop() {
        let phase = AnalysisPhase::Successful;
        result.measurements.push(Measurement {
            phase,
            message: Some("Metric Terminated".into()),
            finished_at: Some(now.into()),
            resume_at: None,
            ..last
        });
        return counted(result, phase);
    }
    result
}

/// How a run ended, and why. Metrics in dry-run decide nothing.
fn outcome(metrics: &[Metric], results: &[MetricResult], is_terminated: bool) -> (AnalysisPhase, Option<String>) {
    let mut worst: Option<(&Metric, &MetricResult)> = None;
    for metric in metrics.iter().filter(|metric| !metric.is_dry_run) {
        if let Some(result) = result_of(results, metric)
            && worst.is_none_or(|(_, worse)| severity(result.phase) > severity(worse.phase))
        {
            worst = Some((metric, result));
        }
    }
    match worst.filter(|(_, result)| severity(result.phase) > 0) {
        Some((metric, result)) => (result.phase, Some(blame(metric, result))),
        None => (AnalysisPhase::Successful, is_terminated.then(|| "Run Terminated".into())),
    }
}

fn blame(metric: &Metric, result: &MetricResult) -> String {
    let memory = MetricMemory::of(result);
    let cause = excess(metric.limits, &memory).map_or_else(
        || {
            format!(
                "consecutiveSuccess ({}) < consecutiveSuccessLimit ({})",
                memory.consecutive_success, metric.limits.consecutive_success
            )
        },
        |(_, cause)| cause,
    );
    let message = result.message.as_deref().unwrap_or_default();
    let quoted = if message.is_empty() { String::new() } else { format!(": \"Error Message: {message}\"") };
    format!("Metric \"{}\" assessed {} due to {cause}{quoted}", metric.name, result.phase)
}

/// 0 is not bad; of two bad ends the greater is worse.
fn severity(phase: AnalysisPhase) -> u8 {
    match phase {
        AnalysisPhase::Unset | AnalysisPhase::Pending | AnalysisPhase::Running | AnalysisPhase::Successful => 0,
        AnalysisPhase::Inconclusive => 1,
        AnalysisPhase::Error => 2,
        AnalysisPhase::Failed => 3,
    }
}

fn summary(metrics: &[Metric], results: &[MetricResult], of_dry_runs: bool) -> RunSummary {
    let chosen = || metrics.iter().filter(|metric| metric.is_dry_run == of_dry_runs);
    let number = |phase| {
        let count =
            chosen().filter(|metric| result_of(results, metric).is_some_and(|result| result.phase == phase)).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    };
    RunSummary {
        count: i32::try_from(chosen().count()).unwrap_or(i32::MAX),
        successful: number(AnalysisPhase::Successful),
        failed: number(AnalysisPhase::Failed),
        inconclusive: number(AnalysisPhase::Inconclusive),
        error: number(AnalysisPhase::Error),
    }
}

#[cfg(test)]
mod tests;
