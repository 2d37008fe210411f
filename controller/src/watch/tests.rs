//! A reflector against a scripted server: pages, watches that end, versions that are too old, kinds that come later.

use super::*;
use crate::testing::{self, Log};
use serde_json::json;
use std::sync::{Arc, Mutex};

fn object(name: &str, version: u64) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name, "uid": name, "resourceVersion": version.to_string()}})
}

fn event(event: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": event, "object": object}))
}

fn page(items: &[Value], version: u64, next: &str) -> (u16, Value) {
    (200, json!({"metadata": {"resourceVersion": version.to_string(), "continue": next}, "items": items}))
}

/// Follows Services for a while of virtual time; what was told, what was asked, and the store.
async fn followed(
    is_optional: bool,
    seconds: u64,
    answer: impl Fn(&str, usize) -> (u16, Value) + Send + Sync + 'static,
) -> (Vec<String>, Log, Store<String>) {
    let count = Mutex::new(0_usize);
    let (client, log) = testing::server(move |got| {
        let mut count = count.lock().expect("count");
        *count += 1;
        answer(&got.path, *count)
    });
    let store = Store::new(
        |object| Ok(object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()),
        |_| Vec::new(),
    );
    let told = Arc::new(Mutex::new(Vec::new()));
    let source = Source {
        kind: crds::kind::SERVICE,
        namespace: Some("shop".into()),
        selector: Some("!skip".into()),
        is_optional,
        other_version: is_optional.then_some("v2"),
    };
    let following = follow(client, source, &store, |change| {
        let line = match change {
            Some(Change { name, after: Some(version), .. }) => format!("{}@{version}", name.1),
            Some(Change { name, .. }) => format!("{} gone", name.1),
            None => "complete".into(),
        };
        told.lock().expect("told").push(line);
    });
    timeout(Duration::from_secs(seconds), following).await.expect_err("never ends");
    let told = told.lock().expect("told").clone();
    (told, log, store)
}

fn paths(log: &Log) -> Vec<String> {
    log.lock().expect("log").iter().map(|got| got.path.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn pages_then_a_watch_that_goes_on_where_it_ended() {
    let (told, log, store) = followed(false, 5, |_, request| match request {
        1 => page(&[object("a", 3)], 10, "more"),
        2 => page(&[object("b", 4)], 10, ""),
        3 => (
            200,
            Value::String(
                event("MODIFIED", &object("a", 11))
                    + &event("DELETED", &object("b", 12))
                    + &event("BOOKMARK", &json!({"metadata": {"resourceVersion": "20"}})),
            ),
        ),
        _ => (0, Value::Null),
    })
    .await;
    assert_eq!(told, ["a@3", "b@4", "complete", "a@11", "b gone"]);
    let base = "/api/v1/namespaces/shop/services?";
    let watch = "watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=";
    assert_eq!(
        paths(&log),
        [
            format!("{base}limit=250&labelSelector=%21skip"),
            format!("{base}limit=250&continue=more&labelSelector=%21skip"),
            format!("{base}{watch}10&labelSelector=%21skip"),
            format!("{base}{watch}20&labelSelector=%21skip"),
        ]
    );
    assert!(store.is_synced());
    assert!(store.answered(&object("a", 20)).expect("reads").is_none(), "the watch is past it");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_old_means_a_new_list() {
    let gone = json!({"kind": "Status", "code": 410, "message": "too old"});
    let (told, _, _) = followed(false, 5, move |_, request| match request {
        1 => page(&[object("a", 3), object("b", 4)], 10, ""),
        2 => (200, Value::String(event("ERROR", &gone))),
        3 => page(&[object("b", 15)], 20, ""),
        _ => (0, Value::Null),
    })
    .await;
    assert_eq!(told, ["a@3", "b@4", "complete", "b@15", "a gone", "complete"]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_missing_counts_as_empty_until_it_comes() {
    let missing = json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found"});
    let (told, log, store) = followed(true, 25, move |_, request| match request {
        1..=5 => (404, missing.clone()),
        6 => page(&[object("a", 3)], 10, ""),
        _ => (0, Value::Null),
    })
    .await;
    assert_eq!(told, ["complete", "a@3", "complete"], "what has not changed is not told again");
    assert_eq!((store.len(), store.closed()), (1, None));
    let asked = paths(&log);
    assert_eq!(asked.len(), 7, "asked every ten seconds, no more");
    let versions: Vec<&str> = asked.iter().map(|path| if path.starts_with("/api/v2/") { "v2" } else { "v1" }).collect();
    assert_eq!(
        versions,
        ["v1", "v2", "v2", "v1", "v1", "v2", "v2"],
        "both versions each time, then the one that is there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_up_is_not_hammered() {
    let (_, log, _) = followed(false, 60, |path, request| match request {
        1 => page(&[], 10, ""),
        _ if path.contains("watch=true") => (200, Value::String(String::new())),
        _ => page(&[], 10, ""),
    })
    .await;
    assert!(paths(&log).len() < 400, "{}", paths(&log).len());
}
