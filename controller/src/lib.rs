//! The running controller, as a library: it watches, looks, lets the rules decide, and writes what they say.
//!
//! The same code runs against a real API server and against the simulator: what differs is the service under the
//! [`kube::Client`], the [`Clock`], and who answers questions about metrics and Git ([`ask::Answerers`]). Everything runs in
//! the one future that [`Controller::run`] returns, so that dropping it is a crash at exactly that point. What moves when is
//! decided in the rule crates; nothing in here has an opinion.

pub mod ask;
mod clock;
mod drive;
mod events;
mod fence;
pub mod http;
mod lease;
mod limit;
pub mod logging;
mod memory;
mod metrics;
mod observe;
mod queue;
mod rules;
mod settings;
#[cfg(test)]
mod testing;
mod watch;
mod write;

pub use crate::{
    clock::Clock,
    lease::Lost,
    limit::Limit,
    queue::{Key, Kind},
    settings::{ApiVersions, ApplicationSettings, LeaseSettings, Settings},
    write::{APPLY_MANAGER, Class, FIELD_MANAGER, Refusal},
};
use ask::{Answerers, Answers};
use chrono::{DateTime, Utc};
use events::{Recorder, Subject};
use fence::Fence;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use kube::{Client, client::ClientBuilder};
use lease::{Election, Leadership};
use memory::{Failures, Last, Outcomes};
use metrics::Metrics;
use observe::{Drift, Said, Sources, Stores};
use plan::{Event, ObjectRef, Plan};
use queue::Queue;
use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::time::timeout;
use tracing::{debug, info};
use write::Writer;

/// How long the controller takes, when it stops, to give the leases back, and to send the Events that still wait.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A client without built-in retries: only the loop repeats, after a new look. It says who it is.
pub fn client(config: kube::Config) -> Result<Client, kube::Error> {
    limited_client(config, None)
}

/// The same, which keeps to a limit where there is one.
pub fn limited_client(mut config: kube::Config, limit: Option<Limit>) -> Result<Client, kube::Error> {
    config.default_retry = false;
    let agent = ::http::HeaderValue::from_static(concat!("leadline/", env!("CARGO_PKG_VERSION")));
    config.headers.push((::http::header::USER_AGENT, agent));
    let builder = ClientBuilder::try_from(config)?;
    Ok(match limit {
        Some(limit) => builder.with_layer(&limit).build(),
        None => builder.build(),
    })
}

/// One pass over one object, told to a [`Witness`].
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// Which object.
    pub key: &'a Key,
    /// What was planned. Its writes were sent up to the one that was refused.
    pub plan: &'a Plan,
    /// When was looked: the plan is of then.
    pub looked: DateTime<Utc>,
    /// Why it was not carried out whole.
    pub refusal: Option<&'a Refusal>,
    /// When the pass ended.
    pub at: DateTime<Utc>,
}

/// Somebody who looks on: transcripts, demonstrations, tests. It cannot interfere.
pub trait Witness: Send + Sync + fmt::Debug {
    /// A pass ended.
    fn passed(&self, pass: Pass<'_>);
}

/// What all parts of the controller share.
#[derive(Debug)]
pub(crate) struct Shell {
    settings: Settings,
    clock: Clock,
    stores: Arc<Stores>,
    queue: Arc<Queue>,
    fence: Fence,
    writer: Writer,
    answers: Arc<Answers>,
    recorder: Recorder,
    metrics: Metrics,
    leadership: Leadership,
    is_stopping: AtomicBool,
    failures: Failures,
    outcomes: Outcomes,
    announced: Last,
    logged: Last,
    witness: Option<Arc<dyn Witness>>,
}

/// A controller that is ready to run.
pub struct Controller {
    client: Client,
    shell: Shell,
    sender: events::Sender,
    election: Option<Election>,
}

impl fmt::Debug for Controller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Controller").field("settings", &self.shell.settings).finish_non_exhaustive()
    }
}

impl Controller {
    /// Puts a controller together. Nothing is sent before [`Controller::run`].
    pub fn new(client: Client, clock: Clock, settings: Settings, answerers: Answerers) -> Self {
        let metrics = Metrics::default();
        let (recorder, sender) = events::channel(client.clone(), clock, metrics.clone());
        let writer = Writer::new(client.clone(), settings.api_versions.clone(), metrics.clone());
        let (election, leadership) = match &settings.lease {
            Some(lease) => {
                let (election, leadership) = Election::new(client.clone(), clock, lease.clone(), &settings.instance_id);
                (Some(election), leadership)
            }
            None => (None, Leadership::always()),
        };
        let shell = Shell {
            clock,
            stores: Arc::new(Stores::new(&settings)),
            queue: Arc::default(),
            fence: Fence::default(),
            answers: Arc::new(Answers::new(clock, answerers, writer.clone())),
            writer,
            recorder,
            metrics,
            leadership,
            is_stopping: AtomicBool::new(false),
            failures: Failures::default(),
            outcomes: Outcomes::default(),
            announced: Last::default(),
            logged: Last::default(),
            witness: None,
            settings,
        };
        Self { client, shell, sender, election }
    }

