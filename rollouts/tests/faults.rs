//! Stories of what goes wrong, and of people who act in the middle of it: nothing is cut off, nothing waits for ever, and what
//! holds it is said.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use chrono::TimeDelta;
use plan::{Reason, reason::RolloutReason};
use serde_json::{Value, json};
use toy::Toy;

fn routed(steps: Value) -> Value {
    json!({
        "canaryService": "canary", "stableService": "stable", "steps": steps,
        "trafficRouting": {"istio": {"virtualService": {"name": "web"}}},
    })
}

fn metric() -> Value {
    json!({"metrics": [{"name": "m", "provider": {"prometheus": {"query": "up"}}}]})
}

/// A routed canary of the second image that stands where its steps first hold it.
fn updating(strategy: Value, replicas: i32) -> Toy {
    let mut toy = Toy::new(strategy, replicas)
        .with_istio_hosts()
        .with_template("rate", metric())
        .with_template("watch", metric());
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy
}

/// A run of this suffix, by revision, step and number.
fn run(toy: &Toy, suffix: &str) -> String {
    format!("web-{}-{suffix}", toy.hash_of("web:2"))
}

fn looks(toy: &mut Toy, times: usize) {
    for _ in 0..times {
        toy.step();
        toy.kubelet();
    }
}

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
fn promote_full_goes_on_from_an_inconclusive_hold() {
    let mut strategy = routed(json!([{"setWeight": 25}, {"pause": {}}]));
    strategy["analysis"] = json!({"templates": [{"templateName": "watch"}]});
    let mut toy = updating(strategy, 4);
    let background = run(&toy, "2");
    toy.end_run(&background, "Inconclusive", "");
    toy.settle();
    assert_eq!(toy.status("pauseConditions").as_array().map(Vec::len), Some(2), "{}", toy.tail());
    toy.patch(json!({"status": {"promoteFull": true}}));
    looks(&mut toy, 1);
    assert_eq!(
        (toy.status("pauseConditions"), toy.status("currentStepIndex")),
        (Value::Null, json!(2)),
        "it no longer reads as paused"
    );
    toy.settle();
    assert_eq!((toy.status("stableRS"), toy.pods_of("web:2")), (toy.hash_of("web:2").into(), 4), "{}", toy.tail());
}

#[test]
fn whoever_goes_on_after_an_inconclusive_background_run_gets_a_new_one_and_is_asked_once() {
    for steps in
        [json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]), json!([{"setWeight": 25}])]
    {
        let mut strategy = routed(steps);
        strategy["analysis"] = json!({"templates": [{"templateName": "watch"}]});
        let mut toy = updating(strategy, 4);
        if toy.status("stableRS") == json!(toy.hash_of("web:2")) {
            continue;
        }
        let background = run(&toy, "2");
        toy.end_run(&background, "Inconclusive", "");
        toy.settle();
        toy.patch(json!({"status": {"pauseConditions": null}}));
        toy.settle();
        assert_eq!((toy.weight(), toy.status("currentStepIndex")), (50, json!(3)), "{}", toy.tail());
        assert!(!toy.status("pauseConditions").to_string().contains("Inconclusive"), "{}", toy.tail());
        let second = format!("{background}.1");
        assert_eq!(toy.status("canary/currentBackgroundAnalysisRunStatus/name"), second);
        toy.end_run(&second, "Inconclusive", "");
        toy.settle();
        assert!(toy.status("pauseConditions").to_string().contains("Inconclusive"), "the second is asked about too");
    }
}

#[test]
fn whoever_goes_on_after_an_inconclusive_step_gets_a_new_run() {
    let mut toy =
        updating(routed(json!([{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "rate"}]}}])), 2);
    let step = run(&toy, "2-1");
    toy.end_run(&step, "Inconclusive", "");
    toy.settle();
    toy.events.clear();
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    assert_eq!(toy.status("canary/currentStepAnalysisRunStatus/name"), format!("{step}.1"));
    assert_eq!((toy.status("controllerPause"), toy.events.clone()), (Value::Null, vec!["RolloutResumed".to_owned()]));
    toy.end_run(&format!("{step}.1"), "Successful", "");
    toy.settle();
    assert_eq!(toy.status("stableRS"), toy.hash_of("web:2"));
}

#[test]
fn a_skipped_step_takes_its_run_along() {
    let analysis = json!({"analysis": {"templates": [{"templateName": "rate"}]}});
    let mut toy = updating(routed(json!([{"setWeight": 50}, analysis, analysis])), 2);
    let (first, second) = (run(&toy, "2-1"), run(&toy, "2-2"));
    toy.patch(json!({"status": {"currentStepIndex": 2}}));
    toy.settle();
    assert_eq!(toy.runs[&first]["spec"]["terminate"], true, "{}", toy.tail());
    assert_eq!(toy.status("canary/currentStepAnalysisRunStatus/name"), second);
    toy.end_run(&first, "Successful", "");
    toy.settle();
    assert_eq!(toy.status("currentStepIndex"), 2, "the first run says nothing about the second step");
}

