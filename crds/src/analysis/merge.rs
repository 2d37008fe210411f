//! How templates become one run: nested templates are expanded, metrics put together, arguments filled in.
//!
//! Rollouts, Experiments and their validation must agree on this, down to the text of the errors, which clients show.
//! A template's own text is not looked into: `{{args.name}}` is filled in when a metric is measured.

use std::collections::BTreeSet;

use super::{
    AnalysisRunSpec, AnalysisTemplateRef, AnalysisTemplateSpec, Argument, DryRun, MeasurementRetention, Metric,
};

/// Why templates cannot become a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is no such template in the namespace.
    #[error("AnalysisTemplate '{0}' not found")]
    TemplateMissing(String),
    /// There is no such template in the cluster.
    #[error("ClusterAnalysisTemplate '{0}' not found")]
    ClusterTemplateMissing(String),
    /// A metric's name is taken.
    #[error("two metrics have the same name '{0}'")]
    MetricTwice(String),
    /// A dry-run rule is there already.
    #[error("two Dry-Run metric rules have the same name '{0}'")]
    DryRunTwice(String),
    /// A retention rule is there already.
    #[error("two Measurement Retention metric rules have the same name '{0}'")]
    RetentionTwice(String),
    /// Two templates give an argument different values.
    #[error("Argument `{name}` specified multiple times with different values: '{first}', '{second}'")]
    ArgumentTwice {
        /// The argument.
        name: String,
        /// The value that came first.
        first: String,
        /// The other value.
        second: String,
    },
    /// Nobody gives an argument a value.
    #[error("args.{0} was not resolved")]
    ArgumentMissing(String),
}

/// All templates that the references lead to: those of the namespace first, then the cluster's, each set depth-first
/// and each template once. A template that leads back to itself is therefore no endless chain.
pub fn expand<'a>(
    references: &[AnalysisTemplateRef],
    find: &dyn Fn(&AnalysisTemplateRef) -> Option<&'a AnalysisTemplateSpec>,
) -> Result<Vec<&'a AnalysisTemplateSpec>, MergeError> {
    let mut found = Expanded::default();
    found.add(references, find)?;
    found.namespaced.append(&mut found.cluster);
    Ok(found.namespaced)
}

#[derive(Default)]
struct Expanded<'a> {
    seen: BTreeSet<(bool, String)>,
    namespaced: Vec<&'a AnalysisTemplateSpec>,
    cluster: Vec<&'a AnalysisTemplateSpec>,
}

impl<'a> Expanded<'a> {
    fn add(
        &mut self,
        references: &[AnalysisTemplateRef],
        find: &dyn Fn(&AnalysisTemplateRef) -> Option<&'a AnalysisTemplateSpec>,
    ) -> Result<(), MergeError> {
        for reference in references {
            if !self.seen.insert((reference.cluster_scope, reference.template_name.clone())) {
                continue;
            }
            let name = || reference.template_name.clone();
            let template = match (find(reference), reference.cluster_scope) {
                (Some(template), _) => template,
                (None, true) => return Err(MergeError::ClusterTemplateMissing(name())),
                (None, false) => return Err(MergeError::TemplateMissing(name())),
            };
            if reference.cluster_scope { &mut self.cluster } else { &mut self.namespaced }.push(template);
            self.add(&template.templates, find)?;
        }
        Ok(())
    }
}

/// One template that says what all of them say. Arguments may still be without a value.
pub fn flatten(templates: &[&AnalysisTemplateSpec]) -> Result<AnalysisTemplateSpec, MergeError> {
    let mut args: Vec<Argument> = Vec::new();
    for argument in templates.iter().flat_map(|template| &template.args) {
        match args.iter_mut().find(|known| known.name == argument.name) {
            None => args.push(argument.clone()),
            Some(known) => join(known, argument)?,
        }
    }
    Ok(AnalysisTemplateSpec {
        metrics: once_each(
            templates.iter().flat_map(|template| &template.metrics),
            |metric: &Metric| &metric.name,
            MergeError::MetricTwice,
        )?,
        args,
        dry_run: all_dry_runs(templates.iter().flat_map(|template| &template.dry_run))?,
        measurement_retention: all_retentions(templates.iter().flat_map(|template| &template.measurement_retention))?,
        templates: Vec::new(),
    })
}

/// The spec of a run that measures what the templates say, with the values that whoever starts it gives.
/// Values for arguments that no template declares are left out.
pub fn merge(
    templates: &[&AnalysisTemplateSpec],
    args: &[Argument],
    dry_run: &[DryRun],
    measurement_retention: &[MeasurementRetention],
) -> Result<AnalysisRunSpec, MergeError> {
    let template = flatten(templates)?;
    Ok(AnalysisRunSpec {
        metrics: template.metrics,
        args: fill_in(template.args, args)?,
        terminate: false,
        dry_run: all_dry_runs(dry_run.iter().chain(&template.dry_run))?,
        measurement_retention: all_retentions(measurement_retention.iter().chain(&template.measurement_retention))?,
        ttl_strategy: None,
    })
}

