//! A live copy of all objects of one kind, kept by a list and a watch.
//!
//! It follows the server at once and begins anew whenever the stream breaks. Answers to an actor's own writes may be put in
//! before the watch brings them, so that no actor acts twice on one view.

use crate::world::calls::{Kind, list, name_of, text};
use futures::{TryStreamExt, future::select_all};
use http::Request;
use kube::{Client, core::WatchEvent};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

/// Wait before a broken stream is opened again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

type Objects = BTreeMap<(String, String), Arc<Value>>;

/// A live copy of one kind.
#[derive(Debug)]
pub struct View {
    kind: Kind,
    objects: Mutex<Objects>,
    changes: watch::Sender<u64>,
}

impl View {
    /// An empty copy; [`View::follow`] fills it.
    pub fn new(kind: Kind) -> Arc<View> {
        Arc::new(View { kind, objects: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// All objects, in order of namespace and name.
    pub fn all(&self) -> Vec<Arc<Value>> {
        self.objects().values().cloned().collect()
    }

    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.objects().get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Puts in what the server answered, unless something newer is there.
    pub fn absorb(&self, object: Value) {
        if put(&mut self.objects(), object) {
            self.change(|_| ());
        }
    }

    /// Follows the server for ever.
    pub async fn follow(self: Arc<View>, client: Client) {
        loop {
            if let Err(error) = self.follow_once(&client).await {
                tracing::debug!(%error, path = self.kind.everywhere(), "a view begins anew");
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    async fn follow_once(&self, client: &Client) -> Result<(), kube::Error> {
        let path = self.kind.everywhere();
        let listed: Value = client.request(get(&path)?).await?;
        let version = text(&listed, "/metadata/resourceVersion").to_owned();
        let found = list(&listed, "/items").iter().map(|object| (name_of(object), Arc::new(object.clone()))).collect();
        self.change(|objects| *objects = found);
        let watched = format!("{path}?watch=true&allowWatchBookmarks=true&resourceVersion={version}");
        let mut events = Box::pin(client.request_events::<Value>(get(&watched)?).await?);
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    self.change(|objects| _ = put(objects, object));
                }
                WatchEvent::Deleted(object) => self.change(|objects| remove(objects, &object)),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Objects)) {
        change(&mut self.objects());
        self.changes.send_modify(|count| *count += 1);
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn get(path: &str) -> Result<Request<Vec<u8>>, kube::Error> {
    Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)
}

fn version(object: &Value) -> u64 {
    text(object, "/metadata/resourceVersion").parse().unwrap_or_default()
}

/// True when the object is newer than what was held.
fn put(objects: &mut Objects, object: Value) -> bool {
    let key = name_of(&object);
    let is_newer = objects.get(&key).is_none_or(|held| version(held) < version(&object));
    if is_newer {
        objects.insert(key, Arc::new(object));
    }
    is_newer
}

fn remove(objects: &mut Objects, object: &Value) {
    let key = name_of(object);
    if objects.get(&key).is_some_and(|held| text(held, "/metadata/uid") == text(object, "/metadata/uid")) {
        objects.remove(&key);
    }
}

/// Rings when any of some views changes.
#[derive(Debug)]
pub(crate) struct Alarm(Vec<watch::Receiver<u64>>);

impl Alarm {
    pub(crate) fn on(views: &[&Arc<View>]) -> Alarm {
        Alarm(views.iter().map(|view| view.changes.subscribe()).collect())
    }

    /// It rings for something else, too.
    pub(crate) fn and(mut self, changes: watch::Receiver<u64>) -> Alarm {
        self.0.push(changes);
        self
    }

    async fn rings(&mut self) {
        let waits = self.0.iter_mut().map(|receiver| Box::pin(receiver.changed()));
        let (_, _, _) = select_all(waits).await;
    }

    /// Has it rung since this was asked last?
    pub(crate) fn has_rung(&mut self) -> bool {
        let rung = self.0.iter().any(|receiver| receiver.has_changed().unwrap_or(false));
        self.hush();
        rung
    }

    fn hush(&mut self) {
        for receiver in &mut self.0 {
            receiver.mark_unchanged();
        }
    }
}

/// Somebody in the world who looks at views and acts on them.
pub(crate) trait Actor: Send {
    /// Looks once and does what is due; returns when to look again even if nothing changes.
    fn pass(&mut self) -> impl Future<Output = Result<Option<Instant>, kube::Error>> + Send;
}

/// Lets an actor live: it looks whenever something changed, and when it asked to.
pub(crate) async fn live(mut actor: impl Actor, mut alarm: Alarm) {
    loop {
        alarm.hush();
        let due = match actor.pass().await {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "an actor of the world tries again");
                Some(Instant::now() + AGAIN_AFTER)
            }
        };
        tokio::select! {
            biased;
            () = alarm.rings() => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}

/// The earlier of two moments.
pub(crate) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
