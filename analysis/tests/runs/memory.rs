//! Report is what may be erased: decisions on a status without it are the same. Memory and report are told apart
//! here field by field; a decision that reads a field of the report fails this.

use crate::world::{World, sample};
use chrono::TimeDelta;
use plan::Verb;
use serde_json::{Value, json};

/// Removes from a status everything that only people and clients read.
fn without_report(status: &Value) -> Value {
    let mut status = status.clone();
    let fields = status.as_object_mut().expect("is an object");
    for report in ["message", "runSummary", "dryRunSummary"] {
        fields.remove(report);
    }
    for result in fields.get_mut("metricResults").and_then(Value::as_array_mut).into_iter().flatten() {
        let result = result.as_object_mut().expect("is an object");
        for report in ["message", "metadata", "successful", "dryRun"] {
            result.remove(report);
        }
        let measurements = result.get_mut("measurements").and_then(Value::as_array_mut).expect("is a list");
        measurements.drain(..measurements.len().saturating_sub(1));
        for measurement in measurements {
            let measurement = measurement.as_object_mut().expect("is an object");
            for report in ["message", "value", "startedAt", "metadata"] {
                measurement.remove(report);
            }
        }
    }
    status
}

#[test]
fn erasing_the_report_changes_no_decision() {
    let metric = |name: &str, limit: i32| {
        let prometheus = json!({"prometheus": {"query": "up"}});
        json!({"name": name, "interval": "5s", "failureLimit": limit, "successCondition": "result[0] >= 0.95", "provider": prometheus})
    };
    let mut world = World::new(json!({
        "metrics": [metric("a", 3), metric("b", 9)],
        "dryRun": [{"metricName": "b"}],
        "ttlStrategy": {"secondsAfterCompletion": 60},
    }));
    let mut round = 0;
    for _ in 0..60 {
        let erased =
            World { object: world.object.clone(), answers: world.answers.clone(), transcript: String::new(), ..world };
        let mut erased = erased;
        if world.status().is_object() {
            erased.object["status"] = without_report(world.status());
        }
        let (plan, same) = (world.plan(), erased.plan());
        assert_eq!((&plan.asks, plan.requeue), (&same.asks, same.requeue));
        let decided = |verb: &Verb| match verb {
            Verb::Patch { body, .. } => {
                let mut after = world.object.clone();
                crate::world::merge(&mut after, body);
                without_report(&after["status"])
            }
            _ => json!("deleted"),
        };
        for write in plan.writes() {
            assert_eq!(
                same.writes().iter().map(|write| decided(&write.verb)).collect::<Vec<_>>(),
                [decided(&write.verb)]
            );
        }
        world.apply(&plan);
        for ask in &plan.asks {
            round += 1;
            world.answer(
                ask,
                match round % 4 {
                    0 => sample("0.5"),
                    1 => Err("no answer".into()),
                    _ => sample("1"),
                },
            );
        }
        world.now += TimeDelta::seconds(3);
    }
    assert!(world.is_deleted, "the story reaches its end: {}", world.object);
}
