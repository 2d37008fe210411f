//! `terminate`: asks for the early end of an AnalysisRun or an Experiment. What was found so far decides how it ended.

use crate::{Cluster, Error};
use crds::{Kind, kind};
use serde_json::json;

/// Asks for the end of an AnalysisRun.
pub async fn terminate_run(cluster: &Cluster, name: &str) -> Result<String, Error> {
    terminate(cluster, &kind::ANALYSIS_RUN, name).await?;
    Ok(format!("analysisRun '{name}' terminated"))
}

/// Asks for the end of an Experiment.
pub async fn terminate_experiment(cluster: &Cluster, name: &str) -> Result<String, Error> {
    terminate(cluster, &kind::EXPERIMENT, name).await?;
    Ok(format!("experiment '{name}' terminated"))
}

async fn terminate(cluster: &Cluster, kind: &Kind, name: &str) -> Result<(), Error> {
    cluster.merge(kind, name, &json!({ "spec": { "terminate": true } })).await
}
