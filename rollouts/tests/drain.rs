//! Stories of pods that finish what they are doing: how long they sleep before they stop, and how long they stay before that.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use crds::keys;
use serde_json::{Value, json};
use toy::{Toy, merge, routed, updating};

/// The hook and the time for the end in the template of an image.
fn ends(toy: &Toy, image: &str) -> (Value, Value) {
    let set = &toy.sets[&format!("web-{}", toy.hash_of(image))];
    let spec = &set["spec"]["template"]["spec"];
    (spec["containers"][0]["lifecycle"]["preStop"].clone(), spec["terminationGracePeriodSeconds"].clone())
}

fn sleeping(seconds: i32) -> (Value, Value) {
    (json!({"sleep": {"seconds": seconds}}), json!(30 + seconds))
}

fn with(mut strategy: Value, fields: &Value) -> Value {
    merge(&mut strategy, fields);
    strategy
}

#[test]
fn containers_sleep_and_that_is_no_revision() {
    let steps = json!([{"setWeight": 50}, {"pause": {}}]);
    for is_blue_green in [false, true] {
        let drain = json!({"drainSeconds": 10});
        let mut toy = if is_blue_green {
            Toy::blue_green(with(json!({"autoPromotionEnabled": false}), &drain), 2)
        } else {
            Toy::new(with(json!({ "steps": steps }), &drain), 2)
        };
        let mut plain = Toy::new(json!({}), 2);
        plain.settle();
        toy.settle();
        assert_eq!((ends(&toy, "web:1"), toy.hash_of("web:1")), (sleeping(10), plain.hash_of("web:1")));
        toy.set_image("web:2");
        toy.settle();
        assert_eq!(ends(&toy, "web:2"), sleeping(10), "{}", toy.tail());
        // Another time, and none, reach the revision that is brought out, for pods that come.
        let name = if is_blue_green { "blueGreen" } else { "canary" };
        for (seconds, expected) in [(json!(20), sleeping(20)), (Value::Null, (Value::Null, Value::Null))] {
            toy.patch(json!({"spec": {"strategy": {name: {"drainSeconds": seconds}}}}));
            toy.settle();
            assert_eq!(ends(&toy, "web:2"), expected, "{}", toy.tail());
        }
        assert_eq!((toy.sets.len(), toy.status("phase")), (2, json!("Paused")), "the update stands where it stood");
        let annotations = &toy.sets[&format!("web-{}", toy.hash_of("web:2"))]["metadata"]["annotations"];
        assert!(annotations.get(keys::DRAIN_HOOK).is_none(), "{annotations}");
    }
}

#[test]
fn a_hash_that_another_controller_made_is_found_again_under_the_hook() {
    let mut toy = Toy::new(json!({"drainSeconds": 10}), 2);
    toy.settle();
    let name = toy.sets.keys().next().expect("a ReplicaSet").clone();
    for path in ["/metadata/labels", "/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        let labels = toy.sets.get_mut(&name).and_then(|set| set.pointer_mut(path)).expect("labels");
        labels[keys::POD_TEMPLATE_HASH] = json!("other");
    }
    toy.patch(json!({"status": {"stableRS": "other", "currentPodHash": "other"}}));
    toy.settle();
    assert_eq!(toy.sets.len(), 1, "{}", toy.tail());
}

#[test]
fn a_server_without_the_hook_is_named() {
    for (server, expected) in [
        (Some((1, 29)), "spec.strategy.canary.drainSeconds: Forbidden: needs Kubernetes 1.30 or later, this is 1.29"),
        (Some((1, 30)), ""),
        (Some((2, 0)), ""),
        (None, ""),
    ] {
        let mut toy = Toy::new(json!({"drainSeconds": 10}), 1);
        toy.server = server;
        toy.settle();
        let message = toy.condition("InvalidSpec").2;
        let said = message.strip_prefix("The Rollout \"web\" is invalid: ").unwrap_or(&message);
        assert_eq!(said, expected, "{server:?}");
    }
    let mut toy = Toy::blue_green(json!({"drainSeconds": -1}), 1);
    toy.settle();
    let path = "spec.strategy.blueGreen.drainSeconds";
    assert!(
        toy.condition("InvalidSpec")
            .2
            .ends_with(&format!("{path}: Invalid value: -1: must be greater than or equal to 0"))
    );
}

/// Pods of the first image right after the end of an update, and after these times since.
fn left(mut toy: Toy, seconds: &[i64]) -> Vec<i64> {
    let mut pods = vec![toy.pods_of("web:1")];
    for seconds in seconds {
        toy.pass(*seconds);
        pods.push(toy.pods_of("web:1"));
    }
    pods
}

