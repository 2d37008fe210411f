//! When a metric is measured next: now, later, or not any more. It never says what a measurement means.

use crate::{memory::MetricMemory, metric::Metric};
use chrono::{DateTime, TimeDelta, Utc};
use crds::analysis::AnalysisPhase;

/// Time to the next try after an error, however long the interval is; also between measurements where no interval is given.
const RETRY: TimeDelta = TimeDelta::seconds(10);

/// Times are recorded in whole seconds, so nothing is measured more often; a shorter interval would only write more.
const SHORTEST_INTERVAL: TimeDelta = TimeDelta::seconds(1);

/// What happens next to a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is not measured any more.
    Nothing,
    /// It is measured now; `ordinal` tells this measurement from the metric's others.
    Measure {
        /// Measurements taken before.
        ordinal: u32,
    },
    /// It is measured then.
    At(DateTime<Utc>),
}

/// When to measure next, in a run that is not about to end.
pub(crate) fn next(metric: &Metric, memory: &MetricMemory, started_at: DateTime<Utc>, now: DateTime<Utc>) -> Next {
    if memory.phase.is_completed() {
        return Next::Nothing;
    }
    match due(metric, memory, started_at) {
        None => Next::Nothing,
        Some(time) if time > now => Next::At(time),
        Some(_) => Next::Measure { ordinal: memory.taken() },
    }
}

fn due(metric: &Metric, memory: &MetricMemory, started_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let Some(last) = memory.last else {
        return Some(after(started_at, metric.timing.initial_delay.unwrap_or_default()));
    };
    if !last.phase.is_completed() {
        // Nobody here leaves a measurement unfinished; whoever did, it is taken again.
        return Some(last.resume_at.unwrap_or(started_at));
    }
    if metric.effective_count().is_some_and(|count| memory.count >= count) {
        return None;
    }
    let wait = if last.phase == AnalysisPhase::Error { RETRY } else { metric.timing.interval.unwrap_or(RETRY) };
    Some(last.finished_at.map_or(started_at, |finished_at| after(finished_at, wait.max(SHORTEST_INTERVAL))))
}

/// Saturates: a time that cannot be written is never reached.
fn after(time: DateTime<Utc>, wait: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{at, metric},
        memory::LastMeasurement,
    };
    use serde_json::json;

    fn last(phase: AnalysisPhase, finished_secs: i64) -> Option<LastMeasurement> {
        Some(LastMeasurement { phase, finished_at: Some(at(finished_secs)), resume_at: None })
    }

    fn memory(count: i32, error: i32, last: Option<LastMeasurement>) -> MetricMemory {
        MetricMemory { phase: AnalysisPhase::Running, count, error, last, ..MetricMemory::default() }
    }

    #[test]
    fn the_next_measurement() {
        let good = |secs| last(AnalysisPhase::Successful, secs);
        let error = |secs| last(AnalysisPhase::Error, secs);
        let under_way =
            |resume_at| Some(LastMeasurement { phase: AnalysisPhase::Running, finished_at: None, resume_at });
        let now = 100;
        for (name, fields, memory, expected) in [
            ("the first is due at once", json!({}), memory(0, 0, None), Next::Measure { ordinal: 0 }),
            ("or after its delay", json!({"initialDelay": "2m"}), memory(0, 0, None), Next::At(at(120))),
            ("which ends", json!({"initialDelay": "100s"}), memory(0, 0, None), Next::Measure { ordinal: 0 }),
            ("one without an interval is the only one", json!({}), memory(1, 0, good(90)), Next::Nothing),
            (
                "with it there is no end",
                json!({"interval": "5s"}),
                memory(1000, 2, good(95)),
                Next::Measure { ordinal: 1002 },
            ),
            ("but a time between", json!({"interval": "30s"}), memory(1, 0, good(90)), Next::At(at(120))),
            (
                "until the count is reached",
                json!({"interval": "5s", "count": 2}),
                memory(2, 0, good(90)),
                Next::Nothing,
            ),
            (
                "which errors do not use up",
                json!({"interval": "5s", "count": 2}),
                memory(1, 7, good(90)),
                Next::Measure { ordinal: 8 },
            ),
            ("an error is tried again sooner", json!({"interval": "1h"}), memory(0, 1, error(95)), Next::At(at(105))),
            ("and later than a short interval", json!({"interval": "1s"}), memory(0, 1, error(95)), Next::At(at(105))),
            ("also the only one", json!({}), memory(0, 1, error(90)), Next::Measure { ordinal: 1 }),
            ("nothing is measured all the time", json!({"interval": "0s"}), memory(1, 0, good(100)), Next::At(at(101))),
            ("whatever the interval says", json!({"interval": "-5s"}), memory(1, 0, good(100)), Next::At(at(101))),
            (
                "an unfinished one is taken again",
                json!({"interval": "5s"}),
                memory(3, 0, under_way(None)),
                Next::Measure { ordinal: 3 },
            ),
            ("when it says so", json!({"interval": "5s"}), memory(3, 0, under_way(Some(at(110)))), Next::At(at(110))),
        ] {
            assert_eq!(next(&metric(fields), &memory, at(0), at(now)), expected, "{name}");
        }
    }

    #[test]
    fn a_completed_metric_rests() {
        let memory = MetricMemory { phase: AnalysisPhase::Failed, ..memory(1, 0, last(AnalysisPhase::Failed, 0)) };
        assert_eq!(next(&metric(json!({"interval": "5s"})), &memory, at(0), at(100)), Next::Nothing);
    }
}
