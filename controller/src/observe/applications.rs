//! Which Applications a changed Rollout concerns: those whose last comparison had it among their objects.
//!
//! An Application looks at its objects through questions, and the answers are good for a while. A Rollout that is watched
//! anyway need not wait for that: when its phase or spec changes, the Application looks anew.

use super::{KeptRollout, Stores};
use crate::{
    queue::{Key, Kind},
    watch::store::{Change, IndexKey},
};
use crds::{Application, kind};
use std::sync::PoisonError;

const RESOURCE: &str = "resource";

/// The Rollouts among an Application's objects.
pub(super) fn of_application(application: &Application) -> Vec<IndexKey> {
    let resources = application.status.resources.iter();
    let rollouts = resources.filter(|resource| resource.kind.as_deref() == Some(kind::ROLLOUT.kind));
    rollouts
        .map(|rollout| {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            (RESOURCE, String::new(), format!("{}/{}", text(&rollout.namespace), text(&rollout.name)))
        })
        .collect()
}

/// What an Application would see otherwise after the change.
fn is_telling(change: &Change<KeptRollout>) -> bool {
    let seen = |kept: &KeptRollout| (kept.rollout.metadata.generation, kept.rollout.status.phase.clone());
    change.before.as_deref().map(seen) != change.after.as_deref().map(seen)
}

impl Stores {
    /// Whom a changed Rollout wakes: itself, and Applications that look anew.
    pub(crate) fn woken_by_rollout(&self, change: &Change<KeptRollout>) -> Vec<Key> {
        let (namespace, name) = &change.name;
        let mut keys = vec![Key::new(Kind::Rollout, namespace.as_str(), name.as_str())];
        if is_telling(change) {
            let applications = self.applications.by(RESOURCE, "", &format!("{namespace}/{name}"));
            let applications = applications.iter().map(|application| &application.metadata);
            let applications =
                applications.map(|meta| Key::new(Kind::Application, &*meta.namespace, &*meta.name)).collect::<Vec<_>>();
            self.touched.lock().unwrap_or_else(PoisonError::into_inner).extend(applications.iter().cloned());
            keys.extend(applications);
        }
        keys
    }

    /// Whether an object of this Application changed since the last time somebody asked.
    pub(crate) fn was_touched(&self, key: &Key) -> bool {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }
}
