//! Stories of what goes wrong, and of people who act in the middle of it: nothing is cut off, nothing waits for ever, and what
//! holds it is said.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use chrono::TimeDelta;
use plan::{Reason, Requeue, reason::RolloutReason};
use rollouts::view::{Scene, View};
use serde_json::{Value, json};
use toy::{Toy, metric, routed, run, updating};

#[test]
fn without_the_stable_replica_set_no_traffic_goes_to_where_it_was() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4);
    let stable = toy.hash_of("web:1");
    toy.sets.remove(&format!("web-{stable}")).expect("was there");
    toy.step();
    assert_eq!(toy.weight(), 50, "the stable end leads to nobody:\n{}", toy.tail());
    toy.settle();
    assert_eq!(toy.status("stableRS"), toy.hash_of("web:2"));
    assert_eq!((toy.weight(), toy.pods_of("web:2"), toy.status("phase")), (0, 4, json!("Healthy")), "{}", toy.tail());
}

#[test]
fn promote_full_ends_an_abort() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4);
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!(toy.status("phase"), "Degraded");
    toy.patch(json!({"status": {"promoteFull": true}}));
    toy.settle();
    assert_eq!(
        (toy.status("stableRS"), toy.status("phase")),
        (toy.hash_of("web:2").into(), json!("Healthy")),
        "{}",
        toy.tail()
    );
    assert_eq!((toy.status("abort"), toy.status("abortedAt")), (Value::Null, Value::Null));
}

#[test]
fn a_promotion_of_an_aborted_update_counts_no_step() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4);
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    let since = toy.status("abortedAt");
    toy.patch(json!({"status": {"pauseConditions": null, "currentStepIndex": 1}}));
    toy.settle();
    assert_eq!((toy.status("abort"), toy.status("currentStepIndex")), (json!(true), json!(0)), "{}", toy.tail());
    assert_eq!((toy.status("abortedAt"), toy.weight()), (since, 0));
}

#[test]
fn an_abort_ends_a_promote_full() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4);
    toy.pods_become_ready = false;
    toy.patch(json!({"status": {"promoteFull": true}}));
    toy.settle();
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.status("promoteFull")), (0, Value::Null));
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.settle();
    assert_eq!((toy.weight(), toy.status("abort")), (0, json!(true)), "it stays aborted");
}

#[test]
fn pods_stay_for_the_drain_time_when_a_step_takes_their_share() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}, {"setWeight": 0}, {"pause": {}}])), 4);
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.status("currentStepIndex")), (0, json!(3)), "the step does not wait for it");
    assert_eq!(toy.pods_of("web:2"), 2, "the mesh may still send requests there:\n{}", toy.tail());
    toy.pass(31);
    assert_eq!(toy.pods_of("web:2"), 0);
}

