//! Functions between values and their written forms: JSON and base 64; and the names of types.

use std::fmt::Write;

use super::{Builtin, Call, Overload, Rule};
use crate::condition::{
    limits::Fault,
    show,
    types::Simple::{Any, Text},
    value::Value,
};

pub(super) static TABLE: &[Builtin] = &[
    Builtin {
        name: "type",
        rule: Rule::Overloads(&[Overload { parameters: &[Any], result: Text }]),
        body: |call| Ok(Value::from(type_name(call.argument(0)))),
    },
    Builtin {
        name: "toJSON",
        rule: Rule::Overloads(&[Overload { parameters: &[Any], result: Text }]),
        body: |call| show::json(call.argument(0), call.meter).map(Value::from),
    },
    Builtin {
        name: "fromJSON",
        rule: Rule::Overloads(&[Overload { parameters: &[Text], result: Any }]),
        body: from_json,
    },
    Builtin {
        name: "toBase64",
        rule: Rule::Overloads(&[Overload { parameters: &[Text], result: Text }]),
        body: |call| {
            let text = call.text(0)?;
            call.made(to_base64(text.as_bytes()))
        },
    },
    Builtin {
        name: "fromBase64",
        rule: Rule::Overloads(&[Overload { parameters: &[Text], result: Text }]),
        body: from_base64,
    },
];

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Int(_) | Value::Int64(_) => "int",
        Value::Float(_) => "float",
        Value::List(_) | Value::Bytes(_) => "array",
        Value::Map(_) => "map",
        Value::Function(_) => "func",
        Value::Zone => "unknown",
        Value::Bool(_) | Value::Text(_) | Value::Time(_) | Value::Duration(_) | Value::Month(_) | Value::Weekday(_) => {
            value.go_type()
        }
    }
}

fn from_json(call: &mut Call<'_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    // No text holds more values than bytes. They are paid for before they are made.
    let values = 1 + text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    call.meter.elements(values)?;
    match serde_json::from_str(text) {
        Ok(json) => Ok(Value::from_json(&json)),
        Err(error) if error.is_eof() => Err(Fault::new("unexpected end of JSON input")),
        Err(error) => Err(Fault::new(format!("invalid JSON: {error}"))),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in base 64, padded.
pub(in crate::condition) fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place > chunk.len() {
                text.push('=');
                continue;
            }
            let digit = bits >> (18 - 6 * place) & 0x3f;
            text.push(ALPHABET.get(digit as usize).map_or('=', |byte| char::from(*byte)));
        }
    }
    text
}

fn from_base64(call: &mut Call<'_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    // Each character is looked for in the alphabet.
    call.meter.steps(text.len() / 8)?;
    let clean: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut bytes = Vec::with_capacity(clean.len() / 4 * 3);
    let chunks = clean.chunks(4);
    let last = chunks.len().saturating_sub(1);
    for (at, chunk) in chunks.enumerate() {
        let padding = if at == last { chunk.iter().rev().take_while(|byte| **byte == b'=').count() } else { 0 };
        let digits: Option<Vec<u32>> = chunk.iter().take(4 - padding.min(4)).map(|byte| digit(*byte)).collect();
        let (Some(digits), 4, 0..=2) = (digits, chunk.len(), padding) else {
            return Err(bad_digit(&clean, at * 4));
        };
        let bits = digits.iter().fold(0u32, |bits, digit| bits << 6 | digit) << (6 * padding);
        bytes.extend(bits.to_be_bytes().into_iter().skip(1).take(3 - padding));
    }
    call.made(String::from_utf8_lossy(&bytes).into_owned())
}

fn digit(byte: u8) -> Option<u32> {
    let at = ALPHABET.iter().position(|known| *known == byte)?;
    u32::try_from(at).ok()
}

fn bad_digit(bytes: &[u8], from: usize) -> Fault {
    let chunk = bytes.iter().skip(from).take(4);
    let at = from + chunk.take_while(|byte| digit(**byte).is_some()).count();
    // A chunk that merely ends too early is reported where it starts.
    let at = if at >= bytes.len() { from } else { at };
    let mut text = String::from("illegal base64 data at input byte ");
    let _ = write!(text, "{at}");
    Fault::new(text)
}
