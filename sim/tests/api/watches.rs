//! Watches: what is there, what changes, where a watch may start, and how it ends.

use super::world::{MAPS_URI, config_map, send, server};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Client,
    api::{Api, WatchEvent, WatchParams},
    runtime::watcher,
};
use serde_json::{Value, json};
use std::time::Duration;

async fn lines(client: &Client, query: &str, count: usize) -> Vec<(String, Value)> {
    let request = http::Request::get(format!("{MAPS_URI}?watch=1&{query}")).body(kube::client::Body::empty());
    let response = client.send(request.expect("a request")).await.expect("an answer");
    let mut text = Vec::new();
    let mut body = http_body_util::BodyStream::new(response.into_body());
    let is_full = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count() >= count;
    while !is_full(&text) {
        let Some(frame) = body.next().await else { break };
        text.extend_from_slice(frame.expect("a frame").data_ref().expect("data"));
    }
    let text = String::from_utf8(text).expect("text");
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    events.map(|event| (event["type"].as_str().expect("a type").to_owned(), event["object"].clone())).collect()
}

fn shape(events: &[(String, Value)]) -> Vec<String> {
    events
        .iter()
        .map(|(kind, object)| format!("{kind} {}", object["metadata"]["name"].as_str().unwrap_or("-")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn follows_a_selector() {
    let client = server().client();
    send(&client, "POST", MAPS_URI, &config_map("old", json!({ "in": "yes" }))).await;
    let label = |value: Value| json!({ "metadata": { "labels": { "in": value } } });
    let watching = tokio::spawn({
        let client = client.clone();
        async move { lines(&client, "labelSelector=in%3Dyes", 5).await }
    });
    tokio::task::yield_now().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    send(&client, "POST", MAPS_URI, &config_map("a", json!({}))).await;
    send(&client, "PATCH", &format!("{MAPS_URI}/a"), &label(json!("yes"))).await;
    send(&client, "PATCH", &format!("{MAPS_URI}/a"), &json!({ "data": { "b": "2" } })).await;
    send(&client, "PATCH", &format!("{MAPS_URI}/a"), &label(Value::Null)).await;
    send(&client, "DELETE", &format!("{MAPS_URI}/old"), &Value::Null).await;
    let seen = watching.await.expect("watched");
    assert_eq!(shape(&seen), ["ADDED old", "ADDED a", "MODIFIED a", "DELETED a", "DELETED old"]);
}

#[tokio::test(start_paused = true)]
async fn starts_where_it_is_told() {
    let server = server();
    let client = server.client();
    let (_, first) = send(&client, "POST", MAPS_URI, &config_map("a", json!({}))).await;
    send(&client, "POST", MAPS_URI, &config_map("b", json!({}))).await;
    let version = first["metadata"]["resourceVersion"].as_str().expect("a version");
    let seen = lines(&client, &format!("resourceVersion={version}"), 1).await;
    assert_eq!(shape(&seen), ["ADDED b"]);
    let seen =
        lines(&client, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", 3).await;
    assert_eq!(shape(&seen), ["ADDED a", "ADDED b", "BOOKMARK -"]);
    assert_eq!(seen[2].1["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    server.set_history(1);
    let seen = lines(&client, &format!("resourceVersion={}", version.parse::<u64>().expect("a number") - 1), 1).await;
    assert_eq!(
        (seen[0].0.as_str(), &seen[0].1["code"], &seen[0].1["reason"]),
        ("ERROR", &json!(410), &json!("Expired"))
    );
}

#[tokio::test(start_paused = true)]
async fn ends_in_time_and_marks_it() {
    let server = server();
    let client = server.client();
    let start = tokio::time::Instant::now();
    let seen = lines(&client, "resourceVersion=5&allowWatchBookmarks=true&timeoutSeconds=130", 9).await;
    assert_eq!(shape(&seen), ["BOOKMARK -", "BOOKMARK -"]);
    assert_eq!(start.elapsed().as_secs(), 130);
    let cutting = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        server.cut_watches();
    });
    assert!(lines(&client, "resourceVersion=5", 1).await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 135);
    cutting.await.expect("cut");
}

#[tokio::test(start_paused = true)]
async fn serves_kube_watchers() {
    let server = server();
    let api: Api<ConfigMap> = Api::default_namespaced(server.client());
    for streaming in [false, true] {
        let name = format!("made-{streaming}");
        let config = if streaming { watcher::Config::default().streaming_lists() } else { watcher::Config::default() };
        let mut stream = std::pin::pin!(watcher(api.clone(), config));
        let Some(Ok(watcher::Event::Init)) = stream.next().await else { panic!("no start") };
        while let Some(event) = stream.try_next().await.expect("an event") {
            if matches!(event, watcher::Event::InitDone) {
                break;
            }
        }
        send(&server.client(), "POST", MAPS_URI, &config_map(&name, json!({}))).await;
        let Some(Ok(watcher::Event::Apply(map))) = stream.next().await else { panic!("no change") };
        assert_eq!(map.metadata.name.as_deref(), Some(name.as_str()));
        server.cut_watches();
        send(&server.client(), "DELETE", &format!("{MAPS_URI}/{name}"), &Value::Null).await;
        loop {
            match stream.next().await.expect("goes on") {
                Ok(watcher::Event::Delete(map)) if map.metadata.name.as_deref() == Some(name.as_str()) => break,
                _ => {}
            }
        }
    }
    let mut raw = api.watch(&WatchParams::default().timeout(1), "0").await.expect("watches").boxed();
    while let Some(event) = raw.try_next().await.expect("an event") {
        assert!(!matches!(event, WatchEvent::Error(_)));
    }
}
