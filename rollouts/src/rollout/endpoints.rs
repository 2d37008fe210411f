//! Which endpoints are ready: the data plane learns of pods through EndpointSlices, so a pod counts once it stands there.

use super::observed::Observed;
use crds::{foreign::Endpoint, keys};
use std::collections::BTreeSet;

/// Ready endpoints of a Service whose pods are of this revision, or of any where `hash` is absent.
pub fn ready(observed: &Observed, service: &str, hash: Option<&str>) -> usize {
    let slices = observed.endpoint_slices.iter().filter(|slice| slice.service_name() == Some(service));
    let endpoints = slices.flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.is_ready());
    let names: BTreeSet<&str> = endpoints.filter_map(|endpoint| pod_of(endpoint)).collect();
    let of_revision = |name: &&str| match hash {
        None => true,
        Some(hash) => {
            let pod = observed.pods.iter().find(|pod| pod.metadata.name == **name);
            pod.is_some_and(|pod| {
                pod.metadata.label(keys::POD_TEMPLATE_HASH) == Some(hash) && !pod.metadata.is_deleted()
            })
        }
    };
    names.iter().filter(|name| of_revision(name)).count()
}

fn pod_of(endpoint: &Endpoint) -> Option<&str> {
    if endpoint.conditions.terminating == Some(true) { None } else { endpoint.pod_name() }
}
