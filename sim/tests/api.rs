//! The simulator's API server, through `kube::Client` as the controller uses it: each module tells one behaviour.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test: what does not hold is a failure"
)]

mod api {
    pub(crate) mod discovery;
    pub(crate) mod endings;
    pub(crate) mod faults;
    pub(crate) mod objects;
    pub(crate) mod owners;
    pub(crate) mod tables;
    pub(crate) mod watches;
    pub(crate) mod world;
}
