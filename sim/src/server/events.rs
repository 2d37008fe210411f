//! The two faces of an Event: core/v1 and events.k8s.io/v1 show the same stored object under different field names.

use crate::server::kinds::Kind;
use serde_json::{Map, Value};

/// The group of the newer face.
pub(crate) const GROUP: &str = "events.k8s.io";

/// Newer name, and core's name, which is the stored one.
const NAMES: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// Is this kind the newer face?
pub(crate) fn is_newer(kind: &Kind) -> bool {
    kind.group == GROUP && !kind.custom
}

/// A newer event as core stores it.
pub(crate) fn to_stored(event: Value) -> Value {
    renamed(event, "v1", |(newer, core)| (*newer, *core))
}

/// A stored event in the newer form.
pub(crate) fn from_stored(event: Value) -> Value {
    let mut event = renamed(event, "events.k8s.io/v1", |(newer, core)| (*core, *newer));
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|key, value| {
            !matches!(key.as_str(), "reportingController" | "reportingInstance") || value.as_str() != Some("")
        });
    }
    event
}

fn renamed(
    event: Value,
    api_version: &str,
    pair: impl Fn(&(&'static str, &'static str)) -> (&'static str, &'static str),
) -> Value {
    let Value::Object(fields) = event else { return event };
    let mut renamed = Map::new();
    for (key, value) in fields {
        let found = NAMES.iter().map(&pair).find(|(from, _)| *from == key);
        renamed.insert(found.map_or(key, |(_, to)| to.to_owned()), value);
    }
    renamed.insert("apiVersion".to_owned(), api_version.into());
    Value::Object(renamed)
}
