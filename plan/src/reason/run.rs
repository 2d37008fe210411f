//! Reasons of the rules for AnalysisRuns.

use chrono::{DateTime, Utc};
use thiserror::Error;

/// Why an AnalysisRun moves or waits.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RunReason {
    /// A measurement was taken.
    #[error("metric {metric} measured {value}: {phase}")]
    Measured { metric: String, value: String, phase: String },
    /// Several measurements were taken at once.
    #[error("measured: {what}")]
    MeasuredSeveral { what: String },
    /// A measurement could not be taken.
    #[error("metric {metric} could not be measured: {message}")]
    NotMeasured { metric: String, message: String },
    /// The run ended.
    #[error("the run is {phase}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    Completed { phase: String, message: String },
    /// The run began.
    #[error("the run began")]
    Started,
    /// What the status tells people no longer fits what it remembers.
    #[error("the run's report is brought up to date")]
    Restated,
    /// A metric waits for its provider.
    #[error("metric {metric} waits for its provider")]
    AwaitingProvider { metric: String },
    /// The first measurement is due later.
    #[error("metric {metric} is measured first at {}", until.format("%H:%M:%S"))]
    FirstMeasurement { metric: String, until: DateTime<Utc> },
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
