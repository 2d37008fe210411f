//! What carries the mark of a Rollout: found by it whether or not the Rollout names it, and whether or not there is a Rollout.

use super::Stores;
use crate::{
    queue::{Key, Kind},
    watch::store::IndexKey,
};
use crds::{ObjectMeta, keys, kind};
use plan::{ObjectRef, Write};
use rollouts::{References, rollout::left};

/// Facet under which marked objects are found.
const MARK: &str = "mark";

/// Under which Rollout an object is found.
pub(super) fn if_marked(meta: &ObjectMeta) -> Option<IndexKey> {
    let rollout = meta.annotation(keys::MANAGED_BY_ROLLOUTS)?;
    Some((MARK, meta.namespace.clone(), rollout.to_owned()))
}

/// The Rollout whose mark an object carries.
pub(super) fn rollout_of(meta: &ObjectMeta) -> Option<Key> {
    let rollout = meta.annotation(keys::MANAGED_BY_ROLLOUTS)?;
    Some(Key::new(Kind::Rollout, meta.namespace.as_str(), rollout))
}

impl Stores {
    /// What carries the mark of a Rollout.
    pub(super) fn marked(&self, namespace: &str, rollout: &str) -> left::Marked {
        let rules = self.routed.of(&kind::DESTINATION_RULE);
        left::Marked {
            services: self.services.by(MARK, namespace, rollout),
            rules: rules.map(|rules| rules.store.by(MARK, namespace, rollout)).unwrap_or_default(),
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
