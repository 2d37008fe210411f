//! The subsets of a DestinationRule that select the revisions by the labels of their pods.

use super::rule_of;
use crate::rollout::{invalid::Invalid, observed::Observed, traffic::router};
use crds::{keys, kind, rollout::IstioDestinationRule};
use serde_json::{Value, json};

/// A subset that is not there can be pointed at nothing: the routes would send its share nowhere.
pub(super) fn check(observed: &Observed, path: &str, rule: &IstioDestinationRule) -> Result<(), Invalid> {
    let named = rule_of(rule, &observed.rollout.metadata.namespace);
    let path_of_name = format!("{path}.name");
    let object = router::observed_at(observed, &path_of_name, &rule.name, &kind::DESTINATION_RULE, &named)?;
    let spec = object.spec();
    let named = [("canarySubsetName", &rule.canary_subset_name), ("stableSubsetName", &rule.stable_subset_name)];
    match named.into_iter().find(|(_, name)| subset(&spec, name).is_none()) {
        Some((field, name)) => {
            let words = format!("subset not found in DestinationRule \"{}\"", rule.name);
            Err(Invalid::value(&format!("{path}.{field}"), name, words))
        }
        None => Ok(()),
    }
}

/// A subset of a DestinationRule.
fn subset<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    let subsets = spec.get("subsets").and_then(Value::as_array)?;
    subsets.iter().find(|candidate| candidate.get("name").and_then(Value::as_str) == Some(name))
}

/// The hash that a subset of a DestinationRule selects; `None` when it selects none.
pub(super) fn subset_hash<'a>(spec: &'a Value, name: &str) -> Option<&'a str> {
    subset(spec, name)?.get("labels")?.get(keys::POD_TEMPLATE_HASH)?.as_str()
}

/// A merge patch that gives the named subsets other hashes. All subsets are in it, since a merge patch replaces lists;
/// every other field of them stays.
pub(super) fn with_hashes(spec: &Value, changes: &[(&str, &str)]) -> Value {
    let subsets = spec.get("subsets").and_then(Value::as_array).cloned().unwrap_or_default();
    let changed = subsets.into_iter().map(|mut subset| {
        let name = subset.get("name").and_then(Value::as_str).unwrap_or_default();
        if let Some((_, hash)) = changes.iter().find(|(of, _)| *of == name).copied()
            && let Value::Object(fields) = &mut subset
        {
            let mut labels = fields.get("labels").and_then(Value::as_object).cloned().unwrap_or_default();
            labels.insert(keys::POD_TEMPLATE_HASH.into(), hash.into());
            fields.insert("labels".into(), Value::Object(labels));
        }
        subset
    });
    json!({ "spec": { "subsets": changed.collect::<Vec<_>>() } })
}
