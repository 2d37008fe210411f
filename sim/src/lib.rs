//! A Kubernetes world in memory: an API server, a clock, and what lives on them.
//!
//! The server answers as a real one does, in process on virtual time or over loopback HTTP, so that the controller and
//! clients run on it unchanged.

pub mod clock;
pub mod paint;
pub mod scenario;
pub mod server;
pub mod simulate;
pub mod simulation;
pub mod world;
