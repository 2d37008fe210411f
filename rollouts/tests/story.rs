//! Stories of a canary, told by the rules alone.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::{Toy, routed};

#[test]
fn events_come_in_the_order_that_clients_expect() {
    let mut toy = Toy::new(json!({"steps": [{"setWeight": 50}, {"pause": {"duration": 3}}]}), 1);
    toy.settle();
    let install =
        ["RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet", "RolloutCompleted"];
    assert_eq!(toy.events, install);
    assert_eq!(toy.status("phase"), "Healthy", "{}", toy.tail());

    toy.events.clear();
    toy.set_image("web:2");
    toy.settle();
    let update = [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
    ];
    assert_eq!(toy.events, update);
    assert_eq!((toy.status("phase"), toy.status("message")), (json!("Paused"), json!("CanaryPauseStep")));

    toy.events.clear();
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!(toy.events, ["ScalingReplicaSet", "RolloutAborted"]);
    assert_eq!(toy.status("message"), "RolloutAborted: Rollout aborted update to revision 2");

    toy.events.clear();
    toy.patch(json!({"status": {"abort": false}}));
    toy.settle();
    toy.wake();
    let retry = [
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
        "RolloutStepCompleted",
        "RolloutResumed",
        "ScalingReplicaSet",
        "RolloutCompleted",
    ];
    assert_eq!(toy.events, retry, "{}", toy.tail());
    assert_eq!((toy.status("phase"), toy.pods_of("web:1"), toy.pods_of("web:2")), (json!("Healthy"), 0, 1));
}

#[test]
fn a_routed_canary_moves_in_steps_and_nothing_is_cut_off() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}])), 4)
        .with_istio_hosts();
    toy.settle();
    assert_eq!(toy.services["stable"]["spec"]["selector"]["rollouts-pod-template-hash"], toy.hash_of("web:1"));

    toy.set_image("web:2");
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:1"), toy.pods_of("web:2")), (20, 4, 1), "{}", toy.tail());
    assert_eq!(toy.status("canary/weights/canary/weight"), 20);
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:2"), toy.status("currentStepIndex")), (60, 3, json!(3)));

    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    assert_eq!(
        (toy.weight(), toy.pods_of("web:1"), toy.pods_of("web:2")),
        (0, 4, 4),
        "the stable service leads to the new pods now"
    );
    assert_eq!(toy.status("stableRS"), toy.hash_of("web:2"));
    assert_eq!(toy.services["stable"]["spec"]["selector"]["rollouts-pod-template-hash"], toy.hash_of("web:2"));
    toy.pass(31);
    assert_eq!((toy.pods_of("web:1"), toy.status("phase")), (0, json!("Healthy")));
    assert!(toy.step().is_quiet(), "a quiet world gives an empty plan");
}

#[test]
fn an_abort_moves_traffic_first_and_pods_after_the_delay() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4).with_istio_hosts();
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:2")), (0, 2), "pods stay for the delay");
    assert_eq!(toy.services["canary"]["spec"]["selector"]["rollouts-pod-template-hash"], toy.hash_of("web:1"));
    assert_eq!(toy.status("phase"), "Degraded");
    toy.pass(31);
    assert_eq!(toy.pods_of("web:2"), 0);
}

#[test]
fn subsets_are_switched_only_while_nothing_is_sent_to_them() {
    let mut toy = Toy::by_subsets(json!([{"setWeight": 25}, {"pause": {}}]));
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    let subset = |toy: &Toy, index: usize| {
        toy.rules["web"]["spec"]["subsets"][index]["labels"]["rollouts-pod-template-hash"].clone()
    };
    assert_eq!(
        (subset(&toy, 0), subset(&toy, 1), toy.weight()),
        (toy.hash_of("web:1").into(), toy.hash_of("web:2").into(), 25)
    );
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    toy.pass(31);
    assert_eq!(
        (subset(&toy, 0), toy.weight(), toy.pods_of("web:1")),
        (toy.hash_of("web:2").into(), 0, 0),
        "{}",
        toy.tail()
    );
}

#[test]
fn a_subset_selects_pods_once_they_are_among_its_endpoints() {
    let mut toy = Toy::by_subsets(json!([{"setWeight": 25}, {"pause": {}}]));
    toy.settle();
    toy.endpoints_follow = false;
    toy.set_image("web:2");
    toy.settle();
    let canary = |toy: &Toy| toy.rules["web"]["spec"]["subsets"][1]["labels"]["rollouts-pod-template-hash"].clone();
    assert_eq!((canary(&toy), toy.pods_of("web:2")), (toy.hash_of("web:1").into(), 1), "{}", toy.tail());
    toy.endpoints_follow = true;
    toy.settle();
    assert_eq!((canary(&toy), toy.weight()), (toy.hash_of("web:2").into(), 25), "{}", toy.tail());
}

