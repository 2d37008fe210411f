//! The loop against a scripted server: what it sends, in which order, and what it does not send.

use crate::{
    Clock, Controller, LeaseSettings, Lost, Settings,
    ask::{Answerer, Answerers},
    testing::{self, Got, Log},
};
use chrono::DateTime;
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask};
use serde_json::{Value, json};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

#[derive(Debug)]
struct Nobody;

impl Answerer for Nobody {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        async move { Answer::Metric(Err(ask.to_string())) }.boxed()
    }
}

fn rollout() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"namespace": "shop", "name": "web", "uid": "u1", "resourceVersion": "5", "generation": 1},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"canary": {}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    })
}

/// Answers lists with one Rollout and nothing else, and leaves watches open; `write` answers everything else.
fn controller(settings: Settings, other: impl Fn(&Got) -> (u16, Value) + Send + Sync + 'static) -> (Controller, Log) {
    let (client, log) = testing::server(move |got| {
        let list = |items: Vec<Value>| (200, json!({"metadata": {"resourceVersion": "10"}, "items": items}));
        match got.path.as_str() {
            path if path.contains("/rollouts?watch=true") => other(got),
            path if path.contains("watch=true") => (0, Value::Null),
            path if path.contains("/rollouts?limit=") => list(vec![rollout()]),
            path if path.contains("limit=") => list(Vec::new()),
            path if path.contains("/events") => (201, json!({})),
            _ => other(got),
        }
    });
    let answerers = Answerers { metrics: Arc::new(Nobody), git: Arc::new(Nobody) };
    (Controller::new(client, Clock::starting_at(DateTime::UNIX_EPOCH), settings, answerers), log)
}

/// What was sent about single objects, without Events and leases.
fn sent(log: &Log) -> Vec<String> {
    let log = log.lock().expect("log");
    let is_about_objects =
        |got: &&Got| !["limit=", "watch=", "/events", "/leases"].iter().any(|part| got.path.contains(part));
    let name = |got: &Got| got.path.split('?').next().and_then(|path| path.split("/shop/").nth(1)).map(str::to_owned);
    log.iter().filter(is_about_objects).map(|got| format!("{} {}", got.method, name(got).unwrap_or_default())).collect()
}

fn status(code: u16) -> (u16, Value) {
    (code, json!({"kind": "Status", "code": code, "message": "no"}))
}

async fn run_for(controller: Controller, seconds: u64) {
    timeout(Duration::from_secs(seconds), controller.run(pending())).await.expect_err("runs on");
}

#[tokio::test(start_paused = true)]
async fn a_write_without_answer_is_read_back_before_anything_else() {
    let (controller, log) = controller(Settings::default(), |got| match got.method.as_str() {
        "GET" if got.path.contains("watch=true") => (0, Value::Null),
        "GET" => (200, rollout()),
        _ => status(500),
    });
    run_for(controller, 1).await;
    let sent = sent(&log);
    assert_eq!(sent.first().map(String::as_str), Some("PATCH rollouts/web"), "{sent:?}");
    for pair in sent.windows(2) {
        assert_ne!(pair[0], pair[1], "each write is read back: {sent:?}");
    }
    assert!(sent.len() > 4 && sent.len() < 30, "it tries again, less and less often: {sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_stops_at_its_first_refusal_and_backs_off() {
    let (controller, log) = controller(Settings::default(), |got| match got.method.as_str() {
        "GET" => (0, Value::Null),
        _ => status(403),
    });
    run_for(controller, 60).await;
    let sent = sent(&log);
    let (first, rest) = sent.split_first().expect("something was sent");
    assert_eq!(first, "PATCH rollouts/web");
    assert!(rest.iter().all(|line| line == "PATCH rollouts/web/status"), "a refusal is told, nothing else: {sent:?}");
    assert!(sent.len() > 8 && sent.len() < 20, "{}", sent.len());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_rollout_is_told_and_counted_no_more() {
    let (controller, log) = controller(Settings::default(), |got| match got.path.as_str() {
        path if path.contains("watch=true") && path.contains("resourceVersion=10") => {
            let mut gone = rollout();
            gone["metadata"]["resourceVersion"] = "11".into();
            (200, Value::String(format!("{}\n", json!({"type": "DELETED", "object": gone}))))
        }
        path if path.contains("watch=true") => (0, Value::Null),
        _ => status(409),
    });
    let probe = controller.probe();
    run_for(controller, 30).await;
    let log = log.lock().expect("log");
    let told: Vec<&str> = log.iter().filter_map(|got| got.body["reason"].as_str()).collect();
    assert_eq!(told, ["RolloutAddedToInformer", "RolloutDeleted"]);
    assert!(!probe.metrics().contains("name=\"web\""), "{}", probe.metrics());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_somebody_else_leads() {
    let lease = Some(LeaseSettings::new("me", "system"));
    let (controller, log) = controller(Settings { lease, ..Settings::default() }, |got| match got.path.as_str() {
        path if path.contains("/leases") && got.method == "GET" => {
            // The other one renews all the time.
            let renewed = format!("{:?}", std::time::Instant::now());
            (
                200,
                json!({"metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": "other", "renewTime": renewed}}),
            )
        }
        _ => status(500),
    });
    let probe = controller.probe();
    run_for(controller, 120).await;
    assert!(probe.is_ready(), "it watches all the same");
    assert_eq!(sent(&log), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_one_write_not_for_the_whole_plan() {
    let (controller, log) = controller(Settings::default(), |_| (0, Value::Null));
    let started = tokio::time::Instant::now();
    let ended = controller.run(sleep(Duration::from_secs(1))).await;
    assert_eq!(ended, Ok(()));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(sent(&log), ["PATCH rollouts/web"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_the_leases_back() {
    let lease = Some(LeaseSettings::new("me", "system"));
    let (controller, log) = controller(Settings { lease, ..Settings::default() }, |got| {
        match (got.method.as_str(), got.path.contains("/leases")) {
            ("GET", true) => (200, json!({"metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": "me"}})),
            (_, true) => (200, json!({})),
            _ => status(409),
        }
    });
    let ended: Result<(), Lost> = controller.run(sleep(Duration::from_secs(7))).await;
    assert_eq!(ended, Ok(()));
    let log = log.lock().expect("log");
    let last: Vec<&Value> =
        log.iter().filter(|got| got.method == "PUT").map(|got| &got.body["spec"]["holderIdentity"]).collect();
    assert_eq!(last.iter().rev().take(3).collect::<Vec<_>>(), [&"", &"", &"me"]);
}
