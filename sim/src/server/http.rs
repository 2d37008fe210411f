//! The server over loopback HTTP/1.1, for kubectl and other programs, in real time.
//!
//! There is no TLS and no authentication: a listener must be bound to loopback, and anybody who reaches it may do all.

use crate::server::Server;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Serves connections until the future is dropped or accepting fails.
pub async fn serve(listener: TcpListener, server: Server) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(server.service());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

/// A kubeconfig with this server as its only context, called `leadline`.
pub fn kubeconfig(address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: leadline\nclusters:\n- name: leadline\n  cluster:\n    server: \
         http://{address}\ncontexts:\n- name: leadline\n  context:\n    cluster: leadline\n    user: leadline\n    \
         namespace: default\nusers:\n- name: leadline\n  user: {{}}\n"
    )
}
