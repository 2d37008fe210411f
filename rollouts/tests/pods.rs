//! Stories of how many pods a routed canary has: a scale of its own, the fewest of a revision, and what stays for a while.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::{Toy, merge, routed, updating};

/// A routed canary with these steps and fields, at its first hold.
fn held(replicas: i32, steps: Value, fields: Value) -> Toy {
    let mut strategy = routed(steps);
    merge(&mut strategy, &fields);
    updating(strategy, replicas)
}

/// Step, weight, pods of the canary and of the stable revision.
fn stands(toy: &Toy) -> (i64, i64, i64, i64) {
    let step = toy.status("currentStepIndex").as_i64().unwrap_or(-1);
    (step, toy.weight(), toy.pods_of("web:2"), toy.pods_of("web:1"))
}

fn scale(fields: Value) -> Value {
    json!({ "setCanaryScale": fields })
}

fn promote(toy: &mut Toy) {
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
}

#[test]
fn a_scale_of_the_steps_decides_the_canarys_pods() {
    let (pause, weight) = (json!({"pause": {}}), |weight: i32| json!({ "setWeight": weight }));
    let by_weight = || json!({"matchTrafficWeight": true});
    for (steps, fields, expected) in [
        (json!([scale(json!({"replicas": 3})), pause]), json!({}), (1, 0, 3, 10)),
        (json!([scale(json!({"weight": 25})), pause]), json!({}), (1, 0, 3, 10)),
        (json!([weight(10), scale(json!({"weight": 50})), pause]), json!({}), (2, 10, 5, 10)),
        // Fewer pods than the share would get: the steps say that they are enough.
        (json!([scale(json!({"replicas": 1})), weight(80), pause]), json!({}), (2, 80, 1, 10)),
        (json!([scale(json!({"replicas": 7})), weight(10), pause]), json!({}), (2, 10, 7, 10)),
        (json!([scale(json!({"replicas": 1})), weight(40), scale(by_weight()), pause]), json!({}), (3, 40, 4, 10)),
        (json!([scale(json!({"replicas": 1})), scale(json!({"replicas": 6})), pause]), json!({}), (2, 0, 6, 10)),
        // To no pods nothing is sent, and nothing waits for it.
        (json!([scale(json!({"replicas": 0})), weight(40), pause]), json!({}), (2, 0, 0, 10)),
        (json!([scale(json!({"weight": 150})), pause]), json!({}), (1, 0, 15, 10)),
        (json!([weight(10), pause]), json!({"minPodsPerReplicaSet": 3}), (1, 10, 3, 10)),
        (json!([weight(10), pause]), json!({"minPodsPerReplicaSet": 30}), (1, 10, 10, 10)),
        (json!([weight(0), pause]), json!({"minPodsPerReplicaSet": 3}), (1, 0, 0, 10)),
        (json!([scale(json!({"weight": 10})), pause]), json!({"minPodsPerReplicaSet": 3}), (1, 0, 3, 10)),
        (json!([scale(json!({"replicas": 1})), pause]), json!({"minPodsPerReplicaSet": 3}), (1, 0, 1, 10)),
    ] {
        let toy = held(10, steps.clone(), fields.clone());
        assert_eq!(stands(&toy), expected, "{steps} {fields}\n{}", toy.tail());
    }
}

#[test]
fn a_scale_ends_with_the_steps() {
    for end in [json!({"status": {"pauseConditions": null}}), json!({"status": {"promoteFull": true}})] {
        let mut toy = held(4, json!([scale(json!({"replicas": 1})), {"setWeight": 50}, {"pause": {}}]), json!({}));
        assert_eq!(stands(&toy), (2, 50, 1, 4));
        toy.patch(end.clone());
        toy.settle();
        assert_eq!((toy.pods_of("web:2"), toy.weight()), (4, 0), "{end}\n{}", toy.tail());
        assert_eq!(toy.status("stableRS"), json!(toy.hash_of("web:2")), "{end}");
    }
}

#[test]
fn a_smaller_scale_leaves_pods_for_the_drain_time() {
    let steps = json!([scale(json!({"replicas": 4})), {"setWeight": 20}, scale(json!({"replicas": 2})), {"pause": {}}]);
    let mut toy = held(5, steps, json!({}));
    assert_eq!(stands(&toy), (3, 20, 4, 5), "{}", toy.tail());
    toy.pass(31);
    assert_eq!(stands(&toy), (3, 20, 2, 5), "{}", toy.tail());
}

