//! Answers metric questions: one instant query to a Prometheus server over HTTP.
//!
//! The reply is handed on as it came, status and body: what it means is decided in `analysis`. Anything that keeps the
//! server from replying within the limit is an error in words, never a value and never a hang. Secrets go into the request
//! and nowhere else.

use super::{Answerer, Secrets, secrets::Filled};
use base64::Engine;
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask, Credentials, HttpReply, MetricAsk};
use prometheus_http_query::InstantQueryBuilder;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use std::{error::Error, time::Duration};
use tokio::time::timeout;

/// A reply longer than this is not an answer to an instant query.
const LONGEST_REPLY: usize = 8 << 20;

/// Sends metric queries over HTTP.
#[derive(Clone, Debug)]
pub struct MetricsOverHttp {
    strict: reqwest::Client,
    /// Accepts any server certificate.
    insecure: reqwest::Client,
    secrets: Secrets,
}

impl MetricsOverHttp {
    /// Needs an installed rustls provider.
    pub fn new(secrets: Secrets) -> Result<Self, reqwest::Error> {
        let builder = || reqwest::Client::builder().user_agent(concat!("leadline/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            strict: builder().build()?,
            insecure: builder().tls_danger_accept_invalid_certs(true).build()?,
            secrets,
        })
    }

    async fn query(&self, ask: &MetricAsk) -> Result<HttpReply, String> {
        let mut filled = Filled::default();
        let query = self.prepare(ask, &mut filled).await.map_err(|error| filled.hide(&error))?;
        let limit = Duration::from_secs(ask.timeout_secs);
        match timeout(limit, reply(query)).await {
            // A server that refuses a query may quote it.
            Ok(Ok(reply)) if !(200..300).contains(&reply.status) => {
                Ok(HttpReply { body: filled.hide(&reply.body), ..reply })
            }
            Ok(reply) => reply.map_err(|error| filled.hide(&error)),
            Err(_) => Err(format!("no reply from {} within {} s", ask.address, ask.timeout_secs)),
        }
    }

    async fn prepare(&self, ask: &MetricAsk, filled: &mut Filled) -> Result<InstantQueryBuilder, String> {
        let address = self.secrets.fill(&ask.address, filled).await?;
        let client = if ask.insecure { &self.insecure } else { &self.strict };
        let client = prometheus_http_query::Client::from(client.clone(), &address)
            .map_err(|_| format!("the address {} is not a URL", ask.address))?;
        let mut query = client.query(self.secrets.fill(&ask.query, filled).await?);
        for header in &ask.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes())
                .map_err(|_| format!("{:?} is not the name of a header", header.name))?;
            let value = self.secrets.fill(&header.value, filled).await?;
            query = query.header(name, sensitive(&value, &format!("the value of header {}", header.name))?);
        }
        if let Credentials::Basic { username, password } = &ask.credentials {
            let pair = format!(
                "{}:{}",
                self.secrets.fill(username, filled).await?,
                self.secrets.fill(password, filled).await?
            );
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            query = query.header(AUTHORIZATION, sensitive(&format!("Basic {encoded}"), "the user name or password")?);
        }
        Ok(query)
    }
}

fn sensitive(value: &str, what: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(value).map_err(|_| format!("{what} cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn reply(query: InstantQueryBuilder) -> Result<HttpReply, String> {
    let mut response = query.get_raw().await.map_err(|error| failure(&error))?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_REPLY {
            return Err(format!("the reply is longer than {} MiB", LONGEST_REPLY >> 20));
        }
    }
    Ok(HttpReply { status, body: String::from_utf8_lossy(&body).into_owned() })
}

/// Why a request failed, without its URL: the query may hold secrets.
fn failure(error: &(dyn Error + 'static)) -> String {
    let mut found: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = found {
        if let Some(request) = error.downcast_ref::<reqwest::Error>() {
            let cause = request.source().map(crate::logging::chain);
            return format!("the request failed: {}", cause.unwrap_or_else(|| "no more is known".into()));
        }
        found = error.source();
    }
    crate::logging::chain(error)
}

impl Answerer for MetricsOverHttp {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        let metrics = self.clone();
        async move {
            match &ask {
                Ask::Metric(ask) => Answer::Metric(metrics.query(ask).await),
                other => Answer::Metric(Err(format!("not a metric: {other}"))),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
