//! Notices at once when somebody changes an object of an Application: one watch for each kind and namespace that
//! Applications have objects in, which keeps nothing (see `watch/glance.rs`).
//!
//! An event makes the Application look anew, at most once a second. Where a watch is not allowed or there would be too many,
//! drift is seen at the next poll. Rollouts are watched anyway. What drift means is decided in `gitops`.

use super::{Stores, applications::resource_key};
use crate::{
    queue::{Key, Queue},
    watch::{glance::glance, store::Name},
    write::Writer,
};
use crds::kind;
use futures::{
    FutureExt, StreamExt, future::AbortHandle, future::BoxFuture, future::abortable, stream::FuturesUnordered,
};
use kube::Client;
use plan::ObjectRef;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};
use tracing::debug;

/// Changes of one second are looked at together.
const GATHER: Duration = Duration::from_secs(1);
/// Kinds that are in more namespaces than this are watched in all of them at once.
const MOST_NAMESPACES: usize = 4;
/// Each watch is a connection.
const MOST_WATCHES: usize = 64;
/// Before a place that is not known yet is asked for again.
const UNKNOWN: Duration = Duration::from_secs(60);

/// What is watched: a group, version and kind, in one namespace or everywhere.
type Place = (String, String, String, Option<String>);

/// Watches for drift.
pub(crate) struct Drift {
    pub(crate) client: Client,
    pub(crate) writer: Writer,
    pub(crate) stores: Arc<Stores>,
    pub(crate) queue: Arc<Queue>,
    /// Look at one namespace only.
    pub(crate) namespace: Option<String>,
}

/// Applications of which something changed, gathered for a moment.
#[derive(Default)]
struct Gathered {
    keys: Mutex<BTreeSet<Key>>,
    any: Notify,
}

impl Gathered {
    fn add(&self, keys: impl IntoIterator<Item = Key>) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
        self.any.notify_one();
    }

    fn take(&self) -> BTreeSet<Key> {
        std::mem::take(&mut self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drift {
    /// Runs for ever.
    pub(crate) async fn run(self) {
        let gathered = Arc::new(Gathered::default());
        tokio::join!(self.watch(&gathered), self.tell(&gathered));
    }

    /// Keeps one watch for each place in which Applications have objects.
    async fn watch(&self, gathered: &Arc<Gathered>) {
        let mut watches: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        let mut running: BTreeMap<Place, AbortHandle> = BTreeMap::new();
        loop {
            let wanted = self.wanted();
            for (_, handle) in running.extract_if(.., |place, _| !wanted.contains(place)) {
                handle.abort();
            }
            for place in wanted {
                running.entry(place.clone()).or_insert_with(|| {
                    let (watch, handle) = abortable(self.watched(place, Arc::clone(gathered)));
                    watches.push(watch.map(|_| ()).boxed());
                    handle
                });
            }
            tokio::select! {
                () = self.stores.applications_changed() => {}
                Some(()) = watches.next() => {}
            }
        }
    }

    /// Wakes those of which something changed, after a moment in which more may have.
    async fn tell(&self, gathered: &Gathered) {
        loop {
            gathered.any.notified().await;
            sleep(GATHER).await;
            for key in gathered.take() {
                self.stores.touch([key.clone()]);
                self.queue.wake(key);
            }
        }
    }

    /// The places of all objects that Applications recorded.
    fn wanted(&self) -> BTreeSet<Place> {
        let mut namespaces: BTreeMap<(String, String, String), BTreeSet<Option<String>>> = BTreeMap::new();
        for application in self.stores.applications.all() {
            for resource in &application.status.resources {
                let text = |field: &Option<String>| field.clone().unwrap_or_default();
                let name = (text(&resource.group), text(&resource.version), text(&resource.kind));
                let is_rollout = name.0 == kind::ROLLOUT.group && name.2 == kind::ROLLOUT.kind;
                let namespace = resource.namespace.clone().filter(|namespace| !namespace.is_empty());
                if !is_rollout && !name.1.is_empty() && !name.2.is_empty() {
                    namespaces.entry(name).or_default().insert(namespace);
                }
            }
        }
        let places = namespaces.into_iter().flat_map(|((group, version, kind), namespaces)| {
            let is_everywhere = namespaces.len() > MOST_NAMESPACES && self.namespace.is_none();
            let namespaces = if is_everywhere { BTreeSet::from([None]) } else { namespaces };
            namespaces.into_iter().map(move |namespace| (group.clone(), version.clone(), kind.clone(), namespace))
        });
        places.take(MOST_WATCHES).collect()
    }

    /// Follows one place for ever.
    fn watched(&self, place: Place, gathered: Arc<Gathered>) -> BoxFuture<'static, ()> {
        let (client, writer, stores) = (self.client.clone(), self.writer.clone(), Arc::clone(&self.stores));
        async move {
            let (group, version, kind, namespace) = &place;
            let example = ObjectRef::new(group, version, kind, namespace.as_deref(), "");
            let path = loop {
                match writer.collection(&example).await {
                    Ok(path) => break path,
                    Err(error) => debug!(%error, kind, "not watched for now"),
                }
                sleep(UNKNOWN).await;
            };
            let told = |name: Option<Name>| match name {
                Some((namespace, name)) => gathered.add(stores.owners(&resource_key(group, kind, &namespace, &name))),
                None => gathered.add(stores.owners_in(group, kind, namespace.as_deref())),
            };
            glance(client, path, told).await;
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
