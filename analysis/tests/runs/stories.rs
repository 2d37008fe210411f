//! Runs from their beginning to each of their ends. A story's transcript has one line a write, with minute and second,
//! and one a line for each Event.

use crate::world::{World, sample};
use plan::{HttpReply, Plan, Requeue};
use serde_json::{Value, json};

fn metric(name: &str, fields: Value) -> Value {
    let mut metric = json!({"name": name, "successCondition": "result[0] >= 0.95", "provider": {"prometheus": {"query": format!("{name}_total")}}});
    crate::world::merge(&mut metric, &fields);
    metric
}

fn run(fields: Value) -> World {
    World::new(json!({"metrics": [metric("rate", fields)]}))
}

#[test]
fn success() {
    let mut world = run(json!({"interval": "5s", "count": 2}));
    assert_eq!(
        world.play(20, |_| sample("0.99")),
        "00:00 the run began\n\
         00:00 metric rate measured [0.99]: Successful\n\
         00:05 the run is Successful\n      \
         Normal MetricSuccessful: Metric 'rate' Completed. Result: Successful\n      \
         Normal AnalysisRunSuccessful: Analysis Completed. Result: Successful\n"
    );
    let measurement =
        |time: &str| json!({"phase": "Successful", "startedAt": time, "finishedAt": time, "value": "[0.99]"});
    assert_eq!(
        world.status(),
        &json!({
            "phase": "Successful",
            "startedAt": "2026-11-23T10:00:00Z",
            "completedAt": "2026-11-23T10:00:05Z",
            "runSummary": {"count": 1, "successful": 1},
            "dryRunSummary": {"count": 0, "successful": 0, "failed": 0, "inconclusive": 0, "error": 0},
            "metricResults": [{
                "name": "rate", "phase": "Successful", "count": 2, "successful": 2, "consecutiveSuccess": 2,
                "failed": 0, "inconclusive": 0, "error": 0, "consecutiveError": 0,
                "measurements": [measurement("2026-11-23T10:00:00Z"), measurement("2026-11-23T10:00:05Z")],
                "metadata": {"ResolvedPrometheusQuery": "rate_total"},
            }],
        })
    );
    assert_eq!(world.plan(), Plan::empty());
}

#[test]
fn failure_stops_the_siblings() {
    let metrics =
        [metric("rate", json!({"interval": "5s", "failureLimit": 1})), metric("slow", json!({"interval": "1m"}))];
    let mut world = World::new(json!({"metrics": metrics}));
    assert_eq!(
        world.play(20, |ask| sample(if ask.metric == "rate" { "0.7" } else { "1" })),
        "00:00 the run began\n\
         00:00 measured: rate Failed, slow Successful\n\
         00:05 the run is Failed: Metric \"rate\" assessed Failed due to failed (2) > failureLimit (1)\n      \
         Warning MetricFailed: Metric 'rate' Completed. Result: Failed\n      \
         Normal MetricSuccessful: Metric 'slow' Completed. Result: Successful\n      \
         Warning AnalysisRunFailed: Analysis Completed. Result: Failed\n"
    );
    assert_eq!(world.status()["runSummary"], json!({"count": 2, "successful": 1, "failed": 1}));
}

#[test]
fn neither_good_nor_bad() {
    let mut world = run(json!({"failureCondition": "result[0] < 0.5"}));
    assert_eq!(
        world.play(20, |_| sample("0.7")),
        "00:00 the run began\n\
         00:00 the run is Inconclusive: Metric \"rate\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)\n      \
         Normal MetricInconclusive: Metric 'rate' Completed. Result: Inconclusive\n      \
         Normal AnalysisRunInconclusive: Analysis Completed. Result: Inconclusive\n"
    );
}

#[test]
fn errors_are_borne_up_to_their_limit_and_tried_again_after_ten_seconds() {
    let mut world = run(json!({"interval": "1s", "count": 20, "consecutiveErrorLimit": 2}));
    let mut answers = vec![
        Err("connection refused".to_owned()),
        Ok(HttpReply { status: 500, body: "oops".into() }),
        Ok(HttpReply {
            status: 200,
            body: json!({"status": "success", "data": {"resultType": "vector", "result": []}}).to_string(),
        }),
    ]
    .into_iter();
    let transcript = world.play(20, |_| answers.next().expect("three are asked for")).to_owned();
    let empty = "could not evaluate successCondition \"result[0] >= 0.95\": metric result is nil or empty: no data returned from the metric provider";
    assert_eq!(
        transcript,
        format!(
            "00:00 the run began\n\
             00:00 metric rate could not be measured: connection refused\n\
             00:10 metric rate could not be measured: server_error: server error: 500\n\
             00:20 the run is Error: Metric \"rate\" assessed Error due to consecutiveErrors (3) > consecutiveErrorLimit (2): \
             \"Error Message: {empty}\"\n      \
             Warning MetricError: Metric 'rate' Completed. Result: Error\n      \
             Warning AnalysisRunError: Analysis Completed. Result: Error\n"
        )
    );
    let result = &world.status()["metricResults"][0];
    assert_eq!((&result["count"], &result["error"], &result["message"]), (&json!(0), &json!(3), &json!(empty)));
}

