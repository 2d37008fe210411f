//! Against a real HTTP server on loopback.

use super::*;
use crate::testing;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use plan::{Header, Piece, SecretRef, SecretText};
use serde_json::json;
use std::{convert::Infallible, net::SocketAddr};
use tokio::net::TcpListener;

/// Serves every request: what it was asked comes back as the body, unless the query says otherwise.
async fn prometheus() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    address
}

async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Full<bytes::Bytes>>, Infallible> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    if query.contains("silence") {
        std::future::pending::<()>().await;
    }
    let status = if query.contains("broken") { 500 } else { 200 };
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = format!("{} {query} {} {}", request.uri().path(), header("authorization"), header("x-scope"));
    Ok(http::Response::builder().status(status).body(Full::from(text)).expect("a response"))
}

fn metrics() -> MetricsOverHttp {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (client, _) = testing::server(|_| (200, json!({"data": {"key": "czNjcmV0"}})));
    MetricsOverHttp::new(Secrets::new(client)).expect("a client")
}

fn ask(address: SocketAddr, query: &str) -> MetricAsk {
    MetricAsk {
        metric: "success".into(),
        ordinal: 0,
        address: format!("http://{address}").as_str().into(),
        query: query.into(),
        timeout_secs: 5,
        headers: Vec::new(),
        credentials: Credentials::None,
        insecure: false,
    }
}

fn secret() -> SecretText {
    SecretText(vec![Piece::Secret(SecretRef { namespace: "n".into(), name: "s".into(), key: "key".into() })])
}

#[tokio::test]
async fn a_query_carries_headers_and_credentials() {
    let address = prometheus().await;
    let mut wanted = ask(address, "up{job=\"a b\"}");
    wanted.headers = vec![Header { name: "X-Scope".into(), value: secret() }];
    wanted.credentials = Credentials::Basic { username: "me".into(), password: secret() };
    let reply = metrics().query(&wanted).await.expect("a reply");
    let basic = "Basic bWU6czNjcmV0";
    assert_eq!(reply.body, format!("/api/v1/query query=up%7Bjob%3D%22a+b%22%7D {basic} s3cret"));
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn what_goes_wrong_is_said_and_never_a_hang() {
    let address = prometheus().await;
    let metrics = metrics();
    let reply = metrics.query(&ask(address, "broken")).await.expect("a reply all the same");
    assert_eq!(reply.status, 500);
    let slow = MetricAsk { timeout_secs: 1, ..ask(address, "silence") };
    let error = metrics.query(&slow).await.expect_err("no reply");
    assert_eq!(error, format!("no reply from http://{address} within 1 s"));
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error = metrics.query(&ask(free, "up")).await.expect_err("nobody listens");
    assert!(error.starts_with("the request failed: ") && error.contains("refused"), "{error}");
    let mut wrong = ask(address, "up");
    wrong.address = "not a url".into();
    assert_eq!(metrics.query(&wrong).await.expect_err("no URL"), "the address not a url is not a URL");
}

#[tokio::test]
async fn secrets_do_not_leak_into_errors() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let mut wanted = ask(free, "up");
    wanted.address = SecretText(vec![
        Piece::Literal("http://user:".into()),
        Piece::Secret(SecretRef { namespace: "n".into(), name: "s".into(), key: "key".into() }),
        Piece::Literal(format!("@{free}")),
    ]);
    wanted.query = secret();
    let error = metrics().query(&wanted).await.expect_err("nobody listens");
    assert!(!error.contains("s3cret"), "{error}");
}
