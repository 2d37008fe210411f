//! What is wrong with a spec, in the words that the API server itself uses for a field. Clients match on them.
//!
//! Each rule is written once, where the field is parsed: it notes a fault and goes on with a stand-in, so that one look finds all.

use crds::FieldError;
use plan::reason::RolloutReason;
use serde::Serialize;
use std::fmt;

/// How many faults are told in full: one wrong habit in each of a hundred steps is understood after some of them.
const TOLD: usize = 20;

/// One thing that is wrong with a Rollout's spec or with what it refers to.
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

    /// A field that contradicts others, as clients know it from one that reads fields late.
    pub fn internal(path: &str, detail: impl fmt::Display) -> Self {
        Self::rendered(path, format!("Internal error: {detail}"))
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

    /// The workload that the template is taken from is not there: no field of the spec is wrong.
    pub fn absent(detail: impl fmt::Display, reason: RolloutReason) -> Self {
        Self { missing: Some(Box::new(reason)), ..Self::rendered("", detail.to_string()) }
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
        if self.path.is_empty() { out.write_str(&self.problem) } else { write!(out, "{}: {}", self.path, self.problem) }
    }
}

/// All that is wrong, in the order in which it was found. Clients know the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults(Vec<Invalid>);

impl Faults {
    /// Notes a fault. Several steps may be at odds with one field: that is told once.
    pub fn note(&mut self, fault: Invalid) {
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    /// What was checked, or nothing and its fault noted.
    pub fn keep<T>(&mut self, checked: Result<T, Invalid>) -> Option<T> {
        checked.map_err(|fault| self.note(fault)).ok()
    }

    /// The value, if nothing is wrong with it.
    pub fn unless_any<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// What is missing, where clients know a name for that.
    pub fn missing(&self) -> impl Iterator<Item = &RolloutReason> {
        self.0.iter().filter_map(|fault| fault.missing.as_deref())
    }
}

impl From<Invalid> for Faults {
    fn from(fault: Invalid) -> Self {
        Self(vec![fault])
    }
}

impl IntoIterator for Faults {
    type Item = Invalid;
    type IntoIter = std::vec::IntoIter<Invalid>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.0.iter().take(TOLD).map(ToString::to_string).collect();
        out.write_str(&told.join("; "))?;
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(out, "; and {more} more"),
        }
    }
}
