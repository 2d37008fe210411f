//! Puts what the server answered to our own writes and reads into the stores, as if the watch had brought it.
//!
//! Objects of kinds that are not watched are passed over: nobody decides on them from a store. So is what an Application
//! brings and no store holds yet: it may be outside what is watched (another instance's Rollout, a ReplicaSet that is
//! nobody's revision), and a store would keep it for ever.

use super::Stores;
use crate::{
    queue::{Key, Kind},
    watch::store::{Change, Store},
};
use plan::ObjectRef;
use serde_json::Value;
use tracing::warn;

/// What the server said of one object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said<'a> {
    /// It is this now.
    Is(&'a Value),
    /// The object of this identity is no more.
    Gone(&'a str),
}

impl Stores {
    /// Takes an answer to a write or read of `writer`; the keys that it wakes.
    pub(crate) fn absorb(&self, writer: Kind, object: &ObjectRef, said: Said<'_>) -> Vec<Key> {
        let is_new = writer == Kind::Application && self.uid(object).is_none();
        match watched(object) {
            _ if is_new => Vec::new(),
            "Rollout" => self.take(&self.rollouts, object, said, Self::woken_by_rollout),
            "ReplicaSet" => self.take(&self.replica_sets, object, said, Self::woken_by_replica_set),
            "Pod" => self.take(&self.pods, object, said, Self::woken_by_pod),
            "Service" => self.take(&self.services, object, said, Self::woken_by_changed_service),
            "AnalysisRun" => self.take(&self.runs, object, said, Self::woken_by_run),
            "Experiment" => self.take(&self.experiments, object, said, Self::woken_by_experiment),
            "Application" => self.take(&self.applications, object, said, Self::woken_by_application),
            _ => match self.routed.of_object(object) {
                Some((kind, routed)) => {
                    self.take(&routed.store, object, said, |stores, change| stores.woken_by_routed(kind, change))
                }
                None => Vec::new(),
            },
        }
    }

    /// The identity under which a store holds this object.
    pub(crate) fn uid(&self, object: &ObjectRef) -> Option<String> {
        let (namespace, name) = (object.namespace.as_deref().unwrap_or_default(), object.name.as_str());
        match watched(object) {
            "Rollout" => self.rollouts.uid(namespace, name),
            "ReplicaSet" => self.replica_sets.uid(namespace, name),
            "Pod" => self.pods.uid(namespace, name),
            "Service" => self.services.uid(namespace, name),
            "AnalysisRun" => self.runs.uid(namespace, name),
            "Experiment" => self.experiments.uid(namespace, name),
            "Application" => self.applications.uid(namespace, name),
            _ => self.routed.of_object(object).and_then(|(_, routed)| routed.store.uid(namespace, name)),
        }
    }

    fn take<T>(
        &self,
        store: &Store<T>,
        object: &ObjectRef,
        said: Said<'_>,
        woken: impl Fn(&Self, &Change<T>) -> Vec<Key>,
    ) -> Vec<Key> {
        let change = match said {
            Said::Is(body) => store.answered(body).unwrap_or_else(|problem| {
                warn!(kind = object.kind, problem, "the answer to a write was skipped");
                None
            }),
            Said::Gone(uid) => store.answered_gone(object.namespace.as_deref().unwrap_or_default(), &object.name, uid),
        };
        change.map(|change| woken(self, &change)).unwrap_or_default()
    }
}

/// The kind, where it is one of those that are watched: others may bear the same name in another group.
fn watched(object: &ObjectRef) -> &str {
    crds::Kind::of(&object.api_version(), &object.kind).map_or("", |known| known.kind)
}
