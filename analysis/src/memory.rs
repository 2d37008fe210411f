//! Every field of an AnalysisRun's status that a decision reads. The rest is report: people and clients read it, and
//! erasing it changes no decision (only texts that quote it, such as the last measurement's message).

use chrono::{DateTime, Utc};
use crds::analysis::{AnalysisPhase, AnalysisRunStatus, MetricResult};

/// What is remembered of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunMemory {
    /// A completed run stays completed.
    pub phase: AnalysisPhase,
    /// Initial delays count from here; absent until the run's beginning is recorded.
    pub started_at: Option<DateTime<Utc>>,
    /// Its time to live counts from here.
    pub completed_at: Option<DateTime<Utc>>,
}

impl RunMemory {
    /// Reads the memory of a status.
    pub(crate) fn of(status: &AnalysisRunStatus) -> Self {
        Self {
            phase: status.phase,
            started_at: status.started_at.map(Into::into),
            completed_at: status.completed_at.map(Into::into),
        }
    }
}

/// What is remembered of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MetricMemory {
    /// A completed metric stays completed.
    pub phase: AnalysisPhase,
    /// Measurements taken, without errors.
    pub count: i32,
    /// Bad ones among them.
    pub failed: i32,
    /// Inconclusive ones among them.
    pub inconclusive: i32,
    /// Errors.
    pub error: i32,
    /// Errors since the last measurement that was none.
    pub consecutive_error: i32,
    /// Good ones since the last measurement that was not.
    pub consecutive_success: i32,
    /// The latest measurement.
    pub last: Option<LastMeasurement>,
}

/// What is remembered of a metric's latest measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastMeasurement {
    /// How it ended; one that did not end is taken again.
    pub phase: AnalysisPhase,
    /// The next one's time counts from here.
    pub finished_at: Option<DateTime<Utc>>,
    /// An unfinished one is not looked at before.
    pub resume_at: Option<DateTime<Utc>>,
}

impl MetricMemory {
    /// Reads the memory of a metric's result.
    pub(crate) fn of(result: &MetricResult) -> Self {
        let last = result.measurements.last().map(|measurement| LastMeasurement {
            phase: measurement.phase,
            finished_at: measurement.finished_at.map(Into::into),
            resume_at: measurement.resume_at.map(Into::into),
        });
        Self {
            phase: result.phase,
            count: result.count,
            failed: result.failed,
            inconclusive: result.inconclusive,
            error: result.error,
            consecutive_error: result.consecutive_error,
            consecutive_success: result.consecutive_success,
            last,
        }
    }

    /// How many measurements were ever taken, errors included; the list of them is trimmed and cannot tell.
    pub(crate) fn taken(&self) -> u32 {
        u32::try_from(self.count.saturating_add(self.error)).unwrap_or_default()
    }
}
