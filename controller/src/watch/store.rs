//! What the controller holds of one kind: the newest projection of each object, with indexes.
//!
//! Two sources feed a store: the watch, in the server's order, and the answers to our own writes, which may be ahead of the
//! watch or far behind it. Versions decide: a watch event older than what is held is old news, and an answer no newer than
//! what the watch has passed is history. So the view never goes back, and never behind our own writes. Nothing here waits.

use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// Namespace (empty for cluster-scoped objects) and name.
pub(crate) type Name = (String, String);

/// The part of an object that a store itself reads.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Head {
    #[serde(default)]
    metadata: HeadMeta,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HeadMeta {
    namespace: String,
    name: String,
    uid: String,
    resource_version: String,
}

impl Head {
    fn name(&self) -> Name {
        (self.metadata.namespace.clone(), self.metadata.name.clone())
    }

    /// The object's version as a number.
    pub(crate) fn version(&self) -> u64 {
        version_of(&self.metadata.resource_version)
    }
}

/// A resource version as a number: they are decimal and grow within a kind. One that is not counts as older than all.
pub(crate) fn version_of(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

/// Turns an object into what the store keeps of it.
type Project<T> = Box<dyn Fn(&Value) -> Result<T, String> + Send + Sync>;

/// The names under which an object is found.
type Indexed<T> = Box<dyn Fn(&T) -> Vec<IndexKey> + Send + Sync>;

/// A name under which objects are found: what it is, and its value.
pub(crate) type IndexKey = (&'static str, String, String);

/// An object before and after a change.
#[derive(Debug)]
pub(crate) struct Change<T> {
    pub(crate) name: Name,
    pub(crate) before: Option<Arc<T>>,
    pub(crate) after: Option<Arc<T>>,
}

struct Entry<T> {
    uid: Box<str>,
    version: u64,
    object: Arc<T>,
}

struct Held<T> {
    objects: BTreeMap<Name, Entry<T>>,
    index: BTreeSet<(IndexKey, Name)>,
    /// How far the watch has come.
    seen: u64,
    /// Identities that a write of ours deleted before the watch said so.
    gone: BTreeMap<Box<str>, Name>,
    synced: bool,
    /// Why no object of this kind can be read.
    closed: Option<String>,
}

/// All objects of one kind.
pub(crate) struct Store<T> {
    held: RwLock<Held<T>>,
    project: Project<T>,
    indexed: Indexed<T>,
}

impl<T> fmt::Debug for Store<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Store").field("objects", &self.read().objects.len()).finish_non_exhaustive()
    }
}

impl<T> Store<T> {
    /// An empty store.
    pub(crate) fn new(
        project: impl Fn(&Value) -> Result<T, String> + Send + Sync + 'static,
        indexed: impl Fn(&T) -> Vec<IndexKey> + Send + Sync + 'static,
    ) -> Self {
        let held = Held {
            objects: BTreeMap::new(),
            index: BTreeSet::new(),
            seen: 0,
            gone: BTreeMap::new(),
            synced: false,
            closed: None,
        };
        Self { held: RwLock::new(held), project: Box::new(project), indexed: Box::new(indexed) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Held<T>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held<T>> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object of this name.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let name = (namespace.to_owned(), name.to_owned());
        self.read().objects.get(&name).map(|entry| Arc::clone(&entry.object))
    }

    /// The object of this name, if it is the one with this identity.
    pub(crate) fn identified(&self, namespace: &str, name: &str, uid: &str) -> Option<Arc<T>> {
        let name = (namespace.to_owned(), name.to_owned());
        self.read().objects.get(&name).filter(|entry| &*entry.uid == uid).map(|entry| Arc::clone(&entry.object))
    }

    /// The objects of a namespace, sorted by name.
    pub(crate) fn within(&self, namespace: &str) -> Vec<Arc<T>> {
        let held = self.read();
        let from = Bound::Included((namespace.to_owned(), String::new()));
        let objects = held.objects.range((from, Bound::Unbounded)).take_while(|((found, _), _)| found == namespace);
        objects.map(|(_, entry)| Arc::clone(&entry.object)).collect()
    }

    /// The identity of the object of this name.
    pub(crate) fn uid(&self, namespace: &str, name: &str) -> Option<String> {
        let name = (namespace.to_owned(), name.to_owned());
        self.read().objects.get(&name).map(|entry| entry.uid.to_string())
    }

    /// The objects found under `value` of `facet` in `namespace`, sorted by name.
    pub(crate) fn by(&self, facet: &'static str, namespace: &str, value: &str) -> Vec<Arc<T>> {
        let held = self.read();
        let key: IndexKey = (facet, namespace.to_owned(), value.to_owned());
        let from = Bound::Included((key.clone(), Name::default()));
        held.index
            .range((from, Bound::Unbounded))
            .take_while(|(found, _)| *found == key)
            .filter_map(|(_, name)| held.objects.get(name))
            .map(|entry| Arc::clone(&entry.object))
            .collect()
    }

    /// All objects, sorted by namespace and name.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.read().objects.values().map(|entry| Arc::clone(&entry.object)).collect()
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.read().objects.len()
    }

