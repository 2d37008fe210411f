//! A metric as the rules use it: parsed once from the run's spec, with every argument filled in.
//!
//! This finds out what cannot be carried out. It never looks at what was measured.

use crate::{
    Observed,
    arguments::{Arguments, without_secrets},
    provider::Source,
    refusal::Refusal,
    validate::{self, DEFAULT_CONSECUTIVE_ERROR_LIMIT, Flaw, InvalidSpec, Limits, Texts, Timing},
};
use crds::{
    IntOrString,
    analysis::{self, AnalysisRunSpec},
};
use regex::Regex;
use std::collections::BTreeSet;

/// How many measurements of a metric are kept where no rule says otherwise.
const DEFAULT_RETENTION: usize = 10;

/// One metric.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    /// Name, unique in the run.
    pub name: String,
    /// When it is measured.
    pub timing: Timing,
    /// How many measurements of which kind end it.
    pub limits: Limits,
    /// Condition of a good value; empty when absent.
    pub success_condition: String,
    /// Condition of a bad value; empty when absent.
    pub failure_condition: String,
    /// Whether it decides nothing.
    pub is_dry_run: bool,
    /// How many measurements are kept.
    pub retention: usize,
    /// Where its values come from.
    pub source: Source,
}

impl Metric {
    /// How many measurements complete it; none when it is measured as long as the run lasts.
    pub(crate) fn effective_count(&self) -> Option<i32> {
        match (self.limits.count, self.timing.interval) {
            (0, Some(_)) => None,
            (0, None) => Some(1),
            (count, _) => Some(count),
        }
    }
}

/// All metrics of the run, in the order of its spec.
pub(crate) fn parse(observed: &Observed) -> Result<Vec<Metric>, Refusal> {
    let spec = &observed.run.spec;
    let arguments = Arguments::parse(&spec.args, &observed.run.metadata.namespace)?;
    for metric in &spec.metrics {
        arguments.check(&serde_json::to_value(metric).unwrap_or_default())?;
    }
    let metrics = spec
        .metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| Filled::new(index, metric, &arguments))
        .collect::<Result<Vec<_>, _>>()?;
    let timings = valid(&metrics)?;
    let names: Vec<&str> = metrics.iter().map(|metric| metric.texts.name.as_str()).collect();
    let dry = dry_runs(spec, &names)?;
    let retentions = retentions(spec, &names)?;
    metrics
        .iter()
        .zip(timings)
        .zip(retentions)
        .enumerate()
        .map(|(index, ((filled, timing), retention))| {
            let path = format!("spec.metrics[{index}].provider");
            Ok(Metric {
                name: filled.texts.name.clone(),
                timing,
                limits: filled.limits,
                success_condition: filled.success_condition.clone(),
                failure_condition: filled.failure_condition.clone(),
                is_dry_run: dry.contains(filled.texts.name.as_str()),
                retention,
                source: Source::parse(
                    &path,
                    &filled.wire.provider,
                    &arguments,
                    observed.prometheus_address.as_deref(),
                )?,
            })
        })
        .collect()
}

/// A metric with its arguments, not yet checked.
struct Filled<'a> {
    wire: &'a analysis::Metric,
    texts: Texts,
    limits: Limits,
    success_condition: String,
    failure_condition: String,
}

