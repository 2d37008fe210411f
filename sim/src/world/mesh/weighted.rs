//! Routers whose objects hold lists of Services and their weights: where the lists are, how they are written, and the flows of
//! requests that they make.

use super::routes::{Cluster, Flow, port_of, rate};
use crate::world::calls::{Kind, list, name_of, text};
use crds::kind;
use serde_json::Value;
use std::sync::Arc;

/// How one kind of object writes its lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighted {
    /// The kind.
    pub(crate) kind: Kind,
    /// The list of lists, where there are several of them.
    outer: Option<&'static str>,
    /// A list of entries.
    entries: &'static str,
    /// The field of an entry that names the Service.
    service: &'static str,
    /// The weight of an entry that has none.
    absent: u64,
}

/// All of them.
pub(crate) const WEIGHTED: [Weighted; 2] = [
    Weighted {
        kind: Kind(kind::TRAFFIC_SPLIT),
        outer: None,
        entries: "/spec/backends",
        service: "/service",
        absent: 0,
    },
    Weighted {
        kind: Kind(kind::TRAEFIK_SERVICE),
        outer: None,
        entries: "/spec/weighted/services",
        service: "/name",
        absent: 1,
    },
];

impl Weighted {
    /// The lists of an object: each a row of Services and weights.
    pub(crate) fn lists(&self, object: &Value) -> Vec<Vec<(String, u64)>> {
        let holders: Vec<&Value> =
            self.outer.map_or_else(|| vec![object], |outer| list(object, outer).iter().collect());
        let weight = |entry: &Value| entry.get("weight").and_then(Value::as_u64).unwrap_or(self.absent);
        let row = |holder: &Value| {
            let entries = list(holder, self.entries).iter();
            entries.map(|entry| (text(entry, self.service).to_owned(), weight(entry))).collect()
        };
        holders.into_iter().map(row).collect()
    }

    /// One flow for each list.
    pub(crate) fn flows(&self, objects: &[Arc<Value>], services: &[Arc<Value>], usual: u32) -> Vec<Flow> {
        let mut flows = Vec::new();
        for one in objects {
            let (namespace, name) = name_of(one);
            for (index, row) in self.lists(one).into_iter().enumerate() {
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
