//! `abort`: asks the controller to take an update back. Nothing is read first, so that it works whatever the state.

use crate::{Cluster, Error};
use serde_json::json;

/// Asks for an abort.
pub async fn abort(cluster: &Cluster, name: &str) -> Result<String, Error> {
    cluster.merge_status(name, json!({ "abort": true })).await?;
    Ok(format!("rollout '{name}' aborted"))
}
