//! What two servers may say differently is made the same, and what is left is compared place by place.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Values of one server that have names, because the other has its own.
#[derive(Debug)]
pub(crate) struct Alike {
    kept: BTreeMap<String, String>,
}

impl Alike {
    pub(crate) fn new(namespace: &str) -> Self {
        Self { kept: BTreeMap::from([("ns".to_owned(), namespace.to_owned())]) }
    }

    /// Remembers a value.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        self.kept.insert(name.to_owned(), value.to_owned());
    }

    /// Puts remembered values in the place of their names.
    pub(crate) fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
        self.kept.iter().fold(text.to_owned(), fill)
    }

    /// A body without what may differ.
    pub(crate) fn plain(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(self.plain_object(fields)),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.plain(item)).collect();
                // The resources of a group and the causes of a refusal come in no order: a real server walks a map.
                if items.iter().all(|item| item["verbs"].is_array() || item["reason"].is_string()) {
                    items.sort_by_key(Value::to_string);
                }
                Value::Array(items)
            }
            Value::String(text) => Value::String(self.plain_string(text)),
            other => other.clone(),
        }
    }

    fn plain_object(&self, fields: &Map<String, Value>) -> Map<String, Value> {
        let generated = fields.get("generateName").and_then(Value::as_str).filter(|_| fields.contains_key("uid"));
        // The description of a column is for nobody: kubectl does not print it.
        let is_column = fields.contains_key("priority") && fields.contains_key("format");
        let dropped =
            |key: &str| ["managedFields", "storageVersionHash"].contains(&key) || is_column && key == "description";
        let kept = fields.iter().filter(|(key, _)| !dropped(key));
        kept.map(|(key, value)| {
            let plain = match (key.as_str(), value) {
                ("uid" | "resourceVersion" | "continue" | "clusterIP", Value::String(text)) if !text.is_empty() => {
                    Value::String(format!("<{key}>"))
                }
                ("clusterIPs", _) => Value::String("<addresses>".into()),
                ("name", Value::String(_)) if generated.is_some() => {
                    format!("{}<name>", generated.unwrap_or_default()).into()
                }
                _ => self.plain(value),
            };
            (key.clone(), plain)
        })
        .collect()
    }

    fn plain_string(&self, text: &str) -> String {
        if is_time(text) {
            return "<time>".into();
        }
        if is_age(text) {
            return "<age>".into();
        }
        let name = |text: String, (name, value): (&String, &String)| text.replace(value, &format!("{{{name}}}"));
        self.kept.iter().filter(|(_, value)| value.len() > 5).fold(text.to_owned(), name)
    }

    /// Printed text: words one space apart, without ages.
    pub(crate) fn plain_text(&self, text: &str) -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("diff -u") && !line.starts_with("---") && !line.starts_with("+++"));
        lines
            .map(|line| {
                let words = line.split_whitespace().map(|word| self.plain_string(word));
                words.collect::<Vec<_>>().join(" ")
            })
            .collect()
    }
}

fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    shape.starts_with("0000-00-00T00:00:00") && shape.ends_with('Z')
}

fn is_age(text: &str) -> bool {
    text.strip_suffix('s').is_some_and(|digits| !digits.is_empty() && digits.chars().all(|char| char.is_ascii_digit()))
}

/// The places where two values differ.
pub(crate) fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", ours, theirs, &mut found);
    found
}

fn compare(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left.keys().chain(right.keys().filter(|key| !left.contains_key(*key))) {
                let none = Value::String("<absent>".into());
                let (left, right) = (left.get(key).unwrap_or(&none), right.get(key).unwrap_or(&none));
                compare(&format!("{at}/{key}"), left, right, found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{at}/{index}"), left, right, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("  {at}\n    sim:  {ours}\n    real: {theirs}")),
    }
}