/// Gives declared arguments the values; every one must have a value in the end.
pub fn fill_in(mut declared: Vec<Argument>, values: &[Argument]) -> Result<Vec<Argument>, MergeError> {
    for given in values {
        let Some(argument) = declared.iter_mut().find(|argument| argument.name == given.name) else { continue };
        if has_value(given) {
            argument.value.clone_from(&given.value);
            argument.value_from.clone_from(&given.value_from);
        }
    }
    match declared.iter().find(|argument| !has_value(argument)) {
        Some(missing) => Err(MergeError::ArgumentMissing(missing.name.clone())),
        None => Ok(declared),
    }
}

fn has_value(argument: &Argument) -> bool {
    argument.value.is_some() || argument.value_from.is_some()
}

/// Two templates declare the same argument: a value wins over none, and two values must be the same.
fn join(known: &mut Argument, other: &Argument) -> Result<(), MergeError> {
    if let (Some(first), Some(second)) = (&known.value, &other.value)
        && first != second
    {
        return Err(MergeError::ArgumentTwice {
            name: known.name.clone(),
            first: first.clone(),
            second: second.clone(),
        });
    }
    if !has_value(known) {
        known.clone_from(other);
    }
    Ok(())
}

fn all_dry_runs<'a>(rules: impl Iterator<Item = &'a DryRun>) -> Result<Vec<DryRun>, MergeError> {
    once_each(rules, |rule: &DryRun| &rule.metric_name, MergeError::DryRunTwice)
}

fn all_retentions<'a>(
    rules: impl Iterator<Item = &'a MeasurementRetention>,
) -> Result<Vec<MeasurementRetention>, MergeError> {
    once_each(rules, |rule: &MeasurementRetention| &rule.metric_name, MergeError::RetentionTwice)
}

