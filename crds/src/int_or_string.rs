//! A number or a text, as Kubernetes allows for ports, percentages and limits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `5` or `"25%"`. What the text means, the field's own rule says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IntOrString {
    /// A whole number.
    Int(i32),
    /// Anything else.
    Text(String),
}

impl IntOrString {
    /// The number, also when it is written as a text of decimal digits.
    pub fn as_int(&self) -> Option<i32> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

impl From<i32> for IntOrString {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for IntOrString {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl Serialize for IntOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(number) => serializer.serialize_i32(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText)
    }
}

struct NumberOrText;

impl de::Visitor<'_> for NumberOrText {
    type Value = IntOrString;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a 32-bit number or a string")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<IntOrString, E> {
        i32::try_from(number).map(IntOrString::Int).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<IntOrString, E> {
        i32::try_from(number)
            .map(IntOrString::Int)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<IntOrString, E> {
        Ok(IntOrString::Text(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::IntOrString;

    #[test]
    fn reads_and_writes_both() {
        for value in [json!(5), json!(-1), json!("25%"), json!("5")] {
            let read: IntOrString = serde_json::from_value(value.clone()).expect("reads");
            assert_eq!(serde_json::to_value(&read).expect("writes"), value);
        }
        for value in [json!(1.5), json!(3_000_000_000_u32), json!(true), json!([])] {
            serde_json::from_value::<IntOrString>(value).expect_err("is neither");
        }
        assert_eq!(IntOrString::from("7").as_int(), Some(7));
        assert_eq!(IntOrString::from("7%").as_int(), None);
    }
}
