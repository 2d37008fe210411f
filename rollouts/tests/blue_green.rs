//! Stories of blue-green, told by the rules alone.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::{Toy, run};

/// A Rollout of `web:1` whose update to `web:2` stands where it first waits.
fn updating(fields: Value) -> Toy {
    let mut toy = Toy::blue_green(fields, 3);
    toy.settle();
    assert_eq!((toy.behind("active"), toy.status("phase")), ("web:1".into(), json!("Healthy")), "{}", toy.tail());
    toy.pass(60);
    toy.set_image("web:2");
    toy.settle();
    toy
}

fn sides(toy: &Toy) -> (String, String) {
    (toy.behind("active"), toy.behind("preview"))
}

fn images(active: &str, preview: &str) -> (String, String) {
    (active.into(), preview.into())
}

fn phase(toy: &Toy) -> (Value, Value) {
    (toy.status("phase"), toy.status("message"))
}

fn promote(toy: &mut Toy) {
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
}

#[test]
fn events_come_in_the_order_that_clients_expect() {
    let mut toy = Toy::blue_green(json!({"previewService": null}), 2);
    toy.settle();
    let install = ["RolloutUpdated", "NewReplicaSetCreated", "ScalingReplicaSet", "RolloutCompleted", "SwitchService"];
    assert_eq!(toy.events, install, "{}", toy.tail());

    toy.events.clear();
    toy.set_image("web:2");
    toy.settle();
    let update = [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "SwitchService",
        "RolloutCompleted",
    ];
    assert_eq!(toy.events, update, "{}", toy.tail());
    assert_eq!(phase(&toy), (json!("Healthy"), Value::Null));
    assert_eq!((toy.pods_of("web:1"), toy.has_deadlines()), (2, true), "the old pods stay for the delay");
    toy.pass(31);
    assert_eq!((toy.pods_of("web:1"), toy.pods_of("web:2"), toy.has_deadlines()), (0, 2, false));
}

#[test]
fn a_person_promotes_what_the_preview_shows() {
    let mut toy = updating(json!({"autoPromotionEnabled": false}));
    assert_eq!(sides(&toy), images("web:1", "web:2"));
    assert_eq!(phase(&toy), (json!("Paused"), json!("BlueGreenPause")));
    let hashes = (json!(toy.hash_of("web:1")), json!(toy.hash_of("web:2")));
    assert_eq!((toy.status("blueGreen/activeSelector"), toy.status("blueGreen/previewSelector")), hashes);
    let selector = format!("app=web,rollouts-pod-template-hash={}", toy.hash_of("web:1"));
    assert_eq!(toy.status("selector"), selector);
    let counts = ["replicas", "availableReplicas", "HPAReplicas", "updatedReplicas"].map(|name| toy.status(name));
    assert_eq!(counts, [6, 3, 3, 3].map(Value::from));
    assert_eq!(toy.status("currentStepHash"), Value::Null);

    toy.pass(9_999);
    assert_eq!(sides(&toy), images("web:1", "web:2"), "it waits for a person for ever");
    toy.events.clear();
    promote(&mut toy);
    assert_eq!(toy.events, ["SwitchService", "RolloutResumed", "RolloutCompleted"]);
    assert_eq!((sides(&toy), phase(&toy)), (images("web:2", "web:2"), (json!("Healthy"), Value::Null)));
    assert_eq!((toy.status("controllerPause"), toy.status("pauseConditions")), (Value::Null, Value::Null));
}

#[test]
fn time_promotes_where_it_may() {
    let mut toy = updating(json!({"autoPromotionSeconds": 20}));
    assert_eq!(phase(&toy), (json!("Paused"), json!("BlueGreenPause")));
    toy.pass(19);
    assert_eq!(toy.behind("active"), "web:1");
    toy.wake();
    assert_eq!((toy.behind("active"), toy.status("phase")), ("web:2".into(), json!("Healthy")), "{}", toy.tail());

    let mut toy = updating(json!({"autoPromotionSeconds": 20, "autoPromotionEnabled": false}));
    toy.pass(60);
    assert_eq!(toy.behind("active"), "web:1", "whoever wants to decide is not overtaken by a clock");
}

