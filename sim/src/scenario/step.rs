//! One thing that happens in a story.

use crate::{
    scenario::check::Check,
    world::images::{Behaviour, span},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// One thing that happens.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Time passes until this holds; three minutes at most unless it says otherwise.
    Wait(Check),
    /// This holds now.
    Expect(Check),
    /// Time passes.
    #[serde(deserialize_with = "duration")]
    Advance(Duration),
    /// A user changes the image.
    SetImage(String),
    /// A user promotes.
    Promote,
    /// A user promotes to the end.
    PromoteFull,
    /// A user aborts.
    Abort,
    /// A user retries.
    Retry,
    /// A user pauses the whole rollout.
    Pause,
    /// A user ends that.
    Resume,
    /// A user changes the Rollout by merge patch.
    Patch(Value),
    /// A user changes another object by merge patch.
    Change(Change),
    /// A user applies an object.
    Apply(Value),
    /// A user deletes an object, said as `kind/name`.
    Delete(String),
    /// An image behaves so from now on.
    Behaviour(Behaves),
    /// Prometheus is `up`, `down`, `hangs`, or answers nonsense: `500` or any text.
    Prometheus(String),
    /// Somebody commits files to the Git repository.
    Commit(Commit),
    /// The Git repository is `up` or `down`.
    Git(String),
    /// The controller dies and another starts.
    CrashController,
    /// The API server drops all watches.
    CutWatches,
    /// The API server forbids every write to objects of this kind, named in the plural.
    Forbid(String),
    /// It forbids nothing any more.
    Allow,
}

/// A merge patch of an object, said as `kind/name`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Which object.
    pub object: String,
    /// The patch.
    pub patch: Value,
    /// Who the server notes as its writer.
    #[serde(default)]
    pub manager: Option<String>,
}

/// A commit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Why.
    pub message: String,
    /// Files: objects, text that may be anything, or null to remove one.
    pub files: BTreeMap<String, Value>,
}

/// How an image behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Behaves {
    /// Which image.
    pub image: String,
    /// How many of a hundred requests fail.
    pub error_rate: Option<f64>,
    /// When its pods are ready: `5s`, `never`, `crashes`.
    pub ready_after: Option<String>,
}

impl Behaves {
    /// The same for the world.
    pub fn behaviour(&self) -> Behaviour {
        let readiness = self.ready_after.as_deref().and_then(|text| text.parse().ok());
        Behaviour { readiness, error_rate: self.error_rate, latency: None }
    }
}

/// Reads `5s` or `2m`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    span(&text).ok_or_else(|| serde::de::Error::custom(format!("{text} is no duration")))
}
