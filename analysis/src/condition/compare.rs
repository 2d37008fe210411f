//! When two values are equal, which comes first, and sorting.
//!
//! An integer equals a float by value, at the top and in lists; inside of maps types must match, too. Nothing here
//! recurses without paying, since values may share their parts.

use std::cmp::Ordering;

use super::{
    limits::{Fault, Meter},
    tree::Order,
    value::{ListKind, Value},
};

/// `==`
pub(super) fn equal(left: &Value, right: &Value, meter: &mut Meter) -> Result<bool, Fault> {
    if let (Some(left), Some(right)) = (left.integer(), right.integer()) {
        meter.steps(1)?;
        return Ok(left == right);
    }
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        meter.steps(1)?;
        return Ok(left == right);
    }
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            meter.steps(1)?;
            // A range never equals the numbers of a metric: only a list of anything is looked into.
            let comparable =
                left.kind() == right.kind() || left.kind() == ListKind::Any || right.kind() == ListKind::Any;
            if !comparable || left.items().len() != right.items().len() {
                return Ok(false);
            }
            for (left, right) in left.items().iter().zip(right.items()) {
                if !equal(left, right, meter)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => same(left, right, meter),
    }
}

/// Equal without any conversion.
fn same(left: &Value, right: &Value, meter: &mut Meter) -> Result<bool, Fault> {
    meter.steps(1)?;
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) | (Value::Zone, Value::Zone) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) | (Value::Int64(left), Value::Int64(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => {
            meter.text(left.len().min(right.len()))?;
            left == right
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            meter.text(left.len().min(right.len()))?;
            left == right
        }
        (Value::Time(left), Value::Time(right)) => left == right,
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::Month(left), Value::Month(right)) => left == right,
        (Value::Weekday(left), Value::Weekday(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            if left.kind() != right.kind() || left.items().len() != right.items().len() {
                return Ok(false);
            }
            for (left, right) in left.items().iter().zip(right.items()) {
                if !same(left, right, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.kind() != right.kind() || left.entries().len() != right.entries().len() {
                return Ok(false);
            }
            for ((left_key, left), (right_key, right)) in left.entries().iter().zip(right.entries()) {
                if left_key != right_key || !same(left, right, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}

/// `<`, `<=`, `>`, `>=`. With a NaN none of them holds.
pub(super) fn in_order(left: &Value, order: Order, right: &Value, meter: &mut Meter) -> Result<bool, Fault> {
    meter.steps(1)?;
    let found = match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            meter.text(left.len().min(right.len()))?;
            Some(left.cmp(right))
        }
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        _ => match (left.integer(), right.integer(), left.number(), right.number()) {
            (Some(left), Some(right), ..) => Some(left.cmp(&right)),
            (.., Some(left), Some(right)) => left.partial_cmp(&right),
            _ => {
                let operation = order.written();
                return Err(Fault::new(format!(
                    "invalid operation: {} {operation} {}",
                    left.go_type(),
                    right.go_type()
                )));
            }
        },
    };
    Ok(match order {
        Order::Less => found == Some(Ordering::Less),
        Order::LessOrEqual => matches!(found, Some(Ordering::Less | Ordering::Equal)),
        Order::More => found == Some(Ordering::Greater),
        Order::MoreOrEqual => matches!(found, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// `in`
pub(super) fn is_in(needle: &Value, haystack: &Value, meter: &mut Meter) -> Result<bool, Fault> {
    match haystack {
        Value::Nil => Ok(false),
        Value::List(list) => {
            for item in list.items() {
                if equal(item, needle, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Bytes(bytes) => {
            meter.steps(bytes.len())?;
            Ok(bytes.iter().any(|byte| needle.number() == Some(f64::from(*byte))))
        }
        Value::Map(map) => Ok(map.entries().contains_key(&super::access::key_for(map, needle)?)),
        Value::Time(_) if matches!(needle, Value::Text(_)) => Ok(false),
        Value::Time(_) => Err(Fault::new(format!("cannot use {} as field name of time.Time", needle.go_type()))),
        other => Err(Fault::new(format!("operator \"in\" not defined on {}", other.go_type()))),
    }
}

/// The elements of a list, or none if it is not one.
pub(super) fn elements(value: &Value, meter: &mut Meter) -> Result<Option<Vec<Value>>, Fault> {
    match value {
        Value::List(list) => {
            meter.steps(list.items().len())?;
            Ok(Some(list.items().to_vec()))
        }
        Value::Bytes(bytes) => {
            meter.steps(bytes.len())?;
            Ok(Some(bytes.iter().map(|byte| Value::Int(i64::from(*byte))).collect()))
        }
        _ => Ok(None),
    }
}

/// The second of each pair, in the order of the first.
///
/// A merge sort of our own: the comparison can fail, and with a NaN it is not an order, which the standard library's
/// sort may answer with a panic.
pub(super) fn sorted(pairs: Vec<(Value, Value)>, descending: bool, meter: &mut Meter) -> Result<Vec<Value>, Fault> {
    let mut runs: Vec<Vec<(Value, Value)>> = pairs.into_iter().map(|pair| vec![pair]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut rest = runs.into_iter();
        while let Some(left) = rest.next() {
            merged.push(match rest.next() {
                Some(right) => merge(left, right, descending, meter)?,
                None => left,
            });
        }
        runs = merged;
    }
    Ok(runs.into_iter().flatten().map(|(_, value)| value).collect())
}

fn merge(
    left: Vec<(Value, Value)>,
    right: Vec<(Value, Value)>,
    descending: bool,
    meter: &mut Meter,
) -> Result<Vec<(Value, Value)>, Fault> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = left.into_iter().peekable();
    let mut right = right.into_iter().peekable();
    while let (Some((first, _)), Some((second, _))) = (left.peek(), right.peek()) {
        let takes_second = if descending {
            in_order(first, Order::Less, second, meter)?
        } else {
            in_order(second, Order::Less, first, meter)?
        };
        merged.extend(if takes_second { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
