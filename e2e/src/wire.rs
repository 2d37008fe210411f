//! A wire to a server on loopback that can be cut and mended: to whoever holds its other end, the server is down meanwhile.

use anyhow::Context;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// A port that leads to another one.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    to: SocketAddr,
    carrying: Option<JoinHandle<()>>,
}

impl Wire {
    /// From a free port to the server of this URL.
    pub async fn to(url: &str) -> anyhow::Result<Self> {
        let to = url.trim_start_matches("http://").split('/').next().unwrap_or_default().parse();
        let to = to.with_context(|| format!("{url} has no address"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let address = listener.local_addr()?;
        Ok(Self { address, to, carrying: Some(tokio::spawn(carry(listener, to))) })
    }

    /// The URL that leads through this wire to where the other one leads.
    pub fn url(&self, url: &str) -> String {
        url.replace(&self.to.to_string(), &self.address.to_string())
    }

    /// Closes the port and all connections.
    pub async fn cut(&mut self) {
        if let Some(carrying) = self.carrying.take() {
            carrying.abort();
            // It has ended when its port is free.
            let _ = carrying.await;
        }
    }

    /// Opens the port again.
    pub async fn mend(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.address).await.with_context(|| format!("{} is taken", self.address))?;
        self.carrying = Some(tokio::spawn(carry(listener, self.to)));
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.carrying.iter().for_each(JoinHandle::abort);
    }
}

async fn carry(listener: TcpListener, to: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        connections.spawn(async move {
            if let Ok(mut far) = TcpStream::connect(to).await {
                // An error is an end that went away.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}
