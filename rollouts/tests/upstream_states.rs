//! Clusters as upstream left them: every hash that stands in one must come out of our hashing, and every ReplicaSet
//! must be recognised by its template alone. Each folder under `tests/data/upstream-states` is one such cluster.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop at what must hold")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use chrono::TimeDelta;
use crds::{AnalysisRun, Experiment, FieldError, ReplicaSet, keys::POD_TEMPLATE_HASH};
use plan::Requeue;
use rollouts::{
    experiment::{Observed, decide},
    template::{bare, hash, same, stamped, steps_hash, unstamped, validate, with_defaults},
};
use serde_json::{Value, json};

const EPHEMERAL: &str = "/metadata/annotations/rollout.argoproj.io~1ephemeral-metadata";

const APPLIED: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// The objects of every cluster, by the name of its folder.
#[expect(clippy::disallowed_methods, reason = "the fixtures are files; the rules under test see none")]
fn clusters() -> BTreeMap<String, Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/upstream-states");
    let entries = std::fs::read_dir(folder).expect("the fixtures are there");
    entries
        .map(|entry| {
            let folder = entry.expect("a folder can be listed").path();
            let text = std::fs::read_to_string(folder.join("objects.yaml")).expect("each folder has its objects");
            let objects = serde_saphyr::from_multiple(&text).expect("the objects are YAML");
            let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
            (name, objects)
        })
        .collect()
}

fn of_kind<'cluster>(objects: &'cluster [Value], kind: &str) -> Vec<&'cluster Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn named<'cluster>(objects: &'cluster [Value], kind: &str, name: &Value) -> &'cluster Value {
    let found = of_kind(objects, kind).into_iter().find(|object| object["metadata"]["name"] == *name);
    found.unwrap_or_else(|| panic!("there is a {kind} {name}"))
}

fn owner<'cluster>(object: &'cluster Value, kind: &str) -> Option<&'cluster Value> {
    let owner = &object["metadata"]["ownerReferences"][0];
    (owner["kind"] == kind).then(|| &owner["name"])
}

/// The template that a Rollout asks for, its own or that of the workload it refers to.
fn desired(rollout: &Value, objects: &[Value]) -> Value {
    match rollout["spec"].get("workloadRef") {
        Some(reference) => named(objects, "Deployment", &reference["name"])["spec"]["template"].clone(),
        None => rollout["spec"]["template"].clone(),
    }
}

/// The template that a Rollout asked for when it made this ReplicaSet: as it was applied, with the port's protocol that
/// the schema fills in, and with the two things that the stories change later.
fn desired_then(rollout: &Value, replica_set: &Value, objects: &[Value]) -> Value {
    let live = &replica_set["spec"]["template"]["spec"];
    let applied = rollout.pointer(APPLIED).and_then(Value::as_str).expect("the Rollout was applied");
    let applied: Value = serde_json::from_str(applied).expect("what was applied is JSON");
    let mut template = desired(rollout, objects);
    if let Some(applied) = applied["spec"].get("template") {
        template = applied.clone();
        template["spec"]["containers"][0]["ports"][0]["protocol"] = json!("TCP");
    }
    template["spec"]["containers"][0]["image"] = live["containers"][0]["image"].clone();
    template["spec"]["nodeSelector"] = live["nodeSelector"].clone();
    template
}

fn collision_count(rollout: &Value) -> Option<i32> {
    rollout["status"]["collisionCount"].as_i64().map(|count| i32::try_from(count).expect("the count is small"))
}

/// The template as the user wrote it, and what an older controller may have added since.
fn live(replica_set: &Value) -> Value {
    bare(&ReplicaSet::from_value(replica_set).expect("a ReplicaSet"))
}

#[test]
fn every_recorded_pod_hash_is_reproduced() {
    let mut checked = 0;
    for (name, objects) in clusters() {
        for rollout in of_kind(&objects, "Rollout") {
            let Some(recorded) = rollout["status"]["currentPodHash"].as_str() else { continue };
            let template = desired(rollout, &objects);
            // The plugin's undo writes the template of the ReplicaSet back, defaults and all. That is another hash,
            // and upstream found the old ReplicaSet by comparing templates.
            if name == "basic-undo-to-first-paused" {
                let live = named(&objects, "ReplicaSet", &json!(format!("shop-{recorded}")));
                assert!(same(&live["spec"]["template"], &template), "{name}");
                continue;
            }
            assert_eq!(hash(&template, collision_count(rollout)), recorded, "{name}");
            checked += 1;
        }
    }
    assert_eq!(checked, 38);
}

