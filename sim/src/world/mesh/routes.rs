//! From VirtualServices, HTTPRoutes, Ingresses and Services to flows of requests: where each goes, by weight.

use crate::world::{
    calls::{annotation, list, name_of, number, text},
    chance::Chance,
    ingresses,
};
use serde_json::Value;
use std::{fmt, sync::Arc};

/// How many requests a second a route or Service gets.
const RATE: &str = "leadline.dev/requests-per-second";

/// Where requests are sent: a Service, and a subset of it if one is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cluster {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// The subset of a DestinationRule, or empty.
    pub subset: String,
    /// The Service's port.
    pub port: i64,
}

impl Cluster {
    /// The host as a mesh knows it.
    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.service, self.namespace)
    }

    /// The name that Istio gives it in Envoy.
    pub fn name(&self) -> String {
        format!("outbound|{}|{}|{}", self.port, self.subset, self.host())
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name())
    }
}

/// A steady flow of requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flow {
    pub(crate) name: String,
    pub(crate) requests_per_second: u32,
    pub(crate) shares: Vec<(Cluster, u64)>,
}

impl Flow {
    /// Where one request goes, and the how many-th of the destinations that is.
    pub(crate) fn pick(&self, chance: Chance) -> Option<(usize, &Cluster)> {
        let total: u64 = self.shares.iter().map(|(_, weight)| weight).sum();
        let mut left = chance.below(total);
        for (index, (cluster, weight)) in self.shares.iter().enumerate() {
            if left < *weight {
                return Some((index, cluster));
            }
            left -= weight;
        }
        None
    }
}

/// All flows: one for each http route, and one for each Service that asks for it.
pub(crate) fn flows_of(virtual_services: &[Arc<Value>], services: &[Arc<Value>], usual: u32) -> Vec<Flow> {
    let mut flows = Vec::new();
    for one in virtual_services {
        let (namespace, name) = name_of(one);
        for (index, route) in list(one, "/spec/http").iter().enumerate() {
            let destinations = list(route, "/route");
            let shares = destinations.iter().map(|it| (cluster_of(it, &namespace, services), weight(it, destinations)));
            flows.push(Flow {
                name: format!("{namespace}/{name}/{index}"),
                requests_per_second: rate(one).unwrap_or(usual),
                shares: shares.collect(),
            });
        }
    }
    for service in services {
        if let Some(requests_per_second) = rate(service) {
            let (namespace, name) = name_of(service);
            let port = port_of(service);
            let cluster = Cluster { namespace: namespace.clone(), service: name.clone(), subset: String::new(), port };
            flows.push(Flow { name: format!("{namespace}/{name}"), requests_per_second, shares: vec![(cluster, 1)] });
        }
    }
    flows
}

/// One flow for each rule of an HTTPRoute that leads to Services.
pub(crate) fn flows_of_gateway(routes: &[Arc<Value>], services: &[Arc<Value>], usual: u32) -> Vec<Flow> {
    let mut flows = Vec::new();
    for one in routes {
        let (near, name) = name_of(one);
        for (index, rule) in list(one, "/spec/rules").iter().enumerate() {
            let share = |backend: &Value| {
                let namespace = Some(text(backend, "/namespace")).filter(|it| !it.is_empty()).unwrap_or(&near);
                let service = text(backend, "/name");
                let found = services.iter().find(|it| name_of(it) == (namespace.to_owned(), service.to_owned()));
                let asked = number(backend, "/port");
                let port = if asked > 0 { asked } else { found.map_or(80, |service| port_of(service)) };
                let (namespace, service) = (namespace.to_owned(), service.to_owned());
                // A weight that is absent is 1.
                let weight = backend.get("weight").and_then(Value::as_u64).unwrap_or(1);
                (Cluster { namespace, service, subset: String::new(), port }, weight)
            };
            flows.push(Flow {
                name: format!("HTTPRoute {near}/{name}/{index}"),
                requests_per_second: rate(one).unwrap_or(usual),
                shares: list(rule, "/backendRefs").iter().map(share).collect(),
            });
        }
    }
    flows
}

/// One flow for each path of an Ingress.
pub(crate) fn flows_of_ingresses(all: &[Arc<Value>], services: &[Arc<Value>], usual: u32) -> Vec<Flow> {
    let flow = |split: ingresses::Split| {
        let near = &split.namespace;
        let share = |(service, weight): (String, u64)| {
            let found = services.iter().find(|it| name_of(it) == (near.clone(), service.clone()));
            let port = found.map_or(80, |service| port_of(service));
            (Cluster { namespace: near.clone(), service, subset: String::new(), port }, weight)
        };
        Flow {
            name: format!("Ingress {near}/{}/{}", split.ingress, split.turn),
            requests_per_second: usual,
            shares: split.ends.into_iter().map(share).collect(),
        }
    };
    ingresses::splits(all.iter().map(Arc::as_ref)).into_iter().map(flow).collect()
}

pub(super) fn rate(object: &Value) -> Option<u32> {
    annotation(object, RATE).parse().ok()
}

/// A single destination without a weight takes everything.
fn weight(destination: &Value, all: &[Value]) -> u64 {
    let alone = if all.len() == 1 { 100 } else { 0 };
    destination.get("weight").and_then(Value::as_u64).unwrap_or(alone)
}

fn cluster_of(destination: &Value, near: &str, services: &[Arc<Value>]) -> Cluster {
    let host = text(destination, "/destination/host");
    let (namespace, service) = place_of(host, near);
    let asked = number(destination, "/destination/port/number");
    let found = services.iter().find(|one| name_of(one) == (namespace.clone(), service.clone()));
    let port = if asked > 0 { asked } else { found.map_or(80, |service| port_of(service)) };
    Cluster { namespace, service, subset: text(destination, "/destination/subset").to_owned(), port }
}

pub(super) fn port_of(service: &Value) -> i64 {
    match number(service, "/spec/ports/0/port") {
        0 => 80,
        port => port,
    }
}

/// The namespace and name of the Service that a host names.
pub(crate) fn place_of(host: &str, near: &str) -> (String, String) {
    let mut parts = host.split('.');
    let service = parts.next().unwrap_or_default();
    (parts.next().unwrap_or(near).to_owned(), service.to_owned())
}
