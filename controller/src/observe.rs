//! What the stores hold, put together for the rules; and which objects an event wakes.
//!
//! Copies only: an `Observed` shares its parts with the stores and depends on nothing but them and the answers given so
//! far. An event wakes whoever's `Observed` it may change, found through indexes. Nothing here waits or calls.

mod absorb;
mod applications;
mod drift;
mod experiments;
mod figures;
mod keep;
mod left;
mod packed;
mod pods;
mod routed;
mod sources;
mod version;

use crate::{
    queue::{Key, Kind},
    settings::Settings,
    watch::store::{Change, IndexKey, Store},
};
pub(crate) use absorb::Said;
use crds::{
    AnalysisRun, AnalysisTemplate, Application, ClusterAnalysisTemplate, EndpointSlice, ObjectMeta, Pod, ReplicaSet,
    Rollout, Service,
};
pub(crate) use drift::Drift;
use keep::Owner;
pub(crate) use keep::{KeptExperiment, KeptReplicaSet, KeptRollout};
use packed::Kept;
use pods::PodAnnotations;
use routed::RoutedKinds;
use serde::{Serialize, de::DeserializeOwned};
pub(crate) use sources::Sources;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;
use tracing::error;

/// Everything that is watched.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) rollouts: Store<KeptRollout>,
    pub(crate) replica_sets: Store<KeptReplicaSet>,
    pub(crate) pods: Store<Pod>,
    pod_annotations: Arc<PodAnnotations>,
    server: version::Server,
    pub(crate) services: Store<Service>,
    pub(crate) endpoint_slices: Store<EndpointSlice>,
    pub(crate) routed: RoutedKinds,
    pub(crate) runs: Store<AnalysisRun>,
    pub(crate) experiments: Store<KeptExperiment>,
    pub(crate) templates: Store<AnalysisTemplate>,
    pub(crate) cluster_templates: Store<ClusterAnalysisTemplate>,
    pub(crate) applications: Store<Application>,
    /// Applications of which an object changed since they were looked at.
    touched: Mutex<BTreeSet<Key>>,
    applications_changed: Notify,
}

/// Facets under which objects are found.
const OWNER: &str = "owner";
const ORPHAN: &str = "orphan";
const SERVICE: &str = "service";

fn by_owner(namespace: &str, owner: Option<&str>) -> Vec<IndexKey> {
    let (facet, uid) = owner.map_or((ORPHAN, ""), |uid| (OWNER, uid));
    vec![(facet, namespace.to_owned(), uid.to_owned())]
}

fn by_controller(meta: &ObjectMeta) -> Vec<IndexKey> {
    by_owner(&meta.namespace, meta.controller().map(|owner| owner.uid.as_str()))
}

fn of_rollout(kept: &KeptRollout) -> Vec<IndexKey> {
    let services = kept.references.services.iter();
    let services = services.map(|name| (SERVICE, kept.namespace.to_string(), name.clone()));
    services.chain(routed::of_rollout(kept)).collect()
}

impl Stores {
    /// Empty ones. With Applications, all Rollouts are looked at again and again.
    pub(crate) fn new(settings: &Settings) -> Self {
        let is_packed = settings.packs_objects;
        let is_rollout_packed = is_packed && settings.applications.is_none();
        let pod_annotations = Arc::<PodAnnotations>::default();
        let annotations = Arc::clone(&pod_annotations);
        Self {
            rollouts: Store::new(if is_rollout_packed { keep::rollout } else { keep::whole_rollout }, of_rollout),
            replica_sets: Store::new(if is_packed { keep::replica_set } else { keep::whole_replica_set }, |kept| {
                by_owner(&kept.namespace, kept.controller.as_ref().map(|owner| &*owner.uid))
            }),
            pods: Store::new(
                move |object| keep::pod(object, annotations.are_wanted()),
                |object| by_controller(&object.metadata),
            ),
            pod_annotations,
            server: version::Server::default(),
            services: Store::new(keep::service, |service| {
                let marks = left::if_marked(&service.metadata);
                experiments::if_controlled(&service.metadata).into_iter().chain(marks).collect()
            }),
            endpoint_slices: Store::new(keep::endpoint_slice, |slice| {
                let service = slice.service_name().unwrap_or_default().to_owned();
                vec![(SERVICE, slice.metadata.namespace.clone(), service)]
            }),
            routed: RoutedKinds::default(),
            runs: Store::new(
                |object| keep::readable(AnalysisRun::from_value(object)),
                |run| by_controller(&run.metadata),
            ),
            experiments: Store::new(keep::experiment, |kept| experiments::if_controlled(&kept.experiment.metadata)),
            templates: Store::new(|object| keep::readable(AnalysisTemplate::from_value(object)), |_| Vec::new()),
            cluster_templates: Store::new(
                |object| keep::readable(ClusterAnalysisTemplate::from_value(object)),
                |_| Vec::new(),
            ),
            applications: Store::new(
                |object| keep::readable(Application::from_value(object)),
                applications::of_application,
            ),
            touched: Mutex::default(),
            applications_changed: Notify::new(),
        }
    }

