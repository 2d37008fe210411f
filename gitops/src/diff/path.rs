//! Where a field is inside an object. An element of a list is named by what identifies it there, so that a path leads to
//! the same element in two objects whose lists have another order.

use serde_json::Value;
use std::fmt;

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// A field of an object.
    Field(String),
    /// The element of a list with these values: `containers[name=web]`.
    Keyed(Vec<(String, Value)>),
    /// The element of a set that is this value.
    Element(Value),
    /// The element at a place, where a list has no other identity.
    Index(usize),
}

/// A path from the root of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// A path of plain fields.
    pub fn of(fields: &[&str]) -> Self {
        Self(fields.iter().map(|field| Segment::Field((*field).to_owned())).collect())
    }

    /// The path one step further.
    pub fn then(&self, segment: Segment) -> Self {
        let mut longer = self.clone();
        longer.0.push(segment);
        longer
    }

    /// The path one field further.
    pub fn field(&self, name: &str) -> Self {
        self.then(Segment::Field(name.to_owned()))
    }

    /// The name of the last field on the way, whatever list elements follow it.
    pub fn last_field(&self) -> &str {
        self.0
            .iter()
            .rev()
            .find_map(|segment| if let Segment::Field(name) = segment { Some(name.as_str()) } else { None })
            .unwrap_or("")
    }

    /// What is there, if anything.
    pub fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, segment| match segment {
            Segment::Field(name) => value.get(name),
            Segment::Index(index) => value.get(index),
            Segment::Keyed(keys) => value.as_array()?.iter().find(|item| has_keys(item, keys)),
            Segment::Element(element) => value.as_array()?.iter().find(|item| *item == element),
        })
    }

    /// Takes away what is there.
    pub fn remove(&self, object: &mut Value) {
        let Some((last, way)) = self.0.split_last() else { return };
        let parent = way.iter().try_fold(object, |value, segment| match segment {
            Segment::Field(name) => value.get_mut(name),
            Segment::Index(index) => value.get_mut(index),
            Segment::Keyed(keys) => value.as_array_mut()?.iter_mut().find(|item| has_keys(item, keys)),
            Segment::Element(element) => value.as_array_mut()?.iter_mut().find(|item| *item == element),
        });
        match (parent, last) {
            (Some(Value::Object(fields)), Segment::Field(name)) => {
                fields.remove(name);
            }
            (Some(Value::Array(items)), Segment::Index(index)) if *index < items.len() => {
                items.remove(*index);
            }
            (Some(Value::Array(items)), Segment::Keyed(keys)) => items.retain(|item| !has_keys(item, keys)),
            (Some(Value::Array(items)), Segment::Element(element)) => items.retain(|item| item != element),
            _ => {}
        }
    }
}

/// Whether an element of a list has these identifying values. A port without a protocol is a TCP port.
pub(super) fn has_keys(item: &Value, keys: &[(String, Value)]) -> bool {
    keys.iter().all(|(name, value)| key_of(item, name).as_ref() == Some(value))
}

/// One identifying value of an element, with its default.
pub(super) fn key_of(item: &Value, name: &str) -> Option<Value> {
    match item.get(name) {
        Some(value) if !value.is_null() => Some(value.clone()),
        _ if name == "protocol" => Some("TCP".into()),
        _ => None,
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if place == 0 => write!(out, "{name}")?,
                Segment::Field(name) if name.contains(['.', '/']) => write!(out, "[{name}]")?,
                Segment::Field(name) => write!(out, ".{name}")?,
                Segment::Index(index) => write!(out, "[{index}]")?,
                Segment::Keyed(keys) => {
                    let text = keys.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>();
                    write!(out, "[{}]", text.join(","))?;
                }
                Segment::Element(value) => write!(out, "[{}]", plain(value))?,
            }
        }
        Ok(())
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_printed_found_and_removed() {
        let mut object = json!({"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 53, "protocol": "UDP"}], "set": ["a", "b"]}, "metadata": {"annotations": {"a.b/c": "d"}}});
        let port = Path::of(&["spec", "ports"])
            .then(Segment::Keyed(vec![("port".into(), json!(80)), ("protocol".into(), json!("TCP"))]));
        for (path, text, found) in [
            (port.field("name"), "spec.ports[port=80,protocol=TCP].name", Some(json!("http"))),
            (Path::of(&["spec", "set"]).then(Segment::Element(json!("b"))), "spec.set[b]", Some(json!("b"))),
            (Path::of(&["spec", "ports"]).then(Segment::Index(1)).field("port"), "spec.ports[1].port", Some(json!(53))),
            (Path::of(&["metadata", "annotations", "a.b/c"]), "metadata.annotations[a.b/c]", Some(json!("d"))),
            (Path::of(&["spec", "none"]), "spec.none", None),
        ] {
            assert_eq!(path.to_string(), text);
            assert_eq!(path.find(&object).cloned(), found, "{text}");
        }
        port.remove(&mut object);
        Path::of(&["spec", "set"]).then(Segment::Element(json!("a"))).remove(&mut object);
        assert_eq!(object["spec"], json!({"ports": [{"port": 53, "protocol": "UDP"}], "set": ["b"]}));
    }
}
