//! Stories of analyses: what their end means, who goes on after one that could not decide, and what they are made of.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::{Toy, metric, routed, run, updating};

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
    toy.looks(1);
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
    let mut strategy = routed(json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]));
    strategy["analysis"] = json!({"templates": [{"templateName": "watch"}]});
    let mut toy = updating(strategy, 4);
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
    toy.looks(8);
    let background = run(&toy, "2");
    toy.end_run(&background, "Failed", "bad");
    toy.looks(8);
    assert_eq!((toy.status("abort"), toy.weight()), (json!(true), 0), "{}", toy.tail());
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
