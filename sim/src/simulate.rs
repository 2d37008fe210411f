//! A person's own files on virtual time: their Rollout becomes healthy in a simulated cluster, gets one update, and the
//! story of it is told.
//!
//! The controller's own loop decides everything. Metrics answer what the person says, pods start as they say, and nothing
//! leaves the process: no file is read or written here, no socket opened.

mod cast;
mod ending;
mod follow;
mod made;
mod measurements;
mod row;
mod story;

pub use cast::File;
pub use ending::Ending;
pub use measurements::{Given, NoMeasurement};
pub use story::Story;

use crate::{
    clock::Clock,
    simulate::{cast::Cast, follow::Follower, measurements::Measurements},
    simulation::{Options, Simulation, beginning, runtime},
    world::images::Readiness,
};
use gitops::manifest::ManifestError;
use std::{sync::Arc, time::Duration};

/// Pods are ready so long after they were made, unless the person says otherwise. All pods of a step are ready in one
/// moment: a hundred moments would tell nothing more.
const PODS_READY_AFTER: Duration = Duration::from_secs(2);

/// What is to be played.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The person's files.
    pub files: Vec<File>,
    /// Which Rollout, where the files hold several: `name` or `namespace/name`.
    pub rollout: Option<String>,
    /// What metrics measure.
    pub metrics: Vec<Given>,
    /// When pods of the new version are ready.
    pub readiness: Option<Readiness>,
    /// Whether pauses without end are promoted.
    pub promotes: bool,
}

/// Why there is nothing to play.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    /// A file is no list of objects.
    #[error(transparent)]
    Unreadable(#[from] ManifestError),
    /// No Rollout is there.
    #[error("there is no Rollout in the files{}", held(.0))]
    NoRollout(Vec<String>),
    /// It is not clear which Rollout is meant.
    #[error("there are {} Rollouts in the files: {}; choose one with --rollout NAME", .0.len(), .0.join(", "))]
    SeveralRollouts(Vec<String>),
    /// The one that is named is not there.
    #[error("there is no Rollout {wanted} in the files; there is {}", .there.join(", "))]
    OtherRollout {
        /// What was asked for.
        wanted: String,
        /// What is there.
        there: Vec<String>,
    },
    /// The API server refuses an object.
    #[error("{place}: {why}")]
    Refused {
        /// File, line and name of the object.
        place: String,
        /// The server's words.
        why: String,
    },
    /// Nobody said what some metrics measure.
    #[error("{}", unanswered(.0))]
    Unanswered(Vec<(String, String)>),
    /// A measurement of what is not measured.
    #[error("no analysis of the Rollout measures {name}{}", measured(.there))]
    Unmeasured {
        /// What was given.
        name: String,
        /// What is measured.
        there: Vec<String>,
    },
    /// There is no runtime.
    #[error("no runtime")]
    Runtime(#[from] std::io::Error),
}

fn held(names: &[String]) -> String {
    if names.is_empty() { ", nor anything else".to_owned() } else { format!(", only {}", names.join(", ")) }
}

fn measured(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(", only {}", names.join(", ")) }
}

fn unanswered(metrics: &[(String, String)]) -> String {
    let mut text = "the update is judged by metrics that a simulation cannot know; say what they measure:".to_owned();
    for (name, condition) in metrics {
        text.push_str(&format!("\n  --metric {name}=VALUE,VALUE…"));
        if !condition.is_empty() {
            text.push_str(&format!("    {condition}"));
        }
    }
    text.push_str(
        "\nA value is a number, NaN, [0.9,0.8] (several series), none (no series) or error (no answer); the last one \
         repeats.",
    );
    text
}

/// Plays one update of the Rollout in the files.
pub fn play(request: &Request) -> Result<Story, Unplayable> {
    let cast = Cast::read(&request.files, request.rollout.as_deref())?;
    measurements::check(&cast, &request.metrics)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let metrics = Arc::new(Measurements::new(&request.metrics, Clock::starting_at(beginning())));
        let mut options = Options::seeded(1);
        options.world.requests_per_second = 0;
        options.world.pods_ready_after = (PODS_READY_AFTER, PODS_READY_AFTER);
        options.controller.instance_id = cast.instance();
        options.metrics = Some(Arc::clone(&metrics) as Arc<dyn controller::ask::Answerer>);
        let simulation = Simulation::start(options);
        let opening = cast.enter(simulation.server())?;
        let played = Follower::new(&simulation, &cast, request, &metrics).play().await;
        Ok(Story::of(&simulation, &cast, (opening, metrics.unused()), played))
    })
}
