//! What a person is told about a Rollout that does not move: each text under `tests/data/explain` explains the objects of the
//! YAML file beside it, whose first document says when, and what else is known. `UPDATE=1` writes the texts anew.

#![expect(clippy::expect_used, reason = "a test may stop at what must hold")]
#![expect(clippy::disallowed_methods, reason = "the fixtures are files; the rules under test see none")]

use chrono::TimeDelta;
use crds::{AnalysisRun, EndpointSlice, Experiment, FieldError, Pod, ReplicaSet, Rollout, Service, Time};
use rollouts::view::{
    Scene,
    explain::{self, Evidence, Explanation, Lease, Reference},
    paint,
};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the objects are there");
    serde_saphyr::from_multiple(&text).expect("the objects are YAML")
}

fn all<T>(objects: &[Value], kind: &str, read: fn(&Value) -> Result<T, FieldError>) -> Vec<Arc<T>> {
    let of_kind = objects.iter().filter(|object| object.get("kind").is_some_and(|known| known == kind));
    of_kind.map(|object| Arc::new(read(object).expect("is of its kind"))).collect()
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list(value: &Value, field: &str) -> Vec<Value> {
    value.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn lease(value: &Value) -> Lease {
    Lease {
        name: text(value, "name"),
        namespace: text(value, "namespace"),
        holder: text(value, "holder"),
        renewed: Time::parse(&text(value, "renewed")).map(Into::into),
        duration: TimeDelta::seconds(15),
    }
}

fn reference(value: &Value) -> Reference {
    let is_there = value.get("isThere").and_then(Value::as_bool);
    Reference { kind: text(value, "kind"), name: text(value, "name"), is_there }
}

/// The text for a file of objects.
fn explained(file: &Path) -> String {
    let mut objects = documents(file);
    let known = objects.remove(0);
    let recorded = text(&known, "cluster");
    if !recorded.is_empty() {
        objects = documents(&data().join("upstream-states").join(recorded).join("objects.yaml"));
    }
    let rollouts = all(&objects, "Rollout", Rollout::from_value);
    let hidden: Vec<String> = list(&known, "hidden").iter().filter_map(|kind| kind.as_str().map(Into::into)).collect();
    let may_read = |kind: &str| !hidden.iter().any(|known| known == kind);
    let services = all(&objects, "Service", Service::from_value);
    let slices = all(&objects, "EndpointSlice", EndpointSlice::from_value);
    let leases: Vec<Lease> = list(&known, "leases").iter().map(lease).collect();
    let references: Vec<Reference> = list(&known, "references").iter().map(reference).collect();
    let unread: Vec<String> = hidden.iter().map(|kind| format!("{kind}s: the server refuses to list them")).collect();
    let evidence = Evidence {
        scene: Scene {
            rollout: rollouts.first().expect("there is a Rollout"),
            replica_sets: &all(&objects, "ReplicaSet", ReplicaSet::from_value),
            pods: &all(&objects, "Pod", Pod::from_value),
            runs: &all(&objects, "AnalysisRun", AnalysisRun::from_value),
            experiments: &all(&objects, "Experiment", Experiment::from_value),
            why: &[],
        },
        services: may_read("Service").then_some(services.as_slice()),
        slices: may_read("EndpointSlice").then_some(slices.as_slice()),
        references: &references,
        leases: may_read("Lease").then_some(leases.as_slice()),
        unread: &unread,
    };
    let now = Time::parse(&text(&known, "now")).expect("is a time").into();
    let explanation = Explanation::of(&evidence, now);
    paint::print(&explain::lines(&explanation, "kubectl leadline"), false)
}

#[test]
fn explanations_read_as_recorded() {
    let mut checked = 0;
    let mut found = String::new();
    for entry in fs::read_dir(data().join("explain")).expect("the cases are there") {
        let file = entry.expect("a file can be listed").path();
        if file.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        checked += 1;
        let (shown, kept) = (explained(&file), file.with_extension("txt"));
        if env::var("UPDATE").is_ok() {
            fs::write(&kept, &shown).expect("the text can be kept");
        }
        let expected = fs::read_to_string(&kept).unwrap_or_default();
        if shown != expected {
            found.push_str(&format!("{}\n--- kept\n{expected}--- seen\n{shown}\n", file.display()));
        }
    }
    assert!(found.is_empty(), "{found}");
    assert_eq!(checked, 35);
}

#[test]
fn every_recorded_cluster_can_be_explained() {
    for entry in fs::read_dir(data().join("upstream-states")).expect("the clusters are there") {
        let objects = documents(&entry.expect("a folder can be listed").path().join("objects.yaml"));
        let rollouts = all(&objects, "Rollout", Rollout::from_value);
        let rollout = rollouts.first().expect("there is a Rollout");
        let scene = Scene {
            rollout,
            replica_sets: &all(&objects, "ReplicaSet", ReplicaSet::from_value),
            pods: &all(&objects, "Pod", Pod::from_value),
            runs: &all(&objects, "AnalysisRun", AnalysisRun::from_value),
            experiments: &all(&objects, "Experiment", Experiment::from_value),
            why: &[],
        };
        let evidence = Evidence { scene, services: None, slices: None, references: &[], leases: None, unread: &[] };
        let now = Time::parse("2026-11-23T09:00:00Z").expect("is a time").into();
        let explanation = Explanation::of(&evidence, now);
        let is_settled = rollout.status.phase.as_deref() == Some("Healthy");
        // Whatever does not move has a reason, and a person can do something about it.
        assert!(is_settled || !explanation.chain.below.is_empty(), "{explanation:#?}");
        assert!(is_settled || !explanation.advice.is_empty(), "{explanation:#?}");
    }
}
