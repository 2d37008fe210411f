//! Routers whose objects hold lists of Services and weights: which lists a Rollout weighs, and the weights that it owns there.
//! Lists are atomic, so an apply carries them whole: this is where the live weights enter the list that is applied.

use serde_json::Value;

use super::mesh::set_weight;
use crate::{
    Rollout, kind,
    rollout::{CanaryStrategy, TrafficRouting},
};

/// The weights in one object that a Rollout sets.
pub(super) struct Shares<'a> {
    ends: [&'a str; 2],
    place: Place<'a>,
    /// The field of an entry that names the Service.
    key: &'static str,
}

/// Where the lists are.
enum Place<'a> {
    /// There is one.
    One(&'static str),
    /// Each of these rules has one: the rules, their names, and the list in each.
    Rules { rules: &'static str, names: Vec<&'a str>, list: &'static str },
}

impl<'a> Shares<'a> {
    /// What the Rollout claims in the object of this kind and name in its own namespace.
    pub(super) fn of(rollout: &'a Rollout, group: &str, kind: &str, name: &str) -> Option<Self> {
        let canary = rollout.spec.strategy.canary.as_ref()?;
        let routing = canary.traffic_routing.as_ref()?;
        let is = |known: &crate::Kind| known.group == group && known.kind == kind;
        if is(&kind::TRAEFIK_SERVICE) {
            return Self::of_traefik(canary, routing, name);
        }
        is(&kind::APISIX_ROUTE).then(|| Self::of_apisix(canary, routing, name)).flatten()
    }

    fn of_traefik(canary: &'a CanaryStrategy, routing: &'a TrafficRouting, name: &str) -> Option<Self> {
        routing.traefik.as_ref().filter(|traefik| traefik.weighted_traefik_service_name == name)?;
        Some(Self { ends: services(canary)?, place: Place::One("/spec/weighted/services"), key: "name" })
    }

    fn of_apisix(canary: &'a CanaryStrategy, routing: &'a TrafficRouting, name: &str) -> Option<Self> {
        let route = routing.apisix.as_ref()?.route.as_ref().filter(|route| route.name == name)?;
        let named: Vec<&str> = route.rules.iter().map(String::as_str).collect();
        let names = if named.is_empty() { vec![route.name.as_str()] } else { named };
        let place = Place::Rules { rules: "/spec/http", names, list: "/backends" };
        Some(Self { ends: services(canary)?, place, key: "serviceName" })
    }

    fn service<'v>(&self, entry: &'v Value) -> Option<&'v str> {
        entry.get(self.key).and_then(Value::as_str).filter(|name| self.ends.contains(name))
    }

    /// Puts the live weights into a list.
    fn keep(&self, wanted: Option<&mut Value>, found: Option<&Value>) {
        let wanted = wanted.and_then(Value::as_array_mut).into_iter().flatten();
        let Some(found) = found.and_then(Value::as_array) else { return };
        for entry in wanted {
            let Some(service) = self.service(entry) else { continue };
            if let Some(same) = found.iter().find(|other| self.service(other) == Some(service)) {
                set_weight(entry, same.get("weight"));
            }
        }
    }
}

fn services(canary: &CanaryStrategy) -> Option<[&str; 2]> {
    Some([canary.canary_service.as_deref()?, canary.stable_service.as_deref()?])
}

/// Puts live weights into an object.
pub(super) fn keep_weights(kept: &mut Value, live: &Value, claim: &Shares<'_>) {
    match &claim.place {
        Place::One(list) => claim.keep(kept.pointer_mut(list), live.pointer(list)),
        Place::Rules { rules, names, list } => {
            let name = |rule: &Value| rule.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let wanted = kept.pointer_mut(rules).and_then(Value::as_array_mut).into_iter().flatten();
            for rule in wanted.filter(|rule| names.contains(&name(rule).as_str())) {
                let found = live.pointer(rules).and_then(Value::as_array).into_iter().flatten();
                let same = found.into_iter().find(|other| name(other) == name(rule));
                claim.keep(rule.pointer_mut(list), same.and_then(|same| same.pointer(list)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Kind, Rollout, kind, owned};

    fn rollout(routing: &Value) -> Rollout {
        let canary = json!({"canaryService": "canary", "stableService": "stable", "trafficRouting": routing});
        let meta = json!({"name": "web", "namespace": "shop"});
        let rollout = json!({"metadata": meta, "spec": {"strategy": {"canary": canary}}});
        Rollout::from_value(&rollout).expect("is a Rollout")
    }

    fn object(kind: &Kind, name: &str, spec: &Value) -> Value {
        let metadata = json!({"name": name, "namespace": "shop"});
        json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata, "spec": spec})
    }

    #[test]
    fn live_weights_of_the_two_ends_are_kept_and_no_others() {
        let rollout = rollout(&json!({"traefik": {"weightedTraefikServiceName": "split"}}));
        let list = |weights: &[(&str, i64)]| {
            let entries = weights.iter().map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}));
            json!({"weighted": {"services": entries.collect::<Vec<_>>()}})
        };
        let object = |name: &str, spec: &Value| object(&kind::TRAEFIK_SERVICE, name, spec);
        let git = list(&[("stable", 100), ("canary", 0), ("extra", 5)]);
        let live = list(&[("canary", 30), ("extra", 7), ("stable", 70)]);
        let merged = list(&[("stable", 70), ("canary", 30), ("extra", 5)]);
        for (name, expected) in [("split", &merged), ("other", &git)] {
            let kept = owned::with_owned_from(&[&rollout], &object(name, &git), &object(name, &live));
            assert_eq!(kept["spec"], *expected, "{name}");
            assert_eq!(owned::is_shared(&[&rollout], &object(name, &git)), *expected == merged);
        }
    }
    #[test]
    fn live_weights_of_the_named_rules_are_kept_and_no_others() {
        let rollout = rollout(&json!({"apisix": {"route": {"name": "web", "rules": ["a"]}}}));
        let rule = |name: &str, canary: i64| {
            let backend = |service: &str, weight: i64| json!({"serviceName": service, "weight": weight});
            json!({"name": name, "backends": [backend("canary", canary), backend("stable", 100 - canary), backend("old", canary)]})
        };
        let git = object(&kind::APISIX_ROUTE, "web", &json!({"http": [rule("a", 0), rule("b", 0)]}));
        let live = object(&kind::APISIX_ROUTE, "web", &json!({"http": [rule("b", 30), rule("a", 30)]}));
        let kept = owned::with_owned_from(&[&rollout], &git, &live);
        let mut merged = rule("a", 30);
        merged["backends"][2]["weight"] = 0.into();
        assert_eq!(kept["spec"]["http"], json!([merged, rule("b", 0)]));
        let beta = object(&kind::APISIX_ROUTE, "beta", &json!({}));
        assert!(!owned::is_shared(&[&rollout], &beta), "a route by header is wholly the controller's");
    }
}
