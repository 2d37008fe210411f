//! What Events, conditions and the phase say, word by word: clients and alerts match on it.
//!
//! Each row is a story, and texts that it leads to. Hashes stand as `<1>` and `<2>` for those of the images.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::Toy;

/// All that was said, and the phase at the end, with hashes by their images.
fn said(toy: &Toy) -> Vec<String> {
    let word = |name: &str| toy.status(name).as_str().unwrap_or_default().to_owned();
    let phase = format!("phase {}: {}", word("phase"), word("message"));
    let sets = ["web:1", "web:2", "web:3"].into_iter().zip(["<1>", "<2>", "<3>"]);
    let known: Vec<(String, &str)> = sets
        .filter(|(image, _)| {
            toy.sets.values().any(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == **image)
        })
        .map(|(image, mark)| (toy.hash_of(image), mark))
        .collect();
    let all = toy.told.iter().cloned().chain([phase]);
    all.map(|text| known.iter().fold(text, |text, (hash, mark)| text.replace(hash.as_str(), mark))).collect()
}

fn canary(fields: Value) -> Toy {
    Toy::new(fields, 2).with_istio_hosts().with_template("rate", toy::metric()).with_template("watch", toy::metric())
}

fn tell(toy: Toy, story: &str, expected: &[&str]) {
    let toy = toy.play(story);
    let said = said(&toy);
    for text in expected {
        assert!(said.iter().any(|known| known == text), "{story}: {text}\nwas not said, but\n{}", said.join("\n"));
    }
}

#[test]
fn a_canary_says_it_in_known_words() {
    let pause = json!({"steps": [{"setWeight": 50}, {"pause": {}}]});
    tell(
        canary(pause.clone()),
        "image=2 promote",
        &[
            "RolloutUpdated: Rollout updated to revision 1",
            "NewReplicaSetCreated: Created ReplicaSet web-<1> (revision 1)",
            "RolloutNotCompleted: Rollout not completed, started update to revision 1 (<1>)",
            "ScalingReplicaSet: Scaled up ReplicaSet web-<1> (revision 1) from 0 to 2",
            "RolloutCompleted: Rollout completed update to revision 1 (<1>): Initial deploy",
            "RolloutUpdated: Rollout updated to revision 2",
            "RolloutStepCompleted: Rollout step 1/2 completed (setWeight: 50)",
            "RolloutPaused: Rollout is paused (CanaryPauseStep)",
            "RolloutStepCompleted: Rollout step 2/2 completed (pause)",
            "RolloutResumed: Rollout is resumed",
            "RolloutCompleted: Rollout completed update to revision 2 (<2>): Completed all 2 canary steps",
            "Progressing True ReplicaSetUpdated: ReplicaSet \"web-<2>\" is progressing.",
            "Progressing True NewReplicaSetAvailable: ReplicaSet \"web-<2>\" has successfully progressed.",
            "Progressing Unknown RolloutPaused: Rollout is paused",
            "Paused True RolloutPaused: Rollout is paused",
            "Paused False RolloutPaused: Rollout is paused",
            "Available True AvailableReason: Rollout has minimum availability",
            "Available False AvailableReason: Rollout does not have minimum availability",
            "Healthy True RolloutHealthy: Rollout is healthy",
            "Healthy False RolloutHealthy: Rollout is not healthy",
            "Completed True RolloutCompleted: RolloutCompleted",
            "Completed False RolloutCompleted: RolloutCompleted",
            "phase Healthy: ",
        ],
    );
    tell(
        canary(pause.clone()),
        "image=2 abort",
        &[
            "RolloutAborted: Rollout aborted update to revision 2",
            "Progressing False RolloutAborted: Rollout aborted update to revision 2",
            "ScalingReplicaSet: Scaled down ReplicaSet web-<2> (revision 2) from 1 to 0",
            "phase Degraded: RolloutAborted: Rollout aborted update to revision 2",
        ],
    );
    for (story, text) in [
        ("image=2", "phase Paused: CanaryPauseStep"),
        ("stuck image=2 abort retry", "Progressing Unknown RolloutRetry: Retrying Rollout after abort"),
        ("stuck image=2 hold release", "Progressing Unknown RolloutResumed: Rollout is resumed"),
        ("image=2 full", "RolloutCompleted: Rollout completed update to revision 2 (<2>): Full promotion requested"),
        ("image=2 image=1", "SkipSteps: Rollback to stable ReplicaSets"),
        ("image=2 hold", "phase Paused: manually paused"),
        ("stuck image=2", "phase Progressing: more replicas need to be updated"),
        ("stuck scale=3", "phase Progressing: updated replicas are still becoming available"),
        ("stuck restart wait=1", "phase Healthy: "),
        (
            "stuck image=2 wait=700",
            "Progressing False ProgressDeadlineExceeded: ReplicaSet \"web-<2>\" has timed out progressing.",
        ),
        (
            "stuck image=2 wait=700",
            "phase Degraded: ProgressDeadlineExceeded: ReplicaSet \"web-<2>\" has timed out progressing.",
        ),
    ] {
        tell(canary(pause.clone()), story, &[text]);
    }
    let mut late = canary(pause);
    late.patch(json!({"spec": {"progressDeadlineAbort": true}}));
    let why = "Rollout aborted update to revision 2: ReplicaSet \"web-<2>\" has timed out progressing.";
    tell(
        late,
        "stuck image=2 wait=700",
        &[&format!("RolloutAborted: {why}"), &format!("phase Degraded: RolloutAborted: {why}")],
    );
    let mut back = canary(json!({"steps": [{"setWeight": 50}, {"pause": {}}]}));
    back.patch(json!({"spec": {"rollbackWindow": {"revisions": 3}}}));
    let told = "RolloutCompleted: Rollout completed update to revision 3 (<1>): Rollback within window";
    tell(back, "wait=5 image=2 promote wait=60 image=1", &[told]);
}