#[test]
fn pods_stay_for_the_drain_time_when_the_steps_change() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4);
    toy.patch(json!({"spec": {"strategy": {"canary": {"steps": [{"pause": {}}, {"setWeight": 50}]}}}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:2")), (0, 2), "{}", toy.tail());
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:2")), (0, 4), "promoted: the stable end leads there");
    assert_eq!(toy.status("stableRS"), toy.hash_of("web:2"));
}

#[test]
fn fewer_replicas_take_effect_at_once() {
    let mut toy = updating(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4);
    toy.patch(json!({"spec": {"replicas": 2}}));
    toy.settle();
    assert_eq!((toy.pods_of("web:1"), toy.pods_of("web:2")), (2, 1));
}

#[test]
fn traffic_that_comes_back_starts_the_drain_time_anew() {
    let mut toy = updating(routed(json!([{"setWeight": 100}])), 2);
    let old = format!("web-{}", toy.hash_of("web:1"));
    let deadline = |toy: &Toy| toy.sets[&old]["metadata"]["annotations"]["scale-down-deadline"].clone();
    assert!(deadline(&toy).is_string(), "{}", toy.tail());
    let hash = toy.hash_of("web:1");
    toy.services.get_mut("canary").expect("is there")["spec"]["selector"]["rollouts-pod-template-hash"] = hash.into();
    let route = toy.routes.get_mut("web").expect("is there");
    route["spec"]["http"][0]["route"][0]["weight"] = 50.into();
    route["spec"]["http"][0]["route"][1]["weight"] = 50.into();
    toy.step();
    toy.now += TimeDelta::seconds(31);
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:1")), (0, 2), "the share was 50 a moment ago:\n{}", toy.tail());
    toy.pass(31);
    assert_eq!(toy.pods_of("web:1"), 0);
}

#[test]
fn counts_that_lag_cost_no_pods() {
    let mut toy = Toy::new(json!({"maxSurge": 0, "maxUnavailable": 1, "steps": [{"setWeight": 50}, {"pause": {}}]}), 4);
    toy.settle();
    for image in ["web:2", "web:3", "web:4"] {
        toy.set_image(image);
        toy.settle();
    }
    // All that serves is older than both: its pods may only go one by one.
    for (image, asked, available) in [("web:1", 3, 0), ("web:4", 1, 0), ("web:2", 2, 2), ("web:3", 2, 2)] {
        let name = format!("web-{}", toy.hash_of(image));
        let set = toy.sets.get_mut(&name).expect("is there");
        set["spec"]["replicas"] = asked.into();
        set["status"] = json!({"replicas": asked, "readyReplicas": available, "availableReplicas": available});
    }
    toy.pods_become_ready = false;
    for _ in 0..6 {
        toy.step();
        toy.lags = true;
        assert!(toy.pods_of("web:2") + toy.pods_of("web:3") >= 3, "{}", toy.tail());
        toy.kubelet();
    }
}

#[test]
fn a_subset_that_the_rule_lacks_is_said() {
    let mut toy = Toy::by_subsets(json!([{"setWeight": 25}, {"pause": {}}]));
    let whole = toy.rules["web"].clone();
    toy.rules.get_mut("web").expect("is there")["spec"]["subsets"].as_array_mut().expect("a list").pop();
    toy.settle();
    assert_eq!(
        toy.condition("InvalidSpec").2,
        "The Rollout \"web\" is invalid: spec.strategy.canary.trafficRouting.istio.destinationRule.canarySubsetName: Invalid value: \"canary\": subset not found in DestinationRule \"web\""
    );
    toy.rules.insert("web".into(), whole);
    toy.rules.get_mut("web").expect("is there")["spec"]["subsets"][1]["labels"] = Value::Null;
    toy.settle();
    assert_eq!(toy.status("phase"), "Healthy", "{}", toy.tail());
}

#[test]
fn a_subset_of_a_host_that_is_no_service_is_judged_by_its_pods() {
    let mut toy = Toy::by_subsets(json!([{"setWeight": 25}, {"pause": {}}]));
    toy.services.clear();
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    assert_eq!(toy.weight(), 25, "{}", toy.tail());
}

#[test]
fn a_virtual_service_that_is_named_twice_is_written_once() {
    let mut strategy = routed(json!([{"setWeight": 50}, {"pause": {}}]));
    strategy["trafficRouting"]["istio"] =
        json!({"virtualServices": [{"name": "web", "routes": ["primary"]}, {"name": "web", "routes": ["second"]}]});
    let mut toy = Toy::new(strategy, 2).with_istio_hosts();
    let mut second = toy.routes["web"]["spec"]["http"][0].clone();
    second["name"] = "second".into();
    toy.routes.get_mut("web").expect("is there")["spec"]["http"].as_array_mut().expect("a list").push(second);
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    assert_eq!(toy.routes["web"]["spec"]["http"][1]["route"][1]["weight"], 50);
    assert_eq!(toy.weight(), 50);
}

#[test]
fn a_stranger_with_weight_in_one_of_two_routes_goes() {
    let mut strategy = routed(json!([{"setWeight": 50}, {"pause": {}}]));
    strategy["trafficRouting"]["istio"] = json!({"virtualService": {"name": "web", "routes": ["primary", "second"]}});
    let mut toy = Toy::new(strategy, 2).with_istio_hosts();
    let mut second = toy.routes["web"]["spec"]["http"][0].clone();
    second["name"] = "second".into();
    second["route"][0]["weight"] = 60.into();
    second["route"].as_array_mut().expect("a list").push(json!({"destination": {"host": "other"}, "weight": 40}));
    toy.routes.get_mut("web").expect("is there")["spec"]["http"].as_array_mut().expect("a list").push(second);
    toy.settle();
    assert_eq!(toy.routes["web"]["spec"]["http"][1]["route"][0]["weight"], 100, "{}", toy.tail());
}

#[test]
fn a_replica_set_that_cannot_be_created_is_said() {
    let mut toy = Toy::new(json!({}), 1);
    toy.settle();
    let known = toy.sets.clone();
    toy.set_image("web:2");
    toy.step();
    let hash = toy.hash_of("web:2");
    let name = format!("web-{hash}");
    toy.sets = known;
    toy.refusals.insert(("ReplicaSet".into(), name.clone()), "exceeded quota".into());
    toy.looks(6);
    let expected = format!("Failed to create new replica set \"{name}\": exceeded quota");
    assert_eq!(
        toy.condition("Progressing"),
        ("False".into(), "ReplicaSetCreateError".into(), expected),
        "{}",
        toy.tail()
    );
    assert_eq!(toy.status("phase"), "Progressing");
    assert!(toy.status("message").as_str().is_some_and(|text| text.ends_with("exceeded quota")), "{}", toy.tail());
    assert_eq!(refusals_told(&toy), ["ReplicaSetCreateError"], "{}", toy.tail());
    toy.refusals.clear();
    toy.settle();
    assert_eq!((toy.status("phase"), toy.pods_of("web:2")), (json!("Healthy"), 1), "{}", toy.tail());
}

/// The reasons of the Events for what the last look refused.
fn refusals_told(toy: &Toy) -> Vec<&'static str> {
    let plan = rollouts::decide(&toy.observe(), toy.now);
    plan.why
        .iter()
        .filter_map(|reason| match reason {
            Reason::Rollout(RolloutReason::WriteRefused { reason, .. }) => Some(*reason),
            _ => None,
        })
        .collect()
}

#[test]
fn a_refused_write_is_said_until_it_succeeds() {
    let forbidden = "is forbidden: User \"leadline\" cannot patch it";
    for (kind, name, reason) in [
        ("VirtualService", "web", "TrafficRoutingError"),
        ("Service", "canary", "WriteRefused"),
        ("ReplicaSet", "", "WriteRefused"),
    ] {
        let mut toy =
            Toy::new(routed(json!([{"setWeight": 25}, {"setWeight": 50}, {"pause": {}}])), 4).with_istio_hosts();
        toy.settle();
        toy.set_image("web:2");
        toy.step();
        toy.step();
        let name = if name.is_empty() { format!("web-{}", toy.hash_of("web:2")) } else { name.to_owned() };
        toy.refusals.insert((kind.into(), name), forbidden.into());
        toy.looks(12);
        let (value, said, message) = toy.condition("WriteRefused");
        assert_eq!((value.as_str(), said.as_str()), ("True", reason), "{kind}: {}", toy.tail());
        assert!(message.starts_with(kind) && message.ends_with(forbidden), "{message}");
        assert_eq!((toy.status("phase"), toy.status("message")), (json!("Progressing"), json!(message)), "{kind}");
        assert_eq!(refusals_told(&toy), [reason], "{kind}");
        toy.refusals.clear();
        toy.settle();
        assert_eq!(toy.condition("WriteRefused").0, "", "{kind}: {}", toy.tail());
        assert_eq!((toy.status("phase"), toy.weight()), (json!("Paused"), 50), "{kind}: {}", toy.tail());
    }
}

#[test]
fn a_name_that_somebody_else_holds_is_gone_around() {
    let mut toy = Toy::new(json!({}), 1);
    toy.step();
    let name = toy.sets.keys().next().cloned().expect("was created");
    toy.sets.clear();
    toy.refusals.insert(("ReplicaSet".into(), name.clone()), format!("replicasets.apps \"{name}\" already exists"));
    toy.settle();
    assert_eq!(toy.status("collisionCount"), 1, "{}", toy.tail());
    assert_eq!((toy.sets.contains_key(&name), toy.status("phase")), (false, json!("Healthy")));

    let mut toy =
        Toy::new(routed(json!([{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "rate"}]}}])), 2)
            .with_istio_hosts()
            .with_template("rate", metric());
    toy.settle();
    toy.set_image("web:2");
    toy.step();
    let name = run(&toy, "2-1");
    for taken in [name.clone(), format!("{name}.1")] {
        let words = format!("analysisruns.argoproj.io \"{taken}\" already exists");
        toy.refusals.insert(("AnalysisRun".into(), taken), words);
    }
    toy.settle();
    assert_eq!(toy.runs.keys().cloned().collect::<Vec<_>>(), [format!("{name}.2")], "{}", toy.tail());
}

