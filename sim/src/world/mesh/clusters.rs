//! From Services, EndpointSlices, DestinationRules and the labels of pods to the endpoints of each destination.

use crate::world::{
    calls::{at, list, name_of, number, selects, text},
    mesh::routes::{Cluster, place_of},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// A pod that a destination may send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) uid: String,
}

/// The ready endpoints of each destination, by its name in Envoy.
pub(crate) fn clusters_of(
    services: &[Arc<Value>],
    slices: &[Arc<Value>],
    rules: &[Arc<Value>],
    pods: &[Arc<Value>],
) -> BTreeMap<String, Vec<Endpoint>> {
    let mut clusters = BTreeMap::new();
    let labels: BTreeMap<&str, Option<&Value>> =
        pods.iter().map(|pod| (text(pod, "/metadata/uid"), at(pod, "/metadata/labels"))).collect();
    for service in services {
        let (namespace, name) = name_of(service);
        let own = slices.iter().filter(|slice| {
            text(slice, "/metadata/namespace") == namespace
                && at(slice, "/metadata/labels/kubernetes.io~1service-name").and_then(Value::as_str) == Some(&name)
        });
        let ready: Vec<Endpoint> = own.flat_map(|slice| list(slice, "/endpoints")).filter_map(ready_endpoint).collect();
        let subsets = rules.iter().filter(|rule| {
            let near = text(rule, "/metadata/namespace");
            place_of(text(rule, "/spec/host"), near) == (namespace.clone(), name.clone())
        });
        for port in ports_of(service) {
            let cluster = |subset: &str| Cluster {
                namespace: namespace.clone(),
                service: name.clone(),
                subset: subset.to_owned(),
                port,
            };
            for subset in subsets.clone().flat_map(|rule| list(rule, "/spec/subsets")) {
                let has_labels = |endpoint: &&Endpoint| {
                    let labels = labels.get(endpoint.uid.as_str()).copied().flatten();
                    let wanted = subset.get("labels");
                    // A subset without labels is the whole Service.
                    wanted.and_then(Value::as_object).is_none_or(|map| map.is_empty()) || selects(wanted, labels)
                };
                let of_subset = ready.iter().filter(has_labels).cloned().collect();
                clusters.insert(cluster(text(subset, "/name")).name(), of_subset);
            }
            clusters.insert(cluster("").name(), ready.clone());
        }
    }
    clusters
}

fn ready_endpoint(endpoint: &Value) -> Option<Endpoint> {
    let is_ready = at(endpoint, "/conditions/ready").and_then(Value::as_bool).unwrap_or(true);
    is_ready.then(|| Endpoint {
        namespace: text(endpoint, "/targetRef/namespace").to_owned(),
        pod: text(endpoint, "/targetRef/name").to_owned(),
        uid: text(endpoint, "/targetRef/uid").to_owned(),
    })
}

fn ports_of(service: &Value) -> Vec<i64> {
    let ports: Vec<i64> = list(service, "/spec/ports").iter().map(|port| number(port, "/port")).collect();
    if ports.is_empty() { vec![80] } else { ports }
}
