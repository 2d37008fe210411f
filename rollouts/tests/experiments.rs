//! Stories of an Experiment, told by the rules alone: its whole life, how it can end, and what stands in its way.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod lab;
mod toy;

use chrono::TimeDelta;
use lab::Lab;
use plan::{Requeue, reason::RolloutReason};
use rollouts::experiment::decide;
use serde_json::{Value, json};

fn running(spec: Value) -> Lab {
    let mut lab = Lab::new(spec);
    lab.settle();
    lab
}

#[test]
fn a_whole_life() {
    let mut lab = Lab::new(json!({
        "duration": "1m", "scaleDownDelaySeconds": 10,
        "templates": [lab::template("base", "web:1"), lab::served("next", "web:2")],
        "analyses": [{"name": "check", "templateName": "rate", "args": [
            {"name": "hash", "value": "{{templates.next.podTemplateHash}}"},
            {"name": "set", "value": "{{templates.base.replicaset.name}}"},
            {"name": "from", "value": "{{experiment.availableAt}} {{experiment.finishedAt}}"},
        ]}],
    }));
    lab.pods_become_ready = false;
    lab.settle();
    assert_eq!((lab.status("phase"), lab.pods("trial-base"), lab.pods("trial-next")), (json!("Pending"), 1, 1));
    assert!(lab.all("AnalysisRun").is_empty(), "nothing is judged before there are pods");
    let service = lab.object("Service", "trial-next");
    assert_eq!(service["spec"]["ports"], json!([{"name": "http", "port": 8080, "targetPort": 8080}]));
    assert_eq!(service["spec"]["selector"], lab.object("ReplicaSet", "trial-next")["metadata"]["labels"]);

    lab.pods_become_ready = true;
    lab.kubelet();
    lab.settle();
    assert_eq!(lab.status("phase"), "Running", "{}", lab.tail());
    let run = lab.object("AnalysisRun", "trial-check");
    let hash = lab.object("ReplicaSet", "trial-next")["metadata"]["labels"]["rollouts-pod-template-hash"].clone();
    assert_eq!(lab.status("templateStatuses/1/podTemplateHash"), hash);
    assert_eq!(lab.status("templateStatuses/1/serviceName"), "trial-next");
    let values: Vec<&Value> =
        run["spec"]["args"].as_array().expect("arguments").iter().map(|arg| &arg["value"]).collect();
    assert_eq!(values, [&hash, &json!("trial-base"), &json!("2023-11-14T22:13:20Z 2023-11-14T22:14:20Z")]);
    let condition = (lab.condition("Progressing").1, lab.condition("Progressing").2);
    assert_eq!(condition, ("NewReplicaSetAvailable".into(), "Experiment \"trial\" is running.".into()));

    lab.end_run("trial-check", "Successful", "");
    lab.settle();
    assert_eq!(lab.status("phase"), "Running", "a good analysis does not end it");
    lab.wake();
    assert_eq!((lab.status("phase"), lab.pods("trial-base")), (json!("Successful"), 1), "{}", lab.tail());
    let condition = lab.condition("Progressing");
    assert_eq!((condition.0.as_str(), condition.1.as_str()), ("False", "ExperimentCompleted"));
    assert_eq!(condition.2, "Experiment \"trial\" has successfully ran and completed.");
    assert!(lab.all("Service").contains(&"trial-next".to_owned()), "its pods still answer");
    lab.wake();
    assert_eq!((lab.pods("trial-base"), lab.pods("trial-next"), lab.all("Service").len()), (0, 0, 0), "{}", lab.tail());
    assert_eq!(lab.status("templateStatuses/1/serviceName"), Value::Null);
    let plan = lab.settle();
    assert_eq!((plan.writes().len(), plan.requeue), (0, Requeue::Never));
    assert_eq!(
        lab.told,
        [
            "TemplateProgressing: Template 'base' transitioned from  -> Progressing",
            "TemplateProgressing: Template 'next' transitioned from  -> Progressing",
            "ExperimentPending: Experiment transitioned from  -> Pending",
            "ScalingReplicaSet: Scaled up ReplicaSet trial-base from 0 to 1",
            "ScalingReplicaSet: Scaled up ReplicaSet trial-next from 0 to 1",
            "TemplateRunning: Template 'base' transitioned from Progressing -> Running",
            "TemplateRunning: Template 'next' transitioned from Progressing -> Running",
            "ExperimentRunning: Experiment transitioned from Pending -> Running",
            "AnalysisRunSuccessful: AnalysisRun 'check' transitioned from  -> Successful",
            "TemplateSuccessful: Template 'base' transitioned from Running -> Successful",
            "TemplateSuccessful: Template 'next' transitioned from Running -> Successful",
            "ExperimentSuccessful: Experiment transitioned from Running -> Successful",
            "ScalingReplicaSet: Scaled down ReplicaSet trial-base from 1 to 0",
            "ScalingReplicaSet: Scaled down ReplicaSet trial-next from 1 to 0",
        ]
    );
}