#[test]
fn what_a_step_waits_for_is_said() {
    let mut toy = Toy::new(json!({"steps": [{"setWeight": 50}, {"pause": {}}]}), 4);
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy.pods_become_ready = false;
    toy.set_image("web:3");
    let plan = toy.settle();
    assert!(plan.to_string().contains("pods of older revisions are still there"), "{plan}");
}

#[test]
fn an_update_without_pods_is_late_too_and_the_next_one_starts_anew() {
    for abort in [false, true] {
        let mut toy = Toy::new(json!({"steps": [{"setWeight": 50}]}), 2);
        toy.patch(json!({"spec": {"progressDeadlineSeconds": 60}}));
        toy.settle();
        toy.set_image("web:2");
        // A quota, or a webhook, lets no pod come into being: no count ever moves.
        let look = |toy: &mut Toy| (0..9).for_each(|_| _ = toy.step());
        look(&mut toy);
        toy.now += TimeDelta::seconds(62);
        look(&mut toy);
        assert_eq!(toy.status("message").as_str().map(|text| text.contains("has timed out")), Some(true));
        toy.patch(json!({"spec": {"progressDeadlineAbort": abort}}));
        let mut next = toy.rollout["spec"]["template"].clone();
        next["spec"]["containers"][0]["image"] = "web:3".into();
        toy.patch(json!({"spec": {"template": next}}));
        look(&mut toy);
        assert_eq!(toy.condition("Progressing").1, "NewReplicaSetCreated", "{}", toy.tail());
        assert_eq!((toy.status("phase"), toy.status("abort")), (json!("Progressing"), Value::Null));
        toy.settle();
        assert_eq!(toy.status("phase"), "Healthy", "{}", toy.tail());
    }
}

#[test]
fn what_holds_an_update_for_long_stands_in_a_condition() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 50}, {"pause": {}}])), 2).with_istio_hosts();
    toy.settle();
    toy.endpoints_follow = false;
    toy.set_image("web:2");
    let plan = toy.settle();
    assert_eq!(toy.condition("Held").1, "", "what may pass in a moment is worth no write");
    assert_eq!(plan.requeue, Requeue::At(toy.now + TimeDelta::seconds(30)), "{plan}");
    toy.pass(31);
    let hash = toy.hash_of("web:2");
    let words = format!("service canary shows 0 of 1 ready endpoints of revision {hash}");
    assert_eq!(toy.condition("Held"), ("True".into(), "EndpointsNotReady".into(), words.clone()), "{}", toy.tail());
    let scene =
        Scene { rollout: &toy.observe().rollout, replica_sets: &[], pods: &[], runs: &[], experiments: &[], why: &[] };
    assert_eq!(View::of(&scene, toy.now).why, [words], "a client that knows only the status shows it");
    toy.endpoints_follow = true;
    toy.settle();
    assert_eq!((toy.weight(), toy.condition("Held").1.as_str()), (50, ""), "{}", toy.tail());
}
