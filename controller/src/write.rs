//! The only place that writes to the cluster: one [`plan::Write`] becomes one request, and its answer one of seven outcomes.
//!
//! Every request names the version it was decided on: a patch carries `resourceVersion`, a deletion the uid, a creation a
//! known name. A failure is sorted by what to do next, not by who said so. It chooses nothing and repeats nothing: only
//! `drive.rs` tries again, after a new look.

pub(crate) mod kinds;

use crate::{metrics::Metrics, settings::ApiVersions};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use kinds::{Kinds, Place};
use kube::{Client, client::Body};
use plan::{ObjectRef, Propagation, Subresource, Target, Verb};
use serde_json::{Value, json};
use std::{fmt, time::Duration};
use thiserror::Error;
use tokio::time::timeout;

/// The field manager of patches and creations.
pub use crds::keys::FIELD_MANAGER;
/// The field manager of server-side apply: what an Application applied, and nothing else, so that it may prune fields.
pub const APPLY_MANAGER: &str = gitops::FIELD_MANAGER;
/// A write without an answer after this long is read back. Below the part of the lease that is left when writing stops.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Errors inside the server that come before anything is stored: people are told of them, since only they can help.
const NEVER_STORED: [&str; 2] = ["failed calling webhook", "request is too large"];

/// What to do about a write that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The object is not at the version that was looked at: look again.
    Conflict,
    /// The object is no more: look again.
    Gone,
    /// Nobody knows whether it happened: read back.
    Unanswered,
    /// The server is busy: wait.
    Throttled,
    /// The controller may not do this: report.
    Denied,
    /// The server will not take this: report.
    Invalid,
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::Unanswered => "unanswered",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
        })
    }
}

/// A request that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Refusal {
    /// What to do next.
    pub class: Class,
    /// What the server or the connection said.
    pub message: String,
    /// How long the server asked us to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after: None }
    }
}

/// What a successful write left behind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    /// The object as it is now.
    Object(Value),
    /// The object is gone.
    Deleted,
}

/// Sends writes and reads single objects.
#[derive(Clone)]
pub(crate) struct Writer {
    client: Client,
    kinds: Kinds,
    metrics: Metrics,
}

impl fmt::Debug for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// An answer as it came.
struct Reply {
    status: StatusCode,
    body: Value,
    retry_after: Option<Duration>,
}

impl Writer {
    pub(crate) fn new(client: Client, api_versions: ApiVersions, metrics: Metrics) -> Self {
        Self { kinds: Kinds::new(client.clone(), api_versions), client, metrics }
    }

    /// The path of the collection of this object's kind in its namespace, or in all where it has none.
    pub(crate) async fn collection(&self, object: &ObjectRef) -> Result<String, Refusal> {
        self.kinds.collection(object).await
    }

