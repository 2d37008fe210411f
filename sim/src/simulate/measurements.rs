//! What metrics measure: the values that a person gave, one after the other, in the form in which Prometheus would answer.
//!
//! A plain number is a scalar where the query is one, else a vector with one element. Every metric of the update's analysis
//! must be given: to guess one would be to guess how the update ends.

use crate::{
    clock::Clock,
    simulate::{Unplayable, cast::Cast},
    world::{
        calls::{list, text},
        prometheus::reply,
        promql::{self, Labels},
    },
};
use controller::ask::Answerer;
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask, HttpReply, MetricAsk};
use promql_parser::parser::{self, value::ValueType};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A metric and what it measures, the last value again and again: `success-rate=0.99,0.98,0.7`.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    metric: String,
    values: Vec<Measured>,
}

#[derive(Clone, Debug, PartialEq)]
enum Measured {
    /// A scalar, or a vector of one element: as the query is.
    Number(f64),
    Vector(Vec<f64>),
    /// Nobody answers.
    Error,
}

/// A text that says no measurements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMeasurement {
    /// There is no `=`, or nothing around it.
    #[error("say NAME=VALUE,VALUE…")]
    Form,
    /// A value is none.
    #[error("`{0}` is no value: say a number, NaN, [0.9,0.8], none or error")]
    Value(String),
}

impl FromStr for Given {
    type Err = NoMeasurement;

    fn from_str(said: &str) -> Result<Given, NoMeasurement> {
        let (metric, values) = said.split_once('=').ok_or(NoMeasurement::Form)?;
        if metric.is_empty() || values.is_empty() {
            return Err(NoMeasurement::Form);
        }
        let values = parts(values).into_iter().map(measured).collect::<Result<_, _>>()?;
        Ok(Given { metric: metric.to_owned(), values })
    }
}

/// The parts between commas outside brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let is_border = |letter: char| {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    };
    text.split(is_border).collect()
}

fn measured(said: &str) -> Result<Measured, NoMeasurement> {
    let number = |said: &str| said.trim().parse().map_err(|_| NoMeasurement::Value(said.trim().to_owned()));
    match said.trim() {
        "none" | "[]" => Ok(Measured::Vector(Vec::new())),
        "error" => Ok(Measured::Error),
        said => match said.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inside) => inside.split(',').map(number).collect::<Result<_, _>>().map(Measured::Vector),
            None => number(said).map(Measured::Number),
        },
    }
}

/// Each metric that Prometheus is asked for when this Rollout is updated, with its condition; nothing where a template is
/// missing, which the controller will say.
fn asked(cast: &Cast) -> Option<BTreeMap<String, String>> {
    let canary = cast.rollout.pointer("/spec/strategy/canary")?;
    // An analysis of an experiment names one template, as an item of a list of them does.
    let of_step = |step| list(step, "/analysis/templates").iter().chain(list(step, "/experiment/analyses"));
    let of_steps = list(canary, "/steps").iter().flat_map(of_step);
    let mut open: Vec<&Value> = list(canary, "/analysis/templates").iter().chain(of_steps).collect();
    let mut seen = BTreeSet::new();
    let mut found = BTreeMap::new();
    while let Some(reference) = open.pop() {
        let name = (text(reference, "/templateName"), reference.get("clusterScope") == Some(&Value::Bool(true)));
        if !seen.insert(name) {
            continue;
        }
        let template = cast.template(name.0, name.1)?;
        open.extend(list(template, "/spec/templates"));
        for metric in list(template, "/spec/metrics") {
            if metric.pointer("/provider/prometheus").is_some() {
                found.insert(text(metric, "/name").to_owned(), condition(metric));
            }
        }
    }
    Some(found)
}

fn condition(metric: &Value) -> String {
    let fields = ["successCondition", "failureCondition"];
    let said = fields.iter().filter_map(|field| Some(format!("{field}: {}", metric.get(field)?.as_str()?)));
    said.collect::<Vec<_>>().join(", ")
}

