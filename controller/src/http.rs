//! `/healthz`, `/readyz` and `/metrics` over plain HTTP. Leaders and non-leaders answer alike. Reads only.

use crate::Probe;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, future::Future, net::SocketAddr, pin::pin, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};
use tracing::{debug, info};

/// A client that has not sent its request after this long is cut off.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves on `address` until `stop` is ready.
pub async fn serve(address: SocketAddr, probe: Probe, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    serve_on(listener, probe, stop).await
}

/// The same on a listener that is there already.
pub async fn serve_on(listener: TcpListener, probe: Probe, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    info!(address = %listener.local_addr()?, "serving health and metrics");
    let mut stop = pin!(stop);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return Ok(()),
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: it passes.
                debug!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let probe = probe.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let response = respond(&request, &probe);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut server = http1::Builder::new();
            let server = server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                debug!(%error, "a connection ended early");
            }
        });
    }
}

fn respond(request: &Request<Incoming>, probe: &Probe) -> Response<Full<bytes::Bytes>> {
    let (status, kind, text) = answer(request.uri().path(), probe);
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

fn answer(path: &str, probe: &Probe) -> (StatusCode, &'static str, String) {
    const TEXT: &str = "text/plain; charset=utf-8";
    match path {
        "/healthz" => (StatusCode::OK, TEXT, "ok".into()),
        "/readyz" if probe.is_ready() => (StatusCode::OK, TEXT, "ok".into()),
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "the first lists are not complete".into()),
        "/metrics" => (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", probe.metrics()),
        _ => (StatusCode::NOT_FOUND, TEXT, "not found".into()),
    }
}

#[cfg(test)]
mod tests;
