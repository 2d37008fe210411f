//! Values for the arguments of an analysis: literal, the hash of a revision, or a field of the Rollout.
//!
//! A field is read when its run is about to be created: a status that is not there yet makes no spec invalid.

use crate::rollout::{fleet::Fleet, observed::Observed};
use crds::{ObjectMeta, analysis::Argument, rollout::RolloutAnalysisArgument};
use serde_json::Value;
use std::collections::BTreeMap;

/// The arguments with their values. The error is the sentence that existing clients know.
pub fn resolved(
    observed: &Observed,
    fleet: &Fleet<'_>,
    given: &[RolloutAnalysisArgument],
) -> Result<Vec<Argument>, String> {
    given
        .iter()
        .map(|argument| {
            Ok(Argument { name: argument.name.clone(), value: value(observed, fleet, argument)?, value_from: None })
        })
        .collect()
}

/// The same arguments before there is anything to read: one that a field gives has a value, whatever it will be.
pub fn promised(given: &[RolloutAnalysisArgument]) -> Vec<Argument> {
    let promise = |argument: &RolloutAnalysisArgument| {
        let value = argument.value.clone().or_else(|| argument.value_from.as_ref().map(|_| String::new()));
        Argument { name: argument.name.clone(), value, value_from: None }
    };
    given.iter().map(promise).collect()
}

/// Whether an argument names a field of the metadata that no pod could be given either.
pub fn is_unreadable(argument: &RolloutAnalysisArgument) -> bool {
    let field = argument.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
    let path = field.map(|field| field.field_path.as_str()).filter(|path| is_metadata(path));
    path.is_some_and(|path| metadata_of(&ObjectMeta::default(), path).is_none())
}

fn is_metadata(path: &str) -> bool {
    path.starts_with("metadata")
}

/// A field of the metadata, as pods are given theirs: a label that is not there is empty, and all of them are one text.
fn metadata_of(metadata: &ObjectMeta, path: &str) -> Option<String> {
    let all = |map: &BTreeMap<String, String>| {
        map.iter().map(|(key, value)| format!("{key}={value:?}")).collect::<Vec<_>>().join("\n")
    };
    Some(match path {
        "metadata.name" => metadata.name.clone(),
        "metadata.namespace" => metadata.namespace.clone(),
        "metadata.uid" => metadata.uid.clone(),
        "metadata.labels" => all(&metadata.labels),
        "metadata.annotations" => all(&metadata.annotations),
        _ => {
            let (map, key) = path.strip_suffix("']")?.split_once("['")?;
            let map = match map {
                "metadata.labels" => &metadata.labels,
                "metadata.annotations" => &metadata.annotations,
                _ => return None,
            };
            map.get(key).cloned().unwrap_or_default()
        }
    })
}

fn value(observed: &Observed, fleet: &Fleet<'_>, argument: &RolloutAnalysisArgument) -> Result<Option<String>, String> {
    let Some(source) = &argument.value_from else { return Ok(argument.value.clone()) };
    if let Some(which) = &source.pod_template_hash_value {
        let hash = match which.as_str() {
            "Stable" => fleet.stable.map(|stable| stable.hash().to_owned()).unwrap_or_default(),
            _ => fleet.hash.clone(),
        };
        return Ok(Some(hash));
    }
    match &source.field_ref {
        Some(field) => field_of(observed, &field.field_path).map(Some),
        None => Ok(argument.value.clone()),
    }
}

fn field_of(observed: &Observed, path: &str) -> Result<String, String> {
    let invalid = || format!("invalid path {path} in rollout");
    if is_metadata(path) {
        return metadata_of(&observed.rollout.metadata, path).ok_or_else(invalid);
    }
    let rollout = serde_json::to_value(&*observed.rollout).map_err(|error| error.to_string())?;
    let found = parts(path).ok_or_else(invalid)?.into_iter().try_fold(&rollout, |at, part| match part {
        Part::Key(key) => at.get(key),
        Part::Index(index) => at.get(index),
    });
    match found.ok_or_else(invalid)? {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("path {path} in rollout must terminate in a primitive value"))
        }
    }
}

enum Part {
    Key(String),
    Index(usize),
}

/// Splits `spec['a.b'].x[0]` into its parts.
fn parts(path: &str) -> Option<Vec<Part>> {
    let mut found = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']')?;
            let quoted = inside.strip_prefix(['\'', '"']).and_then(|text| text.strip_suffix(['\'', '"']));
            found.push(match quoted {
                Some(key) => Part::Key(key.to_owned()),
                None => Part::Index(inside.parse().ok()?),
            });
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if key.is_empty() {
                return None;
            }
            found.push(Part::Key(key.to_owned()));
            rest = after;
        }
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::{Rollout, rollout::PauseCondition};
    use std::sync::Arc;

    #[test]
    fn a_field_of_the_rollout_becomes_a_value() {
        let mut rollout = Rollout::default();
        rollout.metadata.name = "shop".into();
        rollout.metadata.labels.insert("a.b/c".into(), "x".into());
        rollout.metadata.labels.insert("tier".into(), "say \"hi\"".into());
        rollout.spec.replicas = Some(3);
        rollout.status.pause_conditions.push(PauseCondition { reason: "CanaryPauseStep".into(), start_time: None });
        let observed = Observed { rollout: Arc::new(rollout), ..Default::default() };
        for (path, expected) in [
            ("metadata.name", Ok("shop")),
            ("metadata.labels['a.b/c']", Ok("x")),
            ("spec.replicas", Ok("3")),
            ("status.pauseConditions[0].reason", Ok("CanaryPauseStep")),
            ("status.pauseConditions[1].reason", Err("invalid path status.pauseConditions[1].reason in rollout")),
            ("spec..replicas", Err("invalid path spec..replicas in rollout")),
            ("spec", Err("path spec in rollout must terminate in a primitive value")),
            // Metadata reads as pods are given theirs.
            ("metadata.labels['none']", Ok("")),
            ("metadata.labels", Ok("a.b/c=\"x\"\ntier=\"say \\\"hi\\\"\"")),
            ("metadata.annotations", Ok("")),
            ("metadata", Err("invalid path metadata in rollout")),
            ("metadata.generation", Err("invalid path metadata.generation in rollout")),
        ] {
            assert_eq!(field_of(&observed, path), expected.map(Into::into).map_err(Into::into), "{path}");
        }
    }
}
