//! What the rules for an Experiment look at, and which events wake it.

use super::{
    OWNER, Stores,
    keep::{KeptExperiment, KeptRollout, Owner},
    left, sides,
};
use crate::{
    queue::{Key, Kind},
    settings::Settings,
    watch::store::{Change, IndexKey},
};
use crds::{Experiment, ObjectMeta, Service};
use std::sync::Arc;

impl Stores {
    /// What the rules for an Experiment look at; `None` when there is no such Experiment.
    pub(crate) fn experiment(
        &self,
        key: &Key,
        settings: &Settings,
        refused: Option<rollouts::Refusal>,
    ) -> Option<rollouts::experiment::Observed> {
        let kept = self.experiments.get(&key.namespace, &key.name)?;
        let meta = &kept.experiment.metadata;
        let templates = self.templates.within(&meta.namespace);
        let cluster_templates = self.cluster_templates.all();
        let routed = self.rollout_over(&kept.experiment).map(|rollout| self.routed.routes(&rollout.references.objects));
        Some(rollouts::experiment::Observed {
            experiment: Arc::clone(&kept.experiment),
            unreadable: kept.unreadable.clone(),
            routed: routed.unwrap_or_default(),
            replica_sets: self.sets(OWNER, &meta.namespace, &meta.uid)?,
            services: self.services.by(OWNER, &meta.namespace, &meta.uid),
            runs: self.runs.by(OWNER, &meta.namespace, &meta.uid),
            templates: templates.into_iter().map(|template| (template.metadata.name.clone(), template)).collect(),
            cluster_templates: cluster_templates.into_iter().map(|it| (it.metadata.name.clone(), it)).collect(),
            instance_id: Some(settings.instance_id.clone()).filter(|id| !id.is_empty()),
            refused,
        })
    }

    /// The Experiments that something controls.
    pub(super) fn experiments_of(&self, namespace: &str, uid: &str) -> Vec<Arc<Experiment>> {
        self.experiments.by(OWNER, namespace, uid).iter().map(|kept| Arc::clone(&kept.experiment)).collect()
    }

    /// The Rollout that an Experiment belongs to.
    pub(super) fn rollout_over(&self, experiment: &Experiment) -> Option<Arc<KeptRollout>> {
        let owner = Owner::of(&experiment.metadata)?;
        self.rollouts.identified(&experiment.metadata.namespace, &owner.name, &owner.uid)
    }

    /// The Experiments of a Rollout, and the Rollout itself.
    pub(super) fn with_experiments(&self, rollout: Key) -> Vec<Key> {
        let uid = self.rollouts.uid(&rollout.namespace, &rollout.name).unwrap_or_default();
        let experiments = self.experiments_of(&rollout.namespace, &uid);
        [rollout].into_iter().chain(experiments.iter().map(|it| experiment_key(&it.metadata))).collect()
    }

    /// The Rollout whose Experiment made a Service.
    pub(super) fn trying(&self, namespace: &str, service: &str) -> Option<Key> {
        let maker = Owner::of(&self.services.get(namespace, service)?.metadata)?;
        let kept = self.experiments.identified(namespace, &maker.name, &maker.uid)?;
        self.controlling(namespace, &Owner::of(&kept.experiment.metadata)?)
    }

    /// The Experiment that controls something.
    pub(super) fn experiment_over(&self, namespace: &str, owner: &Owner) -> Option<Key> {
        let kept = self.experiments.identified(namespace, &owner.name, &owner.uid)?;
        Some(experiment_key(&kept.experiment.metadata))
    }

    /// Whom a changed Experiment wakes: itself and the Rollout that waits for it.
    pub(crate) fn woken_by_experiment(&self, change: &Change<KeptExperiment>) -> Vec<Key> {
        let mut keys = vec![Key::new(Kind::Experiment, &*change.name.0, &*change.name.1)];
        for kept in sides(change) {
            let meta = &kept.experiment.metadata;
            keys.extend(Owner::of(meta).and_then(|owner| self.controlling(&meta.namespace, &owner)));
        }
        keys
    }

    /// Whom a changed Service wakes: the Rollouts that name it, and the Experiment that made it.
    pub(crate) fn woken_by_changed_service(&self, change: &Change<Service>) -> Vec<Key> {
        let marks = sides(change).flat_map(|service| left::rollouts_of(&service.metadata));
        let owners = sides(change).filter_map(|service| Owner::of(&service.metadata));
        let made = owners.filter_map(|owner| self.experiment_over(&change.name.0, &owner));
        made.chain(self.woken_by_service(&change.name.0, &change.name.1)).chain(marks).collect()
    }

    /// The Experiments that may still ask for a template.
    pub(super) fn unfinished_experiments(&self, namespace: Option<&str>) -> Vec<Key> {
        let kept = match namespace {
            Some(namespace) => self.experiments.within(namespace),
            None => self.experiments.all(),
        };
        let unfinished = kept.iter().filter(|kept| !kept.experiment.status.phase.is_completed());
        unfinished.map(|kept| experiment_key(&kept.experiment.metadata)).collect()
    }
}

/// The Services of an Experiment that runs: a route may lead there.
pub(super) fn services_of(experiment: &Experiment) -> impl Iterator<Item = String> + '_ {
    let running = Some(&experiment.status).filter(|status| !status.phase.is_completed());
    let templates = running.into_iter().flat_map(|status| &status.template_statuses);
    templates.filter_map(|template| template.service_name.clone())
}

/// By its controller, where it has one: nobody asks for the others.
pub(super) fn if_controlled(meta: &ObjectMeta) -> Vec<IndexKey> {
    meta.controller().map(|owner| (OWNER, meta.namespace.clone(), owner.uid.clone())).into_iter().collect()
}

fn experiment_key(meta: &ObjectMeta) -> Key {
    Key::new(Kind::Experiment, meta.namespace.as_str(), meta.name.as_str())
}
