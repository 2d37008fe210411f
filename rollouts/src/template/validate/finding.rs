//! How a finding is worded, and how the fields of an untyped template are read.

use std::fmt::Write;

use crds::FieldError;
use serde_json::{Map, Value};

use crate::template::encode;

/// What was found so far, in order.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<FieldError>);

impl Findings {
    /// All of them.
    pub(super) fn all(self) -> Vec<FieldError> {
        self.0
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// A finding in its final words.
    pub(super) fn add(&mut self, path: String, problem: String) {
        self.0.push(FieldError { path, problem });
    }

    /// A value that must be given.
    pub(super) fn required(&mut self, path: String, detail: &str) {
        self.add(path, with_detail("Required value", detail));
    }

    /// A value that may not be given.
    pub(super) fn forbidden(&mut self, path: String, detail: &str) {
        self.add(path, with_detail("Forbidden", detail));
    }

    /// A value that appears twice.
    pub(super) fn duplicate(&mut self, path: String, value: &str) {
        self.add(path, format!("Duplicate value: {}", go_quoted(value)));
    }

    /// A name that nothing carries.
    pub(super) fn not_found(&mut self, path: String, value: &str) {
        self.add(path, format!("Not found: {}", go_quoted(value)));
    }

    /// A bad value, rendered by the caller.
    pub(super) fn invalid(&mut self, path: String, value: &str, detail: &str) {
        self.add(path, format!("Invalid value: {value}: {detail}"));
    }

    /// A bad number.
    pub(super) fn invalid_number(&mut self, path: String, value: i64, detail: &str) {
        self.invalid(path, &value.to_string(), detail);
    }

    /// A bad text, once for each complaint.
    pub(super) fn invalid_text(&mut self, path: &str, value: &str, complaints: Vec<String>) {
        for complaint in complaints {
            self.invalid(path.to_owned(), &go_quoted(value), &complaint);
        }
    }

    /// A bad text of a type of its own, which is printed as JSON.
    pub(super) fn invalid_text_json(&mut self, path: &str, value: &str, complaints: Vec<String>) {
        for complaint in complaints {
            self.invalid(path.to_owned(), &encode::quoted(value), &complaint);
        }
    }

    /// A value that is none of the supported ones.
    pub(super) fn unsupported(&mut self, path: String, value: &str, supported: &[&str]) {
        let supported: Vec<String> = supported.iter().map(|value| go_quoted(value)).collect();
        let message =
            format!("Unsupported value: {}: supported values: {}", encode::quoted(value), supported.join(", "));
        self.add(path, message);
    }

    /// A value that must be given and be one of the supported ones.
    pub(super) fn one_of(&mut self, path: String, value: &str, supported: &[&str]) {
        if value.is_empty() {
            self.required(path, "");
        } else if !supported.contains(&value) {
            self.unsupported(path, value, supported);
        }
    }

    /// A port number.
    pub(super) fn port(&mut self, path: String, number: i64) {
        if !(1..=65535).contains(&number) {
            self.invalid_number(path, number, "must be between 1 and 65535, inclusive");
        }
    }
}

/// The text under `name`, or the empty text.
pub(super) fn text<'parent>(parent: &'parent Map<String, Value>, name: &str) -> &'parent str {
    parent.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number under `name`.
pub(super) fn integer(parent: &Map<String, Value>, name: &str) -> Option<i64> {
    parent.get(name).and_then(Value::as_i64)
}

/// The object under `name`.
pub(super) fn object<'parent>(parent: &'parent Map<String, Value>, name: &str) -> Option<&'parent Map<String, Value>> {
    parent.get(name).and_then(Value::as_object)
}

/// The objects of the list under `name`, with their positions.
pub(super) fn each<'parent>(
    parent: &'parent Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (usize, &'parent Map<String, Value>)> {
    let items = parent.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().enumerate().filter_map(|(position, item)| item.as_object().map(|item| (position, item)))
}

/// The texts of the map under `name`, by key.
pub(super) fn strings<'parent>(
    parent: Option<&'parent Map<String, Value>>,
    name: &str,
) -> Vec<(&'parent str, &'parent str)> {
    let entries = parent.and_then(|parent| object(parent, name)).into_iter().flatten();
    let mut entries: Vec<_> = entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
    entries.sort_unstable();
    entries
}

fn with_detail(kind: &str, detail: &str) -> String {
    if detail.is_empty() { kind.to_owned() } else { format!("{kind}: {detail}") }
}

/// Text in double quotes, as the API server prints it.
fn go_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_ascii_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
