//! One measurement: the question, what its answer makes of it, and how it is added to the metric's result.
//!
//! An answer that is missing, late or unreadable is an Error, never a success. This decides no end of a metric.

use crate::{
    condition::{Shape, Value, Verdict, judge},
    metric::Metric,
    provider::{
        Source,
        prometheus::{self, Samples},
    },
    schedule::Next,
    verdict::counted,
};
use chrono::{DateTime, Utc};
use crds::analysis::{AnalysisPhase, Measurement, MetricResult};
use plan::{Answer, Answered, Ask, HttpReply, MetricAsk};
use std::collections::BTreeMap;

/// Texts of strangers are kept up to this length: ten measurements of many megabytes would be a status that no server takes,
/// and the run would never end.
const LONGEST_TEXT: usize = 4096;

/// What there is to do about a metric.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    /// Nothing now.
    Rest,
    /// It has to be asked for.
    Ask(Box<MetricAsk>),
    /// It is there and not recorded yet.
    Taken(Measurement),
}

/// Looks for the measurement that is due among the answers.
pub(crate) fn look(metric: &Metric, next: Next, answers: &[Answered], now: DateTime<Utc>) -> Look {
    let Next::Measure { ordinal } = next else {
        return Look::Rest;
    };
    let Source::Prometheus(query) = &metric.source;
    let ask = match query.ask(&metric.name, ordinal) {
        Ok(ask) => ask,
        Err(problem) => return Look::Taken(failed(problem, now, now)),
    };
    // The whole question has to be the same: an answer to an older spec's question is none.
    let answered = answers.iter().find_map(|answered| match (&answered.ask, &answered.answer) {
        (Ask::Metric(answered_ask), Answer::Metric(reply)) if *answered_ask == ask => Some((answered, reply)),
        _ => None,
    });
    match answered {
        Some((answered, reply)) => Look::Taken(measured(metric, reply, answered.asked_at, answered.answered_at)),
        None => Look::Ask(Box::new(ask)),
    }
}

/// The metric's result with this measurement, and with no more measurements than are kept.
pub(crate) fn recorded(metric: &Metric, result: Option<&MetricResult>, measurement: Measurement) -> MetricResult {
    let mut result = result.cloned().unwrap_or_else(|| {
        let Source::Prometheus(query) = &metric.source;
        MetricResult {
            name: metric.name.clone(),
            phase: AnalysisPhase::Running,
            dry_run: metric.is_dry_run,
            metadata: query.metadata(),
            ..MetricResult::default()
        }
    });
    if result.measurements.last().is_some_and(|last| !last.phase.is_completed()) {
        result.measurements.pop();
    }
    let phase = measurement.phase;
    result.measurements.push(measurement);
    let excess = result.measurements.len().saturating_sub(metric.retention);
    result.measurements.drain(..excess);
    counted(result, phase)
}

fn measured(
    metric: &Metric,
    reply: &Result<HttpReply, String>,
    asked_at: DateTime<Utc>,
    answered_at: DateTime<Utc>,
) -> Measurement {
    let reading = match reply.as_ref().map_err(Clone::clone).and_then(prometheus::read) {
        Ok(reading) => reading,
        Err(problem) => return failed(problem, asked_at, answered_at),
    };
    match judged(metric, &reading.samples, answered_at) {
        Ok(phase) => {
            let warnings = (!reading.warnings.is_empty()).then(|| ("warnings".to_owned(), shortened(reading.warnings)));
            Measurement {
                phase,
                value: Some(shortened(reading.samples.text())),
                metadata: BTreeMap::from_iter(warnings),
                ..finished(asked_at, answered_at)
            }
        }
        Err(problem) => failed(problem, asked_at, answered_at),
    }
}

/// What the metric's conditions say of the numbers. `now` in a condition is the time of the answer, so that looking at
/// the same answer again says the same.
fn judged(metric: &Metric, samples: &Samples, answered_at: DateTime<Utc>) -> Result<AnalysisPhase, String> {
    let (value, shape) = match samples {
        Samples::One(number) => (Value::from(*number), Shape::Float),
        Samples::Many(numbers) => (Value::floats(numbers.iter().copied()), Shape::Floats),
    };
    judge(&metric.success_condition, &metric.failure_condition, &value, shape, answered_at).map(|verdict| match verdict
    {
        Verdict::Successful => AnalysisPhase::Successful,
        Verdict::Failed => AnalysisPhase::Failed,
        Verdict::Inconclusive => AnalysisPhase::Inconclusive,
    })
}

fn failed(problem: String, asked_at: DateTime<Utc>, answered_at: DateTime<Utc>) -> Measurement {
    Measurement { phase: AnalysisPhase::Error, message: Some(shortened(problem)), ..finished(asked_at, answered_at) }
}

fn shortened(text: String) -> String {
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let kept = text.floor_char_boundary(LONGEST_TEXT);
    format!("{}… ({} bytes in all)", text.get(..kept).unwrap_or_default(), text.len())
}

fn finished(asked_at: DateTime<Utc>, answered_at: DateTime<Utc>) -> Measurement {
    Measurement { started_at: Some(asked_at.into()), finished_at: Some(answered_at.into()), ..Measurement::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, metric};
    use serde_json::json;

    fn taken(status: u16, body: String) -> Measurement {
        let metric = metric(json!({"successCondition": "len(result) > 100000"}));
        measured(&metric, &Ok(HttpReply { status, body }), at(0), at(1))
    }

    #[test]
    fn a_huge_answer_is_judged_whole_and_shown_in_part() {
        let series = vec![json!({"metric": {}, "value": [0, "0.5"]}); 100_001];
        let vector = json!({"status": "success", "data": {"resultType": "vector", "result": series}});
        let measurement = taken(200, vector.to_string());
        assert_eq!(measurement.phase, AnalysisPhase::Successful);
        let value = measurement.value.expect("is shown");
        assert!(value.starts_with("[0.5,0.5,") && value.ends_with("… (400005 bytes in all)"), "{}", value.len());
        assert!(value.len() < LONGEST_TEXT + 100);
    }

    #[test]
    fn a_huge_error_is_shown_in_part() {
        let error = json!({"status": "error", "errorType": "bad_data", "error": "ü".repeat(1 << 20)});
        let measurement = taken(400, error.to_string());
        assert_eq!(measurement.phase, AnalysisPhase::Error);
        assert!(measurement.message.is_some_and(|message| message.len() < LONGEST_TEXT + 100));
    }
}
