//! Why a run cannot be carried out at all. Each refusal is the message that the run ends with.
//!
//! A provider that does not answer is none of these: that is a measurement with an error, and limits say how many are borne.

use crate::{arguments::ArgumentError, validate::InvalidSpec};
use thiserror::Error;

/// What is wrong with a run as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// Its arguments do not fit its metrics.
    #[error("Unable to resolve metric arguments: {0}")]
    Arguments(ArgumentError),
    /// Its spec contradicts itself.
    #[error("Analysis spec invalid: {0}")]
    Invalid(InvalidSpec),
    /// It uses a field that is known, and that nothing here acts on yet. Ignoring it would judge something else.
    #[error("{path}: Forbidden: not supported by this version")]
    Unsupported {
        /// The field.
        path: String,
    },
}

impl Refusal {
    pub(crate) fn unsupported(path: impl Into<String>) -> Self {
        Self::Unsupported { path: path.into() }
    }
}

impl From<ArgumentError> for Refusal {
    fn from(error: ArgumentError) -> Self {
        Self::Arguments(error)
    }
}

impl From<InvalidSpec> for Refusal {
    fn from(error: InvalidSpec) -> Self {
        Self::Invalid(error)
    }
}
