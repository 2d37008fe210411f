//! The objects of routers, and workloads that Rollouts refer to: one store for each kind, filled from when the first Rollout names
//! an object of that kind.
//!
//! A cluster without Istio, or without Rollouts that use it, costs no request. Once begun, a watch does not end: the next
//! Rollout finds its objects there. No Rollout is decided on before the stores of the kinds that it names are complete.

use super::{KeptRollout, SERVICE, Stores, keep, left, rollout_key, sides};
use crate::{
    queue::{Key, Kind as Queued},
    watch::store::{Change, IndexKey, Store},
};
use crds::{Kind, RawObject};
use plan::ObjectRef;
use rollouts::rollout::{traffic, workload};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::watch;

/// Facet under which the Rollouts of an object are found.
const ROUTED: &str = "routed";
/// Facet under which the objects are found that name another one.
const BEHIND: &str = "behind";

/// One kind.
#[derive(Debug)]
pub(crate) struct RoutedKind {
    pub(crate) store: Store<RawObject>,
    is_wanted: watch::Sender<bool>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct RoutedKinds(BTreeMap<Kind, RoutedKind>);

impl Default for RoutedKinds {
    fn default() -> Self {
        Self(traffic::kinds().chain(workload::KINDS).map(|kind| (kind, RoutedKind::new(kind))).collect())
    }
}

impl RoutedKind {
    fn new(kind: Kind) -> Self {
        let indexed = move |object: &RawObject| {
            let service = traffic::service_behind(&kind, object);
            let service = service.map(|service| (SERVICE, object.metadata.namespace.clone(), service));
            let behind = traffic::object_behind(&kind, object)
                .map(|named| (BEHIND, named.namespace.unwrap_or_default(), named.name));
            service.into_iter().chain(behind).chain(left::if_marked(&object.metadata)).collect()
        };
        let whole = |object: &Value| keep::readable(RawObject::from_value(object));
        let store = Store::new(if workload::KINDS.contains(&kind) { keep::workload } else { whole }, indexed);
        Self { store, is_wanted: watch::Sender::new(false) }
    }

    /// Waits until somebody names an object of this kind.
    pub(crate) async fn wanted(&self) {
        // The sender is here, so that it cannot be gone.
        let _ = self.is_wanted.subscribe().wait_for(|is_wanted| *is_wanted).await;
    }
}

/// A known kind of an object.
fn kind_of(object: &ObjectRef) -> Option<&'static Kind> {
    Kind::of(&object.api_version(), &object.kind)
}

/// The kinds of these objects, and of those that they name themselves.
fn kinds_of(objects: &[ObjectRef]) -> BTreeSet<Kind> {
    let kinds = objects.iter().filter_map(kind_of);
    kinds.flat_map(|kind| std::iter::once(*kind).chain(traffic::kind_behind(kind))).collect()
}

fn key_of(kind: &str, group: &str, namespace: &str, name: &str) -> IndexKey {
    (ROUTED, namespace.to_owned(), format!("{kind}.{group}/{name}"))
}

/// Under which objects a Rollout is found.
pub(super) fn of_rollout(kept: &KeptRollout) -> impl Iterator<Item = IndexKey> {
    let key = |object: &ObjectRef| {
        key_of(&object.kind, &object.group, object.namespace.as_deref().unwrap_or_default(), &object.name)
    };
    kept.references.objects.iter().map(key)
}

impl RoutedKinds {
    /// The kinds, in order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.0.keys().copied()
    }

    /// What is kept of one kind.
    pub(crate) fn of(&self, kind: &Kind) -> Option<&RoutedKind> {
        self.0.get(kind)
    }

    /// The kind of this object and what is kept of it.
    pub(super) fn of_object(&self, object: &ObjectRef) -> Option<(&'static Kind, &RoutedKind)> {
        let kind = kind_of(object)?;
        Some((kind, self.of(kind)?))
    }

    fn named(&self, kept: &KeptRollout) -> impl Iterator<Item = &RoutedKind> {
        kinds_of(&kept.references.objects).into_iter().filter_map(|kind| self.of(&kind))
    }

    /// The kinds that a Rollout names are watched from now on.
    pub(super) fn want(&self, kept: &KeptRollout) {
        for routed in self.named(kept) {
            routed.is_wanted.send_if_modified(|is_wanted| !std::mem::replace(is_wanted, true));
        }
    }

    /// Whether all is known that a Rollout names.
    fn are_synced_for(&self, kept: &KeptRollout) -> bool {
        self.named(kept).all(|routed| routed.store.is_synced())
    }

    /// The objects that are there, and those that they name.
    pub(super) fn observed(&self, objects: &[ObjectRef]) -> BTreeMap<ObjectRef, Arc<RawObject>> {
        let found = |object: &ObjectRef| {
            let store = &self.of_object(object)?.1.store;
            store.get(object.namespace.as_deref().unwrap_or_default(), &object.name)
        };
        let there = |object: ObjectRef| found(&object).map(|value| (object, value));
        let mut observed: BTreeMap<_, _> = objects.iter().cloned().filter_map(there).collect();
        let behind = observed.iter().filter_map(|(named, object)| traffic::object_behind(kind_of(named)?, object));
        let behind: Vec<ObjectRef> = behind.collect();
        observed.extend(behind.into_iter().filter_map(there));
        observed
    }

    /// Those of them that route.
    pub(super) fn routes(&self, objects: &[ObjectRef]) -> Vec<Arc<RawObject>> {
        let routes = |named: &ObjectRef| traffic::kinds().any(|kind| Some(&kind) == kind_of(named));
        self.observed(objects).into_iter().filter(|(named, _)| routes(named)).map(|(_, object)| object).collect()
    }

    /// The kinds of these objects of which none can be read, and why.
    pub(super) fn closed(&self, objects: &[ObjectRef]) -> BTreeMap<Kind, String> {
        kinds_of(objects).into_iter().filter_map(|kind| Some((kind, self.of(&kind)?.store.closed()?))).collect()
    }
}