#[test]
fn its_analyses_decide_how_it_ends() {
    let required = json!({"name": "must", "templateName": "rate", "requiredForCompletion": true});
    let other = json!({"name": "may", "templateName": "rate"});
    for (analyses, ended, phase, message) in [
        (json!([other]), ("trial-may", "Failed"), "Failed", Some("so it is")),
        (json!([other]), ("trial-may", "Error"), "Error", Some("so it is")),
        (json!([other]), ("trial-may", "Inconclusive"), "Inconclusive", Some("so it is")),
        (json!([other]), ("trial-may", "Successful"), "Running", None),
        (json!([required]), ("trial-must", "Successful"), "Successful", None),
        (json!([required, other]), ("trial-must", "Successful"), "Successful", Some("Required AnalysisRuns completed")),
        (json!([required, other]), ("trial-may", "Successful"), "Running", None),
        (json!([required, other]), ("trial-may", "Failed"), "Failed", Some("so it is")),
    ] {
        let mut lab = running(json!({"templates": [lab::template("base", "web:1")], "analyses": analyses}));
        let message_of_run = if ended.1 == "Successful" { "" } else { "so it is" };
        lab.end_run(ended.0, ended.1, message_of_run);
        lab.settle();
        assert_eq!(lab.status("phase"), phase, "{analyses} {ended:?}: {}", lab.tail());
        assert_eq!(lab.status("message").as_str(), message, "{analyses} {ended:?}");
        for name in lab.all("AnalysisRun") {
            let run = lab.object("AnalysisRun", &name);
            let is_ended = phase != "Running" && run["status"]["phase"].is_null();
            assert_eq!(run["spec"]["terminate"] == json!(true), is_ended, "{name} of {analyses}");
        }
    }
}

#[test]
fn when_its_time_is_over_only_what_it_cannot_do_without_is_waited_for() {
    for (required, phase) in [(false, "Successful"), (true, "Running")] {
        let analysis = json!({"name": "check", "templateName": "rate", "requiredForCompletion": required});
        let mut lab =
            running(json!({"duration": "1m", "templates": [lab::template("base", "web:1")], "analyses": [analysis]}));
        lab.wake();
        assert_eq!(lab.status("phase"), phase, "{}", lab.tail());
        assert_eq!(lab.object("AnalysisRun", "trial-check")["spec"]["terminate"] == json!(true), !required);
        lab.end_run("trial-check", "Failed", "late");
        lab.settle();
        assert_eq!(lab.status("phase"), if required { "Failed" } else { "Successful" });
    }
}

#[test]
fn somebody_ends_it_at_any_time() {
    for looks in 0..8 {
        let analysis = json!({"name": "check", "templateName": "rate", "requiredForCompletion": true});
        let mut lab = Lab::new(json!({"templates": [lab::served("base", "web:1")], "analyses": [analysis]}));
        for _ in 0..looks {
            lab.step();
            lab.kubelet();
        }
        lab.patch(json!({"spec": {"terminate": true}}));
        lab.settle();
        for run in lab.all("AnalysisRun") {
            assert_eq!(lab.object("AnalysisRun", &run)["spec"]["terminate"], true);
            lab.end_run(&run, "Successful", "Run Terminated");
        }
        lab.settle();
        lab.pass(31);
        assert_eq!(lab.status("phase"), "Successful", "after {looks} looks: {}", lab.tail());
        let pods: i64 = lab.all("ReplicaSet").iter().map(|name| lab.pods(name)).sum();
        assert_eq!((pods, lab.all("Service").len()), (0, 0), "after {looks} looks: {}", lab.tail());
    }
}

