//! What a measurement says, from its two conditions.
//!
//! Without conditions everything is successful. With one, it decides alone. With both, failure wins, and a result that
//! neither claims is inconclusive.

use chrono::{DateTime, Utc};

use super::{Condition, ConditionError, Shape, Value};

/// The judgement of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The result is good.
    Successful,
    /// The result is bad.
    Failed,
    /// Nobody can say.
    Inconclusive,
}

/// The message of a result that holds nothing.
const NO_DATA: &str = "metric result is nil or empty: no data returned from the metric provider";

/// Judges a result by its conditions, an empty one of which is absent. The error is the measurement's message.
pub fn judge(
    success: &str,
    failure: &str,
    result: &Value,
    shape: Shape,
    now: DateTime<Utc>,
) -> Result<Verdict, String> {
    let succeeded = holds("successCondition", success, result, shape, now)?;
    let failed = holds("failureCondition", failure, result, shape, now)?;
    Ok(match (succeeded, failed) {
        (_, Some(true)) | (Some(false), None) => Verdict::Failed,
        (Some(false), Some(false)) => Verdict::Inconclusive,
        (Some(true) | None, Some(false) | None) => Verdict::Successful,
    })
}

/// Does the condition hold? None if there is none.
fn holds(field: &str, text: &str, result: &Value, shape: Shape, now: DateTime<Utc>) -> Result<Option<bool>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let answer = Condition::parse(text, shape).and_then(|condition| condition.holds(result, now));
    answer.map(Some).map_err(|error: ConditionError| {
        let reason = if result.is_empty() { NO_DATA.to_string() } else { error.to_string() };
        format!("could not evaluate {field} \"{text}\": {reason}")
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{Verdict, judge};
    use crate::condition::{Shape, Value};

    #[test]
    fn conditions_decide() {
        for (success, failure, result, expected) in [
            ("", "", 5.0, Verdict::Successful),
            ("result < 10", "", 5.0, Verdict::Successful),
            ("result > 10", "", 5.0, Verdict::Failed),
            ("", "result > 10", 5.0, Verdict::Successful),
            ("", "result < 10", 5.0, Verdict::Failed),
            ("result < 10", "result > 20", 5.0, Verdict::Successful),
            ("result < 10", "result > 20", 15.0, Verdict::Inconclusive),
            ("result < 10", "result > 20", 25.0, Verdict::Failed),
            ("result < 10", "result > 4", 5.0, Verdict::Failed),
            ("result < 10", "result > 20", f64::NAN, Verdict::Inconclusive),
        ] {
            let verdict = judge(success, failure, &Value::Float(result), Shape::Float, DateTime::UNIX_EPOCH);
            assert_eq!(verdict, Ok(expected), "{success:?} {failure:?} {result}");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_said() {
        let no_data = "metric result is nil or empty: no data returned from the metric provider";
        for (success, failure, result, reason) in [
            ("result", "", Value::Float(5.0), "successCondition \"result\": expected bool, but got float64"),
            (
                "",
                "asInt(result)",
                Value::Float(5.0),
                "failureCondition \"asInt(result)\": expected bool, but got int64",
            ),
            ("[]", "", Value::Float(5.0), "successCondition \"[]\": expected bool, but got []interface {}"),
            ("nil", "", Value::Float(5.0), "successCondition \"nil\": expected bool, but got <nil>"),
            (
                "result < 0.3",
                "",
                Value::floats([0.2]),
                "successCondition \"result < 0.3\": invalid operation: < (mismatched types []float64 and float64)",
            ),
            (
                "result[1] < 0.3",
                "",
                Value::floats([0.2]),
                "successCondition \"result[1] < 0.3\": index out of range: 1 (array length is 1)",
            ),
            ("result[0] < 1", "", Value::floats([]), &format!("successCondition \"result[0] < 1\": {no_data}")),
            ("true", "result > 1", Value::Nil, &format!("failureCondition \"result > 1\": {no_data}")),
        ] {
            let message = judge(success, failure, &result, Shape::of(&result), DateTime::UNIX_EPOCH);
            assert_eq!(message, Err(format!("could not evaluate {reason}")));
        }
    }
}
