//! What the rules for an AnalysisRun look at: the run, and the answers to what earlier plans asked.

use crds::AnalysisRun;
use plan::Answered;
use std::sync::Arc;

/// Everything that a decision about one run may depend on, but for the time.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The run as the API server holds it.
    pub run: Arc<AnalysisRun>,
    /// Answers to this run's asks. One that is already recorded, or that nobody asks any more, is ignored.
    pub answers: Vec<Answered>,
    /// Where the controller runs; Secrets of metric providers are there.
    pub controller_namespace: String,
    /// Prometheus' address for metrics that name none.
    pub prometheus_address: Option<String>,
}
