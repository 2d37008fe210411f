//! Ends of updates, row by row. What the status says on the way is in the stories of `tests/durations.rs`.

use super::*;
use chrono::TimeDelta;

fn at(secs: i64) -> Option<Time> {
    Some(Time::from(DateTime::UNIX_EPOCH + TimeDelta::seconds(secs)))
}

fn open(start: i64, total: Option<i64>, since: Option<i64>) -> RolloutDuration {
    RolloutDuration {
        rollout_started_at: at(start),
        manual_pause_started_at: since.and_then(at),
        total_manual_pause_duration_seconds: total,
        ..RolloutDuration::default()
    }
}

fn closed(how: &str, finish: i64, before: RolloutDuration) -> RolloutDuration {
    RolloutDuration { completion_status: Some(how.into()), finished_at: at(finish), ..before }
}

#[test]
fn an_end_is_counted_once() {
    let running = open(100, None, None);
    let held = open(100, Some(5), Some(120));
    for (before, after, expected) in [
        (None, running.clone(), None),
        (None, closed(PROMOTED, 130, running.clone()), Some((PROMOTED, 30, 0))),
        (Some(running.clone()), running.clone(), None),
        (Some(running.clone()), closed(ABORTED, 130, running.clone()), Some((ABORTED, 30, 0))),
        (Some(held.clone()), closed(PROMOTED, 130, open(100, Some(15), None)), Some((PROMOTED, 30, 15))),
        // Another update takes the place of one that was not through, while a person held it.
        (Some(held.clone()), open(140, None, None), Some((SUPERSEDED, 40, 25))),
        (Some(held), closed(FAST_ROLLED_BACK, 140, open(140, None, None)), Some((SUPERSEDED, 40, 25))),
        // One that had ended is not counted again.
        (Some(closed(PROMOTED, 130, running.clone())), open(200, None, None), None),
        (None, closed(PROMOTED, 90, running), Some((PROMOTED, 0, 0))),
    ] {
        let found = end_between(before.as_ref(), &after);
        let found = found.as_ref().map(|ended| (ended.how.as_str(), ended.secs, ended.held_secs));
        assert_eq!(found, expected, "{before:?} {after:?}");
    }
}
