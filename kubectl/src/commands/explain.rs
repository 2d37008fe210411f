//! `explain rollout`: why it does not move, what happens next and what a person can do. It reads what `rollouts` needs for
//! that, and no more; the words are chosen there.

use crate::{
    Cluster, Error, Screen,
    cluster::{self, Which},
    seen::{More, Seen, Subject},
};
use chrono::TimeDelta;
use crds::{EndpointSlice, Kind, Rollout, Service, Time, kind};
use rollouts::{
    References,
    view::{
        explain::{self, Lease, Reference},
        paint,
    },
};
use serde_json::Value;
use std::sync::Arc;

/// Explains a Rollout. `program` is how a person calls the plugin.
pub async fn explain(cluster: &Cluster, name: &str, program: &str, screen: &mut Screen<'_>) -> Result<(), Error> {
    let mut seen = Seen::load(cluster, Subject::Rollout, name).await?;
    let rollout = seen.rollout().ok_or_else(|| cluster.gone(&kind::ROLLOUT, name))?;
    let mut unread = seen.take_warnings();
    let mut more = More { leases: leases(cluster, &rollout, &mut unread).await?, ..More::default() };
    more.references.extend(reference(cluster, &rollout).await);
    if explain::wants_endpoints(&rollout) {
        more.services = read_all(cluster, &kind::SERVICE, Service::from_value, &mut unread).await?;
        more.slices = read_all(cluster, &kind::ENDPOINT_SLICE, EndpointSlice::from_value, &mut unread).await?;
    }
    more.unread = unread;
    let explanation = seen.explanation(&more, cluster.now()).ok_or_else(|| cluster.gone(&kind::ROLLOUT, name))?;
    screen.print(&paint::print(&explain::lines(&explanation, program), screen.with_colours))
}

/// All objects of a kind, or `None` and a line where they may not be read.
async fn listed(
    cluster: &Cluster,
    kind: &Kind,
    which: &Which,
    unread: &mut Vec<String>,
) -> Result<Option<Vec<Value>>, Error> {
    match cluster.list(kind, which).await {
        Ok(objects) => Ok(Some(objects)),
        Err(error @ Error::Refused { code: 403, .. }) => {
            unread.push(error.line());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn read_all<T>(
    cluster: &Cluster,
    kind: &Kind,
    parse: fn(&Value) -> Result<T, crds::FieldError>,
    unread: &mut Vec<String>,
) -> Result<Option<Vec<Arc<T>>>, Error> {
    let objects = listed(cluster, kind, &Which::default(), unread).await?;
    let read = |object: &Value| cluster::read(kind, object, parse).map(Arc::new);
    objects.map(|objects| objects.iter().map(read).collect()).transpose()
}

/// The leases of whoever may look after the Rollout, in all namespaces.
async fn leases(cluster: &Cluster, rollout: &Rollout, unread: &mut Vec<String>) -> Result<Option<Vec<Lease>>, Error> {
    let mut found = Vec::new();
    for name in explain::lease_names(rollout) {
        let which = Which { name: Some(name), everywhere: true, labels: None };
        let Some(objects) = listed(cluster, &kind::LEASE, &which, unread).await? else { return Ok(None) };
        found.extend(objects.iter().map(lease));
    }
    Ok(Some(found))
}

fn lease(object: &Value) -> Lease {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let secs = object.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(0);
    Lease {
        name: text("/metadata/name"),
        namespace: text("/metadata/namespace"),
        holder: text("/spec/holderIdentity"),
        renewed: Time::parse(&text("/spec/renewTime")).map(Into::into),
        duration: TimeDelta::seconds(secs.clamp(0, i64::from(u32::MAX))),
    }
}

/// What the controller did not find, looked for once more.
async fn reference(cluster: &Cluster, rollout: &Rollout) -> Option<Reference> {
    let (kind, name) = explain::sought(rollout)?;
    let named =
        References::of(rollout).objects.into_iter().find(|object| object.kind == kind.kind && object.name == name);
    let within = named.and_then(|object| object.namespace).map(|namespace| cluster.within(namespace));
    let is_there = match within.as_ref().unwrap_or(cluster).get(kind, &name).await {
        Ok(_) => Some(true),
        Err(Error::NotFound { .. } | Error::UnknownKind { .. }) => Some(false),
        Err(_) => None,
    };
    Some(Reference { kind: kind.kind.to_owned(), name, is_there })
}