#[test]
fn a_failed_analysis_takes_the_update_back_and_says_why() {
    let mut strategy = routed(json!([{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "rate"}]}}]));
    strategy["analysis"] = json!({"templates": [{"templateName": "watch"}], "startingStep": 1});
    let metric =
        json!({"metrics": [{"name": "m", "successCondition": "true", "provider": {"prometheus": {"query": "up"}}}]});
    let mut toy =
        Toy::new(strategy, 2).with_istio_hosts().with_template("rate", metric.clone()).with_template("watch", metric);
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    let hash = toy.hash_of("web:2");
    let (step, background) = (format!("web-{hash}-2-1"), format!("web-{hash}-2"));
    assert_eq!(toy.runs.keys().cloned().collect::<Vec<_>>(), [background.clone(), step.clone()]);
    assert_eq!(toy.status("canary/currentStepAnalysisRunStatus/name"), step);

    toy.end_run(&step, "Running", "");
    toy.settle();
    let told = format!("Step Analysis Run '{step}' Status New: 'Running' Previous: 'NoPreviousStatus'");
    assert_eq!(toy.log.iter().filter(|line| line.contains(&told)).count(), 1, "{}", toy.tail());
    toy.end_run(&step, "Failed", "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
    toy.settle();
    assert_eq!((toy.weight(), toy.status("abort")), (0, json!(true)));
    let (_, reason, message) = toy.condition("Progressing");
    assert_eq!(reason, "RolloutAborted");
    assert!(
        message.ends_with(
            "Step-based analysis phase error/failed: Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)"
        ),
        "{message}"
    );
    assert_eq!(toy.runs[&background]["spec"]["terminate"], true, "the other run is ended");
    let told = format!("AnalysisRunFailed: Step Analysis Run '{step}' Status New: 'Failed' Previous: 'Running'");
    assert!(toy.tail().contains(&told), "{}", toy.tail());

    toy.patch(json!({"status": {"abort": false}}));
    toy.settle();
    assert!(toy.runs.contains_key(&format!("{step}.1")), "a retry is judged by a new run: {:?}", toy.runs.keys());
    toy.end_run(&format!("{step}.1"), "Successful", "");
    toy.settle();
    assert_eq!(toy.status("stableRS"), hash);
}

#[test]
fn an_inconclusive_analysis_holds_until_a_person_decides() {
    let steps = json!([{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "rate"}]}}]);
    let metric = json!({"metrics": [{"name": "m", "provider": {"prometheus": {"query": "up"}}}]});
    let mut toy = Toy::new(routed(steps), 2).with_istio_hosts().with_template("rate", metric);
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    let step = format!("web-{}-2-1", toy.hash_of("web:2"));
    toy.end_run(&step, "Inconclusive", "");
    toy.settle();
    assert_eq!((toy.status("phase"), toy.status("message")), (json!("Paused"), json!("InconclusiveAnalysisRun")));
    toy.patch(json!({"status": {"pauseConditions": null, "controllerPause": false, "currentStepIndex": 2}}));
    toy.settle();
    assert_eq!(toy.status("stableRS"), toy.hash_of("web:2"), "{}", toy.tail());
}

#[test]
fn what_is_missing_is_said_and_nothing_moves() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 50}, {"pause": {}}])), 2).with_istio_hosts();
    toy.settle();
    let route = toy.routes.remove("web").expect("was there");
    toy.set_image("web:2");
    toy.settle();
    let expected = "The Rollout \"web\" is invalid: spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: \"web\": virtualservices.networking.istio.io \"web\" not found";
    assert_eq!(toy.condition("InvalidSpec").2, expected);
    assert_eq!((toy.sets.len(), toy.status("phase")), (1, json!("Degraded")));
    let why: Vec<String> = toy.step().why.iter().map(ToString::to_string).collect();
    assert_eq!(why.last().map(String::as_str), Some("VirtualService `web` not found"));
    toy.routes.insert("web".into(), route);
    toy.settle();
    assert_eq!((toy.weight(), toy.condition("InvalidSpec").0.as_str()), (50, ""), "it goes on as soon as it is mended");
}

