//! Which images run, and on which side of the update.

use super::{Role, Scene, tree};
use crate::rollout::fleet::Revision;
use crds::{Experiment, ReplicaSet, keys};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// An image that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Its name.
    pub image: String,
    /// On which sides.
    pub tags: Vec<Tag>,
}

/// Where an image runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Tag {
    /// In a ReplicaSet with this role.
    Role(Role),
    /// In this template of an Experiment.
    Experiment(String),
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => out.write_str(role.word()),
            Self::Experiment(template) => write!(out, "Σ:{template}"),
        }
    }
}

/// The images of all ReplicaSets that have pods.
pub(super) fn running(scene: &Scene<'_>) -> Vec<Image> {
    let rollout = scene.rollout;
    let mut images: BTreeMap<String, Vec<Tag>> = BTreeMap::new();
    for set in tree::replica_sets_of(scene, &rollout.metadata.uid) {
        let roles = Role::all_of(rollout, Revision { set }.hash());
        add(&mut images, set, roles.into_iter().map(Tag::Role).collect());
    }
    for experiment in tree::experiments_of(scene) {
        add_experiment(&mut images, scene, experiment);
    }
    listed(images)
}

/// The images of an Experiment's ReplicaSets that have pods.
pub(super) fn of_experiment(scene: &Scene<'_>, experiment: &Experiment) -> Vec<Image> {
    let mut images = BTreeMap::new();
    add_experiment(&mut images, scene, experiment);
    listed(images)
}

fn listed(images: BTreeMap<String, Vec<Tag>>) -> Vec<Image> {
    images.into_iter().map(|(image, tags)| Image { image, tags }).collect()
}

fn add_experiment(images: &mut BTreeMap<String, Vec<Tag>>, scene: &Scene<'_>, experiment: &Experiment) {
    for set in tree::replica_sets_of(scene, &experiment.metadata.uid) {
        let template = set.metadata.annotation(keys::EXPERIMENT_TEMPLATE_NAME);
        add(images, set, template.map(|name| Tag::Experiment(name.to_owned())).into_iter().collect());
    }
}

fn add(images: &mut BTreeMap<String, Vec<Tag>>, set: &ReplicaSet, tags: Vec<Tag>) {
    if set.status.replicas <= 0 {
        return;
    }
    let template = set.spec.template.value();
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    for image in containers.into_iter().flatten().filter_map(|container| container.get("image")?.as_str()) {
        match images.get_mut(image) {
            None => _ = images.insert(image.to_owned(), tags.clone()),
            Some(known) => {
                known.extend(tags.iter().cloned());
                known.sort_by_key(ToString::to_string);
                known.dedup();
            }
        }
    }
}
