//! Judges each pass of the controller on the cluster itself, not on the controller's view: the invariants of a safe switch.
//!
//! The controller's own audit sees one plan and one view; this one sees what the server holds after the plan was sent. It
//! shares no code with the rules.

use crate::{
    server::Server,
    simulation::{
        Deserted,
        look::{Look, ingress_paths, is_canary, weighted_rules},
    },
    world::{
        calls::{at, list, number, text},
        mesh::weighted::WEIGHTED,
    },
};
use chrono::{DateTime, Utc};
use controller::Pass;
use crds::{keys, kind};
use plan::{Requeue, Verb};
use serde_json::Value;
use std::collections::BTreeMap;

/// What earlier passes left to compare with.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    aborted: BTreeMap<String, (String, u64)>,
    /// The shares of the ends of a Rollout's routes, by its uid, the object that routes and the destination.
    shares: BTreeMap<(String, String, String), i64>,
    deserted: Deserted,
}

impl Auditor {
    /// What is wrong after this pass.
    pub(crate) fn judge(&mut self, server: &Server, pass: &Pass<'_>, look: &Look) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Requeue::At(at) = pass.plan.requeue
            && at < pass.looked
        {
            wrong.push(format!("{} asks to be woken in the past", pass.key));
        }
        let touches = |name: &str| pass.plan.writes().iter().any(|write| write.verb.object().kind == name);
        let rises = self.rises_after_abort(look);
        let found = self.routes(server, look, pass.at).into_iter().chain(rises);
        let weighted = WEIGHTED.iter().map(|lists| lists.kind.0);
        let mut routers = [kind::VIRTUAL_SERVICE, kind::HTTP_ROUTE, kind::INGRESS].into_iter().chain(weighted);
        if routers.any(|kind| touches(kind.kind)) {
            wrong.extend(found);
        }
        wrong.extend(emptied(server, look, pass));
        wrong
    }

    /// After an abort the canary's share never rises from one pass to the next.
    fn rises_after_abort(&mut self, look: &Look) -> Option<String> {
        let uid = look.text("/metadata/uid").to_owned();
        if !look.is_aborted() {
            self.aborted.remove(&uid);
            return None;
        }
        let weight = look.weight?;
        let hash = look.text("/status/currentPodHash").to_owned();
        let before = self.aborted.insert(uid, (hash.clone(), weight));
        let (_, before) = before.filter(|(of, _)| *of == hash)?;
        (weight > before).then(|| format!("after an abort the canary's share rose from {before} to {weight}"))
    }

    /// Shares add up to the whole, and what gains weight has a ready endpoint, where any end has one. An end that lost its pods
    /// by itself may keep a part of its share: that the other end gains helps.
    fn routes(&mut self, server: &Server, look: &Look, now: DateTime<Utc>) -> Vec<String> {
        let mut wrong = Vec::new();
        let whole = look.routing.as_ref().map_or(100, |routing| routing.whole);
        for (name, destinations) in routes_of(server, look) {
            let sum: i64 = destinations.iter().map(|one| number(one, "/weight")).sum();
            if destinations.len() > 1 && sum != whole {
                wrong.push(format!("the shares of {name} add up to {sum}"));
            }
            let mut has_choice = false;
            let mut dead = Vec::new();
            for destination in destinations {
                let weight = number(&destination, "/weight");
                let end = destination.get("destination").map(Value::to_string).unwrap_or_default();
                let before = self.shares.insert((look.text("/metadata/uid").to_owned(), name.clone(), end), weight);
                let Some((service, hash)) = selected(server, look, &destination) else { continue };
                let ready = ready_endpoints(server, look, &service, &hash);
                if weight > before.unwrap_or(0) && ready == 0 && self.deserted.is_known(&service, &hash, now) {
                    dead.push(format!("{name} sends requests to {service}, which has no ready endpoint of {hash:?}"));
                }
                has_choice |= ready > 0;
                self.deserted.note(&service, &hash, ready, now);
            }
            if has_choice {
                wrong.append(&mut dead);
            }
        }
        wrong
    }
}

