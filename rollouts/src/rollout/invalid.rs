//! What is wrong with a spec, in the words that the API server itself uses for a field. Clients match on them.

use crds::FieldError;
use plan::reason::RolloutReason;
use serde::Serialize;
use std::fmt;

/// The first thing that is wrong with a Rollout's spec or with what it refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Invalid {
    path: String,
    problem: String,
    /// What is missing, where clients know a name for that.
    pub missing: Option<Box<RolloutReason>>,
}

impl Invalid {
    /// A field has a value that it must not have.
    pub fn value(path: &str, value: impl Serialize, detail: impl fmt::Display) -> Self {
        let shown = serde_json::to_string(&value).unwrap_or_default();
        Self::rendered(path, format!("Invalid value: {shown}: {detail}"))
    }

    /// A field is missing.
    pub fn required(path: &str, detail: impl fmt::Display) -> Self {
        Self::rendered(path, format!("Required value: {detail}"))
    }

    /// A field that this version knows and does not carry out.
    pub fn unsupported(path: &str) -> Self {
        Self::rendered(path, "Forbidden: not supported by this version")
    }

    /// A problem that is rendered already.
    pub fn rendered(path: &str, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into(), missing: None }
    }

    /// An object that a field names is not there.
    pub fn missing(path: &str, value: &str, detail: impl fmt::Display, reason: RolloutReason) -> Self {
        Self { missing: Some(Box::new(reason)), ..Self::value(path, value, detail) }
    }

    /// Whether an object that is named is not there.
    pub fn is_absence(&self) -> bool {
        self.missing.is_some() || self.problem.ends_with(" not found")
    }
}

impl From<Invalid> for FieldError {
    fn from(invalid: Invalid) -> Self {
        Self { path: invalid.path, problem: invalid.problem }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.problem)
    }
}
