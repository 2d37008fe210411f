//! `pause`: holds a Rollout where it is, until somebody promotes it.

use crate::{Cluster, Error};
use crds::kind;
use serde_json::json;

/// Holds it.
pub async fn pause(cluster: &Cluster, name: &str) -> Result<String, Error> {
    cluster.merge(&kind::ROLLOUT, name, &json!({ "spec": { "paused": true } })).await?;
    Ok(format!("rollout '{name}' paused"))
}
