//! What the operators do with values.
//!
//! Integers wrap, division always makes a float, and only integers have a remainder. Two integers of different names
//! make a plain one.

use super::{Evaluated, Halt, Machine};
use crate::condition::{
    compare,
    limits::{Fault, Meter},
    methods,
    pattern::Pattern,
    tree::{Kind, Node, Operator},
    value::{ListKind, Value},
};

/// Steps that compiling a computed pattern costs: some hundred patterns are the most that one evaluation compiles.
const PATTERN_STEPS: usize = 5_000;

impl<'t> Machine<'t> {
    pub(super) fn operations(&mut self, first: &'t Node, rest: &'t [(Operator, Node)]) -> Evaluated {
        let mut left = self.value(first)?;
        for (operator, node) in rest {
            left = match operator {
                Operator::Or(_) if left.truth()? => left,
                Operator::And(_) if !left.truth()? => left,
                // The right side is the answer as it is: whoever uses it sees whether it is a bool.
                Operator::Or(_) | Operator::And(_) => self.value(node)?,
                Operator::Coalesce if !matches!(left, Value::Nil) => left,
                Operator::Coalesce => self.value(node)?,
                Operator::Matches => self.matches(&left, node)?,
                other => {
                    let right = self.value(node)?;
                    apply(*other, &left, &right, &mut self.meter)?
                }
            };
        }
        Ok(left)
    }

    fn matches(&mut self, left: &Value, node: &'t Node) -> Evaluated {
        if let Kind::Pattern(pattern) = &node.kind {
            return self.is_match(left, pattern);
        }
        let right = self.value(node)?;
        if matches!(left, Value::Nil) || matches!(right, Value::Nil) {
            return Ok(Value::Bool(false));
        }
        let text = right.text()?;
        if let Some(pattern) = self.patterns.get(text) {
            let pattern = pattern.clone();
            return self.is_match(left, &pattern);
        }
        self.meter.steps(PATTERN_STEPS)?;
        let pattern = Pattern::compile(text).map_err(Fault::new)?;
        self.patterns.insert(text.to_string(), pattern.clone());
        self.is_match(left, &pattern)
    }

    fn is_match(&mut self, left: &Value, pattern: &Pattern) -> Result<Value, Halt> {
        match left {
            Value::Nil => Ok(Value::Bool(false)),
            Value::Text(text) => Ok(Value::Bool(pattern.is_match(text, &mut self.meter)?)),
            Value::Bytes(bytes) => Ok(Value::Bool(pattern.is_match(&String::from_utf8_lossy(bytes), &mut self.meter)?)),
            other => Err(other.is_not("[]uint8").into()),
        }
    }
}

fn apply(operator: Operator, left: &Value, right: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    match operator {
        Operator::Equal => compare::equal(left, right, meter).map(Value::Bool),
        Operator::NotEqual => compare::equal(left, right, meter).map(|equal| Value::Bool(!equal)),
        Operator::In => compare::is_in(left, right, meter).map(Value::Bool),
        Operator::Contains => text_test(left, right, meter, |text, part| text.contains(part)),
        Operator::StartsWith => text_test(left, right, meter, |text, part| text.starts_with(part)),
        Operator::EndsWith => text_test(left, right, meter, |text, part| text.ends_with(part)),
        Operator::Range => range(left.index()?, right.index()?, meter),
        Operator::Add => add(left, right, meter),
        Operator::Subtract => subtract(left, right),
        Operator::Multiply => multiply(left, right),
        Operator::Divide => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Ok(Value::Float(left / right)),
            _ => Err(unfit(left, "/", right)),
        },
        Operator::Remainder => remainder(left, right),
        Operator::Power(_) => Ok(Value::Float(as_float(left)?.powf(as_float(right)?))),
        // Handled where the right side may go unevaluated.
        Operator::Or(_) | Operator::And(_) | Operator::Coalesce | Operator::Matches => Ok(Value::Nil),
    }
}

fn unfit(left: &Value, operator: &str, right: &Value) -> Fault {
    Fault::new(format!("invalid operation: {} {operator} {}", left.go_type(), right.go_type()))
}

