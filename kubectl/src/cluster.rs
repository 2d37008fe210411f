//! The cluster that commands act on: reads, watches and patches of objects by kind and name.
//!
//! It sends what it is told and sorts the failures; it chooses nothing. Status goes to the status endpoint, or, where a
//! cluster's definition has none, into the object.

use crate::Error;
use chrono::{DateTime, Utc};
use crds::{FieldError, Kind, Rollout, kind};
use futures::{Stream, StreamExt};
use http::{Request, header::CONTENT_TYPE};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// Who the server notes as the writer of what the plugin wrote.
pub const FIELD_MANAGER: &str = "kubectl-leadline";

/// A cluster and a namespace in it.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
    clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Which objects of a kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    /// Only the one with this name.
    pub name: Option<String>,
    /// Only those with labels that match.
    pub labels: Option<&'static str>,
    /// Those of all namespaces.
    pub everywhere: bool,
}

impl Cluster {
    /// A namespace of a cluster, and the time of this machine.
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        Self { client, namespace: namespace.into(), clock: Arc::new(Utc::now) }
    }

    /// The same cluster with another clock: ages count to what it shows.
    pub fn with_clock(self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The same cluster, another namespace.
    pub fn within(&self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self.clone() }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Reads an object.
    pub(crate) async fn get(&self, kind: &Kind, name: &str) -> Result<Value, Error> {
        let object = self.api(kind, false).get(name).await.map_err(|error| self.failed(kind, name, error))?;
        Ok(whole(&object))
    }

    /// Reads a Rollout.
    pub(crate) async fn rollout(&self, name: &str) -> Result<Rollout, Error> {
        let object = self.get(&kind::ROLLOUT, name).await?;
        read(&kind::ROLLOUT, &object, Rollout::from_value)
    }

    /// Reads all objects of a kind that are asked for.
    pub(crate) async fn list(&self, kind: &Kind, which: &Which) -> Result<Vec<Value>, Error> {
        let parameters = ListParams {
            field_selector: which.name.as_ref().map(|name| format!("metadata.name={name}")),
            label_selector: which.labels.map(Into::into),
            ..ListParams::default()
        };
        let listed = self.api(kind, which.everywhere).list(&parameters).await;
        Ok(listed.map_err(|error| self.failed(kind, "", error))?.items.iter().map(whole).collect())
    }

    /// Follows all objects of a kind that are asked for. It goes on after errors, more and more slowly.
    pub(crate) fn watch(
        &self,
        kind: &Kind,
        which: &Which,
    ) -> impl Stream<Item = Result<watcher::Event<DynamicObject>, watcher::Error>> + Send + use<> {
        let settings = watcher::Config {
            field_selector: which.name.as_ref().map(|name| format!("metadata.name={name}")),
            label_selector: which.labels.map(Into::into),
            ..watcher::Config::default()
        };
        watcher(self.api(kind, which.everywhere), settings).default_backoff().boxed()
    }

    /// Creates an object; returns its name, which the server may have chosen.
    pub(crate) async fn create(&self, kind: &Kind, object: &Value) -> Result<String, Error> {
        let uri = format!("{}?fieldManager={FIELD_MANAGER}", kind.path(Some(&self.namespace)));
        let request = Request::post(uri).header(CONTENT_TYPE, "application/json").body(object.to_string().into_bytes());
        let request = request.map_err(|error| Error::Usage(format!("cannot be sent: {error}")))?;
        let created = self.client.request::<Value>(request).await.map_err(|error| self.failed(kind, "", error))?;
        Ok(created.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Changes fields of an object.
    pub(crate) async fn merge(&self, kind: &Kind, name: &str, body: &Value) -> Result<(), Error> {
        let patched = self.api(kind, false).patch(name, &manager(), &Patch::Merge(body)).await;
        patched.map(|_| ()).map_err(|error| self.failed(kind, name, error))
    }

    /// Changes fields of a Rollout's status.
    pub(crate) async fn merge_status(&self, name: &str, status: Value) -> Result<(), Error> {
        let body = json!({ "status": status });
        match self.api(&kind::ROLLOUT, false).patch_status(name, &manager(), &Patch::Merge(&body)).await {
            // Definitions of early versions have no status endpoint. If it is the Rollout that is missing, this says so.
            Err(kube::Error::Api(status)) if status.code == 404 => self.merge(&kind::ROLLOUT, name, &body).await,
            Err(error) => Err(self.failed(&kind::ROLLOUT, name, error)),
            Ok(_) => Ok(()),
        }
    }

    /// Puts a value in the place of another: what the old one had and the new one has not is gone.
    pub(crate) async fn replace(&self, kind: &Kind, name: &str, path: &str, value: &Value) -> Result<(), Error> {
        let body = json!([{ "op": "replace", "path": path, "value": value }]).to_string();
        let uri = format!("{}/{name}?fieldManager={FIELD_MANAGER}", kind.path(Some(&self.namespace)));
        let request = Request::patch(uri).header(CONTENT_TYPE, "application/json-patch+json").body(body.into_bytes());
        let request = request.map_err(|error| Error::Usage(format!("\"{name}\" cannot be a name: {error}")))?;
        let patched = self.client.request::<Value>(request).await;
        patched.map(|_| ()).map_err(|error| self.failed(kind, name, error))
    }

    fn api(&self, kind: &Kind, everywhere: bool) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: kind.group.into(),
            version: kind.version.into(),
            api_version: kind.api_version(),
            kind: kind.kind.into(),
            plural: kind.plural.into(),
        };
        if everywhere || !kind.namespaced {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        }
    }

    fn failed(&self, kind: &Kind, name: &str, error: kube::Error) -> Error {
        let kube::Error::Api(status) = error else { return Error::Unreachable(Box::new(error)) };
        let names_it = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        match status.code {
            404 if names_it => self.gone(kind, name),
            404 => Error::UnknownKind { kind: full_name(kind) },
            code => Error::Refused { message: status.message, code },
        }
    }

    /// The error for an object that is not there.
    pub(crate) fn gone(&self, kind: &Kind, name: &str) -> Error {
        let namespace = kind.namespaced.then(|| self.namespace.clone());
        Error::NotFound { kind: full_name(kind), name: name.into(), namespace }
    }
}

/// Reads a typed object.
pub(crate) fn read<T>(kind: &Kind, object: &Value, parse: fn(&Value) -> Result<T, FieldError>) -> Result<T, Error> {
    parse(object).map_err(|source| {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Error::Unreadable { kind: full_name(kind), name, source }
    })
}

/// The object as JSON.
pub(crate) fn whole(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// Plural and group, as messages of an API server name a kind.
pub(crate) fn full_name(kind: &Kind) -> String {
    if kind.group.is_empty() { kind.plural.into() } else { format!("{}.{}", kind.plural, kind.group) }
}

fn manager() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() }
}
