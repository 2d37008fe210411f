//! What the plugin has seen of one Rollout or Experiment: copies of the objects that its view is made of, read once or kept up to date.
//!
//! Kinds that the person may not read, or that the cluster does not have, are left out, and a line says so: the rest of the
//! view is still worth seeing.

use crate::{
    Cluster, Error,
    cluster::{self, Which, full_name},
};
use chrono::{DateTime, Utc};
use crds::{AnalysisRun, EndpointSlice, Experiment, FieldError, Kind, Pod, ReplicaSet, Rollout, Service, keys, kind};
use futures::{Stream, StreamExt, stream};
use kube::{
    ResourceExt,
    api::DynamicObject,
    runtime::watcher::{self, Event},
};
use rollouts::view::{
    ExperimentScene, ExperimentView, Scene, View,
    explain::{Evidence, Explanation, Lease, Reference},
    paint::Line,
    text,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Objects of one kind, by name.
#[derive(Debug)]
struct Shelf<T> {
    objects: BTreeMap<String, Arc<T>>,
    /// What a new list has brought so far; it replaces the objects once it is complete.
    coming: BTreeMap<String, Arc<T>>,
    parse: fn(&Value) -> Result<T, FieldError>,
}

impl<T> Shelf<T> {
    fn new(parse: fn(&Value) -> Result<T, FieldError>) -> Self {
        Self { objects: BTreeMap::new(), coming: BTreeMap::new(), parse }
    }

    fn put(&mut self, object: &Value) {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        if let Ok(read) = (self.parse)(object) {
            self.objects.insert(name.to_owned(), Arc::new(read));
        }
    }

    fn apply(&mut self, event: Event<DynamicObject>) {
        match event {
            Event::Apply(object) => self.put(&cluster::whole(&object)),
            Event::Delete(object) => _ = self.objects.remove(&object.name_any()),
            Event::Init => self.coming.clear(),
            Event::InitApply(object) => {
                if let Ok(read) = (self.parse)(&cluster::whole(&object)) {
                    self.coming.insert(object.name_any(), Arc::new(read));
                }
            }
            Event::InitDone => self.objects = std::mem::take(&mut self.coming),
        }
    }

    fn all(&self) -> Vec<Arc<T>> {
        self.objects.values().cloned().collect()
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A Rollout and everything that belongs to it.
    Rollout,
    /// An Experiment and everything that belongs to it.
    Experiment,
}

impl Subject {
    /// Its kind.
    pub(crate) fn kind(self) -> Kind {
        self.part().kind()
    }

    fn part(self) -> Part {
        match self {
            Self::Rollout => Part::Rollout,
            Self::Experiment => Part::Experiments,
        }
    }

    /// The kinds beside its own.
    fn others(self) -> &'static [Part] {
        match self {
            Self::Rollout => &[Part::ReplicaSets, Part::Pods, Part::Runs, Part::Experiments],
            Self::Experiment => &[Part::ReplicaSets, Part::Pods, Part::Runs],
        }
    }
}

/// The kinds of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Rollout,
    ReplicaSets,
    Pods,
    Runs,
    Experiments,
}

impl Part {
    fn kind(self) -> Kind {
        match self {
            Self::Rollout => kind::ROLLOUT,
            Self::ReplicaSets => kind::REPLICA_SET,
            Self::Pods => kind::POD,
            Self::Runs => kind::ANALYSIS_RUN,
            Self::Experiments => kind::EXPERIMENT,
        }
    }

    /// Everything that a Rollout or an Experiment makes carries the hash, so that the rest of a large namespace stays away.
    fn which(self) -> Which {
        match self {
            Self::ReplicaSets | Self::Pods => Which { labels: Some(keys::POD_TEMPLATE_HASH), ..Which::default() },
            Self::Rollout | Self::Runs | Self::Experiments => Which::default(),
        }
    }
}

/// What happened to an object of a part, or to the watch of it.
pub(crate) type Change = (Part, Result<Event<DynamicObject>, watcher::Error>);

/// The objects of one view.
#[derive(Debug)]
pub(crate) struct Seen {
    subject: Subject,
    name: String,
    rollouts: Shelf<Rollout>,
    replica_sets: Shelf<ReplicaSet>,
    pods: Shelf<Pod>,
    runs: Shelf<AnalysisRun>,
    experiments: Shelf<Experiment>,
    /// Lines about what could not be read, each once.
    warnings: Vec<String>,
    warned: Vec<String>,
}