#[test]
fn the_active_service_waits_for_all_pods_and_their_endpoints() {
    let mut toy = Toy::blue_green(json!({}), 3);
    toy.settle();
    toy.endpoints_follow = false;
    toy.set_image("web:2");
    toy.settle();
    assert_eq!(sides(&toy), images("web:1", "web:2"));
    let why: Vec<String> = toy.step().why.iter().map(ToString::to_string).collect();
    let hash = toy.hash_of("web:2");
    assert!(why.contains(&format!("service preview shows 0 of 3 ready endpoints of revision {hash}")), "{why:?}");
    assert_eq!(toy.status("message"), "active service cutover pending");
    toy.endpoints_follow = true;
    toy.settle();
    assert_eq!(toy.behind("active"), "web:2");

    toy.pods_become_ready = false;
    toy.set_image("web:3");
    toy.settle();
    assert_eq!((toy.behind("active"), toy.pods_of("web:2")), ("web:2".into(), 3));
    toy.pass(31);
    toy.pass(700);
    assert_eq!(phase(&toy).0, "Degraded");
    assert_eq!(toy.condition("Progressing").1, "ProgressDeadlineExceeded");
    assert_eq!(toy.behind("active"), "web:2", "what never became ready never carried anything");
}

#[test]
fn a_small_preview_grows_before_it_is_switched_to() {
    let mut toy = updating(json!({"previewReplicaCount": 1, "autoPromotionEnabled": false}));
    assert_eq!((toy.pods_of("web:1"), toy.pods_of("web:2"), phase(&toy).1), (3, 1, json!("BlueGreenPause")));
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.pods_become_ready = false;
    toy.settle();
    assert_eq!((toy.behind("active"), toy.pods_of("web:2")), ("web:1".into(), 3), "{}", toy.tail());
    assert_eq!(toy.status("blueGreen/scaleUpPreviewCheckPoint"), true);
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.settle();
    assert_eq!((toy.behind("active"), toy.status("phase")), ("web:2".into(), json!("Healthy")));
    assert_eq!(toy.status("blueGreen/scaleUpPreviewCheckPoint"), Value::Null);
}

#[test]
fn an_analysis_before_the_switch_decides() {
    let analysis = json!({"prePromotionAnalysis": {"templates": [{"templateName": "rate"}]}});
    let mut toy = updating(analysis.clone());
    let pre = run(&toy, "2-pre");
    assert_eq!(toy.runs[&pre]["metadata"]["labels"]["rollout-type"], "PrePromotion");
    assert_eq!((toy.behind("active"), phase(&toy).1), ("web:1".into(), json!("active service cutover pending")));
    toy.pass(9_999);
    assert_eq!(toy.condition("Progressing").0, "True", "an analysis that takes its time is no lack of progress");
    toy.end_run(&pre, "Successful", "");
    toy.settle();
    assert_eq!((toy.behind("active"), toy.status("phase")), ("web:2".into(), json!("Healthy")));

    let mut toy = updating(analysis);
    toy.end_run(&run(&toy, "2-pre"), "Failed", "too many errors");
    toy.settle();
    let message = "RolloutAborted: Rollout aborted update to revision 2: Blue/green pre-promotion analysis phase error/failed: too many errors";
    assert_eq!((sides(&toy), phase(&toy)), (images("web:1", "web:2"), (json!("Degraded"), json!(message))));
    assert_eq!(toy.pods_of("web:2"), 3);
    toy.pass(31);
    assert_eq!((toy.pods_of("web:1"), toy.pods_of("web:2")), (3, 0));
    assert_eq!(toy.status("blueGreen/prePromotionAnalysisRunStatus/status"), "Failed");

    toy.patch(json!({"status": {"abort": false}}));
    toy.settle();
    let again = run(&toy, "2-pre.1");
    assert_eq!(toy.status("blueGreen/prePromotionAnalysisRunStatus/name"), json!(again), "{}", toy.tail());
    toy.end_run(&again, "Successful", "");
    toy.settle();
    assert_eq!(toy.behind("active"), "web:2");
}