    /// Sends one write.
    pub(crate) async fn send(&self, verb: &Verb) -> Result<Done, Refusal> {
        let object = verb.object();
        let place = self.kinds.place(object).await?;
        let done = match verb {
            Verb::Create { body, .. } => self.create(object, &place, body).await,
            Verb::Patch { target, subresource, body } => {
                let suffix = match subresource {
                    Some(Subresource::Status) if place.has_status => "/status",
                    _ => "",
                };
                let mut body = body.clone();
                require_version(&mut body, &target.resource_version);
                let path = format!("{}{suffix}?fieldManager={FIELD_MANAGER}", place.object(&object.name));
                self.expect(object, Method::PATCH, &path, "application/merge-patch+json", &body).await
            }
            Verb::Delete { target, propagation } => {
                let policy = match propagation {
                    Propagation::Foreground => "Foreground",
                    Propagation::Background => "Background",
                    Propagation::Orphan => "Orphan",
                };
                let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy, "preconditions": {"uid": target.uid}});
                let path = place.object(&object.name);
                let done = self.expect(object, Method::DELETE, &path, "application/json", &body).await;
                done.map(|done| if is_last_word(&done) { Done::Deleted } else { done })
            }
            Verb::Evict { target } => self.evict(&place, target).await,
            Verb::Apply { body, force, .. } => self.apply(object, &place, body, *force, false).await.map(Done::Object),
        };
        // What is created anew cannot be gone: its namespace is missing.
        let is_new = matches!(verb, Verb::Create { .. } | Verb::Apply { .. });
        done.map_err(|refusal| match refusal.class {
            Class::Gone if is_new => Refusal { class: Class::Invalid, ..refusal },
            _ => refusal,
        })
    }

    /// What the server answers to an eviction tells nothing of the pod, which may take its time to go.
    async fn evict(&self, place: &Place, target: &Target) -> Result<Done, Refusal> {
        let pod = &target.object;
        let body = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": {"preconditions": {"uid": target.uid}},
        });
        let path = format!("{}/eviction", place.object(&pod.name));
        let done = self.expect(pod, Method::POST, &path, "application/json", &body).await;
        // Too many requests here means that a budget has none to give: people are told, and it is tried again.
        done.map_err(|refusal| match refusal.class {
            Class::Throttled => Refusal { class: Class::Invalid, ..refusal },
            _ => refusal,
        })
    }

    /// Server-side apply, for real or as a dry run.
    pub(crate) async fn apply(
        &self,
        object: &ObjectRef,
        place: &Place,
        body: &Value,
        force: bool,
        is_dry_run: bool,
    ) -> Result<Value, Refusal> {
        let dry_run = if is_dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldManager={APPLY_MANAGER}&force={force}{dry_run}", place.object(&object.name));
        let done = self.expect(object, Method::PATCH, &path, "application/apply-patch+yaml", body).await?;
        match done {
            Done::Object(value) => Ok(value),
            Done::Deleted => Err(Refusal::new(Class::Gone, "the object was deleted meanwhile")),
        }
    }

    /// What the server would make of a manifest.
    pub(crate) async fn dry_run(&self, object: &ObjectRef, body: &Value) -> Result<Value, Refusal> {
        let place = self.kinds.place(object).await?;
        self.apply(object, &place, body, true, true).await
    }

    /// The object as it is now, if it is there.
    pub(crate) async fn read(&self, object: &ObjectRef) -> Result<Option<Value>, Refusal> {
        let place = self.kinds.place(object).await?;
        let reply = self.request(object, Method::GET, &place.object(&object.name), None).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        refuse(reply).map(Some)
    }

    async fn create(&self, object: &ObjectRef, place: &Place, body: &Value) -> Result<Done, Refusal> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", place.collection());
        let mut spoken = body.clone();
        if let (Some(fields), Some(api_version)) = (spoken.as_object_mut(), &place.api_version) {
            fields.insert("apiVersion".into(), api_version.as_str().into());
        }
        let refusal = match self.expect(object, Method::POST, &path, "application/json", &spoken).await {
            Err(refusal) if refusal.class == Class::Conflict => refusal,
            other => return other,
        };
        // Somebody was here before: perhaps we, when the answer got lost.
        match self.read(object).await? {
            Some(existing) if !has_same_owner(body, &existing) => Err(Refusal { class: Class::Invalid, ..refusal }),
            Some(existing) if is_as_wanted(body, &existing) => Ok(Done::Object(existing)),
            _ => Err(refusal),
        }
    }

    async fn expect(
        &self,
        object: &ObjectRef,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: &Value,
    ) -> Result<Done, Refusal> {
        let reply = self.request(object, method, path, Some((content_type, body))).await?;
        let body = refuse(reply)?;
        let is_status = body.get("kind").and_then(Value::as_str) == Some("Status")
            && body.get("metadata").is_none_or(|metadata| metadata.get("uid").is_none());
        Ok(if is_status { Done::Deleted } else { Done::Object(body) })
    }

    async fn request(
        &self,
        object: &ObjectRef,
        method: Method,
        path: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Reply, Refusal> {
        let verb = method.as_str().to_lowercase();
        let mut request = Request::builder().method(method).uri(path).header(http::header::ACCEPT, "application/json");
        let mut bytes = Bytes::new();
        if let Some((content_type, body)) = body {
            request = request.header(http::header::CONTENT_TYPE, content_type);
            bytes = Bytes::from(body.to_string());
        }
        let request =
            request.body(Body::from(bytes)).map_err(|error| Refusal::new(Class::Invalid, error.to_string()))?;
        let answer = timeout(TIMEOUT, async {
            let response = self.client.send(request).await.map_err(|error| crate::logging::chain(&error))?;
            let status = response.status();
            let retry_after = response
                .headers()
                .get(http::header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse().ok())
                .map(Duration::from_secs);
            let bytes = response.into_body().collect().await.map_err(|error| crate::logging::chain(&error))?.to_bytes();
            // A proxy may answer with a page of text: its status says enough.
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            Ok::<_, String>(Reply { status, body, retry_after })
        });
        let answer = match answer.await {
            Ok(answer) => answer.map_err(|message| Refusal::new(Class::Unanswered, message)),
            Err(_) => Err(Refusal::new(Class::Unanswered, format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        // An object that is missing is named in the answer. Where it is not, the place itself is no more.
        let is_place_gone = |reply: &Reply| {
            reply.status == StatusCode::NOT_FOUND && reply.body.pointer("/details/name").is_none_or(Value::is_null)
        };
        if answer.as_ref().is_ok_and(is_place_gone) {
            self.kinds.forget(object);
        }
        let code = answer.as_ref().map_or(0, |reply| reply.status.as_u16());
        self.metrics.requested(&object.kind, &verb, code);
        answer
    }
}

/// Some kinds are answered with the object as it was at last: one that stays for a while has a time of deletion.
fn is_last_word(done: &Done) -> bool {
    match done {
        Done::Deleted => true,
        Done::Object(body) => body.pointer("/metadata/deletionTimestamp").is_none(),
    }
}

/// Puts the precondition into a merge patch: the server refuses it on any other version, and so on any successor.
fn require_version(body: &mut Value, version: &str) {
    let Some(fields) = body.as_object_mut() else { return };
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("resourceVersion".into(), version.into());
    }
}

/// The body of a success, or what to do about a failure.
fn refuse(reply: Reply) -> Result<Value, Refusal> {
    if reply.status.is_success() {
        return Ok(reply.body);
    }
    let message =
        reply.body.get("message").and_then(Value::as_str).map_or_else(|| reply.status.to_string(), str::to_owned);
    let class = match reply.status.as_u16() {
        500 if NEVER_STORED.iter().any(|words| message.contains(words)) => Class::Invalid,
        409 => Class::Conflict,
        404 | 410 => Class::Gone,
        429 => Class::Throttled,
        401 | 403 => Class::Denied,
        // An error inside the server may come before or after the write took effect.
        500..=599 => Class::Unanswered,
        _ => Class::Invalid,
    };
    Err(Refusal { class, message, retry_after: reply.retry_after })
}

/// Whether both belong to the same controlling owner.
fn has_same_owner(wanted: &Value, existing: &Value) -> bool {
    let owner = |object: &Value| -> Option<String> {
        let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
        let owner = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
        owner.get("uid")?.as_str().map(str::to_owned)
    };
    owner(wanted).is_some() && owner(wanted) == owner(existing)
}

/// Whether nothing that we asked for is otherwise in the object that exists.
fn is_as_wanted(wanted: &Value, existing: &Value) -> bool {
    let null = Value::Null;
    is_part_of(wanted.get("spec").unwrap_or(&null), existing.get("spec").unwrap_or(&null))
}

/// Whether every field of `part` is in `whole`: the server adds defaults to what it is given.
fn is_part_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Null, _) => true,
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| is_part_of(value, whole.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| is_part_of(part, whole))
        }
        // An empty list or map that is not kept says the same as none.
        (Value::Object(part), Value::Null) => part.values().all(|value| is_part_of(value, &Value::Null)),
        (Value::Array(part), Value::Null) => part.is_empty(),
        (part, whole) => part == whole,
    }
}

#[cfg(test)]
mod tests;
