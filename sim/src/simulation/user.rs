//! What a user does to a Rollout: the patches that the plugin sends, written down once more for stories.
//!
//! The patches are those of clients in the field; nothing here looks at what the controller makes of them.

use crate::world::calls::{list, number, text};
use crds::kind::ROLLOUT;
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use std::fmt;

/// What a user does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Goes on from a pause, or skips the current step.
    Promote,
    /// Goes to the end at once.
    PromoteFull,
    /// Takes the update back.
    Abort,
    /// Tries an aborted update again.
    Retry,
    /// Changes the image of the first container, or of one that is named: `image` or `container=image`.
    SetImage(String),
    /// Pauses the whole rollout, or ends that.
    Pause(bool),
    /// Changes the Rollout by a merge patch.
    Patch(Value),
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promote => out.write_str("promote"),
            Self::PromoteFull => out.write_str("promote --full"),
            Self::Abort => out.write_str("abort"),
            Self::Retry => out.write_str("retry"),
            Self::SetImage(image) => write!(out, "set image {image}"),
            Self::Pause(true) => out.write_str("pause"),
            Self::Pause(false) => out.write_str("resume"),
            Self::Patch(patch) => write!(out, "patch {patch}"),
        }
    }
}

/// Why an action did not work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server refused it or did not answer.
    #[error("the request failed")]
    Request(#[from] kube::Error),
    /// There is no such container.
    #[error("the rollout has no container {0}")]
    NoContainer(String),
}

/// Does it.
pub(crate) async fn act(client: &Client, namespace: &str, name: &str, action: &Action) -> Result<(), Failure> {
    let path = format!("{}/{name}", ROLLOUT.path(Some(namespace)));
    let status = format!("{path}/status");
    match action {
        Action::Patch(patch) => send(client, &path, patch).await,
        Action::Pause(paused) => send(client, &path, &json!({ "spec": { "paused": paused } })).await,
        Action::Abort => send(client, &status, &json!({ "status": { "abort": true } })).await,
        Action::Retry => send(client, &status, &json!({ "status": { "abort": false } })).await,
        Action::PromoteFull => send(client, &status, &json!({ "status": { "promoteFull": true } })).await,
        Action::Promote => {
            let rollout = read(client, &path).await?;
            if rollout.pointer("/spec/paused") == Some(&Value::Bool(true)) {
                send(client, &path, &json!({ "spec": { "paused": false } })).await?;
            }
            send(client, &status, &promotion(&rollout)).await
        }
        Action::SetImage(said) => {
            let rollout = read(client, &path).await?;
            let (container, image) = said.split_once('=').unwrap_or(("", said));
            let mut containers = list(&rollout, "/spec/template/spec/containers").to_vec();
            let found = containers
                .iter_mut()
                .find(|one| container.is_empty() || one.get("name").and_then(Value::as_str) == Some(container));
            let fields = found.and_then(Value::as_object_mut);
            fields.ok_or_else(|| Failure::NoContainer(container.to_owned()))?.insert("image".into(), image.into());
            send(client, &path, &json!({ "spec": { "template": { "spec": { "containers": containers } } } })).await
        }
    }
}

/// What `kubectl leadline promote` writes: a paused update goes on, one that is under way skips its step.
fn promotion(rollout: &Value) -> Value {
    let steps = list(rollout, "/spec/strategy/canary/steps").len();
    let next = (number(rollout, "/status/currentStepIndex") + 1).min(i64::try_from(steps).unwrap_or(i64::MAX));
    let is_undecided = text(rollout, "/status/canary/currentStepAnalysisRunStatus/status") == "Inconclusive";
    if list(rollout, "/status/pauseConditions").is_empty() {
        json!({ "status": { "currentStepIndex": next } })
    } else if is_undecided && rollout.pointer("/status/controllerPause") == Some(&true.into()) && steps > 0 {
        json!({ "status": { "pauseConditions": null, "controllerPause": false, "currentStepIndex": next } })
    } else {
        json!({ "status": { "pauseConditions": null } })
    }
}

async fn read(client: &Client, path: &str) -> Result<Value, kube::Error> {
    client.request(Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?).await
}

async fn send(client: &Client, path: &str, patch: &Value) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(patch).map_err(kube::Error::SerdeError)?;
    let request = Request::patch(path).header("content-type", "application/merge-patch+json").body(bytes);
    client.request::<Value>(request.map_err(kube::Error::HttpError)?).await?;
    Ok(())
}
