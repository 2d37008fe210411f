//! Faults: refused requests, answers that get lost after the write, and delays on virtual time.

use super::world::{MAPS_URI, config_map, send, server};
use serde_json::{Value, json};
use sim::server::{
    call::{Call, Verb},
    faults::Verdict,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

#[tokio::test(start_paused = true)]
async fn happen_to_the_requests_that_are_named() {
    let server = server();
    let client = server.client();
    let left = AtomicUsize::new(2);
    server.set_faults(Some(Arc::new(move |call: &Call| {
        let is_meant = call.verb == Verb::Create && call.resource == "configmaps";
        let take = || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
        match is_meant.then(take) {
            Some(Ok(2)) => Verdict::Refuse(500),
            Some(Ok(_)) => Verdict::LoseAnswer(504),
            _ => Verdict::Pass,
        }
    })));
    let (code, body) = send(&client, "POST", MAPS_URI, &config_map("a", json!({}))).await;
    assert_eq!((code, &body["reason"]), (500, &json!("InternalError")));
    assert_eq!(send(&client, "GET", &format!("{MAPS_URI}/a"), &Value::Null).await.0, 404, "it was not done");
    assert_eq!(send(&client, "POST", MAPS_URI, &config_map("a", json!({}))).await.0, 504);
    assert_eq!(send(&client, "GET", &format!("{MAPS_URI}/a"), &Value::Null).await.0, 200, "it was done");
    assert_eq!(send(&client, "POST", MAPS_URI, &config_map("b", json!({}))).await.0, 201);
    server.set_faults(Some(Arc::new(|_: &Call| Verdict::Delay(Duration::from_secs(7)))));
    let start = tokio::time::Instant::now();
    send(&client, "GET", MAPS_URI, &Value::Null).await;
    assert_eq!(start.elapsed().as_secs(), 7);
}