    /// True once the first list was read, or the kind was found to be missing.
    pub(crate) fn is_synced(&self) -> bool {
        self.read().synced
    }

    /// Says that the store is complete as of `version`.
    pub(crate) fn mark_synced(&self, version: u64) {
        let mut held = self.write();
        held.synced = true;
        held.closed = None;
        held.seen = held.seen.max(version);
    }

    /// Says that no object of this kind can be read, and why; whether that is news.
    pub(crate) fn close(&self, why: String) -> bool {
        let mut held = self.write();
        held.synced = true;
        let is_news = held.closed.as_ref() != Some(&why);
        held.closed = Some(why);
        is_news
    }

    /// Why no object of this kind can be read, where that is so.
    pub(crate) fn closed(&self) -> Option<String> {
        self.read().closed.clone()
    }

    /// From now on another part of each object is kept: the next list replaces what is held, of the same versions too.
    pub(crate) fn read_anew(&self) {
        self.write().objects.values_mut().for_each(|entry| entry.version = entry.version.saturating_sub(1));
    }

    /// The watch has come this far.
    pub(crate) fn passed(&self, version: u64) {
        let mut held = self.write();
        held.seen = held.seen.max(version);
    }

    /// Takes an object that the server listed or that a watch event brought.
    pub(crate) fn saw(&self, object: &Value) -> Result<Option<Change<T>>, String> {
        let head = head_of(object)?;
        let held = self.read().objects.get(&head.name()).map_or(0, |entry| entry.version);
        // The same version again is what a list or the watch says of an object that we know already.
        if held > 0 && head.version() <= held { Ok(None) } else { self.put(&head, object) }
    }

    /// Takes an object that the server answered to a write or a read of ours. `None` when the watch is already past it.
    pub(crate) fn answered(&self, object: &Value) -> Result<Option<Change<T>>, String> {
        let head = head_of(object)?;
        let held = self.read();
        let newest = held.objects.get(&head.name()).map_or(0, |entry| entry.version).max(held.seen);
        drop(held);
        if head.version() <= newest { Ok(None) } else { self.put(&head, object) }
    }

    fn put(&self, head: &Head, object: &Value) -> Result<Option<Change<T>>, String> {
        if self.read().gone.contains_key(head.metadata.uid.as_str()) {
            return Ok(None);
        }
        let projected = match (self.project)(object) {
            Ok(projected) => Arc::new(projected),
            Err(problem) => {
                let (namespace, name) = head.name();
                return Err(format!("{namespace}/{name} cannot be read: {problem}"));
            }
        };
        let name = head.name();
        let entry =
            Entry { uid: head.metadata.uid.as_str().into(), version: head.version(), object: Arc::clone(&projected) };
        let mut held = self.write();
        let before = held.objects.insert(name.clone(), entry).map(|entry| entry.object);
        self.reindex(&mut held, &name, before.as_deref(), Some(&projected));
        Ok(Some(Change { name, before, after: Some(projected) }))
    }

    /// Takes a DELETED watch event.
    pub(crate) fn saw_deleted(&self, object: &Value) -> Result<Option<Change<T>>, String> {
        let head = head_of(object)?;
        let mut held = self.write();
        held.gone.remove(head.metadata.uid.as_str());
        held.seen = held.seen.max(head.version());
        Ok(self.remove(&mut held, &head.name(), &head.metadata.uid))
    }

    /// The server answered that the object of this identity is no more.
    pub(crate) fn answered_gone(&self, namespace: &str, name: &str, uid: &str) -> Option<Change<T>> {
        let mut held = self.write();
        let name = (namespace.to_owned(), name.to_owned());
        let change = self.remove(&mut held, &name, uid);
        if change.is_some() {
            held.gone.insert(uid.into(), name);
        }
        change
    }

    /// After a whole list as of `version`: removes what it did not have, unless that is newer than the list.
    pub(crate) fn retain(&self, listed: &BTreeSet<Name>, version: u64) -> Vec<Change<T>> {
        let mut held = self.write();
        // What the list still had may yet come by in the watch that follows it.
        held.gone.retain(|_, name| listed.contains(name));
        let stale: Vec<(Name, Box<str>)> = held
            .objects
            .iter()
            .filter(|(name, entry)| !listed.contains(*name) && entry.version <= version)
            .map(|(name, entry)| (name.clone(), entry.uid.clone()))
            .collect();
        stale.into_iter().filter_map(|(name, uid)| self.remove(&mut held, &name, &uid)).collect()
    }

