//! Routers whose objects hold lists of Services and their weights: how each is read, and the flows of requests that they make.

use super::routes::{Cluster, Flow, port_of, rate};
use crate::world::calls::{Kind, at, list, name_of, text};
use crds::kind;
use serde_json::Value;
use std::sync::Arc;

/// Services and their weights.
type Row = Vec<(String, u64)>;

/// How one kind of object is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighted {
    /// The kind.
    pub(crate) kind: Kind,
    /// The lists of an object, among all others of these kinds.
    read: fn(&Value, &[Arc<Value>]) -> Vec<Row>,
}

/// All of them.
pub(crate) const WEIGHTED: [Weighted; 6] = [
    Weighted { kind: Kind(kind::TRAFFIC_SPLIT), read: |split, _| vec![row(split, "/spec/backends", "/service", 0)] },
    Weighted {
        kind: Kind(kind::TRAEFIK_SERVICE),
        read: |service, _| vec![row(service, "/spec/weighted/services", "/name", 1)],
    },
    Weighted {
        kind: Kind(kind::APISIX_ROUTE),
        read: |route, _| {
            list(route, "/spec/http").iter().map(|rule| row(rule, "/backends", "/serviceName", 100)).collect()
        },
    },
    Weighted { kind: Kind(kind::MAPPING), read: mapping },
    Weighted { kind: Kind(kind::VIRTUAL_ROUTER), read: virtual_router },
    // It has no list: routers are read with it.
    Weighted { kind: Kind(kind::VIRTUAL_NODE), read: |_, _| Vec::new() },
];

fn row(holder: &Value, entries: &str, service: &str, absent: u64) -> Row {
    let weight = |entry: &Value| entry.get("weight").and_then(Value::as_u64).unwrap_or(absent);
    list(holder, entries).iter().map(|entry| (text(entry, service).to_owned(), weight(entry))).collect()
}

/// A Mapping without a weight gets what those with one leave of the same requests.
fn mapping(one: &Value, all: &[Arc<Value>]) -> Vec<Row> {
    let weight = |mapping: &Value| mapping.pointer("/spec/weight").and_then(Value::as_u64);
    if weight(one).is_some() {
        return Vec::new();
    }
    let service = |mapping: &Value| {
        let named = text(mapping, "/spec/service");
        named.split([':', '.']).next().unwrap_or_default().to_owned()
    };
    let is_same = |other: &&Arc<Value>| {
        name_of(other).0 == name_of(one).0
            && ["/spec/prefix", "/spec/hostname"].iter().all(|field| text(other, field) == text(one, field))
    };
    let beside = all.iter().filter(is_same).filter_map(|other| Some((service(other), weight(other)?)));
    let mut row: Row = beside.collect();
    let rest = 100_u64.saturating_sub(row.iter().map(|(_, weight)| weight).sum());
    row.push((service(one), rest));
    vec![row]
}

/// A virtual node stands for the Service whose name it is found under.
fn virtual_router(router: &Value, all: &[Arc<Value>]) -> Vec<Row> {
    let service = |node: &str| {
        let is_meant = |other: &&Arc<Value>| {
            name_of(other) == (name_of(router).0, node.to_owned()) && at(other, "/spec/serviceDiscovery").is_some()
        };
        let host = all.iter().find(is_meant).map(|node| text(node, "/spec/serviceDiscovery/dns/hostname"));
        host.unwrap_or_default().split('.').next().unwrap_or_default().to_owned()
    };
    let kinds =
        ["httpRoute", "http2Route", "grpcRoute", "tcpRoute"].map(|kind| format!("/{kind}/action/weightedTargets"));
    let lists = list(router, "/spec/routes").iter().flat_map(|route| kinds.iter().map(move |kind| (route, kind)));
    let rows = lists.map(|(route, kind)| row(route, kind, "/virtualNodeRef/name", 0)).filter(|row| !row.is_empty());
    rows.map(|row| row.into_iter().map(|(node, weight)| (service(&node), weight)).collect()).collect()
}

impl Weighted {
    /// The lists of an object: each a row of Services and weights.
    pub(crate) fn lists(&self, object: &Value, all: &[Arc<Value>]) -> Vec<Row> {
        (self.read)(object, all)
    }

    /// One flow for each list.
    pub(crate) fn flows(
        &self,
        objects: &[Arc<Value>],
        all: &[Arc<Value>],
        services: &[Arc<Value>],
        usual: u32,
    ) -> Vec<Flow> {
        let mut flows = Vec::new();
        for one in objects {
            let (namespace, name) = name_of(one);
            for (index, row) in self.lists(one, all).into_iter().enumerate() {
                let share = |(service, weight): (String, u64)| {
                    let found = services.iter().find(|it| name_of(it) == (namespace.clone(), service.clone()));
                    let port = found.map_or(80, |service| port_of(service));
                    (Cluster { namespace: namespace.clone(), service, subset: String::new(), port }, weight)
                };
                flows.push(Flow {
                    name: format!("{} {namespace}/{name}/{index}", self.kind.0.kind),
                    requests_per_second: rate(one).unwrap_or(usual),
                    shares: row.into_iter().map(share).collect(),
                });
            }
        }
        flows
    }
}
