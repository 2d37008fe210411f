//! Over a real socket on loopback.

use super::*;
use crate::{
    Clock, Controller, Settings,
    ask::{Answerers, git},
    testing,
};
use futures::future::pending;
use std::sync::Arc;

async fn get(client: &reqwest::Client, address: SocketAddr, path: &str) -> (u16, String) {
    let response = client.get(format!("http://{address}{path}")).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

#[tokio::test]
async fn health_and_metrics_are_served_before_anything_is_ready() {
    // Another test may have installed it.
    let _ = rustls_provider();
    let (client, _) = testing::server(|_| (0, serde_json::Value::Null));
    let settings =
        git::GitSettings { cache: "/none".into(), allow_file: false, kubectl: "kubectl".into(), namespace: "n".into() };
    let git = Arc::new(git::GitInProcess::new(settings, None));
    let answerers = Answerers { metrics: git.clone(), git };
    let probe = Controller::new(client, Clock::wall(), Settings::default(), answerers).probe();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve_on(listener, probe, pending()));
    let client = reqwest::Client::new();
    assert_eq!(get(&client, address, "/healthz").await, (200, "ok".into()));
    assert_eq!(get(&client, address, "/readyz").await.0, 503);
    assert_eq!(get(&client, address, "/nothing").await.0, 404);
    let (code, text) = get(&client, address, "/metrics").await;
    assert_eq!(code, 200);
    assert!(text.contains("argo_rollouts_controller_info{version=") && text.ends_with("# EOF\n"), "{text}");
}

fn rustls_provider() -> Result<(), Arc<rustls::crypto::CryptoProvider>> {
    rustls::crypto::ring::default_provider().install_default()
}
