//! Runs Jobs: one pod at a time, again after a failure up to the back-off limit, and the verdict in the status.
//!
//! How long a pod runs and how it ends is said by its annotations `leadline.dev/runs-for` and `leadline.dev/exit-code`.

use crate::world::{
    Ground,
    calls::{JOB, POD, controller_uid, is_deleting, is_true, list, name_of, text},
    replica_sets::is_changed,
    view::Actor,
};
use serde_json::{Value, json};
use tokio::time::Instant;

pub(crate) struct Jobs {
    pub(crate) ground: Ground,
}

impl Actor for Jobs {
    async fn pass(&mut self) -> Result<Option<Instant>, kube::Error> {
        let pods = self.ground.views.pods.all();
        for job in self.ground.views.jobs.all() {
            if is_deleting(&job) || is_true(&job, "Complete") || is_true(&job, "Failed") {
                continue;
            }
            let own = pods.iter().filter(|pod| controller_uid(pod) == text(&job, "/metadata/uid"));
            let phases: Vec<&str> = own.map(|pod| text(pod, "/status/phase")).collect();
            self.tend(&job, &phases).await?;
        }
        Ok(None)
    }
}

impl Jobs {
    async fn tend(&self, job: &Value, phases: &[&str]) -> Result<(), kube::Error> {
        let count = |phase: &str| phases.iter().filter(|one| **one == phase).count();
        let (succeeded, failed) = (count("Succeeded"), count("Failed"));
        let active = phases.len() - succeeded - failed;
        let (namespace, name) = name_of(job);
        let limit = job.pointer("/spec/backoffLimit").and_then(Value::as_u64).unwrap_or(6);
        let is_failed = u64::try_from(failed).unwrap_or(u64::MAX) > limit;
        if succeeded == 0 && active == 0 && !is_failed {
            let made = POD.create(&self.ground.client, &namespace, &pod_of(job)).await?;
            self.ground.views.pods.absorb(made);
        }
        let now = self.ground.clock.stamp();
        let verdict = match (succeeded > 0, is_failed) {
            (true, _) => Some(("Complete", "CompletionsReached")),
            (false, true) => Some(("Failed", "BackoffLimitExceeded")),
            (false, false) => None,
        };
        let mut status = json!({ "active": active, "succeeded": succeeded, "failed": failed });
        if let (Some((kind, reason)), Some(fields)) = (verdict, status.as_object_mut()) {
            let condition = json!([{ "type": kind, "status": "True", "reason": reason, "lastTransitionTime": now }]);
            fields.insert("conditions".to_owned(), condition);
            fields.insert("completionTime".to_owned(), now.into());
        }
        if is_changed(job.get("status"), &status) {
            let written = JOB.patch_status(&self.ground.client, &namespace, &name, &status).await?;
            self.ground.views.jobs.absorb(written);
        }
        Ok(())
    }
}

fn pod_of(job: &Value) -> Value {
    let (_, name) = name_of(job);
    let mut meta = job.pointer("/spec/template/metadata").cloned().unwrap_or_else(|| json!({}));
    if let Some(fields) = meta.as_object_mut() {
        fields.insert("generateName".to_owned(), format!("{name}-").into());
        let owner = json!([{
            "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": text(job, "/metadata/uid"),
            "controller": true, "blockOwnerDeletion": true,
        }]);
        fields.insert("ownerReferences".to_owned(), owner);
    }
    let mut spec = job.pointer("/spec/template/spec").cloned().unwrap_or_default();
    if let Some(fields) = spec.as_object_mut().filter(|_| list(job, "/spec/template/spec/containers").is_empty()) {
        fields.insert("containers".to_owned(), json!([]));
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec })
}