/// Is every metric given, and is everything given a metric?
pub(crate) fn check(cast: &Cast, given: &[Given]) -> Result<(), Unplayable> {
    let Some(asked) = asked(cast) else { return Ok(()) };
    if let Some(stranger) = given.iter().find(|one| !asked.contains_key(&one.metric)) {
        return Err(Unplayable::Unmeasured { name: stranger.metric.clone(), there: asked.into_keys().collect() });
    }
    let open: Vec<(String, String)> =
        asked.into_iter().filter(|(name, _)| !given.iter().any(|one| one.metric == *name)).collect();
    if open.is_empty() { Ok(()) } else { Err(Unplayable::Unanswered(open)) }
}

/// Answers for Prometheus.
#[derive(Debug)]
pub(crate) struct Measurements {
    clock: Clock,
    given: BTreeMap<String, Vec<Measured>>,
    /// How often each was asked for.
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Measurements {
    pub(crate) fn new(given: &[Given], clock: Clock) -> Measurements {
        let given = given.iter().map(|one| (one.metric.clone(), one.values.clone())).collect();
        Measurements { clock, given, asked: Mutex::default() }
    }

    /// Does a metric have values that were not measured yet?
    pub(crate) fn has_more(&self, metric: &str) -> bool {
        let asked = self.asked().get(metric).copied().unwrap_or(0);
        self.given.get(metric).is_some_and(|values| asked < values.len())
    }

    /// What a person should know of values that were never measured: of a list its end may be what the person wanted to see.
    pub(crate) fn unused(&self) -> Vec<String> {
        let asked = self.asked();
        let unused = self.given.iter().filter_map(|(metric, values)| {
            let asked = asked.get(metric).copied().unwrap_or(0);
            let count = values.len();
            (asked < count && count > 1)
                .then(|| format!("Of the values of {metric}, {asked} of {count} were measured before the end."))
        });
        unused.collect()
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self, ask: &MetricAsk) -> Result<HttpReply, String> {
        let index = {
            let mut asked = self.asked();
            let count = asked.entry(ask.metric.clone()).or_default();
            *count += 1;
            *count - 1
        };
        let values = self.given.get(&ask.metric).map(Vec::as_slice).unwrap_or_default();
        let series = |number: f64| (Labels::new(), number);
        let value = match values.get(index).or(values.last()) {
            None => return Err(format!("nobody said what {} measures", ask.metric)),
            Some(Measured::Error) => {
                return Err("the request failed: tcp connect error: Connection refused (os error 111)".to_owned());
            }
            Some(Measured::Number(number)) if is_scalar(&ask.query.to_string()) => promql::Value::Scalar(*number),
            Some(Measured::Number(number)) => promql::Value::Vector(vec![series(*number)]),
            Some(Measured::Vector(numbers)) => promql::Value::Vector(numbers.iter().copied().map(series).collect()),
        };
        Ok(reply(value, self.clock.now().timestamp_millis()))
    }
}

fn is_scalar(query: &str) -> bool {
    parser::parse(query).is_ok_and(|expression| expression.value_type() == ValueType::Scalar)
}

impl Answerer for Measurements {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        let answer = match &ask {
            Ask::Metric(ask) => self.measure(ask),
            Ask::Git(_) | Ask::Live(_) => Err(format!("not a metric: {ask}")),
        };
        async { Answer::Metric(answer) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::{Given, Measured, Measurements, asked};
    use crate::{
        clock::Clock,
        simulate::{File, cast::Cast},
        simulation::beginning,
    };
    use plan::{Credentials, MetricAsk};

    fn ask(query: &str) -> MetricAsk {
        MetricAsk {
            metric: "rate".into(),
            ordinal: 0,
            address: "http://prometheus".into(),
            query: query.into(),
            timeout_secs: 1,
            headers: Vec::new(),
            credentials: Credentials::None,
            insecure: false,
        }
    }

    /// One template of the cluster, which names another; one that nobody uses; one metric that Prometheus is not asked for.
    const FILES: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  strategy:
    canary:
      analysis: {templates: [{templateName: all, clusterScope: true}]}
      steps: [{analysis: {templates: [{templateName: near}]}}]
---
apiVersion: argoproj.io/v1alpha1
kind: ClusterAnalysisTemplate
metadata: {name: all}
spec:
  templates: [{templateName: more, clusterScope: true}]
  metrics: [{name: a, successCondition: "true", provider: {prometheus: {}}}, {name: job, provider: {job: {}}}]
---
apiVersion: argoproj.io/v1alpha1
kind: ClusterAnalysisTemplate
metadata: {name: more}
spec: {metrics: [{name: b, provider: {prometheus: {}}}], templates: [{templateName: all, clusterScope: true}]}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: near}
spec: {metrics: [{name: c, provider: {prometheus: {}}}]}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: unused}
spec: {metrics: [{name: d, provider: {prometheus: {}}}]}
"#;

