//! Tables for counting, for the end of a metric and for the end of a run.
//!
//! A story is a text of letters, one a measurement: S good, F bad, I inconclusive, E error, R under way.

use super::{assess, counted, metric_phase};
use crate::{
    fixture::{at, metric, metrics, time},
    memory::{LastMeasurement, MetricMemory},
};
use crds::analysis::{AnalysisPhase, AnalysisRunStatus, MetricResult, RunSummary};
use serde_json::{Value, json};

/// The phase that a letter of a story stands for.
fn phase_of(letter: char) -> AnalysisPhase {
    match letter {
        'S' => AnalysisPhase::Successful,
        'F' => AnalysisPhase::Failed,
        'I' => AnalysisPhase::Inconclusive,
        'E' => AnalysisPhase::Error,
        _ => AnalysisPhase::Running,
    }
}

fn after(story: &str) -> MetricResult {
    story.chars().fold(MetricResult { phase: AnalysisPhase::Running, ..MetricResult::default() }, |result, letter| {
        counted(result, phase_of(letter))
    })
}

#[test]
fn counting() {
    // count, successful, failed, inconclusive, error, errors in a row, good in a row
    for (story, expected) in [
        ("", [0, 0, 0, 0, 0, 0, 0]),
        ("S", [1, 1, 0, 0, 0, 0, 1]),
        ("SSS", [3, 3, 0, 0, 0, 0, 3]),
        ("SSF", [3, 2, 1, 0, 0, 0, 0]),
        ("SSI", [3, 2, 0, 1, 0, 0, 0]),
        ("SSE", [2, 2, 0, 0, 1, 1, 0]),
        ("EE", [0, 0, 0, 0, 2, 2, 0]),
        ("EEF", [1, 0, 1, 0, 2, 0, 0]),
        ("EES", [1, 1, 0, 0, 2, 0, 1]),
        ("R", [0, 0, 0, 0, 0, 0, 0]),
    ] {
        let r = after(story);
        assert_eq!(
            [r.count, r.successful, r.failed, r.inconclusive, r.error, r.consecutive_error, r.consecutive_success],
            expected,
            "{story}"
        );
    }
}

#[test]
fn phase_of_a_metric() {
    let forever = json!({"interval": "5s"});
    let three = json!({"interval": "5s", "count": 3});
    let row = |number: i32| json!({"interval": "5s", "consecutiveSuccessLimit": number});
    let both = json!({"interval": "5s", "count": 3, "consecutiveSuccessLimit": 2, "failureLimit": 1});
    let only_row = json!({"interval": "5s", "count": 3, "consecutiveSuccessLimit": 2, "failureLimit": -1});
    let lax = json!({"interval": "5s", "failureLimit": 2, "inconclusiveLimit": 1, "consecutiveErrorLimit": 1});
    for (fields, story, running, terminating) in [
        (&forever, "", "Pending", "Successful"),
        (&forever, "S", "Running", "Successful"),
        (&forever, "SR", "Running", "Running"),
        (&json!({}), "S", "Successful", "Successful"),
        (&json!({}), "E", "Running", "Successful"),
        (&three, "SS", "Running", "Successful"),
        (&three, "SSS", "Successful", "Successful"),
        (&three, "SESE", "Running", "Successful"),
        // Limits: failures, then the inconclusive over them, then errors over both.
        (&forever, "F", "Failed", "Failed"),
        (&forever, "I", "Inconclusive", "Inconclusive"),
        (&forever, "EEEE", "Running", "Successful"),
        (&forever, "EEEEE", "Error", "Error"),
        (&forever, "EEEESE", "Running", "Successful"),
        (&lax, "FSF", "Running", "Successful"),
        (&lax, "FSFF", "Failed", "Failed"),
        (&lax, "FFFII", "Inconclusive", "Inconclusive"),
        (&lax, "FFFIIEE", "Error", "Error"),
        (&lax, "FFFE", "Failed", "Failed"),
        // Good ones in a row end it; a limit that is exceeded comes first.
        (&row(2), "S", "Running", "Successful"),
        (&row(2), "SS", "Successful", "Successful"),
        (&row(2), "SES", "Running", "Successful"),
        (&row(2), "SFSS", "Failed", "Failed"),
        // At the end of the count it matters which limits are in force.
        (&both, "SFS", "Inconclusive", "Inconclusive"),
        (&both, "FSS", "Successful", "Successful"),
        (&both, "FFS", "Failed", "Failed"),
        (&only_row, "SFS", "Failed", "Failed"),
        (&only_row, "FSS", "Successful", "Successful"),
        (&only_row, "FF", "Running", "Successful"),
    ] {
        let metric = metric(fields.clone());
        let last = story.chars().last().map(|letter| LastMeasurement {
            phase: phase_of(letter),
            finished_at: None,
            resume_at: None,
        });
        let memory = MetricMemory { last, ..MetricMemory::of(&after(story)) };
        let phases = [false, true].map(|is_terminating| metric_phase(&metric, &memory, is_terminating).as_str());
        assert_eq!(phases, [running, terminating], "{story} of {fields}");
    }
}

