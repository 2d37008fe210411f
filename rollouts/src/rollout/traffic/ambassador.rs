//! Ambassador: beside each Mapping of the user stands a second one, ours, which leads to the canary's Service and has its weight; the
//! user's has none and gets the rest. Works on raw JSON, so that every field that we do not know is copied.
//!
//! The user's Mapping is read and never written. Ours is made with the first share and stays, with weight 0, until the Rollout goes:
//! an Envoy that still sends to it finds it. One that an earlier controller left without an owner becomes ours.

use super::{
    super::{fleet, invalid::Invalid, observed::Observed, replicas::WHOLE, spec::ends::Ends},
    router::{self, Backing, Before, Change, PATH, Router, Wanted, Weights},
};
use crds::{
    Kind, kind,
    rollout::{AmbassadorTrafficRouting, CanaryStrategy},
};
use plan::{Event, ObjectRef};
use serde_json::{Map, Value, json};

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 1] = [kind::MAPPING];
/// Where a Mapping holds its weight, as `managedFields` name it.
const FIELDS: [&str; 1] = ["/f:spec/f:weight"];
/// The end of the name of ours.
const SUFFIX: &str = "-canary";
/// How much of the user's name is in that of ours.
const LONGEST_START: usize = 246;

/// Ambassador, as a spec sets it.
#[derive(Clone, Debug)]
pub struct Ambassador<'a> {
    settings: &'a AmbassadorTrafficRouting,
    ends: Ends<'a>,
}

fn object_of(name: &str, namespace: &str) -> ObjectRef {
    ObjectRef::of(&kind::MAPPING, namespace, name)
}

/// The Mapping of ours beside one of the user.
fn beside(name: &str, namespace: &str) -> ObjectRef {
    let start: String = name.chars().take(LONGEST_START).collect();
    object_of(&format!("{start}{SUFFIX}"), namespace)
}

/// The objects that the settings name, valid or not.
pub(super) fn references(settings: &AmbassadorTrafficRouting, namespace: &str) -> impl Iterator<Item = ObjectRef> {
    settings.mappings.iter().flat_map(move |name| [object_of(name, namespace), beside(name, namespace)])
}

impl<'a> Ambassador<'a> {
    /// Checks what the spec alone shows.
    pub(super) fn parse(canary: &'a CanaryStrategy, settings: &'a AmbassadorTrafficRouting) -> Result<Self, Invalid> {
        if settings.mappings.is_empty() {
            return Err(Invalid::required(&format!("{PATH}.ambassador.mappings"), "a Mapping must be named"));
        }
        Ok(Self { settings, ends: router::services_of(canary) })
    }

    /// The service of ours: that of the user's with the canary's Service in its place. Scheme, namespace and port stay.
    fn service(&self, stable: &str) -> String {
        let (scheme, rest) = stable.split_once("://").map_or(("", stable), |(scheme, rest)| (scheme, rest));
        let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
        let (name, domain) = host.split_once('.').map_or((host, None), |(name, domain)| (name, Some(domain)));
        let domain = domain.filter(|_| name == self.ends.stable).map(|domain| format!(".{domain}")).unwrap_or_default();
        let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}{}{domain}{port}", self.ends.canary)
    }

    /// The spec of ours beside this Mapping.
    fn spec(&self, stable: &Value, weight: i32) -> Map<String, Value> {
        let mut spec = stable.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        let service = spec.get("service").and_then(Value::as_str).unwrap_or_default();
        let service = self.service(service);
        spec.insert("service".into(), service.into());
        spec.insert("weight".into(), weight.into());
        spec
    }
}

impl Router for Ambassador<'_> {
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let owner = &observed.rollout.metadata;
        for (index, name) in self.settings.mappings.iter().enumerate() {
            let path = format!("{PATH}.ambassador.mappings[{index}]");
            let named = object_of(name, &owner.namespace);
            let found = router::observed_at(observed, &path, name, &kind::MAPPING, &named)?;
            if weight_of(&found.object.value()).is_some_and(|weight| weight != 0) {
                let words = format!("Ambassador mapping \"{name}\" can not define weight");
                return Err(Invalid::value("spec.weight", name, words));
            }
            let ours = beside(name, &owner.namespace);
            let is_taken = observed
                .routed
                .get(&ours)
                .is_some_and(|found| found.metadata.controller().is_some_and(|controller| controller.uid != owner.uid));
            if is_taken {
                let words = format!("canary mapping `{}` controlled by different object", ours.name);
                return Err(Invalid::value(&path, name, words));
            }
        }
        Ok(())
    }

    /// The Mappings that are ours.
    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        let names = self.settings.mappings.iter();
        names.map(|name| beside(name, &observed.rollout.metadata.namespace)).collect()
    }

    /// A Mapping that is not there gets nothing; two without a weight get the same.
    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        if !self.objects(observed).contains(named) {
            return Vec::new();
        }
        let alone = if object.is_null() { 0 } else { WHOLE / 2 };
        let canary = weight_of(object).and_then(|weight| i32::try_from(weight).ok()).unwrap_or(alone);
        vec![Weights { canary, stable: WHOLE - canary }]
    }

    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        Backing::of_services(observed, self.ends)
    }

    /// Ours is made when the canary gets its first share, and from then on follows the Mapping of the user.
    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let namespace = &observed.rollout.metadata.namespace;
        let name = self.settings.mappings.iter().find(|name| beside(name, namespace) == *named)?;
        let stable = observed.routed.get(&object_of(name, namespace))?.object.value();
        let spec = self.spec(&stable, wanted.canary);
        if object.is_null() {
            let metadata = json!({
                "name": named.name, "namespace": namespace, "ownerReferences": [fleet::owner(observed)],
            });
            let body = kind::MAPPING.object(&json!({ "metadata": metadata, "spec": spec })).ok();
            return body.filter(|_| wanted.canary > 0).map(Change::Create);
        }
        let found = object.get("spec").cloned().unwrap_or_else(|| json!({}));
        let fields = plan::merge_patch(&found, &Value::Object(spec));
        let mut patch = Map::from_iter(fields.map(|fields| ("spec".to_owned(), fields)));
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default();
        if !owners.iter().any(|owner| owner.get("controller") == Some(&Value::Bool(true))) {
            let owners: Vec<Value> = owners.into_iter().chain([fleet::owner(observed)]).collect();
            patch.insert("metadata".into(), json!({ "ownerReferences": owners }));
        }
        (!patch.is_empty()).then_some(Change::Patch(Value::Object(patch)))
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    fn holds_more(&self) -> bool {
        true
    }

    fn told(&self, _name: &str, _change: &Change, _before: Before<'_>, wanted: &Wanted<'_>) -> Vec<Event> {
        let text = format!("Set canary mapping weight to {}", wanted.canary);
        vec![Event::normal("CanaryMappingWeightUpdate", text)]
    }
}

fn weight_of(mapping: &Value) -> Option<i64> {
    mapping.pointer("/spec/weight").and_then(Value::as_i64)
}

#[cfg(test)]
mod tests;
