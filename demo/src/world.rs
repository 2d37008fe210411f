//! What a story needs of the world that it plays in.
//!
//! A world is ready when it is made: its API server answers, pods can run, requests flow by what the VirtualService says, a
//! metrics server counts them, and the controller runs.

pub mod cluster;
pub mod embedded;

use crate::{error::DemoError, measured::Traffic};
use kube::Client;
use std::{future::Future, time::Duration};

/// A place for the story.
pub trait World {
    /// Where this is, in a few lines for people.
    fn introduction(&self) -> Vec<String>;
    /// What a person may try afterwards.
    fn suggestions(&self) -> Vec<String>;
    /// A client that may do everything.
    fn client(&self) -> Client;
    /// The address of the Git repository, as the controller reaches it.
    fn repository(&self) -> String;
    /// The address of the metrics server, as the controller reaches it.
    fn prometheus(&self) -> String;
    /// How often the story looks.
    fn tick(&self) -> Duration;
    /// What clients have seen so far.
    fn traffic(&self) -> Traffic;
    /// What the controller last said that the Rollout waits for.
    fn why(&self) -> String;
    /// Why the controller no longer runs, if so.
    fn ended(&mut self) -> Option<String>;
    /// Commits files and pushes them; returns the commit.
    fn push(
        &self,
        message: &str,
        files: Vec<(&'static str, String)>,
    ) -> impl Future<Output = Result<String, DemoError>> + Send;
}
