//! Which Applications a changed object concerns: those whose last comparison had it among their objects.
//!
//! An Application looks at its objects through questions, and the answers are good for a while. When an object is seen to
//! change (`drift.rs`; a Rollout, when its phase or spec does), the Application looks anew.

use super::{KeptRollout, Stores};
use crate::{
    queue::{Key, Kind},
    watch::store::{Change, IndexKey},
};
use crds::{Application, kind};
use std::sync::PoisonError;

const RESOURCE: &str = "resource";

/// The name under which the Applications of an object are found.
pub(super) fn resource_key(group: &str, kind: &str, namespace: &str, name: &str) -> String {
    format!("{group}/{kind}/{namespace}/{name}")
}

/// The objects of an Application.
pub(super) fn of_application(application: &Application) -> Vec<IndexKey> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let resources = application.status.resources.iter();
    resources
        .map(|resource| {
            let (namespace, name) = (text(&resource.namespace), text(&resource.name));
            (RESOURCE, String::new(), resource_key(&text(&resource.group), &text(&resource.kind), &namespace, &name))
        })
        .collect()
}

fn application_key(application: &Application) -> Key {
    Key::new(Kind::Application, &*application.metadata.namespace, &*application.metadata.name)
}

/// What an Application would see otherwise after the change.
fn is_telling(change: &Change<KeptRollout>) -> bool {
    let seen = |kept: &KeptRollout| (kept.figures.generation, kept.figures.health.clone());
    change.before.as_deref().map(seen) != change.after.as_deref().map(seen)
}

impl Stores {
    /// Whom a changed Rollout wakes: itself, and Applications that look anew. What it names is watched from now on.
    pub(crate) fn woken_by_rollout(&self, change: &Change<KeptRollout>) -> Vec<Key> {
        let (namespace, name) = &change.name;
        if let Some(kept) = &change.after {
            self.routed.want(kept);
            self.pod_annotations.want(kept);
            self.server.want(kept);
        }
        let mut keys = vec![Key::new(Kind::Rollout, namespace.as_str(), name.as_str())];
        // An Experiment keeps its pods by the routes that its Rollout names.
        let [before, after] = [&change.before, &change.after].map(|kept| kept.as_ref().map(|kept| &kept.references));
        if before != after {
            keys.extend(self.with_experiments(Key::new(Kind::Rollout, namespace.as_str(), name.as_str())));
        }
        if is_telling(change) {
            let owners = self.owners(&resource_key(kind::ROLLOUT.group, kind::ROLLOUT.kind, namespace, name));
            self.touch(owners.iter().cloned());
            keys.extend(owners);
        }
        keys
    }

    /// Whom a changed Application wakes; its objects may be in other places now.
    pub(crate) fn woken_by_application(&self, change: &Change<Application>) -> Vec<Key> {
        self.applications_changed.notify_one();
        vec![Key::new(Kind::Application, &*change.name.0, &*change.name.1)]
    }

    /// Returns when an Application changed since the last call.
    pub(crate) async fn applications_changed(&self) {
        self.applications_changed.notified().await;
    }

    /// The Applications that have this object.
    pub(super) fn owners(&self, resource: &str) -> Vec<Key> {
        self.applications.by(RESOURCE, "", resource).iter().map(|application| application_key(application)).collect()
    }

    /// The Applications that have objects of this kind there.
    pub(super) fn owners_in(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Key> {
        let applications = self.applications.all();
        let has_some = |application: &Application| {
            application.status.resources.iter().any(|resource| {
                resource.group.as_deref().unwrap_or_default() == group
                    && resource.kind.as_deref() == Some(kind)
                    && (namespace.is_none() || resource.namespace.as_deref() == namespace)
            })
        };
        applications.iter().filter(|it| has_some(it)).map(|application| application_key(application)).collect()
    }

    /// Objects of these Applications were seen to change.
    pub(crate) fn touch(&self, keys: impl IntoIterator<Item = Key>) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
    }

    /// Whether an object of this Application was seen to change.
    pub(crate) fn is_touched(&self, key: &Key) -> bool {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// The Application looks anew.
    pub(crate) fn untouch(&self, key: &Key) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