#[test]
fn an_address_that_nobody_gave_is_an_error_without_a_question() {
    let mut world = World::new(
        json!({"metrics": [metric("rate", json!({"consecutiveErrorLimit": 0, "provider": {"prometheus": {"address": "nowhere"}}}))]}),
    );
    world.play(20, |ask| panic!("asked {ask:?}"));
    assert_eq!(world.status()["phase"], "Error");
    assert_eq!(
        world.status()["metricResults"][0]["measurements"][0]["message"],
        "prometheus address is not is url format"
    );
}

#[test]
fn terminated_by_a_person() {
    let mut world = run(json!({"interval": "5s"}));
    world.play(6, |_| sample("1"));
    world.object["spec"]["terminate"] = json!(true);
    let before = world.transcript.len();
    assert_eq!(
        &world.play(20, |ask| panic!("asked {ask:?}"))[before..],
        "00:05 the run is Successful: Run Terminated\n      \
         Normal MetricSuccessful: Metric 'rate' Completed. Result: Successful\n      \
         Normal AnalysisRunSuccessful: Analysis Completed. Result: Successful\n"
    );
}

#[test]
fn terminated_before_it_began() {
    let mut world = run(json!({"interval": "5s"}));
    world.object["spec"]["terminate"] = json!(true);
    world.play(20, |ask| panic!("asked {ask:?}"));
    let status = world.status();
    assert_eq!((&status["phase"], &status["message"]), (&json!("Successful"), &json!("Run Terminated")));
    assert!(status["startedAt"].is_string() && status["completedAt"].is_string());
}

#[test]
fn a_dry_run_decides_nothing() {
    let metrics = [metric("rate", json!({})), metric("shadow", json!({}))];
    let mut world = World::new(json!({"metrics": metrics, "dryRun": [{"metricName": "shadow"}]}));
    world.play(20, |ask| sample(if ask.metric == "shadow" { "0" } else { "1" }));
    let status = world.status();
    assert_eq!((&status["phase"], &status["message"]), (&json!("Successful"), &Value::Null));
    assert_eq!(status["dryRunSummary"]["failed"], 1);
    let shadow = &status["metricResults"][1];
    assert_eq!((&shadow["dryRun"], &shadow["phase"]), (&json!(true), &json!("Failed")));
    assert_eq!(shadow["message"], "Metric assessed Failed due to failed (1) > failureLimit (0)");
}

#[test]
fn a_delayed_metric_waits_and_says_until_when() {
    let mut world = run(json!({"initialDelay": "1m"}));
    world.play(1, |ask| panic!("asked {ask:?}"));
    let plan = world.plan();
    assert_eq!(plan.to_string(), "waits: metric rate is measured first at 10:01:00\nlooks again at 10:01:00.000\n");
    assert_eq!(
        world.play(20, |_| sample("1")).lines().next_back(),
        Some("      Normal AnalysisRunSuccessful: Analysis Completed. Result: Successful")
    );
    assert_eq!(world.status()["completedAt"], "2026-11-23T10:01:00Z");
}

#[test]
fn history_is_trimmed_and_every_measurement_is_a_new_question() {
    let mut world = World::new(json!({
        "metrics": [metric("rate", json!({"interval": "5s", "count": 12})), metric("short", json!({"interval": "5s", "count": 12}))],
        "measurementRetention": [{"metricName": "short", "limit": 3}],
    }));
    let mut ordinals = vec![];
    world.play(200, |ask| {
        ordinals.extend((ask.metric == "short").then_some(ask.ordinal));
        sample("1")
    });
    assert_eq!(ordinals, (0..12).collect::<Vec<_>>());
    let kept = |index: usize| world.status()["metricResults"][index]["measurements"].as_array().map(Vec::len);
    assert_eq!((kept(0), kept(1)), (Some(10), Some(3)));
    assert_eq!(world.status()["metricResults"][1]["count"], 12);
}

