//! The metrics server over loopback HTTP, for real time: `/api/v1/query` by GET or POST, and `/-/ready`.
//!
//! There is no TLS and no authentication: a listener must be bound to loopback.

use super::{Health, Prometheus};
use crate::server::call::parse_query;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use plan::HttpReply;
use std::{convert::Infallible, io, time::Duration};
use tokio::{net::TcpListener, time::sleep};

/// A server that hangs does so for longer than anybody waits.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Serves connections until the future is dropped or accepting fails.
pub async fn serve(listener: TcpListener, prometheus: Prometheus) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let prometheus = prometheus.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(prometheus.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the metrics server ended");
            }
        });
    }
}

async fn answer(prometheus: Prometheus, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let reply = match (prometheus.health(), parts.uri.path()) {
        (Health::Says(status, body), _) => HttpReply { status, body },
        (Health::Down, _) => HttpReply { status: 503, body: "Service Unavailable".into() },
        (Health::Hangs, _) => {
            sleep(FOR_EVER).await;
            HttpReply { status: 504, body: String::new() }
        }
        (Health::Up, "/-/ready") => HttpReply { status: 200, body: "Prometheus Server is Ready.\n".into() },
        (Health::Up, "/api/v1/query") => {
            let mut fields = parse_query(parts.uri.query().unwrap_or_default());
            fields.extend(parse_query(&String::from_utf8_lossy(&body)));
            prometheus.query(fields.get("query").map(String::as_str).unwrap_or_default())
        }
        (Health::Up, _) => HttpReply { status: 404, body: "404 page not found\n".into() },
    };
    let kind = if reply.body.starts_with('{') { "application/json" } else { "text/plain" };
    let response = Response::builder().status(reply.status).header("content-type", kind);
    Ok(response.body(Full::from(reply.body)).unwrap_or_default())
}
