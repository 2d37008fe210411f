//! What the controller counts about itself and its objects, under the names that dashboards in the field know.
//!
//! Counters live here; what is told of objects (`rollout_info` and its like) is read from the stores when somebody scrapes.
//! Names and labels are the interface: `docs/operate` lists them. Nothing here is read by a decision.

use crate::queue::{Key, Kind};
use plan::{Event, EventType};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Upper bounds of the reconcile histogram, in seconds.
const BUCKETS: [f64; 5] = [0.01, 0.15, 0.25, 0.5, 1.0];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct ObjectLabels {
    namespace: String,
    name: String,
}

impl From<&Key> for ObjectLabels {
    fn from(key: &Key) -> Self {
        Self { namespace: key.namespace.clone(), name: key.name.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct EventLabels {
    namespace: String,
    name: String,
    r#type: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    kind: String,
    verb: String,
    status_code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    version: String,
}

/// The state of a Rollout as dashboards count it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RolloutLabels {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) strategy: String,
    pub(crate) traffic_router: String,
    pub(crate) phase: String,
}

/// What is told of one Rollout.
#[derive(Clone, Debug)]
pub(crate) struct RolloutFigures {
    pub(crate) labels: RolloutLabels,
    pub(crate) desired: i32,
    pub(crate) available: i32,
    pub(crate) updated: i32,
}

/// What is told of one AnalysisRun: namespace, name, phase.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RunLabels {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    namespace: String,
    name: String,
    strategy: String,
    phase: String,
}

type Histograms = Family<ObjectLabels, Histogram, fn() -> Histogram>;

struct Counters {
    registry: Registry,
    reconciles: BTreeMap<Kind, Histograms>,
    errors: BTreeMap<Kind, Family<ObjectLabels, Gauge>>,
    requests: Family<RequestLabels, Counter>,
    events: BTreeMap<EventLabels, u64>,
}

/// The controller's counters. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Counters>>);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Rollout => "rollout",
        Kind::AnalysisRun => "analysis_run",
        Kind::Experiment => "experiment",
        Kind::Application => "application",
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let (mut reconciles, mut errors) = (BTreeMap::new(), BTreeMap::new());
        for kind in [Kind::Rollout, Kind::AnalysisRun, Kind::Experiment, Kind::Application] {
            let prefix = prefix(kind);
            let histograms: Histograms = Family::new_with_constructor(|| Histogram::new(BUCKETS));
            registry.register(
                format!("{prefix}_reconcile"),
                "Duration of one pass over an object, in seconds",
                histograms.clone(),
            );
            reconciles.insert(kind, histograms);
            // A gauge, since the encoder would put `_total` behind the name of a counter and dashboards know it without.
            let failures = Family::<ObjectLabels, Gauge>::default();
            registry.register(
                format!("{prefix}_reconcile_error"),
                "Passes that ended in a refused write",
                failures.clone(),
            );
            errors.insert(kind, failures);
        }
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register(
            "controller_clientset_k8s_request",
            "Requests for single objects to the API server",
            requests.clone(),
        );
        let version = VersionLabels { version: env!("CARGO_PKG_VERSION").to_owned() };
        for name in ["argo_rollouts_controller_info", "build_info"] {
            let family = Family::<VersionLabels, Gauge>::default();
            family.get_or_create(&version).set(1);
            registry.register(name, "Version of the running controller", family);
        }
        Self(Arc::new(Mutex::new(Counters { registry, reconciles, errors, requests, events: BTreeMap::new() })))
    }
}

impl Metrics {
    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was answered; code 0 means that it was not.
    pub(crate) fn requested(&self, kind: &str, verb: &str, status_code: u16) {
        let labels = RequestLabels { kind: kind.to_owned(), verb: verb.to_owned(), status_code };
        self.counters().requests.get_or_create(&labels).inc();
    }

    /// A pass over an object ended.
    pub(crate) fn passed(&self, key: &Key, took: Duration, is_refused: bool) {
        let counters = self.counters();
        if let Some(histograms) = counters.reconciles.get(&key.kind) {
            histograms.get_or_create(&key.into()).observe(took.as_secs_f64());
        }
        if is_refused && let Some(failures) = counters.errors.get(&key.kind) {
            failures.get_or_create(&key.into()).inc();
        }
    }