#[test]
fn a_failed_analysis_takes_the_update_back_although_a_write_is_refused() {
    let mut strategy = routed(json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]));
    strategy["analysis"] = json!({"templates": [{"templateName": "watch"}]});
    let mut toy = updating(strategy, 4);
    let canary = format!("web-{}", toy.hash_of("web:2"));
    toy.refusals.insert(("ReplicaSet".into(), canary), "no".into());
    toy.patch(json!({"status": {"pauseConditions": null}}));
    looks(&mut toy, 8);
    let background = run(&toy, "2");
    toy.end_run(&background, "Failed", "bad");
    looks(&mut toy, 8);
    assert_eq!((toy.status("abort"), toy.weight()), (json!(true), 0), "{}", toy.tail());
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
    let mut strategy = routed(json!([{"setWeight": 25}, {"pause": {}}]));
    strategy["trafficRouting"]["istio"]["destinationRule"] =
        json!({"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"});
    strategy.as_object_mut().expect("an object").retain(|key, _| !key.ends_with("Service"));
    let mut toy = Toy::new(strategy, 4).with_istio_subsets();
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
    let mut strategy = routed(json!([{"setWeight": 25}, {"pause": {}}]));
    strategy["trafficRouting"]["istio"]["destinationRule"] =
        json!({"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"});
    strategy.as_object_mut().expect("an object").retain(|key, _| !key.ends_with("Service"));
    let mut toy = Toy::new(strategy, 4).with_istio_subsets();
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
    looks(&mut toy, 6);
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
        looks(&mut toy, 12);
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
fn a_run_that_somebody_deleted_is_started_again() {
    let mut toy =
        updating(routed(json!([{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "rate"}]}}])), 2);
    let step = run(&toy, "2-1");
    toy.runs.get_mut(&step).expect("is there")["status"] = json!({"phase": "Running"});
    toy.settle();
    toy.runs.clear();
    toy.settle();
    assert_eq!(toy.runs.keys().cloned().collect::<Vec<_>>(), vec![step.clone()]);
    toy.end_run(&step, "Successful", "");
    toy.settle();
    assert_eq!(toy.status("stableRS"), toy.hash_of("web:2"));
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
fn a_template_that_is_gone_stands_in_the_way_of_no_abort() {
    let steps = json!([{"setWeight": 50}, {"pause": {}}]);
    let asked = |toy: &mut Toy, _: &str| toy.patch(json!({"status": {"abort": true}}));
    let failed = |toy: &mut Toy, run: &str| toy.end_run(run, "Failed", "");
    for end in [asked as fn(&mut Toy, &str), failed] {
        let mut strategy = routed(steps.clone());
        strategy["analysis"] = json!({"templates": [{"templateName": "watch"}]});
        let mut toy = updating(strategy, 4);
        toy.templates.clear();
        toy.settle();
        assert!(toy.condition("InvalidSpec").2.ends_with("AnalysisTemplate 'watch' not found"));
        let background = run(&toy, "2");
        end(&mut toy, &background);
        toy.settle();
        assert_eq!((toy.weight(), toy.condition("Progressing").1.as_str()), (0, "RolloutAborted"), "{}", toy.tail());
        toy.patch(json!({"status": {"abort": false}}));
        toy.settle();
        assert_eq!((toy.weight(), toy.status("phase")), (0, json!("Degraded")), "it does not begin again without it");
    }
}

#[test]
fn an_argument_is_read_when_its_run_begins() {
    let argument = |path: &str| json!([{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": path}}}]);
    let steps = |path: &str| json!([{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "rate"}], "args": argument(path)}}]);
    let mut template = metric();
    template["args"] = json!([{"name": "x"}]);
    let story = |path: &str| {
        let mut toy = Toy::new(routed(steps(path)), 2).with_istio_hosts().with_template("rate", template.clone());
        toy.settle();
        assert_eq!(toy.status("phase"), "Healthy", "{path}: {}", toy.tail());
        toy.set_image("web:2");
        toy.settle();
        toy
    };
    for (path, value) in [("status.canary.weights.canary.weight", "50"), ("metadata.labels['region']", "")] {
        let toy = story(path);
        assert_eq!(toy.runs[&run(&toy, "2-1")]["spec"]["args"], json!([{"name": "x", "value": value}]));
    }
    let mut toy = story("status.pauseConditions[0].reason");
    let expected =
        "steps[1].analysis.args: Invalid value: \"\": invalid path status.pauseConditions[0].reason in rollout";
    assert!(toy.condition("InvalidSpec").2.ends_with(expected), "{}", toy.tail());
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.condition("Progressing").1.as_str()), (0, "RolloutAborted"));
}