#[test]
fn pods_that_do_not_come_in_time_fail_it() {
    let mut lab = Lab::new(json!({"progressDeadlineSeconds": 30, "templates": [lab::template("base", "web:1")]}));
    lab.pods_become_ready = false;
    let plan = lab.settle();
    assert_eq!(plan.requeue, Requeue::At(lab.now + TimeDelta::seconds(30)));
    assert!(
        plan.why.contains(&RolloutReason::PodsNotReady { replica_set: "trial-base".into(), want: 1, have: 0 }.into())
    );
    lab.wake();
    let words = "Template 'base' exceeded its progressDeadlineSeconds (30)";
    assert_eq!((lab.status("phase"), lab.status("message")), (json!("Failed"), json!(words)), "{}", lab.tail());
    assert_eq!(lab.status("templateStatuses/0/status"), "Failed");
    lab.pass(31);
    assert_eq!(lab.pods("trial-base"), 0);
}

#[test]
fn a_pod_that_is_lost_takes_it_back_to_pending_but_its_time_goes_on() {
    let mut lab = running(json!({"duration": "1m", "templates": [lab::template("base", "web:1")]}));
    let since = lab.status("availableAt");
    lab.set_available("trial-base", 0);
    lab.step();
    assert_eq!((lab.status("phase"), lab.status("availableAt")), (json!("Pending"), since.clone()));
    lab.settle();
    assert_eq!((lab.status("phase"), lab.status("availableAt")), (json!("Running"), since));
}

#[test]
fn what_the_server_refuses_ends_it_in_its_words_and_a_taken_name_is_waited_for() {
    let analysis = json!({"name": "check", "templateName": "rate"});
    let spec =
        json!({"progressDeadlineSeconds": 60, "templates": [lab::served("base", "web:1")], "analyses": [analysis]});
    for (kind, name, words, message) in [
        ("ReplicaSet", "trial-base", "no", "Failed to create ReplicaSet for template 'base': no"),
        ("Service", "trial-base", "no", "Failed to create Service trial-base for template 'base': no"),
        ("AnalysisRun", "trial-check", "no", "Failed to create AnalysisRun for analysis 'check': no"),
    ] {
        let mut lab = Lab::new(spec.clone());
        lab.refusals.insert((kind.into(), name.into()), words.into());
        lab.settle();
        assert_eq!((lab.status("phase"), lab.status("message")), (json!("Error"), json!(message)), "{}", lab.tail());
    }
    let mut lab = Lab::new(spec.clone());
    lab.refusals
        .insert(("ReplicaSet".into(), "trial-base".into()), "replicasets.apps \"trial-base\" already exists".into());
    let plan = lab.looks(6);
    assert!(plan.why.iter().any(|reason| reason.name() == "WriteRefused"), "{}", lab.tail());
    assert_eq!(lab.status("phase"), "Pending");
    lab.now += TimeDelta::seconds(60);
    lab.looks(6);
    assert_eq!(lab.status("message"), "Template 'base' exceeded its progressDeadlineSeconds (60)");
    // Another name is free.
    let mut lab = Lab::new(spec);
    lab.refusals
        .insert(("AnalysisRun".into(), "trial-check".into()), "analysisruns \"trial-check\" already exists".into());
    lab.settle();
    assert_eq!(lab.all("AnalysisRun"), ["trial-check.1"]);
    assert_eq!(lab.status("analysisRuns/0/analysisRun"), "trial-check.1");
}

#[test]
fn an_analysis_that_can_never_begin_ends_it() {
    for (analysis, message) in [
        (
            json!({"name": "check", "templateName": "gone"}),
            "AnalysisTemplate verification failed for analysis 'check': analysistemplate.argoproj.io \"gone\" not found",
        ),
        (
            json!({"name": "check", "templateName": "gone", "clusterScope": true}),
            "ClusterAnalysisTemplate verification failed for analysis 'check': clusteranalysistemplate.argoproj.io \"gone\" not found",
        ),
        (
            json!({"name": "check", "templateName": "rate", "args": [{"name": "hash", "value": "{{templates.none.podTemplateHash}}"}]}),
            "Failed to create AnalysisRun for analysis 'check': failed to resolve {{templates.none.podTemplateHash}}",
        ),
    ] {
        let lab = running(json!({"templates": [lab::template("base", "web:1")], "analyses": [analysis]}));
        assert_eq!((lab.status("phase"), lab.status("message")), (json!("Error"), json!(message)), "{}", lab.tail());
        assert!(lab.all("AnalysisRun").is_empty());
    }
}

