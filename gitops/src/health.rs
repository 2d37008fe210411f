//! Whether an object is well, and whether an Application is.
//!
//! Deployment, ReplicaSet, Service, Job and Rollout have a health; every other kind has none and holds nothing up. The
//! texts are the ones that people search for.

mod rollout;
mod workload;

use crate::key;
use serde_json::Value;
use std::fmt;

/// How well something is, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthCode {
    /// As it should be.
    Healthy,
    /// Waits for somebody.
    Suspended,
    /// On its way.
    Progressing,
    /// Not there.
    Missing,
    /// Failed.
    Degraded,
    /// Cannot be told.
    Unknown,
}

impl fmt::Display for HealthCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

/// How well something is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How well.
    pub code: HealthCode,
    /// Why; empty where there is nothing to say.
    pub message: String,
}

impl Health {
    /// A health with its reason.
    pub fn new(code: HealthCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The health of a live object; none where its kind has none.
pub fn of(object: &Value) -> Option<Health> {
    let kind = key::text(object, &["kind"]).unwrap_or("");
    let api_version = key::text(object, &["apiVersion"]).unwrap_or("");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let judge = match (group, kind) {
        ("apps", "Deployment") => workload::deployment,
        ("apps", "ReplicaSet") => workload::replica_set,
        ("", "Service") => workload::service,
        ("batch", "Job") => workload::job,
        ("argoproj.io", "Rollout") => rollout::rollout,
        _ => return None,
    };
    if key::at(object, &["metadata", "deletionTimestamp"]).is_some() {
        return Some(Health::new(HealthCode::Progressing, "Pending deletion"));
    }
    Some(judge(object))
}

/// The health of a whole: the worst of its parts, with up to three causes. `parts` are names and healths of the objects
/// that count; `wanted` says how many there should be, `present` how many of them are there.
pub fn aggregate(parts: &[(String, Health)], wanted: usize, present: usize) -> Health {
    if wanted > 0 && present == 0 {
        return Health::new(HealthCode::Missing, "");
    }
    let worst = parts.iter().map(|(_, health)| health.code).max().unwrap_or(HealthCode::Healthy);
    if worst == HealthCode::Healthy {
        return Health::new(worst, "");
    }
    let causes = parts.iter().filter(|(_, health)| health.code == worst).collect::<Vec<_>>();
    let named = causes.iter().take(3).map(|(name, health)| match health.message.as_str() {
        "" => name.clone(),
        message => format!("{name}: {message}"),
    });
    let mut message = named.collect::<Vec<_>>().join("; ");
    if causes.len() > 3 {
        message.push_str(&format!(" and {} more", causes.len() - 3));
    }
    Health::new(worst, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_without_health() {
        for (api_version, kind) in
            [("v1", "ConfigMap"), ("networking.istio.io/v1", "VirtualService"), ("argoproj.io/v1alpha1", "Application")]
        {
            assert_eq!(
                of(&json!({"apiVersion": api_version, "kind": kind, "metadata": {"deletionTimestamp": "x"}})),
                None
            );
        }
    }

    #[test]
    fn what_is_being_deleted_is_on_its_way() {
        let service =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert_eq!(of(&service), Some(Health::new(HealthCode::Progressing, "Pending deletion")));
    }

    #[test]
    fn the_worst_part_speaks_for_the_whole() {
        let part = |name: &str, code, message: &str| (name.to_owned(), Health::new(code, message));
        for (parts, wanted, present, code, message) in [
            (vec![], 0, 0, HealthCode::Healthy, ""),
            (vec![], 2, 0, HealthCode::Missing, ""),
            (vec![part("a", HealthCode::Healthy, "")], 2, 1, HealthCode::Healthy, ""),
            (
                vec![part("a", HealthCode::Progressing, "slow"), part("b", HealthCode::Suspended, "p")],
                2,
                2,
                HealthCode::Progressing,
                "a: slow",
            ),
            (
                vec!["a", "b", "c", "d", "e"].into_iter().map(|name| part(name, HealthCode::Degraded, "")).collect(),
                5,
                5,
                HealthCode::Degraded,
                "a; b; c and 2 more",
            ),
        ] {
            assert_eq!(aggregate(&parts, wanted, present), Health::new(code, message));
        }
    }
}
