//! Which rule keeps the pods of an update away from the nodes of the stable revision's? Added to the template of the revision
//! that is brought out, changed when another revision is the stable one, and gone when it is that itself.
//!
//! It is no part of a revision: hash and comparison pass over terms about the hash. Terms of the user stay as they are.

use super::{
    fleet::{Fleet, Revision},
    observed::Observed,
    spec::{Spec, Strategy},
};
use crate::template::{TERMS, injected, is_about_the_hash};
use crds::{keys, rollout::PreferredAntiAffinity};
use serde_json::{Map, Value, json};

/// Where pods are kept apart.
const NODE: &str = "kubernetes.io/hostname";

/// A patch of the pod spec in the template of `live`, where the terms about the hash are not what they should be.
pub fn stale(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>, canary: Revision<'_>) -> Option<Value> {
    let live = canary.set.spec.template.value();
    let mut wanted = spec.template.clone();
    give(&mut wanted, observed, spec, fleet);
    let (of_hash, others) = (|term: &&Value| is_about_the_hash(term), |term: &&Value| !is_about_the_hash(term));
    let mut lists = Map::new();
    for kind in TERMS {
        let (found, right) = (terms(&live, kind), terms(&wanted, kind));
        if found.iter().filter(of_hash).eq(right.iter().filter(of_hash)) {
            continue;
        }
        let list: Vec<Value> = found.iter().filter(others).chain(right.iter().filter(of_hash)).cloned().collect();
        lists.insert(kind.into(), if list.is_empty() { Value::Null } else { list.into() });
    }
    if lists.is_empty() {
        return None;
    }
    let is_ours_alone = wanted.pointer("/spec/affinity").is_none_or(Value::is_null);
    let affinity = if is_ours_alone { Value::Null } else { json!({ "podAntiAffinity": lists }) };
    Some(json!({ "affinity": affinity }))
}

/// Adds the term to the template of the revision that is brought out.
pub fn give(template: &mut Value, observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>) {
    let configured = match &spec.strategy {
        Strategy::Canary(canary) => canary.anti_affinity.as_ref(),
        Strategy::BlueGreen(sides) => sides.anti_affinity,
    };
    let stable = observed.rollout.status.stable_rs.as_deref().unwrap_or_default();
    let Some(configured) = configured.filter(|_| !stable.is_empty() && stable != fleet.hash) else { return };
    let expression = json!({ "key": keys::POD_TEMPLATE_HASH, "operator": "In", "values": [stable] });
    let term = json!({
        "labelSelector": { "matchExpressions": [expression] },
        "namespaces": [observed.rollout.metadata.namespace], "topologyKey": NODE,
    });
    let [required, preferred] = TERMS;
    let (kind, term) = match &configured.preferred_during_scheduling_ignored_during_execution {
        Some(PreferredAntiAffinity { weight }) => (preferred, json!({ "weight": weight, "podAffinityTerm": term })),
        None => (required, term),
    };
    injected::add_to_list(template, &["spec", "affinity", "podAntiAffinity", kind], term);
}

fn terms<'a>(template: &'a Value, kind: &str) -> &'a [Value] {
    let rules = template.pointer("/spec/affinity/podAntiAffinity");
    let list = rules.and_then(|rules| rules.get(kind)).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}
