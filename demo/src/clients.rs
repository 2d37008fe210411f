//! Requests through a real cluster's gateway, sent on time whether or not the earlier ones were answered, and never again.
//!
//! The version is read from the answer. Counting begins with the first good answer: before that there is nothing to reach.

use crate::{error::DemoError, measured::Traffic};
use reqwest::{RequestBuilder, StatusCode, header};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// A request that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many lost requests are told one by one.
const TOLD: usize = 5;

/// Clients that send until they are dropped.
#[derive(Debug)]
pub struct Clients {
    traffic: Arc<Mutex<Traffic>>,
    _sending: JoinSet<()>,
}

impl Clients {
    /// Starts to ask this gateway for this host, so many times a second.
    pub fn start(gateway: &str, host: &str, per_second: u32) -> Result<Self, DemoError> {
        Self::with_headers(gateway, host, &[], per_second)
    }

    /// The same, with these headers on each request.
    pub fn with_headers(
        gateway: &str,
        host: &str,
        headers: &[(&str, &str)],
        per_second: u32,
    ) -> Result<Self, DemoError> {
        // The proxy settings of the environment are not for loopback.
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
        let client = client.map_err(|error| DemoError::Unusable(format!("no HTTP client: {error}")))?;
        let traffic: Arc<Mutex<Traffic>> = Arc::default();
        let mut sending = JoinSet::new();
        let (address, host) = (format!("{gateway}/"), host.to_owned());
        let between = Duration::from_secs(1) / per_second.max(1);
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let own: Vec<(String, String)> = own.collect();
        let request = move || {
            let request = client.get(&address).header(header::HOST, &host);
            own.iter().fold(request, |request, (name, value)| request.header(name, value))
        };
        sending.spawn(send(request, between, Arc::clone(&traffic)));
        Ok(Self { traffic, _sending: sending })
    }

    /// What was counted so far.
    pub fn traffic(&self) -> Traffic {
        lock(&self.traffic).clone()
    }
}

fn lock(traffic: &Mutex<Traffic>) -> MutexGuard<'_, Traffic> {
    traffic.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(request: impl Fn() -> RequestBuilder, between: Duration, traffic: Arc<Mutex<Traffic>>) {
    let mut ticks = interval(between);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                under_way.spawn(ask(request()));
            }
            Some(Ok(answer)) = under_way.join_next() => count(&mut lock(&traffic), answer),
        }
    }
}

/// Who answered, and with what; or why nobody did.
async fn ask(request: RequestBuilder) -> Result<(String, StatusCode), String> {
    let response = request.send().await.map_err(|error| chain(&error))?;
    let status = response.status();
    let version = response.headers().get("x-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.text().await.map_err(|error| chain(&error))?;
    version.map(|version| (version, status)).ok_or_else(|| format!("{status}: {}", body.trim()))
}

fn count(traffic: &mut Traffic, answer: Result<(String, StatusCode), String>) {
    match answer {
        Ok((version, status)) => {
            let answers = traffic.versions.entry(version).or_default();
            if status.is_success() {
                answers.good += 1;
            } else {
                answers.bad += 1;
            }
        }
        Err(_) if traffic.versions.is_empty() => {}
        Err(why) => {
            traffic.lost += 1;
            if traffic.lost_why.len() < TOLD {
                traffic.lost_why.push(why);
            }
        }
    }
}

fn chain(error: &reqwest::Error) -> String {
    controller::logging::chain(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_begins_with_the_first_answer() {
        let mut traffic = Traffic::default();
        count(&mut traffic, Err("404".into()));
        assert_eq!(traffic.sent(), 0);
        count(&mut traffic, Ok(("v1".into(), StatusCode::OK)));
        count(&mut traffic, Ok(("v1".into(), StatusCode::INTERNAL_SERVER_ERROR)));
        count(&mut traffic, Err("503".into()));
        assert_eq!((traffic.sent(), traffic.bad_of("v1"), traffic.lost), (3, 1, 1));
        assert_eq!(traffic.lost_why, ["503"]);
    }
}
