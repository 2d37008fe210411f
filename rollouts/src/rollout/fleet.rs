//! Which ReplicaSet is which: the canary carries the current template, the stable one was promoted last, all others are
//! retired. Decides nothing but this.

use super::{observed::Observed, replicas::Size, spec::Spec};
use crate::{child, template};
use chrono::{DateTime, Utc};
use crds::{ReplicaSet, Time, keys, kind};
use plan::Target;

/// A ReplicaSet seen as one revision of the Rollout.
#[derive(Clone, Copy, Debug)]
pub struct Revision<'a> {
    /// The ReplicaSet.
    pub set: &'a ReplicaSet,
}

impl<'a> Revision<'a> {
    /// The hash of its pod template: its identity.
    pub fn hash(self) -> &'a str {
        self.set.metadata.label(keys::POD_TEMPLATE_HASH).unwrap_or_default()
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        &self.set.metadata.name
    }

    /// When it was created.
    pub fn created(self) -> Option<Time> {
        self.set.metadata.creation_timestamp
    }

    /// Its revision number; 0 before it has one.
    pub fn number(self) -> u64 {
        self.set.metadata.revision()
    }

    /// What it asks for and what is available.
    pub fn size(self) -> Size {
        Size { asked: self.set.asked(), available: self.set.status.available_replicas }
    }

    /// Available pods that are still asked for.
    pub fn lasting(self) -> i32 {
        let size = self.size();
        size.available.min(size.asked)
    }

    /// Were its pods counted since it was asked for another number of them? Where none count there are none too many.
    pub fn is_counted(self) -> bool {
        self.size().available == 0 || self.set.status.observed_generation >= self.set.metadata.generation
    }

    /// Pods that exist.
    pub fn pods(self) -> i32 {
        self.set.status.replicas
    }

    /// When it may be scaled down, where that was put off. A text that is no time counts as passed.
    pub fn deadline(self) -> Option<DateTime<Utc>> {
        self.set.scale_down_deadline()
    }

    /// It still has pods that go when their time is over. One whose time is over already moves nothing any more.
    pub fn drains(self, now: DateTime<Utc>) -> bool {
        self.deadline().is_some_and(|deadline| deadline >= now) && self.size().asked > 0
    }

    /// The pods that it keeps after that.
    pub fn kept_then(self) -> i32 {
        let noted = self.set.metadata.annotation(keys::SCALE_DOWN_TO);
        noted.and_then(|text| text.parse().ok()).filter(|kept| *kept > 0).unwrap_or(0)
    }

    /// Whether its scaling down was put off.
    pub fn has_deadline(self) -> bool {
        self.set.metadata.annotation(keys::SCALE_DOWN_DEADLINE).is_some()
    }

    /// The Rollout's replicas when this was last scaled.
    pub fn desired_annotation(self) -> Option<&'a str> {
        self.set.metadata.annotation(keys::DESIRED_REPLICAS)
    }

    /// Every pod it asks for is available, and there is at least one.
    pub fn is_fully_available(self) -> bool {
        let size = self.size();
        size.asked > 0 && size.available >= size.asked
    }

    /// The object to write to.
    pub fn target(self) -> Target {
        Target::of(&kind::REPLICA_SET, &self.set.metadata)
    }
}

/// The Rollout as the owner of what is created for it.
pub fn owner(observed: &Observed) -> serde_json::Value {
    child::owner(&kind::ROLLOUT, &observed.rollout.metadata)
}

/// The Rollout's revisions by role.
#[derive(Clone, Debug)]
pub struct Fleet<'a> {
    /// Hash of the current template: that of the canary, or of the ReplicaSet that is to be created.
    pub hash: String,
    /// The revision of the current template. It may be the stable one as well.
    pub canary: Option<Revision<'a>>,
    /// The revision that was promoted last.
    pub stable: Option<Revision<'a>>,
    /// All others, newest first.
    pub retired: Vec<Revision<'a>>,
    /// ReplicaSets without controller that the selector matches.
    pub orphans: Vec<Revision<'a>>,
    /// All that it controls.
    pub all: Vec<Revision<'a>>,
}

impl<'a> Fleet<'a> {
    /// Sorts the ReplicaSets into roles.
    pub fn of(observed: &'a Observed, spec: &Spec<'_>) -> Self {
        let rollout = &observed.rollout;
        let alive = observed.replica_sets.iter().filter(|set| !set.metadata.is_deleted()).map(|set| Revision { set });
        let (all, others): (Vec<_>, Vec<_>) =
            alive.partition(|revision| revision.set.metadata.is_controlled_by(&rollout.metadata.uid));
        let orphans = others
            .into_iter()
            .filter(|revision| revision.set.metadata.controller().is_none() && !revision.hash().is_empty())
            .filter(|revision| {
                rollout.spec.selector.as_ref().is_some_and(|selector| selector.matches(&revision.set.metadata.labels))
            })
            .collect();
        let computed = template::hash(&spec.template, rollout.status.collision_count);
        // Another controller may have hashed the same template differently: then what it says decides.
        let canary = all
            .iter()
            .find(|revision| revision.hash() == computed)
            .or_else(|| all.iter().find(|revision| template::same(&template::bare(revision.set), &spec.template)))
            .copied();
        let stable_hash = rollout.status.stable_rs.as_deref().unwrap_or_default();
        let stable = all.iter().find(|revision| !stable_hash.is_empty() && revision.hash() == stable_hash).copied();
        let is_either = |name: &str| [canary, stable].iter().flatten().any(|revision| revision.name() == name);
        let mut retired: Vec<_> = all.iter().filter(|revision| !is_either(revision.name())).copied().collect();
        retired.sort_by(|one, two| two.number().cmp(&one.number()).then_with(|| one.name().cmp(two.name())));
        let hash = canary.map_or(computed, |revision| revision.hash().to_owned());
        Self { hash, canary, stable, retired, orphans, all }
    }

    /// The stable revision where it is not the canary as well.
    pub fn stable_beside_canary(&self) -> Option<Revision<'a>> {
        self.stable.filter(|stable| self.canary.is_none_or(|canary| canary.name() != stable.name()))
    }

    /// The current revision was there before the stable one.
    pub fn is_return(&self) -> bool {
        let pair = self.canary.zip(self.stable_beside_canary());
        pair.is_some_and(|(canary, stable)| canary.created() < stable.created())
    }

    /// The same, and fewer than so many revisions came between the two.
    pub fn is_return_within(&self, revisions: usize) -> bool {
        let (Some(canary), Some(stable)) = (self.canary, self.stable) else { return false };
        let is_between =
            |other: &&Revision<'_>| canary.created() < other.created() && other.created() < stable.created();
        self.is_return() && self.all.iter().filter(is_between).count() < revisions
    }

    /// The revision with this hash.
    pub fn by_hash(&self, hash: &str) -> Option<Revision<'a>> {
        self.all.iter().find(|revision| revision.hash() == hash).copied()
    }

    /// Available pods of all revisions.
    pub fn available(&self) -> i32 {
        self.all.iter().map(|revision| revision.size().available).sum()
    }

    /// Available pods that are still asked for. Counts lag behind: what was scaled down a moment ago looks available still.
    pub fn lasting(&self) -> i32 {
        self.all.iter().map(|revision| revision.lasting()).sum()
    }
}
