//! In which order a sync writes: wave by wave, within a wave by kind and name, each wave healthy before the next.
//!
//! Objects that Git no longer has go last of all, once everything else is applied and not on its way: a renamed
//! Deployment keeps its predecessor until its own pods are there, and a refused manifest deletes nothing.

use crate::{comparison::Compared, health::HealthCode, key, key::Key, prune, validate::ResourceOptions};
use serde_json::Value;
use std::collections::BTreeSet;

/// Kinds in the order in which they are applied; every other kind comes last.
const KINDS: &[&str] = &[
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// What a sync does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    /// Apply these, in this order.
    Apply(Vec<&'a Compared>),
    /// Delete these.
    Prune(Vec<&'a Compared>),
    /// Wait until this object of a wave is well.
    AwaitHealth(i32, &'a Compared),
    /// Wait until this object is gone.
    AwaitGone(&'a Compared),
    /// An object of a wave failed, so that the next cannot begin.
    Failed(&'a Compared),
    /// Nothing is left to do.
    Done,
}

/// The next step over the objects of a sync. `done` are those that it has written already.
pub fn next<'a>(objects: &[&'a Compared], done: &BTreeSet<Key>, prune: Option<ResourceOptions>) -> Step<'a> {
    let desired = objects.iter().filter(|object| !object.is_extra()).copied().collect::<Vec<_>>();
    let extras = objects.iter().filter(|object| prune.is_some_and(|options| prune::is_prunable(object, options)));
    let extras = extras.copied().collect::<Vec<_>>();
    let is_open = |object: &&Compared| !object.is_synced() && !done.contains(&object.key);
    let waves = desired.iter().map(|object| object.settings.wave).collect::<BTreeSet<_>>();
    for wave in waves {
        let members = desired.iter().filter(|object| object.settings.wave == wave).copied().collect::<Vec<_>>();
        let open = in_order(members.iter().filter(|object| is_open(object)).copied().collect());
        if !open.is_empty() {
            return apply(open, &desired, wave);
        }
        let has_later = desired.iter().any(|object| object.settings.wave > wave && is_open(object));
        if has_later && let Some(step) = gate(&members, wave, false) {
            return step;
        }
    }
    if extras.is_empty() {
        return Step::Done;
    }
    let last = desired.iter().map(|object| object.settings.wave).max().unwrap_or(0);
    gate(&desired, last, true).unwrap_or_else(|| deletion(&extras))
}

/// The objects of a wave. New kinds come before their objects, which wait until the server knows the kind.
fn apply<'a>(open: Vec<&'a Compared>, desired: &[&'a Compared], wave: i32) -> Step<'a> {
    let (definitions, others): (Vec<_>, Vec<_>) = open.into_iter().partition(|object| is_definition(object));
    if !definitions.is_empty() {
        let first = others
            .into_iter()
            .filter(|object| rank(object) < KINDS.len() && rank(object) < rank_of("CustomResourceDefinition"));
        return Step::Apply(in_order(first.chain(definitions).collect()));
    }
    let unknown = desired
        .iter()
        .find(|object| is_definition(object) && object.live.as_ref().is_some_and(|live| !is_established(live)));
    match unknown {
        Some(definition) => Step::AwaitHealth(wave, definition),
        None => Step::Apply(others),
    }
}

fn gate<'a>(members: &[&'a Compared], wave: i32, lets_suspended_pass: bool) -> Option<Step<'a>> {
    let health = |object: &Compared| object.health.as_ref().map(|health| health.code);
    if let Some(failed) = members.iter().find(|object| health(object) == Some(HealthCode::Degraded)) {
        return Some(Step::Failed(failed));
    }
    let holds = |object: &Compared| match health(object) {
        None | Some(HealthCode::Healthy) => false,
        // A paused Rollout may pause for hours; what it keeps running does not need the extras.
        Some(HealthCode::Suspended) => !lets_suspended_pass,
        Some(_) => true,
    };
    members.iter().find(|object| holds(object)).map(|object| Step::AwaitHealth(wave, object))
}

fn deletion<'a>(extras: &[&'a Compared]) -> Step<'a> {
    let group = prune::next(extras);
    let is_going = |object: &Compared| {
        object.live.as_ref().is_some_and(|live| key::at(live, &["metadata", "deletionTimestamp"]).is_some())
    };
    let open = group.iter().filter(|object| !is_going(object)).copied().collect::<Vec<_>>();
    match (open.is_empty(), group.first()) {
        (true, Some(going)) => Step::AwaitGone(going),
        _ => Step::Prune(open),
    }
}

fn in_order(mut objects: Vec<&Compared>) -> Vec<&Compared> {
    objects.sort_by(|one, two| (rank(one), &one.key.name, &one.key).cmp(&(rank(two), &two.key.name, &two.key)));
    objects
}

fn rank(object: &Compared) -> usize {
    rank_of(&object.key.kind)
}

fn rank_of(kind: &str) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
}

fn is_definition(object: &Compared) -> bool {
    object.key.kind == "CustomResourceDefinition"
}

