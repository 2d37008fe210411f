//! SMI: a TrafficSplit of the Rollout's own, between the canary's Service, those of a running Experiment and the stable one.
//! It is created where it is missing, and goes with its Rollout. One that belongs to somebody else is never touched.

use super::{
    super::{fleet, invalid::Invalid, observed::Observed, replicas::WHOLE, spec::ends::Ends},
    backends::weight_of,
    router::{self, Backing, Before, Change, PATH, Router, Wanted, Weights},
};
use crds::{
    Kind, ObjectMeta, kind,
    rollout::{CanaryStrategy, SmiTrafficRouting},
};
use plan::{Event, ObjectRef};
use serde_json::{Value, json};

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 1] = [kind::TRAFFIC_SPLIT];
/// Where a TrafficSplit holds its weights, as `managedFields` name it.
const FIELDS: [&str; 1] = ["/f:spec/f:backends"];

/// SMI, as a spec sets it.
#[derive(Clone, Debug)]
pub struct Smi<'a> {
    settings: &'a SmiTrafficRouting,
    ends: Ends<'a>,
}

/// The TrafficSplit of the Rollout with this metadata.
pub(super) fn split(settings: &SmiTrafficRouting, owner: &ObjectMeta) -> ObjectRef {
    let named = settings.traffic_split_name.as_deref().filter(|name| !name.is_empty());
    ObjectRef::of(&kind::TRAFFIC_SPLIT, &owner.namespace, named.unwrap_or(&owner.name))
}

impl<'a> Smi<'a> {
    /// What the spec asks for.
    pub(super) fn of(canary: &'a CanaryStrategy, settings: &'a SmiTrafficRouting) -> Self {
        Self { settings, ends: router::services_of(canary) }
    }
}

impl Router for Smi<'_> {
    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        Backing::of_services(observed, self.ends)
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    fn part_of<'w>(&self, _named: &ObjectRef, wanted: &Wanted<'w>) -> Wanted<'w> {
        wanted.clone()
    }

    fn holds_more(&self) -> bool {
        true
    }

    /// Whether the TrafficSplit is, or may become, the Rollout's own.
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let owner = &observed.rollout.metadata;
        let named = split(self.settings, owner);
        let path = format!("{PATH}.smi.trafficSplitName");
        match observed.routed.get(&named) {
            None => router::is_served(observed, &path, &named.name, &kind::TRAFFIC_SPLIT, &named),
            Some(found) if found.metadata.is_controlled_by(&owner.uid) => Ok(()),
            Some(_) => {
                let words = format!("Rollout does not own TrafficSplit `{}`", named.name);
                Err(Invalid::value(&path, &named.name, words))
            }
        }
    }

    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        vec![split(self.settings, &observed.rollout.metadata)]
    }

    /// Without a TrafficSplit the root Service gets what it is sent, which is the stable one where no other is named.
    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        if *named != split(self.settings, &observed.rollout.metadata) {
            return Vec::new();
        }
        if object.is_null() {
            return vec![Weights { canary: 0, stable: WHOLE }];
        }
        let backends = || object.pointer("/spec/backends").and_then(Value::as_array).into_iter().flatten();
        let sum = |service: Option<&str>| {
            let is_meant = |backend: &&Value| service.is_none_or(|name| named_in(backend) == Some(name));
            backends().filter(is_meant).filter_map(weight_of).sum::<i64>()
        };
        let part = |service: &str| router::part_of(WHOLE, sum(Some(service)), sum(None));
        vec![Weights { canary: part(self.ends.canary), stable: part(self.ends.stable) }]
    }

    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let root = self.settings.root_service.as_deref().filter(|name| !name.is_empty()).unwrap_or(self.ends.stable);
        let others = wanted.others.iter().map(|branch| (branch.service.as_str(), branch.weight));
        let ends = std::iter::once((self.ends.canary, wanted.canary))
            .chain(others)
            .chain([(self.ends.stable, wanted.stable())]);
        let backends: Vec<(&str, i32)> = ends.collect();
        let list: Vec<Value> =
            backends.iter().map(|(service, weight)| json!({ "service": service, "weight": weight })).collect();
        let spec = json!({ "service": root, "backends": list });
        if object.is_null() {
            let metadata = json!({
                "name": named.name, "namespace": named.namespace, "ownerReferences": [fleet::owner(observed)],
            });
            let body = json!({
                "apiVersion": named.api_version(), "kind": named.kind, "metadata": metadata, "spec": spec,
            });
            return Some(Change::Create(body));
        }
        let found = object.pointer("/spec/backends").and_then(Value::as_array).into_iter().flatten();
        let found = found.map(|backend| (named_in(backend).unwrap_or_default(), weight_of(backend)));
        let is_same = found.eq(backends.iter().map(|(service, weight)| (*service, Some(i64::from(*weight)))));
        let is_rooted = object.pointer("/spec/service").and_then(Value::as_str) == Some(root);
        (!is_same || !is_rooted).then(|| Change::Patch(json!({ "spec": spec })))
    }

    fn told(&self, name: &str, change: &Change, _before: Before<'_>, _wanted: &Wanted<'_>) -> Vec<Event> {
        let (reason, what) = match change {
            Change::Create(_) => ("TrafficSplitCreated", "created"),
            Change::Patch(_) | Change::Delete => ("TrafficSplitModified", "modified"),
        };
        vec![Event::normal(reason, format!("TrafficSplit `{name}` {what}"))]
    }
}

fn named_in(backend: &Value) -> Option<&str> {
    backend.get("service").and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