/// The Services behind observed objects.
pub(super) fn services_behind(objects: &BTreeMap<ObjectRef, Arc<RawObject>>) -> impl Iterator<Item = String> + '_ {
    objects.iter().filter_map(|(named, object)| traffic::service_behind(kind_of(named)?, object))
}

impl Stores {
    /// Whether what `key` is decided on is known. Where it is not, the key is woken once it is.
    pub(crate) fn can_be_decided(&self, key: &Key) -> bool {
        match key.kind {
            Queued::Rollout => self.rollouts.get(&key.namespace, &key.name).is_none_or(|kept| {
                self.routed.are_synced_for(&kept)
                    && self.pod_annotations.are_there_for(&kept)
                    && self.server.was_asked_for(&kept)
            }),
            Queued::Experiment => {
                let kept = self.experiments.get(&key.namespace, &key.name);
                let rollout = kept.and_then(|kept| self.rollout_over(&kept.experiment));
                rollout.is_none_or(|kept| self.routed.are_synced_for(&kept))
            }
            Queued::AnalysisRun | Queued::Application => true,
        }
    }

    /// Whom a changed object of a router wakes.
    pub(crate) fn woken_by_routed(&self, kind: &Kind, change: &Change<RawObject>) -> Vec<Key> {
        let (namespace, name) = &change.name;
        let marks = sides(change).flat_map(|object| left::rollouts_of(&object.metadata));
        let rollouts = self.rollouts_routed_by(kind, namespace, name).into_iter();
        let rollouts = rollouts.chain(self.rollouts_in_front(kind, namespace, name));
        rollouts.flat_map(|rollout| self.with_experiments(rollout)).chain(marks).collect()
    }

    fn rollouts_routed_by(&self, kind: &Kind, namespace: &str, name: &str) -> Vec<Key> {
        let (facet, namespace, value) = key_of(kind.kind, kind.group, namespace, name);
        self.rollouts_of(facet, &namespace, &value)
    }

    /// Those that name an object that names this one.
    fn rollouts_in_front(&self, kind: &Kind, namespace: &str, name: &str) -> Vec<Key> {
        let in_front = self.routed.0.iter().filter(|(front, _)| traffic::kind_behind(front) == Some(*kind));
        let of = |(front, routed): (&Kind, &RoutedKind)| {
            let objects = routed.store.by(BEHIND, namespace, name);
            let keys = objects
                .iter()
                .flat_map(|object| self.rollouts_routed_by(front, &object.metadata.namespace, &object.metadata.name));
            keys.collect::<Vec<_>>()
        };
        in_front.flat_map(of).collect()
    }

    /// Whom a kind wakes that was listed, or found to be missing.
    pub(crate) fn woken_by_kind(&self, kind: &Kind) -> Vec<Key> {
        let names_it = |kept: &Arc<KeptRollout>| kinds_of(&kept.references.objects).contains(kind);
        let rollouts = self.rollouts.all();
        let naming = rollouts.iter().filter(|kept| names_it(kept));
        naming.flat_map(|kept| self.with_experiments(rollout_key(kept))).collect()
    }

    /// Those whose routers lead to a Service that their specs do not name.
    pub(super) fn routed_to(&self, namespace: &str, service: &str) -> Vec<Key> {
        let behind = |(kind, routed): (&Kind, &RoutedKind)| {
            let objects = routed.store.by(SERVICE, namespace, service);
            let keys = objects
                .iter()
                .flat_map(|object| self.rollouts_routed_by(kind, &object.metadata.namespace, &object.metadata.name));
            keys.collect::<Vec<_>>()
        };
        self.routed.0.iter().flat_map(behind).collect()
    }
}
