//! One leader: two leases, held together, and a clock that says for how long this process may still write.
//!
//! The rule needs no clocks that agree: somebody else's lease counts as given up when its record has not changed for its
//! whole duration since we first saw it so. Every change is a replacement of the version that was read, so of two that try,
//! one is refused. Writing stops at the renew deadline, well before the lease runs out, and a late renewal ends the term for
//! good. The second lease bears upstream's name: that controller and this one never act at once.

mod record;

use crate::{clock::Clock, settings::LeaseSettings};
use chrono::{DateTime, Utc};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use record::{Held, Spec};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use thiserror::Error;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info};

/// Upstream's lease; the instance id is appended where there is one.
const UPSTREAM_NAME: &str = "argo-rollouts-controller-lock";
/// Our own.
const OWN_NAME: &str = "leadline-controller";

/// Until when this process may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    /// Somebody else leads.
    None,
    /// We lead until then, at least.
    Until(Instant),
    /// No election: always.
    Always,
}

/// What the rest of the controller sees of the leases.
#[derive(Clone, Debug)]
pub(crate) struct Leadership(watch::Receiver<Term>);

impl Leadership {
    /// For a controller that runs without election.
    pub(crate) fn always() -> Self {
        Self(watch::channel(Term::Always).1)
    }

    /// Whether a write may be sent now.
    pub(crate) fn may_write(&self) -> bool {
        match *self.0.borrow() {
            Term::None => false,
            Term::Until(end) => Instant::now() < end,
            Term::Always => true,
        }
    }

