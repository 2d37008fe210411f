//! `restart`: has all pods replaced, a few at a time, now or later.

use crate::{Cluster, Error};
use chrono::TimeDelta;
use crds::{Time, kind};
use rollouts::view::age::short;
use serde_json::json;
use std::time::Duration;

/// Asks for a restart so long after now.
pub async fn restart(cluster: &Cluster, name: &str, wait: Duration) -> Result<String, Error> {
    let now = cluster.now();
    let at = TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait));
    let at = at.ok_or_else(|| Error::Usage("--in is too long".into()))?;
    cluster.merge(&kind::ROLLOUT, name, &json!({ "spec": { "restartAt": Time::from(at) } })).await?;
    Ok(format!("rollout '{name}' restarts in {}", short(at - now)))
}
