//! Where objects live: shelves of shared JSON, one counter of versions, and a bounded history for watches.
//!
//! Every write gets the next resource version and enters its shelf's history. The store knows nothing of HTTP, schemas
//! or rules; it holds the owner index because nobody else sees every write.

use crate::server::object;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use tokio::sync::watch;

/// Namespace and name; the namespace is empty for cluster-wide objects.
pub(crate) type Key = (String, String);

/// Shelf, namespace and name.
pub(crate) type Place = (String, Key);

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Added,
    Modified,
    Deleted,
}

/// One entry of a shelf's history.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) happened: Happened,
    pub(crate) object: Arc<Value>,
    /// The object before, so that a watch with a selector sees objects leave it.
    pub(crate) before: Option<Arc<Value>>,
}

#[derive(Debug)]
struct Shelf {
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    /// Changes up to this revision are no longer known.
    forgotten: u64,
    changed: watch::Sender<u64>,
}

/// All objects and what happened to them lately.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    shelves: BTreeMap<String, Shelf>,
    dependents: BTreeMap<String, BTreeSet<Place>>,
    history_limit: usize,
}

impl Store {
    /// An empty store that remembers this many changes of each shelf.
    pub(crate) fn new(history_limit: usize) -> Store {
        Store { revision: 1, shelves: BTreeMap::new(), dependents: BTreeMap::new(), history_limit }
    }

    /// A store of its own with the same objects and the same past.
    pub(crate) fn copy(&self) -> Store {
        let shelf = |shelf: &Shelf| Shelf {
            objects: shelf.objects.clone(),
            history: shelf.history.clone(),
            forgotten: shelf.forgotten,
            changed: watch::Sender::new(*shelf.changed.borrow()),
        };
        Store {
            revision: self.revision,
            shelves: self.shelves.iter().map(|(name, found)| (name.clone(), shelf(found))).collect(),
            dependents: self.dependents.clone(),
            history_limit: self.history_limit,
        }
    }

    /// The version of the last write.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// How many changes of each shelf are kept from now on.
    pub(crate) fn set_history_limit(&mut self, limit: usize) {
        self.history_limit = limit;
        for shelf in self.shelves.values_mut() {
            shelf.trim(limit);
        }
    }

    /// One object.
    pub(crate) fn get(&self, shelf: &str, key: &Key) -> Option<Arc<Value>> {
        self.shelves.get(shelf)?.objects.get(key).cloned()
    }

    /// The objects of a shelf, of one namespace or of all, by namespace and name.
    pub(crate) fn list(&self, shelf: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let Some(shelf) = self.shelves.get(shelf) else { return Vec::new() };
        match namespace {
            None => shelf.objects.values().cloned().collect(),
            Some(namespace) => {
                let from = (namespace.to_owned(), String::new());
                let inside = shelf.objects.range(from..).take_while(|(key, _)| key.0 == namespace);
                inside.map(|(_, object)| object.clone()).collect()
            }
        }
    }

    /// The objects that name this uid as an owner.
    pub(crate) fn dependents_of(&self, uid: &str) -> Vec<(Place, Arc<Value>)> {
        let places = self.dependents.get(uid).into_iter().flatten();
        places.filter_map(|place| Some((place.clone(), self.get(&place.0, &place.1)?))).collect()
    }

    /// The places of everything in a namespace.
    pub(crate) fn inside(&self, namespace: &str) -> Vec<(Place, Arc<Value>)> {
        let mut found = Vec::new();
        for name in self.shelves.keys() {
            for object in self.list(name, Some(namespace)) {
                found.push(((name.clone(), (namespace.to_owned(), object::name(&object).to_owned())), object));
            }
        }
        found
    }

    /// Writes an object under the next version and returns it as stored.
    pub(crate) fn put(&mut self, shelf: &str, key: Key, mut value: Value) -> Arc<Value> {
        self.revision += 1;
        object::put(&mut value, &["metadata", "resourceVersion"], self.revision.to_string().into());
        let value = Arc::new(value);
        let before = self.shelf(shelf).objects.insert(key.clone(), value.clone());
        self.index(&(shelf.to_owned(), key), before.as_deref(), Some(&value));
        let happened = if before.is_some() { Happened::Modified } else { Happened::Added };
        self.record(shelf, Change { revision: self.revision, happened, object: value.clone(), before });
        value
    }

    /// Removes an object and returns its last state.
    pub(crate) fn remove(&mut self, shelf: &str, key: &Key) -> Option<Arc<Value>> {
        let before = self.shelf(shelf).objects.remove(key)?;
        self.revision += 1;
        let mut last = Value::clone(&before);
        object::put(&mut last, &["metadata", "resourceVersion"], self.revision.to_string().into());
        let last = Arc::new(last);
        self.index(&(shelf.to_owned(), key.clone()), Some(&before), None);
        let change =
            Change { revision: self.revision, happened: Happened::Deleted, object: last.clone(), before: Some(before) };
        self.record(shelf, change);
        Some(last)
    }

    /// The changes of a shelf after a revision, or `None` when the history does not reach back that far.
    pub(crate) fn changes_after(&self, shelf: &str, revision: u64) -> Option<Vec<Change>> {
        let Some(shelf) = self.shelves.get(shelf) else { return Some(Vec::new()) };
        if revision < shelf.forgotten {
            return None;
        }
        let start = shelf.history.partition_point(|change| change.revision <= revision);
        Some(shelf.history.range(start..).cloned().collect())
    }

    /// Something that wakes when a shelf changes.
    pub(crate) fn wakes(&mut self, shelf: &str) -> watch::Receiver<u64> {
        self.shelf(shelf).changed.subscribe()
    }

    fn shelf(&mut self, name: &str) -> &mut Shelf {
        self.shelves.entry(name.to_owned()).or_insert_with(|| Shelf {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            forgotten: 0,
            changed: watch::Sender::new(0),
        })
    }

    fn record(&mut self, shelf: &str, change: Change) {
        let limit = self.history_limit;
        let revision = change.revision;
        let shelf = self.shelf(shelf);
        shelf.history.push_back(change);
        shelf.trim(limit);
        shelf.changed.send_replace(revision);
    }

    fn index(&mut self, place: &Place, before: Option<&Value>, after: Option<&Value>) {
        for owner in before.map(object::owners).unwrap_or_default() {
            let uid = object::text(owner, &["uid"]);
            if let Some(places) = self.dependents.get_mut(uid) {
                places.remove(place);
                if places.is_empty() {
                    self.dependents.remove(uid);
                }
            }
        }
        for owner in after.map(object::owners).unwrap_or_default() {
            let uid = object::text(owner, &["uid"]).to_owned();
            self.dependents.entry(uid).or_default().insert(place.clone());
        }
    }
}

impl Shelf {
    fn trim(&mut self, limit: usize) {
        while self.history.len() > limit {
            if let Some(oldest) = self.history.pop_front() {
                self.forgotten = oldest.revision;
            }
        }
    }
}
