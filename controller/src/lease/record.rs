//! What a Lease says: who holds it, for how long, and since when.

use super::micro_time;
use crate::settings::LeaseSettings;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::time::Duration;

/// A Lease as it was read.
pub(super) struct Held {
    /// Who holds it; empty when nobody does.
    pub(super) holder: String,
    /// The spec itself: it counts as kept alive when this changes.
    pub(super) record: Value,
}

impl Held {
    pub(super) fn of(lease: &Value) -> Self {
        let record = lease.get("spec").cloned().unwrap_or_default();
        let holder = record.get("holderIdentity").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { holder, record }
    }

    /// How long the record may stay unchanged before it counts as given up.
    pub(super) fn duration(&self, ours: Duration) -> Duration {
        self.record.get("leaseDurationSeconds").and_then(Value::as_u64).map_or(ours, Duration::from_secs)
    }

    fn text(&self, field: &str) -> Option<String> {
        self.record.get(field).and_then(Value::as_str).map(str::to_owned)
    }

    fn transitions(&self) -> i64 {
        self.record.get("leaseTransitions").and_then(Value::as_i64).unwrap_or(0)
    }
}

/// A Lease as we write it.
pub(super) struct Spec {
    holder: String,
    duration_secs: u64,
    acquired: String,
    renewed: String,
    transitions: i64,
}

impl Spec {
    /// Held by us from now on, or still.
    pub(super) fn renewed(before: Option<&Held>, settings: &LeaseSettings, now: DateTime<Utc>) -> Self {
        let is_ours = before.is_some_and(|held| held.holder == settings.identity);
        let kept = before.filter(|_| is_ours).and_then(|held| held.text("acquireTime"));
        let changed_hands = i64::from(before.is_some() && !is_ours);
        Self {
            holder: settings.identity.clone(),
            duration_secs: settings.duration.as_secs(),
            acquired: kept.unwrap_or_else(|| micro_time(now)),
            renewed: micro_time(now),
            transitions: before.map_or(0, Held::transitions).saturating_add(changed_hands),
        }
    }

    /// Held by nobody; a duration of one second lets a successor in at once.
    pub(super) fn released(before: &Held, now: DateTime<Utc>) -> Self {
        let now = micro_time(now);
        Self {
            holder: String::new(),
            duration_secs: 1,
            acquired: now.clone(),
            renewed: now,
            transitions: before.transitions(),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        json!({
            "holderIdentity": self.holder,
            "leaseDurationSeconds": self.duration_secs,
            "acquireTime": self.acquired,
            "renewTime": self.renewed,
            "leaseTransitions": self.transitions,
        })
    }
}
