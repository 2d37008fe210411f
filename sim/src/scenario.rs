//! Stories as YAML: what is in the cluster, what a user does when, and what must hold; played on virtual time.
//!
//! The transcript of a scenario is compared with the one kept beside it, so that a change of behaviour is seen as a change
//! of a text. What must hold is said in the scenario itself, so that a new transcript cannot bless a broken story.

mod applications;
mod check;
mod play;
mod source;
mod step;

pub use applications::Expected;
pub use check::Check;
pub use play::{Broken, Played, play};
pub use step::{Behaves, Change, Commit, Step};

use serde::Deserialize;
use serde_json::Value;

/// A story.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// What it tells, in a sentence.
    pub about: String,
    /// All chance comes from here.
    #[serde(default = "one")]
    pub seed: u64,
    /// The Rollout that it is about.
    #[serde(default = "web")]
    pub rollout: String,
    /// Files of objects, beside the scenario's own.
    #[serde(default)]
    pub include: Vec<String>,
    /// Objects, or merge patches of what was included, by kind and name.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// What happens, in order.
    pub story: Vec<Step>,
}

fn one() -> u64 {
    1
}

fn web() -> String {
    "web".to_owned()
}

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no YAML, or not of this form.
    #[error("the scenario cannot be read: {0}")]
    Text(String),
}

impl Scenario {
    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Scenario, Unreadable> {
        let options = serde_saphyr::options! { legacy_octal_numbers: true, };
        let value: Value =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| Unreadable::Text(error.to_string()))?;
        serde_json::from_value(value).map_err(|error| Unreadable::Text(error.to_string()))
    }
}
