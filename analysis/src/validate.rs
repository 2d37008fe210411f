//! Whether the metrics of a run make sense, and their limits and durations as numbers.
//!
//! The messages are those that existing clients know. This never looks at what was measured.

use chrono::TimeDelta;
use crds::{IntOrString, analysis::Provider, duration};
use thiserror::Error;

/// A spec that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidSpec {
    /// Nothing to measure.
    #[error("no metrics specified")]
    NoMetrics,
    /// One metric is wrong.
    #[error("metrics[{index}]: {flaw}")]
    Metric {
        /// Which one.
        index: usize,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A rule of `dryRun` or `measurementRetention` speaks of no metric.
    #[error("{list}[{index}]: Rule didn't match any metric name(s)")]
    UnmatchedRule {
        /// The list that it stands in.
        list: &'static str,
        /// Which one.
        index: usize,
    },
}

/// What is wrong with a metric.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Flaw {
    /// Results are kept by name.
    #[error("duplicate name '{0}'")]
    DuplicateName(String),
    /// 0 is off, nothing is below it.
    #[error("consecutiveSuccessLimit must be >= 0")]
    ConsecutiveSuccessLimit,
    /// -1 is off, nothing is below it.
    #[error("failureLimit must be >= 0, or -1 to be disabled")]
    FailureLimit,
    /// Nothing could end the metric well or badly.
    #[error("failureLimit and consecutiveSuccessLimit cannot both be disabled")]
    BothDisabled,
    /// Below 0.
    #[error("inconclusiveLimit must be >= 0")]
    InconclusiveLimit,
    /// Below 0.
    #[error("consecutiveErrorLimit must be >= 0")]
    ConsecutiveErrorLimit,
    /// Limits that so few measurements cannot reach.
    #[error("count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failure} + {success}) if both >= 0")]
    CountBelowBoth {
        /// `count`
        count: i32,
        /// `failureLimit`
        failure: i32,
        /// `consecutiveSuccessLimit`
        success: i32,
    },
    /// A limit that so few measurements cannot reach.
    #[error("count must be >= consecutiveSuccessLimit")]
    CountBelowSuccess,
    /// A limit that so few measurements cannot reach.
    #[error("count must be >= inconclusiveLimit")]
    CountBelowInconclusive,
    /// Several measurements need a time between them.
    #[error("interval must be specified when count > 1")]
    IntervalMissing,
    /// Not a duration.
    #[error("invalid interval string: {0}")]
    Interval(String),
    /// Not a duration.
    #[error("invalid startDelay string: {0}")]
    InitialDelay(String),
    /// Nothing says where values come from.
    #[error("no provider specified")]
    NoProvider,
    /// It is not clear where values come from.
    #[error("multiple providers specified")]
    SeveralProviders,
}

/// The limits of a metric, as its arguments make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Measurements that are taken; 0 is as many as the rest says.
    pub count: i32,
    /// Bad values that are borne; -1 bears any number.
    pub failure: i32,
    /// Inconclusive values that are borne.
    pub inconclusive: i32,
    /// Errors in a row that are borne.
    pub consecutive_error: i32,
    /// Good values in a row that end the metric; 0 is off.
    pub consecutive_success: i32,
}

/// Errors in a row that are borne where the metric does not say.
pub(crate) const DEFAULT_CONSECUTIVE_ERROR_LIMIT: i32 = 4;

/// A metric's texts with their arguments filled in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    /// `name`
    pub name: String,
    /// `interval`, empty when absent
    pub interval: String,
    /// `initialDelay`, empty when absent
    pub initial_delay: String,
}

/// The two durations of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Time between measurements.
    pub interval: Option<TimeDelta>,
    /// Time before the first.
    pub initial_delay: Option<TimeDelta>,
}

/// Checks one metric.
pub(crate) fn metric(texts: &Texts, limits: Limits, provider: &Provider) -> Result<Timing, Flaw> {
    check_limits(limits)?;
    if limits.count > 1 && texts.interval.is_empty() {
        return Err(Flaw::IntervalMissing);
    }
    let interval = duration_of(&texts.interval).map_err(Flaw::Interval)?;
    let initial_delay = duration_of(&texts.initial_delay).map_err(Flaw::InitialDelay)?;
    match provider_names(provider).len() {
        0 => Err(Flaw::NoProvider),
        1 => Ok(Timing { interval, initial_delay }),
        _ => Err(Flaw::SeveralProviders),
    }
}

/// The providers that a metric names, as they are written.
pub(crate) fn provider_names(provider: &Provider) -> Vec<&'static str> {
    let named = [
        ("prometheus", provider.prometheus.is_some()),
        ("kayenta", provider.kayenta.is_some()),
        ("web", provider.web.is_some()),
        ("datadog", provider.datadog.is_some()),
        ("wavefront", provider.wavefront.is_some()),
        ("newRelic", provider.new_relic.is_some()),
        ("job", provider.job.is_some()),
        ("cloudWatch", provider.cloud_watch.is_some()),
        ("graphite", provider.graphite.is_some()),
        ("influxdb", provider.influxdb.is_some()),
        ("skywalking", provider.skywalking.is_some()),
    ];
    let plugins = provider.plugin.keys().map(|_| "plugin");
    named.into_iter().filter(|(_, is_named)| *is_named).map(|(name, _)| name).chain(plugins).collect()
}

/// A limit that may be written as text, so that an argument can give it. A text that is no number counts as 0, which
/// is the strictest limit and the least count.
pub(crate) fn number(limit: &IntOrString) -> i32 {
    limit.as_int().unwrap_or_default()
}

