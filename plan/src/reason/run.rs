//! Reasons of the rules for AnalysisRuns.

use chrono::{DateTime, Utc};
use thiserror::Error;

/// Why an AnalysisRun moves or waits.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RunReason {
    /// A measurement was taken.
    #[error("metric {metric} measured {value}: {phase}")]
    Measured { metric: String, value: String, phase: String },
    /// The run ended.
    #[error("the run is {phase}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    Completed { phase: String, message: String },
    /// The run began.
    #[error("the run began")]
    Started,
    /// A metric waits for its provider.
    #[error("metric {metric} waits for its provider")]
    AwaitingProvider { metric: String },
    /// The next measurement is due later.
    #[error("metric {metric} is measured again at {}", until.format("%H:%M:%S"))]
    NextMeasurement { metric: String, until: DateTime<Utc> },
    /// The run's spec cannot be carried out.
    #[error("the run is invalid: {message}")]
    Invalid { message: String },
    /// The run is old enough to be removed.
    #[error("the run is past its time to live")]
    Expired,
}
