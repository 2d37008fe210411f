//! YAML as kubectl reads it: the older rules for what a plain word means, keys as the text that JSON needs.
//!
//! What is left to other readers is taken as kubectl takes it: `yes` is true, `010` is eight, a number that no float can
//! hold is a text, a key that looks like a boolean or a number is written as one. Bounds keep a bomb from being read.

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Error, Options, Spanned};
use std::{borrow::Cow, fmt};

/// Bounds on one file. The parser's own are too tight for real bundles of CRDs, and without any a bomb would be read.
const MAX_DOCUMENTS: usize = 100_000;
const MAX_NODES: usize = 5_000_000;
const MAX_EVENTS: usize = 20_000_000;
const MAX_DEPTH: usize = 200;
/// Parts of a document that anchors repeat.
const MAX_REPEATED: usize = 200_000;
/// Numbers beyond every float, in one file, that are taken for texts. Each costs another reading.
const MAX_OVERFLOWS: usize = 100;

/// The documents of a text, each with the line on which it begins.
pub(super) fn documents(text: &str) -> Result<Vec<(u64, Value)>, Error> {
    let mut text = Cow::Borrowed(text);
    let mut overflows = 0;
    loop {
        let error = match serde_saphyr::from_multiple_with_options::<Spanned<Node>>(&text, options()) {
            Ok(documents) => {
                return Ok(documents.into_iter().map(|it| (it.referenced.line(), it.value.0)).collect());
            }
            Err(error) => error,
        };
        overflows += 1;
        match quoted(&text, &error).filter(|_| overflows <= MAX_OVERFLOWS) {
            Some(mended) => text = Cow::Owned(mended),
            None => return Err(error),
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MAX_DOCUMENTS,
            max_nodes: MAX_NODES,
            max_events: MAX_EVENTS,
            max_depth: MAX_DEPTH,
            // One anchor for the labels of hundreds of objects is no bomb: what they repeat is counted below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPEATED, },
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// The text with quotes around the number that is too large: the short form of a commit may look like one (`12e4567`).
fn quoted(text: &str, error: &Error) -> Option<String> {
    let Error::NonFiniteFloat { value, location } = error.without_snippet() else { return None };
    // Infinity and what is no number, said as such, have no place in JSON.
    if !value.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let line = usize::try_from(location.line()).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column()).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let (before, rest) = text.split_at_checked(start)?;
    let place = rest.char_indices().nth(column)?.0;
    let (indent, rest) = rest.split_at_checked(place)?;
    let after = rest.strip_prefix(value.as_str())?;
    Some(format!("{before}{indent}\"{value}\"{after}"))
}

/// A value; its keys are texts.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadNode).map(Node)
    }
}

struct ReadNode;

impl<'de> Visitor<'de> for ReadNode {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // `1.0` is written as `1`: a field of whole numbers takes nothing else.
        if let Ok(whole) = value.to_string().parse::<i64>() {
            return Ok(whole.into());
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number without end"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Node(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(Node(key)) = entries.next_key()? {
            let Node(value) = entries.next_value()?;
            let key = match key {
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => key.to_string(),
                _ => return Err(A::Error::custom("a key must be a text, a number or a boolean")),
            };
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests;