    fn remove(&self, held: &mut Held<T>, name: &Name, uid: &str) -> Option<Change<T>> {
        if held.objects.get(name).is_none_or(|entry| &*entry.uid != uid) {
            return None;
        }
        let before = held.objects.remove(name).map(|entry| entry.object);
        self.reindex(held, name, before.as_deref(), None);
        Some(Change { name: name.clone(), before, after: None })
    }

    fn reindex(&self, held: &mut Held<T>, name: &Name, before: Option<&T>, after: Option<&T>) {
        for key in before.map(&self.indexed).unwrap_or_default() {
            held.index.remove(&(key, name.clone()));
        }
        for key in after.map(&self.indexed).unwrap_or_default() {
            held.index.insert((key, name.clone()));
        }
    }
}

/// Name, identity and version of an object.
pub(crate) fn head_of(object: &Value) -> Result<Head, String> {
    Head::deserialize(object).map_err(|error| format!("an object without readable metadata: {error}"))
}

/// The name under which a store keeps an object.
pub(crate) fn name_of(object: &Value) -> Result<Name, String> {
    head_of(object).map(|head| head.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text_of(object: &Value) -> Result<String, String> {
        object["spec"].as_str().map(str::to_owned).ok_or_else(|| "spec: expected a string".into())
    }

    fn store() -> Store<String> {
        Store::new(text_of, |text| vec![("spec", "shop".into(), text.clone())])
    }

    fn object(uid: &str, version: u64, spec: &str) -> Value {
        json!({"metadata": {"namespace": "shop", "name": "web", "uid": uid, "resourceVersion": version.to_string()}, "spec": spec})
    }

    fn held(store: &Store<String>) -> Option<String> {
        store.get("shop", "web").map(|text| text.to_string())
    }

    #[test]
    fn the_view_never_goes_back() {
        let store = store();
        store.saw(&object("u", 5, "five")).expect("reads");
        store.answered(&object("u", 7, "seven")).expect("reads");
        assert!(store.saw(&object("u", 6, "six")).expect("reads").is_none(), "older than our own write");
        assert_eq!(held(&store).as_deref(), Some("seven"));
        assert!(store.saw(&object("u", 7, "seven")).expect("reads").is_none(), "nothing new");
        assert!(store.saw(&object("u", 8, "eight")).expect("reads").is_some());
    }

    #[test]
    fn an_answer_behind_the_watch_is_history() {
        let store = store();
        store.saw(&object("u", 5, "five")).expect("reads");
        store.saw_deleted(&object("u", 9, "five")).expect("reads");
        assert!(store.answered(&object("u", 7, "ghost")).expect("reads").is_none());
        assert_eq!(held(&store), None, "a late answer brings nothing back");
    }

    #[test]
    fn what_we_deleted_stays_away_and_a_successor_may_come() {
        let store = store();
        store.saw(&object("old", 5, "five")).expect("reads");
        assert!(store.answered_gone("shop", "web", "old").is_some());
        assert!(store.saw(&object("old", 6, "late")).expect("reads").is_none());
        store.saw_deleted(&object("old", 8, "late")).expect("reads");
        store.saw(&object("new", 9, "new")).expect("reads");
        assert_eq!(held(&store).as_deref(), Some("new"));
        assert!(store.answered_gone("shop", "web", "old").is_none(), "another identity");
    }

    #[test]
    fn a_list_removes_what_it_lacks_but_not_our_newer_writes() {
        let store = store();
        store.answered(&object("u", 12, "created by us")).expect("reads");
        assert!(store.retain(&BTreeSet::new(), 11).is_empty());
        assert_eq!(store.retain(&BTreeSet::new(), 12).len(), 1);
    }

    #[test]
    fn indexes_follow_changes() {
        let store = store();
        store.saw(&object("u", 1, "one")).expect("reads");
        store.saw(&object("u", 2, "two")).expect("reads");
        assert!(store.by("spec", "shop", "one").is_empty());
        assert_eq!(store.by("spec", "shop", "two").len(), 1);
        assert!(store.by("spec", "other", "two").is_empty());
    }

    #[test]
    fn an_unreadable_object_is_named() {
        let problem = store().saw(&json!({"metadata": {"namespace": "shop", "name": "web"}, "spec": 1}));
        assert_eq!(problem.expect_err("unreadable"), "shop/web cannot be read: spec: expected a string");
    }
}
