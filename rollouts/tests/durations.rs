//! `status.duration` through whole stories: when an update began, who held it for how long, and how it ended.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use chrono::DateTime;
use serde_json::{Value, json};
use toy::Toy;

/// How the update ended, seconds from its start to its end, seconds held by people, and whether somebody holds it now.
fn told(toy: &Toy) -> (String, Option<i64>, Option<i64>, bool) {
    let duration = toy.status("duration");
    let time = |name: &str| {
        let text = duration[name].as_str()?;
        Some(DateTime::parse_from_rfc3339(text).expect("is a time").timestamp())
    };
    let whole = time("finishedAt").zip(time("rolloutStartedAt")).map(|(end, start)| end - start);
    let how = duration["completionStatus"].as_str().unwrap_or_default().to_owned();
    (how, whole, duration["totalManualPauseDurationSeconds"].as_i64(), time("manualPauseStartedAt").is_some())
}

fn played(strategy: &Value, story: &str) -> Toy {
    let mut toy = Toy::new(strategy.clone(), 2).with_istio_hosts();
    if strategy.get("activeService").is_some() {
        toy = Toy::blue_green(strategy.clone(), 2);
    }
    toy.settle();
    toy.pass(60);
    toy.play(story)
}

#[test]
fn each_story_has_its_times() {
    let by_hand = json!({"steps": [{"setWeight": 50}, {"pause": {}}]});
    let timed = json!({"steps": [{"setWeight": 50}, {"pause": {"duration": "20s"}}]});

    let preview = json!({"activeService": "active", "previewService": "preview", "autoPromotionEnabled": false});
    let clocked = json!({"activeService": "active", "previewService": "preview", "autoPromotionSeconds": 20});
    #[rustfmt::skip]
    let cases = [
        (&by_hand, "", ("Promoted", Some(0), None, false)),
        (&by_hand, "image=2", ("", None, None, true)),
        (&by_hand, "image=2 wait=25 promote", ("Promoted", Some(25), Some(25), false)),
        (&by_hand, "image=2 wait=25 full", ("FastPromoted", Some(25), Some(25), false)),
        (&by_hand, "image=2 wait=25 abort", ("Aborted", Some(25), Some(25), false)),
        (&by_hand, "image=2 wait=25 abort wait=9 retry", ("", None, None, true)),
        (&by_hand, "image=2 wait=25 abort wait=9 retry wait=3 promote", ("Promoted", Some(3), Some(3), false)),
        (&by_hand, "image=2 wait=25 image=3 wait=4 promote", ("Promoted", Some(4), Some(4), false)),
        (&by_hand, "image=2 wait=25 image=1", ("FastRolledBack", Some(0), None, false)),
        (&by_hand, "image=2 promote image=1 wait=8", ("RolledBack", None, None, true)),
        (&by_hand, "image=2 promote image=1 wait=8 promote", ("RolledBack", Some(8), Some(8), false)),
        (&by_hand, "image=2 promote image=1 wait=8 full", ("FastRolledBack", Some(8), Some(8), false)),
        (&by_hand, "stuck image=2 hold wait=7 release", ("", None, Some(7), false)),
        (&timed, "image=2", ("", None, None, false)),
        (&timed, "image=2 wait=21", ("Promoted", Some(21), None, false)),
        (&by_hand, "stuck image=2", ("", None, None, false)),
        (&preview, "image=2", ("", None, None, true)),
        (&preview, "image=2 wait=41 promote", ("Promoted", Some(41), Some(41), false)),
        (&preview, "image=2 wait=42 abort", ("Aborted", Some(42), Some(42), false)),
        (&clocked, "image=2", ("", None, None, false)),
        (&clocked, "image=2 wait=21", ("Promoted", Some(21), None, false)),
    ];
    for (strategy, story, (how, whole, held, is_held)) in cases {
        let toy = played(strategy, story);
        assert_eq!(told(&toy), (how.to_owned(), whole, held, is_held), "{story}: {}", toy.status("duration"));
    }
}
