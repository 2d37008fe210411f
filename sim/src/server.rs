//! An in-memory Kubernetes API server: the simulator's replacement for the service under `kube::Client`.
//!
//! It stores raw JSON objects and answers as a real API server does: discovery, lists, watches, patches, field managers,
//! schemas, garbage collection by owner. It runs no controllers of its own beyond what a client expects of storage; pods
//! and endpoints are the world's work. Time comes from the clock it is given.

mod admit;
mod answer;
mod apply;
mod builtin;
pub mod call;
mod crd;
mod discovery;
mod dispatch;
mod events;
pub mod faults;
mod fields;
mod garbage;
pub mod http;
mod jsonpath;
mod keep;
pub mod kinds;
mod managers;
mod mint;
mod object;
mod openapi;
mod patch;
mod read;
pub mod refusal;
mod remove;
pub mod schema;
mod selectors;
mod shape;
mod store;
mod strategic;
mod subresource;
mod table;
mod watch;
mod write;
mod yaml;

use crate::{
    clock::Clock,
    server::{faults::Faults, kinds::Kinds, mint::Minted, refusal::Refusal, store::Store},
};
use ::http::{HeaderValue, Request, Response, header::USER_AGENT};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::Value;
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::sync::watch as signal;

/// Definitions of Istio's kinds as far as a world without Istio needs them: names, versions and columns, with open specs.
pub const ISTIO: &str = include_str!("server/istio.yaml");
/// The same of other routers' kinds.
pub const ROUTERS: &str = include_str!("server/routers.yaml");
/// The same of Gateway API's routes.
pub const GATEWAY_API: &str = include_str!("server/gateway_api.yaml");

/// The body of an answer.
pub type ReplyBody = UnsyncBoxBody<Bytes, Infallible>;

/// How many changes of each resource watches can look back on.
const HISTORY: usize = 10_000;

/// An API server. Clones are handles of the same one.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    faults: Mutex<Option<Arc<dyn Faults>>>,
    /// Rises when all watches are to be cut.
    cut: signal::Sender<u64>,
}

/// What the server holds: one lock around all of it, so that each request sees one moment.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) kinds: Kinds,
    pub(crate) clock: Clock,
    /// The same story gets the same names.
    pub(crate) minted: Minted,
}

impl Server {
    /// A server with the usual namespaces, the built-in kinds and these CustomResourceDefinitions, as YAML.
    ///
    /// A definition that cannot be read or installed is left out and logged: the first use of its kind then fails.
    pub fn new(clock: Clock, crds: &[&str]) -> Server {
        let server = Server::holding(State {
            store: Store::new(HISTORY),
            kinds: Kinds::built_in(),
            clock,
            minted: Minted::default(),
        });
        for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let text = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
            server.install(&text);
        }
        for text in crds {
            server.install(text);
        }
        server
    }

    /// A server of its own that holds what this one holds, and shows another clock. Definitions are not read again.
    pub fn copy(&self, clock: Clock) -> Server {
        let state = self.state();
        Server::holding(State {
            store: state.store.copy(),
            kinds: state.kinds.clone(),
            clock,
            minted: state.minted.clone(),
        })
    }

    fn holding(state: State) -> Server {
        let shared = Shared { state: Mutex::new(state), faults: Mutex::new(None), cut: signal::Sender::new(0) };
        Server { shared: Arc::new(shared) }
    }

    /// The server as a service for clients in this process and for hyper.
    pub fn service(&self) -> Service {
        Service { server: self.clone(), agent: None }
    }

    /// A client of this server whose default namespace is `default`.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.service(), "default")
    }

    /// The same for somebody whose requests say who sent them.
    pub fn client_of(&self, agent: &'static str) -> kube::Client {
        let agent = Some(HeaderValue::from_static(agent));
        kube::Client::new(Service { server: self.clone(), agent }, "default")
    }

    /// Sets who decides on faults from now on; `None` ends them.
    pub fn set_faults(&self, faults: Option<Arc<dyn Faults>>) {
        *self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Ends every watch that is open now, as a restarting API server does.
    pub fn cut_watches(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }

    /// How many changes of each resource are kept from now on; watches that ask for older ones get 410.
    pub fn set_history(&self, changes: usize) {
        self.state().store.set_history_limit(changes);
    }

    /// One object, read directly.
    pub fn get(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let state = self.state();
        let kind = state.kinds.of_object(api_version, kind)?;
        state.store.get(&kind.shelf(), &(namespace.to_owned(), name.to_owned()))
    }

    /// The objects of a kind in all namespaces, read directly.
    pub fn list(&self, api_version: &str, kind: &str) -> Vec<Arc<Value>> {
        let state = self.state();
        state.kinds.of_object(api_version, kind).map(|kind| state.store.list(&kind.shelf(), None)).unwrap_or_default()
    }

    /// Creates the objects of a YAML text, or merges them into what is there, and returns them as stored.
    pub fn apply_yaml(&self, text: &str) -> Result<Vec<Arc<Value>>, Refusal> {
        let mut applied = Vec::new();
        for document in yaml::documents(text)? {
            applied.push(self.state().put_document(document, "default")?.0);
        }
        Ok(applied)
    }

    /// Creates an object, or merges it into what is there, and returns the warnings that a client would get. Without a
    /// namespace of its own it goes to `home`.
    pub fn apply_object(&self, object: Value, home: &str) -> Result<Vec<String>, Refusal> {
        self.state().put_document(object, home).map(|(_, warnings)| warnings)
    }

    /// Puts the objects of a YAML text in as another server stored them. Nothing is checked or filled in.
    pub fn restore_yaml(&self, text: &str) -> Result<(), Refusal> {
        let mut state = self.state();
        yaml::documents(text)?.into_iter().try_for_each(|document| state.restore_document(document))
    }

    /// The version of the last write: as long as it stays, so does everything that is held.
    pub fn revision(&self) -> u64 {
        self.state().store.revision()
    }

    /// Is this kind served?
    pub fn knows(&self, api_version: &str, kind: &str) -> bool {
        self.state().kinds.of_object(api_version, kind).is_some()
    }

    fn install(&self, text: &str) {
        if let Err(refusal) = self.apply_yaml(text) {
            tracing::error!(%refusal, "an object of the start set was refused");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> Option<Arc<dyn Faults>> {
        self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("revision", &self.state().store.revision()).finish_non_exhaustive()
    }
}

/// A server as a `tower::Service`.
#[derive(Clone, Debug)]
pub struct Service {
    server: Server,
    agent: Option<HeaderValue>,
}

impl<B> tower::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let server = self.server.clone();
        if let Some(agent) = &self.agent {
            request.headers_mut().insert(USER_AGENT, agent.clone());
        }
        Box::pin(async move { Ok(dispatch::answer(&server, request).await) })
    }
}
