//! Requests through a real cluster's gateway while a test runs: which share of them a version answers, and whether any was lost.
//!
//! The clients are those of the demo. Here even an error that a pod answered is a loss.

use crate::{Cluster, wait_until};
use anyhow::ensure;
use demo::{Clients, Traffic as Counts};
use std::time::Duration;

/// A share is measured over so many answers; three times the standard deviation of a third is 8 points then.
const SAMPLE: u64 = 300;
/// A measured share may be so many points away.
const TOLERANCE: u64 = 8;
/// None and all are exact, and seen sooner.
const EXACT_SAMPLE: u64 = 100;
/// How long a share is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// Clients that send until this is dropped.
#[derive(Debug)]
pub struct Traffic(Clients);

impl Traffic {
    /// Starts to ask for this host, fifty times a second.
    pub fn start(cluster: &Cluster, host: &str) -> anyhow::Result<Self> {
        Self::of(cluster, host, 50)
    }

    /// Starts to ask for this host, so many times a second.
    pub fn of(cluster: &Cluster, host: &str, per_second: u32) -> anyhow::Result<Self> {
        Ok(Self(Clients::start(&cluster.gateway, host, per_second)?))
    }

    /// Starts to ask for this host where routes of Gateway API are served, so many times a second.
    pub fn through_gateway_api(cluster: &Cluster, host: &str, per_second: u32) -> anyhow::Result<Self> {
        Ok(Self(Clients::start(&cluster.gateway_api, host, per_second)?))
    }

    /// Starts to ask for this host with this header, fifty times a second.
    pub fn with_header(cluster: &Cluster, host: &str, header: (&str, &str)) -> anyhow::Result<Self> {
        Ok(Self(Clients::with_headers(&cluster.gateway, host, &[header], 50)?))
    }

    /// Waits until so many more requests were sent.
    pub async fn until_sent(&self, more: u64) -> anyhow::Result<()> {
        let wanted = self.0.traffic().sent() + more;
        wait_until("requests are answered", LIMIT, || {
            let sent = self.0.traffic().sent();
            async move { if sent >= wanted { Ok(()) } else { Err(format!("{sent} of {wanted}")) } }
        })
        .await
    }

    /// How many requests were sent and ended.
    pub fn sent(&self) -> u64 {
        self.0.traffic().sent()
    }

    /// Waits until this share of the requests that are sent from now on is answered by this version.
    pub async fn until_share(&self, version: &str, percent: u64) -> anyhow::Result<()> {
        let mut since = self.0.traffic();
        let is_exact = percent == 0 || percent == 100;
        let (sample, tolerance) = if is_exact { (EXACT_SAMPLE, 0) } else { (SAMPLE, TOLERANCE) };
        wait_until(&format!("{version} answers {percent} of 100 requests"), LIMIT, || {
            let counts = self.0.traffic();
            let (own, all) = (good(&counts, version) - good(&since, version), answered(&counts) - answered(&since));
            let share = (100 * own + all / 2).checked_div(all).unwrap_or(0);
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

    /// How many good answers a version gave.
    pub fn answered_by(&self, version: &str) -> u64 {
        good(&self.0.traffic(), version)
    }

    /// An error when any request was lost.
    pub fn check(&self) -> anyhow::Result<()> {
        self.check_but_for("")
    }

    /// An error when any request was lost, but for those that this version answered badly.
    pub fn check_but_for(&self, version: &str) -> anyhow::Result<()> {
        let counts = self.0.traffic();
        ensure!(counts.lost_but_for(version) == 0, "{counts:?}");
        ensure!(answered(&counts) > 0, "nothing was answered");
        Ok(())
    }
}

/// How many requests Envoy has sent to a cluster whose name has this in it, copies included.
pub async fn sent_to(cluster: &Cluster, part: &str) -> anyhow::Result<u64> {
    let url = format!("{}/stats?filter=upstream_rq_total", cluster.envoy_admin);
    let text = reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.text().await?;
    let counts = text.lines().filter(|line| line.contains(part)).filter_map(|line| line.rsplit_once(": "));
    Ok(counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum())
}

/// Good answers of a version.
fn good(counts: &Counts, version: &str) -> u64 {
    counts.versions.get(version).map_or(0, |answers| answers.good)
}

/// Good answers of all.
fn answered(counts: &Counts) -> u64 {
    counts.versions.values().map(|answers| answers.good).sum()
}