    /// What the rules for a Rollout look at; `None` when there is no such Rollout.
    pub(crate) fn rollout(
        &self,
        key: &Key,
        settings: &Settings,
        refused: Option<rollouts::Refusal>,
    ) -> Option<rollouts::Observed> {
        let kept = self.rollouts.get(&key.namespace, &key.name)?;
        let rollout = opened(&kept.rollout)?;
        let references = &kept.references;
        let routed = self.routed.observed(&references.objects);
        let (rollout, workload) = rollouts::rollout::workload::resolved(rollout, &routed);
        let meta = &rollout.metadata;
        let namespace = &meta.namespace;
        let mut replica_sets = self.sets(OWNER, namespace, &meta.uid)?;
        if let Some(selector) = &rollout.spec.selector {
            let orphans = self.sets(ORPHAN, namespace, "")?;
            replica_sets.extend(orphans.into_iter().filter(|set| selector.matches(&set.metadata.labels)));
        }
        let pods = replica_sets.iter().flat_map(|set| self.pods.by(OWNER, namespace, &set.metadata.uid)).collect();
        let mut names = references.services.clone();
        names.extend(routed::services_behind(&routed));
        let experiments = self.experiments_of(namespace, &meta.uid);
        names.extend(experiments.iter().flat_map(|experiment| experiments::services_of(experiment)));
        names.sort();
        names.dedup();
        let endpoint_slices = names.iter().flat_map(|name| self.endpoint_slices.by(SERVICE, namespace, name)).collect();
        let services =
            names.into_iter().filter_map(|name| Some((name.clone(), self.services.get(namespace, &name)?))).collect();
        let marked = self.marked(namespace, &meta.name);
        let templates = self.templates.within(namespace);
        let templates = templates.into_iter().map(|template| (template.metadata.name.clone(), template)).collect();
        let cluster_templates = self.cluster_templates.all();
        let cluster_templates =
            cluster_templates.into_iter().map(|template| (template.metadata.name.clone(), template)).collect();
        Some(rollouts::Observed {
            runs: self.runs.by(OWNER, namespace, &meta.uid),
            experiments,
            rollout,
            unreadable: kept.unreadable.as_deref().cloned(),
            replica_sets,
            pods,
            services,
            endpoint_slices,
            routed,
            workload,
            closed_kinds: self.routed.closed(&references.objects),
            templates,
            cluster_templates,
            marked,
            server: self.server.version(),
            instance_id: Some(settings.instance_id.clone()).filter(|id| !id.is_empty()),
            refused,
        })
    }

    /// All Rollouts.
    pub(crate) fn all_rollouts(&self) -> Vec<Arc<Rollout>> {
        self.rollouts.all().iter().filter_map(|kept| opened(&kept.rollout)).collect()
    }

    /// All or none: a revision that is overlooked would be made once more.
    fn sets(&self, facet: &'static str, namespace: &str, value: &str) -> Option<Vec<Arc<ReplicaSet>>> {
        self.replica_sets.by(facet, namespace, value).iter().map(|kept| opened(&kept.set)).collect()
    }

    fn rollouts_of(&self, facet: &'static str, namespace: &str, value: &str) -> Vec<Key> {
        self.rollouts.by(facet, namespace, value).iter().map(|kept| rollout_key(kept)).collect()
    }

    /// The Rollout that controls something.
    fn controlling(&self, namespace: &str, owner: &Owner) -> Option<Key> {
        self.rollouts.identified(namespace, &owner.name, &owner.uid).map(|kept| rollout_key(&kept))
    }