#[test]
fn an_unsupported_field_is_refused_by_name() {
    for (path, strategy) in [
        ("spec.strategy.canary.steps[0].plugin", json!({"steps": [{"plugin": {"name": "x"}}]})),
        (
            "spec.strategy.canary.trafficRouting.plugins.other",
            json!({"canaryService": "a", "stableService": "b", "trafficRouting": {"plugins": {"other": {}}}}),
        ),
    ] {
        let mut toy = Toy::new(strategy, 1);
        toy.settle();
        let expected = format!("The Rollout \"web\" is invalid: {path}: Forbidden: not supported by this version");
        assert_eq!(toy.condition("InvalidSpec").2, expected);
        assert!(toy.sets.is_empty());
    }
}

#[test]
fn a_restart_that_was_carried_out_elsewhere_asks_for_nothing() {
    let mut toy = Toy::new(json!({}), 1);
    let time = "2020-01-01T00:00:00Z";
    toy.patch(json!({"spec": {"restartAt": time}, "status": {"restartedAt": time}}));
    toy.settle();
    assert_eq!((toy.status("phase"), toy.status("restartedAt")), (json!("Healthy"), json!(time)));
}

#[test]
fn a_new_version_in_mid_update_and_the_way_back() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4).with_istio_hosts();
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy.set_image("web:3");
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:3"), toy.pods_of("web:2")), (50, 2, 2), "the second one drains");
    toy.pass(31);
    assert_eq!(toy.pods_of("web:2"), 0);
    toy.events.clear();
    toy.set_image("web:1");
    toy.settle();
    assert!(toy.events.contains(&"SkipSteps".to_owned()), "{:?}", toy.events);
    assert_eq!((toy.weight(), toy.pods_of("web:1")), (0, 4));
    toy.pass(31);
    assert_eq!((toy.pods_of("web:3"), toy.status("phase")), (0, json!("Healthy")), "{}", toy.tail());
}

#[test]
fn a_foreign_weight_is_told_and_taken_back() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 50}, {"pause": {}}])), 4).with_istio_hosts();
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    let route = toy.routes.get_mut("web").expect("is there");
    route["spec"]["http"][0]["route"][0]["weight"] = 10.into();
    route["spec"]["http"][0]["route"][1]["weight"] = 90.into();
    route["metadata"]["managedFields"] = json!([{"manager": "kubectl-edit", "time": "2030-01-01T00:00:00Z"}]);
    let plan = toy.step();
    assert!(
        plan.to_string().contains("kubectl-edit set the weight in VirtualService web to 90 %, it is set to 50 % again"),
        "{plan}"
    );
    toy.settle();
    assert_eq!(toy.weight(), 50);
    // What we moved ourselves on the way, and did not report, is nobody else's.
    let route = toy.routes.get_mut("web").expect("is there");
    route["spec"]["http"][0]["route"][0]["weight"] = 100.into();
    route["spec"]["http"][0]["route"][1]["weight"] = 0.into();
    route["metadata"]["managedFields"][0]["manager"] = "leadline-controller".into();
    let plan = toy.step().to_string();
    assert!(plan.contains("VirtualService web sends 50 %") && !plan.contains("again"), "{plan}");
}

#[test]
fn promote_full_waits_for_all_pods_then_takes_everything() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 10}, {"pause": {}}])), 4).with_istio_hosts();
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy.pods_become_ready = false;
    toy.patch(json!({"status": {"promoteFull": true}}));
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:2")), (10, 4), "traffic waits for the pods");
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.settle();
    assert_eq!(toy.status("stableRS"), toy.hash_of("web:2"));
    assert_eq!(toy.status("promoteFull"), Value::Null);
}

#[test]
fn a_stuck_update_is_degraded_or_aborted_after_the_deadline() {
    for (abort, reason) in [(false, "ProgressDeadlineExceeded"), (true, "RolloutAborted")] {
        let mut toy = Toy::new(json!({"steps": [{"setWeight": 50}]}), 2);
        toy.patch(json!({"spec": {"progressDeadlineSeconds": 60, "progressDeadlineAbort": abort}}));
        toy.settle();
        toy.pods_become_ready = false;
        toy.set_image("web:2");
        toy.settle();
        toy.pass(62);
        assert_eq!(
            (toy.condition("Progressing").1.as_str(), toy.status("phase")),
            (reason, json!("Degraded")),
            "{}",
            toy.tail()
        );
    }
}

#[test]
fn old_revisions_go_beyond_the_history_limit() {
    let mut toy = Toy::new(json!({}), 1);
    toy.patch(json!({"spec": {"revisionHistoryLimit": 2}}));
    toy.settle();
    for version in 2..=6 {
        toy.set_image(&format!("web:{version}"));
        toy.now += chrono::TimeDelta::seconds(1);
        toy.settle();
    }
    assert_eq!(toy.sets.len(), 3, "two old ones and the current one");
    assert_eq!(toy.rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"], "6");
}
