//! Commands that go on: they print again when something has changed, and end as they should.

use super::world::{Paper, World, printed};
use serde_json::json;
use sim::server::{call::Call, faults::Verdict};
use std::{sync::Arc, time::Duration};
use tokio::join;

#[tokio::test(start_paused = true)]
async fn a_rollout_is_shown_again_when_it_changes() {
    let world = World::recorded("istio-host-weight-20").await;
    let mut paper = Paper::new();
    let mut reader = paper.reader();
    let changes = async {
        printed(&mut reader, "CanaryPauseStep").await;
        world.report(json!({ "phase": "Degraded", "message": "RolloutAborted: because" })).await;
        printed(&mut reader, "because").await;
    };
    let (outcome, ()) = join!(world.run_on("get rollout shop -w --timeout-seconds 30", &mut paper, false), changes);
    assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""));
    let pages: Vec<&str> = outcome.out.split("Name:  ").skip(1).collect();
    assert_eq!(pages.len(), 2, "{}", outcome.out);
    assert!(pages.iter().all(|page| page.contains("└──□ shop-")), "{}", outcome.out);
}

#[tokio::test(start_paused = true)]
async fn a_terminal_is_drawn_over_as_time_passes() {
    let world = World::recorded("istio-host-weight-20").await;
    let outcome = world.run_on("get rollout shop -w --timeout-seconds 4", &mut Paper::new(), true).await;
    let pages: Vec<&str> = outcome.out.split("\u{1b}[H\u{1b}[2J").skip(1).collect();
    assert!((3..=5).contains(&pages.len()), "{}", outcome.out);
    assert!(pages.last().is_some_and(|page| page.contains("  3s  ")), "{}", outcome.out);
}

#[tokio::test(start_paused = true)]
async fn watching_ends_with_the_rollout() {
    for line in ["get rollout shop -w", "status shop"] {
        let world = World::recorded("istio-host-weight-20").await;
        let mut paper = Paper::new();
        let mut reader = paper.reader();
        let changes = async {
            printed(&mut reader, "CanaryPauseStep").await;
            world.delete().await;
        };
        let (outcome, ()) = join!(world.run_on(line, &mut paper, false), changes);
        assert_eq!(outcome.code, 1, "{line}");
        assert!(outcome.errors.contains("rollouts.argoproj.io \"shop\" not found"), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_outlives_a_server_that_hangs_up() {
    let world = World::recorded("istio-host-weight-20").await;
    let mut paper = Paper::new();
    let mut reader = paper.reader();
    let changes = async {
        printed(&mut reader, "Paused").await;
        world.server.cut_watches();
        world.report(json!({ "phase": "Progressing", "message": "on its way" })).await;
        printed(&mut reader, "Progressing - on its way").await;
        world
            .report(json!({ "phase": "Healthy", "message": null, "pauseConditions": null, "controllerPause": false }))
            .await;
    };
    let (outcome, ()) = join!(world.run_on("status shop", &mut paper, false), changes);
    assert_eq!(
        (outcome.code, outcome.out.as_str()),
        (0, "Paused - CanaryPauseStep\nProgressing - on its way\nHealthy\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_that_ends_badly_or_not_at_all() {
    let world = World::recorded("istio-host-weight-20").await;
    let outcome = world.run("status shop -t 5s").await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, "Paused - CanaryPauseStep\n"));
    assert_eq!(outcome.errors, "Error: Rollout status watch exceeded timeout\n");

    world.server.set_faults(Some(Arc::new(|_: &Call| Verdict::Delay(Duration::from_secs(3600)))));
    let outcome = world.run("status shop -t 5s").await;
    let silent = (1, "", "Error: Rollout status watch exceeded timeout\n");
    assert_eq!((outcome.code, outcome.out.as_str(), outcome.errors.as_str()), silent, "a server that does not answer");
    world.server.set_faults(None);

    let mut paper = Paper::new();
    let mut reader = paper.reader();
    let changes = async {
        printed(&mut reader, "Paused").await;
        world.report(json!({ "phase": "Degraded", "message": "RolloutAborted: because" })).await;
    };
    let (outcome, ()) = join!(world.run_on("status shop", &mut paper, false), changes);
    assert_eq!((outcome.code, outcome.out.lines().last()), (1, Some("Degraded - RolloutAborted: because")));
    let expected = "Error: The rollout is in a degraded state with message: RolloutAborted: because\n";
    assert_eq!(outcome.errors, expected);
}

#[tokio::test(start_paused = true)]
async fn a_list_grows_by_the_lines_that_changed() {
    let world = World::recorded("istio-host-weight-20").await;
    let mut paper = Paper::new();
    let mut reader = paper.reader();
    let changes = async {
        printed(&mut reader, "Paused").await;
        // Nothing that has a column.
        world.report(json!({ "message": "another" })).await;
        world.report(json!({ "phase": "Degraded", "abort": true })).await;
        printed(&mut reader, "Degraded").await;
    };
    tokio::select! {
        outcome = world.run_on("list rollouts -w", &mut paper, false) => panic!("it goes on: {outcome:?}"),
        () = changes => {}
    }
    assert_eq!(
        *reader.borrow(),
        "\
NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
shop        Canary     Paused        1/4   20          5/5    4        1           5
shop        Canary     Degraded      1/4   0           5/5    4        1           5
"
    );
}
