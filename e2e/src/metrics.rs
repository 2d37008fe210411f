//! A server that speaks Prometheus' API as badly as a test wants it to.

use anyhow::Context;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::{
    collections::VecDeque,
    convert::Infallible,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// How a query is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A vector of this one number.
    Value(&'static str),
    /// This status and body.
    Text(u16, &'static str),
    /// The connection stays open, and nothing ever comes.
    Never,
}

/// The server; dropping it closes its port.
#[derive(Debug)]
pub struct Metrics {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Metrics {
    /// Answers with these replies in turn, and with the last one from then on.
    pub async fn serve(replies: &[Reply]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let address = listener.local_addr()?;
        let replies = Arc::new(Mutex::new(VecDeque::from(replies.to_vec())));
        Ok(Self { address, serving: tokio::spawn(serve(listener, replies)) })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of a server that was here a moment ago.
    pub async fn gone() -> anyhow::Result<String> {
        let gone = Self::serve(&[Reply::Never]).await?;
        gone.serving.abort();
        Ok(gone.url())
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, replies: Arc<Mutex<VecDeque<Reply>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let replies = Arc::clone(&replies);
        let service = service_fn(move |_| {
            let reply = next(&replies);
            async move { answer(reply).await }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn next(replies: &Mutex<VecDeque<Reply>>) -> Reply {
    let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
    let last = replies.len() <= 1;
    let reply = if last { replies.front().cloned() } else { replies.pop_front() };
    reply.unwrap_or(Reply::Never)
}

async fn answer(reply: Reply) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match reply {
        Reply::Never => pending().await,
        Reply::Text(status, body) => (status, body.to_owned()),
        Reply::Value(value) => {
            let sample = json!({"metric": {}, "value": [0, value]});
            (200, json!({"status": "success", "data": {"resultType": "vector", "result": [sample]}}).to_string())
        }
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    Ok(response)
}