#[test]
fn a_share_that_falls_twice_keeps_pods_for_the_higher_one_first() {
    let steps = json!([
        {"setWeight": 80}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}, {"setWeight": 20}, {"pause": {}},
        {"setWeight": 40}, {"pause": {}},
    ]);
    let mut toy = held(5, steps, json!({}));
    assert_eq!(stands(&toy), (1, 80, 4, 5));
    promote(&mut toy);
    assert_eq!(stands(&toy), (3, 60, 4, 5));
    toy.pass(20);
    promote(&mut toy);
    assert_eq!(stands(&toy), (5, 20, 4, 5), "{}", toy.tail());
    // Twenty seconds ago it had 60 %.
    toy.pass(11);
    assert_eq!(stands(&toy), (5, 20, 3, 5), "{}", toy.tail());
    toy.pass(20);
    promote(&mut toy);
    // It rises again before the last pods go.
    assert_eq!(stands(&toy), (7, 40, 3, 5), "{}", toy.tail());
    toy.pass(60);
    assert_eq!((stands(&toy), toy.has_deadlines()), ((7, 40, 2, 5), false), "{}", toy.tail());
}

/// Only so many pods of an image are available.
fn only(toy: &mut Toy, image: &str, available: i64) {
    toy.pods_become_ready = false;
    for set in toy.sets.values_mut() {
        let has_image = set["spec"]["template"]["spec"]["containers"][0]["image"] == image;
        if has_image {
            set["status"]["availableReplicas"] = available.into();
            set["status"]["readyReplicas"] = available.into();
        }
    }
}

#[test]
fn a_threshold_lets_steps_and_the_end_go_on_with_fewer_pods() {
    let steps = json!([{"pause": {}}, {"setWeight": 50}, {"pause": {}}]);
    // Kind, value, how many of five and of ten pods are there, and whether that is enough.
    for (threshold, at_step, at_end, expected) in [
        (json!(null), 4, 10, (1, false)),
        (json!({"type": "Percent", "value": 80}), 3, 10, (1, false)),
        (json!({"type": "Percent", "value": 80}), 4, 7, (3, false)),
        (json!({"type": "Percent", "value": 80}), 4, 8, (3, true)),
        (json!({"type": "Pods", "value": 2}), 1, 10, (1, false)),
        (json!({"type": "Pods", "value": 2}), 2, 2, (3, true)),
        (json!({"type": "Pods", "value": 0}), 0, 10, (1, false)),
        (json!({"type": "Pods", "value": 0}), 1, 1, (3, true)),
    ] {
        for is_routed in [true, false] {
            let mut toy = held(10, steps.clone(), json!({ "replicaProgressThreshold": threshold }));
            if !is_routed {
                let mut strategy = json!({"steps": steps, "maxSurge": "100%", "maxUnavailable": "100%"});
                strategy["replicaProgressThreshold"] = threshold.clone();
                toy = Toy::new(strategy, 10);
                toy.settle();
                toy.set_image("web:2");
                toy.settle();
            }
            promote_with(&mut toy, at_step);
            let step = toy.status("currentStepIndex").as_i64().expect("an index");
            assert_eq!(step.min(2), expected.0.min(2), "{threshold} {at_step}: {}", toy.tail());
            promote_with(&mut toy, at_end);
            let is_promoted = toy.status("stableRS") == json!(toy.hash_of("web:2"));
            assert_eq!(is_promoted, expected.1, "{threshold} {at_end}: {}", toy.tail());
        }
    }
}

/// The pause ends, and so many pods of the canary are available from then on.
fn promote_with(toy: &mut Toy, available: i64) {
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.pods_become_ready = false;
    for _ in 0..4 {
        toy.looks(2);
        only(toy, "web:2", available.min(toy.pods_of("web:2")));
    }
    toy.settle();
}

