//! Watches: a stream of changes that starts with what is there or at a version, and ends when its time is up, when the
//! history no longer reaches back, or when a fault cuts it.
//!
//! A watch reads the shared history; a slow client costs the server nothing but a late answer of 410.

use crate::{
    clock::Clock,
    server::{
        Server,
        answer::{Answer, Form, metadata_only, shown},
        call::Call,
        kinds::Kind,
        object, read,
        refusal::Refusal,
        selectors::Selectors,
        store::{Change, Happened},
        table::table,
    },
};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{sync::watch as signal, time::Instant};

/// How long a watch lives when the client does not say.
const LIFETIME: Duration = Duration::from_secs(45 * 60);

/// How often a client that allows bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// Answers a watch request with a stream.
pub(crate) fn start(
    server: &Server,
    call: &Call,
    kind: Arc<Kind>,
    cut: signal::Receiver<u64>,
) -> Result<Answer, Refusal> {
    let selectors = Selectors::parse(call, &kind)?;
    let form = Form::accepted(call)?;
    let from = match call.option("resourceVersion") {
        None => 0,
        Some(text) => text.parse().map_err(|_| read::invalid_version(text))?,
    };
    let seconds = call.option("timeoutSeconds").and_then(|text| text.parse().ok()).filter(|&seconds| seconds > 0);
    let now = Instant::now();
    let mut state = server.state();
    let mut watch = Watch {
        shelf: kind.shelf(),
        namespace: call.namespace.clone(),
        selectors,
        form,
        call: call.clone(),
        clock: state.clock,
        cursor: from,
        ends: now + seconds.map_or(LIFETIME, Duration::from_secs),
        bookmark: call.is_set("allowWatchBookmarks").then_some(now + BOOKMARK_EVERY),
        wake: state.store.wakes(&kind.shelf()),
        cut,
        ready: VecDeque::new(),
        is_over: false,
        server: server.clone(),
        kind,
    };
    let with_initial = call.is_set("sendInitialEvents");
    if with_initial || from == 0 {
        watch.cursor = state.store.revision();
        for object in state.store.list(&watch.shelf, call.namespace.as_deref()) {
            if watch.selectors.matches(&object) {
                watch.ready.push_back(watch.line("ADDED", &object));
            }
        }
        if with_initial {
            watch.ready.push_back(watch.bookmark_line(true));
        }
    }
    drop(state);
    let lines = futures::stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((line, watch))
    });
    Ok(Answer::Stream(lines.boxed()))
}

struct Watch {
    server: Server,
    kind: Arc<Kind>,
    shelf: String,
    namespace: Option<String>,
    selectors: Selectors,
    form: Form,
    call: Call,
    clock: Clock,
    cursor: u64,
    ends: Instant,
    bookmark: Option<Instant>,
    wake: signal::Receiver<u64>,
    cut: signal::Receiver<u64>,
    ready: VecDeque<Bytes>,
    is_over: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            if self.is_over {
                return None;
            }
            self.wake.mark_unchanged();
            self.read_on();
            if !self.ready.is_empty() || self.is_over {
                continue;
            }
            let bookmark_at = self.bookmark.unwrap_or(self.ends);
            tokio::select! {
                biased;
                _ = self.cut.changed() => return None,
                _ = self.wake.changed() => {}
                () = tokio::time::sleep_until(self.ends) => return None,
                () = tokio::time::sleep_until(bookmark_at), if self.bookmark.is_some() => {
                    self.bookmark = Some(Instant::now() + BOOKMARK_EVERY);
                    let line = self.bookmark_line(false);
                    return Some(line);
                }
            }
        }
    }

    /// Takes over what happened since the cursor.
    fn read_on(&mut self) {
        let server = self.server.clone();
        let state = server.state();
        let Some(changes) = state.store.changes_after(&self.shelf, self.cursor) else {
            let refusal =
                Refusal::expired(format!("too old resource version: {} ({})", self.cursor, state.store.revision()));
            self.ready.push_back(line("ERROR", &refusal.body()));
            self.is_over = true;
            return;
        };
        for change in changes {
            if let Some((kind, object)) = self.seen_as(&change) {
                let line = self.line(kind, &object);
                self.ready.push_back(line);
            }
        }
        self.cursor = self.cursor.max(state.store.revision());
    }

    /// What a change is to this watch: objects enter and leave a selector.
    fn seen_as(&self, change: &Change) -> Option<(&'static str, Arc<Value>)> {
        if self.namespace.as_deref().is_some_and(|namespace| namespace != object::namespace(&change.object)) {
            return None;
        }
        let was_in = change.before.as_deref().is_some_and(|before| self.selectors.matches(before));
        let is_in = change.happened != Happened::Deleted && self.selectors.matches(&change.object);
        match (was_in, is_in) {
            (false, false) => None,
            (false, true) => Some(("ADDED", change.object.clone())),
            (true, true) => Some(("MODIFIED", change.object.clone())),
            (true, false) => {
                // The client knows the object as it was inside; only the version is new.
                let mut last = Value::clone(change.before.as_deref().unwrap_or(&change.object));
                object::put(&mut last, &["metadata", "resourceVersion"], object::version(&change.object).into());
                Some(("DELETED", Arc::new(last)))
            }
        }
    }

    fn line(&self, kind: &str, object: &Arc<Value>) -> Bytes {
        match self.form {
            Form::Plain => line(kind, &shown(&self.kind, object)),
            Form::Table => {
                let metadata = json!({ "resourceVersion": object::version(object) });
                let now = self.clock.now();
                line(kind, &table(&self.call, &self.kind, now, std::slice::from_ref(object), metadata))
            }
            Form::Metadata => line(kind, &metadata_only(object)),
        }
    }

    fn bookmark_line(&self, ends_initial: bool) -> Bytes {
        let mut metadata = json!({ "resourceVersion": self.cursor.to_string(), "creationTimestamp": null });
        if ends_initial {
            object::put(&mut metadata, &["annotations", "k8s.io/initial-events-end"], "true".into());
        }
        let bookmark = match self.form {
            Form::Metadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            }),
            Form::Table => table(&self.call, &self.kind, self.clock.now(), &[], metadata),
            Form::Plain => {
                json!({ "kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": metadata })
            }
        };
        line("BOOKMARK", &bookmark)
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    let mut bytes = format!("{{\"type\":\"{kind}\",\"object\":").into_bytes();
    if serde_json::to_writer(&mut bytes, object).is_err() {
        return Bytes::new();
    }
    bytes.extend_from_slice(b"}\n");
    Bytes::from(bytes)
}
