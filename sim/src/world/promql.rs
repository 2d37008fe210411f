//! Evaluates PromQL at one instant over series of samples, as far as analyses of an update need it.
//!
//! Selectors, rates, aggregations, arithmetic, comparison and set operators; no subqueries, no histograms, no joins of many
//! to one. What is not known is an error that names it, never a wrong number.

mod binary;
mod functions;

use promql_parser::{
    label::Matchers,
    parser::{AggregateExpr, Expr, LabelModifier, MatrixSelector, Offset, VectorSelector},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// The labels of a series.
pub(crate) type Labels = BTreeMap<String, String>;

/// Times in milliseconds, and values.
pub(crate) type Samples = VecDeque<(i64, f64)>;

/// An instant vector looks back this far for a sample.
const LOOK_BACK_MS: i64 = 300_000;

/// The label that holds the metric's name.
pub(crate) const NAME: &str = "__name__";

/// What an expression evaluates to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Vector(Vec<(Labels, f64)>),
    Text(String),
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It is no PromQL.
    #[error("{0}")]
    Unreadable(String),
    /// It is PromQL that this evaluator does not know or that does not fit together.
    #[error("{0}")]
    Unsupported(String),
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

fn unsupported<T>(what: impl Into<String>) -> Result<T> {
    Err(Failure::Unsupported(what.into()))
}

/// Evaluates a query at `now` (milliseconds).
pub(crate) fn query(text: &str, series: &BTreeMap<Labels, Samples>, now: i64) -> Result<Value> {
    let expression = promql_parser::parser::parse(text).map_err(Failure::Unreadable)?;
    Evaluation { series, now }.value(&expression)
}

/// A range of samples of one series.
struct Range {
    labels: Labels,
    samples: Vec<(i64, f64)>,
}

#[derive(Clone, Copy)]
struct Evaluation<'a> {
    series: &'a BTreeMap<Labels, Samples>,
    now: i64,
}

impl<'a> Evaluation<'a> {
    fn value(self, expression: &Expr) -> Result<Value> {
        match expression {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Unary(inner) => Ok(match self.value(&inner.expr)? {
                Value::Scalar(number) => Value::Scalar(-number),
                Value::Vector(all) => {
                    Value::Vector(all.into_iter().map(|(labels, it)| (unnamed(labels), -it)).collect())
                }
                Value::Text(_) => return unsupported("a text has no sign"),
            }),
            Expr::Binary(binary) => binary::value(binary, self.value(&binary.lhs)?, self.value(&binary.rhs)?),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::VectorSelector(selector) => self.instant(selector).map(Value::Vector),
            Expr::Call(call) => self.call(call.func.name, &call.args.args),
            Expr::MatrixSelector(_) => unsupported("a range of samples stands only inside a function"),
            Expr::Subquery(_) => unsupported("subqueries are not known here"),
            Expr::Extension(_) => unsupported("extensions are not known here"),
        }
    }

    fn vector(self, expression: &Expr) -> Result<Vec<(Labels, f64)>> {
        match self.value(expression)? {
            Value::Vector(all) => Ok(all),
            Value::Scalar(_) | Value::Text(_) => unsupported("expected an instant vector"),
        }
    }

    fn scalar(self, expression: &Expr) -> Result<f64> {
        match self.value(expression)? {
            Value::Scalar(number) => Ok(number),
            Value::Vector(_) | Value::Text(_) => unsupported("expected a scalar"),
        }
    }

    fn matching(self, selector: &VectorSelector) -> Result<impl Iterator<Item = (&'a Labels, &'a Samples)>> {
        if selector.at.is_some() || !selector.matchers.or_matchers.is_empty() {
            return unsupported("`@` and `or` in selectors are not known here");
        }
        let name = selector.name.clone();
        let matchers = selector.matchers.clone();
        let series = self.series.iter().filter(move |(labels, _)| {
            name.as_ref().is_none_or(|name| labels.get(NAME) == Some(name)) && fits(&matchers, labels)
        });
        Ok(series)
    }

    fn instant(self, selector: &VectorSelector) -> Result<Vec<(Labels, f64)>> {
        let at = self.now - offset_ms(selector.offset.as_ref());
        let last = |samples: &Samples| {
            let sample = samples.iter().rev().find(|(time, _)| *time <= at)?;
            (sample.0 > at - LOOK_BACK_MS).then_some(sample.1)
        };
        let found = self.matching(selector)?;
        Ok(found.filter_map(|(labels, samples)| Some((labels.clone(), last(samples)?))).collect())
    }

    fn range(self, selector: &MatrixSelector) -> Result<(Vec<Range>, i64, i64)> {
        let end = self.now - offset_ms(selector.vs.offset.as_ref());
        let start = end - millis(selector.range);
        let ranges = self.matching(&selector.vs)?.map(|(labels, samples)| Range {
            labels: labels.clone(),
            samples: samples.iter().filter(|(time, _)| *time >= start && *time <= end).copied().collect(),
        });
        Ok((ranges.filter(|range| !range.samples.is_empty()).collect(), start, end))
    }

    fn aggregate(self, aggregate: &AggregateExpr) -> Result<Value> {
        if aggregate.param.is_some() {
            return unsupported(format!("{} is not known here", aggregate.op));
        }
        let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
        for (labels, value) in self.vector(&aggregate.expr)? {
            groups.entry(grouped(labels, aggregate.modifier.as_ref())).or_default().push(value);
        }
        let operation = aggregate.op.to_string();
        let combine = |values: &[f64]| {
            // Group sizes are far below 2^52.
            #[allow(clippy::cast_precision_loss)]
            let count = values.len() as f64;
            Ok(match operation.as_str() {
                "sum" => values.iter().sum(),
                "avg" => values.iter().sum::<f64>() / count,
                "count" => count,
                "min" => values.iter().copied().fold(f64::NAN, f64::min),
                "max" => values.iter().copied().fold(f64::NAN, f64::max),
                "group" => 1.0,
                other => return unsupported(format!("{other} is not known here")),
            })
        };
        let combined = groups.into_iter().map(|(labels, values)| Ok((labels, combine(&values)?)));
        combined.collect::<Result<Vec<_>>>().map(Value::Vector)
    }
}

fn fits(matchers: &Matchers, labels: &Labels) -> bool {
    let value = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
    matchers.matchers.iter().all(|matcher| matcher.is_match(value(&matcher.name)))
}

fn grouped(mut labels: Labels, modifier: Option<&LabelModifier>) -> Labels {
    labels.remove(NAME);
    match modifier {
        None => labels.clear(),
        Some(LabelModifier::Include(kept)) => labels.retain(|name, _| kept.labels.contains(name)),
        Some(LabelModifier::Exclude(dropped)) => labels.retain(|name, _| !dropped.labels.contains(name)),
    }
    labels
}

fn unnamed(mut labels: Labels) -> Labels {
    labels.remove(NAME);
    labels
}

fn offset_ms(offset: Option<&Offset>) -> i64 {
    match offset {
        None => 0,
        Some(Offset::Pos(span)) => millis(*span),
        Some(Offset::Neg(span)) => -millis(*span),
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
