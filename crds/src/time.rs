//! A point in time as the API server writes it: RFC 3339, UTC, whole seconds.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment on the wire. Reading accepts any offset and fractions; writing gives whole seconds in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub DateTime<Utc>);

impl Time {
    /// Reads an RFC 3339 text.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|moment| Self(moment.with_timezone(&Utc)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl From<DateTime<Utc>> for Time {
    fn from(moment: DateTime<Utc>) -> Self {
        Self(moment)
    }
}

impl From<Time> for DateTime<Utc> {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not a time as in RFC 3339")))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn whole_seconds_in_utc() {
        let cases = [
            ("2026-11-23T08:13:31Z", "2026-11-23T08:13:31Z"),
            ("2026-11-23T08:13:31.987654321Z", "2026-11-23T08:13:31Z"),
            ("2026-11-23T09:13:31+01:00", "2026-11-23T08:13:31Z"),
        ];
        for (read, written) in cases {
            let time = Time::parse(read).expect("is a time");
            assert_eq!(time.to_string(), written, "{read}");
            assert_eq!(serde_json::to_value(time).expect("writes"), written);
        }
        assert_eq!(Time::parse("yesterday"), None);
        assert_eq!(Time::parse("2026-11-23"), None);
    }
}