impl<'a> Filled<'a> {
    fn new(index: usize, wire: &'a analysis::Metric, arguments: &Arguments) -> Result<Self, Refusal> {
        // These fields are shown, compared or computed with, so a secret cannot stand in them.
        let plain = |field: &str, text: &str| {
            let filled = arguments.fill(text)?;
            without_secrets(&filled).ok_or_else(|| Refusal::unsupported(format!("spec.metrics[{index}].{field}")))
        };
        let optional = |field: &str, text: &Option<String>| plain(field, text.as_deref().unwrap_or_default());
        let limit = |field: &str, limit: &Option<IntOrString>, absent: i32| match limit {
            Some(IntOrString::Text(text)) => plain(field, text).map(|text| validate::number(&IntOrString::Text(text))),
            Some(number) => Ok(validate::number(number)),
            None => Ok(absent),
        };
        Ok(Self {
            wire,
            texts: Texts {
                name: plain("name", &wire.name)?,
                interval: optional("interval", &wire.interval)?,
                initial_delay: optional("initialDelay", &wire.initial_delay)?,
            },
            limits: Limits {
                count: limit("count", &wire.count, 0)?,
                failure: limit("failureLimit", &wire.failure_limit, 0)?,
                inconclusive: limit("inconclusiveLimit", &wire.inconclusive_limit, 0)?,
                consecutive_error: limit(
                    "consecutiveErrorLimit",
                    &wire.consecutive_error_limit,
                    DEFAULT_CONSECUTIVE_ERROR_LIMIT,
                )?,
                consecutive_success: limit("consecutiveSuccessLimit", &wire.consecutive_success_limit, 0)?,
            },
            success_condition: optional("successCondition", &wire.success_condition)?,
            failure_condition: optional("failureCondition", &wire.failure_condition)?,
        })
    }
}

fn valid(metrics: &[Filled]) -> Result<Vec<Timing>, InvalidSpec> {
    if metrics.is_empty() {
        return Err(InvalidSpec::NoMetrics);
    }
    let mut names = BTreeSet::new();
    let mut timings = Vec::new();
    for (index, metric) in metrics.iter().enumerate() {
        let wrong = |flaw| InvalidSpec::Metric { index, flaw };
        if !names.insert(&metric.texts.name) {
            return Err(wrong(Flaw::DuplicateName(metric.texts.name.clone())));
        }
        timings.push(validate::metric(&metric.texts, metric.limits, &metric.wire.provider).map_err(wrong)?);
    }
    Ok(timings)
}

fn dry_runs<'a>(spec: &AnalysisRunSpec, names: &[&'a str]) -> Result<BTreeSet<&'a str>, InvalidSpec> {
    let mut dry = BTreeSet::new();
    for (index, rule) in spec.dry_run.iter().enumerate() {
        dry.extend(matching(&rule.metric_name, names).ok_or(InvalidSpec::UnmatchedRule { list: "dryRun", index })?);
    }
    Ok(dry)
}

/// How many measurements are kept of each metric. The last rule that speaks of a metric counts.
fn retentions(spec: &AnalysisRunSpec, names: &[&str]) -> Result<Vec<usize>, InvalidSpec> {
    let mut kept = vec![DEFAULT_RETENTION; names.len()];
    for (index, rule) in spec.measurement_retention.iter().enumerate() {
        let matched = matching(&rule.metric_name, names)
            .ok_or(InvalidSpec::UnmatchedRule { list: "measurementRetention", index })?;
        let limit = usize::try_from(rule.limit).ok().filter(|limit| *limit > 0).unwrap_or(DEFAULT_RETENTION);
        for (kept, _) in kept.iter_mut().zip(names).filter(|(_, name)| matched.contains(*name)) {
            *kept = limit;
        }
    }
    Ok(kept)
}

/// The names that a rule speaks of: those in which its regular expression is found anywhere. None when there is none.
fn matching<'a>(rule: &str, names: &[&'a str]) -> Option<BTreeSet<&'a str>> {
    let expression = Regex::new(rule).ok()?;
    let matched: BTreeSet<&str> = names.iter().copied().filter(|name| expression.is_match(name)).collect();
    (!matched.is_empty()).then_some(matched)
}

#[cfg(test)]
mod tests {
    use crate::fixture::{metric, metrics};
    use serde_json::json;

    #[test]
    fn arguments_reach_numbers_and_durations() {
        let metric = json!({
            "name": "{{args.name}}-rate",
            "interval": "{{args.interval}}",
            "count": "{{args.count}}",
            "failureLimit": "{{args.limit}}",
            "successCondition": "result[0] >= {{ args.bound }}",
            "provider": {"prometheus": {"query": "up"}},
        });
        let args = json!([
            {"name": "name", "value": "error"}, {"name": "interval", "value": "90s"}, {"name": "count", "value": "7"},
            {"name": "limit", "value": "2"}, {"name": "bound", "value": "0.95"},
        ]);
        let metric = metrics(json!({"args": args, "metrics": [metric]})).expect("is valid").remove(0);
        assert_eq!(metric.name, "error-rate");
        assert_eq!(metric.timing.interval.map(|interval| interval.num_seconds()), Some(90));
        assert_eq!((metric.limits.count, metric.limits.failure, metric.limits.consecutive_error), (7, 2, 4));
        assert_eq!(metric.success_condition, "result[0] >= 0.95");
    }