fn check_limits(limits: Limits) -> Result<(), Flaw> {
    let Limits { count, failure, inconclusive, consecutive_error, consecutive_success } = limits;
    let wrong = [
        (consecutive_success < 0, Flaw::ConsecutiveSuccessLimit),
        (failure < -1, Flaw::FailureLimit),
        (failure == -1 && consecutive_success == 0, Flaw::BothDisabled),
        (inconclusive < 0, Flaw::InconclusiveLimit),
        (consecutive_error < 0, Flaw::ConsecutiveErrorLimit),
    ];
    if let Some((_, flaw)) = wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
        return Err(flaw);
    }
    if count <= 0 {
        return Ok(());
    }
    if failure >= 0 && count < failure.saturating_add(consecutive_success) {
        return Err(Flaw::CountBelowBoth { count, failure, success: consecutive_success });
    }
    if count < consecutive_success {
        return Err(Flaw::CountBelowSuccess);
    }
    if count < inconclusive {
        return Err(Flaw::CountBelowInconclusive);
    }
    Ok(())
}

fn duration_of(text: &str) -> Result<Option<TimeDelta>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    duration::parse_go(text).map(Some).ok_or_else(|| {
        let problem = if text.parse::<f64>().is_ok() { "missing unit in duration" } else { "invalid duration" };
        format!("time: {problem} {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use crate::fixture::metrics;
    use serde_json::{Value, json};

    fn message(spec: Value) -> String {
        metrics(spec).err().map(|refusal| refusal.to_string()).unwrap_or_default()
    }

    fn of_metric(fields: Value) -> String {
        let mut metric = json!({"name": "m", "provider": {"prometheus": {"query": "up"}}});
        metric.as_object_mut().expect("is an object").extend(fields.as_object().expect("is an object").clone());
        message(json!({"metrics": [metric]}))
    }

    #[test]
    fn messages_of_one_metric() {
        for (fields, expected) in [
            (json!({}), ""),
            (json!({"consecutiveSuccessLimit": -1}), "consecutiveSuccessLimit must be >= 0"),
            (json!({"failureLimit": -2}), "failureLimit must be >= 0, or -1 to be disabled"),
            (json!({"failureLimit": -1}), "failureLimit and consecutiveSuccessLimit cannot both be disabled"),
            (json!({"failureLimit": -1, "consecutiveSuccessLimit": 2}), ""),
            (json!({"inconclusiveLimit": -1}), "inconclusiveLimit must be >= 0"),
            (json!({"consecutiveErrorLimit": "-1"}), "consecutiveErrorLimit must be >= 0"),
            (
                json!({"count": 5, "interval": "1s", "failureLimit": 3, "consecutiveSuccessLimit": 3}),
                "count (5) must be >= failureLimit + consecutiveSuccessLimit (3 + 3) if both >= 0",
            ),
            (
                json!({"count": 1, "failureLimit": 2}),
                "count (1) must be >= failureLimit + consecutiveSuccessLimit (2 + 0) if both >= 0",
            ),
            (
                json!({"count": 2, "interval": "1s", "failureLimit": -1, "consecutiveSuccessLimit": 3}),
                "count must be >= consecutiveSuccessLimit",
            ),
            (json!({"count": 1, "inconclusiveLimit": 2}), "count must be >= inconclusiveLimit"),
            (
                json!({"failureLimit": 2147483647, "count": 1, "consecutiveSuccessLimit": 2147483647}),
                "count (1) must be >= failureLimit + consecutiveSuccessLimit (2147483647 + 2147483647) if both >= 0",
            ),
            (json!({"count": 2}), "interval must be specified when count > 1"),
            (json!({"count": 2, "interval": ""}), "interval must be specified when count > 1"),
            (json!({"interval": "often"}), "invalid interval string: time: invalid duration \"often\""),
            (json!({"interval": "5"}), "invalid interval string: time: missing unit in duration \"5\""),
            (json!({"initialDelay": "1d"}), "invalid startDelay string: time: invalid duration \"1d\""),
            (json!({"provider": {}}), "no provider specified"),
            (json!({"provider": {"prometheus": {}, "web": {"url": "http://x"}}}), "multiple providers specified"),
            (json!({"provider": {"plugin": {"a/b": {}, "c/d": {}}}}), "multiple providers specified"),
        ] {
            let expected = if expected.is_empty() {
                String::new()
            } else {
                format!("Analysis spec invalid: metrics[0]: {expected}")
            };
            assert_eq!(of_metric(fields.clone()), expected, "{fields}");
        }
    }

    #[test]
    fn messages_of_the_whole_run() {
        let metric = |name: &str| json!({"name": name, "provider": {"prometheus": {}}});
        for (spec, expected) in [
            (json!({}), "Analysis spec invalid: no metrics specified"),
            (
                json!({"metrics": [metric("a"), metric("b"), metric("a")]}),
                "Analysis spec invalid: metrics[2]: duplicate name 'a'",
            ),
            (
                json!({"metrics": [metric("a")], "dryRun": [{"metricName": ".*"}, {"metricName": "b"}]}),
                "Analysis spec invalid: dryRun[1]: Rule didn't match any metric name(s)",
            ),
            (
                json!({"metrics": [metric("a")], "measurementRetention": [{"metricName": "(", "limit": 3}]}),
                "Analysis spec invalid: measurementRetention[0]: Rule didn't match any metric name(s)",
            ),
            // Arguments come before everything else.
            (json!({"args": [{"name": "x"}]}), "Unable to resolve metric arguments: argument \"x\" was not supplied"),
            (
                json!({"metrics": [{"name": "{{args.y}}"}]}),
                "Unable to resolve metric arguments: failed to resolve {{args.y}}",
            ),
        ] {
            assert_eq!(message(spec.clone()), expected, "{spec}");
        }
    }
}
