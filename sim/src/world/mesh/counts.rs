//! What a data plane counts: requests by destination, revision and answer, and those that were lost, with the reason.

use crate::world::mesh::Cluster;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// So many lost requests are remembered one by one; the rest are only counted.
const REMEMBERED: usize = 200;

/// A class of requests that pods answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// Where they were sent.
    pub cluster: Cluster,
    /// The pod template hash of who answered.
    pub hash: String,
    /// The HTTP status.
    pub code: u16,
}

/// A request that no pod answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// When.
    pub at: DateTime<Utc>,
    /// Where it was sent.
    pub cluster: Cluster,
    /// Why nobody answered.
    pub why: String,
}

/// Everything that was counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Answered requests.
    pub served: BTreeMap<Served, u64>,
    /// Lost requests by destination.
    pub lost_by_cluster: BTreeMap<Cluster, u64>,
    /// How many were lost.
    pub lost_requests: u64,
    /// The first lost ones.
    pub lost: Arc<Vec<Lost>>,
    /// Milliseconds that answers took, by destination.
    pub time_ms: BTreeMap<Cluster, u64>,
    /// Flows that have been answered once: nobody misses a request to what never worked.
    open: Arc<BTreeSet<String>>,
}

impl Counts {
    pub(crate) fn serve(&mut self, flow: &str, served: &Served, latency: Duration) {
        if !self.open.contains(flow) {
            Arc::make_mut(&mut self.open).insert(flow.to_owned());
        }
        add(&mut self.time_ms, &served.cluster, u64::try_from(latency.as_millis()).unwrap_or(0));
        add(&mut self.served, served, 1);
    }

    pub(crate) fn lose(&mut self, flow: &str, lost: Lost) {
        if !self.open.contains(flow) {
            return;
        }
        self.lost_requests += 1;
        add(&mut self.lost_by_cluster, &lost.cluster, 1);
        if self.lost.len() < REMEMBERED {
            Arc::make_mut(&mut self.lost).push(lost);
        }
    }

    /// How many requests were sent.
    pub fn sent(&self) -> u64 {
        self.answered(|_| true) + self.lost_requests
    }

    /// How many answered requests are of this sort.
    pub fn answered(&self, is_counted: impl Fn(&Served) -> bool) -> u64 {
        self.served.iter().filter(|(served, _)| is_counted(served)).map(|(_, count)| count).sum()
    }

    /// What was counted since `earlier`.
    pub fn since(&self, earlier: &Counts) -> Counts {
        Counts {
            served: less(&self.served, &earlier.served),
            lost_by_cluster: less(&self.lost_by_cluster, &earlier.lost_by_cluster),
            lost_requests: self.lost_requests - earlier.lost_requests.min(self.lost_requests),
            lost: Arc::new(self.lost.iter().skip(earlier.lost.len()).cloned().collect()),
            time_ms: less(&self.time_ms, &earlier.time_ms),
            open: Arc::clone(&self.open),
        }
    }
}

/// Most of what is counted was counted before: only the first time makes a key.
fn add<K: Ord + Clone>(counts: &mut BTreeMap<K, u64>, key: &K, more: u64) {
    match counts.get_mut(key) {
        Some(count) => *count += more,
        None => drop(counts.insert(key.clone(), more)),
    }
}

fn less<K: Ord + Clone>(now: &BTreeMap<K, u64>, earlier: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    let minus = |key: &K, count: &u64| count.saturating_sub(earlier.get(key).copied().unwrap_or(0));
    now.iter().map(|(key, count)| (key.clone(), minus(key, count))).filter(|(_, count)| *count > 0).collect()
}
