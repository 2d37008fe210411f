//! The language of success and failure conditions: `result[0] < 0.05`.
//!
//! An evaluator of our own for the language that existing templates are written in, error texts included. A condition
//! is parsed, checked against the shape of the result, and evaluated for a result and a time. It reads nothing else,
//! and whatever the text, it ends soon and never panics: see `limits`.
//!
//! Known differences: no time zone but UTC, no order of map keys but the sorted one, and a byte of a text is an `int`.

mod access;
mod builtins;
mod checker;
mod compare;
mod durations;
mod escapes;
mod interpreter;
mod lexer;
mod limits;
mod methods;
mod moments;
mod parser;
mod pattern;
mod show;
mod tree;
mod types;
mod value;
mod verdict;

use chrono::{DateTime, Utc};

use limits::Fault;
use tree::Node;
use types::Type;

pub use value::{Key, List, ListKind, Map, MapKind, Value};
pub use verdict::{Verdict, judge};

/// A condition that was read and makes sense for results of its shape.
#[derive(Debug, Clone)]
pub struct Condition {
    tree: Node,
}

/// What is known of a result before there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing: everything that may work is let through.
    Any,
    /// There was no data.
    Nil,
    /// A truth value.
    Bool,
    /// One number.
    Float,
    /// Several numbers, as a metric query returns them.
    Floats,
    /// Text.
    Text,
    /// A JSON list.
    List,
    /// A JSON object.
    Map,
}

impl Shape {
    /// The shape of a result.
    pub fn of(result: &Value) -> Shape {
        match result {
            Value::Nil => Shape::Nil,
            Value::Bool(_) => Shape::Bool,
            Value::Float(_) => Shape::Float,
            Value::Text(_) => Shape::Text,
            Value::List(list) if list.kind() == ListKind::Float => Shape::Floats,
            Value::List(list) if list.kind() == ListKind::Any => Shape::List,
            Value::Map(map) if map.kind() == MapKind::Text => Shape::Map,
            Value::Int(_)
            | Value::Int64(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Time(_)
            | Value::Duration(_)
            | Value::Month(_)
            | Value::Weekday(_)
            | Value::Zone
            | Value::Function(_) => Shape::Any,
        }
    }
}

/// Why a condition gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The text is no condition, or can never work for a result of this shape.
    #[error("{0}")]
    Rejected(String),
    /// This result broke it.
    #[error("{0}")]
    Failed(String),
    /// It has a value that is no answer.
    #[error("expected bool, but got {0}")]
    NotBool(&'static str),
}

impl From<Fault> for ConditionError {
    fn from(fault: Fault) -> Self {
        ConditionError::Failed(fault.0)
    }
}

impl Condition {
    /// Reads a condition for results of this shape.
    pub fn parse(text: &str, shape: Shape) -> Result<Condition, ConditionError> {
        let refused = |reason: String| ConditionError::Rejected(Fault::new(reason).0);
        let mut tree = parser::parse(text).map_err(refused)?;
        checker::check(&mut tree, Type::from(shape)).map_err(refused)?;
        Ok(Condition { tree })
    }

    /// Does it hold?
    pub fn holds(&self, result: &Value, now: DateTime<Utc>) -> Result<bool, ConditionError> {
        match self.evaluate(result, now)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(ConditionError::NotBool(other.go_type())),
        }
    }

    /// Its value, whatever that is.
    pub fn evaluate(&self, result: &Value, now: DateTime<Utc>) -> Result<Value, ConditionError> {
        Ok(interpreter::evaluate(&self.tree, result, now)?)
    }
}