#[test]
fn a_share_rises_onto_endpoints_that_are_there_whatever_the_threshold_says() {
    let steps = json!([{"pause": {}}, {"setWeight": 50}, {"pause": {}}]);
    let mut toy = held(4, steps, json!({"replicaProgressThreshold": {"type": "Percent", "value": 50}}));
    toy.endpoints_follow = false;
    promote(&mut toy);
    assert_eq!(stands(&toy), (1, 0, 2, 4), "{}", toy.tail());
    toy.endpoints_follow = true;
    toy.settle();
    assert_eq!(stands(&toy), (2, 50, 2, 4), "{}", toy.tail());
}

/// A canary whose stable revision shrinks, at 75 % of four pods.
fn shrunk(fields: Value) -> Toy {
    let steps = json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 75}, {"pause": {}}]);
    let mut dynamic = json!({"dynamicStableScale": true});
    merge(&mut dynamic, &fields);
    let mut toy = held(4, steps, dynamic);
    assert_eq!(stands(&toy), (1, 25, 1, 4), "{}", toy.tail());
    toy.pass(31);
    assert_eq!(stands(&toy), (1, 25, 1, 3), "{}", toy.tail());
    promote(&mut toy);
    assert_eq!(stands(&toy), (3, 75, 3, 3), "{}", toy.tail());
    toy.pass(31);
    assert_eq!(stands(&toy), (3, 75, 3, 1), "{}", toy.tail());
    toy
}

#[test]
fn the_stable_revision_gives_up_what_the_canary_takes_over() {
    let mut toy = shrunk(json!({}));
    promote(&mut toy);
    assert_eq!((stands(&toy), toy.status("stableRS")), ((4, 0, 4, 1), json!(toy.hash_of("web:2"))), "{}", toy.tail());
    toy.pass(31);
    assert_eq!((stands(&toy), toy.status("phase")), ((4, 0, 4, 0), json!("Healthy")), "{}", toy.tail());
}

#[test]
fn an_abort_takes_the_share_back_as_stable_pods_come() {
    let mut toy = shrunk(json!({}));
    toy.pods_become_ready = false;
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    for (ready, weight) in [(1, 75), (2, 50), (3, 25), (4, 0)] {
        only(&mut toy, "web:1", ready);
        toy.settle();
        assert_eq!(stands(&toy), (0, weight, 3, 4), "{ready}: {}", toy.tail());
    }
    // The first drain time is that of the share that was there when the first pods could go.
    toy.pass(31);
    assert_eq!(toy.pods_of("web:2"), 2, "{}", toy.tail());
    toy.pass(31);
    assert_eq!((stands(&toy), toy.has_deadlines()), ((0, 0, 0, 4), false), "{}", toy.tail());
}

#[test]
fn an_end_that_nobody_is_left_behind_waits_where_there_are_pods() {
    let steps = json!([{"setWeight": 100}, {"pause": {}}]);
    let mut toy = held(2, steps, json!({"dynamicStableScale": true}));
    assert_eq!((stands(&toy), toy.behind("stable")), ((1, 100, 2, 2), "web:2".into()), "{}", toy.tail());
    toy.pass(31);
    assert_eq!(stands(&toy), (1, 100, 2, 0), "{}", toy.tail());
    toy.pods_become_ready = false;
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!((stands(&toy), toy.behind("stable")), ((0, 100, 2, 2), "web:2".into()), "{}", toy.tail());
    only(&mut toy, "web:1", 1);
    toy.settle();
    assert_eq!((stands(&toy), toy.behind("stable")), ((0, 50, 2, 2), "web:1".into()), "{}", toy.tail());
}

#[test]
fn the_end_of_a_canary_without_pods_waits_where_there_are_some() {
    let mut toy = held(2, json!([{"setWeight": 50}, {"setWeight": 0}, {"pause": {}}, {"setWeight": 50}]), json!({}));
    assert_eq!((toy.weight(), toy.behind("canary")), (0, "web:1".into()), "{}", toy.tail());
    toy.pass(31);
    assert_eq!((toy.pods_of("web:2"), toy.behind("canary")), (0, "web:1".into()), "{}", toy.tail());
    toy.pods_become_ready = false;
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    assert_eq!((stands(&toy), toy.behind("canary")), ((3, 0, 1, 2), "web:1".into()), "{}", toy.tail());
    only(&mut toy, "web:2", 1);
    toy.settle();
    assert_eq!((toy.weight(), toy.behind("canary")), (50, "web:2".into()), "{}", toy.tail());
}

