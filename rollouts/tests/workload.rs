//! Stories of Rollouts that take their pod template over from another workload.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::{Toy, merge, routed};

/// A Rollout that refers to a workload of four pods.
fn referring(kind: &str, strategy: Value, scale_down: Value) -> Toy {
    let mut toy = Toy::new(strategy, 4);
    let api_version = if kind == "PodTemplate" { "v1" } else { "apps/v1" };
    let reference = json!({"apiVersion": api_version, "kind": kind, "name": "old", "scaleDown": scale_down});
    let selector = if kind == "PodTemplate" { toy.rollout["spec"]["selector"].clone() } else { Value::Null };
    let template = toy.rollout["spec"]["template"].clone();
    toy.patch(json!({"spec": {"template": null, "selector": selector, "workloadRef": reference}}));
    let metadata =
        json!({"name": "old", "namespace": "shop", "uid": "old-uid", "resourceVersion": "1", "generation": 3});
    let mut workload = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
    if kind == "PodTemplate" {
        workload["template"] = template;
    } else {
        let selector = json!({"matchLabels": {"app": "web"}});
        workload["spec"] = json!({"replicas": 4, "selector": selector, "template": template});
    }
    toy.workloads.insert((kind.into(), "old".into()), workload);
    toy
}

fn change(toy: &mut Toy, kind: &str, patch: &Value) {
    let workload = toy.workloads.get_mut(&(kind.into(), "old".into())).expect("a workload");
    let before = workload["metadata"]["generation"].as_u64().expect("a number");
    merge(workload, patch);
    workload["metadata"]["generation"] = (before + 1).into();
}

fn pods(toy: &Toy) -> i64 {
    toy.workloads[&("Deployment".into(), "old".into())]["spec"]["replicas"].as_i64().expect("a number")
}

#[test]
fn a_template_is_taken_over_and_its_changes_are_revisions() {
    let mut plain = Toy::new(json!({}), 4);
    plain.settle();
    for kind in ["Deployment", "ReplicaSet", "PodTemplate"] {
        let mut toy = referring(kind, json!({"steps": [{"setWeight": 25}, {"pause": {}}]}), json!("never"));
        toy.settle();
        assert_eq!(toy.hash_of("web:1"), plain.hash_of("web:1"), "{kind}: {}", toy.tail());
        let annotation = "rollout.argoproj.io/workload-generation";
        let seen = |toy: &Toy| {
            (toy.rollout["metadata"]["annotations"][annotation].clone(), toy.status("workloadObservedGeneration"))
        };
        assert_eq!((seen(&toy), toy.status("phase")), ((json!("3"), json!("3")), json!("Healthy")), "{kind}");
        assert_eq!(toy.status("selector"), json!("app=web"), "{kind}");
        let containers = json!({"spec": {"containers": [{"name": "app", "image": "web:2"}]}});
        let patch = if kind == "PodTemplate" {
            json!({"template": containers})
        } else {
            json!({"spec": {"template": containers}})
        };
        change(&mut toy, kind, &patch);
        toy.settle();
        assert_eq!((toy.pods_of("web:2"), toy.status("phase")), (1, json!("Paused")), "{kind}: {}", toy.tail());
        assert_eq!(seen(&toy), (json!("4"), json!("4")), "{kind}");
        let spec = &toy.rollout["spec"];
        assert!(spec.get("template").is_none(), "nothing of it is written: {spec}");
        // Whoever writes the template into the Rollout itself goes on from there.
        let template =
            toy.workloads.values().find_map(|found| found.pointer("/spec/template").or(found.get("template"))).cloned();
        toy.patch(
            json!({"spec": {"template": template, "selector": {"matchLabels": {"app": "web"}}, "workloadRef": null}}),
        );
        toy.settle();
        assert_eq!((seen(&toy), toy.sets.len()), ((Value::Null, Value::Null), 2), "{kind}: {}", toy.tail());
    }
}

