//! Makes and removes the pods of ReplicaSets, and counts them in their status.
//!
//! Pods that are not ready go first, then the youngest. It looks at every set whenever a set or a pod changed, and puts the
//! server's answers into its view, so that a late watch never makes it act twice.

use crate::world::{
    Ground,
    calls::{POD, REPLICA_SET, at, controller_uid, is_deleting, is_true, list, name_of, number, text},
    view::{Actor, earliest},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

pub(crate) struct ReplicaSets {
    pub(crate) ground: Ground,
}

impl Actor for ReplicaSets {
    async fn pass(&mut self) -> Result<Option<Instant>, kube::Error> {
        let mut due = None;
        let pods = self.ground.views.pods.all();
        for set in self.ground.views.replica_sets.all() {
            let uid = text(&set, "/metadata/uid");
            let own: Vec<_> = pods.iter().filter(|pod| controller_uid(pod) == uid && !is_over(pod)).cloned().collect();
            if !is_deleting(&set) {
                self.size(&set, &own).await?;
            }
            due = earliest(due, self.count(&set, &own).await?);
        }
        Ok(due)
    }
}

impl ReplicaSets {
    async fn size(&self, set: &Value, own: &[Arc<Value>]) -> Result<(), kube::Error> {
        let mut staying: Vec<_> = own.iter().filter(|pod| !is_deleting(pod)).collect();
        let wanted = usize::try_from(at(set, "/spec/replicas").and_then(Value::as_i64).unwrap_or(1)).unwrap_or(0);
        let client = &self.ground.client;
        let (namespace, _) = name_of(set);
        for _ in staying.len()..wanted {
            let made = POD.create(client, &namespace, &pod_of(set)).await?;
            self.ground.views.pods.absorb(made);
        }
        let many = staying.len().saturating_sub(wanted);
        if many > 0 {
            staying.sort_by_cached_key(|pod| (is_true(pod, "Ready"), std::cmp::Reverse(number_of(pod))));
        }
        for pod in staying.into_iter().take(many) {
            match POD.delete(client, pod, None).await {
                // A pod that was on no node yet is gone at once; the watch tells.
                Ok(left) if text(&left, "/kind") == "Pod" && is_deleting(&left) => self.ground.views.pods.absorb(left),
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes what is counted, and returns when the next pod will have been ready for long enough.
    async fn count(&self, set: &Value, own: &[Arc<Value>]) -> Result<Option<Instant>, kube::Error> {
        let now = self.ground.clock.now();
        let min_ready = TimeDelta::seconds(number(set, "/spec/minReadySeconds"));
        let staying: Vec<_> = own.iter().filter(|pod| !is_deleting(pod)).collect();
        let ready: Vec<_> = staying.iter().filter(|pod| is_true(pod, "Ready")).collect();
        let mut due = None;
        let mut available = 0;
        for pod in &ready {
            let at = ready_since(pod).unwrap_or(now) + min_ready;
            if min_ready.is_zero() || at <= now {
                available += 1;
            } else {
                due = earliest(due, Some(Instant::now() + (at - now).to_std().unwrap_or(Duration::ZERO)));
            }
        }
        let mut status = json!({
            "replicas": staying.len(),
            "observedGeneration": number(set, "/metadata/generation"),
        });
        for (field, count) in
            [("fullyLabeledReplicas", staying.len()), ("readyReplicas", ready.len()), ("availableReplicas", available)]
        {
            // A real one leaves zeros out.
            let count = if count == 0 { Value::Null } else { count.into() };
            status.as_object_mut().map(|fields| fields.insert(field.to_owned(), count));
        }
        if is_changed(set.get("status"), &status) {
            let (namespace, name) = name_of(set);
            match REPLICA_SET.patch_status(&self.ground.client, &namespace, &name, &status).await {
                Ok(written) => self.ground.views.replica_sets.absorb(written),
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(due)
    }
}

/// Would this merge patch change anything? Looks one level deep.
pub(crate) fn is_changed(held: Option<&Value>, patch: &Value) -> bool {
    let fields = patch.as_object().into_iter().flatten();
    fields.into_iter().any(|(key, value)| held.and_then(|held| held.get(key)).unwrap_or(&Value::Null) != value)
}

fn is_over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

fn number_of(pod: &Value) -> (String, u64) {
    let made = text(pod, "/metadata/creationTimestamp").to_owned();
    (made, text(pod, "/metadata/resourceVersion").parse().unwrap_or_default())
}

fn ready_since(pod: &Value) -> Option<DateTime<Utc>> {
    let ready = list(pod, "/status/conditions").iter().find(|one| text(one, "/type") == "Ready")?;
    text(ready, "/lastTransitionTime").parse().ok()
}

fn pod_of(set: &Value) -> Value {
    let template = at(set, "/spec/template").cloned().unwrap_or_default();
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template.get("spec"),
    });
    let (_, name) = name_of(set);
    if let Some(meta) = pod.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        meta.insert("generateName".to_owned(), format!("{name}-").into());
        let owner = json!([{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": text(set, "/metadata/uid"),
            "controller": true, "blockOwnerDeletion": true,
        }]);
        meta.insert("ownerReferences".to_owned(), owner);
        meta.remove("creationTimestamp");
    }
    pod
}