#[test]
fn an_analysis_after_the_switch_may_take_it_back() {
    let analysis = json!({"postPromotionAnalysis": {"templates": [{"templateName": "rate"}]}});
    let mut toy = updating(analysis.clone());
    let post = run(&toy, "2-post");
    assert_eq!(toy.runs[&post]["metadata"]["labels"]["rollout-type"], "PostPromotion");
    assert_eq!((toy.behind("active"), phase(&toy).1), ("web:2".into(), json!("waiting for analysis to complete")));
    toy.pass(120);
    assert_eq!((toy.pods_of("web:1"), toy.has_deadlines()), (3, false), "the old pods stay until it is over");
    toy.end_run(&post, "Failed", "too slow");
    toy.settle();
    assert_eq!((sides(&toy), phase(&toy).0), (images("web:1", "web:2"), json!("Degraded")), "{}", toy.tail());
    assert_eq!(toy.status("blueGreen/postPromotionAnalysisRunStatus/name"), json!(post));
    toy.pass(31);
    assert_eq!((toy.pods_of("web:1"), toy.pods_of("web:2")), (3, 0));

    let mut toy = updating(analysis);
    toy.end_run(&run(&toy, "2-post"), "Inconclusive", "");
    toy.settle();
    assert_eq!(phase(&toy), (json!("Paused"), json!("InconclusiveAnalysisRun")));
    promote(&mut toy);
    let again = run(&toy, "2-post.1");
    toy.end_run(&again, "Successful", "");
    toy.settle();
    assert_eq!(phase(&toy).0, "Healthy", "{}", toy.tail());
    toy.pass(31);
    assert_eq!(toy.pods_of("web:1"), 0);
}

#[test]
fn whoever_promotes_in_full_waits_for_nothing_but_pods() {
    let analyses = json!({"templates": [{"templateName": "rate"}]});
    let mut toy = updating(json!({
        "autoPromotionEnabled": false, "previewReplicaCount": 1,
        "prePromotionAnalysis": analyses, "postPromotionAnalysis": analyses,
    }));
    let pre = run(&toy, "2-pre");
    toy.patch(json!({"status": {"promoteFull": true}}));
    toy.settle();
    assert_eq!((toy.behind("active"), phase(&toy).0), ("web:2".into(), json!("Healthy")), "{}", toy.tail());
    assert_eq!((toy.runs[&pre]["spec"]["terminate"].clone(), toy.runs.len()), (json!(true), 1));
    toy.pass(31);
    assert_eq!(toy.pods_of("web:1"), 0, "no analysis holds the old pods when none is waited for");
}

#[test]
fn a_revision_that_is_still_there_is_switched_back_to_at_once() {
    let analyses = json!({"templates": [{"templateName": "rate"}]});
    let mut toy =
        updating(json!({"autoPromotionEnabled": false, "previewReplicaCount": 1, "prePromotionAnalysis": analyses}));
    toy.end_run(&run(&toy, "2-pre"), "Successful", "");
    toy.settle();
    promote(&mut toy);
    toy.pass(10);
    assert_eq!((toy.behind("active"), toy.pods_of("web:1")), ("web:2".into(), 3), "{}", toy.tail());
    toy.set_image("web:1");
    toy.settle();
    assert_eq!((sides(&toy), phase(&toy).0), (images("web:1", "web:1"), json!("Healthy")), "{}", toy.tail());
    assert_eq!((toy.runs.len(), toy.pods_of("web:2")), (1, 3), "without pause and analysis");
    toy.pass(31);
    assert_eq!((toy.pods_of("web:1"), toy.pods_of("web:2"), toy.has_deadlines()), (3, 0, false));

    toy.set_image("web:2");
    toy.settle();
    assert_eq!(toy.behind("active"), "web:1", "what is gone is judged and looked at again");
    assert_eq!((toy.runs.len(), toy.pods_of("web:2")), (2, 1));
}

