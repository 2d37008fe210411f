//! Compares everything that Git asks for with what is live, object by object.
//!
//! What a Rollout owns is taken from the live object first, so that a weight at 30 % is no difference. A difference is
//! believed once a dry run confirms it. Objects that Git no longer has come in as extras, see `prune`.

use crate::{
    Observed,
    desired::{self, Desired, Goal, Settings},
    diff::{self, Difference},
    health::{self, Health},
    key::Key,
    look::{self, Live, Look, Tree},
    manifest,
    memory::Memory,
    prune,
    tracking::Tracking,
    validate::Spec,
};
use chrono::{DateTime, Utc};
use crds::{Rollout, kind, owned};
use plan::{Ask, ObjectRef};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Errors of one tree that are told.
const MOST_TOLD: usize = 20;

/// One object, as it compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Which object.
    pub key: Key,
    /// The same with its version.
    pub reference: ObjectRef,
    /// What is to be applied: Git's object with what others own in it; none for an extra.
    pub target: Option<Value>,
    /// The object as it is; none when it is missing.
    pub live: Option<Value>,
    /// Where the two differ.
    pub differences: Vec<Difference>,
    /// What its annotations ask for.
    pub settings: Settings,
    /// A Rollout owns fields of it.
    pub is_shared: bool,
    /// How well it is, where its kind has a health.
    pub health: Option<Health>,
}

impl Compared {
    /// Git has it and the cluster has not.
    pub fn is_missing(&self) -> bool {
        self.target.is_some() && self.live.is_none()
    }

    /// The cluster has it and Git has not.
    pub fn is_extra(&self) -> bool {
        self.target.is_none()
    }

    /// Nothing is to be done about it.
    pub fn is_synced(&self) -> bool {
        self.target.is_some() && self.live.is_some() && self.differences.is_empty()
    }

    /// It makes the Application out of sync.
    pub fn is_out_of_sync(&self) -> bool {
        if self.is_extra() { !self.settings.is_extraneous } else { !self.is_synced() }
    }
}

/// All objects of an Application, as they compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The commit that was compared with.
    pub revision: String,
    /// Directory or Kustomize.
    pub source_type: String,
    /// The objects by name.
    pub objects: Vec<Compared>,
    /// Type and message of each warning.
    pub warnings: Vec<(&'static str, String)>,
    /// The destination's namespace is missing and no manifest brings it.
    pub is_namespace_missing: bool,
    /// When the live objects were looked at.
    pub live_at: DateTime<Utc>,
}

impl Comparison {
    /// Whether the cluster is as Git says.
    pub fn is_synced(&self) -> bool {
        !self.objects.iter().any(Compared::is_out_of_sync)
    }
}

/// Why there is no comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Hindrance {
    /// Something must be asked first; the text says what is being read.
    Asking(Vec<Ask>, &'static str),
    /// The tree or the live objects cannot be read, with everything that is wrong.
    Failed(String),
}

/// Compares a tree with what is live, not from before `since`.
pub fn compare(
    observed: &Observed,
    spec: &Spec,
    memory: &Memory<'_>,
    tree: &Tree,
    since: DateTime<Utc>,
) -> Result<Comparison, Hindrance> {
    let tracking = Tracking::of(&observed.application, &observed.controller_namespace);
    let goal = goal(spec, tree, &tracking)?;
    let namespace = (!spec.namespace.is_empty()).then(|| ObjectRef::of(&kind::NAMESPACE, "", &spec.namespace));
    let live = match look::live(observed, references(&goal, memory, namespace.as_ref()), since) {
        Look::Found(live) => live,
        Look::Asking(ask) => return Err(Hindrance::Asking(vec![*ask], "live objects")),
        Look::Failed(message) => return Err(Hindrance::Failed(message)),
    };
    // The Rollouts that may own fields: those that run, and those that Git brings or changes.
    let brought = brought(&goal);
    let rollouts = observed.rollouts.iter().map(Arc::as_ref).chain(&brought).collect::<Vec<_>>();
    let mut objects = Vec::new();
    let mut asks = Vec::new();
    for desired in goal.objects.values() {
        match compared(observed, desired, &live, &rollouts) {
            Ok(compared) => objects.push(compared),
            Err(ask) => asks.push(*ask),
        }
    }
    if !asks.is_empty() {
        return Err(Hindrance::Asking(asks, "a dry run"));
    }
    let warnings = warnings(&goal, &live, &tracking);
    objects.extend(prune::extras(memory, &goal, &live, &tracking));
    objects.sort_by(|one, two| one.key.cmp(&two.key));
    Ok(Comparison {
        revision: tree.answer.commit.clone(),
        source_type: tree.answer.source_type.clone(),
        is_namespace_missing: namespace
            .as_ref()
            .map(Key::of)
            .is_some_and(|key| !live.objects.contains_key(&key) && !goal.objects.contains_key(&key)),
        objects,
        warnings,
        live_at: live.seen_at,
    })
}