#[test]
fn a_workload_that_cannot_be_taken_over_is_named() {
    let named =
        |api_version: &str, kind: &str, name: &str| json!({"apiVersion": api_version, "kind": kind, "name": name});
    for (reference, expected) in [
        (named("apps/v1", "Deployment", "gone"), "deployments.apps \"gone\" not found"),
        (named("apps/v1", "ReplicaSet", "gone"), "replicasets.apps \"gone\" not found"),
        (named("v1", "PodTemplate", "gone"), "podtemplates \"gone\" not found"),
        (named("apps/v1", "StatefulSet", "old"), "workload of type apps/StatefulSet is not supported"),
        (named("v1", "Deployment", "old"), "workload of type /Deployment is not supported"),
        (json!({}), "workload of type / is not supported"),
    ] {
        let mut toy = referring("Deployment", json!({}), Value::Null);
        toy.patch(json!({"spec": {"workloadRef": null}}));
        toy.patch(json!({ "spec": { "workloadRef": reference } }));
        assert_eq!(toy.fault(), expected);
        assert_eq!((toy.status("phase"), toy.sets.len()), (json!("Degraded"), 0));
        toy.patch(json!({"spec": {"workloadRef": named("apps/v1", "Deployment", "old")}}));
        assert_eq!((toy.fault().as_str(), toy.sets.len()), ("", 1), "it goes on as soon as it is mended");
    }
    let mut both = referring("Deployment", json!({}), Value::Null);
    both.patch(json!({"spec": {"template": {"metadata": {"labels": {"app": "web"}}}}}));
    let expected = "spec.template: Internal error: template must be empty for workload reference rollout";
    assert_eq!(both.fault(), expected);
    // What clients leave of a template that they take out is none.
    both.patch(json!({"spec": {"template": {"metadata": {"labels": null}, "spec": {"containers": []}}}}));
    assert_eq!(both.fault(), "");
}

#[test]
fn a_template_of_the_workload_is_checked_like_any_other() {
    let mut toy = referring("Deployment", json!({}), Value::Null);
    change(&mut toy, "Deployment", &json!({"spec": {"template": {"metadata": {"labels": {"app": "shop"}}}}}));
    let expected =
        "spec.template.metadata.labels: Invalid value: {\"app\":\"shop\"}: `selector` does not match template `labels`";
    assert_eq!(toy.fault(), expected);
}

#[test]
fn a_deployment_gives_its_pods_up_as_the_spec_asks_for() {
    for (scale_down, at_half, at_end) in [
        (Value::Null, 4, 4),
        (json!("never"), 4, 4),
        (json!("later"), 4, 4),
        (json!("onsuccess"), 4, 0),
        (json!("progressively"), 2, 0),
    ] {
        let mut toy = referring("Deployment", json!({}), scale_down.clone());
        toy.pods_become_ready = false;
        toy.looks(5);
        assert_eq!(pods(&toy), 4, "{scale_down}: nothing is ready");
        available(&mut toy, 2);
        toy.settle();
        assert_eq!(pods(&toy), at_half, "{scale_down}: {}", toy.tail());
        available(&mut toy, 1);
        toy.settle();
        let again = if at_half == 2 { 3 } else { 4 };
        assert_eq!(pods(&toy), again, "{scale_down}: {}", toy.tail());
        toy.pods_become_ready = true;
        toy.kubelet();
        toy.settle();
        assert_eq!((pods(&toy), toy.status("phase")), (at_end, json!("Healthy")), "{scale_down}: {}", toy.tail());
        // Pods of its own that fail later do not start the Deployment again.
        toy.pods_become_ready = false;
        available(&mut toy, 2);
        toy.settle();
        assert_eq!(pods(&toy), at_end, "{scale_down}: {}", toy.tail());
    }
}

fn available(toy: &mut Toy, pods: i64) {
    let set = toy.sets.values_mut().next().expect("a ReplicaSet");
    merge(&mut set["status"], &json!({"availableReplicas": pods, "readyReplicas": pods}));
}

#[test]
fn a_second_revision_never_touches_the_deployment() {
    let mut toy = referring("Deployment", json!({}), json!("never"));
    toy.settle();
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "web:2"}]}}}});
    change(&mut toy, "Deployment", &patch);
    toy.settle();
    toy.patch(json!({"spec": {"workloadRef": {"scaleDown": "onsuccess"}}}));
    toy.settle();
    assert_eq!((pods(&toy), toy.status("phase")), (4, json!("Healthy")), "{}", toy.tail());
}

#[test]
fn a_deployment_behind_a_mesh_keeps_its_pods_for_the_drain_time() {
    let mut toy = referring("Deployment", routed(json!([{"setWeight": 50}])), json!("onsuccess")).with_istio_hosts();
    let plan = toy.settle();
    assert_eq!((pods(&toy), toy.status("phase")), (4, json!("Healthy")), "{}", toy.tail());
    assert!(plan.to_string().contains("Deployment old keeps its pods until"), "{plan}");
    toy.wake();
    assert_eq!(pods(&toy), 0, "{}", toy.tail());
}
