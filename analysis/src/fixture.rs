//! Runs and metrics for the tables next to the rules, written as the JSON that people write. Only tests use it.
//! Times are counted in seconds from a fixed moment.

use crate::{
    Observed,
    metric::{self, Metric},
    refusal::Refusal,
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::AnalysisRun;
use serde_json::{Value, json};
use std::sync::Arc;

/// So many seconds after the start of the story.
pub(crate) fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("is a time") + TimeDelta::seconds(secs)
}

/// The same on the wire.
pub(crate) fn time(secs: i64) -> String {
    crds::Time(at(secs)).to_string()
}

/// A run with this spec and status.
pub(crate) fn observed(spec: Value, status: Value) -> Observed {
    let metadata = json!({"name": "check", "namespace": "shop", "uid": "u1", "resourceVersion": "1"});
    let run =
        AnalysisRun::from_value(&json!({"metadata": metadata, "spec": spec, "status": status})).expect("the run reads");
    Observed {
        run: Arc::new(run),
        answers: vec![],
        controller_namespace: "leadline".into(),
        prometheus_address: Some("http://prometheus:9090".into()),
    }
}

/// The metrics of a run with this spec.
pub(crate) fn metrics(spec: Value) -> Result<Vec<Metric>, Refusal> {
    metric::parse(&observed(spec, json!({})))
}

/// A metric with these fields that asks Prometheus for `up`.
pub(crate) fn metric(fields: Value) -> Metric {
    let mut metric = json!({"name": "m", "provider": {"prometheus": {"query": "up"}}});
    for (key, value) in fields.as_object().expect("fields are an object") {
        metric[key] = value.clone();
    }
    metrics(json!({"metrics": [metric]})).expect("the metric is valid").remove(0)
}
