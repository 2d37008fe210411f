//! The numbers of pods, row by row: what the published formulas give, and what follows from them.

use super::*;

fn allow(replicas: i32, surge: i32, unavailable: i32) -> Limits {
    Limits { replicas, surge, unavailable, whole: WHOLE }
}

#[test]
fn a_percentage_of_the_replicas_rounds_in_the_safe_direction() {
    for (replicas, surge, unavailable, expected) in [
        (10, Amount::Percent(25), Amount::Percent(25), (3, 2)),
        (4, Amount::Percent(25), Amount::Percent(25), (1, 1)),
        (1, Amount::Percent(25), Amount::Percent(25), (1, 0)),
        (1, Amount::Pods(0), Amount::Percent(25), (0, 1)),
        (0, Amount::Pods(0), Amount::Pods(0), (0, 0)),
        (5, Amount::Pods(2), Amount::Pods(9), (2, 5)),
    ] {
        let limits = limits(replicas, surge, unavailable);
        assert_eq!((limits.surge, limits.unavailable), expected, "{replicas} {surge:?} {unavailable:?}");
    }
}

#[test]
fn the_nearest_split_wins() {
    for (replicas, surge, weight, canary, stable) in [
        (10, 1, 10, 1, 9),
        (10, 1, 20, 2, 8),
        (10, 1, 5, 1, 10),
        (5, 1, 10, 1, 5),
        (5, 0, 10, 1, 4),
        (4, 1, 25, 1, 3),
        (3, 1, 50, 2, 2),
        (1, 1, 50, 1, 1),
        (1, 0, 50, 1, 0),
        (1, 0, 10, 0, 1),
        (1, 1, 1, 1, 1),
        (3, 0, 99, 2, 1),
        (10, 1, 99, 10, 1),
        (10, 0, 0, 0, 10),
        (10, 0, 100, 10, 0),
        (0, 1, 50, 0, 0),
        (2, 1, 33, 1, 2),
    ] {
        assert_eq!(
            approximate(allow(replicas, surge, 0), weight),
            Split { canary, stable },
            "{replicas} pods, surge {surge}, {weight} %"
        );
    }
}

#[test]
fn a_weight_is_a_part_of_the_whole() {
    for (weight, whole, replicas, pods) in
        [(5, 1000, 10, 1), (100, 1000, 10, 1), (101, 1000, 10, 2), (1000, 1000, 10, 10), (1, 3, 10, 4), (50, 50, 4, 4)]
    {
        let limits = Limits { whole, ..allow(replicas, 0, 0) };
        assert_eq!(routed(weight, limits), pods, "{weight} of {whole}, {replicas} replicas");
    }
}

#[test]
fn pods_for_a_routed_weight_round_up() {
    for (weight, replicas, pods) in
        [(10, 5, 1), (50, 5, 3), (0, 5, 0), (100, 5, 5), (1, 100, 1), (33, 3, 1), (34, 3, 2)]
    {
        assert_eq!(routed(weight, allow(replicas, 0, 0)), pods);
    }
}

#[test]
fn fewer_replicas_take_their_part_of_the_pods() {
    for (pods, replicas, before, expected) in
        [(6, 4, 8, 3), (3, 4, 6, 2), (1, 2, 5, 1), (3, 8, 4, 3), (3, 0, 4, 0), (3, 4, 0, 3), (5, 4, 4, 5)]
    {
        assert_eq!(in_proportion(pods, replicas, before), expected, "{pods} of {before}, now {replicas}");
    }
}

#[test]
fn sizes_move_within_the_limits() {
    let size = |asked, available| Size { asked, available };
    // goal, limits, canary, stable, retired -> canary, stable
    for (goal, limits, canary, stable, retired, expected) in [
        // Surge lets the canary start before the stable side shrinks.
        ((1, 9), allow(10, 1, 0), size(0, 0), size(10, 10), 0, (1, 10)),
        // Once it is available, the stable side follows.
        ((1, 9), allow(10, 1, 0), size(1, 1), size(10, 10), 0, (1, 9)),
        // Without surge the stable side gives up first.
        ((1, 9), allow(10, 0, 1), size(0, 0), size(10, 10), 0, (0, 9)),
        ((1, 9), allow(10, 0, 1), size(0, 0), size(9, 9), 0, (1, 9)),
        // A stable side that grows keeps what it grew.
        ((1, 9), allow(10, 1, 0), size(1, 1), size(5, 5), 0, (1, 9)),
        // Pods of older revisions drain before anything else shrinks.
        ((1, 9), allow(10, 1, 0), size(0, 0), size(10, 10), 1, (0, 10)),
        // An abort grows the stable side first and shrinks the canary as stable pods become available.
        ((0, 10), allow(10, 1, 0), size(5, 5), size(5, 5), 0, (5, 6)),
        ((0, 10), allow(10, 1, 0), size(5, 5), size(6, 6), 0, (4, 6)),
        ((0, 10), allow(10, 1, 0), size(5, 0), size(10, 10), 0, (0, 10)),
        // A single pod that may be missing goes first only where its successor has no room beside it.
        ((1, 0), allow(1, 0, 1), size(0, 0), size(1, 1), 0, (0, 0)),
        ((1, 0), allow(1, 1, 1), size(1, 0), size(1, 1), 0, (1, 1)),
        ((1, 0), allow(1, 1, 1), size(1, 1), size(1, 1), 0, (1, 0)),
        // Older pods wait for the canary's, and stable ones that nobody can use take its room: they go, as far as they are to.
        ((4, 0), allow(3, 1, 0), size(0, 0), size(2, 0), 2, (0, 0)),
        ((1, 3), allow(3, 1, 0), size(0, 0), size(2, 0), 2, (0, 2)),
        ((1, 0), allow(3, 1, 0), size(0, 0), size(2, 0), 2, (0, 1)),
        ((4, 0), allow(3, 1, 0), size(0, 0), size(2, 1), 2, (0, 1)),
        ((4, 0), allow(3, 1, 0), size(0, 0), size(2, 2), 2, (0, 2)),
        ((4, 0), allow(3, 1, 0), size(1, 0), size(2, 0), 0, (2, 2)),
    ] {
        let split = toward(Split { canary: goal.0, stable: goal.1 }, limits, canary, Some(stable), retired);
        assert_eq!((split.canary, split.stable), expected, "{goal:?} {limits:?} {canary:?} {stable:?} {retired}");
    }
}