#[test]
fn a_run_that_somebody_removed_begins_again() {
    let analysis = json!({"name": "check", "templateName": "rate"});
    let mut lab = running(json!({"templates": [lab::template("base", "web:1")], "analyses": [analysis]}));
    lab.end_run("trial-check", "Running", "");
    lab.settle();
    lab.remove("AnalysisRun", "trial-check");
    lab.settle();
    assert_eq!(lab.all("AnalysisRun"), ["trial-check"]);
    assert_eq!(lab.status("analysisRuns/0/phase"), "");
}

#[test]
fn an_invalid_one_says_so_once_and_nothing_else_is_touched() {
    let mut lab = Lab::new(json!({"templates": [{"name": "base", "template": {}}]}));
    lab.settle();
    let words = "Rollout has missing field '.Spec.Templates[0].Selector'";
    assert_eq!(lab.condition("InvalidSpec"), ("True".into(), "InvalidSpec".into(), words.into()));
    assert_eq!((lab.status("phase"), lab.told.len()), (Value::Null, 1));
    lab.patch(json!({"spec": {"templates": [lab::template("base", "web:1")]}}));
    lab.settle();
    assert_eq!((lab.condition("InvalidSpec").0, lab.status("phase")), (String::new(), json!("Running")));
    // One that has ended is not told what is wrong with it now.
    let mut ended = Lab::new(json!({"templates": [{"name": "base"}]}));
    ended.experiment["status"] = json!({"phase": "Successful"});
    assert_eq!(ended.step(), plan::Plan::empty());
}

#[test]
fn any_prefix_of_a_plan_leads_to_the_same_end() {
    let story = |most: usize| {
        let analysis = json!({"name": "check", "templateName": "rate", "requiredForCompletion": true});
        let templates = [lab::served("base", "web:1"), lab::served("next", "web:2")];
        let mut lab = Lab::new(json!({"templates": templates, "analyses": [analysis]}));
        lab.most_writes = most;
        lab.settle();
        lab.end_run("trial-check", "Successful", "");
        lab.settle();
        lab.pass(31);
        (lab.status("phase"), lab.status("templateStatuses"), lab.all("Service"), lab.told.len())
    };
    let whole = story(usize::MAX);
    assert_eq!(whole.0, "Successful");
    for most in 1..3 {
        assert_eq!(story(most), whole, "{most} writes of each plan");
    }
}

#[test]
fn a_report_decides_nothing() {
    let analysis = json!({"name": "check", "templateName": "rate"});
    let lab = running(json!({"duration": "1m", "templates": [lab::served("base", "web:1")], "analyses": [analysis]}));
    let mut erased = lab.observe();
    let experiment = std::sync::Arc::make_mut(&mut erased.experiment);
    experiment.status.conditions.clear();
    for status in &mut experiment.status.template_statuses {
        (status.service_name, status.pod_template_hash) = (None, None);
    }
    // It is only reported anew.
    let plan = decide(&erased, lab.now);
    assert_eq!(plan.writes().len(), 1, "{plan}");
    assert!(
        plan.writes()[0].events.is_empty() && plan.to_string().contains("status follows what is observed"),
        "{plan}"
    );
}

#[test]
fn pods_stay_while_a_route_of_the_rollout_leads_to_them() {
    let mut lab = running(json!({"duration": "1m", "templates": [lab::served("base", "web:1")]}));
    let route = |service: &str| json!({"metadata": {"name": "web"}, "spec": {"http": [{"route": [{"destination": {"host": service}}]}]}});
    lab.routes = vec![route("trial-base")];
    lab.pass(61);
    assert_eq!(lab.status("phase"), "Successful");
    lab.pass(600);
    assert_eq!((lab.pods("trial-base"), lab.all("Service").len()), (1, 1), "{}", lab.log.join("\n"));
    assert!(decide(&lab.observe(), lab.now).to_string().contains("trial-base still carries traffic"));
    // The delay begins when nothing is sent there any more.
    lab.routes = vec![route("stable")];
    lab.settle();
    assert_eq!(lab.pods("trial-base"), 1);
    lab.pass(31);
    assert_eq!((lab.pods("trial-base"), lab.all("Service").len()), (0, 0));
}
