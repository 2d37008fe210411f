//! No decision on a view older than our own writes: what each key has to read back before it is looked at again.
//!
//! A write that was answered needs no fence: the answer holds the object as the write left it, and it goes straight into the
//! store, which from then on ignores every watch event that is older (see `watch/store.rs`). A write that got no answer may
//! or may not have happened. Its object is noted here, and read with a GET before the next decision of that key. Should the
//! lost write arrive even later, the version it names has passed or it changes the version that the next write names: the
//! server refuses one of the two, and the next look decides again. Nothing here calls the server.

use crate::queue::Key;
use plan::ObjectRef;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The objects with unknown outcome, by the key whose plan wrote them.
#[derive(Debug, Default)]
pub(crate) struct Fence(Mutex<BTreeMap<Key, BTreeSet<ObjectRef>>>);

impl Fence {
    fn open(&self) -> MutexGuard<'_, BTreeMap<Key, BTreeSet<ObjectRef>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write of `key` to `object` got no answer.
    pub(crate) fn doubt(&self, key: &Key, object: ObjectRef) {
        self.open().entry(key.clone()).or_default().insert(object);
    }

    /// What `key` has to read back.
    pub(crate) fn doubtful(&self, key: &Key) -> Vec<ObjectRef> {
        self.open().get(key).map(|objects| objects.iter().cloned().collect()).unwrap_or_default()
    }

    /// `object` was read back.
    pub(crate) fn settle(&self, key: &Key, object: &ObjectRef) {
        let mut doubts = self.open();
        if let Some(objects) = doubts.get_mut(key) {
            objects.remove(object);
            if objects.is_empty() {
                doubts.remove(key);
            }
        }
    }

    /// `key` is no more.
    pub(crate) fn forget(&self, key: &Key) {
        self.open().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Kind;

    #[test]
    fn a_key_is_in_doubt_until_each_object_was_read() {
        let fence = Fence::default();
        let (web, api) = (Key::new(Kind::Rollout, "shop", "web"), Key::new(Kind::Rollout, "shop", "api"));
        let route = ObjectRef::new("networking.istio.io", "v1", "VirtualService", Some("shop"), "web");
        let status = ObjectRef::new("argoproj.io", "v1alpha1", "Rollout", Some("shop"), "web");
        for object in [&route, &status, &route] {
            fence.doubt(&web, object.clone());
        }
        assert_eq!(fence.doubtful(&web).len(), 2);
        assert!(fence.doubtful(&api).is_empty(), "another key does not wait");
        fence.settle(&web, &route);
        fence.settle(&web, &status);
        assert!(fence.doubtful(&web).is_empty());
    }
}