#[test]
fn a_completed_run_is_removed_when_its_time_is_over() {
    let mut world = run(json!({}));
    world.object["spec"]["ttlStrategy"] = json!({"secondsAfterCompletion": 60});
    world.play(3, |_| sample("1"));
    let plan = world.plan();
    let requeue = Requeue::At(world.now + chrono::TimeDelta::milliseconds(59_900));
    assert_eq!((plan.is_quiet(), plan.requeue), (true, requeue));
    world.play(20, |_| sample("1"));
    assert!(world.is_deleted);
}

#[test]
fn a_run_that_cannot_be_carried_out_ends_at_once() {
    for (spec, message) in [
        (json!({}), "Analysis spec invalid: no metrics specified"),
        (
            json!({"metrics": [metric("m", json!({}))], "args": [{"name": "a"}]}),
            "Unable to resolve metric arguments: argument \"a\" was not supplied",
        ),
        (
            json!({"metrics": [{"name": "m", "provider": {"job": {}}}]}),
            "spec.metrics[0].provider.job: Forbidden: not supported by this version",
        ),
    ] {
        let mut world = World::new(spec);
        let transcript = world.play(5, |ask| panic!("asked {ask:?}")).to_owned();
        assert_eq!(
            transcript,
            format!(
                "00:00 the run is invalid: {message}\n      Warning AnalysisRunError: Analysis Completed. Result: Error\n"
            )
        );
        let status = world.status();
        assert_eq!(
            (&status["phase"], &status["message"], &status["completedAt"]),
            (&json!("Error"), &json!(message), &Value::Null)
        );
        assert_eq!(world.plan(), Plan::empty());
    }
}

#[test]
fn a_run_that_is_being_deleted_is_left_alone() {
    let mut world = run(json!({}));
    world.object["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
    assert_eq!(world.plan(), Plan::empty());
}

#[test]
fn secrets_are_masked() {
    let header = json!([{"key": "Authorization", "value": "Bearer {{args.token}}"}]);
    let mut world = World::new(json!({
        "args": [{"name": "token", "valueFrom": {"secretKeyRef": {"name": "prometheus", "key": "token"}}}],
        "metrics": [metric("rate", json!({"provider": {"prometheus": {"query": "up{t=\"{{args.token}}\"}", "headers": header}}}))],
    }));
    world.play(20, |ask| {
        assert_eq!(ask.headers[0].value.to_string(), "Bearer *****");
        sample("1")
    });
    assert_eq!(world.status()["metricResults"][0]["metadata"]["ResolvedPrometheusQuery"], "up{t=\"*****\"}");
}

#[test]
fn a_conflict_loses_nothing() {
    let mut world = run(json!({"interval": "5s"}));
    world.play(1, |ask| panic!("asked {ask:?}"));
    let asking = world.plan();
    assert_eq!(asking.asks.len(), 1);
    world.answer(&asking.asks[0], sample("1"));
    world.now += chrono::TimeDelta::milliseconds(100);
    // The write is refused, and the next look decides the same.
    let first = world.plan();
    assert!(first.moves_memory());
    world.now += chrono::TimeDelta::seconds(1);
    assert_eq!(world.plan().writes(), first.writes());
    // Recorded, the same answer is ignored.
    world.apply(&first);
    assert!(world.plan().is_quiet());
}

#[test]
fn a_run_that_another_controller_began_is_carried_on() {
    let measurement = |second: u32| {
        let time = format!("2026-11-23T09:59:{second:02}Z");
        json!({"phase": "Successful", "startedAt": time, "finishedAt": time, "value": "[1]"})
    };
    let mut world = run(json!({"interval": "5s"}));
    world.object["status"] = json!({
        "phase": "Running",
        "startedAt": "2026-11-23T09:58:10Z",
        "runSummary": {"count": 1},
        "dryRunSummary": {},
        "metricResults": [{
            "name": "rate", "phase": "Running", "count": 15, "successful": 15, "consecutiveSuccess": 15,
            "measurements": (12..22).map(|index| measurement(index * 5 - 52)).collect::<Vec<_>>(),
        }],
    });
    let plan = world.plan();
    assert_eq!(plan.writes(), [], "what it wrote is as good as ours");
    assert_eq!(plan.asks.len(), 1);
    world.play(2, |ask| {
        assert_eq!(ask.ordinal, 15);
        sample("1")
    });
    assert_eq!(world.status()["metricResults"][0]["count"], 16);
}
