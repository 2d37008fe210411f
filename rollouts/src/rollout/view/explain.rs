//! Why does a Rollout not move? The chain from the Rollout down to a pod's or a measurement's own words, what will happen
//! next and when, and what a person can do.
//!
//! Everything is read: status, conditions, ReplicaSets, pods, runs, Services, routes and leases. Nothing is guessed: what
//! stands nowhere, or may not be read, is said to be unknown. It decides nothing.

mod gate;
mod leader;
mod pods;
mod reference;
mod run;
mod standing;
mod step;
mod text;

pub use leader::lease_names;
pub use reference::{sought, wants_endpoints};
pub use text::lines;

use super::{Phase, Scene, Summary, age, tree};
use chrono::{DateTime, TimeDelta, Utc};
use crds::{EndpointSlice, ReplicaSet, Rollout, Service, Time, keys, rollout::RolloutStatus};
use std::sync::Arc;

/// What an explanation is made of. `None` is what may not be read.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The Rollout and everything that belongs to it.
    pub scene: Scene<'a>,
    /// Services of its namespace.
    pub services: Option<&'a [Arc<Service>]>,
    /// EndpointSlices of its namespace.
    pub slices: Option<&'a [Arc<EndpointSlice>]>,
    /// Objects that the spec names beside Services, and whether each is there.
    pub references: &'a [Reference],
    /// Leases under the names of controllers.
    pub leases: Option<&'a [Lease]>,
    /// What could not be read, in the server's words.
    pub unread: &'a [String],
}

/// An object that the spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it is there; `None` where that may not be read.
    pub is_there: Option<bool>,
}

/// A lease that a controller leads by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Who holds it; empty where nobody does.
    pub holder: String,
    /// When it was last renewed.
    pub renewed: Option<DateTime<Utc>>,
    /// For how long that is good.
    pub duration: TimeDelta,
}

/// Why a Rollout is as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// When it was looked at.
    pub at: DateTime<Utc>,
    /// The Rollout's name.
    pub name: String,
    /// The Rollout's namespace.
    pub namespace: String,
    /// The Rollout's phase.
    pub phase: Phase,
    /// Why it is in that phase; may be empty.
    pub message: String,
    /// Where it stands, and below that what holds it there.
    pub chain: Link,
    /// What happens by itself, and when.
    pub next: Vec<String>,
    /// What a person can do.
    pub advice: Vec<Advice>,
    /// What would have to be known and is not.
    pub unknown: Vec<String>,
}

/// One link of the chain; what is below is why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// A sentence.
    pub what: String,
    /// Since when, where that is known.
    pub since: Option<DateTime<Utc>>,
    /// Why.
    pub below: Vec<Link>,
}

impl Link {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), since: None, below: Vec::new() }
    }

    fn since(self, time: Option<Time>) -> Self {
        Self { since: time.map(DateTime::from), ..self }
    }

    fn over(mut self, below: impl IntoIterator<Item = Link>) -> Self {
        self.below.extend(below);
        self
    }
}

/// Something that a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What for.
    pub what: String,
    /// How.
    pub command: Command,
}

/// A command line, without the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Of the plugin.
    Own(String),
    /// Of kubectl.
    Kubectl(String),
    /// Of kubectl, and of no namespace.
    Anywhere(String),
}

fn own(what: &str, command: impl Into<String>) -> Advice {
    Advice { what: what.into(), command: Command::Own(command.into()) }
}

fn kubectl(what: impl Into<String>, command: impl Into<String>) -> Advice {
    Advice { what: what.into(), command: Command::Kubectl(command.into()) }
}

/// What one reason adds to an explanation.
#[derive(Clone, Debug, Default)]
struct Part {
    links: Vec<Link>,
    next: Vec<String>,
    advice: Vec<Advice>,
    unknown: Vec<String>,
}

impl Part {
    fn of(link: Link) -> Self {
        Self { links: vec![link], ..Self::default() }
    }

    /// Says what happens by itself.
    fn then(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    fn advising(mut self, advice: impl IntoIterator<Item = Advice>) -> Self {
        self.advice.extend(advice);
        self
    }

    fn and(mut self, other: Self) -> Self {
        self.links.extend(other.links);
        self.next.extend(other.next);
        self.advice.extend(other.advice);
        self.unknown.extend(other.unknown);
        self
    }
}

/// What the rules of an explanation share.
#[derive(Clone, Debug)]
struct Case<'a> {
    evidence: &'a Evidence<'a>,
    rollout: &'a Rollout,
    /// The Rollout's ReplicaSets, oldest first.
    sets: Vec<&'a ReplicaSet>,
    now: DateTime<Utc>,
}

impl<'a> Case<'a> {
    fn of(evidence: &'a Evidence<'a>, now: DateTime<Utc>) -> Self {
        let rollout = evidence.scene.rollout;
        Self { evidence, rollout, sets: tree::replica_sets_of(&evidence.scene, &rollout.metadata.uid), now }
    }

    fn name(&self) -> &'a str {
        &self.rollout.metadata.name
    }

    fn status(&self) -> &'a RolloutStatus {
        &self.rollout.status
    }

    fn set_of(&self, hash: Option<&str>) -> Option<&'a ReplicaSet> {
        let hash = hash.filter(|hash| !hash.is_empty())?;
        self.sets.iter().copied().find(|set| set.metadata.label(keys::POD_TEMPLATE_HASH) == Some(hash))
    }

    /// The ReplicaSet of the current template.
    fn new_set(&self) -> Option<&'a ReplicaSet> {
        self.set_of(self.status().current_pod_hash.as_deref())
    }

    /// A time that lies ahead, as the end of something.
    fn until(&self, time: DateTime<Utc>) -> String {
        format!("{} (in {})", time.format("%H:%M:%S UTC"), age::short((time - self.now).max(TimeDelta::zero())))
    }

    /// How long ago; clocks may differ by a little.
    fn ago(&self, time: Time) -> String {
        age::short((self.now - time.0).max(TimeDelta::zero()))
    }

    /// A time that lies ahead, or just behind.
    fn at(&self, time: DateTime<Utc>) -> String {
        let clock = time.format("%H:%M:%S UTC");
        match time - self.now {
            left if left >= TimeDelta::zero() => format!("at {clock}, in {}", age::short(left)),
            late => format!("at {clock}, {} ago", age::short(-late)),
        }
    }
}

impl Explanation {
    /// Explains a Rollout.
    pub fn of(evidence: &Evidence<'_>, now: DateTime<Utc>) -> Self {
        let case = Case::of(evidence, now);
        let Summary { name, namespace, phase, message, .. } = Summary::of(case.rollout);
        let held = gate::all(&case);
        let (root, standing) = standing::of(&case, phase, &held);
        let held = held.and(standing);
        let mut unknown = held.unknown;
        unknown.extend(evidence.unread.iter().cloned());
        Self {
            at: now,
            name,
            namespace,
            phase,
            message,
            chain: Link { below: held.links, ..root },
            next: once_each(held.next),
            advice: once_each(held.advice),
            unknown: once_each(unknown),
        }
    }
}

/// Two reasons may call for the same.
fn once_each<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}