fn once_each<'a, T: Clone + 'a>(
    items: impl Iterator<Item = &'a T>,
    name: impl Fn(&T) -> &str,
    twice: fn(String) -> MergeError,
) -> Result<Vec<T>, MergeError> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if kept.iter().any(|other| name(other) == name(item)) {
            return Err(twice(name(item).to_owned()));
        }
        kept.push(item.clone());
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AnalysisTemplateRef, AnalysisTemplateSpec, expand, flatten, merge};

    fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).expect("reads")
    }

    /// Metrics and arguments of templates, or the error.
    fn flat(templates: Value) -> Result<Value, String> {
        let templates: Vec<AnalysisTemplateSpec> = read(templates);
        let flat = flatten(&templates.iter().collect::<Vec<_>>()).map_err(|error| error.to_string())?;
        let names: Vec<_> = flat.metrics.iter().map(|metric| metric.name.as_str()).collect();
        Ok(json!({"metrics": names, "args": flat.args}))
    }

    #[test]
    fn templates_are_put_together() {
        let cases = [
            (
                json!([{"metrics": [{"name": "b"}]}, {"metrics": [{"name": "a"}, {"name": "c"}]}]),
                Ok(json!({"metrics": ["b", "a", "c"], "args": []})),
            ),
            (
                json!([{"metrics": [{"name": "a"}]}, {"metrics": [{"name": "a"}]}]),
                Err("two metrics have the same name 'a'"),
            ),
            (
                json!([{"args": [{"name": "x"}, {"name": "y", "value": "1"}]}, {"args": [{"name": "y"}, {"name": "x", "value": "2"}]}]),
                Ok(json!({"metrics": [], "args": [{"name": "x", "value": "2"}, {"name": "y", "value": "1"}]})),
            ),
            (
                json!([{"args": [{"name": "x", "value": "1"}]}, {"args": [{"name": "x", "value": "1"}]}]),
                Ok(json!({"metrics": [], "args": [{"name": "x", "value": "1"}]})),
            ),
            (
                json!([{"args": [{"name": "x", "value": "1"}]}, {"args": [{"name": "x", "value": "2"}]}]),
                Err("Argument `x` specified multiple times with different values: '1', '2'"),
            ),
            (
                json!([{"dryRun": [{"metricName": "a"}]}, {"dryRun": [{"metricName": "a"}]}]),
                Err("two Dry-Run metric rules have the same name 'a'"),
            ),
            (
                json!([{"measurementRetention": [{"metricName": "a"}, {"metricName": "a"}]}]),
                Err("two Measurement Retention metric rules have the same name 'a'"),
            ),
        ];
        for (templates, expected) in cases {
            assert_eq!(flat(templates.clone()), expected.map_err(str::to_owned), "{templates}");
        }
    }

    /// The run's arguments and rules, or the error.
    fn run(template: Value, args: Value, dry_run: Value, retention: Value) -> Result<Value, String> {
        let template: AnalysisTemplateSpec = read(template);
        merge(&[&template], &read::<Vec<_>>(args), &read::<Vec<_>>(dry_run), &read::<Vec<_>>(retention))
            .map(|spec| serde_json::to_value(spec).expect("writes"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_filled_in() {
        let secret = json!({"secretKeyRef": {"name": "s", "key": "k"}});
        let cases = [
            (json!([{"name": "x"}]), json!([{"name": "x", "value": "1"}]), Ok(json!([{"name": "x", "value": "1"}]))),
            (
                json!([{"name": "x", "value": "0"}]),
                json!([{"name": "x", "value": "1"}, {"name": "extra", "value": "2"}]),
                Ok(json!([{"name": "x", "value": "1"}])),
            ),
            (
                json!([{"name": "x", "valueFrom": secret}]),
                json!([{"name": "x", "value": "1"}]),
                Ok(json!([{"name": "x", "value": "1"}])),
            ),
            (
                json!([{"name": "x", "value": "0"}]),
                json!([{"name": "x", "valueFrom": secret}]),
                Ok(json!([{"name": "x", "valueFrom": secret}])),
            ),
            (json!([{"name": "x", "value": "0"}]), json!([{"name": "x"}]), Ok(json!([{"name": "x", "value": "0"}]))),
            (json!([{"name": "x"}]), json!([{"name": "y", "value": "1"}]), Err("args.x was not resolved")),
        ];
        for (declared, given, expected) in cases {
            let answer = run(json!({"args": declared}), given.clone(), json!([]), json!([]));
            assert_eq!(answer.map(|spec| spec["args"].clone()), expected.map_err(str::to_owned), "{declared} {given}");
        }
    }

    #[test]
    fn rules_of_the_step_come_first() {
        let rule = |name: &str| json!([{"metricName": name}]);
        let kept = |name: &str| json!([{"metricName": name, "limit": 3}]);
        let template = json!({"dryRun": rule("b"), "measurementRetention": kept("b")});
        let spec = run(template.clone(), json!([]), rule("a"), kept("a")).expect("merges");
        assert_eq!(spec["dryRun"], json!([{"metricName": "a"}, {"metricName": "b"}]));
        assert_eq!(
            spec["measurementRetention"],
            json!([{"metricName": "a", "limit": 3}, {"metricName": "b", "limit": 3}])
        );
        assert_eq!(
            run(template.clone(), json!([]), rule("b"), json!([])),
            Err("two Dry-Run metric rules have the same name 'b'".to_owned())
        );
        assert_eq!(
            run(template, json!([]), json!([]), kept("b")),
            Err("two Measurement Retention metric rules have the same name 'b'".to_owned())
        );
    }

    #[test]
    fn nested_templates_are_expanded_once_each() {
        let template = |metric: &str, templates: Value| -> AnalysisTemplateSpec {
            read(json!({"metrics": [{"name": metric}], "templates": templates}))
        };
        let to = |name: &str| json!({"templateName": name});
        let to_cluster = |name: &str| json!({"templateName": name, "clusterScope": true});
        let known = [
            ("a", false, template("a", json!([to("b"), to_cluster("a")]))),
            ("b", false, template("b", json!([to("a"), to("c")]))),
            ("c", false, template("c", json!([]))),
            ("a", true, template("A", json!([to("c")]))),
            ("broken", false, template("x", json!([to("gone")]))),
            ("broken", true, template("x", json!([to_cluster("gone")]))),
        ];
        let find = |reference: &AnalysisTemplateRef| {
            known
                .iter()
                .find(|(name, cluster, _)| *name == reference.template_name && *cluster == reference.cluster_scope)
                .map(|(_, _, template)| template)
        };
        let cases = [
            (json!([to("c")]), Ok("c")),
            (json!([to("a")]), Ok("a b c A")),
            (json!([to_cluster("a"), to("b")]), Ok("c b a A")),
            (json!([to("c"), to("c")]), Ok("c")),
            (json!([to("broken")]), Err("AnalysisTemplate 'gone' not found")),
            (json!([to_cluster("broken")]), Err("ClusterAnalysisTemplate 'gone' not found")),
        ];
        for (references, expected) in cases {
            let references: Vec<AnalysisTemplateRef> = read(references);
            let answer = expand(&references, &find).map_err(|error| error.to_string()).map(|templates| {
                templates
                    .iter()
                    .flat_map(|template| &template.metrics)
                    .map(|metric| metric.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            assert_eq!(answer, expected.map(str::to_owned).map_err(str::to_owned), "{references:?}");
        }
    }
}
