//! Lists the pods behind each Service as one EndpointSlice, with their conditions.
//!
//! A Service without a selector is left alone. The slice goes with its Service.

use crate::world::{
    Ground,
    calls::{ENDPOINT_SLICE, at, is_deleting, is_true, list, name_of, selects, text},
    view::Actor,
};
use crds::keys;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::Instant;

pub(crate) struct EndpointSlices {
    ground: Ground,
    /// When what changed is looked at.
    due: Option<Instant>,
}

impl Actor for EndpointSlices {
    async fn pass(&mut self) -> Result<Option<Instant>, kube::Error> {
        let now = Instant::now();
        let due = *self.due.get_or_insert(now + self.ground.settings.slices_after);
        if due > now {
            return Ok(Some(due));
        }
        self.due = None;
        let pods = self.ground.views.pods.all();
        for service in self.ground.views.services.all() {
            if at(&service, "/spec/selector").is_none() || is_deleting(&service) {
                continue;
            }
            match self.write(&service, &pods).await {
                Ok(()) => {}
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl EndpointSlices {
    pub(crate) fn on(ground: Ground) -> EndpointSlices {
        EndpointSlices { ground, due: None }
    }

    async fn write(&self, service: &Value, pods: &[Arc<Value>]) -> Result<(), kube::Error> {
        let (namespace, name) = name_of(service);
        let slice = format!("{name}-pods");
        let endpoints = endpoints_of(service, pods);
        let ports = ports_of(service);
        let views = &self.ground.views;
        let written = match views.slices.get(&namespace, &slice) {
            Some(held) if holds(&held, "endpoints", &endpoints) && holds(&held, "ports", &ports) => {
                return Ok(());
            }
            Some(_) => {
                let patch = json!({ "endpoints": endpoints, "ports": ports });
                ENDPOINT_SLICE.patch(&self.ground.client, &namespace, &slice, &patch).await?
            }
            None => {
                let body = json!({
                    "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                    "metadata": {
                        "name": slice,
                        "labels": {
                            keys::SERVICE_NAME: name,
                            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                        },
                        "ownerReferences": [{
                            "apiVersion": "v1", "kind": "Service", "name": name, "uid": text(service, "/metadata/uid"),
                            "controller": true, "blockOwnerDeletion": true,
                        }],
                    },
                    "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
                });
                ENDPOINT_SLICE.create(&self.ground.client, &namespace, &body).await?
            }
        };
        views.slices.absorb(written);
        Ok(())
    }
}

fn endpoints_of(service: &Value, pods: &[Arc<Value>]) -> Value {
    let (namespace, _) = name_of(service);
    let selected = pods.iter().filter(|pod| {
        text(pod, "/metadata/namespace") == namespace
            && selects(at(service, "/spec/selector"), at(pod, "/metadata/labels"))
            && !text(pod, "/status/podIP").is_empty()
            && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
    });
    selected
        .map(|pod| {
            let is_serving = is_true(pod, "Ready");
            json!({
                "addresses": [text(pod, "/status/podIP")],
                "conditions": {
                    "ready": is_serving && !is_deleting(pod), "serving": is_serving, "terminating": is_deleting(pod),
                },
                "nodeName": text(pod, "/spec/nodeName"),
                "targetRef": {
                    "kind": "Pod", "name": text(pod, "/metadata/name"), "namespace": namespace,
                    "uid": text(pod, "/metadata/uid"),
                },
            })
        })
        .collect()
}

fn ports_of(service: &Value) -> Value {
    list(service, "/spec/ports")
        .iter()
        .map(|port| {
            let number = port.get("targetPort").filter(|target| target.is_number()).or_else(|| port.get("port"));
            json!({ "name": text(port, "/name"), "port": number, "protocol": "TCP" })
        })
        .collect()
}

/// Whether a list is as it should be. The server stores an empty one as null.
fn holds(slice: &Value, list: &str, wanted: &Value) -> bool {
    let is_empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    let held = slice.get(list).unwrap_or(&Value::Null);
    held == wanted || (is_empty(held) && is_empty(wanted))
}
