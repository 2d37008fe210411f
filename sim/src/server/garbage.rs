//! What follows a removal: dependents go or stay, owners that waited for them go, namespaces and kinds empty out.
//!
//! A real cluster does this some moments later in a controller; here it is done within the request, so that a story reads
//! the same every time.

use crate::server::{
    State,
    kinds::Kind,
    object,
    remove::{FOREGROUND, ORPHAN, Options, Propagation, put_finalizers},
    store::{Key, Place},
};
use serde_json::Value;
use std::sync::Arc;

impl State {
    /// Takes an object away whose time has come, and does what follows.
    pub(crate) fn finish_removal(&mut self, kind: &Kind, key: &Key, last: Value) -> Arc<Value> {
        let last = match self.store.remove(&kind.shelf(), key) {
            Some(last) => last,
            None => return Arc::new(last),
        };
        if kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
            self.drop_kind(&last);
        }
        for (place, dependent) in self.store.dependents_of(object::uid(&last)) {
            self.lose_owner(&place, &dependent);
        }
        for owner in object::owners(&last) {
            self.release_owner(&key.0, owner);
        }
        if !key.0.is_empty() {
            self.release_namespace(&key.0);
        }
        last
    }

    /// Does what the finalizers and the kind of a freshly marked object ask for.
    pub(crate) fn after_mark(&mut self, kind: &Kind, marked: &Arc<Value>) {
        let key = (object::namespace(marked).to_owned(), object::name(marked).to_owned());
        if object::has_finalizer(marked, ORPHAN) {
            for (place, dependent) in self.store.dependents_of(object::uid(marked)) {
                self.strip_owner(&place, &dependent, object::uid(marked));
            }
            self.drop_finalizer(kind, &key, ORPHAN);
        }
        if object::has_finalizer(marked, FOREGROUND) {
            for (place, dependent) in self.store.dependents_of(object::uid(marked)) {
                if let Some(kind) = self.kind_at(&place, &dependent) {
                    // A dependent without dependents of its own needs no finalizer to wait for them.
                    let is_leaf = self.store.dependents_of(object::uid(&dependent)).is_empty();
                    let how = if is_leaf { Propagation::Background } else { Propagation::Foreground };
                    self.remove(&kind, &dependent, &Options::with(how));
                }
            }
            self.release_foreground(kind, &key);
        }
        if kind.is("", "namespaces") {
            for (place, inside) in self.store.inside(&key.1) {
                if let Some(kind) = self.kind_at(&place, &inside)
                    && let Some(now) = self.store.get(&place.0, &place.1)
                {
                    self.remove(&kind, &now, &Options::with(Propagation::Background));
                }
            }
            self.release_namespace(&key.1);
        }
    }

    /// Removes an object whose owners are all gone, as the garbage collector would soon.
    pub(crate) fn collect_ownerless(&mut self, kind: &Kind, stored: &Arc<Value>) {
        let owners = object::owners(stored);
        if owners.is_empty() || owners.iter().any(|owner| self.owner_exists(object::namespace(stored), owner)) {
            return;
        }
        self.remove(kind, stored, &Options::with(Propagation::Background));
    }

    fn lose_owner(&mut self, place: &Place, dependent: &Arc<Value>) {
        let Some(kind) = self.kind_at(place, dependent) else { return };
        let namespace = object::namespace(dependent);
        let alive: Vec<Value> =
            object::owners(dependent).iter().filter(|owner| self.owner_exists(namespace, owner)).cloned().collect();
        if alive.is_empty() {
            self.remove(&kind, dependent, &Options::with(Propagation::Background));
            return;
        }
        let mut next = Value::clone(dependent);
        object::put(&mut next, &["metadata", "ownerReferences"], Value::Array(alive));
        self.store.put(&place.0, place.1.clone(), next);
    }

    fn strip_owner(&mut self, place: &Place, dependent: &Arc<Value>, uid: &str) {
        let mut next = Value::clone(dependent);
        let others: Vec<Value> =
            object::owners(dependent).iter().filter(|owner| object::text(owner, &["uid"]) != uid).cloned().collect();
        if others.is_empty() {
            object::take(&mut next, &["metadata", "ownerReferences"]);
        } else {
            object::put(&mut next, &["metadata", "ownerReferences"], Value::Array(others));
        }
        self.store.put(&place.0, place.1.clone(), next);
    }

    fn owner_exists(&self, namespace: &str, owner: &Value) -> bool {
        let Some(found) = self.owner(namespace, owner) else { return false };
        object::uid(&found.1) == object::text(owner, &["uid"])
    }

    fn owner(&self, namespace: &str, owner: &Value) -> Option<(Arc<Kind>, Arc<Value>)> {
        let (api_version, name) = (object::text(owner, &["apiVersion"]), object::text(owner, &["kind"]));
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = self.kinds.of_object(api_version, name).or_else(|| self.kinds.of_group(group, name))?;
        let namespace = if kind.namespaced { namespace } else { "" };
        let key = (namespace.to_owned(), object::text(owner, &["name"]).to_owned());
        let found = self.store.get(&kind.shelf(), &key)?;
        Some((kind, found))
    }

    /// Lets an owner go that waited in the foreground for its dependents.
    fn release_owner(&mut self, namespace: &str, owner: &Value) {
        if let Some((kind, found)) = self.owner(namespace, owner)
            && object::is_deleting(&found)
            && object::has_finalizer(&found, FOREGROUND)
        {
            let key = (object::namespace(&found).to_owned(), object::name(&found).to_owned());
            self.release_foreground(&kind, &key);
        }
    }

    fn release_foreground(&mut self, kind: &Kind, key: &Key) {
        let Some(found) = self.store.get(&kind.shelf(), key) else { return };
        let uid = object::uid(&found);
        let blocks = |dependent: &Value| {
            object::owners(dependent).iter().any(|owner| {
                object::text(owner, &["uid"]) == uid && owner.get("blockOwnerDeletion") == Some(&Value::Bool(true))
            })
        };
        if !self.store.dependents_of(uid).iter().any(|(_, dependent)| blocks(dependent)) {
            self.drop_finalizer(kind, key, FOREGROUND);
        }
    }

    fn drop_finalizer(&mut self, kind: &Kind, key: &Key, finalizer: &str) {
        let Some(found) = self.store.get(&kind.shelf(), key) else { return };
        let mut next = Value::clone(&found);
        let mut all = object::list(&found, &["metadata", "finalizers"]).to_vec();
        all.retain(|one| one != finalizer);
        let is_last = all.is_empty();
        put_finalizers(&mut next, all);
        if is_last && object::int(&next, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or_default() == 0 {
            self.finish_removal(kind, key, next);
        } else {
            self.store.put(&kind.shelf(), key.clone(), next);
        }
    }

    /// Lets a namespace go that waited for its last object.
    fn release_namespace(&mut self, name: &str) {
        let key = (String::new(), name.to_owned());
        let Some(found) = self.store.get("namespaces", &key) else { return };
        if !object::is_deleting(&found) || !self.store.inside(name).is_empty() {
            return;
        }
        if object::finalizers(&found).is_empty() {
            self.store.remove("namespaces", &key);
        }
    }

    fn drop_kind(&mut self, definition: &Value) {
        let group = object::text(definition, &["spec", "group"]).to_owned();
        let plural = object::text(definition, &["spec", "names", "plural"]).to_owned();
        let shelf = format!("{plural}.{group}");
        for object in self.store.list(&shelf, None) {
            self.store.remove(&shelf, &(object::namespace(&object).to_owned(), object::name(&object).to_owned()));
        }
        self.kinds.remove(&group, &plural);
    }

    fn kind_at(&self, place: &Place, object: &Value) -> Option<Arc<Kind>> {
        let kind = self.kinds.of_object(object::text(object, &["apiVersion"]), object::text(object, &["kind"]))?;
        (kind.shelf() == place.0).then_some(kind)
    }
}
