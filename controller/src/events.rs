//! Kubernetes Events, sent in the order in which they happened and without ever holding up the loop.
//!
//! Each transition is told once. A refusal that repeats is one Event whose count grows, updated at most every five minutes.
//! The reasons and texts come from the plans; nothing here invents one. An Event that the server does not take is dropped
//! after a few tries: Events are a courtesy, the condition is the record.

use crate::{clock::Clock, metrics::Metrics, queue::Key};
use chrono::{DateTime, TimeDelta, Utc};
use crds::Time;
use http::Request;
use kube::Client;
use plan::{Event, EventType, ObjectRef, Reason, reason::RolloutReason};
use serde_json::json;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::debug;

/// What sends the Events, as clients in the field know it.
const COMPONENT: &str = "rollouts-controller";
/// Events that may wait to be sent. More than a controller sends in minutes; beyond that they are dropped.
const WAITING: usize = 2_000;
/// How often the count of a repeated refusal is updated.
const REPEAT: TimeDelta = TimeDelta::minutes(5);
/// An answer is waited for this long: others wait behind it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries to send one Event.
const TRIES: u32 = 4;

/// The object that an Event is about.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) object: ObjectRef,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
}

#[derive(Debug)]
enum Message {
    Post { namespace: String, body: String },
    Count { namespace: String, name: String, count: u64, last: String },
}

/// A refusal that was told, and how often it came again.
#[derive(Debug)]
struct Told {
    event_name: String,
    text: String,
    count: u64,
    sent_at: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct Memory {
    /// The last number that went into a name: names must differ even within one instant.
    last_number: i64,
    told: BTreeMap<(Key, Cow<'static, str>), Told>,
}

/// Takes Events from the loop. Clones feed the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    clock: Clock,
    metrics: Metrics,
    sender: mpsc::Sender<Message>,
    memory: Arc<Mutex<Memory>>,
}

/// Sends what the recorder took.
pub(crate) struct Sender {
    client: Client,
    receiver: mpsc::Receiver<Message>,
}

/// A recorder and what sends for it.
pub(crate) fn channel(client: Client, clock: Clock, metrics: Metrics) -> (Recorder, Sender) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Recorder { clock, metrics, sender, memory: Arc::default() }, Sender { client, receiver })
}

impl Recorder {
    /// Tells of a transition.
    pub(crate) fn tell(&self, key: &Key, subject: &Subject, event: &Event) {
        self.post(key, subject, event);
    }

    /// Tells of what a pass refused to do, and forgets refusals that are over.
    pub(crate) fn refusals(&self, key: &Key, subject: &Subject, why: &[Reason]) {
        let refused: Vec<(Cow<'static, str>, String)> =
            why.iter().filter_map(|reason| Some((refusal(reason)?, reason.to_string()))).collect();
        let now = self.clock.now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.told.retain(|(told, reason), _| told != key || refused.iter().any(|(refused, _)| refused == reason));
        let mut fresh = Vec::new();
        for (reason, text) in refused {
            match memory.told.get_mut(&(key.clone(), reason.clone())) {
                Some(told) if told.text == text => {
                    told.count += 1;
                    if now - told.sent_at >= REPEAT {
                        told.sent_at = now;
                        let namespace = key.namespace.clone();
                        self.send(Message::Count {
                            namespace,
                            name: told.event_name.clone(),
                            count: told.count,
                            last: seconds(now),
                        });
                    }
                }
                _ => fresh.push((reason, text)),
            }
        }
        drop(memory);
        for (reason, text) in fresh {
            let event_name = self.post(key, subject, &Event::warning(&reason, text.clone()));
            let told = Told { event_name, text, count: 1, sent_at: now };
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).told.insert((key.clone(), reason), told);
        }
    }

    /// The object is no more.
    pub(crate) fn forget(&self, key: &Key) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).told.retain(|(told, _), _| told != key);
    }

    fn post(&self, key: &Key, subject: &Subject, event: &Event) -> String {
        let now = self.clock.now();
        let (object, uid, resource_version) = match &event.about {
            Some(about) => (&about.object, &about.uid, &about.resource_version),
            None => (&subject.object, &subject.uid, &subject.resource_version),
        };
        let name = format!("{}.{:x}", object.name, self.number(now));
        let event_type = match event.event_type {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        // As text: a controller that starts has one for each Rollout, and they wait in a row.
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": object.api_version(),
                "kind": object.kind,
                "namespace": key.namespace,
                "name": object.name,
                "uid": uid,
                "resourceVersion": resource_version,
            },
            "reason": event.reason,
            "message": event.message,
            "type": event_type,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": "",
            "firstTimestamp": seconds(now),
            "lastTimestamp": seconds(now),
            "count": 1,
        })
        .to_string();
        self.metrics.told(key, event);
        self.send(Message::Post { namespace: key.namespace.clone(), body });
        name
    }

    fn number(&self, now: DateTime<Utc>) -> i64 {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.timestamp_nanos_opt().unwrap_or_default().max(memory.last_number + 1);
        memory.last_number = number;
        number
    }

    fn send(&self, message: Message) {
        if self.sender.try_send(message).is_err() {
            debug!("an Event was dropped: too many wait to be sent");
        }
    }
}