#[test]
fn older_revisions_lose_unavailable_pods_first() {
    let size = |asked, available| Size { asked, available };
    assert_eq!(retired(allow(10, 1, 0), &[size(3, 1), size(2, 2)], 11), vec![0, 2]);
    assert_eq!(retired(allow(10, 1, 0), &[size(3, 1), size(2, 2)], 13), vec![0, 0]);
    assert_eq!(retired(allow(10, 1, 2), &[size(3, 0)], 8), vec![0]);
}

#[test]
fn the_split_of_pods_is_that_of_the_formula() {
    // replicas, surge, weight -> canary, stable
    #[rustfmt::skip]
    let rows = [
        (1, 0, 0, 0, 1),
        (1, 0, 1, 0, 1),
        (1, 0, 49, 0, 1),
        (1, 0, 51, 1, 0),
        (1, 0, 99, 1, 0),
        (1, 0, 100, 1, 0),
        (1, 1, 0, 0, 1),
        (1, 1, 1, 1, 1),
        (1, 1, 49, 1, 1),
        (1, 1, 99, 1, 1),
        (1, 1, 100, 1, 0),
        (2, 0, 10, 1, 1),
        (2, 0, 50, 1, 1),
        (2, 0, 75, 0, 2),
        (2, 0, 90, 1, 1),
        (2, 1, 10, 1, 2),
        (2, 1, 50, 1, 1),
        (2, 1, 66, 2, 1),
        (2, 1, 90, 2, 1),
        (3, 0, 10, 1, 2),
        (3, 0, 33, 1, 2),
        (3, 0, 50, 2, 1),
        (3, 0, 67, 2, 1),
        (3, 0, 99, 2, 1),
        (3, 1, 10, 1, 3),
        (3, 1, 33, 1, 2),
        (3, 1, 50, 2, 2),
        (3, 1, 67, 2, 1),
        (3, 1, 99, 3, 1),
        (4, 0, 12, 1, 3),
        (4, 0, 13, 1, 3),
        (4, 0, 25, 1, 3),
        (4, 0, 50, 2, 2),
        (4, 0, 88, 3, 1),
        (4, 1, 12, 1, 4),
        (4, 1, 20, 1, 4),
        (4, 1, 40, 2, 3),
        (4, 1, 62, 3, 2),
        (4, 1, 88, 4, 1),
        (5, 0, 1, 1, 4),
        (5, 0, 20, 1, 4),
        (5, 0, 30, 2, 3),
        (5, 0, 50, 3, 2),
        (5, 0, 95, 4, 1),
        (5, 1, 1, 1, 5),
        (5, 1, 17, 1, 5),
        (5, 1, 30, 2, 4),
        (5, 1, 50, 3, 3),
        (5, 1, 95, 5, 1),
        (7, 1, 5, 1, 7),
        (7, 1, 25, 2, 6),
        (7, 1, 60, 5, 3),
        (7, 1, 100, 7, 0),
        (10, 0, 1, 1, 9),
        (10, 0, 14, 1, 9),
        (10, 0, 15, 2, 8),
        (10, 0, 55, 6, 4),
        (10, 0, 99, 9, 1),
        (10, 1, 0, 0, 10),
        (10, 1, 9, 1, 10),
        (10, 1, 45, 5, 6),
        (10, 1, 55, 6, 5),
        (10, 1, 100, 10, 0),
        (20, 1, 2, 1, 20),
        (20, 1, 33, 7, 14),
        (20, 1, 52, 11, 10),
        (100, 1, 1, 1, 99),
        (100, 1, 50, 50, 50),
    ];
    for (replicas, surge, weight, canary, stable) in rows {
        let split = approximate(allow(replicas, surge, 0), weight);
        assert_eq!(split, Split { canary, stable }, "{replicas} pods, surge {surge}, {weight} %");
    }
}