/// A revision that carries weight keeps pods: none that this pass wanted to have none.
fn emptied(server: &Server, look: &Look, pass: &Pass<'_>) -> Vec<String> {
    let namespace = look.text("/metadata/namespace");
    let is_emptied = |name: &str| {
        pass.plan.writes().iter().any(|write| match &write.verb {
            Verb::Patch { target, body, .. } => {
                let object = &target.object;
                object.kind == kind::REPLICA_SET.kind
                    && object.name == name
                    && at(body, "/spec/replicas").and_then(Value::as_i64) == Some(0)
            }
            _ => false,
        })
    };
    let sets = server.list("apps/v1", "ReplicaSet");
    let size = |hash: &str| {
        let set = sets.iter().find(|set| {
            text(set, "/metadata/namespace") == namespace
                && text(set, "/metadata/labels/rollouts-pod-template-hash") == hash
                && is_emptied(text(set, "/metadata/name"))
        });
        set.map(|set| number(set, "/spec/replicas"))
    };
    let mut wrong = Vec::new();
    if number(&look.rollout, "/spec/replicas") == 0 {
        return wrong;
    }
    for (name, destinations) in routes_of(server, look) {
        for destination in destinations.iter().filter(|one| number(one, "/weight") > 0) {
            if let Some((_, hash)) = selected(server, look, destination)
                && size(&hash) == Some(0)
            {
                wrong.push(format!("{name} sends requests to revision {hash}, which has no pods"));
            }
        }
    }
    wrong
}

fn routes_of(server: &Server, look: &Look) -> Vec<(String, Vec<Value>)> {
    let Some(routing) = &look.routing else { return Vec::new() };
    let namespace = look.text("/metadata/namespace");
    let mut routes = Vec::new();
    for name in &routing.virtual_services {
        if let Some(found) = server.get("networking.istio.io/v1", "VirtualService", namespace, name) {
            let all = list(&found, "/spec/http").iter().map(|route| list(route, "/route"));
            let own = all.filter(|route| route.iter().any(|one| is_canary(one, routing)));
            routes.extend(own.map(|route| (format!("VirtualService {name}"), route.to_vec())));
        }
    }
    routes.extend(weighted_rules(server, namespace, routing));
    let paths = ingress_paths(server, namespace, routing).into_iter();
    routes.extend(paths.map(|(name, ends)| (format!("Ingress {name}"), ends)));
    routes
}

/// The Service of a destination, and the revision that it or its subset selects.
fn selected(server: &Server, look: &Look, destination: &Value) -> Option<(String, String)> {
    let namespace = look.text("/metadata/namespace");
    let host = text(destination, "/destination/host").split('.').next().unwrap_or_default();
    let service = server.get("v1", "Service", namespace, host)?;
    let hash = keys::POD_TEMPLATE_HASH;
    let subset = text(destination, "/destination/subset");
    let of_subset = server.list("networking.istio.io/v1", "DestinationRule").iter().find_map(|rule| {
        let found = list(rule, "/spec/subsets").iter().find(|one| text(one, "/name") == subset)?;
        Some(text(found, &format!("/labels/{hash}")).to_owned())
    });
    let of_service = text(&service, &format!("/spec/selector/{hash}")).to_owned();
    let found = of_subset.filter(|_| !subset.is_empty()).unwrap_or(of_service);
    Some((host.to_owned(), found))
}

fn ready_endpoints(server: &Server, look: &Look, service: &str, hash: &str) -> usize {
    let namespace = look.text("/metadata/namespace");
    let slices = server.list("discovery.k8s.io/v1", "EndpointSlice");
    let own = slices.iter().filter(|slice| {
        text(slice, "/metadata/namespace") == namespace
            && at(slice, "/metadata/labels/kubernetes.io~1service-name").and_then(Value::as_str) == Some(service)
    });
    let ready = own.flat_map(|slice| list(slice, "/endpoints")).filter(|endpoint| {
        at(endpoint, "/conditions/ready") == Some(&Value::Bool(true))
            && (hash.is_empty() || {
                let pod = server.get("v1", "Pod", namespace, text(endpoint, "/targetRef/name"));
                pod.is_some_and(|pod| text(&pod, "/metadata/labels/rollouts-pod-template-hash") == hash)
            })
    });
    ready.count()
}
