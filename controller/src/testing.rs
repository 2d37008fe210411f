//! A server for the tests of this crate: a function from request to answer, as the service under a `kube::Client`.

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::Value;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

/// A request as the server got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What the server got, in order.
pub(crate) type Log = Arc<Mutex<Vec<Got>>>;

/// A client whose requests `answer` answers with a status code and a body; code 0 never answers.
pub(crate) fn server(answer: impl Fn(&Got) -> (u16, Value) + Send + Sync + 'static) -> (Client, Log) {
    let log = Log::default();
    let (kept, answer) = (Arc::clone(&log), Arc::new(answer));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.expect("a body").to_bytes();
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let got = Got { method: parts.method.to_string(), path, body };
            log.lock().expect("the log").push(got.clone());
            let (code, body) = answer(&got);
            if code == 0 {
                std::future::pending::<()>().await;
            }
            let text = match body {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Ok::<_, Infallible>(
                Response::builder().status(code).body(Body::from(text.into_bytes())).expect("a response"),
            )
        }
    });
    (Client::new(service, "default"), kept)
}
