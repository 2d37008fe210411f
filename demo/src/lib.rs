//! One story of five versions, written once and played in two worlds: one in this process, and one with real pods.
//!
//! The story pushes to Git, watches what the controller makes of it, and ends with an error when anything does not happen
//! within its limit. A world brings the API server, pods, traffic, metrics, a Git repository and the running controller;
//! what both have in common, manifests and queries included, is the story's. Nothing here decides about a Rollout.

mod clients;
mod error;
mod manifests;
mod measured;
mod outcome;
mod screen;
mod seen;
mod story;
mod watching;
pub mod world;

pub use crate::{
    clients::Clients,
    error::DemoError,
    manifests::{Steps, Version},
    measured::{Answers, Traffic},
    outcome::Outcome,
    screen::Screen,
    story::play,
    world::World,
};