    /// An Event was sent.
    pub(crate) fn told(&self, key: &Key, event: &Event) {
        if key.kind != Kind::Rollout {
            return;
        }
        let event_type = match event.event_type {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        let labels = EventLabels {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            r#type: event_type.to_owned(),
            reason: event.reason.clone(),
        };
        *self.counters().events.entry(labels).or_default() += 1;
    }

    /// Drops what was counted about an object that is no more.
    pub(crate) fn forget(&self, key: &Key) {
        let mut counters = self.counters();
        if let Some(histograms) = counters.reconciles.get(&key.kind) {
            histograms.remove(&key.into());
        }
        if let Some(failures) = counters.errors.get(&key.kind) {
            failures.remove(&key.into());
        }
        if key.kind == Kind::Rollout {
            counters.events.retain(|labels, _| labels.namespace != key.namespace || labels.name != key.name);
        }
    }

    /// Everything as text, with what is told of the objects.
    pub(crate) fn text(&self, rollouts: &[RolloutFigures], runs: &[RunLabels]) -> String {
        let mut objects = Registry::default();
        tell_rollouts(&mut objects, rollouts);
        tell_runs(&mut objects, runs);
        let counters = self.counters();
        let events = Family::<EventLabels, Counter>::default();
        for (labels, count) in &counters.events {
            events.get_or_create(labels).inc_by(*count);
        }
        objects.register("rollout_events", "Events sent about a Rollout", events);
        let memory = Gauge::<i64>::default();
        memory.set(resident_bytes().unwrap_or(0));
        objects.register("process_resident_memory_bytes", "Resident memory of the process", memory);
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = text::encode_registry(&mut out, &counters.registry);
        let _ = text::encode_registry(&mut out, &objects);
        let _ = text::encode_eof(&mut out);
        out
    }
}

fn tell_rollouts(registry: &mut Registry, rollouts: &[RolloutFigures]) {
    let info = Family::<RolloutLabels, Gauge>::default();
    let phases = Family::<PhaseLabels, Gauge>::default();
    let names = ["desired", "available", "updated", "unavailable"];
    let replicas: Vec<Family<ObjectLabels, Gauge>> = names.iter().map(|_| Family::default()).collect();
    let known: BTreeSet<&str> =
        ["Completed", "Progressing", "Paused", "Error", "Timeout", "Abort", "InvalidSpec"].into();
    for RolloutFigures { labels, desired, available, updated } in rollouts {
        info.get_or_create(labels).set(1);
        let RolloutLabels { namespace, name, strategy, phase, .. } = labels.clone();
        for known in &known {
            let labels = PhaseLabels {
                namespace: namespace.clone(),
                name: name.clone(),
                strategy: strategy.clone(),
                phase: (*known).to_owned(),
            };
            phases.get_or_create(&labels).set(i64::from(phase == *known));
        }
        let labels = ObjectLabels { namespace, name };
        let figures = [*desired, *available, *updated, desired.saturating_sub(*available).max(0)];
        for (family, figure) in replicas.iter().zip(figures) {
            family.get_or_create(&labels).set(figure.into());
        }
    }
    registry.register("rollout_info", "State of each Rollout", info);
    registry.register("rollout_phase", "State of each Rollout; use rollout_info", phases);
    for (name, family) in names.into_iter().zip(replicas) {
        registry.register(format!("rollout_info_replicas_{name}"), "Pods of each Rollout", family);
    }
}

fn tell_runs(registry: &mut Registry, runs: &[RunLabels]) {
    let info = Family::<RunLabels, Gauge>::default();
    let phases = Family::<RunLabels, Gauge>::default();
    for labels in runs {
        info.get_or_create(labels).set(1);
        for phase in ["Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"] {
            let told = RunLabels { phase: phase.to_owned(), ..labels.clone() };
            phases.get_or_create(&told).set(i64::from(labels.phase == phase));
        }
    }
    registry.register("analysis_run_info", "State of each AnalysisRun", info);
    registry.register("analysis_run_phase", "State of each AnalysisRun; use analysis_run_info", phases);
}

/// Resident memory of this process, where the system tells it.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_dashboards_know() {
        let metrics = Metrics::default();
        let key = Key::new(Kind::Rollout, "shop", "web");
        metrics.passed(&key, Duration::from_millis(2), true);
        metrics.requested("Rollout", "patch", 200);
        metrics.told(&key, &Event::normal("RolloutPaused", "paused"));
        let labels = RolloutLabels {
            namespace: "shop".into(),
            name: "web".into(),
            strategy: "canary".into(),
            traffic_router: "Istio".into(),
            phase: "Paused".into(),
        };
        let text = metrics.text(&[RolloutFigures { labels, desired: 5, available: 4, updated: 1 }], &[]);
        for line in [
            r#"rollout_reconcile_bucket{le="0.01",namespace="shop",name="web"} 1"#,
            r#"rollout_reconcile_error{namespace="shop",name="web"} 1"#,
            r#"controller_clientset_k8s_request_total{kind="Rollout",verb="patch",status_code="200"} 1"#,
            r#"rollout_events_total{namespace="shop",name="web",type="Normal",reason="RolloutPaused"} 1"#,
            r#"rollout_info{namespace="shop",name="web",strategy="canary",traffic_router="Istio",phase="Paused"} 1"#,
            r#"rollout_phase{namespace="shop",name="web",strategy="canary",phase="Completed"} 0"#,
            r#"rollout_info_replicas_unavailable{namespace="shop",name="web"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is in\n{text}");
        }
        metrics.forget(&key);
        assert!(!metrics.text(&[], &[]).contains("name=\"web\""), "a deleted object leaves nothing behind");
    }
}
