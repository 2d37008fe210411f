//! Properties of the comparison: an object does not differ from itself, and applying what is desired leaves no difference.

// In tests indexing says what must be there.
#![allow(clippy::indexing_slicing)]

use gitops::diff::{self, Change};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Names that mean something to the comparison, and some that do not.
const FIELDS: &[&str] =
    &["a", "b", "containers", "env", "ports", "args", "limits", "cpu", "selector", "matchLabels", "emptyDir"];
const KINDS: &[(&str, &str)] = &[("v1", "Service"), ("apps/v1", "Deployment"), ("argoproj.io/v1alpha1", "Rollout")];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-5_i64..100).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
        prop_oneof![Just("500m"), Just("0.5"), Just("1Gi")].prop_map(Value::from),
    ]
}

fn field() -> impl Strategy<Value = String> {
    proptest::sample::select(FIELDS).prop_map(ToOwned::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(field(), inner.clone(), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            proptest::collection::vec((0_u8..3, inner), 0..3).prop_map(|items| {
                let named = items.into_iter().map(|(name, value)| json!({"name": name.to_string(), "value": value}));
                Value::Array(named.collect())
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    let names = proptest::collection::btree_map(field(), value(), 0..5);
    (proptest::sample::select(KINDS), names, proptest::collection::btree_map("[a-b]", "[a-c]{0,2}", 0..3)).prop_map(
        |((api_version, kind), spec, labels)| {
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "labels": labels}, "spec": spec})
        },
    )
}

/// What applying does to an object that nobody else touches: maps are merged, everything else is replaced.
fn applied(desired: &Value, live: &Value) -> Value {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => {
            let mut merged = live.clone();
            for (name, value) in desired {
                let below = live.get(name).map_or_else(|| value.clone(), |live| applied(value, live));
                merged.insert(name.clone(), below);
            }
            Value::Object(merged)
        }
        (desired, _) => desired.clone(),
    }
}

proptest! {
    #[test]
    fn nothing_differs_from_itself(object in object()) {
        prop_assert_eq!(diff::differences(&object, &object), vec![]);
    }

    #[test]
    fn applying_removes_the_difference(desired in object(), spec in value()) {
        let mut live = desired.clone();
        live["spec"] = spec;
        let after = applied(&desired, &live);
        // A map that is one value is replaced whole by the server, which this small apply does not do.
        let left = diff::differences(&desired, &after);
        let merged = left.iter().filter(|difference| difference.path.find(&after).is_some_and(Value::is_object));
        prop_assert_eq!(merged.count(), left.len(), "{:?}", left);
    }

    #[test]
    fn a_dry_run_of_the_same_object_confirms_nothing(desired in object(), spec in value()) {
        let mut live = desired.clone();
        live["spec"] = spec;
        let found = diff::differences(&desired, &live);
        prop_assert_eq!(diff::confirmed(found, &live, &live), vec![]);
    }

    #[test]
    fn fields_that_git_drops_are_found(fields in proptest::collection::btree_set("[a-f]", 1..5), dropped in "[a-f]") {
        let set = fields.iter().map(|name| (format!("f:{name}"), json!({}))).collect::<Map<_, _>>();
        let data = fields.iter().map(|name| (name.clone(), json!("x"))).collect::<Map<_, _>>();
        let object = |data: &Map<String, Value>| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data});
        let mut live = object(&data);
        live["metadata"]["managedFields"] = json!([{"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:data": set}}]);
        let mut wanted = data.clone();
        wanted.remove(&dropped);
        let found = diff::differences(&object(&wanted), &live);
        prop_assert_eq!(found.len(), usize::from(fields.contains(&dropped)));
        prop_assert!(found.iter().all(|difference| difference.change == Change::Removed));
    }
}