#[test]
fn an_update_is_aborted_tried_again_and_given_up() {
    let mut toy = updating(json!({"autoPromotionEnabled": false, "abortScaleDownDelaySeconds": 10}));
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    assert_eq!(phase(&toy), (json!("Degraded"), json!("RolloutAborted: Rollout aborted update to revision 2")));
    assert_eq!((sides(&toy), toy.pods_of("web:2")), (images("web:1", "web:2"), 3));
    toy.pass(11);
    assert_eq!(toy.pods_of("web:2"), 0);
    toy.patch(json!({"status": {"abort": false}}));
    toy.settle();
    assert_eq!((phase(&toy).1, toy.pods_of("web:2")), (json!("BlueGreenPause"), 3));
    toy.set_image("web:1");
    toy.settle();
    assert_eq!((sides(&toy), phase(&toy).0), (images("web:1", "web:1"), json!("Healthy")));
    toy.pass(31);
    assert_eq!(toy.pods_of("web:2"), 0);

    let mut toy = updating(json!({"autoPromotionEnabled": false, "abortScaleDownDelaySeconds": 0}));
    toy.patch(json!({"status": {"abort": true}}));
    toy.settle();
    toy.pass(9_999);
    assert_eq!(toy.pods_of("web:2"), 3, "0 keeps them");
}

#[test]
fn an_abort_leads_back_whatever_is_paused_and_however_the_new_pods_are() {
    let mut toy = updating(json!({"postPromotionAnalysis": {"templates": [{"templateName": "rate"}]}}));
    assert_eq!(toy.behind("active"), "web:2");
    let name = format!("web-{}", toy.hash_of("web:2"));
    toy.pods_become_ready = false;
    toy.sets.get_mut(&name).expect("it is there")["status"]["availableReplicas"] = 1.into();
    toy.patch(json!({"spec": {"paused": true}, "status": {"abort": true}}));
    toy.settle();
    assert_eq!(toy.behind("active"), "web:1", "{}", toy.tail());
}

#[test]
fn several_updates_in_a_row_leave_only_the_last() {
    let mut toy = updating(json!({"autoPromotionEnabled": false}));
    toy.set_image("web:3");
    toy.settle();
    assert_eq!((sides(&toy), toy.pods_of("web:2")), (images("web:1", "web:3"), 3));
    toy.pass(31);
    assert_eq!([1, 2, 3].map(|tag| toy.pods_of(&format!("web:{tag}"))), [3, 0, 3]);
    promote(&mut toy);
    toy.pass(31);
    assert_eq!([1, 2, 3].map(|tag| toy.pods_of(&format!("web:{tag}"))), [0, 0, 3]);
}

#[test]
fn only_so_many_older_revisions_keep_their_pods() {
    let mut toy = updating(json!({"scaleDownDelaySeconds": 100, "scaleDownDelayRevisionLimit": 1}));
    toy.set_image("web:3");
    toy.settle();
    assert_eq!([1, 2, 3].map(|tag| toy.pods_of(&format!("web:{tag}"))), [3; 3], "{}", toy.tail());
    toy.pass(31);
    assert_eq!([1, 2, 3].map(|tag| toy.pods_of(&format!("web:{tag}"))), [0, 3, 3], "{}", toy.tail());
    toy.pass(101);
    assert_eq!([1, 2, 3].map(|tag| toy.pods_of(&format!("web:{tag}"))), [0, 0, 3]);
}

#[test]
fn who_served_last_keeps_its_pods_before_previews_that_never_did() {
    let mut toy = updating(
        json!({"autoPromotionEnabled": false, "scaleDownDelayRevisionLimit": 1, "scaleDownDelaySeconds": 100}),
    );
    toy.set_image("web:3");
    toy.settle();
    assert_eq!([1, 2, 3].map(|tag| toy.pods_of(&format!("web:{tag}"))), [3; 3]);
    toy.pass(5);
    promote(&mut toy);
    toy.pass(31);
    assert_eq!([1, 2, 3].map(|tag| toy.pods_of(&format!("web:{tag}"))), [3, 0, 3], "{}", toy.tail());
}

