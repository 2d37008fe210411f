//! `retry`: asks the controller to try an aborted update again, from its first step, or to run an Experiment once more.

use crate::{Cluster, Error};
use crds::kind;
use serde_json::json;

/// Asks for another try of an update.
pub async fn retry(cluster: &Cluster, name: &str) -> Result<String, Error> {
    cluster.merge_status(name, json!({ "abort": false })).await?;
    Ok(format!("rollout '{name}' retried"))
}

/// Asks for another run of an Experiment: one without a status has not begun.
pub async fn retry_experiment(cluster: &Cluster, name: &str) -> Result<String, Error> {
    cluster.merge(&kind::EXPERIMENT, name, &json!({ "status": null })).await?;
    Ok(format!("experiment '{name}' retried"))
}