    /// Tells `witness` of every pass.
    pub fn witnessed_by(mut self, witness: Arc<dyn Witness>) -> Self {
        self.shell.witness = Some(witness);
        self
    }

    /// What health checks and metrics read.
    pub fn probe(&self) -> Probe {
        let Shell { settings, stores, queue, metrics, .. } = &self.shell;
        let (stores, queue) = (Arc::clone(stores), Arc::clone(queue));
        Probe { settings: settings.clone(), stores, queue, metrics: metrics.clone() }
    }

    /// Runs until `stop` is ready, then ends the passes under way and gives the leases back. Ends with an error when the
    /// leases are lost: the process should exit then, and start anew.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Lost> {
        let Self { client, shell, sender, mut election } = self;
        let shell = Arc::new(shell);
        let mut watches: FuturesUnordered<_> =
            Sources::new(&client, &shell.settings, &shell.stores, &shell.queue).all().into_iter().collect();
        if shell.settings.applications.is_some() {
            watches.push(shell.drift(&client).run().boxed());
        }
        let mut sending = pin!(sender.run());
        let ended = {
            let mut leading = pin!(match &mut election {
                Some(election) => election.run().boxed(),
                None => std::future::pending().boxed(),
            });
            let mut driving = pin!(drive::run(&shell, stop));
            let mut is_sending = true;
            loop {
                tokio::select! {
                    biased;
                    lost = &mut leading => break Err(lost),
                    () = &mut driving => break Ok(()),
                    () = &mut sending, if is_sending => is_sending = false,
                    Some(()) = watches.next() => {}
                }
            }
        };
        if let Some(election) = &mut election {
            // Nobody waits for us longer than for the lease itself.
            let _ = timeout(LAST_WORDS, election.release()).await;
        }
        // The sender ends when the last recorder is gone.
        drop(watches);
        drop(shell);
        if timeout(LAST_WORDS, sending).await.is_err() {
            debug!("some Events were not sent");
        }
        info!("stopped");
        ended
    }
}

impl Shell {
    fn is_ready(&self) -> bool {
        self.stores.are_synced(&self.settings)
    }

    fn drift(&self, client: &Client) -> Drift {
        Drift {
            client: client.clone(),
            writer: self.writer.clone(),
            stores: Arc::clone(&self.stores),
            queue: Arc::clone(&self.queue),
            namespace: self.settings.namespace.clone(),
        }
    }

    /// Puts an answer of the server to a write or read of `key` into the stores and wakes whom it concerns.
    fn absorb(&self, key: &Key, object: &ObjectRef, said: Said<'_>) {
        self.stores.absorb(key.kind, object, said).into_iter().for_each(|key| self.queue.wake(key));
    }

    /// Tells once in this process that a Rollout was seen.
    fn announce(&self, key: &Key, subject: &Subject) {
        if key.kind == Kind::Rollout && self.announced.is_new(key, &subject.uid) {
            let message = format!("Rollout resource added to informer: {}/{}", key.namespace, key.name);
            self.recorder.tell(key, subject, &Event::normal("RolloutAddedToInformer", message));
        }
    }

    /// Logs what holds an object up, when that has changed.
    fn tell_why(&self, key: &Key, plan: &Plan) {
        let why = drive::why(plan);
        if self.logged.is_new(key, &why) && !why.is_empty() {
            info!(%key, why, "waits");
        }
    }

    fn witness(&self, pass: Pass<'_>) {
        if let Some(witness) = &self.witness {
            witness.passed(pass);
        }
    }

    /// Drops all that is known of an object that is no more. The end of a Rollout is told.
    fn forget(&self, key: &Key) {
        if let Some(uid) = self.announced.forget(key) {
            let object = ObjectRef::of(&crds::kind::ROLLOUT, &key.namespace, &key.name);
            let subject = Subject { object, uid, resource_version: String::new() };
            let message = format!("Rollout {}/{} is deleted", key.namespace, key.name);
            self.recorder.tell(key, &subject, &Event::normal("RolloutDeleted", message));
        }
        self.queue.forget(key);
        self.fence.forget(key);
        self.answers.forget(key);
        self.recorder.forget(key);
        self.metrics.forget(key);
        self.failures.forget(key);
        self.outcomes.forget(key);
        self.logged.forget(key);
    }
}

/// A view of a running controller for health checks and metrics.
#[derive(Clone, Debug)]
pub struct Probe {
    settings: Settings,
    stores: Arc<Stores>,
    queue: Arc<Queue>,
    metrics: Metrics,
}

impl Probe {
    /// True once everything that is watched was listed.
    pub fn is_ready(&self) -> bool {
        self.stores.are_synced(&self.settings)
    }

    /// The metrics in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        self.metrics.text(&self.stores.figures(), &self.queue.figures())
    }
}