#[test]
fn steps_are_named_in_known_words() {
    for (steps, story, text) in [
        (json!([{"pause": {"duration": "3s"}}]), "image=2 wait=4", "1/1 completed (pause: 3s)"),
        (json!([{"pause": {"duration": "90m"}}]), "image=2 wait=5401", "1/1 completed (pause: 1h30m0s)"),
        (json!([{"setCanaryScale": {"weight": 50}}]), "image=2", "1/1 completed (setCanaryScale{weight: 50})"),
        (json!([{"setCanaryScale": {"replicas": 1}}]), "image=2", "1/1 completed (setCanaryScale{replicas: 1})"),
        (
            json!([{"setCanaryScale": {"matchTrafficWeight": true}}]),
            "image=2",
            "1/1 completed (setCanaryScale{matchTrafficWeight: true})",
        ),
        (
            json!([{"analysis": {"templates": [{"templateName": "rate"}]}}]),
            "image=2 run=2-0:Successful",
            "1/1 completed (analysis)",
        ),
    ] {
        tell(canary(toy::routed(steps)), story, &[&format!("RolloutStepCompleted: Rollout step {text}")]);
    }
}

#[test]
fn routes_and_services_say_it_in_known_words() {
    tell(
        canary(toy::routed(json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]))),
        "image=2 promote",
        &[
            "TrafficWeightUpdated: Traffic weight updated from 0 to 20",
            "TrafficWeightUpdated: Traffic weight updated from 20 to 60",
            "Updated VirtualService: VirtualService `web` set to desiredWeight '20'",
            "SwitchService: Switched selector for service 'canary' from '<1>' to '<2>'",
        ],
    );
}

#[test]
fn analyses_say_it_in_known_words() {
    let step = json!({"steps": [{"analysis": {"templates": [{"templateName": "rate"}]}}]});
    let background = json!({"steps": [{"pause": {}}], "analysis": {"templates": [{"templateName": "rate"}]}});
    let aborted = "Rollout aborted update to revision 2";
    for (strategy, story, text) in [
        (&step, "image=2 run=2-0:Failed", format!("{aborted}: Step-based analysis phase error/failed: too slow")),
        (&step, "image=2 run=2-0:Error", format!("{aborted}: Step-based analysis phase error/failed: too slow")),
        (&background, "image=2 run=2:Failed", format!("{aborted}: Background analysis phase error/failed: too slow")),
    ] {
        tell(canary(strategy.clone()), story, &[&format!("RolloutAborted: {text}")]);
    }
    let run = "Step Analysis Run 'web-<2>-2-0' Status New: 'Failed' Previous: ";
    let toy = canary(step.clone()).play("image=2 run=2-0:Failed");
    let said = said(&toy);
    assert!(said.iter().any(|text| text.starts_with(&format!("AnalysisRunFailed: {run}"))), "{}", said.join("\n"));
    tell(
        canary(step),
        "image=2 run=2-0:Inconclusive",
        &["RolloutPaused: Rollout is paused (InconclusiveAnalysisRun)", "phase Paused: InconclusiveAnalysisRun"],
    );
    for (field, suffix, words) in [
        ("prePromotionAnalysis", "2-pre", "Blue/green pre-promotion analysis phase error/failed: too slow"),
        ("postPromotionAnalysis", "2-post", "Blue/green post-promotion analysis phase error/failed: too slow"),
    ] {
        let fields = json!({ field: {"templates": [{"templateName": "rate"}]} });
        let story = format!("image=2 run={suffix}:Failed");
        tell(Toy::blue_green(fields, 2), &story, &[&format!("RolloutAborted: {aborted}: {words}")]);
    }
}

#[test]
fn blue_green_says_it_in_known_words() {
    tell(
        Toy::blue_green(json!({"autoPromotionEnabled": false}), 2),
        "image=2 promote",
        &[
            "RolloutPaused: Rollout is paused (BlueGreenPause)",
            "SwitchService: Switched selector for service 'active' from '<1>' to '<2>'",
            "RolloutCompleted: Rollout completed update to revision 2 (<2>): Completed blue-green update",
        ],
    );
    let after = json!({"postPromotionAnalysis": {"templates": [{"templateName": "rate"}]}});
    for (fields, story, text) in [
        (json!({}), "stuck image=2", "phase Progressing: active service cutover pending"),
        (after, "image=2", "phase Progressing: waiting for analysis to complete"),
    ] {
        tell(Toy::blue_green(fields, 2), story, &[text]);
    }
}
