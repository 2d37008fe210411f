//! Tests that need a cluster. `make e2e` starts what they run on; without one they fail.
//!
//! Each has a namespace of its own and a controller that looks at nothing else, so that they may run side by side.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test: what cannot be is a failure")]

#[path = "cluster/conformance.rs"]
mod conformance;
#[path = "cluster/gateway_api.rs"]
mod gateway_api;
#[path = "cluster/git.rs"]
mod git;
#[path = "cluster/ingresses.rs"]
mod ingresses;
#[path = "cluster/kill.rs"]
mod kill;
#[path = "cluster/leader.rs"]
mod leader;
#[path = "cluster/missing.rs"]
mod missing;
#[path = "cluster/output.rs"]
mod output;
#[path = "cluster/prometheus.rs"]
mod prometheus;
#[path = "cluster/rest.rs"]
mod rest;
#[path = "cluster/routers.rs"]
mod routers;
#[path = "cluster/sync.rs"]
mod sync;
