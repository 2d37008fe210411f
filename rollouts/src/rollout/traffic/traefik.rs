//! Traefik: the weights of both Services in a weighted TraefikService. Works on raw JSON, so that every field that we do not
//! know, and every other service of the list, stays as it is.

use super::{
    super::{invalid::Invalid, observed::Observed},
    backends::Backends,
    router::{self, Backing, Change, PATH, Router, Wanted, Weights},
};
use crds::{
    Kind, kind,
    rollout::{CanaryStrategy, TraefikTrafficRouting},
};
use plan::ObjectRef;
use serde_json::{Value, json};

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 1] = [kind::TRAEFIK_SERVICE];
/// Where a TraefikService holds its weights, as `managedFields` name it.
const FIELDS: [&str; 1] = ["/f:spec/f:weighted"];

/// Traefik, as a spec sets it.
#[derive(Clone, Debug)]
pub struct Traefik<'a> {
    settings: &'a TraefikTrafficRouting,
    backends: Backends<'a>,
}

/// The TraefikService that the settings name.
pub(super) fn object_of(settings: &TraefikTrafficRouting, namespace: &str) -> ObjectRef {
    ObjectRef::of(&kind::TRAEFIK_SERVICE, namespace, &settings.weighted_traefik_service_name)
}

impl<'a> Traefik<'a> {
    /// What the spec asks for.
    pub(super) fn of(canary: &'a CanaryStrategy, settings: &'a TraefikTrafficRouting) -> Self {
        // Absent is 1, as Traefik reads it.
        Self { settings, backends: Backends { key: "name", absent: 1, ends: router::services_of(canary) } }
    }
}

impl Router for Traefik<'_> {
    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        Backing::of_services(observed, self.backends.ends)
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    /// Whether the TraefikService is there and weighs both Services.
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let namespace = &observed.rollout.metadata.namespace;
        let (path, name) =
            (format!("{PATH}.traefik.weightedTraefikServiceName"), &self.settings.weighted_traefik_service_name);
        let named = object_of(self.settings, namespace);
        let object = router::observed_at(observed, &path, name, &kind::TRAEFIK_SERVICE, &named)?;
        match self.backends.missing(services(&object.object.value()), namespace) {
            None => Ok(()),
            Some(service) => {
                let words = format!("TraefikService \"{name}\" has no weighted service {service}");
                Err(Invalid::value(&path, name, words))
            }
        }
    }

    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        vec![object_of(self.settings, &observed.rollout.metadata.namespace)]
    }

    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        let namespace = &observed.rollout.metadata.namespace;
        let is_ours = *named == object_of(self.settings, namespace);
        let weights = self.backends.weights(services(object), namespace);
        weights.filter(|_| is_ours).into_iter().collect()
    }

    /// All services are in the patch, since a merge patch replaces lists.
    fn change(&self, observed: &Observed, _named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let found = services(object);
        let changed = self.backends.reweighted(found, &observed.rollout.metadata.namespace, wanted);
        (changed != found).then(|| Change::Patch(json!({ "spec": { "weighted": { "services": changed } } })))
    }
}

fn services(object: &Value) -> &[Value] {
    object.pointer("/spec/weighted/services").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests;