/// The Event's reason for what a plan refuses; `None` for what it merely waits for.
fn refusal(reason: &Reason) -> Option<Cow<'static, str>> {
    let Reason::Rollout(reason) = reason else { return None };
    let known = match reason {
        RolloutReason::RoutedNotFound { kind, .. } => return Some(format!("{kind}NotFound").into()),
        RolloutReason::KindClosed { .. } => "KindNotFound",
        RolloutReason::ForeignWeight { .. } => "ForeignWeight",
        RolloutReason::WriteRefused { reason, .. } => reason,
        RolloutReason::Refused { .. } => "PlanRefused",
        _ => return None,
    };
    Some(known.into())
}

fn seconds(time: DateTime<Utc>) -> String {
    Time::from(time).to_string()
}

impl Sender {
    /// Sends Events until the recorder and all its clones are gone.
    pub(crate) async fn run(mut self) {
        while let Some(message) = self.receiver.recv().await {
            self.send(&message).await;
        }
    }

    async fn send(&self, message: &Message) {
        for tried in 0..TRIES {
            let request = match message {
                Message::Post { namespace, body } => Request::post(format!("/api/v1/namespaces/{namespace}/events"))
                    .header(http::header::CONTENT_TYPE, "application/json")
                    .body(body.clone().into_bytes()),
                Message::Count { namespace, name, count, last } => {
                    Request::patch(format!("/api/v1/namespaces/{namespace}/events/{name}"))
                        .header(http::header::CONTENT_TYPE, "application/merge-patch+json")
                        .body(json!({"count": count, "lastTimestamp": last}).to_string().into_bytes())
                }
            };
            let Ok(request) = request else { return };
            let Ok(answer) = timeout(TIMEOUT, self.client.request_text(request)).await else { continue };
            match answer {
                Ok(_) => return,
                // The server's word is final, be it "already exists": the answer to an earlier try got lost.
                Err(kube::Error::Api(status)) if status.code < 500 && status.code != 429 => {
                    return debug!(code = status.code, status.message, "the server did not take an Event");
                }
                Err(error) => debug!(error = crate::logging::chain(&error), "an Event was not answered"),
            }
            sleep(Duration::from_secs(1 << tried)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{queue::Kind, testing};
    use serde_json::Value;

    fn subject() -> Subject {
        let object = ObjectRef::new("argoproj.io", "v1alpha1", "Rollout", Some("shop"), "web");
        Subject { object, uid: "u".into(), resource_version: "7".into() }
    }

    fn missing(name: &str) -> Vec<Reason> {
        vec![RolloutReason::RoutedNotFound { kind: "VirtualService".into(), name: name.into() }.into()]
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_sent_in_order_and_refusals_once() {
        let (client, log) = testing::server(|request| (if request.method == "POST" { 201 } else { 200 }, json!({})));
        let clock = Clock::starting_at(DateTime::UNIX_EPOCH);
        let (recorder, sender) = channel(client, clock, Metrics::default());
        let key = Key::new(Kind::Rollout, "shop", "web");
        recorder.tell(&key, &subject(), &Event::normal("RolloutUpdated", "one"));
        recorder.tell(&key, &subject(), &Event::normal("RolloutPaused", "two"));
        for _ in 0..3 {
            recorder.refusals(&key, &subject(), &missing("a"));
        }
        tokio::time::advance(Duration::from_secs(301)).await;
        recorder.refusals(&key, &subject(), &missing("a"));
        recorder.refusals(&key, &subject(), &[]);
        recorder.refusals(&key, &subject(), &missing("a"));
        drop(recorder);
        sender.run().await;
        let sent: Vec<(String, Value)> =
            log.lock().expect("log").iter().map(|request| (request.method.clone(), request.body.clone())).collect();
        let told: Vec<String> = sent
            .iter()
            .map(|(method, body)| format!("{method} {} {}", body["reason"].as_str().unwrap_or("count"), body["count"]))
            .collect();
        assert_eq!(
            told,
            [
                "POST RolloutUpdated 1",
                "POST RolloutPaused 1",
                "POST VirtualServiceNotFound 1",
                "PATCH count 4",
                "POST VirtualServiceNotFound 1"
            ]
        );
        assert_ne!(sent[0].1["metadata"]["name"], sent[1].1["metadata"]["name"], "names differ within one instant");
        assert_eq!(sent[0].1["source"]["component"], "rollouts-controller");
    }
}
