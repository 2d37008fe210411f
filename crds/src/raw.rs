//! JSON that we carry and do not type: pod templates, Job specs, the configuration of plugins.
//!
//! It is held as compact text with sorted keys, because a tree of values costs several times as much memory and these
//! live in the controller's stores for every object.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Any JSON, kept whole. Two of them are equal when they hold the same values, whatever the order of keys was.
// Invariant: the text is valid JSON as serde_json writes it, so that equal values have equal text.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Arc<str>);

impl Raw {
    /// The value as a tree; parsed anew at each call.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The compact text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether it is a JSON null.
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }
}

impl Default for Raw {
    fn default() -> Self {
        Self(Arc::from("null"))
    }
}

impl From<&Value> for Raw {
    fn from(value: &Value) -> Self {
        Self(Arc::from(value.to_string()))
    }
}

impl From<Value> for Raw {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

impl crate::wire::Absent for Raw {
    fn is_absent(&self) -> bool {
        self.is_null()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Raw;

    #[test]
    fn order_of_keys_does_not_matter() {
        let one: Raw = serde_json::from_str(r#"{"b": 1, "a": [1.5, null]}"#).expect("reads");
        let other: Raw = serde_json::from_str(r#"{"a":[1.5,null],"b":1}"#).expect("reads");
        assert_eq!(one, other);
        assert_eq!(one.text(), r#"{"a":[1.5,null],"b":1}"#);
        assert_eq!(one.value(), json!({"a": [1.5, null], "b": 1}));
    }

    #[test]
    fn writes_back_what_it_read() {
        let text = r#"{"a":{"b":[true,"x"]}}"#;
        let raw: Raw = serde_json::from_str(text).expect("reads");
        assert_eq!(serde_json::to_string(&raw).expect("writes"), text);
        assert!(Raw::default().is_null());
    }
}
