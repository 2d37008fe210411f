//! Fifty requests a second through a real cluster's gateway, sent on time whether or not the earlier ones were answered.
//!
//! Counted is which version answered, and what was lost. Counting begins with the first answer of a pod.

use crate::{Cluster, wait_until};
use anyhow::ensure;
use reqwest::{Client, header};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Time between two requests.
const BETWEEN: Duration = Duration::from_millis(20);
/// A request that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// A share is measured over so many answers; three times the standard deviation of a third is 8 points then.
const SAMPLE: u64 = 300;
/// A measured share may be so many points away.
const TOLERANCE: u64 = 8;
/// None and all are exact, and seen sooner.
const EXACT_SAMPLE: u64 = 100;
/// How long a share is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// What was counted so far.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Answers of each version.
    pub versions: BTreeMap<String, u64>,
    /// Why requests were lost.
    pub lost: Vec<String>,
}

impl Counts {
    fn all(&self) -> u64 {
        self.versions.values().sum()
    }

    fn of(&self, version: &str) -> u64 {
        self.versions.get(version).copied().unwrap_or(0)
    }

    /// How many of a hundred answers since then were of this version.
    fn share(&self, version: &str, since: &Self) -> u64 {
        let all = self.all() - since.all();
        (100 * (self.of(version) - since.of(version)) + all / 2).checked_div(all).unwrap_or(0)
    }
}

/// Clients that send until this is dropped.
#[derive(Debug)]
pub struct Traffic {
    counts: Arc<Mutex<Counts>>,
    _sending: JoinSet<()>,
}

impl Traffic {
    /// Starts to ask for this host.
    pub fn start(cluster: &Cluster, host: &str) -> anyhow::Result<Self> {
        // The proxy settings of the environment are not for loopback.
        let client = Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let counts: Arc<Mutex<Counts>> = Arc::default();
        let mut sending = JoinSet::new();
        sending.spawn(send(client, format!("{}/", cluster.gateway), host.to_owned(), Arc::clone(&counts)));
        Ok(Self { counts, _sending: sending })
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Waits until this share of the requests that are sent from now on is answered by this version.
    pub async fn until_share(&self, version: &str, percent: u64) -> anyhow::Result<()> {
        let mut since = self.counts();
        let is_exact = percent == 0 || percent == 100;
        let (sample, tolerance) = if is_exact { (EXACT_SAMPLE, 0) } else { (SAMPLE, TOLERANCE) };
        wait_until(&format!("{version} answers {percent} of 100 requests"), LIMIT, || {
            let counts = self.counts();
            let (share, all) = (counts.share(version, &since), counts.all() - since.all());
            let is_there = all >= sample && share.abs_diff(percent) <= tolerance;
            let seen = if is_there { Ok(()) } else { Err(format!("{share} of 100, of {all} answers")) };
            // What was sent before the weight arrived must not count for ever.
            if all >= sample {
                since = counts;
            }
            async { seen }
        })
        .await
    }

    /// An error when any request was lost.
    pub fn check(&self) -> anyhow::Result<()> {
        let counts = self.counts();
        ensure!(counts.lost.is_empty(), "{} of {} lost: {:?}", counts.lost.len(), counts.all(), counts.lost);
        ensure!(counts.all() > 0, "nothing was sent");
        Ok(())
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(client: Client, address: String, host: String, counts: Arc<Mutex<Counts>>) {
    let mut ticks = interval(BETWEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let request = client.get(&address).header(header::HOST, &host);
                under_way.spawn(async move { ask(request).await });
            }
            Some(Ok(answer)) = under_way.join_next() => count(&mut lock(&counts), answer),
        }
    }
}

/// Which version answered well, or what came instead.
async fn ask(request: reqwest::RequestBuilder) -> Result<String, String> {
    let response = request.send().await.map_err(|error| controller::logging::chain(&error))?;
    let status = response.status();
    let version = response.headers().get("x-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.text().await.map_err(|error| controller::logging::chain(&error))?;
    version.filter(|_| status.is_success()).ok_or_else(|| format!("{status}: {}", body.trim()))
}

fn count(counts: &mut Counts, answer: Result<String, String>) {
    match answer {
        Ok(version) => *counts.versions.entry(version).or_default() += 1,
        Err(_) if counts.versions.is_empty() => {}
        Err(why) => counts.lost.push(why),
    }
}
