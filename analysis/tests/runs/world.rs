//! A world of one run: it applies the writes of a plan, answers its asks, and lets time pass when the plan is quiet.
//! It decides nothing and never looks into a run.

use analysis::{Observed, decide};
use chrono::{DateTime, TimeDelta, Utc};
use crds::AnalysisRun;
use plan::{Answer, Answered, Ask, HttpReply, MetricAsk, Plan, Requeue, Verb};
use serde_json::{Value, json};
use std::{fmt::Write, sync::Arc};

/// What a provider says to an ask.
pub(crate) type Reply = Result<HttpReply, String>;

/// An answer of Prometheus with one sample.
pub(crate) fn sample(value: &str) -> Reply {
    let body =
        json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, value]}]}});
    Ok(HttpReply { status: 200, body: body.to_string() })
}

/// A run and its surroundings.
pub(crate) struct World {
    /// The run as JSON, as the API server holds it.
    pub(crate) object: Value,
    pub(crate) answers: Vec<Answered>,
    pub(crate) now: DateTime<Utc>,
    /// What the plans said, with the time of each.
    pub(crate) transcript: String,
    pub(crate) is_deleted: bool,
}

impl World {
    pub(crate) fn new(spec: Value) -> Self {
        let metadata = json!({"name": "check", "namespace": "shop", "uid": "u1", "resourceVersion": "1"});
        let object = json!({"metadata": metadata, "spec": spec});
        let now = DateTime::parse_from_rfc3339("2026-11-23T10:00:00Z").expect("is a time").with_timezone(&Utc);
        Self { object, answers: vec![], now, transcript: String::new(), is_deleted: false }
    }

    pub(crate) fn observed(&self) -> Observed {
        Observed {
            run: Arc::new(AnalysisRun::from_value(&self.object).expect("the run reads")),
            answers: self.answers.clone(),
            controller_namespace: "leadline".into(),
            prometheus_address: Some("http://prometheus:9090".into()),
        }
    }

    pub(crate) fn plan(&self) -> Plan {
        decide(&self.observed(), self.now)
    }

    /// Applies the plan's writes.
    pub(crate) fn apply(&mut self, plan: &Plan) {
        for write in plan.writes() {
            match &write.verb {
                Verb::Patch { body, subresource: None, .. } => merge(&mut self.object, body),
                Verb::Delete { .. } => self.is_deleted = true,
                other => panic!("a run is patched or deleted, not {other:?}"),
            }
        }
        let version =
            self.object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse::<u32>().ok());
        self.object["metadata"]["resourceVersion"] = json!((version.unwrap_or_default() + 1).to_string());
    }

    /// Answers an ask; the answer takes 100 ms.
    pub(crate) fn answer(&mut self, ask: &Ask, reply: Reply) {
        let answered_at = self.now + TimeDelta::milliseconds(100);
        self.answers.push(Answered {
            ask: ask.clone(),
            answer: Answer::Metric(reply),
            asked_at: self.now,
            answered_at,
        });
    }

    /// Plays on until the run is quiet for good, deleted, or `limit` plans were carried out.
    pub(crate) fn play(&mut self, limit: usize, mut provider: impl FnMut(&MetricAsk) -> Reply) -> &str {
        for _ in 0..limit {
            let plan = self.plan();
            self.tell(&plan);
            self.apply(&plan);
            for ask in &plan.asks {
                let Ask::Metric(metric) = ask else { panic!("a run asks for metrics only") };
                let reply = provider(metric);
                self.answer(ask, reply);
            }
            if !plan.asks.is_empty() {
                self.now += TimeDelta::milliseconds(100);
            }
            match (plan.is_quiet(), plan.requeue) {
                (true, Requeue::At(time)) => self.now = time,
                (true, Requeue::Never) => break,
                (false, _) => {}
            }
            if self.is_deleted {
                break;
            }
        }
        &self.transcript
    }

    /// One line a write, one an Event: what people would read.
    fn tell(&mut self, plan: &Plan) {
        for write in plan.writes() {
            writeln!(self.transcript, "{} {}", self.now.format("%M:%S"), write.because).expect("writes to a text");
            for event in &write.events {
                writeln!(self.transcript, "      {:?} {}: {}", event.event_type, event.reason, event.message)
                    .expect("writes to a text");
            }
        }
    }

    pub(crate) fn status(&self) -> &Value {
        &self.object["status"]
    }
}

/// A JSON merge patch.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().map(|object| object.remove(key));
        } else {
            merge(&mut target[key], value);
        }
    }
}
