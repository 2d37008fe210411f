//! Reaching into a value: elements, fields, slices, lengths.
//!
//! An index counts from the end if it is negative, and a missing element is an error, whereas a missing key is nil.

use std::sync::Arc;

use super::{
    limits::{Fault, Meter},
    methods, show,
    value::{Key, Map, MapKind, Value},
};

/// `base[property]` and `base.property`.
pub(super) fn fetch(base: &Value, property: &Value) -> Result<Value, Fault> {
    if let Value::Text(name) = property
        && let Some(signature) = methods::of_value(base, name)
    {
        return Ok(Value::Function(signature.go_type));
    }
    match base {
        Value::List(_) | Value::Bytes(_) | Value::Text(_) => {
            let wanted = property.index()?;
            let length = byte_length(base);
            let index = from_end(wanted, length);
            let found = usize::try_from(index).ok().and_then(|index| element(base, index));
            found.ok_or_else(|| Fault::new(format!("index out of range: {index} (array length is {length})")))
        }
        Value::Map(map) => Ok(map.entries().get(&key_for(map, property)?).cloned().unwrap_or(Value::Nil)),
        other => {
            let shown = show::plain(property, &mut Meter::new())?;
            Err(Fault::new(format!("cannot fetch {shown} from {}", other.go_type())))
        }
    }
}

/// As `fetch`, with nil for what is missing.
pub(super) fn fetch_or_nil(base: &Value, property: &Value) -> Result<Value, Fault> {
    match base {
        Value::List(_) | Value::Bytes(_) | Value::Text(_) => {
            let index = from_end(property.index()?, byte_length(base));
            Ok(usize::try_from(index).ok().and_then(|index| element(base, index)).unwrap_or(Value::Nil))
        }
        Value::Map(_) => fetch(base, property),
        _ => Ok(fetch(base, property).unwrap_or(Value::Nil)),
    }
}

/// The key that a property is for this map.
pub(super) fn key_for(map: &Map, property: &Value) -> Result<Key, Fault> {
    match (map.kind(), property) {
        (MapKind::Text, Value::Text(name)) => Ok(Key::Text(name.clone())),
        (MapKind::Text, Value::Nil) => Ok(Key::Text(Arc::from(""))),
        (MapKind::Text, other) => Err(Fault::new(format!(
            "reflect.Value.MapIndex: value of type {} is not assignable to type string",
            other.go_type()
        ))),
        (MapKind::Any | MapKind::Groups, other) => Key::of(other),
    }
}

/// `base[from:to]`, cut to what there is.
pub(super) fn slice(base: &Value, from: &Value, to: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    let length = byte_length(base);
    if !matches!(base, Value::List(_) | Value::Bytes(_) | Value::Text(_)) {
        return Err(Fault::new(format!("cannot slice {}", show::plain(from, meter)?)));
    }
    let from = from_end(from.index()?, length).max(0);
    let to = from_end(to.index()?, length).clamp(0, length);
    let from = usize::try_from(from.min(to)).unwrap_or(0);
    let to = usize::try_from(to).unwrap_or(0);
    meter.text(to - from)?;
    match base {
        Value::List(list) => {
            meter.steps(to - from)?;
            Value::list(list.kind(), list.items().get(from..to).unwrap_or_default().to_vec())
        }
        Value::Bytes(bytes) => Ok(Value::Bytes(Arc::from(bytes.get(from..to).unwrap_or_default()))),
        Value::Text(text) => {
            let bytes = text.as_bytes().get(from..to).unwrap_or_default();
            Ok(Value::from(String::from_utf8_lossy(bytes).into_owned()))
        }
        _ => Ok(Value::Nil),
    }
}

/// `len(value)`: characters of a text, elements of everything else.
pub(super) fn length(value: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    match value {
        Value::Text(text) => {
            meter.text(text.len())?;
            Ok(Value::size(text.chars().count()))
        }
        other => end(other),
    }
}

/// Where a slice without an end stops.
pub(super) fn end(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::List(_) | Value::Bytes(_) | Value::Text(_) => Ok(Value::Int(byte_length(value))),
        Value::Map(map) => Ok(Value::size(map.entries().len())),
        other => Err(Fault::new(format!("invalid argument for len (type {})", other.go_type()))),
    }
}

fn from_end(index: i64, length: i64) -> i64 {
    if index < 0 { length.saturating_add(index) } else { index }
}

fn byte_length(value: &Value) -> i64 {
    let length = match value {
        Value::List(list) => list.items().len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        _ => 0,
    };
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn element(value: &Value, index: usize) -> Option<Value> {
    match value {
        Value::List(list) => list.items().get(index).cloned(),
        Value::Bytes(bytes) => bytes.get(index).map(|byte| Value::Int(i64::from(*byte))),
        Value::Text(text) => text.as_bytes().get(index).map(|byte| Value::Int(i64::from(*byte))),
        _ => None,
    }
}