#[test]
fn a_first_version_that_never_works_is_replaced_without_a_pause() {
    let mut toy = Toy::blue_green(json!({"autoPromotionEnabled": false}), 2);
    toy.pods_become_ready = false;
    toy.settle();
    assert_eq!((toy.behind("active"), toy.status("stableRS")), (String::new(), json!(toy.hash_of("web:1"))));
    toy.set_image("web:2");
    toy.settle();
    assert_eq!(toy.status("stableRS"), json!(toy.hash_of("web:2")));
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.settle();
    assert_eq!((toy.behind("active"), phase(&toy).0), ("web:2".into(), json!("Healthy")), "{}", toy.tail());
}

#[test]
fn a_canary_in_mid_update_becomes_blue_green_and_back() {
    let mut toy = Toy::blue_green(json!({}), 4);
    let blue_green = toy.rollout["spec"]["strategy"]["blueGreen"].clone();
    let canary = json!({"steps": [{"setWeight": 25}, {"pause": {}}]});
    toy.rollout["spec"]["strategy"] = json!({ "canary": canary });
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    assert_eq!(phase(&toy).1, "CanaryPauseStep");
    toy.patch(json!({"spec": {"strategy": {"canary": null, "blueGreen": blue_green}}}));
    toy.patch(json!({"spec": {"strategy": {"blueGreen": {"autoPromotionEnabled": false}}}}));
    // The stable revision gets its pods back; it alone carries the traffic until somebody promotes.
    toy.settle();
    promote(&mut toy);
    assert_eq!((toy.behind("active"), phase(&toy).0), ("web:2".into(), json!("Healthy")), "{}", toy.tail());
    toy.patch(json!({"spec": {"strategy": {"blueGreen": null, "canary": canary}}}));
    toy.settle();
    assert_eq!((phase(&toy).0, toy.pods_of("web:2")), (json!("Healthy"), 4));
}

#[test]
fn without_pods_an_update_goes_to_its_end_and_the_last_pods_go_first() {
    let mut toy = Toy::blue_green(json!({"postPromotionAnalysis": {"templates": [{"templateName": "rate"}]}}), 2);
    toy.settle();
    toy.set_image("web:2");
    toy.step();
    toy.patch(json!({"spec": {"replicas": 0}}));
    while toy.behind("active") == "web:1" {
        toy.step();
        let is_moved_early = toy.behind("active") == "web:2" && toy.pods_of("web:1") > 0;
        assert!(!is_moved_early, "{}", toy.tail());
        toy.kubelet();
    }
    toy.settle();
    toy.end_run(&run(&toy, "2-post"), "Successful", "");
    toy.settle();
    assert_eq!((toy.behind("active"), phase(&toy).0), ("web:2".into(), json!("Healthy")), "{}", toy.tail());
}

#[test]
fn sizes_follow_the_spec_in_mid_update_and_nothing_moves_while_it_is_paused() {
    let mut toy = updating(json!({"autoPromotionEnabled": false}));
    for replicas in [5, 2, 0, 3] {
        toy.patch(json!({"spec": {"replicas": replicas}}));
        toy.settle();
        assert_eq!([toy.pods_of("web:1"), toy.pods_of("web:2")], [replicas; 2], "{}", toy.tail());
    }
    toy.patch(json!({"spec": {"paused": true, "replicas": 6}}));
    promote(&mut toy);
    assert_eq!(
        (toy.behind("active"), toy.pods_of("web:2"), phase(&toy).1),
        ("web:1".into(), 3, json!("manually paused"))
    );
    toy.patch(json!({"spec": {"paused": false}}));
    toy.settle();
    assert_eq!((toy.behind("active"), toy.pods_of("web:2")), ("web:2".into(), 6), "{}", toy.tail());
}
