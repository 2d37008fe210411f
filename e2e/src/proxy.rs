//! An HTTP reverse proxy before the API server that counts the controller's writes and kills the controller at one of them.
//!
//! It speaks plain HTTP on loopback to the controller and TLS with the controller's own credentials to the server, and
//! passes watches through as they come. It never changes a request or an answer: it only loses the one it was told to lose.

use crate::running::Victim;
use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use thiserror::Error;
use tokio::{net::TcpListener, task::JoinHandle};

/// When the controller dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The write is never sent.
    BeforeForwarding,
    /// The write is applied, and the controller never learns of it.
    BeforeAnswering,
}

/// Who dies, and at which write.
#[derive(Clone, Debug)]
pub struct Trap {
    /// The number of the write, from 1.
    pub write: usize,
    /// Before it is sent, or before it is answered.
    pub moment: Moment,
    /// The controller.
    pub victim: Victim,
}

/// The proxy; dropping it closes its port.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    upstream: kube::Client,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<String>,
    writes: Vec<String>,
    trap: Option<Trap>,
    struck: Option<String>,
}

/// The controller died; its connection is closed.
#[derive(Debug, Error)]
enum Lost {
    #[error("the controller was killed")]
    Killed,
    #[error(transparent)]
    Request(#[from] hyper::Error),
    #[error(transparent)]
    Upstream(#[from] kube::Error),
}

impl Proxy {
    /// Serves on a free port of loopback. `upstream` has the credentials of the controller.
    pub async fn start(upstream: kube::Client) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { upstream, state: Mutex::default() });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, serving })
    }

    /// A kubeconfig of the proxy.
    pub fn kubeconfig(&self) -> String {
        sim::server::http::kubeconfig(self.address)
    }

    /// Counts from 1 again, and sets a trap or none.
    pub fn arm(&self, trap: Option<Trap>) {
        *self.shared.state() = State { trap, ..State::default() };
    }

    /// The writes since the last [`Proxy::arm`], as `METHOD path`.
    pub fn writes(&self) -> Vec<String> {
        self.shared.state().writes.clone()
    }

    /// All requests since the last [`Proxy::arm`], with those that [`Proxy::writes`] leaves out.
    pub fn requests(&self) -> Vec<String> {
        self.shared.state().requests.clone()
    }

    /// The write at which the controller died, if it did.
    pub fn struck(&self) -> Option<String> {
        self.shared.state().struck.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a write, and returns the trap that it springs.
    fn count(&self, request: &Request<Incoming>) -> Option<Trap> {
        let told = format!("{} {}", request.method(), request.uri().path());
        let mut state = self.state();
        state.requests.push(told.clone());
        if !is_counted(request.method(), request.uri().path()) {
            return None;
        }
        state.writes.push(told);
        let number = state.writes.len();
        let sprung = state.trap.take_if(|trap| trap.write == number);
        if sprung.is_some() {
            state.struck = state.writes.last().cloned();
        }
        sprung
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>, Lost> {
        let trap = self.count(&request);
        if let Some(trap) = trap.as_ref().filter(|trap| trap.moment == Moment::BeforeForwarding) {
            trap.victim.kill();
            return Err(Lost::Killed);
        }
        let (mut parts, body) = request.into_parts();
        parts.headers.remove(header::HOST);
        let body: Bytes = body.collect().await?.to_bytes();
        let answer = self.upstream.send(Request::from_parts(parts, Body::from(body.to_vec()))).await?;
        if let Some(trap) = trap {
            trap.victim.kill();
            return Err(Lost::Killed);
        }
        let (mut parts, body) = answer.into_parts();
        for name in [header::TRANSFER_ENCODING, header::CONNECTION] {
            parts.headers.remove(name);
        }
        Ok(Response::from_parts(parts, body))
    }
}

/// Leases and Events are no part of what a canary does.
fn is_counted(method: &Method, path: &str) -> bool {
    let is_write = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method);
    is_write && !path.split('/').any(|part| part == "leases" || part == "events")
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A small answer that waits for more would cost 40 ms.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { shared.forward(request).await }
        });
        // An error is a controller that went away, or was killed.
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
