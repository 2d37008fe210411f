//! The values that a condition computes with, and their names in error texts.
//!
//! The names (`[]float64`, `interface {}`) are those of the library that existing manifests were written for: people
//! match on the messages. Lists and maps are shared, never copied, and know how deeply they nest.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Datelike, FixedOffset, Utc, Weekday};

use super::limits::{Fault, MAX_VALUE_DEPTH};

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing: JSON null, a missing key.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer written in the expression, or counted by it.
    Int(i64),
    /// An integer made by `asInt`; it differs from `Int` in its name only.
    Int64(i64),
    /// A number of a metric, or any JSON number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Bytes, which only a `b"…"` literal makes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(List),
    /// A map.
    Map(Map),
    /// A point in time, in the zone it was written in.
    Time(DateTime<FixedOffset>),
    /// A length of time in nanoseconds.
    Duration(i64),
    /// A month of the year, 1 to 12.
    Month(u32),
    /// A day of the week.
    Weekday(Weekday),
    /// A time zone. Only UTC is known.
    Zone,
    /// A function, by its type's name.
    Function(&'static str),
}

/// What a list is said to hold. It is a name; the elements say what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// Anything.
    Any,
    /// Integers, as a range makes them.
    Int,
    /// Numbers, as a metric query returns them.
    Float,
    /// Texts, as `split` makes them.
    Text,
    /// Pairs of key and value, as `toPairs` makes them.
    Pairs,
}

impl ListKind {
    pub(super) fn go_type(self) -> &'static str {
        match self {
            ListKind::Any => "[]interface {}",
            ListKind::Int => "[]int",
            ListKind::Float => "[]float64",
            ListKind::Text => "[]string",
            ListKind::Pairs => "[][2]interface {}",
        }
    }
}

/// A shared list. Invariant: nests at most `MAX_VALUE_DEPTH` levels.
#[derive(Debug, Clone)]
pub struct List {
    kind: ListKind,
    items: Arc<Vec<Value>>,
    depth: u16,
}

impl List {
    pub(super) fn new(kind: ListKind, items: Vec<Value>) -> Result<Self, Fault> {
        let depth = depth_over(items.iter())?;
        Ok(List { kind, items: Arc::new(items), depth })
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    pub(super) fn shared(&self) -> Arc<Vec<Value>> {
        self.items.clone()
    }

    /// What the elements are said to be.
    pub fn kind(&self) -> ListKind {
        self.kind
    }
}

/// What the keys and values of a map are said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Keys are text, as in JSON.
    Text,
    /// Keys are anything, as `fromPairs` makes them.
    Any,
    /// Keys are anything and values are lists, as `groupBy` makes them.
    Groups,
}

impl MapKind {
    pub(super) fn go_type(self) -> &'static str {
        match self {
            MapKind::Text => "map[string]interface {}",
            MapKind::Any => "map[interface {}]interface {}",
            MapKind::Groups => "map[interface {}][]interface {}",
        }
    }
}

/// A key of a map. An integer and an equal float are two keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// No value.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number, by its bits.
    Float(u64),
    /// Text.
    Text(Arc<str>),
}

impl Key {
    pub(super) fn of(value: &Value) -> Result<Key, Fault> {
        match value {
            Value::Nil => Ok(Key::Nil),
            Value::Bool(truth) => Ok(Key::Bool(*truth)),
            Value::Int(number) | Value::Int64(number) => Ok(Key::Int(*number)),
            // Zero has two bit patterns and is one key.
            Value::Float(number) => Ok(Key::Float((number + 0.0).to_bits())),
            Value::Text(text) => Ok(Key::Text(text.clone())),
            other => Err(Fault::new(format!("hash of unhashable type: {}", other.go_type()))),
        }
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Key::Nil => Value::Nil,
            Key::Bool(truth) => Value::Bool(*truth),
            Key::Int(number) => Value::Int(*number),
            Key::Float(bits) => Value::Float(f64::from_bits(*bits)),
            Key::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// A shared map. Invariant: nests at most `MAX_VALUE_DEPTH` levels.
#[derive(Debug, Clone)]
pub struct Map {
    kind: MapKind,
    entries: Arc<BTreeMap<Key, Value>>,
    depth: u16,
}

impl Map {
    pub(super) fn new(kind: MapKind, entries: BTreeMap<Key, Value>) -> Result<Self, Fault> {
        let depth = depth_over(entries.values())?;
        Ok(Map { kind, entries: Arc::new(entries), depth })
    }

    /// The entries, in the order of their keys.
    pub fn entries(&self) -> &BTreeMap<Key, Value> {
        &self.entries
    }

    /// What keys and values are said to be.
    pub fn kind(&self) -> MapKind {
        self.kind
    }
}

fn depth_over<'a>(children: impl Iterator<Item = &'a Value>) -> Result<u16, Fault> {
    let depth = 1 + children.map(Value::depth).max().unwrap_or(0);
    if depth > MAX_VALUE_DEPTH { Err(Fault::over_budget()) } else { Ok(depth) }
}

impl Value {
    /// The answer of a metric query with several samples.
    pub fn floats(numbers: impl IntoIterator<Item = f64>) -> Value {
        let items = numbers.into_iter().map(Value::Float).collect();
        Value::List(List { kind: ListKind::Float, items: Arc::new(items), depth: 1 })
    }

