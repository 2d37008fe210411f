//! Whether a template read back from a ReplicaSet and the template of a Rollout are the same revision.
//!
//! This is what lets a controller with another hash take over live ReplicaSets without redeploying them. Two
//! templates are the same when the pods made of them would be: what the API server fills in, what a controller
//! injected, the spelling of amounts and empty lists do not count.

use crds::keys;
use serde_json::{Map, Value};

use super::{
    defaults::with_pod_defaults,
    encode::{Purpose, encode},
    order::POD_TEMPLATE,
    remove_stamp,
};

/// The two lists of rules that keep pods apart.
pub const TERMS: [&str; 2] =
    ["requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"];

/// True if `live`, the template of a ReplicaSet, was made from `desired`, the template of a Rollout.
///
/// Metadata that was added to the live template since is not known here: [`bare`](super::bare) takes it off.
pub fn same(live: &Value, desired: &Value) -> bool {
    let mut live = live.clone();
    let desired = comparable(desired.clone());
    if comparable(live.clone()) == desired {
        return true;
    }
    // Only now: a term on the hash may also have been written by the user.
    remove_injected_terms(&mut live) && comparable(live) == desired
}

fn comparable(mut template: Value) -> Vec<u8> {
    remove_stamp(&mut template);
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        // The API server fills in this old name of serviceAccountName.
        spec.remove("serviceAccount");
        remove_empty(spec, &["affinity", "podAntiAffinity"]);
    }
    encode(POD_TEMPLATE, &with_pod_defaults(&template), Purpose::Comparison)
}

/// Removes the terms that keep the pods of two revisions apart. False if there was none.
pub fn remove_injected_terms(template: &mut Value) -> bool {
    let Some(rules) = template.pointer_mut("/spec/affinity/podAntiAffinity") else { return false };
    let mut removed = false;
    for kind in TERMS {
        if let Some(terms) = rules.get_mut(kind).and_then(Value::as_array_mut) {
            let before = terms.len();
            terms.retain(|term| !is_about_the_hash(term));
            removed |= terms.len() < before;
        }
    }
    removed
}

/// Does a rule name revisions?
pub fn is_about_the_hash(term: &Value) -> bool {
    let term = term.get("podAffinityTerm").unwrap_or(term);
    let expressions = term.pointer("/labelSelector/matchExpressions").and_then(Value::as_array);
    expressions.is_some_and(|list| {
        list.iter().any(|expression| expression.get("key") == Some(&Value::from(keys::POD_TEMPLATE_HASH)))
    })
}

/// Removes an object from its parent when nothing is left in it, innermost first.
fn remove_empty(parent: &mut Map<String, Value>, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(object) = parent.get_mut(*first).and_then(Value::as_object_mut) else { return };
    remove_empty(object, rest);
    if object.values().all(is_nothing) {
        parent.remove(*first);
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::{stamped, with_defaults};

    fn desired() -> Value {
        json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"serviceAccountName": "shop", "containers": [{
            "name": "app", "image": "shop:1", "ports": [{"containerPort": 8080}],
            "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}},
            "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}]}})
    }

    fn live() -> Value {
        let mut live = stamped(&with_defaults(&desired()), "abc");
        live["metadata"]["creationTimestamp"] = Value::Null;
        live["spec"]["serviceAccount"] = json!("shop");
        live
    }

    fn term(hash: &str) -> Value {
        json!({"labelSelector": {"matchExpressions": [{"key": keys::POD_TEMPLATE_HASH, "operator": "In", "values": [hash]}]},
            "namespaces": ["default"], "topologyKey": "kubernetes.io/hostname"})
    }

    #[test]
    fn what_others_add_does_not_count() {
        type Edit = fn(&mut Value);
        let edits: [(&str, Edit); 8] = [
            ("nothing", |_| ()),
            ("amounts in another unit", |live| {
                live["spec"]["containers"][0]["resources"]["limits"] = json!({"cpu": 1, "memory": "1024Mi"})
            }),
            ("requests that follow from limits", |live| {
                live["spec"]["containers"][0]["resources"]["requests"] = json!({"cpu": "1", "memory": "1Gi"});
            }),
            ("empty lists and maps", |live| {
                live["spec"]["volumes"] = json!([]);
                live["spec"]["nodeSelector"] = json!({});
                live["spec"]["affinity"] = json!({});
            }),
            ("a required term", |live| {
                live["spec"]["affinity"] = json!({"podAntiAffinity": {TERMS[0]: [term("s")]}});
            }),
            ("a preferred term", |live| {
                live["spec"]["affinity"] =
                    json!({"podAntiAffinity": {TERMS[1]: [{"weight": 1, "podAffinityTerm": term("s")}]}});
            }),
            ("fields of a newer API server", |live| live["spec"]["notYetKnown"] = json!(true)),
            ("a default that an older API server did not know", |live| {
                live["spec"].as_object_mut().expect("spec is an object").remove("schedulerName");
            }),
        ];
        for (name, edit) in edits {
            let mut live = live();
            edit(&mut live);
            assert!(same(&live, &desired()), "{name}");
        }
    }

    #[test]
    fn what_the_user_changes_counts() {
        type Edit = fn(&mut Value);
        let edits: [(&str, Edit); 7] = [
            ("image", |desired| desired["spec"]["containers"][0]["image"] = json!("shop:2")),
            ("limit", |desired| desired["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("1001m")),
            ("label", |desired| desired["metadata"]["labels"]["tier"] = json!("web")),
            ("annotation", |desired| desired["metadata"]["annotations"] = json!({"restart": "now"})),
            ("service account", |desired| desired["spec"]["serviceAccountName"] = json!("other")),
            ("port number as text", |desired| {
                desired["spec"]["containers"][0]["livenessProbe"] = json!({"tcpSocket": {"port": "http"}});
            }),
            ("a term of the user", |desired| {
                desired["spec"]["affinity"] = json!({"podAntiAffinity": {TERMS[0]: [term("mine")]}});
            }),
        ];
        for (name, edit) in edits {
            let mut desired = desired();
            edit(&mut desired);
            assert!(!same(&live(), &desired), "{name}");
        }
    }

    #[test]
    fn a_term_of_the_user_stays_when_both_have_it() {
        let (mut live, mut desired) = (live(), desired());
        for template in [&mut live, &mut desired] {
            template["spec"]["affinity"] = json!({"podAntiAffinity": {TERMS[0]: [term("mine")]}});
        }
        assert!(same(&live, &desired));
    }

    #[test]
    fn host_ports_that_an_old_api_server_stored_do_not_count() {
        let (mut live, mut desired) = (live(), desired());
        live["spec"]["hostNetwork"] = json!(true);
        desired["spec"]["hostNetwork"] = json!(true);
        live["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(8080);
        assert!(same(&live, &desired));
        live["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(8081);
        assert!(!same(&live, &desired));
    }
}
