//! Tests that need real pods, Envoy and Prometheus. `make e2e` starts what they run on; without it they fail.
//!
//! One at a time: the demo's controller looks after all namespaces, and a test restarts the API server.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test: what cannot be is a failure")]

#[path = "real/blue_green.rs"]
mod blue_green;
#[path = "real/eviction.rs"]
mod eviction;
#[path = "real/experiment.rs"]
mod experiment;
#[path = "real/foreign.rs"]
mod foreign;
#[path = "real/gateway_api.rs"]
mod gateway_api;
#[path = "real/header.rs"]
mod header;
#[path = "real/load.rs"]
mod load;
#[path = "real/restart.rs"]
mod restart;
#[path = "real/story.rs"]
mod story;
#[path = "real/turns.rs"]
mod turns;
#[path = "real/workload.rs"]
mod workload;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by the test that has the cluster.
fn alone() -> MutexGuard<'static, ()> {
    static CLUSTER: Mutex<()> = Mutex::new(());
    CLUSTER.lock().unwrap_or_else(PoisonError::into_inner)
}
