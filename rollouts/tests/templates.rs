//! Templates of every shape: they hash and are filled in as a typed client of Kubernetes does it, and nothing that can
//! be written as JSON stops the rules.
//!
//! `tests/data/typed-templates.jsonl` holds, for each template, its hash and that of what the API server stores.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollouts::template::{hash, same, stamped, steps_hash, unstamped, validate, with_defaults};
use serde_json::{Map, Value, json};

const TYPED: &str = include_str!("data/typed-templates.jsonl");
const FIELDS: &str = include_str!("../src/template/fields.txt");

#[test]
fn typed_templates_hash_and_are_stored_as_recorded() {
    for line in TYPED.lines() {
        let case: Value = serde_json::from_str(line).expect("each line is JSON");
        let template = &case["template"];
        assert_eq!(json!(hash(template, None)), case["hash"], "{template}");
        assert_eq!(json!(hash(&with_defaults(template), None)), case["stored"], "{template}");
    }
}

#[test]
fn typed_templates_are_recognised_in_a_replica_set() {
    for line in TYPED.lines() {
        let case: Value = serde_json::from_str(line).expect("each line is JSON");
        let live = stamped(&with_defaults(&case["template"]), "abc");
        assert!(same(&live, &case["template"]), "{line}");
    }
}

/// Any JSON, with the names of real fields so that it reaches the rules.
fn any_json() -> impl Strategy<Value = Value> {
    let names: Vec<&'static str> = FIELDS
        .lines()
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .chain(["spec", "containers", "initContainers", "volumes", "resources", "limits", "requests", "metadata"])
        .collect();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[-+]?[0-9]{0,45}[.]?[0-9]{0,12}(Ki|Ei|E|m|n|k|e[-+]?[0-9]{1,10})?".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let fields = prop::collection::btree_map(prop::sample::select(names.clone()), inner.clone(), 0..6);
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::from), fields.prop_map(as_object)]
    })
}

fn as_object(fields: BTreeMap<&str, Value>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

proptest! {
    #[test]
    fn no_json_stops_the_rules(metadata in any_json(), spec in any_json(), list in any_json()) {
        let template = json!({"metadata": metadata, "spec": spec});
        for template in [&template, &list, &json!({"spec": {"containers": list, "volumes": list, "tolerations": list}})] {
            prop_assert!(!hash(template, Some(i32::MIN)).is_empty());
            prop_assert!(!steps_hash(Some(template)).is_empty());
            let _ = validate(template, &list, "spec.template");
            let _ = unstamped(&stamped(template, "abc"));
        }
    }

    #[test]
    fn what_is_stored_is_recognised(metadata in any_json(), spec in any_json()) {
        let template = json!({"metadata": metadata, "spec": spec});
        let stored = with_defaults(&template);
        prop_assert_eq!(&with_defaults(&stored), &stored);
        prop_assert!(same(&stored, &template));
        prop_assert!(same(&template, &stored));
    }
}
