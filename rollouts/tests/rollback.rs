//! Stories of going back to an older revision: within the rollback window there are no steps, pauses and analyses.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::{Toy, merge, metric, routed};

const SKIPPED: &str = "SkipSteps";

/// Versions 1 to `count` were promoted one after the other; each step waits for a person.
fn grown(strategy: Value, window: i32, count: usize) -> Toy {
    let mut toy = Toy::new(strategy, 2).with_istio_hosts().with_template("rate", metric());
    toy.patch(json!({"spec": {"rollbackWindow": {"revisions": window}}}));
    toy.settle();
    for number in 2..=count {
        toy.pass(60);
        toy.set_image(&format!("web:{number}"));
        toy.settle();
        toy.patch(json!({"status": {"promoteFull": true}}));
        toy.settle();
        assert_eq!(toy.status("stableRS"), json!(toy.hash_of(&format!("web:{number}"))), "{}", toy.tail());
    }
    toy.pass(60);
    toy
}

fn steps() -> Value {
    let analysis = json!({"analysis": {"templates": [{"templateName": "rate"}]}});
    json!([{"setWeight": 50}, {"pause": {}}, analysis])
}

/// Why the last promotion happened.
fn promoted(toy: &Toy) -> String {
    let line = toy.log.iter().rev().find(|line| line.contains("RolloutCompleted: Rollout completed"));
    line.and_then(|line| line.rsplit("): ").next()).unwrap_or_default().to_owned()
}

#[test]
fn within_the_window_an_older_revision_takes_no_steps() {
    // Versions, the window, where it goes back to, and whether steps are taken.
    for (versions, window, image, is_direct) in [
        (2, 0, "web:1", false),
        (2, 1, "web:1", true),
        (3, 1, "web:2", true),
        // One revision lies between.
        (3, 1, "web:1", false),
        (3, 2, "web:1", true),
        (4, 2, "web:1", false),
        (2, 9, "web:new", false),
    ] {
        for is_routed in [true, false] {
            let strategy = if is_routed { routed(steps()) } else { json!({ "steps": steps() }) };
            let mut toy = grown(strategy, window, versions);
            toy.set_image(image);
            toy.settle();
            let is_done = toy.status("stableRS") == json!(toy.hash_of(image));
            assert_eq!(is_done, is_direct, "{versions} {window} {image}: {}", toy.tail());
            if is_direct {
                assert_eq!(promoted(&toy), "Rollback within window", "{}", toy.tail());
                assert_eq!((toy.runs.len(), toy.status("currentStepIndex")), (0, json!(3)), "{}", toy.tail());
            } else {
                assert_eq!(toy.status("currentStepIndex"), json!(1), "{}", toy.tail());
            }
        }
    }
}

#[test]
fn that_steps_are_skipped_is_told_where_the_older_revision_has_pods_still() {
    for (wait, is_told) in [(0, true), (60, false)] {
        let mut toy = grown(routed(steps()), 1, 1);
        toy.set_image("web:2");
        toy.settle();
        toy.patch(json!({"status": {"promoteFull": true}}));
        toy.pass(5);
        toy.pass(wait);
        toy.set_image("web:1");
        toy.settle();
        assert_eq!(toy.events.iter().any(|event| event == SKIPPED), is_told, "{}", toy.tail());
        assert_eq!((toy.status("phase"), toy.weight()), (json!("Healthy"), 0), "{}", toy.tail());
    }
}

#[test]
fn a_rollback_within_the_window_can_be_aborted() {
    let mut toy = grown(routed(steps()), 1, 2);
    toy.pods_become_ready = false;
    toy.set_image("web:1");
    toy.settle();
    toy.patch(json!({"status": {"abort": true}}));
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.pass(60);
    assert_eq!(toy.status("stableRS"), json!(toy.hash_of("web:2")), "{}", toy.tail());
    toy.patch(json!({"status": {"abort": false}}));
    toy.settle();
    assert_eq!(toy.status("stableRS"), json!(toy.hash_of("web:1")), "{}", toy.tail());
}

#[test]
fn an_update_in_flight_is_left_for_a_revision_within_the_window() {
    let mut toy = grown(routed(steps()), 2, 2);
    toy.set_image("web:3");
    toy.settle();
    assert_eq!((toy.weight(), toy.status("phase")), (50, json!("Paused")), "{}", toy.tail());
    toy.set_image("web:1");
    toy.settle();
    assert_eq!(promoted(&toy), "Rollback within window", "{}", toy.tail());
    assert_eq!((toy.weight(), toy.status("pauseConditions")), (0, json!(null)), "{}", toy.tail());
}

#[test]
fn blue_green_goes_back_within_the_window_without_pause_and_analysis() {
    for (window, is_direct) in [(0, false), (1, true)] {
        let analysis = json!({"templates": [{"templateName": "rate"}]});
        let mut fields = json!({"autoPromotionEnabled": false, "previewReplicaCount": 1});
        merge(&mut fields, &json!({ "prePromotionAnalysis": analysis, "postPromotionAnalysis": analysis }));
        let mut toy = Toy::blue_green(fields, 2);
        toy.patch(json!({"spec": {"rollbackWindow": {"revisions": window}}}));
        toy.settle();
        toy.pass(60);
        toy.set_image("web:2");
        toy.settle();
        toy.patch(json!({"status": {"promoteFull": true}}));
        toy.settle();
        // Its pods are gone by now.
        toy.pass(60);
        let runs = toy.runs.len();
        toy.set_image("web:1");
        toy.settle();
        assert_eq!(toy.behind("active") == "web:1", is_direct, "{}", toy.tail());
        if is_direct {
            assert_eq!((promoted(&toy).as_str(), toy.runs.len()), ("Rollback within window", runs), "{}", toy.tail());
        }
    }
}
