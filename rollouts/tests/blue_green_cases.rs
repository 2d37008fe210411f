//! Blue-green, case by case: what was asked for and what happened, and where both Services and all pods stand then.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::Toy;

/// Plays the words of a story of three replicas, which begins with `web:1` promoted a minute ago.
fn played(fields: &Value, story: &str) -> Toy {
    let mut toy = Toy::blue_green(fields.clone(), 3);
    toy.settle();
    toy.pass(60);
    toy.play(story)
}

/// Active and preview image, pods of web:1 and web:2, phase and message.
fn stands(toy: &Toy) -> String {
    let word = |name: &str| toy.status(name).as_str().unwrap_or_default().to_owned();
    let (active, preview) = (toy.behind("active"), toy.behind("preview"));
    let pods = format!("{}+{}", toy.pods_of("web:1"), toy.pods_of("web:2"));
    format!("{active} {preview} {pods} {} {}", word("phase"), word("message")).trim_end().to_owned()
}

#[test]
fn each_case_ends_where_it_should() {
    let plain = json!({});
    let by_hand = json!({"autoPromotionEnabled": false});
    let timed = json!({"autoPromotionSeconds": 30});
    let small = json!({"autoPromotionEnabled": false, "previewReplicaCount": 1});
    let analysis = json!({"templates": [{"templateName": "rate"}]});
    let before = json!({ "prePromotionAnalysis": analysis });
    let after = json!({ "postPromotionAnalysis": analysis });
    let forever = json!({"autoPromotionEnabled": false, "abortScaleDownDelaySeconds": 0});
    let at_once = json!({"scaleDownDelaySeconds": 0});
    #[rustfmt::skip]
    let cases = [
        (&plain, "", "web:1 web:1 3+0 Healthy"),
        (&plain, "image=2", "web:2 web:2 3+3 Healthy"),
        (&plain, "image=2 wait=29", "web:2 web:2 3+3 Healthy"),
        (&plain, "image=2 wait=31", "web:2 web:2 0+3 Healthy"),
        (&plain, "stuck image=2", "web:1 web:2 3+3 Progressing active service cutover pending"),
        (&plain, "stuck image=2 ready", "web:2 web:2 3+3 Healthy"),
        (&plain, "stuck image=2 wait=700", "web:1 web:2 3+3 Degraded ProgressDeadlineExceeded: ReplicaSet \"web-745f4d74bc\" has timed out progressing."),
        (&plain, "hold image=2", "web:1 web:1 3+0 Paused manually paused"),
        (&plain, "hold image=2 release", "web:2 web:2 3+3 Healthy"),
        (&plain, "image=2 image=1", "web:1 web:1 3+3 Healthy"),
        (&plain, "image=2 wait=31 image=1", "web:1 web:1 3+3 Healthy"),
        (&plain, "scale=5", "web:1 web:1 5+0 Healthy"),
        (&plain, "scale=0", "web:1 web:1 0+0 Healthy"),
        (&plain, "abort", "web:1 web:1 3+0 Healthy"),
        (&by_hand, "image=2", "web:1 web:2 3+3 Paused BlueGreenPause"),
        (&by_hand, "image=2 wait=86400", "web:1 web:2 3+3 Paused BlueGreenPause"),
        (&by_hand, "image=2 promote", "web:2 web:2 3+3 Healthy"),
        (&by_hand, "image=2 full", "web:2 web:2 3+3 Healthy"),
        (&by_hand, "image=2 abort", "web:1 web:2 3+3 Degraded RolloutAborted: Rollout aborted update to revision 2"),
        (&by_hand, "image=2 abort wait=31", "web:1 web:2 3+0 Degraded RolloutAborted: Rollout aborted update to revision 2"),
        (&by_hand, "image=2 abort retry", "web:1 web:2 3+3 Paused BlueGreenPause"),
        (&by_hand, "image=2 abort wait=31 retry", "web:1 web:2 3+3 Paused BlueGreenPause"),
        (&by_hand, "image=2 abort image=1", "web:1 web:1 3+3 Healthy"),
        (&by_hand, "image=2 image=1", "web:1 web:1 3+3 Healthy"),
        (&by_hand, "image=2 scale=4", "web:1 web:2 4+4 Paused BlueGreenPause"),
        (&by_hand, "image=2 hold promote", "web:1 web:2 3+3 Paused manually paused"),
        (&timed, "image=2", "web:1 web:2 3+3 Paused BlueGreenPause"),
        (&timed, "image=2 wait=29", "web:1 web:2 3+3 Paused BlueGreenPause"),
        (&timed, "image=2 wait=31", "web:2 web:2 3+3 Healthy"),
        (&timed, "image=2 promote", "web:2 web:2 3+3 Healthy"),
        (&small, "image=2", "web:1 web:2 3+1 Paused BlueGreenPause"),
        (&small, "image=2 promote", "web:2 web:2 3+3 Healthy"),
        (&small, "image=2 full", "web:2 web:2 3+3 Healthy"),
        (&small, "image=2 stuck promote", "web:1 web:2 3+3 Progressing active service cutover pending"),
        (&small, "image=2 stuck promote ready", "web:2 web:2 3+3 Healthy"),
        (&small, "image=2 abort wait=31", "web:1 web:2 3+0 Degraded RolloutAborted: Rollout aborted update to revision 2"),
        (&before, "image=2", "web:1 web:2 3+3 Progressing active service cutover pending"),
        (&before, "image=2 run=2-pre:Successful", "web:2 web:2 3+3 Healthy"),
        (&before, "image=2 run=2-pre:Failed", "web:1 web:2 3+3 Degraded RolloutAborted: Rollout aborted update to revision 2: Blue/green pre-promotion analysis phase error/failed: too slow"),
        (&before, "image=2 run=2-pre:Inconclusive", "web:1 web:2 3+3 Paused InconclusiveAnalysisRun"),
        (&before, "image=2 run=2-pre:Failed wait=31", "web:1 web:2 3+0 Degraded RolloutAborted: Rollout aborted update to revision 2: Blue/green pre-promotion analysis phase error/failed: too slow"),
        (&before, "image=2 full", "web:2 web:2 3+3 Healthy"),
        (&after, "image=2", "web:2 web:2 3+3 Progressing waiting for analysis to complete"),
        (&after, "image=2 wait=31", "web:2 web:2 3+3 Progressing waiting for analysis to complete"),
        (&after, "image=2 run=2-post:Successful", "web:2 web:2 3+3 Healthy"),
        (&after, "image=2 run=2-post:Failed", "web:1 web:2 3+3 Degraded RolloutAborted: Rollout aborted update to revision 2: Blue/green post-promotion analysis phase error/failed: too slow"),
        (&after, "image=2 run=2-post:Inconclusive", "web:2 web:2 3+3 Paused InconclusiveAnalysisRun"),
        (&after, "image=2 full", "web:2 web:2 3+3 Healthy"),
        (&forever, "image=2 abort wait=86400", "web:1 web:2 3+3 Degraded RolloutAborted: Rollout aborted update to revision 2"),
        (&at_once, "image=2", "web:2 web:2 0+3 Healthy"),
    ];
    for (fields, story, expected) in cases {
        let toy = played(fields, story);
        assert_eq!(stands(&toy), expected, "{fields} {story}: {}", toy.tail());
    }
}
