//! `retry rollout`: asks the controller to try an aborted update again, from its first step.

use crate::{Cluster, Error};
use serde_json::json;

/// Asks for another try.
pub async fn retry(cluster: &Cluster, name: &str) -> Result<String, Error> {
    cluster.merge_status(name, json!({ "abort": false })).await?;
    Ok(format!("rollout '{name}' retried"))
}
