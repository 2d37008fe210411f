//! The functions that come with a measurement: `asInt`, `asFloat`, `isNaN`, `isInf`, `isNil`, `default`.
//!
//! The last two ignore their first argument and look at the whole result. That is how existing conditions were tested,
//! and `default(result[0], 0)` would fail on its own in any case.

use crate::condition::{
    limits::{Fault, Meter},
    show::{plain, quote},
    types::{Signature, Simple},
    value::Value,
};

const SIGNATURES: [Signature; 6] = [
    Signature { name: "asInt", go_type: "func(interface {}) int64", parameters: &[Simple::Any], result: Simple::Int64 },
    Signature {
        name: "asFloat",
        go_type: "func(interface {}) float64",
        parameters: &[Simple::Any],
        result: Simple::Float,
    },
    Signature { name: "isNaN", go_type: "func(float64) bool", parameters: &[Simple::Float], result: Simple::Bool },
    Signature { name: "isInf", go_type: "func(float64) bool", parameters: &[Simple::Float], result: Simple::Bool },
    Signature { name: "isNil", go_type: "func(interface {}) bool", parameters: &[Simple::Any], result: Simple::Bool },
    Signature {
        name: "default",
        go_type: "func(interface {}, interface {}) interface {}",
        parameters: &[Simple::Any, Simple::Any],
        result: Simple::Any,
    },
];

static TABLE: [Signature; 6] = SIGNATURES;

pub(in crate::condition) fn signatures() -> &'static [Signature] {
    &TABLE
}

pub(in crate::condition) fn signature(name: &str) -> Option<&'static Signature> {
    TABLE.iter().find(|signature| signature.name == name)
}

/// Calls one by its name.
pub(in crate::condition) fn call(
    name: &str,
    arguments: &[Value],
    result: &Value,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    let first = arguments.first().unwrap_or(&Value::Nil);
    match name {
        "asInt" => as_int(first, meter),
        "asFloat" => as_float(first, meter),
        "isNaN" => Ok(Value::Bool(float(first)?.is_nan())),
        "isInf" => Ok(Value::Bool(float(first)?.is_infinite())),
        "isNil" => Ok(Value::Bool(matches!(result, Value::Nil))),
        _ => Ok(match result {
            Value::Nil => arguments.get(1).cloned().unwrap_or(Value::Nil),
            present => present.clone(),
        }),
    }
}

fn float(value: &Value) -> Result<f64, Fault> {
    match value {
        Value::Float(number) => Ok(*number),
        other => Err(other.is_not("float64")),
    }
}

fn as_int(value: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    match value {
        Value::Float(number) => Ok(Value::Int64(*number as i64)),
        Value::Int(number) | Value::Int64(number) => Ok(Value::Int64(*number)),
        Value::Text(text) => parse_int(text).map(Value::Int64),
        other => Err(Fault::new(format!("asInt() not supported on {} {}", other.go_type(), plain(other, meter)?))),
    }
}

fn as_float(value: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    match value {
        Value::Float(number) => Ok(Value::Float(*number)),
        Value::Int(number) | Value::Int64(number) => Ok(Value::Float(*number as f64)),
        Value::Text(text) => parse_float(text).map(Value::Float),
        other => Err(Fault::new(format!("asFloat() not supported on {} {}", other.go_type(), plain(other, meter)?))),
    }
}

/// A base-10 integer.
pub(super) fn parse_int(text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind;
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Fault::new(format!("strconv.ParseInt: parsing {}: {why}", quote(text)))
    })
}

/// A decimal number.
pub(super) fn parse_float(text: &str) -> Result<f64, Fault> {
    let refused = |why: &str| Fault::new(format!("strconv.ParseFloat: parsing {}: {why}", quote(text)));
    let number: f64 = text.parse().map_err(|_| refused("invalid syntax"))?;
    // A number that is too large to be one is not the same as the word for infinity.
    if number.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        return Err(refused("value out of range"));
    }
    Ok(number)
}