#[test]
fn a_completed_metric_stays_completed() {
    let metric = metric(json!({"interval": "5s"}));
    for phase in ["Successful", "Failed", "Error", "Inconclusive"].map(AnalysisPhase::parse) {
        let last = Some(LastMeasurement { phase: AnalysisPhase::Failed, finished_at: None, resume_at: None });
        let memory = MetricMemory { phase, last, ..MetricMemory::of(&after("FFF")) };
        assert_eq!(metric_phase(&metric, &memory, false), phase);
    }
}

/// A result after these measurements; the message of each is its letter.
fn result(name: &str, story: &str) -> Value {
    let counts = serde_json::to_value(after(story)).expect("writes");
    let measurement =
        |letter: char| json!({"phase": phase_of(letter), "message": letter.to_string(), "finishedAt": time(0)});
    let mut result = counts;
    result["name"] = json!(name);
    result["measurements"] = story.chars().map(measurement).collect();
    result
}

fn assessed(spec: &Value, stories: &[(&str, &str)], is_terminated: bool) -> AnalysisRunStatus {
    let results: Vec<Value> = stories.iter().map(|(name, story)| result(name, story)).collect();
    let status = serde_json::from_value(json!({"phase": "Running", "startedAt": time(0), "metricResults": results}))
        .expect("the status reads");
    assess(&metrics(spec.clone()).expect("is valid"), &status, is_terminated, at(60))
}

fn two_metrics(dry_run: Value) -> Value {
    let metric = |name: &str| json!({"name": name, "interval": "5s", "provider": {"prometheus": {}}});
    let single = json!({"name": "once", "provider": {"prometheus": {}}});
    json!({"metrics": [metric("a"), metric("b"), single], "dryRun": dry_run})
}

