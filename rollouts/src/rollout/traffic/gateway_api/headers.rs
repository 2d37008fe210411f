//! Routes by header of Gateway API: beside each rule that carries the weights a second one, with the headers as one more thing to
//! match, which leads to the canary alone. A request matches the rule that asks for more, so that it goes first.
//!
//! Nothing in a rule tells whose it is. An annotation records, for each Rollout, what the rules match that its steps have added:
//! rule and record are one write. A rule of the user that happens to lead to the canary alone is none of ours.

use crate::rollout::traffic::router::{ManagedRoute, literal};
use crds::{keys, owned, rollout::HeaderRoutingMatch};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the rules match that steps have added, by the names of the managed routes.
pub(super) type Record = BTreeMap<String, Vec<Value>>;

/// The rule that sends requests with these headers to this backend, made after one that carries the weights.
fn built(weighed: &Value, headers: &[HeaderRoutingMatch], canary: &Value) -> Value {
    let wanted: Vec<Value> = headers.iter().filter_map(compared).collect();
    let matches = weighed.get("matches").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![json!({})]);
    let with_headers = matches.into_iter().map(|mut one| {
        if let Value::Object(fields) = &mut one {
            let own = fields.get("headers").and_then(Value::as_array).cloned().unwrap_or_default();
            fields.insert("headers".into(), own.into_iter().chain(wanted.iter().cloned()).collect());
        }
        one
    });
    let mut rule = weighed.clone();
    if let Value::Object(fields) = &mut rule {
        // Names of rules are unique.
        fields.remove("name");
        fields.insert("matches".into(), with_headers.collect());
        let mut canary = canary.clone();
        if let Value::Object(fields) = &mut canary {
            fields.insert("weight".into(), 1.into());
        }
        fields.insert("backendRefs".into(), json!([canary]));
    }
    rule
}

/// A header as the API names it. A prefix is a text, which is compared by an expression.
fn compared(header: &HeaderRoutingMatch) -> Option<Value> {
    let value = header.header_value.as_ref()?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (how, text) = match (given(&value.exact), given(&value.regex), given(&value.prefix)) {
        (Some(exact), ..) => ("Exact", exact),
        (None, Some(regex), _) => ("RegularExpression", regex),
        (None, None, Some(prefix)) => ("RegularExpression", format!("{}.*", literal(&prefix))),
        (None, None, None) => return None,
    };
    Some(json!({ "type": how, "name": header.header_name, "value": text }))
}

/// The rules of all these routes, in their order, and the record of them. Each weighed rule stands with the canary's backend in it.
pub(super) fn wanted(weighed: &[(&Value, &Value)], routes: &[ManagedRoute<'_>]) -> (Vec<Value>, Record) {
    let (mut rules, mut record) = (Vec::new(), Record::new());
    for route in routes {
        let ManagedRoute::Header(step) = route else { continue };
        let own: Vec<Value> = weighed.iter().map(|(rule, canary)| built(rule, &step.matches, canary)).collect();
        let matched = own.iter().map(|rule| rule.get("matches").cloned().unwrap_or_default());
        record.insert(route.name().to_owned(), matched.collect());
        rules.extend(own);
    }
    (rules, record)
}

/// The list with these rules of ours, and without any other that the record knows.
///
/// Ours stand before the first rule that carries weights. Where they do already nothing is moved: another Rollout may have put its
/// own before them, and would do so again.
pub(super) fn arranged(list: Vec<Value>, known: &Record, first_weighed: usize, rules: Vec<Value>) -> Vec<Value> {
    let are_ours = owned::are_header_rules(&list, known);
    let ours = list.iter().zip(&are_ours).enumerate().filter(|(_, (_, is_ours))| **is_ours);
    let stands_before = ours.clone().all(|(place, _)| place < first_weighed);
    if stands_before && ours.map(|(_, (rule, _))| rule).eq(&rules) {
        return list;
    }
    let others = list.into_iter().zip(are_ours).filter(|(_, is_ours)| !is_ours).map(|(rule, _)| rule);
    rules.into_iter().chain(others).collect()
}

/// The annotation with this record of one Rollout's; null where no Rollout has any.
pub(super) fn annotation(object: &Value, owner: &str, record: Record) -> Value {
    let found = object.pointer("/metadata/annotations").and_then(|all| all.get(keys::MANAGED_RULES));
    let found = found.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    let mut all: Map<String, Value> = found.unwrap_or_default();
    all.remove(owner);
    if !record.is_empty() {
        all.insert(owner.to_owned(), json!(record));
    }
    if all.is_empty() { Value::Null } else { Value::Object(all).to_string().into() }
}
