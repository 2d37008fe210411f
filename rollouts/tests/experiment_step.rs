//! Stories of an experiment as a canary step: what it is made of, what its end means, and who goes on without it.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use plan::reason::RolloutReason;
use serde_json::{Value, json};
use toy::{Toy, routed};

fn step() -> Value {
    json!({"experiment": {
        "duration": "1m", "scaleDownDelaySeconds": 5,
        "templates": [
            {"name": "base", "specRef": "stable"},
            {"name": "next", "specRef": "canary", "replicas": 2, "service": {},
             "metadata": {"labels": {"side": "next"}, "annotations": {"note": "x"}}},
        ],
        "analyses": [{"name": "check", "templateName": "rate", "requiredForCompletion": true, "args": [
            {"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}},
            {"name": "set", "value": "{{templates.next.replicaset.name}}"},
        ]}],
    }})
}

/// An update that stands at its first step.
fn standing(steps: Value) -> Toy {
    let mut toy = Toy::new(json!({"steps": steps}), 2);
    toy.rollout["metadata"]["labels"] = json!({"team": "a"});
    toy.rollout["spec"]["minReadySeconds"] = json!(3);
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy
}

/// The experiment of a step, by revision, step and number.
fn named(toy: &Toy, suffix: &str) -> String {
    format!("web-{}-{suffix}", toy.hash_of("web:2"))
}

#[test]
fn it_is_made_of_the_two_revisions_and_recorded_before_it_is_created() {
    let mut toy = standing(json!([step(), {"pause": {}}]));
    let name = named(&toy, "2-0");
    assert_eq!((toy.status("canary/currentExperiment"), toy.pods_of("web:2")), (json!(name), 0), "{}", toy.tail());
    let record = toy.log.iter().position(|line| line.contains("currentExperiment")).expect("it is recorded");
    let creation = toy.log.iter().position(|line| line.starts_with(&format!("create Experiment shop/{name}")));
    assert!(creation.is_some_and(|creation| record < creation), "{}", toy.tail());
    assert_eq!(toy.events.last().map(String::as_str), Some("ExperimentCreated"));

    let made = &toy.experiments[&name];
    let hash = toy.hash_of("web:2");
    let labels = json!({"team": "a", "rollouts-pod-template-hash": hash});
    assert_eq!(
        (&made["metadata"]["labels"], &made["metadata"]["annotations"]),
        (&labels, &json!({"rollout.argoproj.io/revision": "2"}))
    );
    let spec = &made["spec"];
    assert_eq!((&spec["duration"], &spec["scaleDownDelaySeconds"]), (&json!("1m"), &json!(5)));
    let images: Vec<&Value> =
        [0, 1].iter().map(|index| &spec["templates"][index]["template"]["spec"]["containers"][0]["image"]).collect();
    assert_eq!(images, ["web:1", "web:2"]);
    let next = &spec["templates"][1];
    let selector = json!({"app": "web", "side": "next", "rollouts-pod-template-hash": hash});
    assert_eq!((&next["selector"]["matchLabels"], &next["template"]["metadata"]["labels"]), (&selector, &selector));
    assert_eq!(next["template"]["metadata"]["annotations"], json!({"note": "x"}));
    assert_eq!((&next["replicas"], &next["minReadySeconds"], &next["service"]), (&json!(2), &json!(3), &json!({})));
    assert!(spec["templates"][0].get("service").is_none());
    let args = json!([{"name": "hash", "value": hash}, {"name": "set", "value": "{{templates.next.replicaset.name}}"}]);
    assert_eq!(spec["analyses"][0]["args"], args);

    let plan = toy.settle();
    let waits = RolloutReason::ExperimentUnfinished { experiment: name.clone(), phase: String::new() };
    assert!(plan.why.contains(&waits.into()), "{plan}");
    toy.end_experiment(&name, "Successful", "");
    toy.settle();
    assert_eq!((toy.status("currentStepIndex"), toy.status("canary/currentExperiment")), (json!(1), Value::Null));
    assert!(toy.events.contains(&"RolloutStepCompleted".to_owned()), "{:?}", toy.events);
}

#[test]
fn what_its_end_means() {
    for (phase, message, status, words) in [
        ("Failed", "too slow", "Degraded", "Experiment analysis phase is error/failed: too slow"),
        ("Error", "", "Degraded", "Rollout aborted update to revision 2: Experiment analysis phase is error/failed"),
        ("Inconclusive", "", "Paused", "InconclusiveExperiment"),
        ("Running", "", "Progressing", "more replicas need to be updated"),
    ] {
        let mut toy = standing(json!([step(), {"pause": {}}]));
        let name = named(&toy, "2-0");
        toy.end_experiment(&name, phase, message);
        toy.settle();
        assert_eq!(toy.status("phase"), status, "{phase}: {}", toy.tail());
        assert!(toy.status("message").as_str().expect("a message").ends_with(words), "{}", toy.status("message"));
        let is_recorded = toy.status("canary/currentExperiment") == json!(name);
        assert_eq!(is_recorded, phase != "Failed" && phase != "Error");
    }
}

#[test]
fn whoever_goes_on_after_an_inconclusive_one_gets_another() {
    let mut toy = standing(json!([step(), {"pause": {}}]));
    let first = named(&toy, "2-0");
    toy.end_experiment(&first, "Inconclusive", "");
    toy.settle();
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
    let second = format!("{first}-1");
    assert_eq!(toy.status("canary/currentExperiment"), json!(second), "{}", toy.tail());
    toy.end_experiment(&second, "Successful", "");
    toy.settle();
    assert_eq!(toy.status("currentStepIndex"), 1);
}

#[test]
fn leaving_the_step_ends_it() {
    let abort = json!({"status": {"abort": true}});
    let full = json!({"status": {"promoteFull": true}});
    let skip = json!({"status": {"currentStepIndex": 1}});
    let other = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "web:3"}]}}}});
    for patch in [abort, full, skip, other] {
        let mut toy = standing(json!([step(), {"pause": {}}]));
        let name = named(&toy, "2-0");
        toy.end_experiment(&name, "Running", "");
        toy.patch(patch.clone());
        toy.settle();
        assert_eq!(toy.experiments[&name]["spec"]["terminate"], true, "{patch}: {}", toy.tail());
        assert_ne!(toy.status("canary/currentExperiment"), json!(name), "{patch}");
    }
}

