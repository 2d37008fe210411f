//! What tests on a real API server share: the local clusters, the product as a child process, and eyes on what it does.
//!
//! `e2e/cluster/run` starts the clusters. A cluster that cannot be started is a failure, never a test that is skipped.
//! Nothing here has an opinion about rollouts but [`invariants`].

#![allow(
    clippy::indexing_slicing,
    reason = "a test: JSON that lacks a field is compared as null, and anything else is a failure"
)]

pub mod application;
pub mod canary;
pub mod chronicle;
pub mod cluster;
pub mod installed;
pub mod invariants;
pub mod metrics;
pub mod proxy;
pub mod running;
pub mod source;
pub mod stage;
pub mod traffic;
pub mod wait;
pub mod wire;

pub use crate::{
    cluster::{Cluster, repository},
    stage::Stage,
    wait::wait_until,
};
