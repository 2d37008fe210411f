//! Which endpoints are ready: the data plane learns of pods through EndpointSlices, so a pod counts once it stands there.

use super::observed::Observed;
use crds::{foreign::Endpoint, keys};
use std::collections::BTreeSet;

/// Ready endpoints of a Service whose pods are of this revision, or of any where `hash` is absent.
///
/// A host that is no Service has no EndpointSlices that we could read: there the pods that are available have to do, else
/// nothing behind such a host could ever move.
pub fn ready(observed: &Observed, service: &str, hash: Option<&str>) -> usize {
    if !observed.services.contains_key(service) {
        return available(observed, hash);
    }
    let of_revision: Option<BTreeSet<&str>> = hash.map(|hash| {
        let pods = observed.pods.iter().filter(|pod| pod.metadata.label(keys::POD_TEMPLATE_HASH) == Some(hash));
        pods.filter(|pod| !pod.metadata.is_deleted()).map(|pod| pod.metadata.name.as_str()).collect()
    });
    let slices = observed.endpoint_slices.iter().filter(|slice| slice.service_name() == Some(service));
    let endpoints = slices.flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.is_ready());
    // One pod has an endpoint in the slice of each address family: it counts once.
    let names: BTreeSet<&str> = endpoints.filter_map(pod_of).collect();
    names.iter().filter(|name| of_revision.as_ref().is_none_or(|pods| pods.contains(*name))).count()
}

fn pod_of(endpoint: &Endpoint) -> Option<&str> {
    if endpoint.conditions.terminating == Some(true) { None } else { endpoint.pod_name() }
}

fn available(observed: &Observed, hash: Option<&str>) -> usize {
    let sets = observed.replica_sets.iter();
    let of_revision =
        sets.filter(|set| hash.is_none_or(|hash| set.metadata.label(keys::POD_TEMPLATE_HASH) == Some(hash)));
    of_revision.map(|set| usize::try_from(set.status.available_replicas).unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::{EndpointSlice, Pod, ReplicaSet, Service};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn pod(name: &str, hash: &str) -> Value {
        json!({"metadata": {"name": name, "labels": {keys::POD_TEMPLATE_HASH: hash}}})
    }

    fn endpoint(pod: &str, conditions: Value) -> Value {
        json!({"addresses": ["x"], "conditions": conditions, "targetRef": {"kind": "Pod", "name": pod}})
    }

    fn observed(pods: &[Value], slices: &[(&str, Value)]) -> Observed {
        let slice = |(service, endpoints): &(&str, Value)| {
            let value = json!({"metadata": {"labels": {keys::SERVICE_NAME: service}}, "endpoints": endpoints});
            Arc::new(EndpointSlice::from_value(&value).expect("a slice"))
        };
        Observed {
            pods: pods.iter().map(|pod| Arc::new(Pod::from_value(pod).expect("a pod"))).collect(),
            services: [("web".to_owned(), Arc::new(Service::default()))].into(),
            endpoint_slices: slices.iter().map(slice).collect(),
            ..Observed::default()
        }
    }

    #[test]
    fn an_endpoint_counts_when_requests_would_reach_its_pod() {
        let mut leaving = pod("c", "one");
        leaving["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z".into();
        let pods = [pod("a", "one"), pod("b", "two"), leaving];
        for (endpoints, one, any) in [
            (json!([]), 0, 0),
            (json!([endpoint("a", json!({"ready": true}))]), 1, 1),
            // Absent means ready.
            (json!([endpoint("a", json!({}))]), 1, 1),
            (json!([endpoint("a", json!({"ready": false}))]), 0, 0),
            (json!([endpoint("a", json!({"ready": true, "terminating": true}))]), 0, 0),
            (json!([endpoint("b", json!({}))]), 0, 1),
            // The pod goes away, or is not known: its revision gets no traffic for it.
            (json!([endpoint("c", json!({})), endpoint("d", json!({}))]), 0, 2),
            // Two address families.
            (json!([endpoint("a", json!({})), endpoint("a", json!({}))]), 1, 1),
            (json!([{"addresses": ["x"], "targetRef": {"kind": "Node", "name": "a"}}, {"addresses": ["y"]}]), 0, 0),
        ] {
            let observed = observed(&pods, &[("web", endpoints.clone()), ("other", json!([endpoint("a", json!({}))]))]);
            assert_eq!(
                (ready(&observed, "web", Some("one")), ready(&observed, "web", None)),
                (one, any),
                "{endpoints}"
            );
        }
    }

    #[test]
    fn behind_a_host_that_is_no_service_available_pods_count() {
        let set = |hash: &str, available: i32| {
            let value = json!({"metadata": {"labels": {keys::POD_TEMPLATE_HASH: hash}}, "status": {"availableReplicas": available}});
            Arc::new(ReplicaSet::from_value(&value).expect("a replica set"))
        };
        let observed = Observed { replica_sets: vec![set("one", 2), set("two", 3)], ..observed(&[], &[]) };
        assert_eq!((ready(&observed, "elsewhere", Some("one")), ready(&observed, "elsewhere", None)), (2, 5));
        assert_eq!(ready(&observed, "web", None), 0);
    }
}