fn is_established(definition: &Value) -> bool {
    let conditions = key::at(definition, &["status", "conditions"]).and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        key::text(condition, &["type"]) == Some("Established") && key::text(condition, &["status"]) == Some("True")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{desired::Settings, diff, health::Health};
    use plan::ObjectRef;
    use serde_json::json;

    fn object(kind: &str, name: &str, wave: i32, state: &str) -> Compared {
        let reference = ObjectRef::new("", "v1", kind, Some("shop"), name);
        let code = match state {
            "degraded" => Some(HealthCode::Degraded),
            "progressing" => Some(HealthCode::Progressing),
            "suspended" => Some(HealthCode::Suspended),
            _ => None,
        };
        let differs = diff::Difference { path: diff::Path::of(&["spec"]), change: diff::Change::Differs };
        let live = match state {
            "going" => json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            "established" => json!({"status": {"conditions": [{"type": "Established", "status": "True"}]}}),
            _ => json!({}),
        };
        Compared {
            key: Key::of(&reference),
            reference,
            target: (!matches!(state, "extra" | "going")).then(|| json!({})),
            live: (state != "missing").then_some(live),
            differences: if state == "differs" { vec![differs] } else { Vec::new() },
            settings: Settings { wave, ..Settings::default() },
            is_shared: false,
            health: code.map(|code| Health::new(code, "")),
        }
    }

    fn step(objects: &[(&str, &str, i32, &str)], done: &[&str], prune: bool) -> String {
        let objects =
            objects.iter().map(|(kind, name, wave, state)| object(kind, name, *wave, state)).collect::<Vec<_>>();
        let done = objects
            .iter()
            .filter(|object| done.contains(&object.key.name.as_str()))
            .map(|object| object.key.clone())
            .collect();
        let names = |objects: Vec<&Compared>| {
            objects.iter().map(|object| object.key.name.clone()).collect::<Vec<_>>().join(" ")
        };
        match next(&objects.iter().collect::<Vec<_>>(), &done, prune.then(ResourceOptions::default)) {
            Step::Apply(objects) => format!("apply {}", names(objects)),
            Step::Prune(objects) => format!("prune {}", names(objects)),
            Step::AwaitHealth(wave, object) => format!("wave {wave} waits for {}", object.key.name),
            Step::AwaitGone(object) => format!("waits until {} is gone", object.key.name),
            Step::Failed(object) => format!("failed {}", object.key.name),
            Step::Done => "done".into(),
        }
    }

    #[test]
    fn order() {
        for (objects, done, prune, expected) in [
            (vec![], vec![], true, "done"),
            (vec![("X", "a", 0, "synced")], vec![], true, "done"),
            (
                vec![("X", "a", 0, "differs"), ("X", "b", 0, "missing"), ("X", "c", 0, "synced")],
                vec![],
                true,
                "apply a b",
            ),
            (
                vec![
                    ("Deployment", "a", 0, "missing"),
                    ("Namespace", "b", 0, "missing"),
                    ("X", "c", 0, "missing"),
                    ("Service", "d", 0, "missing"),
                ],
                vec![],
                true,
                "apply b d a c",
            ),
            (vec![("X", "a", 1, "missing"), ("X", "b", -1, "missing")], vec![], true, "apply b"),
            (vec![("X", "a", 1, "missing"), ("X", "b", -1, "progressing")], vec![], true, "wave -1 waits for b"),
            (vec![("X", "a", 1, "missing"), ("X", "b", -1, "suspended")], vec![], true, "wave -1 waits for b"),
            (vec![("X", "a", 1, "missing"), ("X", "b", -1, "degraded")], vec![], true, "failed b"),
            (vec![("X", "a", 1, "missing"), ("X", "b", -1, "synced")], vec![], true, "apply a"),
            (vec![("X", "a", 1, "progressing"), ("X", "b", -1, "degraded")], vec![], true, "done"),
            (vec![("X", "a", 0, "differs")], vec!["a"], true, "done"),
            (vec![("X", "a", 0, "synced"), ("X", "b", 0, "extra")], vec![], true, "prune b"),
            (vec![("X", "a", 0, "synced"), ("X", "b", 0, "extra")], vec![], false, "done"),
            (vec![("X", "a", 0, "missing"), ("X", "b", 0, "extra")], vec![], true, "apply a"),
            (vec![("X", "a", 0, "progressing"), ("X", "b", 0, "extra")], vec![], true, "wave 0 waits for a"),
            (vec![("X", "a", 0, "suspended"), ("X", "b", 0, "extra")], vec![], true, "prune b"),
            (vec![("X", "b", 0, "extra"), ("X", "c", 2, "extra")], vec![], true, "prune c"),
            (vec![("X", "b", 0, "extra"), ("X", "c", 2, "going")], vec![], true, "waits until c is gone"),
            (
                vec![
                    ("CustomResourceDefinition", "d", 0, "missing"),
                    ("X", "a", 0, "missing"),
                    ("Secret", "s", 0, "missing"),
                ],
                vec![],
                true,
                "apply s d",
            ),
            (
                vec![("CustomResourceDefinition", "d", 0, "synced"), ("X", "a", 0, "missing")],
                vec![],
                true,
                "wave 0 waits for d",
            ),
            (
                vec![("CustomResourceDefinition", "d", 0, "established"), ("X", "a", 0, "missing")],
                vec![],
                true,
                "apply a",
            ),
        ] {
            assert_eq!(step(&objects, &done, prune), expected, "{objects:?}");
        }
    }
}
