//! Routers whose objects hold lists of Services and weights: which lists a Rollout weighs, and the weights that it owns there.
//! Lists are atomic, so an apply carries them whole: this is where the live weights enter the list that is applied.

use serde_json::Value;

use super::mesh::set_weight;
use crate::{Rollout, kind};

/// The weights in one object that a Rollout sets.
pub(super) struct Shares<'a> {
    ends: [&'a str; 2],
    /// Where the list is.
    list: &'static str,
    /// The field of an entry that names the Service.
    key: &'static str,
}

impl<'a> Shares<'a> {
    /// What the Rollout claims in the object of this kind and name in its own namespace.
    pub(super) fn of(rollout: &'a Rollout, group: &str, kind: &str, name: &str) -> Option<Self> {
        let canary = rollout.spec.strategy.canary.as_ref()?;
        let routing = canary.traffic_routing.as_ref()?;
        let is = |known: &crate::Kind| known.group == group && known.kind == kind;
        let traefik = routing.traefik.as_ref().map(|traefik| traefik.weighted_traefik_service_name.as_str());
        (is(&kind::TRAEFIK_SERVICE) && traefik == Some(name)).then_some(())?;
        let ends = [canary.canary_service.as_deref()?, canary.stable_service.as_deref()?];
        Some(Self { ends, list: "/spec/weighted/services", key: "name" })
    }

    fn service<'v>(&self, entry: &'v Value) -> Option<&'v str> {
        entry.get(self.key).and_then(Value::as_str).filter(|name| self.ends.contains(name))
    }
}

/// Puts live weights into an object.
pub(super) fn keep_weights(kept: &mut Value, live: &Value, claim: &Shares<'_>) {
    let Some(found) = live.pointer(claim.list).and_then(Value::as_array) else { return };
    let Some(wanted) = kept.pointer_mut(claim.list).and_then(Value::as_array_mut) else { return };
    for entry in wanted {
        let Some(service) = claim.service(entry) else { continue };
        if let Some(same) = found.iter().find(|other| claim.service(other) == Some(service)) {
            let weight = same.get("weight");
            set_weight(entry, weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Rollout, owned};

    #[test]
    fn live_weights_of_the_two_ends_are_kept_and_no_others() {
        let routing = json!({"traefik": {"weightedTraefikServiceName": "split"}});
        let canary = json!({"canaryService": "canary", "stableService": "stable", "trafficRouting": routing});
        let meta = json!({"name": "web", "namespace": "shop"});
        let rollout = json!({"metadata": meta, "spec": {"strategy": {"canary": canary}}});
        let rollout = Rollout::from_value(&rollout).expect("is a Rollout");
        let list = |weights: &[(&str, i64)]| {
            let entries = weights.iter().map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}));
            json!({"weighted": {"services": entries.collect::<Vec<_>>()}})
        };
        let object = |name: &str, spec: &Value| {
            let metadata = json!({"name": name, "namespace": "shop"});
            json!({"apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService", "metadata": metadata, "spec": spec})
        };
        let git = list(&[("stable", 100), ("canary", 0), ("extra", 5)]);
        let live = list(&[("canary", 30), ("extra", 7), ("stable", 70)]);
        let merged = list(&[("stable", 70), ("canary", 30), ("extra", 5)]);
        for (name, expected) in [("split", &merged), ("other", &git)] {
            let kept = owned::with_owned_from(&[&rollout], &object(name, &git), &object(name, &live));
            assert_eq!(kept["spec"], *expected, "{name}");
            assert_eq!(owned::is_shared(&[&rollout], &object(name, &git)), *expected == merged);
        }
    }
}