fn as_float(value: &Value) -> Result<f64, Fault> {
    value.number().ok_or_else(|| Fault::new(format!("invalid operation: float({})", value.go_type())))
}

fn text_test(left: &Value, right: &Value, meter: &mut Meter, test: fn(&str, &str) -> bool) -> Result<Value, Fault> {
    if matches!(left, Value::Nil) || matches!(right, Value::Nil) {
        return Ok(Value::Bool(false));
    }
    let (text, part) = (left.text()?, right.text()?);
    meter.text(text.len() + part.len())?;
    Ok(Value::Bool(test(text, part)))
}

fn range(from: i64, to: i64, meter: &mut Meter) -> Result<Value, Fault> {
    if to < from {
        return Value::list(ListKind::Int, Vec::new());
    }
    let size = to.checked_sub(from).and_then(|last| usize::try_from(last).ok()).and_then(|last| last.checked_add(1));
    meter.elements(size.ok_or_else(Fault::over_budget)?)?;
    Value::list(ListKind::Int, (from..=to).map(Value::Int).collect())
}

fn integers(left: &Value, right: &Value) -> Option<(i64, i64)> {
    left.integer().zip(right.integer())
}

fn numbers(left: &Value, right: &Value) -> Option<(f64, f64)> {
    left.number().zip(right.number())
}

pub(super) fn add(left: &Value, right: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    if let Some((left, right)) = integers(left, right) {
        return Ok(Value::Int(left.wrapping_add(right)));
    }
    if let Some((left, right)) = numbers(left, right) {
        return Ok(Value::Float(left + right));
    }
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            meter.text(left.len() + right.len())?;
            Ok(Value::from(format!("{left}{right}")))
        }
        (Value::Time(_), Value::Duration(nanos)) => methods::plus(left, *nanos),
        (Value::Duration(nanos), Value::Time(_)) => methods::plus(right, *nanos),
        (Value::Duration(left), Value::Duration(right)) => Ok(Value::Duration(left.wrapping_add(*right))),
        _ => Err(unfit(left, "+", right)),
    }
}

fn subtract(left: &Value, right: &Value) -> Result<Value, Fault> {
    if let Some((left, right)) = integers(left, right) {
        return Ok(Value::Int(left.wrapping_sub(right)));
    }
    if let Some((left, right)) = numbers(left, right) {
        return Ok(Value::Float(left - right));
    }
    match (left, right) {
        (Value::Time(later), Value::Time(earlier)) => Ok(Value::Duration(methods::between(later, earlier))),
        (Value::Time(_), Value::Duration(nanos)) => methods::plus(left, nanos.wrapping_neg()),
        (Value::Duration(left), Value::Duration(right)) => Ok(Value::Duration(left.wrapping_sub(*right))),
        _ => Err(unfit(left, "-", right)),
    }
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Fault> {
    if let Some((left, right)) = integers(left, right) {
        return Ok(Value::Int(left.wrapping_mul(right)));
    }
    if let Some((left, right)) = numbers(left, right) {
        return Ok(Value::Float(left * right));
    }
    match (left, right) {
        (Value::Duration(left), Value::Duration(right))
        | (Value::Duration(left), Value::Int(right) | Value::Int64(right))
        | (Value::Int(left) | Value::Int64(left), Value::Duration(right)) => {
            Ok(Value::Duration(left.wrapping_mul(*right)))
        }
        // A duration times a float is a plain number of nanoseconds, as it always was.
        (Value::Duration(nanos), Value::Float(factor)) | (Value::Float(factor), Value::Duration(nanos)) => {
            Ok(Value::Float(*nanos as f64 * factor))
        }
        _ => Err(unfit(left, "*", right)),
    }
}

fn remainder(left: &Value, right: &Value) -> Result<Value, Fault> {
    match integers(left, right) {
        Some((_, 0)) => Err(Fault::new("runtime error: integer divide by zero")),
        Some((left, right)) => Ok(Value::Int(left.wrapping_rem(right))),
        None => Err(unfit(left, "%", right)),
    }
}
