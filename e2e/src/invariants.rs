//! What must hold at every moment of a recorded canary (design: safe switch), seen from outside, on real objects.
//!
//! The record is replayed change by change; after each change the whole namespace is as it was then. This knows nothing of
//! the rules that the product decides by, and repeats none of them.

use crate::{
    canary::weights,
    chronicle::{Change, Name},
};
use serde_json::Value;
use std::collections::BTreeMap;

const HASH: &str = "rollouts-pod-template-hash";

/// What a replay found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Each weight that the canary was given, in order.
    pub weights: Vec<i64>,
    /// What was broken, and when.
    pub broken: Vec<String>,
}

/// Replays a record. Changes up to `from` only set the scene.
pub fn replay(changes: &[Change], from: u64) -> Findings {
    let mut world: BTreeMap<Name, Value> = BTreeMap::new();
    let mut findings = Findings::default();
    for change in changes {
        let before = world.get(&change.name).cloned();
        match &change.object {
            Some(object) => world.insert(change.name.clone(), object.clone()),
            None => world.remove(&change.name),
        };
        if change.revision > from {
            let mut broken = Vec::new();
            look(&World(&world), &mut broken);
            moved(&World(&world), change, before.as_ref(), &mut findings, &mut broken);
            let at = format!("at {} ({}/{})", change.revision, change.name.0, change.name.1);
            findings.broken.extend(broken.into_iter().map(|text| format!("{at}: {text}")));
        }
    }
    findings
}

/// The namespace at one moment.
struct World<'a>(&'a BTreeMap<Name, Value>);

impl World<'_> {
    fn get(&self, resource: &str, name: &str) -> Option<&Value> {
        self.0.get(&(resource.to_owned(), name.to_owned()))
    }

    fn all(&self, resource: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |(name, _)| name.0 == resource).map(|(_, object)| object)
    }

    /// Addresses of a Service whose pods are ready, and belong to the revision that it selects.
    fn ready(&self, service: &str) -> usize {
        let selector = self.get("services", service).map(|service| &service["spec"]["selector"][HASH]);
        let hash = selector.and_then(Value::as_str).unwrap_or_default();
        let is_of = |pod: &str| pod.contains(hash);
        self.endpoints(service).filter(|endpoint| endpoint["targetRef"]["name"].as_str().is_some_and(is_of)).count()
    }

    fn endpoints(&self, service: &str) -> impl Iterator<Item = &Value> {
        let slices = self
            .all("endpointslices")
            .filter(move |slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service);
        let endpoints = slices.filter_map(|slice| slice["endpoints"].as_array()).flatten();
        endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true)
    }

    /// Ready addresses of a Service, whichever revision they are of: what a proxy sends to.
    fn reachable(&self, service: &str) -> usize {
        self.endpoints(service).count()
    }

    /// Ready pods of a revision, and how many a Rollout wants.
    fn pods_of(&self, hash: &Value) -> (i64, i64) {
        let sets = self.all("replicasets").filter(|set| set["metadata"]["labels"][HASH] == *hash);
        let wanted = self.all("rollouts").filter_map(|rollout| rollout["spec"]["replicas"].as_i64()).sum();
        (sets.filter_map(|set| set["status"]["readyReplicas"].as_i64()).sum(), wanted)
    }

    /// Pods of a ReplicaSet that are wanted, found by the revision that a DestinationRule's subset names.
    fn ready_of_subset(&self, subset: &str) -> i64 {
        let rule = self.all("destinationrules").next();
        let subsets = rule.and_then(|rule| rule["spec"]["subsets"].as_array()).into_iter().flatten();
        let hash = subsets.filter(|entry| entry["name"] == subset).find_map(|entry| entry["labels"][HASH].as_str());
        let sets =
            self.all("replicasets").filter(|set| hash.is_none_or(|hash| set["metadata"]["labels"][HASH] == hash));
        sets.filter_map(|set| set["status"]["readyReplicas"].as_i64()).sum()
    }
}

/// What can be seen in one moment.
fn look(world: &World<'_>, broken: &mut Vec<String>) {
    for route in world.all("virtualservices") {
        if let Some(service) = only_service(route) {
            if world.reachable(service) == 0 {
                broken.push(format!("{service} has all of the requests and no ready endpoint"));
            }
            continue;
        }
        let entries = route.pointer("/spec/http/0/route").and_then(Value::as_array).into_iter().flatten();
        let mut sum = 0;
        for entry in entries {
            let weight = entry["weight"].as_i64().unwrap_or(0);
            let host = entry["destination"]["host"].as_str().unwrap_or_default();
            sum += weight;
            let ready = match entry["destination"]["subset"].as_str() {
                Some(subset) => world.ready_of_subset(subset),
                None => i64::try_from(world.ready(host)).unwrap_or(i64::MAX),
            };
            if weight > 0 && ready == 0 {
                broken.push(format!("{} has {weight} % and no ready endpoint", entry["destination"]));
            }
        }
        if sum != 100 {
            broken.push(format!("shares add up to {sum}"));
        }
    }
}

/// What can be seen in one change.
fn moved(
    world: &World<'_>,
    change: &Change,
    before: Option<&Value>,
    findings: &mut Findings,
    broken: &mut Vec<String>,
) {
    let (Some(before), Some(after)) = (before, &change.object) else { return };
    match change.name.0.as_str() {
        "virtualservices" => {
            if only_service(after).is_some() {
                return broken.push("a route that is nobody's was written".into());
            }
            let (Some(old), Some(new)) = (weights(before), weights(after)) else {
                return broken.push("the destinations are gone".into());
            };
            if old == new {
                return broken.push("written without a change of weight".into());
            }
            findings.weights.push(new.0);
            let is_aborted = world.all("rollouts").any(|rollout| rollout["status"]["abort"] == true);
            if is_aborted && new.0 > old.0 {
                broken.push(format!("aborted, and the canary rises from {} to {}", old.0, new.0));
            }
        }
        "services" => {
            let (old, new) = (&before["spec"]["selector"][HASH], &after["spec"]["selector"][HASH]);
            if world.all("virtualservices").any(|route| only_service(route) == Some(&change.name.1)) {
                let (have, want) = world.pods_of(new);
                if old != new && have < want {
                    broken.push(format!("all requests go to {new} with {have} of {want} pods"));
                }
                return;
            }
            let weight = share(world, &change.name.1);
            if old.is_string() && old != new && weight > 0 {
                broken.push(format!("repointed from {old} to {new} while it has {weight} %"));
            }
        }
        _ => {}
    }
}

/// The one Service that has all of the requests: that of blue-green, which moves them by its selector.
fn only_service(route: &Value) -> Option<&str> {
    let entries = route.pointer("/spec/http/0/route")?.as_array()?;
    let [only] = entries.as_slice() else { return None };
    only["destination"]["host"].as_str()
}

/// The share that goes to a Service.
fn share(world: &World<'_>, service: &str) -> i64 {
    let routes = world.all("virtualservices").filter_map(|route| route.pointer("/spec/http/0/route"));
    let entries = routes.filter_map(Value::as_array).flatten();
    let to =
        entries.filter(|entry| entry["destination"]["host"] == service && entry["destination"]["subset"].is_null());
    to.filter_map(|entry| entry["weight"].as_i64()).sum()
}