#[test]
fn where_the_stable_revision_has_nobody_the_next_canary_takes_over_the_share() {
    let mut toy = held(2, json!([{"setWeight": 50}, {"pause": {}}]), json!({}));
    toy.pods_become_ready = false;
    only(&mut toy, "web:1", 0);
    toy.set_image("web:3");
    toy.settle();
    assert_eq!((toy.weight(), toy.behind("canary")), (50, "web:2".into()), "{}", toy.tail());
    only(&mut toy, "web:3", 1);
    toy.settle();
    assert_eq!(toy.behind("canary"), "web:3", "{}", toy.tail());
    assert_eq!(toy.pods_of("web:2"), 1, "{}", toy.tail());
}

#[test]
fn a_canary_that_fails_leaves_its_share_to_the_few_pods_that_are_there() {
    let mut toy = shrunk(json!({}));
    only(&mut toy, "web:2", 0);
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:1")), (0, 4), "{}", toy.tail());
}

#[test]
fn an_abort_with_a_delay_of_its_own_keeps_the_canary_until_the_stable_pods_are_back() {
    for (delay, after, expected) in [(10, 5, 3), (10, 11, 0), (0, 600, 3)] {
        let mut toy = shrunk(json!({ "abortScaleDownDelaySeconds": delay }));
        toy.pods_become_ready = false;
        toy.patch(json!({"status": {"abort": true}}));
        toy.pass(60);
        assert_eq!(stands(&toy), (0, 75, 3, 4), "{}", toy.tail());
        toy.pods_become_ready = true;
        toy.kubelet();
        toy.settle();
        assert_eq!(stands(&toy), (0, 0, 3, 4), "{}", toy.tail());
        toy.pass(after);
        assert_eq!(stands(&toy), (0, 0, expected, 4), "{delay} {after}: {}", toy.tail());
        toy.patch(json!({"status": {"abort": false}}));
        toy.settle();
        assert_eq!(toy.weight(), 25, "{}", toy.tail());
    }
}

#[test]
fn back_to_the_old_template_and_on_to_another_one_the_share_waits_for_stable_pods() {
    for image in ["web:1", "web:3"] {
        let mut toy = shrunk(json!({}));
        toy.pods_become_ready = false;
        toy.set_image(image);
        toy.settle();
        assert_eq!((toy.weight(), toy.pods_of("web:2"), toy.pods_of("web:1")), (75, 3, 4), "{image}: {}", toy.tail());
        only(&mut toy, "web:1", 3);
        toy.settle();
        assert_eq!((toy.weight(), toy.pods_of("web:2")), (25, 3), "{image}: {}", toy.tail());
        toy.pods_become_ready = true;
        toy.kubelet();
        toy.settle();
        assert_eq!(toy.weight(), if image == "web:1" { 0 } else { 25 }, "{image}: {}", toy.tail());
        toy.pass(31);
        assert_eq!(toy.pods_of("web:2"), 0, "{image}: {}", toy.tail());
        assert_eq!(toy.pods_of("web:1"), if image == "web:1" { 4 } else { 3 }, "{image}: {}", toy.tail());
    }
}

#[test]
fn a_step_to_a_smaller_share_waits_for_stable_pods() {
    let steps = json!([{"setWeight": 75}, {"pause": {}}, {"setWeight": 25}, {"pause": {}}]);
    let mut toy = held(4, steps, json!({"dynamicStableScale": true}));
    toy.pass(31);
    assert_eq!(stands(&toy), (1, 75, 3, 1), "{}", toy.tail());
    toy.pods_become_ready = false;
    promote(&mut toy);
    for (ready, expected) in [(1, (2, 75, 3, 3)), (2, (2, 50, 3, 3)), (3, (3, 25, 3, 3))] {
        only(&mut toy, "web:1", ready);
        toy.settle();
        assert_eq!(stands(&toy), expected, "{ready}: {}", toy.tail());
    }
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.pass(31);
    toy.pass(31);
    assert_eq!(stands(&toy), (3, 25, 1, 3), "{}", toy.tail());
}

