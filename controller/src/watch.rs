//! One reflector per kind: a paged list, then a watch with bookmarks, kept in a [`store::Store`] of our own projections.
//!
//! Each object is projected as soon as its line is read, so memory holds what decisions read and nothing else. A kind whose
//! definition is missing counts as empty and is asked for again every ten seconds, without holding up the others. Only this
//! file knows watch streams. It decides nothing: what an event wakes is said by `observe.rs`.

pub(crate) mod glance;
pub(crate) mod store;

use crds::Kind;
use futures::{AsyncBufReadExt, StreamExt};
use http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{collections::BTreeSet, time::Duration};
use store::{Change, Name, Store};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

/// Objects in one page of a list: a page is a MB or two, and the pages of several kinds are read at the same time.
const PAGE: usize = 250;
/// The server ends a watch after this long; below the five minutes after which load balancers cut silent connections.
const WATCH_SECS: u64 = 290;
/// A list page that takes longer is given up.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a missing kind is asked for again.
const PROBE: Duration = Duration::from_secs(10);
/// A kind whose first list still fails when the waits have grown to this counts as one that cannot be read.
const PATIENCE: Duration = Duration::from_secs(1);
/// Shortest and longest wait after a failure of a list or a watch.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// What one reflector reads.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The kind.
    pub(crate) kind: Kind,
    /// One namespace, or all.
    pub(crate) namespace: Option<String>,
    /// Only objects with these labels.
    pub(crate) selector: Option<String>,
    /// A kind that a cluster may lack.
    pub(crate) is_optional: bool,
    /// A version that a cluster may have instead of the kind's own.
    pub(crate) other_version: Option<&'static str>,
}

impl Source {
    /// Goes over to the other version, where there is one.
    fn try_other_version(&mut self) -> bool {
        let Some(other) = &mut self.other_version else { return false };
        std::mem::swap(other, &mut self.kind.version);
        true
    }

    fn missing(&self) -> String {
        format!("the cluster has no kind {} ({})", self.kind.kind, self.kind.group)
    }
}

#[derive(Debug, Error)]
enum WatchError {
    #[error("the kind is not there")]
    Missing,
    #[error("not allowed: {0}")]
    Denied(String),
    #[error("the version is too old")]
    Expired,
    #[error("no answer in time")]
    Silent,
    #[error("the answer cannot be read")]
    Unreadable(#[from] serde_json::Error),
    #[error("the connection broke")]
    Broken(#[from] std::io::Error),
    #[error("the server refused: {0}")]
    Refused(String),
    #[error("the request failed")]
    Failed(#[source] kube::Error),
}

impl From<kube::Error> for WatchError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => match status.code {
                404 => Self::Missing,
                410 => Self::Expired,
                401 | 403 => Self::Denied(status.message.clone()),
                code => Self::Refused(format!("{code} {}", status.message)),
            },
            other => Self::Failed(other),
        }
    }
}

/// A page of a list. Its objects stay text until their turn comes: all of them as trees would take ten times its length, and
/// what is kept of them would lie scattered among what is not.
#[derive(Deserialize)]
struct Page<'a> {
    metadata: PageMeta,
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    event: String,
    object: Value,
}

