//! How values are written: in error texts, by `string()` and by `toJSON()`.
//!
//! Every walk over a value pays the meter: a small expression can build a value that shares its parts, and is
//! exponentially long when written out.

use std::fmt::Write;

use chrono::Weekday;

use super::{
    limits::{Fault, Meter},
    moments,
    value::{Key, Map, Value},
};

/// The text in double quotes, with escapes.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Powers of ten that `string()` writes without an exponent.
const PLAIN_EXPONENTS: std::ops::Range<i32> = -4..6;
/// Powers of ten that JSON writes without an exponent.
const JSON_EXPONENTS: std::ops::Range<i32> = -6..21;

/// A number in its shortest form. With a power of ten outside of `plain` it has an exponent.
fn number(value: f64, plain: std::ops::Range<i32>) -> String {
    if value.is_nan() {
        return "NaN".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_string();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !plain.contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    } else {
        format!("{value}")
    }
}

/// A value as `string()` writes it.
pub(super) fn plain(value: &Value, meter: &mut Meter) -> Result<String, Fault> {
    let mut text = String::new();
    write_plain(value, &mut text, meter)?;
    meter.text(text.len())?;
    Ok(text)
}

fn write_plain(value: &Value, text: &mut String, meter: &mut Meter) -> Result<(), Fault> {
    meter.steps(1)?;
    match value {
        Value::Nil => text.push_str("<nil>"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => text.push_str(&number.to_string()),
        Value::Float(value) => text.push_str(&number(*value, PLAIN_EXPONENTS)),
        Value::Text(inner) => {
            meter.text(inner.len())?;
            text.push_str(inner);
        }
        Value::Bytes(bytes) => {
            meter.steps(bytes.len())?;
            let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
            let _ = write!(text, "[{}]", numbers.join(" "));
        }
        Value::List(list) => {
            text.push('[');
            for (at, item) in list.items().iter().enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                write_plain(item, text, meter)?;
            }
            text.push(']');
        }
        Value::Map(map) => {
            text.push_str("map[");
            for (at, (key, item)) in map.entries().iter().enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                write_plain(&key.value(), text, meter)?;
                text.push(':');
                write_plain(item, text, meter)?;
            }
            text.push(']');
        }
        Value::Time(moment) => text.push_str(&moments::shown(moment)),
        Value::Duration(nanos) => text.push_str(&super::durations::shown(*nanos)),
        Value::Month(month) => text.push_str(moments::month_name(*month)),
        Value::Weekday(day) => text.push_str(weekday_name(*day)),
        Value::Zone => text.push_str("UTC"),
        Value::Function(name) => text.push_str(name),
    }
    Ok(())
}

pub(super) fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

/// A value as indented JSON.
pub(super) fn json(value: &Value, meter: &mut Meter) -> Result<String, Fault> {
    let mut text = String::new();
    write_json(value, 0, &mut text, meter)?;
    meter.text(text.len())?;
    Ok(text)
}

fn write_json(value: &Value, level: usize, text: &mut String, meter: &mut Meter) -> Result<(), Fault> {
    meter.steps(1 + level / 8)?;
    match value {
        Value::Nil => text.push_str("null"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => text.push_str(&number.to_string()),
        Value::Float(value) if value.is_finite() => text.push_str(&json_number(*value)),
        Value::Float(value) => {
            return Err(Fault::new(format!("json: unsupported value: {}", number(*value, JSON_EXPONENTS))));
        }
        Value::Text(inner) => {
            meter.text(inner.len())?;
            write_json_text(inner, text);
        }
        Value::Bytes(bytes) => write_json_text(&super::builtins::to_base64(bytes), text),
        Value::List(list) => {
            let open = if list.items().is_empty() { None } else { Some(level + 1) };
            text.push('[');
            for (at, item) in list.items().iter().enumerate() {
                separate(at, open, text);
                write_json(item, level + 1, text, meter)?;
            }
            close(open, level, ']', text);
        }
        Value::Map(map) => write_json_map(map, level, text, meter)?,
        Value::Time(moment) => {
            write_json_text(&moment.format("%Y-%m-%dT%H:%M:%S%.f%:z").to_string().replace("+00:00", "Z"), text)
        }
        Value::Duration(_) | Value::Month(_) | Value::Weekday(_) => {
            text.push_str(&value.ordinal().unwrap_or(0).to_string());
        }
        Value::Zone => text.push_str("{}"),
        Value::Function(name) => return Err(Fault::new(format!("json: unsupported type: {name}"))),
    }
    Ok(())
}

fn write_json_map(map: &Map, level: usize, text: &mut String, meter: &mut Meter) -> Result<(), Fault> {
    let open = if map.entries().is_empty() { None } else { Some(level + 1) };
    text.push('{');
    for (at, (key, item)) in map.entries().iter().enumerate() {
        let Key::Text(name) = key else {
            return Err(Fault::new(format!("json: unsupported type: {}", map.kind().go_type())));
        };
        separate(at, open, text);
        meter.text(name.len())?;
        write_json_text(name, text);
        text.push_str(": ");
        write_json(item, level + 1, text, meter)?;
    }
    close(open, level, '}', text);
    Ok(())
}

fn separate(at: usize, open: Option<usize>, text: &mut String) {
    if at > 0 {
        text.push(',');
    }
    if let Some(level) = open {
        text.push('\n');
        text.push_str(&"  ".repeat(level));
    }
}

fn close(open: Option<usize>, level: usize, bracket: char, text: &mut String) {
    if open.is_some() {
        text.push('\n');
        text.push_str(&"  ".repeat(level));
    }
    text.push(bracket);
}

/// JSON writes an exponent without a leading zero, and later than other texts do.
fn json_number(value: f64) -> String {
    number(value, JSON_EXPONENTS).replace("e-0", "e-")
}

fn write_json_text(inner: &str, text: &mut String) {
    text.push('"');
    for c in inner.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}
