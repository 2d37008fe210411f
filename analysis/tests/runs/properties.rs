//! What holds for every run, every sequence of answers and every pace of time: no panic, nothing completed changes,
//! no more measurements than `count`, the same view gives the same plan, no wake-up in the past.

use crate::world::{Reply, World, sample};
use chrono::TimeDelta;
use plan::{Ask, HttpReply, Requeue};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What happens next in a story.
#[derive(Clone, Debug)]
enum Happening {
    /// The plan is carried out.
    Carried,
    /// The plan's writes are refused.
    Refused,
    /// The oldest open ask is answered.
    Answered(Reply),
    /// Time passes.
    Passed(i64),
    /// Somebody ends the run.
    Terminated,
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => Just(sample("1")),
        3 => Just(sample("0")),
        1 => Just(sample("NaN")),
        1 => Just(Err("connection refused".to_owned())),
        1 => Just(Ok(HttpReply { status: 500, body: String::new() })),
        1 => (any::<u16>(), ".{0,40}").prop_map(|(status, body)| Ok(HttpReply { status, body })),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => Just(Happening::Carried),
        1 => Just(Happening::Refused),
        6 => reply().prop_map(Happening::Answered),
        3 => (0_i64..40_000).prop_map(Happening::Passed),
        1 => prop::bool::weighted(0.1).prop_map(|is_terminated| if is_terminated { Happening::Terminated } else { Happening::Carried }),
    ]
}

prop_compose! {
    fn metric()(
        count in prop::option::of(-1..6_i32),
        interval in prop::option::of(prop_oneof![Just("0s"), Just("1s"), Just("7s"), Just("-3s"), Just("2500000h")]),
        delay in prop::option::of(prop_oneof![Just("3s"), Just("1m"), Just("2500000h")]),
        limits in prop::collection::vec(prop::option::of(-1..4_i32), 4),
        conditions in 0..4_usize,
    ) -> Value {
        let names = ["failureLimit", "inconclusiveLimit", "consecutiveErrorLimit", "consecutiveSuccessLimit"];
        let mut metric = json!({"provider": {"prometheus": {"query": "up"}}});
        let limits = names.iter().zip(limits).filter_map(|(name, limit)| limit.map(|limit| (*name, json!(limit))));
        let others = [("count", count.map(|count| json!(count))), ("interval", interval.map(Value::from)), ("initialDelay", delay.map(Value::from))];
        for (name, value) in limits.chain(others.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)))) {
            metric[name] = value;
        }
        if conditions & 1 == 1 {
            metric["successCondition"] = json!("result[0] > 0.5");
        }
        if conditions & 2 == 2 {
            metric["failureCondition"] = json!("result[0] < 0.5");
        }
        metric
    }
}

prop_compose! {
    fn spec()(metrics in prop::collection::vec(metric(), 0..4), is_dry in any::<bool>(), ttl in prop::option::of(any::<i32>())) -> Value {
        let named = |(index, mut metric): (usize, Value)| {
            metric["name"] = json!(format!("m{index}"));
            metric
        };
        let mut spec = json!({"metrics": metrics.into_iter().enumerate().map(named).collect::<Vec<_>>()});
        if is_dry {
            spec["dryRun"] = json!([{"metricName": "m1"}]);
        }
        if let Some(ttl) = ttl {
            spec["ttlStrategy"] = json!({"secondsAfterCompletion": ttl});
        }
        spec
    }
}

/// Name, phase and counters of each metric.
fn results(status: &Value) -> BTreeMap<String, (String, [i64; 5])> {
    let of = |result: &Value| {
        let number = |name: &str| result[name].as_i64().unwrap_or_default();
        let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
        (text("name"), (text("phase"), ["count", "successful", "failed", "inconclusive", "error"].map(number)))
    };
    status["metricResults"].as_array().into_iter().flatten().map(of).collect()
}

fn is_completed(phase: &str) -> bool {
    ["Successful", "Failed", "Error", "Inconclusive"].contains(&phase)
}

fn check_step(before: &Value, world: &World) {
    let after = world.status();
    let phase = before["phase"].as_str().unwrap_or_default();
    if is_completed(phase) {
        assert_eq!(before, after, "a completed run stays as it is");
    }
    let results_after = results(after);
    for (name, (phase, counts)) in results(before) {
        let (later_phase, later_counts) = &results_after[&name];
        assert!(
            !is_completed(&phase) || (&phase, &counts) == (later_phase, later_counts),
            "a completed metric stays as it is"
        );
        assert!(counts.iter().zip(later_counts).all(|(one, two)| one <= two), "counters only grow");
    }
    let metrics = world.object["spec"]["metrics"].as_array().cloned().unwrap_or_default();
    for metric in metrics {
        let Some((_, [count, successful, failed, inconclusive, _])) =
            results_after.get(metric["name"].as_str().unwrap_or_default())
        else {
            continue;
        };
        assert_eq!(*count, successful + failed + inconclusive, "errors use up no count");
        let limit = match (metric["count"].as_i64().unwrap_or_default(), metric.get("interval")) {
            (0, Some(_)) => i64::MAX,
            (limit, _) => limit.max(1),
        };
        assert!(*count <= limit, "never more than count: {count} of {limit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_story(spec in spec(), happenings in prop::collection::vec(happening(), 1..60)) {
        let mut world = World::new(spec);
        let mut open: Vec<Ask> = vec![];
        for happening in happenings {
            let plan = world.plan();
            prop_assert_eq!(&plan, &world.plan(), "the same view gives the same plan");
            if let Requeue::At(time) = plan.requeue {
                prop_assert!(time >= world.now, "no wake-up in the past");
            }
            prop_assert!(plan.writes().len() <= 1);
            for ask in &plan.asks {
                if !open.contains(ask) && !world.answers.iter().any(|answered| answered.ask == *ask) {
                    open.push(ask.clone());
                }
            }
            match happening {
                Happening::Carried => {
                    let before = world.status().clone();
                    world.apply(&plan);
                    check_step(&before, &world);
                }
                Happening::Refused => {}
                Happening::Answered(reply) if !open.is_empty() => {
                    let ask = open.remove(0);
                    world.answer(&ask, reply);
                    world.now += TimeDelta::milliseconds(100);
                }
                Happening::Answered(_) => {}
                Happening::Passed(milliseconds) => world.now += TimeDelta::milliseconds(milliseconds),
                Happening::Terminated => world.object["spec"]["terminate"] = json!(true),
            }
            if world.is_deleted {
                break;
            }
        }
    }

    /// When everything is answered at once, a run comes to rest: either it has ended, or it waits for a time.
    #[test]
    fn every_run_comes_to_rest(spec in spec(), replies in prop::collection::vec(reply(), 200)) {
        let mut world = World::new(spec);
        let mut replies = replies.into_iter().cycle();
        world.play(100, |_| replies.next().expect("never ends"));
        let mut plan = world.plan();
        for _ in 0..20 {
            if plan.is_quiet() || world.is_deleted {
                break;
            }
            world.apply(&plan);
            for ask in &plan.asks {
                world.answer(ask, replies.next().expect("never ends"));
            }
            plan = world.plan();
        }
        prop_assert!(plan.is_quiet() || world.is_deleted, "still busy: {}", plan);
        let is_over = is_completed(world.status()["phase"].as_str().unwrap_or_default());
        prop_assert!(is_over || world.is_deleted || plan.requeue != Requeue::Never, "waits for nothing: {}", plan);
    }
}