impl Seen {
    /// Reads everything once.
    pub(crate) async fn load(cluster: &Cluster, subject: Subject, name: &str) -> Result<Self, Error> {
        let mut seen = Self {
            subject,
            name: name.to_owned(),
            rollouts: Shelf::new(Rollout::from_value),
            replica_sets: Shelf::new(ReplicaSet::from_value),
            pods: Shelf::new(Pod::from_value),
            runs: Shelf::new(AnalysisRun::from_value),
            experiments: Shelf::new(Experiment::from_value),
            warnings: Vec::new(),
            warned: Vec::new(),
        };
        let object = cluster.get(&subject.kind(), name).await?;
        match subject {
            Subject::Rollout => _ = cluster::read(&subject.kind(), &object, Rollout::from_value)?,
            Subject::Experiment => _ = cluster::read(&subject.kind(), &object, Experiment::from_value)?,
        }
        seen.put(subject.part(), &object);
        let lists =
            subject.others().iter().map(|part| async { (*part, cluster.list(&part.kind(), &part.which()).await) });
        for (part, listed) in futures::future::join_all(lists).await {
            match listed {
                Ok(objects) => objects.iter().for_each(|object| seen.put(part, object)),
                Err(error @ Error::Refused { code: 403, .. }) => seen.warn(error.line()),
                // A cluster without these definitions has no such objects.
                Err(Error::UnknownKind { .. }) if matches!(part, Part::Runs | Part::Experiments) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(seen)
    }

    /// Everything that happens from now on, beginning with all that is there.
    pub(crate) fn changes(&self, cluster: &Cluster) -> impl Stream<Item = Change> + Send + Unpin + use<> {
        let own = self.subject.part();
        let named = Which { name: Some(self.name.clone()), ..Which::default() };
        let others = self.subject.others().iter().map(|part| (*part, part.which()));
        stream::select_all(
            [(own, named)]
                .into_iter()
                .chain(others)
                .map(|(part, which)| cluster.watch(&part.kind(), &which).map(move |event| (part, event)).boxed()),
        )
    }

    fn put(&mut self, part: Part, object: &Value) {
        match part {
            Part::Rollout => self.rollouts.put(object),
            Part::ReplicaSets => self.replica_sets.put(object),
            Part::Pods => self.pods.put(object),
            Part::Runs => self.runs.put(object),
            Part::Experiments => self.experiments.put(object),
        }
    }

    /// Takes a change in.
    pub(crate) fn apply(&mut self, (part, change): Change) {
        let event = match change {
            Ok(event) => event,
            Err(error) => return self.interrupted(part, &error),
        };
        match part {
            Part::Rollout => self.rollouts.apply(event),
            Part::ReplicaSets => self.replica_sets.apply(event),
            Part::Pods => self.pods.apply(event),
            Part::Runs => self.runs.apply(event),
            Part::Experiments => self.experiments.apply(event),
        }
    }

    fn interrupted(&mut self, part: Part, error: &watcher::Error) {
        let is_expected = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.code == 404 || status.code == 403,
            // A server ends watches now and then.
            watcher::Error::WatchError(_) => true,
            _ => false,
        };
        if !is_expected || part == self.subject.part() && !matches!(error, watcher::Error::WatchError(_)) {
            self.warn(format!("the watch of {} was interrupted and starts again: {error}", full_name(&part.kind())));
        }
    }

    fn warn(&mut self, line: String) {
        if !self.warned.contains(&line) {
            self.warned.push(line.clone());
            self.warnings.push(line);
        }
    }

    /// The warnings since this was last asked.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// The Rollout that is looked at.
    pub(crate) fn rollout(&self) -> Option<Arc<Rollout>> {
        self.rollouts.objects.get(&self.name).cloned()
    }

    /// Why the Rollout is as it is.
    pub(crate) fn explanation(&self, more: &More, now: DateTime<Utc>) -> Option<Explanation> {
        let scene = Scene {
            rollout: self.rollouts.objects.get(&self.name)?,
            replica_sets: &self.replica_sets.all(),
            pods: &self.pods.all(),
            runs: &self.runs.all(),
            experiments: &self.experiments.all(),
            why: &[],
        };
        let evidence = Evidence {
            scene,
            services: more.services.as_deref(),
            slices: more.slices.as_deref(),
            references: &more.references,
            leases: more.leases.as_deref(),
            unread: &more.unread,
        };
        Some(Explanation::of(&evidence, now))
    }

    /// The view; `None` once what is looked at is gone.
    pub(crate) fn view(&self, now: DateTime<Utc>) -> Option<Shown> {
        let (replica_sets, pods, runs) = (self.replica_sets.all(), self.pods.all(), self.runs.all());
        Some(match self.subject {
            Subject::Rollout => {
                let scene = Scene {
                    rollout: self.rollouts.objects.get(&self.name)?,
                    replica_sets: &replica_sets,
                    pods: &pods,
                    runs: &runs,
                    experiments: &self.experiments.all(),
                    why: &[],
                };
                Shown::Rollout(View::of(&scene, now))
            }
            Subject::Experiment => {
                let experiment = self.experiments.objects.get(&self.name)?;
                let scene = ExperimentScene { experiment, replica_sets: &replica_sets, pods: &pods, runs: &runs };
                Shown::Experiment(ExperimentView::of(&scene, now))
            }
        })
    }
}

/// What an explanation needs beside the view. `None` is what may not be read.
#[derive(Debug, Default)]
pub(crate) struct More {
    pub services: Option<Vec<Arc<Service>>>,
    pub slices: Option<Vec<Arc<EndpointSlice>>>,
    pub references: Vec<Reference>,
    pub leases: Option<Vec<Lease>>,
    pub unread: Vec<String>,
}

/// What is seen, as a person sees it.
#[derive(Debug)]
pub(crate) enum Shown {
    Rollout(View),
    Experiment(ExperimentView),
}

impl Shown {
    /// All lines.
    pub(crate) fn lines(&self) -> Vec<Line> {
        match self {
            Self::Rollout(view) => text::lines(view),
            Self::Experiment(view) => text::experiment_lines(view),
        }
    }

    /// Whether both show the same, but for the time.
    pub(crate) fn shows_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rollout(one), Self::Rollout(other)) => one.shows_same_as(other),
            (Self::Experiment(one), Self::Experiment(other)) => one.shows_same_as(other),
            _ => false,
        }
    }
}
