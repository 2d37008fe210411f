//! Which kinds are watched, with which filters, and how their events reach the queue.

use super::Stores;
use crate::{
    queue::{Key, Queue},
    settings::Settings,
    watch::{Source, follow, store::Change},
};
use crds::{Pod, RawObject, keys, kind};
use futures::{FutureExt, future::BoxFuture};
use kube::Client;
use std::sync::Arc;

/// The reflectors of one controller.
pub(crate) struct Sources<'a> {
    client: &'a Client,
    settings: &'a Settings,
    stores: &'a Arc<Stores>,
    queue: &'a Arc<Queue>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(
        client: &'a Client,
        settings: &'a Settings,
        stores: &'a Arc<Stores>,
        queue: &'a Arc<Queue>,
    ) -> Self {
        Self { client, settings, stores, queue }
    }

    fn source(&self, kind: crds::Kind, selector: Option<String>, is_optional: bool) -> Source {
        let other_version = kind.successor();
        Source { kind, namespace: self.settings.namespace.clone(), selector, is_optional, other_version }
    }

    /// Of kinds that carry an instance id: ours, or those without one.
    fn instance(&self) -> Option<String> {
        Some(match self.settings.instance_id.as_str() {
            "" => format!("!{}", keys::INSTANCE_ID),
            id => format!("{}={id}", keys::INSTANCE_ID),
        })
    }

    /// One future for each reflector; none of them ends, and one of a router's kind begins when a Rollout names that.
    pub(crate) fn all(&self) -> Vec<BoxFuture<'static, ()>> {
        let mut all = self.rules_of_rollouts();
        all.extend(self.what_rollouts_look_at());
        all.extend(self.stores.routed.kinds().map(|kind| self.routed(kind)));
        all.push(self.server());
        if self.settings.applications.is_some() {
            all.push(self.reflect(
                self.source(kind::APPLICATION, None, true),
                |stores| &stores.applications,
                Stores::woken_by_application,
            ));
        }
        all
    }

    fn rules_of_rollouts(&self) -> Vec<BoxFuture<'static, ()>> {
        vec![
            self.reflect(
                self.source(kind::ROLLOUT, self.instance(), false),
                |stores| &stores.rollouts,
                Stores::woken_by_rollout,
            ),
            self.reflect(
                self.source(kind::ANALYSIS_RUN, self.instance(), false),
                |stores| &stores.runs,
                Stores::woken_by_run,
            ),
            self.reflect(
                self.source(kind::EXPERIMENT, self.instance(), true),
                |stores| &stores.experiments,
                Stores::woken_by_experiment,
            ),
            self.reflect(
                self.source(kind::ANALYSIS_TEMPLATE, self.instance(), true),
                |stores| &stores.templates,
                |stores, change| stores.woken_by_template(&change.name.0),
            ),
            // A controller for one namespace may not list what is cluster-wide: it then counts as missing.
            self.reflect(
                self.source(kind::CLUSTER_ANALYSIS_TEMPLATE, self.instance(), true),
                |stores| &stores.cluster_templates,
                |stores, _| stores.woken_by_cluster_template(),
            ),
        ]
    }

    fn what_rollouts_look_at(&self) -> Vec<BoxFuture<'static, ()>> {
        let revisions = || Some(keys::POD_TEMPLATE_HASH.to_owned());
        vec![
            self.reflect(
                self.source(kind::REPLICA_SET, revisions(), false),
                |stores| &stores.replica_sets,
                Stores::woken_by_replica_set,
            ),
            self.pods(self.source(kind::POD, revisions(), false)),
            self.reflect(
                self.source(kind::SERVICE, None, false),
                |stores| &stores.services,
                Stores::woken_by_changed_service,
            ),
            self.reflect(
                self.source(kind::ENDPOINT_SLICE, None, false),
                |stores| &stores.endpoint_slices,
                Stores::woken_by_endpoints,
            ),
        ]
    }

    /// Pods; listed once more when somebody needs their annotations.
    fn pods(&self, source: Source) -> BoxFuture<'static, ()> {
        let (client, stores, queue) = (self.client.clone(), Arc::clone(self.stores), Arc::clone(self.queue));
        async move {
            let told = |change: Option<Change<Pod>>| match change {
                Some(change) => stores.woken_by_pod(&change).into_iter().for_each(|key| queue.wake(key)),
                None => queue.poke(),
            };
            tokio::select! {
                biased;
                () = stores.pod_annotations.wanted() => {}
                () = follow(client.clone(), source.clone(), &stores.pods, told) => {}
            }
            stores.pods.read_anew();
            let told_again = |change: Option<Change<Pod>>| {
                if change.is_none() {
                    stores.woken_by_annotations().into_iter().for_each(|key| queue.wake(key));
                }
                told(change);
            };
            follow(client, source, &stores.pods, told_again).await;
        }
        .boxed()
    }

    /// The server's version, from when somebody needs it.
    fn server(&self) -> BoxFuture<'static, ()> {
        let (client, stores, queue) = (self.client.clone(), Arc::clone(self.stores), Arc::clone(self.queue));
        async move { stores.follow_server(&client, |key| queue.wake(key)).await }.boxed()
    }

    /// A kind of router's objects, from when somebody names one.
    fn routed(&self, kind: crds::Kind) -> BoxFuture<'static, ()> {
        let (group, version) = self.settings.api_versions.spoken(kind.group).unwrap_or((kind.group, kind.version));
        let source = self.source(crds::Kind { group, version, ..kind }, None, true);
        let (client, stores, queue) = (self.client.clone(), Arc::clone(self.stores), Arc::clone(self.queue));
        async move {
            let Some(routed) = stores.routed.of(&kind) else { return };
            routed.wanted().await;
            let told = |change: Option<Change<RawObject>>| {
                let woken = match change {
                    Some(change) => stores.woken_by_routed(&kind, &change),
                    None => stores.woken_by_kind(&kind),
                };
                woken.into_iter().for_each(|key| queue.wake(key));
            };
            follow(client, source, &routed.store, told).await;
        }
        .boxed()
    }

    fn reflect<T: Send + Sync + 'static>(
        &self,
        source: Source,
        store: fn(&Stores) -> &crate::watch::store::Store<T>,
        woken: fn(&Stores, &Change<T>) -> Vec<Key>,
    ) -> BoxFuture<'static, ()> {
        let (client, stores, queue) = (self.client.clone(), Arc::clone(self.stores), Arc::clone(self.queue));
        async move {
            let told = |change: Option<Change<T>>| match change {
                Some(change) => woken(&stores, &change).into_iter().for_each(|key| queue.wake(key)),
                None => queue.poke(),
            };
            follow(client, source, store(&stores), told).await;
        }
        .boxed()
    }
}

impl Stores {
    /// True once every first list is read, but those of routers' objects: whoever names one waits for it alone.
    pub(crate) fn are_synced(&self, settings: &Settings) -> bool {
        self.rollouts.is_synced()
            && self.replica_sets.is_synced()
            && self.pods.is_synced()
            && self.services.is_synced()
            && self.endpoint_slices.is_synced()
            && self.runs.is_synced()
            && self.experiments.is_synced()
            && self.templates.is_synced()
            && self.cluster_templates.is_synced()
            && (settings.applications.is_none() || self.applications.is_synced())
    }
}