/// Keeps `store` as the server's objects are, for ever. Tells of each change, and with `None` of each complete list.
pub(crate) async fn follow<T>(client: Client, mut source: Source, store: &Store<T>, told: impl Fn(Option<Change<T>>)) {
    let mut pause = BACK_OFF.0;
    let mut has_tried_both = false;
    loop {
        let error = match list(&client, &source, store, &told).await {
            Ok(version) => {
                pause = BACK_OFF.0;
                has_tried_both = false;
                debug!(kind = source.kind.kind, objects = store.len(), "listed");
                let event = |event: &str, object: &Value| keep(&source, store, &told, event, object);
                watch(&client, &Requests::of(&source), &event, version).await
            }
            Err(error) => error,
        };
        match error {
            WatchError::Expired => debug!(kind = source.kind.kind, "the watch fell behind, listing again"),
            WatchError::Missing if !has_tried_both && source.try_other_version() => {
                has_tried_both = true;
                continue;
            }
            WatchError::Missing | WatchError::Denied(_) if source.is_optional => {
                has_tried_both = false;
                store.retain(&BTreeSet::new(), u64::MAX).into_iter().map(Some).for_each(&told);
                let why = match error {
                    WatchError::Missing => source.missing(),
                    error => error.to_string(),
                };
                if store.close(why.clone()) {
                    info!(kind = source.kind.kind, why, "asked for again every {} s", PROBE.as_secs());
                    told(None);
                }
                sleep(PROBE).await;
                continue;
            }
            error => {
                let why = crate::logging::chain(&error);
                warn!(kind = source.kind.kind, error = why, "watching failed");
                // Whoever waits for the kind is told why, instead of waiting in silence.
                if source.is_optional && !store.is_synced() && pause >= PATIENCE && store.close(why) {
                    told(None);
                }
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(BACK_OFF.1);
    }
}

/// How one collection is asked for.
#[derive(Clone, Debug)]
struct Requests {
    path: String,
    selector: Option<String>,
    accept: &'static str,
}

impl Requests {
    fn of(source: &Source) -> Self {
        Self {
            path: source.kind.path(source.namespace.as_deref()),
            selector: source.selector.clone(),
            accept: "application/json",
        }
    }

    fn get(&self, parameters: &[(&str, &str)]) -> Result<Request<Vec<u8>>, WatchError> {
        let mut query = form(parameters);
        if let Some(selector) = &self.selector {
            query.push('&');
            query.push_str(&form(&[("labelSelector", selector)]));
        }
        let request = Request::get(format!("{}?{query}", self.path)).header(http::header::ACCEPT, self.accept);
        request.body(Vec::new()).map_err(|error| WatchError::Refused(error.to_string()))
    }
}

/// A query string.
fn form(parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    parameters.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect::<Vec<_>>().join("&")
}

async fn list<T>(
    client: &Client,
    source: &Source,
    store: &Store<T>,
    told: &impl Fn(Option<Change<T>>),
) -> Result<String, WatchError> {
    let (limit, requests) = (PAGE.to_string(), Requests::of(source));
    let mut next = String::new();
    let mut listed: BTreeSet<Name> = BTreeSet::new();
    loop {
        let mut parameters = vec![("limit", limit.as_str())];
        if !next.is_empty() {
            parameters.push(("continue", &next));
        }
        let request = requests.get(&parameters)?;
        let text = timeout(LIST_TIMEOUT, client.request_text(request)).await.map_err(|_| WatchError::Silent)??;
        let page: Page<'_> = serde_json::from_str(&text)?;
        for object in &page.items {
            let object: Value = serde_json::from_str(object.get())?;
            if let Ok(name) = store::name_of(&object) {
                listed.insert(name);
            }
            take(source, told, store.saw(&object));
        }
        next = page.metadata.next;
        if next.is_empty() {
            let version = store::version_of(&page.metadata.resource_version);
            store.retain(&listed, version).into_iter().map(Some).for_each(told);
            store.mark_synced(version);
            told(None);
            return Ok(page.metadata.resource_version);
        }
    }
}

/// Tells of a change; an object that cannot be read is reported and otherwise left as it was.
fn take<T>(source: &Source, told: &impl Fn(Option<Change<T>>), change: Result<Option<Change<T>>, String>) {
    match change {
        Ok(Some(change)) => told(Some(change)),
        Ok(None) => {}
        Err(problem) => warn!(kind = source.kind.kind, problem, "skipped"),
    }
}

/// Puts what a watch brings into the store.
fn keep<T>(source: &Source, store: &Store<T>, told: &impl Fn(Option<Change<T>>), event: &str, object: &Value) {
    match event {
        "ADDED" | "MODIFIED" => take(source, told, store.saw(object)),
        "DELETED" => take(source, told, store.saw_deleted(object)),
        _ => {}
    }
    if let Some(reached) = version_in(object) {
        store.passed(store::version_of(reached));
    }
}

fn version_in(object: &Value) -> Option<&str> {
    object.pointer("/metadata/resourceVersion").and_then(Value::as_str)
}

/// Watches from `version` on until a new list is needed, and says why.
async fn watch(client: &Client, requests: &Requests, event: &impl Fn(&str, &Value), mut version: String) -> WatchError {
    let mut pause = BACK_OFF.0;
    loop {
        let (before, started) = (version.clone(), Instant::now());
        match watch_once(client, requests, event, &mut version).await {
            // A server that hangs up at once would be asked again without end.
            Ok(()) if started.elapsed() < BACK_OFF.0 && version == before => sleep(pause).await,
            Ok(()) => pause = BACK_OFF.0,
            Err(error @ (WatchError::Expired | WatchError::Missing | WatchError::Denied(_))) => return error,
            Err(error) => {
                debug!(path = requests.path, error = crate::logging::chain(&error), "the watch broke");
                if version != before {
                    pause = BACK_OFF.0;
                }
                sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
        }
    }
}

async fn watch_once(
    client: &Client,
    requests: &Requests,
    told: &impl Fn(&str, &Value),
    version: &mut String,
) -> Result<(), WatchError> {
    let seconds = WATCH_SECS.to_string();
    let request = requests.get(&[
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("timeoutSeconds", &seconds),
        ("resourceVersion", version),
    ])?;
    let patience = Duration::from_secs(WATCH_SECS + 15);
    let stream = timeout(LIST_TIMEOUT, client.request_stream(request)).await.map_err(|_| WatchError::Silent)??;
    let stream = std::pin::pin!(stream);
    let mut lines = stream.lines();
    while let Some(line) = timeout(patience, lines.next()).await.map_err(|_| WatchError::Silent)? {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        let Line { event, object } = serde_json::from_str(&line)?;
        if event == "ERROR" {
            return Err(refusal(&object));
        }
        told(&event, &object);
        if let Some(reached) = version_in(&object) {
            reached.clone_into(version);
        }
    }
    Ok(())
}

fn refusal(status: &Value) -> WatchError {
    let message = status.get("message").and_then(Value::as_str).unwrap_or("no message");
    match status.get("code").and_then(Value::as_u64) {
        Some(410) => WatchError::Expired,
        code => WatchError::Refused(format!("{} {message}", code.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests;
