//! What carries the mark of a Rollout: found by it whether or not the Rollout names it, and whether or not there is a Rollout.

use super::Stores;
use crate::{
    queue::{Key, Kind},
    watch::store::IndexKey,
};
use crds::{ObjectMeta, keys, kind};
use plan::{ObjectRef, Write};
use rollouts::{References, rollout::left};
use std::collections::BTreeMap;

/// Facet under which marked objects are found.
const MARK: &str = "mark";

/// The Rollouts whose marks an object carries: one that manages it, or those that keep annotations in an Ingress.
fn marks(meta: &ObjectMeta) -> impl Iterator<Item = String> {
    let managing = meta.annotation(keys::MANAGED_BY_ROLLOUTS).map(str::to_owned);
    let record = meta.annotation(keys::MANAGED_ALB_ANNOTATIONS).and_then(|text| serde_json::from_str(text).ok());
    let record: BTreeMap<String, Vec<String>> = record.unwrap_or_default();
    managing.into_iter().chain(record.into_keys())
}

/// Under which Rollouts an object is found.
pub(super) fn if_marked(meta: &ObjectMeta) -> impl Iterator<Item = IndexKey> {
    marks(meta).map(|rollout| (MARK, meta.namespace.clone(), rollout))
}

/// The Rollouts whose marks an object carries.
pub(super) fn rollouts_of(meta: &ObjectMeta) -> impl Iterator<Item = Key> {
    marks(meta).map(|rollout| Key::new(Kind::Rollout, meta.namespace.as_str(), rollout.as_str()))
}

impl Stores {
    /// What carries the mark of a Rollout.
    pub(super) fn marked(&self, namespace: &str, rollout: &str) -> left::Marked {
        let routed = |kind| {
            let found = self.routed.of(kind).map(|routed| routed.store.by(MARK, namespace, rollout));
            found.unwrap_or_default()
        };
        left::Marked {
            rollout: rollout.to_owned(),
            services: self.services.by(MARK, namespace, rollout),
            rules: routed(&kind::DESTINATION_RULE),
            nodes: routed(&kind::VIRTUAL_NODE),
            ingresses: routed(&kind::INGRESS),
        }
    }

    /// What is to be given back when there is no Rollout of this name any more; and what to ask for to be sure of that, since
    /// the Rollouts of other instances are not watched.
    pub(crate) fn left_behind(&self, key: &Key) -> Option<(ObjectRef, Vec<Write>)> {
        if key.kind != Kind::Rollout {
            return None;
        }
        let writes = left::writes(&self.marked(&key.namespace, &key.name), &References::default());
        (!writes.is_empty()).then(|| (ObjectRef::of(&kind::ROLLOUT, &key.namespace, &key.name), writes))
    }
}