#[test]
fn pods_that_lost_their_share_stay_for_the_drain_time_at_least() {
    let done = |fields: Value| {
        let mut toy = updating(with(routed(json!([{"setWeight": 50}])), &fields), 2);
        toy.settle();
        assert_eq!(toy.status("stableRS"), json!(toy.hash_of("web:2")), "{}", toy.tail());
        toy
    };
    for (fields, expected) in [
        (json!({"scaleDownDelaySeconds": 5}), vec![2, 0, 0]),
        (json!({"scaleDownDelaySeconds": 5, "drainSeconds": 20}), vec![2, 2, 0]),
        (json!({"scaleDownDelaySeconds": 20, "drainSeconds": 5}), vec![2, 2, 0]),
    ] {
        assert_eq!(left(done(fields.clone()), &[6, 15]), expected, "{fields}");
    }
    for (fields, expected) in [
        (json!({"scaleDownDelaySeconds": 5}), vec![2, 0, 0]),
        (json!({"scaleDownDelaySeconds": 5, "drainSeconds": 20}), vec![2, 2, 0]),
    ] {
        let mut toy = Toy::blue_green(fields.clone(), 2);
        toy.settle();
        toy.set_image("web:2");
        toy.settle();
        assert_eq!(left(toy, &[6, 15]), expected, "{fields}");
    }
}

#[test]
fn a_stable_revision_that_shrinks_waits_for_the_drain_time() {
    let steps = json!([{"setWeight": 50}, {"pause": {}}]);
    for (fields, expected) in [
        (json!({"dynamicStableScale": true}), vec![4, 2, 2]),
        (json!({"dynamicStableScale": true, "drainSeconds": 60}), vec![4, 4, 2]),
    ] {
        let toy = updating(with(routed(steps.clone()), &fields), 4);
        assert_eq!(left(toy, &[31, 30]), expected, "{fields}");
    }
}

#[test]
fn an_aborted_canary_waits_for_the_drain_time() {
    for (fields, expected) in [
        (json!({"abortScaleDownDelaySeconds": 5}), (2, 0, 0)),
        (json!({"abortScaleDownDelaySeconds": 5, "drainSeconds": 20}), (2, 2, 0)),
        (json!({"abortScaleDownDelaySeconds": 0, "drainSeconds": 20}), (2, 2, 2)),
    ] {
        let mut toy = updating(with(routed(json!([{"setWeight": 50}, {"pause": {}}])), &fields), 4);
        toy.patch(json!({"status": {"abort": true}}));
        toy.settle();
        let at_once = toy.pods_of("web:2");
        toy.pass(6);
        let soon = toy.pods_of("web:2");
        toy.pass(15);
        assert_eq!((at_once, soon, toy.pods_of("web:2")), expected, "{fields}\n{}", toy.tail());
    }
}

#[test]
fn an_abort_does_not_wait_for_a_template_that_cannot_be_changed() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4);
    let name = format!("web-{}", toy.hash_of("web:2"));
    toy.refusals.insert(("ReplicaSet".into(), name), "denied by a webhook".into());
    toy.patch(json!({"spec": {"strategy": {"canary": {"drainSeconds": 10}}}}));
    toy.looks(6);
    assert_eq!(toy.condition("WriteRefused").0, "True", "{}", toy.tail());
    assert_eq!((toy.weight(), ends(&toy, "web:2").0), (50, Value::Null), "{}", toy.tail());
    toy.patch(json!({"status": {"abort": true}}));
    toy.looks(6);
    assert_eq!((toy.weight(), toy.status("abort")), (0, json!(true)), "{}", toy.tail());
}

#[test]
fn sizes_follow_though_the_template_cannot_be_changed() {
    let mut toy = Toy::new(json!({}), 2);
    toy.settle();
    let name = format!("web-{}", toy.hash_of("web:1"));
    toy.refusals.insert(("ReplicaSet".into(), name.clone()), "denied by a webhook".into());
    toy.patch(json!({"spec": {"strategy": {"canary": {"drainSeconds": 10}}}}));
    toy.looks(6);
    assert_eq!(toy.condition("WriteRefused").0, "True", "{}", toy.tail());
    toy.patch(json!({"spec": {"replicas": 5}}));
    // What was refused is reported first.
    toy.step();
    let plan = rollouts::decide(&toy.observe(), toy.now);
    assert!(plan.to_string().contains(&format!("{name} goes from 2 to 5 pods")), "{plan}");
}
