//! What the controller counts about itself and its objects, under the names that dashboards in the field know.
//!
//! Counters live here; what is told of objects (`rollout_info` and its like) is read from the stores when somebody scrapes.
//! Names and labels are the interface: `docs/operate` lists them. Nothing here is read by a decision.

mod objects;
mod process;

use crate::queue::{Key, Kind, QueueFigures};
pub(crate) use objects::{
    MetricFigures, Objects, RolloutFigures, RolloutLabels, RunFigures, RunLabels, TemplateFigures,
};
use plan::{Event, EventType};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use rollouts::Ended;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Upper bounds of the reconcile histogram, in seconds.
const BUCKETS: [f64; 5] = [0.01, 0.15, 0.25, 0.5, 1.0];
/// Upper bounds of the histograms of whole updates, in seconds: from a test's canary to one that takes days.
const UPDATE_BUCKETS: [f64; 14] =
    [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0, 259_200.0];

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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: String,
}

type HistogramsBy<Labels> = Family<Labels, Histogram, fn() -> Histogram>;
type Histograms = HistogramsBy<ObjectLabels>;

/// How long updates took: as a whole, without the time in which a person held them, and that time.
struct Updates([HistogramsBy<StatusLabels>; 3]);

impl Updates {
    fn registered(registry: &mut Registry) -> Self {
        let names = [
            ("rollout_duration_seconds", "From the start of an update to its end"),
            ("rollout_progression_duration_seconds", "The same without the time in which a person held it"),
            ("rollout_manual_pause_duration_seconds", "Time in which a person held an update"),
        ];
        Self(names.map(|(name, help)| {
            let family = Family::new_with_constructor((|| Histogram::new(UPDATE_BUCKETS)) as fn() -> Histogram);
            registry.register(name, help, family.clone());
            family
        }))
    }
}

struct Counters {
    registry: Registry,
    reconciles: BTreeMap<Kind, Histograms>,
    errors: BTreeMap<Kind, Family<ObjectLabels, Gauge>>,
    updates: Updates,
    requests: Family<RequestLabels, Counter>,
    events: BTreeMap<EventLabels, u64>,
}

/// The controller's counters. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Mutex<Counters>>);

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
        let updates = Updates::registered(&mut registry);
        let events = BTreeMap::new();
        Self(Arc::new(Mutex::new(Counters { registry, reconciles, errors, updates, requests, events })))
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

    /// An update ended.
    pub(crate) fn ended(&self, update: &Ended) {
        let labels = StatusLabels { status: update.how.clone() };
        let counters = self.counters();
        let figures = [update.secs, update.secs.saturating_sub(update.held_secs), update.held_secs];
        for (family, secs) in counters.updates.0.iter().zip(figures) {
            family.get_or_create(&labels).observe(secs as f64);
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

    /// Everything as text, with what is told of the objects and of the keys that wait.
    pub(crate) fn text(&self, objects: &Objects, queues: &BTreeMap<Kind, QueueFigures>) -> String {
        let mut now = Registry::default();
        objects::tell(&mut now, objects);
        tell_queues(&mut now, queues);
        process::tell(&mut now);
        let counters = self.counters();
        let events = Family::<EventLabels, Counter>::default();
        for (labels, count) in &counters.events {
            events.get_or_create(labels).inc_by(*count);
        }
        now.register("rollout_events", "Events sent about a Rollout", events);
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = text::encode_registry(&mut out, &counters.registry);
        let _ = text::encode_registry(&mut out, &now);
        let _ = text::encode_eof(&mut out);
        out
    }
}

fn tell_queues(registry: &mut Registry, queues: &BTreeMap<Kind, QueueFigures>) {
    let (depth, adds) = (Family::<QueueLabels, Gauge>::default(), Family::<QueueLabels, Counter>::default());
    for (kind, figures) in queues {
        let labels = QueueLabels { name: format!("{kind}s") };
        depth.get_or_create(&labels).set(i64::try_from(figures.depth).unwrap_or(i64::MAX));
        adds.get_or_create(&labels).inc_by(figures.adds);
    }
    registry.register("workqueue_depth", "Objects that want to be looked at", depth);
    registry.register("workqueue_adds", "How often objects wanted to be looked at", adds);
}

#[cfg(test)]
mod tests;
