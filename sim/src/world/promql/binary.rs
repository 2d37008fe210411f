//! Operators between two values: arithmetic, comparison, and the sets `and`, `or`, `unless`.

use super::{Labels, NAME, Result, Value, unnamed, unsupported};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

/// What a binary expression evaluates to.
pub(super) fn value(expression: &BinaryExpr, left: Value, right: Value) -> Result<Value> {
    let operator = expression.op.to_string();
    let modifier = expression.modifier.as_ref();
    let returns_bool = modifier.is_some_and(|modifier| modifier.return_bool);
    let operation = Operation { operator: &operator, returns_bool };
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => operation.number(left, right).map(Value::Scalar),
        (Value::Vector(left), Value::Scalar(right)) => {
            operation.each(left, |value| (value, right), |value| value).map(Value::Vector)
        }
        (Value::Scalar(left), Value::Vector(right)) => {
            operation.each(right, |value| (left, value), |value| value).map(Value::Vector)
        }
        (Value::Vector(left), Value::Vector(right)) => match operator.as_str() {
            "and" | "or" | "unless" => Ok(Value::Vector(sets(&operator, left, right, modifier))),
            _ => pairs(operation, left, &right, modifier).map(Value::Vector),
        },
        _ => unsupported(format!("{operator} between texts")),
    }
}

#[derive(Clone, Copy)]
struct Operation<'a> {
    operator: &'a str,
    returns_bool: bool,
}

impl Operation<'_> {
    /// Between two numbers; comparisons give 1 or 0.
    fn number(self, left: f64, right: f64) -> Result<f64> {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        Ok(match self.operator {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "/" => left / right,
            "%" => left % right,
            "^" => left.powf(right),
            "atan2" => left.atan2(right),
            "==" => truth(left == right),
            "!=" => truth(left != right),
            "<" => truth(left < right),
            "<=" => truth(left <= right),
            ">" => truth(left > right),
            ">=" => truth(left >= right),
            other => return unsupported(format!("{other} is not known here")),
        })
    }

    fn is_filter(self) -> bool {
        !self.returns_bool && matches!(self.operator, "==" | "!=" | "<" | "<=" | ">" | ">=")
    }

    fn each(
        self,
        all: Vec<(Labels, f64)>,
        sides: impl Fn(f64) -> (f64, f64),
        kept: impl Fn(f64) -> f64,
    ) -> Result<Vec<(Labels, f64)>> {
        let mut found = Vec::new();
        for (labels, value) in all {
            let (left, right) = sides(value);
            let result = self.number(left, right)?;
            if !self.is_filter() {
                found.push((unnamed(labels), result));
            } else if result != 0.0 {
                found.push((labels, kept(value)));
            }
        }
        Ok(found)
    }
}

fn key(labels: &Labels, modifier: Option<&BinModifier>) -> Labels {
    let mut key = labels.clone();
    key.remove(NAME);
    match modifier.and_then(|modifier| modifier.matching.as_ref()) {
        None => {}
        Some(LabelModifier::Include(on)) => key.retain(|name, _| on.labels.contains(name)),
        Some(LabelModifier::Exclude(ignored)) => key.retain(|name, _| !ignored.labels.contains(name)),
    }
    key
}

fn sets(
    operator: &str,
    mut left: Vec<(Labels, f64)>,
    right: Vec<(Labels, f64)>,
    modifier: Option<&BinModifier>,
) -> Vec<(Labels, f64)> {
    let keys =
        |side: &[(Labels, f64)]| -> Vec<Labels> { side.iter().map(|(labels, _)| key(labels, modifier)).collect() };
    let (of_left, of_right) = (keys(&left), keys(&right));
    match operator {
        "and" => left.retain(|(labels, _)| of_right.contains(&key(labels, modifier))),
        "unless" => left.retain(|(labels, _)| !of_right.contains(&key(labels, modifier))),
        _ => left.extend(right.into_iter().filter(|(labels, _)| !of_left.contains(&key(labels, modifier)))),
    }
    left
}

fn pairs(
    operation: Operation<'_>,
    left: Vec<(Labels, f64)>,
    right: &[(Labels, f64)],
    modifier: Option<&BinModifier>,
) -> Result<Vec<(Labels, f64)>> {
    if modifier.is_some_and(|modifier| modifier.card != VectorMatchCardinality::OneToOne) {
        return unsupported("group_left and group_right are not known here");
    }
    let mut found: Vec<(Labels, f64)> = Vec::new();
    for (labels, value) in left {
        let own = key(&labels, modifier);
        let mut others = right.iter().filter(|(labels, _)| key(labels, modifier) == own);
        let Some((_, other)) = others.next() else { continue };
        let kept = if operation.is_filter() { labels } else { own.clone() };
        if others.next().is_some() || found.iter().any(|(labels, _)| key(labels, modifier) == own) {
            return unsupported("many-to-many matching not allowed: matching labels must be unique on one side");
        }
        let result = operation.number(value, *other)?;
        if !operation.is_filter() {
            found.push((kept, result));
        } else if result != 0.0 {
            found.push((kept, value));
        }
    }
    Ok(found)
}