    #[test]
    fn how_many_measurements_complete_it() {
        for (fields, expected) in [
            (json!({}), Some(1)),
            (json!({"count": 0}), Some(1)),
            (json!({"count": "0", "interval": "5s"}), None),
            (json!({"interval": "5s"}), None),
            (json!({"interval": "5s", "count": 3}), Some(3)),
            (json!({"count": 1}), Some(1)),
        ] {
            assert_eq!(metric(fields.clone()).effective_count(), expected, "{fields}");
        }
    }

    #[test]
    fn rules_choose_metrics_by_a_part_of_their_name() {
        let metric = |name: &str| json!({"name": name, "provider": {"prometheus": {}}});
        let spec = json!({
            "metrics": [metric("error-rate"), metric("latency"), metric("late")],
            "dryRun": [{"metricName": "^lat"}],
            "measurementRetention": [{"metricName": "rate", "limit": 3}, {"metricName": "late", "limit": 5}, {"metricName": "^late$", "limit": 0}],
        });
        let metrics = metrics(spec).expect("is valid");
        assert_eq!(metrics.iter().map(|metric| metric.is_dry_run).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(metrics.iter().map(|metric| metric.retention).collect::<Vec<_>>(), [3, 5, 10]);
    }

    #[test]
    fn what_is_known_and_not_supported_is_refused() {
        let secret = json!([{"name": "s", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]);
        let prometheus = json!({"prometheus": {}});
        for (metric, path) in [
            (json!({"provider": {"web": {"url": "http://x"}}}), "provider.web"),
            (json!({"provider": {"job": {"spec": {}}}}), "provider.job"),
            (json!({"provider": {"kayenta": {}}}), "provider.kayenta"),
            (json!({"provider": {"datadog": {}}}), "provider.datadog"),
            (json!({"provider": {"wavefront": {}}}), "provider.wavefront"),
            (json!({"provider": {"newRelic": {}}}), "provider.newRelic"),
            (json!({"provider": {"cloudWatch": {}}}), "provider.cloudWatch"),
            (json!({"provider": {"graphite": {}}}), "provider.graphite"),
            (json!({"provider": {"influxdb": {}}}), "provider.influxdb"),
            (json!({"provider": {"skywalking": {}}}), "provider.skywalking"),
            (json!({"provider": {"plugin": {"a/b": {}}}}), "provider.plugin"),
            (json!({"provider": {"prometheus": {"rangeQuery": {"step": "1m"}}}}), "provider.prometheus.rangeQuery"),
            (
                json!({"provider": {"prometheus": {"authentication": {"oauth2": {"tokenUrl": "http://x"}}}}}),
                "provider.prometheus.authentication.oauth2",
            ),
            (
                json!({"provider": {"prometheus": {"authentication": {"sigv4": {"region": "eu"}}}}}),
                "provider.prometheus.authentication.sigv4",
            ),
            (
                json!({"provider": {"prometheus": {"headers": [{"key": "{{args.s}}", "value": ""}]}}}),
                "provider.prometheus.headers[0].key",
            ),
            (json!({"provider": prometheus, "successCondition": "result > {{args.s}}"}), "successCondition"),
            (json!({"provider": prometheus, "count": "{{args.s}}"}), "count"),
        ] {
            let spec = json!({"args": secret, "metrics": [metric]});
            let expected = format!("spec.metrics[0].{path}: Forbidden: not supported by this version");
            assert_eq!(metrics(spec).expect_err("is refused").to_string(), expected);
        }
    }

    #[test]
    fn empty_blocks_of_older_controllers_are_fine() {
        metric(
            json!({"provider": {"prometheus": {"query": "up", "authentication": {"basicAuth": {}, "oauth2": {}, "sigv4": {}}}}}),
        );
    }
}