#[test]
fn phase_and_message_of_a_run() {
    let all = two_metrics(json!([]));
    let dry = two_metrics(json!([{"metricName": "a"}]));
    let failed = "Metric \"a\" assessed Failed due to failed (1) > failureLimit (0): \"Error Message: F\"";
    let inconclusive =
        "Metric \"b\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0): \"Error Message: I\"";
    let error =
        "Metric \"b\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): \"Error Message: E\"";
    for (spec, stories, is_terminated, phase, message) in [
        (&all, vec![], false, "Running", ""),
        (&all, vec![("a", "S"), ("once", "S")], false, "Running", ""),
        (&all, vec![("a", "S"), ("b", "S"), ("once", "S")], false, "Running", ""),
        // One bad metric ends the run; of several the worst counts.
        (&all, vec![("a", "F"), ("b", "S")], false, "Failed", failed),
        (&all, vec![("a", "S"), ("b", "I")], false, "Inconclusive", inconclusive),
        (&all, vec![("b", "EEEEE")], false, "Error", error),
        (&all, vec![("a", "F"), ("b", "EEEEE")], false, "Failed", failed),
        (&all, vec![("a", "EEEEE"), ("b", "I")], false, "Error", &error.replace("\"b\"", "\"a\"")),
        (&all, vec![("b", "I"), ("a", "F")], false, "Failed", failed),
        // Terminated: what was found so far decides.
        (&all, vec![], true, "Successful", "Run Terminated"),
        (&all, vec![("a", "SE")], true, "Successful", "Run Terminated"),
        (&all, vec![("a", "F")], true, "Failed", failed),
        (&all, vec![("a", "R")], true, "Successful", "Run Terminated"),
        // A metric in dry-run decides nothing, but is waited for.
        (&dry, vec![("a", "F"), ("b", "S")], false, "Running", ""),
        (&dry, vec![("a", "F"), ("b", "I")], false, "Inconclusive", inconclusive),
        (&dry, vec![("a", "F")], true, "Successful", "Run Terminated"),
    ] {
        let status = assessed(spec, &stories, is_terminated);
        assert_eq!(
            (status.phase.as_str(), status.message.as_deref().unwrap_or_default()),
            (phase, message),
            "{stories:?}"
        );
        assert_eq!(status.completed_at.is_some(), status.phase.is_completed(), "{stories:?}");
        let has_unfinished = status.metric_results.iter().any(|result| !result.phase.is_completed());
        assert!(
            !status.phase.is_completed() || !has_unfinished,
            "a completed run has no unfinished metric: {stories:?}"
        );
    }
}

#[test]
fn a_run_of_metrics_that_end() {
    let metric = |name: &str| json!({"name": name, "interval": "5s", "count": 3, "consecutiveSuccessLimit": 2, "failureLimit": 1, "provider": {"prometheus": {}}});
    let spec = json!({"metrics": [metric("a"), metric("b")], "dryRun": [{"metricName": "b"}]});
    for (stories, phase, message) in [
        (vec![("a", "SS"), ("b", "SS")], "Successful", ""),
        (vec![("a", "SS"), ("b", "FF")], "Successful", ""),
        (vec![("a", "SS"), ("b", "F")], "Running", ""),
        (
            vec![("a", "SFS")],
            "Inconclusive",
            "Metric \"a\" assessed Inconclusive due to consecutiveSuccess (1) < consecutiveSuccessLimit (2): \"Error Message: S\"",
        ),
    ] {
        let status = assessed(&spec, &stories, false);
        assert_eq!(
            (status.phase.as_str(), status.message.as_deref().unwrap_or_default()),
            (phase, message),
            "{stories:?}"
        );
    }
}

#[test]
fn summaries_and_messages_of_metrics() {
    let status = assessed(&two_metrics(json!([{"metricName": "a"}])), &[("a", "F"), ("b", "S"), ("once", "S")], true);
    assert_eq!(status.run_summary, RunSummary { count: 2, successful: 2, ..RunSummary::default() });
    assert_eq!(status.dry_run_summary, Some(RunSummary { count: 1, failed: 1, ..RunSummary::default() }));
    let messages: Vec<_> = status
        .metric_results
        .iter()
        .map(|result| (result.name.as_str(), result.message.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        messages,
        [("a", "Metric assessed Failed due to failed (1) > failureLimit (0)"), ("b", "S"), ("once", "S")]
    );
}

#[test]
fn what_is_under_way_is_ended_with_the_run() {
    let status = assessed(&two_metrics(json!([])), &[("a", "SR")], true);
    let result = status.metric_results.first().expect("has a result");
    let last = result.measurements.last().expect("has measurements");
    assert_eq!((last.phase.as_str(), last.message.as_deref()), ("Successful", Some("Metric Terminated")));
    assert_eq!(last.finished_at, Some(at(60).into()));
    assert_eq!((result.phase.as_str(), result.count), ("Successful", 2));
}