    /// The Rollouts that may adopt something with these labels.
    fn adopting(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Vec<Key> {
        let rollouts = self.rollouts.within(namespace);
        let adopt = |kept: &KeptRollout| {
            let rollout = opened(&kept.rollout)?;
            rollout.spec.selector.as_ref()?.matches(labels).then(|| rollout_key(kept))
        };
        rollouts.iter().filter_map(|kept| adopt(kept)).collect()
    }

    /// Who looks after a ReplicaSet: the Rollout that controls it, or those that may adopt it.
    fn rollouts_over(&self, kept: &KeptReplicaSet) -> Vec<Key> {
        match &kept.controller {
            Some(owner) => self.controlling(&kept.namespace, owner).into_iter().collect(),
            None => {
                opened(&kept.set).map(|set| self.adopting(&kept.namespace, &set.metadata.labels)).unwrap_or_default()
            }
        }
    }

    /// Whom a changed ReplicaSet wakes.
    pub(crate) fn woken_by_replica_set(&self, change: &Change<KeptReplicaSet>) -> Vec<Key> {
        let experiment = |kept: &Arc<KeptReplicaSet>| self.experiment_over(&kept.namespace, kept.controller.as_ref()?);
        let experiments = sides(change).filter_map(experiment);
        sides(change).flat_map(|kept| self.rollouts_over(kept)).chain(experiments).collect()
    }

    /// Whom a changed pod wakes.
    pub(crate) fn woken_by_pod(&self, change: &Change<Pod>) -> Vec<Key> {
        let pod = change.after.as_ref().or(change.before.as_ref());
        let Some((pod, owner)) = pod.and_then(|pod| Some((pod, Owner::of(&pod.metadata)?))) else { return Vec::new() };
        let set = self.replica_sets.identified(&pod.metadata.namespace, &owner.name, &owner.uid);
        set.map(|kept| self.rollouts_over(&kept)).unwrap_or_default()
    }

    /// Which Rollouts a changed Service, or the endpoints behind it, wakes.
    pub(crate) fn woken_by_service(&self, namespace: &str, name: &str) -> Vec<Key> {
        let mut keys = self.rollouts_of(SERVICE, namespace, name);
        keys.extend(self.routed_to(namespace, name));
        keys.extend(self.trying(namespace, name));
        keys
    }

    /// Whom changed endpoints wake.
    pub(crate) fn woken_by_endpoints(&self, change: &Change<EndpointSlice>) -> Vec<Key> {
        let named =
            |slice: &Arc<EndpointSlice>| Some((slice.metadata.namespace.clone(), slice.service_name()?.to_owned()));
        let services: Vec<_> = sides(change).filter_map(named).collect();
        services.iter().flat_map(|(namespace, name)| self.woken_by_service(namespace, name)).collect()
    }

    /// Whom a changed AnalysisRun wakes: itself and the Rollout or the Experiment that waits for it.
    pub(crate) fn woken_by_run(&self, change: &Change<AnalysisRun>) -> Vec<Key> {
        let mut keys = vec![Key::new(Kind::AnalysisRun, &*change.name.0, &*change.name.1)];
        for run in sides(change) {
            let Some(owner) = Owner::of(&run.metadata) else { continue };
            keys.extend(self.controlling(&run.metadata.namespace, &owner));
            keys.extend(self.experiment_over(&run.metadata.namespace, &owner));
        }
        keys
    }

    /// Whom a changed template wakes: any Rollout or Experiment of its namespace may wait for it.
    pub(crate) fn woken_by_template(&self, namespace: &str) -> Vec<Key> {
        let rollouts = self.rollouts.within(namespace);
        rollouts.iter().map(|kept| rollout_key(kept)).chain(self.unfinished_experiments(Some(namespace))).collect()
    }

    /// Whom a changed cluster-wide template wakes.
    pub(crate) fn woken_by_cluster_template(&self) -> Vec<Key> {
        let rollouts = self.rollouts.all();
        rollouts.iter().map(|kept| rollout_key(kept)).chain(self.unfinished_experiments(None)).collect()
    }
}

fn rollout_key(kept: &KeptRollout) -> Key {
    Key::new(Kind::Rollout, &*kept.namespace, &*kept.name)
}

/// Opens an object. What was packed can be opened; should it not be so, nothing is decided on it.
fn opened<T: Serialize + DeserializeOwned>(kept: &Kept<T>) -> Option<Arc<T>> {
    kept.open().inspect_err(|error| error!(error = crate::logging::chain(error), "an object is lost")).ok()
}

/// The object before and after, as far as it was there: an owner that lost it is woken too.
fn sides<T>(change: &Change<T>) -> impl Iterator<Item = &Arc<T>> {
    change.before.iter().chain(&change.after)
}

#[cfg(test)]
mod tests;