fn goal(spec: &Spec, tree: &Tree, tracking: &Tracking) -> Result<Goal, Hindrance> {
    let manifests = manifest::parse(&tree.answer).map_err(|errors| Hindrance::Failed(told(&errors)))?;
    desired::goal(&manifests, &spec.namespace, tracking).map_err(|errors| Hindrance::Failed(told(&errors)))
}

/// What is wrong with a tree, in one text. It goes into the status, which has a limit.
fn told(errors: &[impl ToString]) -> String {
    let mut told = errors.iter().take(MOST_TOLD).map(ToString::to_string).collect::<Vec<_>>();
    if errors.len() > MOST_TOLD {
        told.push(format!("and {} more", errors.len() - MOST_TOLD));
    }
    told.join("; ")
}

/// Everything that may be there: what Git has, what was reported before, and the destination's namespace. The order is
/// fixed, since the same question must be the same ask.
fn references(goal: &Goal, memory: &Memory<'_>, namespace: Option<&ObjectRef>) -> Vec<ObjectRef> {
    let wanted = goal.objects.iter().map(|(key, desired)| (key.clone(), desired.reference.clone()));
    let mut references = wanted.collect::<BTreeMap<_, _>>();
    for reference in memory.recorded().into_iter().chain(namespace.cloned()) {
        references.entry(Key::of(&reference)).or_insert(reference);
    }
    let mut references = references.into_values().collect::<Vec<_>>();
    references.sort();
    references
}

fn brought(goal: &Goal) -> Vec<Rollout> {
    let rollouts =
        goal.objects.values().filter(|it| it.key.group == kind::ROLLOUT.group && it.key.kind == kind::ROLLOUT.kind);
    rollouts.filter_map(|desired| Rollout::from_value(&desired.body).ok()).collect()
}

fn compared(observed: &Observed, desired: &Desired, live: &Live, rollouts: &[&Rollout]) -> Result<Compared, Box<Ask>> {
    let found = live.objects.get(&desired.key);
    let target = match found {
        Some(found) => owned::with_owned_from(rollouts, &desired.body, found),
        None => desired.body.clone(),
    };
    let mut differences = found.map(|found| diff::differences(&target, found)).unwrap_or_default();
    if let Some(found) = found.filter(|_| !differences.is_empty()) {
        match look::dry_run(observed, &desired.reference, &target, live.seen_at) {
            Look::Found(predicted) => differences = diff::confirmed(differences, &predicted, found),
            Look::Asking(ask) => return Err(ask),
            // The server refuses the object; the sync will say so with the object's name.
            Look::Failed(_) => {}
        }
    }
    Ok(Compared {
        key: desired.key.clone(),
        reference: desired.reference.clone(),
        target: Some(target),
        live: found.cloned(),
        differences,
        settings: desired.settings,
        is_shared: found.is_some() && owned::is_shared(rollouts, &desired.body),
        health: found.and_then(health::of),
    })
}

fn warnings(goal: &Goal, live: &Live, tracking: &Tracking) -> Vec<(&'static str, String)> {
    let repeated = goal.repeated.iter().map(|message| ("RepeatedResourceWarning", message.clone()));
    let shared = goal.objects.keys().filter_map(|key| {
        let owner = tracking.other_owner(key, live.objects.get(key)?)?;
        Some(("SharedResourceWarning", format!("{key} is part of another application: {owner}")))
    });
    repeated.chain(shared).collect()
}