    /// A value read from JSON: every number is a float. What nests too deeply is read as nil.
    pub fn from_json(json: &serde_json::Value) -> Value {
        Value::from_json_within(json, MAX_VALUE_DEPTH).unwrap_or(Value::Nil)
    }

    fn from_json_within(json: &serde_json::Value, levels: u16) -> Result<Value, Fault> {
        let below = levels.checked_sub(1).ok_or_else(Fault::over_budget)?;
        Ok(match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(truth) => Value::Bool(*truth),
            serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Value::from(text.as_str()),
            serde_json::Value::Array(items) => {
                let items: Result<_, Fault> = items.iter().map(|item| Value::from_json_within(item, below)).collect();
                Value::List(List::new(ListKind::Any, items?)?)
            }
            serde_json::Value::Object(fields) => {
                let entries: Result<_, Fault> = fields
                    .iter()
                    .map(|(name, field)| {
                        Ok((Key::Text(Arc::from(name.as_str())), Value::from_json_within(field, below)?))
                    })
                    .collect();
                Value::Map(Map::new(MapKind::Text, entries?)?)
            }
        })
    }

    pub(super) fn list(kind: ListKind, items: Vec<Value>) -> Result<Value, Fault> {
        Ok(Value::List(List::new(kind, items)?))
    }

    pub(super) fn map(kind: MapKind, entries: BTreeMap<Key, Value>) -> Result<Value, Fault> {
        Ok(Value::Map(Map::new(kind, entries)?))
    }

    pub(super) fn at(moment: DateTime<Utc>) -> Value {
        Value::Time(moment.fixed_offset())
    }

    pub(super) fn size(count: usize) -> Value {
        Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Is there no data in it: nil or an empty list?
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Nil => true,
            Value::List(list) => list.items().is_empty(),
            _ => false,
        }
    }

    fn depth(&self) -> u16 {
        match self {
            Value::List(list) => list.depth,
            Value::Map(map) => map.depth,
            _ => 0,
        }
    }

    /// The name of the value's type in messages.
    pub fn go_type(&self) -> &'static str {
        match self {
            Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Int64(_) => "int64",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::Bytes(_) => "[]uint8",
            Value::List(list) => list.kind().go_type(),
            Value::Map(map) => map.kind().go_type(),
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
            Value::Month(_) => "time.Month",
            Value::Weekday(_) => "time.Weekday",
            Value::Zone => "*time.Location",
            Value::Function(name) => name,
        }
    }

    /// The name of the family of types that the value's type belongs to.
    pub(super) fn go_kind(&self) -> &'static str {
        match self {
            Value::Nil => "invalid",
            Value::List(_) | Value::Bytes(_) => "slice",
            Value::Map(_) => "map",
            Value::Time(_) => "struct",
            Value::Duration(_) => "int64",
            Value::Month(_) | Value::Weekday(_) => "int",
            Value::Zone => "ptr",
            Value::Function(_) => "func",
            plain => plain.go_type(),
        }
    }

    /// The type's name inside the message of a failed conversion.
    fn dynamic_type(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            other => other.go_type(),
        }
    }

    /// The fault of a value of another type than the wanted one.
    pub(super) fn is_not(&self, wanted: &str) -> Fault {
        Fault::new(format!("interface conversion: interface {{}} is {}, not {wanted}", self.dynamic_type()))
    }

    pub(super) fn truth(&self) -> Result<bool, Fault> {
        match self {
            Value::Bool(truth) => Ok(*truth),
            other => Err(other.is_not("bool")),
        }
    }

    pub(super) fn text(&self) -> Result<&str, Fault> {
        match self {
            Value::Text(text) => Ok(text),
            other => Err(other.is_not("string")),
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Value::Int(number) | Value::Int64(number) => Some(*number),
            _ => None,
        }
    }

    /// Any number, as a float.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            other => other.integer().map(|number| number as f64),
        }
    }

    /// An index or a bound: integers, and floats cut to integers.
    pub(super) fn index(&self) -> Result<i64, Fault> {
        match self {
            Value::Float(number) => Ok(*number as i64),
            other => other.integer().ok_or_else(|| Fault::new(format!("invalid operation: int({})", other.go_type()))),
        }
    }

    pub(super) fn ordinal(&self) -> Option<i64> {
        match self {
            Value::Month(month) => Some(i64::from(*month)),
            Value::Weekday(day) => Some(i64::from(day.num_days_from_sunday())),
            Value::Duration(nanos) => Some(*nanos),
            _ => None,
        }
    }

    pub(super) fn month_of(moment: &DateTime<FixedOffset>) -> Value {
        Value::Month(moment.month())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(Arc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(Arc::from(text))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}