#[test]
fn a_smaller_share_is_not_waited_for_where_the_stable_revision_has_no_pods() {
    for dynamic in [true, false] {
        let steps = json!([{"setWeight": 50}, {"pause": {}}, {"setWeight": 20}, {"pause": {}}]);
        let mut toy = held(2, steps, json!({ "dynamicStableScale": dynamic }));
        only(&mut toy, "web:1", 0);
        promote(&mut toy);
        assert_eq!((toy.status("currentStepIndex"), toy.weight()), (json!(3), 50), "{}", toy.tail());
        toy.pods_become_ready = true;
        toy.kubelet();
        toy.settle();
        assert_eq!(toy.weight(), 20, "{}", toy.tail());
    }
}

#[test]
fn two_revisions_that_shrink_together_do_not_count_on_each_other() {
    let steps = json!([scale(json!({"weight": 100})), {"setWeight": 50}, scale(json!({"replicas": 1})), {"pause": {}}]);
    let mut toy = held(10, steps, json!({"dynamicStableScale": true}));
    assert_eq!(stands(&toy), (3, 50, 10, 10), "{}", toy.tail());
    toy.pass(31);
    let (_, weight, canary, stable) = stands(&toy);
    // A quarter of ten pods may be missing.
    assert!(weight == 50 && stable == 5 && canary + stable >= 8, "{canary} and {stable}\n{}", toy.tail());
}

#[test]
fn replicas_that_change_in_between_change_both_revisions_in_proportion() {
    for (fields, replicas, expected) in [
        (json!({"dynamicStableScale": true}), 8, (3, 75, 6, 2)),
        (json!({"dynamicStableScale": true}), 2, (3, 75, 2, 1)),
        (json!({"dynamicStableScale": true}), 1, (3, 75, 1, 1)),
        (json!({"dynamicStableScale": true, "minPodsPerReplicaSet": 2}), 8, (3, 75, 6, 2)),
    ] {
        let mut toy = shrunk_with(&fields);
        toy.patch(json!({"spec": {"replicas": replicas}}));
        toy.settle();
        assert_eq!(stands(&toy), expected, "{fields} {replicas}: {}", toy.tail());
    }
}

fn shrunk_with(fields: &Value) -> Toy {
    let steps = json!([{"setWeight": 25}, {"pause": {"duration": 40}}, {"setWeight": 75}, {"pause": {}}]);
    let mut toy = held(4, steps, fields.clone());
    toy.pass(41);
    toy.pass(31);
    toy.pass(31);
    assert_eq!(toy.weight(), 75, "{}", toy.tail());
    toy
}

/// A count that lags behind an eviction, and pods that their ReplicaSet has not removed yet, do not make up for each other.
#[test]
fn a_restart_counts_each_revision_by_itself() {
    let mut toy = updating(json!({}), 2);
    assert_eq!(toy.status("phase"), "Healthy", "{}", toy.tail());
    let (stable, retired) = (toy.hash_of("web:2"), toy.hash_of("web:1"));
    let one_is_gone = json!({"metadata": {"deletionTimestamp": "2023-11-14T22:13:20Z"}});
    for (evicted, left, free) in [(None, 0, 1), (Some(&one_is_gone), 0, 0), (None, 2, 1), (Some(&one_is_gone), 2, 0)] {
        for (hash, asked, available) in [(&stable, 2, 2), (&retired, 0, left)] {
            let set = toy.sets.get_mut(&format!("web-{hash}")).expect("a revision");
            merge(set, &json!({"spec": {"replicas": asked}, "status": {"availableReplicas": available}}));
        }
        toy.pods.clear();
        toy.pods = toy.made();
        for pod in toy.pods.values_mut() {
            let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
            merge(pod, &json!({"metadata": {"creationTimestamp": "2023-01-01T00:00:00Z"}, "status": ready}));
        }
        if let Some(gone) = evicted {
            merge(toy.pods.get_mut(&format!("web-{stable}-0")).expect("a pod"), gone);
        }
        toy.patch(json!({"spec": {"restartAt": "2023-06-01T00:00:00Z"}}));
        let plan = rollouts::decide(&toy.observe(), toy.now);
        let evictions = plan.writes().iter().filter(|write| write.verb.is_eviction()).count();
        assert_eq!(evictions, free, "{left} left, evicted {}: {plan}", evicted.is_some());
    }
}