#[test]
fn a_retry_begins_with_another_and_a_name_that_others_hold_is_passed_over() {
    let mut toy = standing(json!([step(), {"pause": {}}]));
    let name = named(&toy, "2-0");
    toy.end_experiment(&name, "Failed", "");
    toy.settle();
    toy.patch(json!({"status": {"abort": false}}));
    toy.settle();
    assert_eq!(toy.status("canary/currentExperiment"), json!(format!("{name}-1")), "{}", toy.tail());

    let mut toy = Toy::new(json!({"steps": [step(), {"pause": {}}]}), 2);
    toy.settle();
    toy.set_image("web:2");
    toy.looks(2);
    let name = named(&toy, "2-0");
    toy.refusals.insert(("Experiment".into(), name.clone()), format!("experiments \"{name}\" already exists"));
    toy.settle();
    assert_eq!(toy.experiments.keys().collect::<Vec<_>>(), [&format!("{name}-1")], "{}", toy.tail());
}

#[test]
fn one_that_somebody_removed_is_made_again_and_old_ones_go() {
    let mut toy = standing(json!([step(), {"pause": {}}]));
    toy.patch(json!({"spec": {"analysis": {"successfulRunHistoryLimit": 0, "unsuccessfulRunHistoryLimit": 1}}}));
    let name = named(&toy, "2-0");
    toy.experiments.clear();
    toy.settle();
    assert_eq!(toy.experiments.keys().collect::<Vec<_>>(), [&name]);
    toy.end_experiment(&name, "Successful", "");
    toy.settle();
    assert!(toy.experiments.is_empty(), "beyond the limit:\n{}", toy.tail());
}

#[test]
fn the_progress_deadline_does_not_count_meanwhile_and_pods_stay_as_they_are() {
    let mut toy = Toy::new(routed(json!([{"setWeight": 50}, step()])), 2).with_istio_hosts();
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    assert_eq!((toy.weight(), toy.status("currentStepIndex")), (50, json!(1)), "{}", toy.tail());
    toy.pass(2_000);
    assert_eq!((toy.condition("Progressing").1.as_str(), toy.weight()), ("ReplicaSetUpdated", 50));
    toy.end_experiment(&named(&toy, "2-1"), "Inconclusive", "");
    toy.settle();
    assert_eq!((toy.weight(), toy.pods_of("web:2"), toy.pods_of("web:1")), (50, 1, 2));
    toy.patch(json!({"spec": {"replicas": 4}}));
    toy.settle();
    assert_eq!(toy.pods_of("web:1"), 2, "a pause for a person stops every scaling");
}

#[test]
fn what_it_could_never_do_is_refused_by_its_path() {
    let base = json!({"name": "base", "specRef": "stable"});
    let fields = |fields: Value| {
        let mut template = base.clone();
        toy::merge(&mut template, &fields);
        json!({ "templates": [template] })
    };
    let path = "spec.strategy.canary.steps[0]";
    let field = json!([{"name": "a", "templateName": "rate", "args": [{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.generation"}}}]}]);
    let late = json!([{"name": "a", "templateName": "rate", "args": [{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "status.nothing"}}}]}]);
    for (experiment, expected) in [
        (
            fields(json!({"weight": 5})),
            format!(
                "{path}.experiment.templates[0].weight: Invalid value: 5: Experiment template weight cannot be set unless TrafficRouting is enabled"
            ),
        ),
        (
            json!({"templates": [base], "analyses": field}),
            format!(
                "{path}.analyses: Invalid value: [{{\"name\":\"x\",\"valueFrom\":{{\"fieldRef\":{{\"fieldPath\":\"metadata.generation\"}}}}}}]: Analyses arguments must refer to valid object metadata supported by downwardAPI"
            ),
        ),
        (
            fields(json!({"specRef": "next"})),
            format!("{path}.experiment.templates[0].specRef: Invalid value: \"next\": must be canary or stable"),
        ),
        (
            json!({"templates": [base, base]}),
            format!(
                "{path}.experiment.templates[1].name: Invalid value: \"base\": every template needs a name of its own"
            ),
        ),
        (
            json!({"templates": [base], "duration": "soon"}),
            format!("{path}.experiment.duration: Invalid value: \"soon\": it is no duration"),
        ),
        (
            json!({"templates": [base], "analyses": late}),
            format!("{path}.experiment: Invalid value: \"\": invalid path status.nothing in rollout"),
        ),
    ] {
        let toy = standing(json!([{ "experiment": experiment }]));
        let message = toy.condition("InvalidSpec").2;
        assert!(message.starts_with(&format!("The Rollout \"web\" is invalid: {expected}")), "{message}");
        assert!(toy.experiments.is_empty());
    }
}
