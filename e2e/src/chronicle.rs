//! Everything that changed in a namespace, in the order in which it happened.
//!
//! One watch per kind records into one list. The versions of one API server's objects are revisions of one store, so that
//! sorting by them gives the true order between kinds, whatever order the watches told it in.

use crate::wait::{holds, wait_until};
use anyhow::{Context, bail};
use futures::{AsyncBufReadExt, StreamExt};
use http::Request;
use kube::Client;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::sleep};

/// How far the watches may be behind.
const LIMIT: Duration = Duration::from_secs(20);
/// Time between two attempts to reach a server that is away.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// The kinds that are recorded: resource, and the path of its group.
const RECORDED: [(&str, &str); 6] = [
    ("virtualservices", "apis/networking.istio.io/v1"),
    ("destinationrules", "apis/networking.istio.io/v1"),
    ("rollouts", "apis/argoproj.io/v1alpha1"),
    ("replicasets", "apis/apps/v1"),
    ("services", "api/v1"),
    ("endpointslices", "apis/discovery.k8s.io/v1"),
];

/// Resource and name.
pub type Name = (String, String);

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The store's revision after it.
    pub revision: u64,
    /// Which object.
    pub name: Name,
    /// How it was then; `None`: removed.
    pub object: Option<Value>,
    /// When this process was told.
    pub told_at: Instant,
}

/// A record that grows until it is dropped.
pub struct Chronicle {
    watches: Vec<Watch>,
    kept: Arc<Mutex<Kept>>,
    watching: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By revision and name, so that what is told twice is kept once, as it was told first.
    changes: BTreeMap<(u64, Name), (Instant, Option<Value>)>,
    gap: Option<String>,
}

impl Chronicle {
    /// Begins to record a namespace. A change that was missed is an error later on.
    pub async fn begin(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        Self::record(client, namespace, false).await
    }

    /// Begins to record a namespace whose API server will be restarted: it remembers less afterwards, and what is there then
    /// is read anew.
    pub async fn across_restarts(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        Self::record(client, namespace, true).await
    }

    async fn record(client: &Client, namespace: &str, may_forget: bool) -> anyhow::Result<Self> {
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let (mut watches, mut watching) = (Vec::new(), Vec::new());
        for (resource, group) in RECORDED {
            let path = format!("/{group}/namespaces/{namespace}/{resource}");
            let watch = Watch { client: client.clone(), path, resource, may_forget, kept: Arc::clone(&kept) };
            let from = watch.begin().await?;
            watches.push(watch.clone());
            watching.push(tokio::spawn(watch.follow(from)));
        }
        Ok(Self { watches, kept, watching })
    }

    /// The newest revision that is recorded.
    pub fn revision(&self) -> u64 {
        lock(&self.kept).changes.last_key_value().map_or(0, |((revision, _), _)| *revision)
    }

    /// All changes until now, in order. Watches tell a little later than a request reads: it waits for them.
    pub async fn changes(&self) -> anyhow::Result<Vec<Change>> {
        for watch in &self.watches {
            let there = watch.list().await?.versions(watch.resource);
            wait_until(&format!("the watch of {} has told everything", watch.resource), LIMIT, || async {
                let kept = lock(&self.kept);
                let untold = there.iter().find(|version| !kept.changes.contains_key(version));
                holds(untold.is_none() || kept.gap.is_some(), untold)
            })
            .await?;
        }
        let kept = lock(&self.kept);
        if let Some(gap) = &kept.gap {
            bail!("the record has a gap: {gap}");
        }
        let all = kept.changes.iter();
        Ok(all
            .map(|((revision, name), (told_at, object))| Change {
                revision: *revision,
                name: name.clone(),
                object: object.clone(),
                told_at: *told_at,
            })
            .collect())
    }
}

impl fmt::Debug for Chronicle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Chronicle").field("revision", &self.revision()).finish_non_exhaustive()
    }
}

impl Drop for Chronicle {
    fn drop(&mut self) {
        self.watching.iter().for_each(JoinHandle::abort);
    }
}

impl Kept {
    /// Keeps one change, and returns its version.
    fn keep(&mut self, resource: &str, object: &Value, is_removed: bool) -> Option<String> {
        let version = version(resource, object)?;
        let revision = version.0.to_string();
        self.changes.entry(version).or_insert((Instant::now(), (!is_removed).then(|| object.clone())));
        Some(revision)
    }
}

/// What is there at one moment.
struct List(Value);

impl List {
    fn items(&self) -> impl Iterator<Item = &Value> {
        self.0["items"].as_array().into_iter().flatten()
    }

    fn versions(&self, resource: &str) -> Vec<(u64, Name)> {
        self.items().filter_map(|object| version(resource, object)).collect()
    }
}

/// The version of an object, as changes are ordered.
fn version(resource: &str, object: &Value) -> Option<(u64, Name)> {
    let meta = &object["metadata"];
    let name = (resource.to_owned(), meta["name"].as_str()?.to_owned());
    Some((meta["resourceVersion"].as_str()?.parse().ok()?, name))
}

/// One watch, renewed when it ends.
#[derive(Clone)]
struct Watch {
    client: Client,
    path: String,
    resource: &'static str,
    may_forget: bool,
    kept: Arc<Mutex<Kept>>,
}

impl Watch {
    async fn follow(self, mut version: String) {
        loop {
            match self.read(&mut version).await {
                Ok(()) => {}
                // A server that restarts is back soon.
                Err(error) if error.downcast_ref::<Expired>().is_none() => sleep(BETWEEN_ATTEMPTS).await,
                Err(_) if self.may_forget => match self.begin().await {
                    Ok(newest) => version = newest,
                    Err(_) => sleep(BETWEEN_ATTEMPTS).await,
                },
                Err(error) => {
                    lock(&self.kept).gap = Some(format!("{}: {error:#}", self.path));
                    return;
                }
            }
        }
    }

    /// Keeps what is there now, and returns the version of that moment.
    async fn begin(&self) -> anyhow::Result<String> {
        let list = self.list().await?;
        list.items().for_each(|object| drop(lock(&self.kept).keep(self.resource, object, false)));
        Ok(list.0["metadata"]["resourceVersion"].as_str().context("a list without a version")?.to_owned())
    }

    async fn list(&self) -> anyhow::Result<List> {
        let request = Request::get(&self.path).body(Vec::new())?;
        Ok(List(self.client.request(request).await.context(self.path.clone())?))
    }

    async fn read(&self, version: &mut String) -> anyhow::Result<()> {
        let uri = format!("{}?watch=true&allowWatchBookmarks=true&resourceVersion={version}", self.path);
        let mut lines = self.client.request_stream(Request::get(uri).body(Vec::new())?).await?.lines();
        while let Some(line) = lines.next().await {
            let event: Value = serde_json::from_str(&line?)?;
            let object = &event["object"];
            let seen = match event["type"].as_str() {
                Some("ERROR") => return Err(Expired(object.to_string()).into()),
                Some("BOOKMARK") => object["metadata"]["resourceVersion"].as_str().map(str::to_owned),
                kind => lock(&self.kept).keep(self.resource, object, kind == Some("DELETED")),
            };
            seen.context("an event without a version")?.clone_into(version);
        }
        Ok(())
    }
}

/// The server no longer knows what happened since.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Expired(String);

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