    #[test]
    fn templates_are_followed_to_every_metric() {
        let cast = |text: &str| Cast::read(&[File { name: "a".into(), text: text.into() }], None).expect("is read");
        let found = asked(&cast(FILES)).expect("all templates are there");
        let found: Vec<(&str, &str)> = found.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
        assert_eq!(found, [("a", "successCondition: true"), ("b", ""), ("c", "")]);
        assert_eq!(asked(&cast(&FILES.replace("{name: near}", "{name: far}"))), None, "the controller tells of it");
    }

    #[test]
    fn values_are_numbers_vectors_nothing_or_errors() {
        let given: Given = "rate=0.99, 1e2,[0.9,NaN],none,[],error".parse().expect("is read");
        let [number, large, vector, none, empty, error] = given.values.as_slice() else { panic!("six values") };
        assert_eq!((number, large), (&Measured::Number(0.99), &Measured::Number(100.0)));
        assert!(matches!(vector, Measured::Vector(all) if all.len() == 2 && all[1].is_nan()));
        assert_eq!((none, empty, error), (&Measured::Vector(vec![]), &Measured::Vector(vec![]), &Measured::Error));
        for (text, why) in [
            ("rate", "say NAME=VALUE,VALUE…"),
            ("=1", "say NAME=VALUE,VALUE…"),
            ("rate=", "say NAME=VALUE,VALUE…"),
            ("rate=99%", "`99%` is no value: say a number, NaN, [0.9,0.8], none or error"),
            ("rate=1,,2", "`` is no value: say a number, NaN, [0.9,0.8], none or error"),
            ("rate=[1,x]", "`x` is no value: say a number, NaN, [0.9,0.8], none or error"),
        ] {
            assert_eq!(text.parse::<Given>().expect_err("is refused").to_string(), why, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_have_the_form_of_the_query_and_the_last_repeats() {
        let measure = |given: &str, query: &str, times: usize| {
            let given: Given = given.parse().expect("is read");
            let measurements = Measurements::new(&[given], Clock::starting_at(beginning()));
            let answers: Vec<String> = (0..times)
                .map(|_| match measurements.measure(&ask(query)) {
                    Ok(reply) => {
                        serde_json::from_str::<serde_json::Value>(&reply.body).expect("JSON")["data"].to_string()
                    }
                    Err(why) => why,
                })
                .collect();
            answers.join(" ")
        };
        let vector = |value: &str| {
            format!(r#"{{"result":[{{"metric":{{}},"value":[1893499200.0,"{value}"]}}],"resultType":"vector"}}"#)
        };
        let scalar = |value: &str| format!(r#"{{"result":[1893499200.0,"{value}"],"resultType":"scalar"}}"#);
        assert_eq!(measure("rate=1,0.5", "sum(up)", 3), [vector("1"), vector("0.5"), vector("0.5")].join(" "));
        assert_eq!(measure("rate=NaN", "scalar(up)", 1), scalar("NaN"));
        assert_eq!(measure("rate=0.5", "1 / 2", 1), scalar("0.5"));
        assert_eq!(measure("rate=none", "sum(up)", 1), r#"{"result":[],"resultType":"vector"}"#);
        assert!(measure("rate=error", "sum(up)", 1).contains("Connection refused"));
    }
}
