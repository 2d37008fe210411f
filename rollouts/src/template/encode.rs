//! Writes a template as the bytes that a typed client would send: fields in table order, unknown fields dropped,
//! empty ones left out, amounts in their one spelling, text escaped for HTML.
//!
//! A value of the wrong type counts as absent: such objects exist in clusters, and one bad field must not stop
//! everything else. Never fails, whatever it is given.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Number, Value};

use super::{
    order::{Field, Kind, Shapes, shapes},
    quantity::Quantity,
};

/// What the bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A hash: exactly the bytes of a typed client.
    Hash,
    /// A comparison: additionally, an empty list is an absent one, and equal amounts look equal.
    Comparison,
}

/// The bytes of one value of a named shape.
pub(super) fn encode(shape: &str, value: &Value, purpose: Purpose) -> Vec<u8> {
    start(purpose, |encoder| encoder.value(&encoder.shapes.named(shape), Some(value)))
}

/// The bytes of a list of a named shape.
pub(super) fn encode_list(shape: &str, value: Option<&Value>, purpose: Purpose) -> Vec<u8> {
    start(purpose, |encoder| encoder.value(&Kind::List(Box::new(encoder.shapes.named(shape))), value))
}

/// A number as a JSON encoder of Go writes it.
pub(super) fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

/// `text` as a JSON string, with `<`, `>`, `&` and the two Unicode line separators escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_text(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

fn start(purpose: Purpose, write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder { shapes: shapes(), purpose, out: Vec::with_capacity(1024) };
    write(&mut encoder);
    encoder.out
}

#[derive(Debug)]
struct Encoder {
    shapes: &'static Shapes,
    purpose: Purpose,
    out: Vec<u8>,
}

impl Encoder {
    fn value(&mut self, kind: &Kind, value: Option<&Value>) {
        let value = value.filter(|value| fits(kind, value));
        match kind {
            Kind::Text => write_text(&mut self.out, value.and_then(Value::as_str).unwrap_or_default()),
            Kind::Flag => self.push(if value == Some(&Value::Bool(true)) { "true" } else { "false" }),
            Kind::Integer => self.push(&integer(value).unwrap_or_default().to_string()),
            Kind::Quantity => self.quantity(value),
            Kind::IntegerOrText => match value {
                Some(Value::String(text)) => write_text(&mut self.out, text),
                other => self.push(&integer(other).unwrap_or_default().to_string()),
            },
            Kind::Time => self.time(value, SecondsFormat::Secs),
            Kind::MicroTime => self.time(value, SecondsFormat::Micros),
            Kind::Raw => write_raw(&mut self.out, value.unwrap_or(&Value::Null)),
            Kind::Struct(shape) => self.fields(*shape, value.and_then(Value::as_object)),
            Kind::Optional(inner) => match value {
                Some(value) => self.value(inner, Some(value)),
                None => self.push("null"),
            },
            Kind::List(inner) => self.list(inner, value.and_then(Value::as_array)),
            Kind::Map(inner) => self.map(inner, value.and_then(Value::as_object)),
        }
    }

    fn fields(&mut self, shape: usize, object: Option<&Map<String, Value>>) {
        let shapes = self.shapes;
        let mut separator = "{";
        for field in shapes.fields(shape) {
            let value = object.and_then(|object| object.get(field.name));
            if is_left_out(field, value) {
                continue;
            }
            self.push(separator);
            write_text(&mut self.out, field.name);
            self.out.push(b':');
            self.value(&field.kind, value);
            separator = ",";
        }
        self.push(if separator == "{" { "{}" } else { "}" });
    }

    fn list(&mut self, inner: &Kind, items: Option<&Vec<Value>>) {
        let Some(items) = items.filter(|items| self.purpose == Purpose::Hash || !items.is_empty()) else {
            return self.push("null");
        };
        self.out.push(b'[');
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.out.push(b',');
            }
            self.value(inner, Some(item));
        }
        self.out.push(b']');
    }

    fn map(&mut self, inner: &Kind, entries: Option<&Map<String, Value>>) {
        let Some(entries) = entries.filter(|entries| self.purpose == Purpose::Hash || !entries.is_empty()) else {
            return self.push("null");
        };
        self.out.push(b'{');
        for (position, (name, value)) in sorted(entries).into_iter().enumerate() {
            if position > 0 {
                self.out.push(b',');
            }
            write_text(&mut self.out, name);
            self.out.push(b':');
            self.value(inner, Some(value));
        }
        self.out.push(b'}');
    }

    fn quantity(&mut self, value: Option<&Value>) {
        let text = match (value, self.purpose) {
            (None, Purpose::Hash) => "0".to_owned(),
            (None, Purpose::Comparison) => "0e0".to_owned(),
            (Some(value), purpose) => match Quantity::from_json(value) {
                Some(quantity) if purpose == Purpose::Hash => quantity.text(),
                Some(quantity) => quantity.value_text(),
                // Not an amount. Its text still tells one template from another.
                None => return write_raw(&mut self.out, value),
            },
        };
        write_text(&mut self.out, &text);
    }

    fn time(&mut self, value: Option<&Value>, precision: SecondsFormat) {
        match value.and_then(moment) {
            Some(moment) => write_text(&mut self.out, &moment.to_rfc3339_opts(precision, true)),
            None => self.push("null"),
        }
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

fn is_left_out(field: &Field, value: Option<&Value>) -> bool {
    if !field.omit_empty {
        return false;
    }
    let value = value.filter(|value| fits(&field.kind, value));
    match &field.kind {
        Kind::Text => value.and_then(Value::as_str).is_none_or(str::is_empty),
        Kind::Flag => value != Some(&Value::Bool(true)),
        Kind::Integer => integer(value).unwrap_or_default() == 0,
        Kind::Optional(_) | Kind::Raw => value.is_none(),
        Kind::Time | Kind::MicroTime => value.and_then(moment).is_none(),
        Kind::List(_) => value.and_then(Value::as_array).is_none_or(Vec::is_empty),
        Kind::Map(_) => value.and_then(Value::as_object).is_none_or(Map::is_empty),
        // "Empty" says nothing about structs there: `"metadata":{}` and `"divisor":"0"` are written.
        Kind::Struct(_) | Kind::Quantity | Kind::IntegerOrText => false,
    }
}

/// True if a value is of the kind; null never is.
fn fits(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Text => value.is_string(),
        Kind::Time | Kind::MicroTime => moment(value).is_some(),
        Kind::Flag => value.is_boolean(),
        Kind::Integer => integer(Some(value)).is_some(),
        Kind::Quantity | Kind::Raw => !value.is_null(),
        Kind::IntegerOrText => value.is_string() || integer(Some(value)).is_some(),
        Kind::Struct(_) | Kind::Map(_) => value.is_object(),
        Kind::List(_) => value.is_array(),
        Kind::Optional(inner) => fits(inner, value),
    }
}

fn integer(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| number_text(value.as_number()?).parse().ok())
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|moment| moment.to_utc())
}

/// The entries by name: maps are written so, in whatever order they were read.
fn sorted(entries: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted
}

fn write_raw(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Number(number) => out.extend_from_slice(number_text(number).as_bytes()),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_raw(out, item);
            }
            out.push(b']');
        }
        Value::Object(entries) => {
            out.push(b'{');
            for (position, (name, value)) in sorted(entries).into_iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_text(out, name);
                out.push(b':');
                write_raw(out, value);
            }
            out.push(b'}');
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut buffer = [0; 4];
    for letter in text.chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '<' | '>' | '&' | '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(letter)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    out.push(b'"');
}

fn float_text(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{float:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    float.to_string()
}