#[test]
fn every_recorded_step_hash_is_reproduced() {
    let mut checked = 0;
    for (name, objects) in clusters() {
        for rollout in of_kind(&objects, "Rollout") {
            let Some(recorded) = rollout["status"]["currentStepHash"].as_str() else { continue };
            let steps = rollout.pointer("/spec/strategy/canary/steps");
            assert_eq!(steps_hash(steps), recorded, "{name}: {steps:?}");
            checked += 1;
        }
    }
    assert_eq!(checked, 32);
}

#[test]
fn every_replica_set_of_a_rollout_carries_our_hash_and_is_recognised_without_it() {
    let mut checked = 0;
    for (name, objects) in clusters() {
        for replica_set in of_kind(&objects, "ReplicaSet") {
            let Some(rollout) = owner(replica_set, "Rollout") else { continue };
            let rollout = named(&objects, "Rollout", rollout);
            let template = desired_then(rollout, replica_set, &objects);
            let hash = hash(&template, collision_count(rollout));
            assert_eq!(json!(hash), replica_set["metadata"]["labels"][POD_TEMPLATE_HASH], "{name}");
            let live = live(replica_set);
            assert!(same(&live, &template), "{name}: {live} is not {template}");
            if replica_set.pointer(EPHEMERAL).is_none() {
                let mut stored = with_defaults(&stamped(&template, &hash));
                stored["spec"].as_object_mut().expect("a pod has a spec").retain(|_, value| !value.is_null());
                stored["spec"]["containers"][0]["resources"] = json!({});
                assert_eq!(stored, live, "{name}");
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 80);
}

#[test]
fn every_other_revision_is_told_apart() {
    for (name, objects) in clusters() {
        for replica_set in of_kind(&objects, "ReplicaSet") {
            let Some(rollout) = owner(replica_set, "Rollout") else { continue };
            let rollout = named(&objects, "Rollout", rollout);
            let is_current =
                replica_set["metadata"]["labels"][POD_TEMPLATE_HASH] == rollout["status"]["currentPodHash"];
            assert_eq!(same(&live(replica_set), &desired(rollout, &objects)), is_current, "{name}");
        }
    }
}

#[test]
fn experiments_are_hashed_by_the_same_rule() {
    let mut checked = 0;
    for (name, objects) in clusters() {
        for replica_set in of_kind(&objects, "ReplicaSet") {
            let Some(experiment) = owner(replica_set, "Experiment") else { continue };
            let experiment = named(&objects, "Experiment", experiment);
            let member = replica_set.pointer("/metadata/annotations/experiment.argoproj.io~1template-name");
            let templates = experiment["spec"]["templates"].as_array().expect("an experiment has templates");
            let template = templates.iter().find(|template| Some(&template["name"]) == member).expect("it is named");
            let recorded = &replica_set["metadata"]["labels"][POD_TEMPLATE_HASH];
            // It was copied from a ReplicaSet, whose label is not part of it.
            assert_eq!(json!(hash(&unstamped(&template["template"]), None)), *recorded, "{name}");
            checked += 1;
        }
    }
    assert_eq!(checked, 2);
}

#[test]
fn every_template_that_upstream_ran_is_valid() {
    for (name, objects) in clusters() {
        for rollout in of_kind(&objects, "Rollout") {
            let found = validate(&desired(rollout, &objects), &rollout["spec"]["selector"], "spec.template");
            assert_eq!(found, [], "{name}");
        }
    }
}

#[test]
fn an_experiment_that_upstream_left_running_goes_on_as_it_is() {
    let clusters = clusters();
    let objects = &clusters["experiment-step-running"];
    let experiment = Experiment::from_value(of_kind(objects, "Experiment")[0]).expect("an Experiment");
    let available = experiment.status.available_at.expect("its pods are there").0;
    let observed = Observed {
        experiment: Arc::new(experiment),
        replica_sets: read(objects, "ReplicaSet", ReplicaSet::from_value),
        runs: read(objects, "AnalysisRun", AnalysisRun::from_value),
        ..Observed::default()
    };
    let plan = decide(&observed, available + TimeDelta::minutes(1));
    let end = available + TimeDelta::hours(1);
    assert_eq!((plan.writes(), plan.requeue), (&[][..], Requeue::At(end)), "{plan}");
    let plan = decide(&observed, end);
    let told: Vec<&str> = plan.writes()[0].events.iter().map(|event| event.reason.as_str()).collect();
    assert_eq!(told, ["TemplateSuccessful", "TemplateSuccessful", "ExperimentSuccessful"]);
}

fn read<T>(objects: &[Value], kind: &str, of: fn(&Value) -> Result<T, FieldError>) -> Vec<Arc<T>> {
    of_kind(objects, kind).into_iter().map(|object| Arc::new(of(object).expect("reads"))).collect()
}