#[test]
fn the_way_to_a_split_is_that_of_the_formula() {
    let size = |(asked, available): (i32, i32)| Size { asked, available };
    // goal, (replicas, surge, unavailable), asked and available pods of the canary, of the stable revision, retired -> sizes
    #[rustfmt::skip]
    let rows = [
        ((2, 8), (10, 2, 1), (0, 0), (10, 10), 0, (2, 9)),
        ((2, 8), (10, 2, 1), (2, 0), (10, 10), 0, (2, 9)),
        ((2, 8), (10, 2, 1), (2, 1), (10, 10), 0, (2, 8)),
        ((2, 8), (10, 2, 1), (2, 2), (9, 9), 0, (2, 8)),
        ((2, 8), (10, 2, 1), (2, 2), (8, 8), 0, (2, 8)),
        ((5, 5), (10, 0, 2), (0, 0), (10, 10), 0, (0, 8)),
        ((5, 5), (10, 0, 2), (0, 0), (8, 8), 0, (2, 8)),
        ((5, 5), (10, 0, 2), (2, 0), (8, 8), 0, (2, 8)),
        ((5, 5), (10, 0, 2), (2, 2), (8, 8), 0, (2, 6)),
        ((5, 5), (10, 0, 2), (2, 2), (6, 6), 0, (4, 6)),
        ((10, 0), (10, 3, 2), (5, 5), (5, 5), 0, (8, 3)),
        ((10, 0), (10, 3, 2), (8, 5), (5, 5), 0, (8, 3)),
        ((10, 0), (10, 3, 2), (8, 8), (5, 5), 0, (8, 0)),
        ((10, 0), (10, 3, 2), (10, 9), (1, 1), 0, (10, 0)),
        ((10, 0), (10, 3, 2), (10, 10), (1, 1), 0, (10, 0)),
        ((0, 10), (10, 3, 2), (10, 10), (0, 0), 0, (8, 3)),
        ((0, 10), (10, 3, 2), (10, 10), (3, 0), 0, (8, 3)),
        ((0, 10), (10, 3, 2), (10, 10), (3, 3), 0, (5, 3)),
        ((0, 10), (10, 3, 2), (8, 8), (5, 2), 0, (6, 5)),
        ((0, 10), (10, 3, 2), (3, 3), (10, 10), 0, (0, 10)),
        ((3, 7), (10, 1, 0), (5, 5), (5, 5), 0, (5, 6)),
        ((3, 7), (10, 1, 0), (5, 5), (6, 5), 0, (5, 6)),
        ((3, 7), (10, 1, 0), (5, 5), (6, 6), 0, (4, 6)),
        ((3, 7), (10, 1, 0), (4, 4), (7, 7), 0, (3, 7)),
        ((3, 7), (10, 1, 0), (3, 0), (7, 7), 0, (3, 7)),
        ((3, 7), (10, 1, 0), (3, 3), (8, 8), 0, (3, 7)),
        ((2, 4), (6, 1, 1), (3, 3), (5, 5), 0, (2, 5)),
        ((2, 4), (6, 1, 1), (0, 0), (10, 10), 0, (0, 5)),
        ((2, 4), (6, 1, 1), (1, 1), (1, 1), 0, (2, 4)),
        ((2, 4), (6, 1, 1), (1, 1), (4, 4), 1, (2, 4)),
        ((2, 4), (6, 1, 1), (1, 1), (4, 4), 2, (1, 4)),
        ((1, 3), (4, 1, 1), (0, 0), (4, 2), 0, (1, 3)),
        ((1, 3), (4, 1, 1), (1, 0), (4, 2), 0, (1, 3)),
        ((1, 3), (4, 1, 1), (4, 0), (1, 1), 0, (2, 1)),
    ];
    for (goal, (replicas, surge, unavailable), canary, stable, retired, expected) in rows {
        let limits = allow(replicas, surge, unavailable);
        let split = toward(Split { canary: goal.0, stable: goal.1 }, limits, size(canary), Some(size(stable)), retired);
        assert_eq!((split.canary, split.stable), expected, "{goal:?} {limits:?} {canary:?} {stable:?} {retired}");
    }
}

#[test]
fn without_a_stable_revision_the_canary_gets_all_pods_within_the_limits() {
    let size = |asked, available| Size { asked, available };
    for (limits, canary, retired, expected) in [
        (allow(5, 2, 1), size(0, 0), 0, 5),
        (allow(5, 2, 1), size(0, 0), 5, 2),
        (allow(5, 0, 1), size(0, 0), 4, 1),
        (allow(5, 0, 1), size(3, 3), 0, 5),
        (allow(5, 0, 1), size(7, 7), 0, 5),
    ] {
        let split = toward(Split { canary: 5, stable: 0 }, limits, canary, None, retired);
        assert_eq!(split.canary, expected, "{limits:?} {canary:?} {retired}");
    }
}