    /// Returns once a write may be sent; never, should the election have ended.
    pub(crate) async fn gained(&mut self) {
        while !self.may_write() {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Why an election ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Lost {
    /// Another process took a lease.
    #[error("{holder} took the lease {lease}")]
    Taken {
        /// Which lease.
        lease: String,
        /// By whom.
        holder: String,
    },
    /// The leases could not be renewed in time.
    #[error("the leases could not be renewed within {0:?}")]
    Late(Duration),
}

#[derive(Debug, Error)]
enum LeaseError {
    #[error("{holder} holds {lease}")]
    Held { lease: String, holder: String },
    #[error("{0}")]
    Failed(String),
}

/// Takes and keeps the leases.
pub(crate) struct Election {
    client: Client,
    clock: Clock,
    settings: LeaseSettings,
    leases: Vec<String>,
    /// The last record of each lease that we saw, and since when it has been so.
    seen: BTreeMap<String, (Value, Instant)>,
    term: watch::Sender<Term>,
}

impl std::fmt::Debug for Election {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Election").field("leases", &self.leases).finish_non_exhaustive()
    }
}

impl Election {
    /// Prepares an election. Nothing is sent before [`Election::run`].
    pub(crate) fn new(client: Client, clock: Clock, settings: LeaseSettings, instance_id: &str) -> (Self, Leadership) {
        let (term, seen) = watch::channel(Term::None);
        let suffix = if instance_id.is_empty() { String::new() } else { format!("-{instance_id}") };
        // Both in one order everywhere: two that want both cannot each hold one of them for ever.
        let leases = vec![format!("{OWN_NAME}{suffix}"), format!("{UPSTREAM_NAME}{suffix}")];
        (Self { client, clock, settings, leases, seen: BTreeMap::new(), term }, Leadership(seen))
    }

    /// Waits for the leases, then keeps them until they are lost.
    pub(crate) async fn run(&mut self) -> Lost {
        loop {
            let asked = Instant::now();
            match self.renew_all().await {
                Ok(()) => {
                    info!(holder = self.settings.identity, "leading");
                    self.term.send_replace(Term::Until(asked + self.settings.renew_deadline));
                    return self.keep(asked).await;
                }
                Err(error) => debug!(%error, "not leading"),
            }
            sleep(self.settings.retry_period).await;
        }
    }

    async fn keep(&mut self, mut renewed: Instant) -> Lost {
        loop {
            sleep(self.settings.retry_period).await;
            let deadline = renewed + self.settings.renew_deadline;
            let asked = Instant::now();
            match tokio::time::timeout_at(deadline, self.renew_all()).await {
                // A term counts from before the request: the server may have written it at that moment.
                Ok(Ok(())) if asked < deadline => {
                    renewed = asked;
                    self.term.send_replace(Term::Until(renewed + self.settings.renew_deadline));
                }
                Ok(Err(LeaseError::Held { lease, holder })) => {
                    self.term.send_replace(Term::None);
                    return Lost::Taken { lease, holder };
                }
                Ok(Err(LeaseError::Failed(error))) => debug!(error, "not renewed"),
                Ok(Ok(())) | Err(_) => {}
            }
            if Instant::now() >= renewed + self.settings.renew_deadline {
                self.term.send_replace(Term::None);
                return Lost::Late(self.settings.renew_deadline);
            }
        }
    }

    /// Gives the leases back, so that a successor need not wait. Writing stops first.
    pub(crate) async fn release(&mut self) {
        self.term.send_replace(Term::None);
        for lease in self.leases.clone() {
            if let Err(error) = self.release_one(&lease).await {
                debug!(lease, %error, "not released");
            }
        }
    }

    async fn renew_all(&mut self) -> Result<(), LeaseError> {
        // All are read before one is taken, so that the time of each counts from now and none is taken in vain.
        let mut found = Vec::new();
        for lease in self.leases.clone() {
            let object = self.read(&lease).await?;
            found.push((lease, object));
        }
        let verdicts: Vec<_> = found.iter().map(|(lease, object)| self.require_free(lease, object.as_ref())).collect();
        verdicts.into_iter().collect::<Result<(), _>>()?;
        for (lease, object) in found {
            self.renew_one(&lease, object).await?;
        }
        Ok(())
    }

    async fn renew_one(&self, lease: &str, found: Option<Value>) -> Result<(), LeaseError> {
        let now = self.clock.now();
        let Some(found) = found else {
            let body = self.object(lease, &Spec::renewed(None, &self.settings, now), None);
            return self.send(Request::post(self.collection()), &body).await;
        };
        let spec = Spec::renewed(Some(&Held::of(&found)), &self.settings, now);
        let body = self.object(lease, &spec, Some(found));
        self.send(Request::put(self.path(lease)), &body).await
    }

    async fn release_one(&mut self, lease: &str) -> Result<(), LeaseError> {
        let Some(found) = self.read(lease).await? else { return Ok(()) };
        let held = Held::of(&found);
        if held.holder != self.settings.identity {
            return Ok(());
        }
        let spec = Spec::released(&held, self.clock.now());
        let body = self.object(lease, &spec, Some(found));
        self.send(Request::put(self.path(lease)), &body).await
    }

    /// Whether the lease is ours, nobody's, or given up.
    fn require_free(&mut self, lease: &str, found: Option<&Value>) -> Result<(), LeaseError> {
        let Some(found) = found else { return Ok(()) };
        let (now, held) = (Instant::now(), Held::of(found));
        let (record, since) = self.seen.entry(lease.to_owned()).or_insert_with(|| (held.record.clone(), now));
        if *record != held.record {
            *record = held.record.clone();
            *since = now;
        }
        let is_given_up = now >= *since + held.duration(self.settings.duration);
        if held.holder.is_empty() || held.holder == self.settings.identity || is_given_up {
            return Ok(());
        }
        Err(LeaseError::Held { lease: lease.to_owned(), holder: held.holder })
    }

    fn collection(&self) -> String {
        crds::kind::LEASE.path(Some(&self.settings.namespace))
    }

    fn path(&self, lease: &str) -> String {
        format!("{}/{lease}", self.collection())
    }

    /// The whole Lease: what was read with another spec, so that its `resourceVersion` is the precondition.
    fn object(&self, lease: &str, spec: &Spec, found: Option<Value>) -> Value {
        let mut object = found.unwrap_or_else(|| {
            json!({
                "apiVersion": crds::kind::LEASE.api_version(),
                "kind": crds::kind::LEASE.kind,
                "metadata": {"name": lease, "namespace": self.settings.namespace},
            })
        });
        if let Some(fields) = object.as_object_mut() {
            fields.insert("spec".into(), spec.to_value());
        }
        object
    }

    async fn read(&self, lease: &str) -> Result<Option<Value>, LeaseError> {
        let (status, body) = self.request(Request::get(self.path(lease)), None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(body)),
            status => Err(failure(status, &body)),
        }
    }

    async fn send(&self, request: http::request::Builder, body: &Value) -> Result<(), LeaseError> {
        let (status, body) = self.request(request, Some(body)).await?;
        if status.is_success() { Ok(()) } else { Err(failure(status, &body)) }
    }

    async fn request(
        &self,
        request: http::request::Builder,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), LeaseError> {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = request
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Body::from(bytes))
            .map_err(|error| LeaseError::Failed(error.to_string()))?;
        let answer = timeout(self.settings.retry_period.max(Duration::from_secs(1)) * 2, async {
            let response = self.client.send(request).await.map_err(|error| crate::logging::chain(&error))?;
            let status = response.status();
            let bytes = response.into_body().collect().await.map_err(|error| crate::logging::chain(&error))?.to_bytes();
            Ok::<_, String>((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
        });
        match answer.await {
            Ok(answer) => answer.map_err(LeaseError::Failed),
            Err(_) => Err(LeaseError::Failed("no answer in time".into())),
        }
    }
}

fn failure(status: StatusCode, body: &Value) -> LeaseError {
    let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
    LeaseError::Failed(format!("{status} {message}"))
}

/// A time as a Lease holds it.
fn micro_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests;
