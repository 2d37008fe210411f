//! An Application of a test, and how to wait for what it says.

use crate::{Stage, canary::LIMIT, installed, running::Controller};
use anyhow::Context;
use serde_json::{Value, json};

/// The name of the Application.
pub const NAME: &str = "shop";

/// An automated Application that brings a folder of this repository into the stage's namespace.
pub fn automated(stage: &Stage, repository: &str, path: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": NAME},
        "spec": {
            "project": "default",
            "source": {"repoURL": repository, "path": path, "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": stage.namespace},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
    })
}

/// A controller that looks after Applications too, and looks at Git every second.
pub fn controller(stage: &Stage) -> anyhow::Result<Controller> {
    // The Secrets of repositories are where the controller lives, which is the stage here.
    stage.grant(installed::APPLICATIONS, "[{apiGroups: [''], resources: [secrets], verbs: [get, list]}]")?;
    let (cache, kubectl) = (stage.folder.path().join("cache"), &stage.cluster.kubectl);
    let (cache, kubectl) = (cache.to_string_lossy(), kubectl.to_string_lossy());
    let flags = ["--applications", "--git-poll", "1s", "--git-cache", &cache, "--kubectl", &kubectl];
    Controller::on(stage, "controller", &stage.account(installed::APPLICATIONS)?, &flags)
}

/// What an Application says, in short.
pub fn summary(application: &Value) -> String {
    let status = &application["status"];
    format!(
        "{} at {}, {}, conditions {}, operation {}",
        status["sync"]["status"],
        status["sync"]["revision"],
        status["health"]["status"],
        status["conditions"],
        status["operationState"]["message"],
    )
}

impl Stage {
    /// Waits until this commit is synced, and nothing is wrong.
    pub async fn until_synced(&self, commit: &str, controller: &Controller) -> anyhow::Result<Value> {
        let seen = self.until("applications/shop", LIMIT, |application| {
            let status = &application["status"];
            let is_synced = status["sync"]["status"] == "Synced" && status["sync"]["revision"] == commit;
            let is_done = status["operationState"]["phase"] != "Running" && application["operation"].is_null();
            let is_well = status["conditions"].as_array().is_none_or(Vec::is_empty);
            if is_synced && is_done && is_well { Ok(application.clone()) } else { Err(summary(application)) }
        });
        seen.await.with_context(|| controller.log())
    }

    /// Waits until a condition of this type says all of these.
    pub async fn until_told(&self, kind: &str, says: &[&str], controller: &Controller) -> anyhow::Result<Value> {
        let seen = self.until("applications/shop", LIMIT, |application| {
            let conditions = application["status"]["conditions"].as_array().into_iter().flatten();
            let mut messages = conditions.filter(|condition| condition["type"] == kind);
            let is_said = messages.any(|condition| {
                let message = condition["message"].as_str().unwrap_or_default();
                says.iter().all(|words| message.contains(words))
            });
            if is_said { Ok(application.clone()) } else { Err(summary(application)) }
        });
        seen.await.with_context(|| format!("{kind} with {says:?}\n{}", controller.log()))
    }
}
