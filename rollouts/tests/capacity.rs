//! Stories of how many pods there must be: the last healthy ones stay, nothing shrinks on counts that lag, and nothing is
//! stuck where all may be missing.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::Toy;

fn routed(steps: Value) -> Value {
    json!({
        "canaryService": "canary", "stableService": "stable", "steps": steps,
        "trafficRouting": {"istio": {"virtualService": {"name": "web"}}},
    })
}

/// A routed canary of the second image that stands where its steps first hold it.
fn updating(strategy: Value, replicas: i32) -> Toy {
    let mut toy = Toy::new(strategy, replicas).with_istio_hosts();
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy
}

#[test]
fn a_single_pod_that_may_be_missing_makes_room_for_its_successor() {
    let mut toy = Toy::new(json!({"maxSurge": 0, "maxUnavailable": 1, "steps": []}), 1);
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    assert_eq!((toy.status("stableRS"), toy.pods_of("web:2")), (toy.hash_of("web:2").into(), 1), "{}", toy.tail());
}

#[test]
fn where_all_pods_may_be_missing_retired_ones_still_wait_for_a_successor() {
    let mut strategy = routed(json!([{"setWeight": 50}, {"pause": {}}]));
    strategy["maxUnavailable"] = "100%".into();
    let mut toy = updating(strategy, 2);
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    toy.pods_become_ready = false;
    for set in toy.sets.values_mut() {
        if set["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2" {
            set["status"]["availableReplicas"] = json!(0);
        }
    }
    toy.pass(60);
    assert_eq!(toy.pods_of("web:1"), 2, "{}", toy.tail());
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.pass(60);
    assert_eq!(toy.pods_of("web:1"), 0, "{}", toy.tail());
}

#[test]
fn nothing_shrinks_on_counts_that_may_name_pods_that_go() {
    let strategy = json!({"maxSurge": 2, "maxUnavailable": 1, "steps": [{"setWeight": 10}, {"pause": {}}]});
    let mut toy = Toy::new(strategy, 6);
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    // One of two canary pods was just given up and asked for again: who counts has not looked since.
    let (stable, canary) = (format!("web-{}", toy.hash_of("web:1")), format!("web-{}", toy.hash_of("web:2")));
    for (name, pods, generation, counted) in [(&stable, 4, 7, 7), (&canary, 2, 5, 3)] {
        let set = toy.sets.get_mut(name).expect("the set");
        set["spec"]["replicas"] = pods.into();
        set["metadata"]["generation"] = generation.into();
        set["status"] = json!({"replicas": pods, "availableReplicas": pods, "observedGeneration": counted});
    }
    toy.patch(json!({"status": {"pauseConditions": null, "controllerPause": null, "currentStepIndex": 2}}));
    for _ in 0..5 {
        toy.step();
        assert_eq!(toy.pods_of("web:1"), 4, "{}", toy.tail());
    }
    toy.kubelet();
    toy.settle();
    assert_eq!((toy.pods_of("web:1"), toy.status("phase")), (0, json!("Healthy")), "{}", toy.tail());
}
