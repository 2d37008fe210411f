//! The invariants of a safe switch, judged on the server itself at every write of a controller and at every tick of the mesh.
//!
//! What the controller cannot know is not held against it: pods that failed a moment ago, or anything while its reads fail.
//! Where nobody does damage no request may be lost at all.

use crate::storm::{
    facts::{End, Facts},
    records,
    sky::{Weather, Wind},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sim::{
    clock::Clock,
    server::{
        Server,
        call::{Call, Verb},
    },
    simulation::{AGENT, Deserted, NEWS},
    world::mesh::Mesh,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// After reads have failed it may take so long until everything is listed again.
const RECOVERY: TimeDelta = TimeDelta::seconds(40);
/// Deadlines of drained pods are kept in whole seconds.
const ROUNDING: TimeDelta = TimeDelta::seconds(1);
/// What is remembered of shares and sizes.
const KEPT: TimeDelta = TimeDelta::seconds(60);

type Moment = DateTime<Utc>;

/// Somebody who looks on.
pub(crate) struct Watch {
    server: Server,
    clock: Clock,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    /// How the server was at this revision.
    facts: Arc<Facts>,
    read_at: u64,
    before: Arc<Facts>,
    rollout_before: Option<Arc<Value>>,
    wrong: Vec<String>,
    deserted: Deserted,
    /// The shares that revisions had, of how many replicas, and when they had them last.
    shares: Vec<(Moment, String, i64, i64)>,
    /// The spec's replicas, the fewest pods that must stay and the most there may be, and when that was so last.
    sizes: Vec<(Moment, i64, i64, i64)>,
    aborted: Option<(String, Moment)>,
    /// When pods failed last, or what was wanted changed.
    shaken: Option<Moment>,
    /// Ready pods by set, as the last tick saw them.
    pods: BTreeMap<String, i64>,
    /// Decisions may be older than `NEWS`.
    blind_until: Option<Moment>,
    weather: Option<Weather>,
    last_write: Option<Moment>,
    lost: u64,
    /// Somebody asked for a Rollout that need not keep a pod, and since then requests have not come through again.
    is_unpromised: bool,
    is_excused: bool,
}

impl Watch {
    pub(crate) fn on(server: Server, clock: Clock) -> Watch {
        Watch { server, clock, pages: Mutex::default() }
    }

    /// What was broken first.
    pub(crate) fn wrong(&self) -> Option<String> {
        self.pages().wrong.first().cloned()
    }

    /// How the server is now. It is looked at again only when something was written.
    fn facts(&self) -> Arc<Facts> {
        let mut pages = self.pages();
        let revision = self.server.revision();
        if pages.read_at != revision {
            (pages.facts, pages.read_at) = (Arc::new(Facts::of(&self.server)), revision);
        }
        Arc::clone(&pages.facts)
    }

    /// From now on others do damage, or no longer.
    pub(crate) fn excuse(&self, is_excused: bool) {
        self.pages().is_excused = is_excused;
    }

    /// Is what others broke still broken, so that requests are lost?
    pub(crate) fn is_damaged(&self) -> bool {
        let facts = self.facts();
        facts.ends.iter().any(|end| end.weight > 0 && end.ready == 0) || facts.sets.iter().all(|set| set.ready == 0)
    }

    /// How the server treats the controllers from now on.
    pub(crate) fn weather(&self, weather: Option<Weather>) {
        self.pages().weather = weather;
    }

    /// How long no controller has changed anything but runs.
    pub(crate) fn quiet(&self) -> TimeDelta {
        let now = self.clock.now();
        self.pages().last_write.map_or(TimeDelta::MAX, |last| now - last)
    }

    pub(crate) fn enters(&self, call: &Call, body: &[u8]) {
        if call.user_agent != AGENT || ["events", "leases"].contains(&call.resource.as_str()) {
            return;
        }
        if call.verb == Verb::Patch && !records::names_its_version(body) {
            let found = format!("{} {:?} is patched whatever came between", call.resource, call.name);
            self.pages().wrong.push(found);
        }
        if is_of_switch(call) {
            let facts = self.facts();
            self.pages().before = facts;
        }
        if call.resource == "rollouts" {
            let rollout = records::rollout(&self.server);
            self.pages().rollout_before = rollout;
        }
    }

    pub(crate) fn leaves(&self, call: &Call) {
        if call.user_agent != AGENT || ["events", "leases"].contains(&call.resource.as_str()) {
            return;
        }
        let broken = self.records(call);
        self.pages().wrong.extend(broken);
        if call.resource == "analysisruns" {
            return;
        }
        let (now, after) = (self.clock.now(), self.facts());
        let mut pages = self.pages();
        pages.last_write = Some(now);
        if is_of_switch(call) {
            let found = pages.judge(call, &after, now);
            let what = call.name.as_deref().unwrap_or_default();
            let told =
                found.into_iter().map(|found| format!("{now}: {:?} {} {what}: {found}", call.verb, call.resource));
            pages.wrong.extend(told);
        }
        pages.remember(&after, now);
    }

    /// What a write says about the memory.
    fn records(&self, call: &Call) -> Option<String> {
        match (call.verb, call.resource.as_str()) {
            (Verb::Create, "analysisruns") => records::unrecorded(&self.server, "AnalysisRun"),
            (Verb::Create, "experiments") => records::unrecorded(&self.server, "Experiment"),
            (Verb::Patch, "rollouts") => {
                let before = self.pages().rollout_before.take()?;
                records::skipped(&self.server, &before, &*records::rollout(&self.server)?)
            }
            _ => None,
        }
    }

    /// A tick of the mesh.
    pub(crate) fn tick(&self, mesh: &Mesh) {
        let (now, facts) = (self.clock.now(), self.facts());
        let mut pages = self.pages();
        pages.remember(&facts, now);
        pages.notice_failures(&facts, now);
        let lost = mesh.lost();
        let need_none_stay = !facts.is_routed && pages.sizes.iter().any(|(_, _, fewest, _)| *fewest == 0);
        pages.is_unpromised = need_none_stay || (pages.is_unpromised && (facts.lasting() == 0 || lost > pages.lost));
        if lost > pages.lost && !pages.is_excused && !pages.is_unpromised {
            let example = mesh.counts().lost.last().map(|lost| format!("{}: {}", lost.cluster, lost.why));
            let found = format!("{now}: {} requests are lost, such as {example:?}", lost - pages.lost);
            pages.wrong.push(found);
        }
        pages.lost = lost;
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does a call change what requests depend on?
fn is_of_switch(call: &Call) -> bool {
    ["replicasets", "virtualservices", "services", "destinationrules"].contains(&call.resource.as_str())
}

impl Pages {
    fn remember(&mut self, facts: &Facts, now: Moment) {
        for end in &facts.ends {
            self.deserted.note(&end.service, &end.hash, end.ready, now);
        }
        for set in &facts.sets {
            let share = facts.share_of(&set.hash);
            match self.shares.iter_mut().rfind(|(_, hash, ..)| *hash == set.hash) {
                Some((at, _, known, of)) if (*known, *of) == (share, facts.replicas) => *at = now,
                _ => self.shares.push((now, set.hash.clone(), share, facts.replicas)),
            }
        }
        self.shares.retain(|(at, ..)| now - *at < KEPT);
        match self.sizes.last_mut() {
            Some((at, replicas, fewest, most))
                if (*replicas, *fewest, *most) == (facts.replicas, facts.fewest, facts.most) =>
            {
                *at = now;
            }
            _ => self.sizes.push((now, facts.replicas, facts.fewest, facts.most)),
        }
        self.sizes.retain(|(at, ..)| now - *at < KEPT);
        if facts.is_aborted && facts.current != facts.stable {
            let known = self.aborted.take().filter(|(hash, _)| *hash == facts.current);
            self.aborted = Some(known.unwrap_or((facts.current.clone(), now)));
        } else {
            self.aborted = None;
        }
        if let Some(weather) = self.weather {
            let after = if weather.on_reads { RECOVERY } else { TimeDelta::zero() };
            let slow = if let Wind::Delay(time) = weather.wind {
                TimeDelta::from_std(time).unwrap_or(RECOVERY)
            } else {
                TimeDelta::zero()
            };
            if weather.on_reads || slow > TimeDelta::zero() {
                self.blind_until = Some(now + after + slow + NEWS);
            }
        }
    }

    /// Pods that are fewer than before although nobody asked them to go.
    fn notice_failures(&mut self, facts: &Facts, now: Moment) {
        for set in &facts.sets {
            let had = self.pods.insert(set.name.clone(), set.ready).unwrap_or(0);
            if set.ready < had.min(set.asked) {
                self.shaken = Some(now);
            }
        }
        self.pods.retain(|name, _| facts.sets.iter().any(|set| set.name == *name));
        let gone = self.pods.len() < self.before.sets.len();
        if gone {
            self.shaken = Some(now);
        }
    }

    /// Can the controller know how pods and people's wishes are?
    fn sees(&self, now: Moment) -> bool {
        self.blind_until.is_none_or(|until| until < now) && self.shaken.is_none_or(|at| now - at > NEWS)
    }

    fn judge(&self, call: &Call, after: &Facts, now: Moment) -> Vec<String> {
        let mut found = Vec::new();
        let before = &*self.before;
        if call.resource == "virtualservices" {
            found.extend(sums(after));
            let weights = |facts: &Facts| facts.ends.iter().map(|end| end.weight).collect::<Vec<_>>();
            if weights(before) == weights(after) {
                found.push("a weight is written that is there already".into());
            }
            found.extend(self.rises_after_abort(after, now));
        }
        if self.sees(now) {
            found.extend(self.dead_ends(after, now));
        }
        if self.sees(now) && !self.is_excused && ["services", "destinationrules"].contains(&call.resource.as_str()) {
            found.extend(self.repointed(after));
        }
        if call.resource == "replicasets" {
            found.extend(self.sizes(call, after, now));
        }
        found
    }

    /// Ends that carry weight now, lead to nobody, and did not carry it or lead there before.
    fn dead_ends(&self, after: &Facts, now: Moment) -> Vec<String> {
        let is_news = |end: &&End| {
            let same = |old: &&End| old.route == end.route && old.is_canary == end.is_canary;
            let old = self.before.ends.iter().find(same);
            // The endpoints of a Service follow its selector: pods that are ready show a moment later.
            let has_pods = after.sets.iter().any(|set| set.hash == end.hash && set.lasting() > 0);
            let is_repointed = |old: &End| old.hash != end.hash && old.ready > 0 && !has_pods;
            old.is_none_or(|old| old.weight < end.weight || is_repointed(old))
        };
        let is_dead =
            |end: &&End| end.weight > 0 && end.ready == 0 && self.deserted.is_known(&end.service, &end.hash, now);
        // Where no end leads to anybody, none is better than another.
        let has_choice = |end: &&End| after.ends.iter().any(|other| other.route == end.route && other.ready > 0);
        let tell =
            |end: &End| format!("{} % of {} go to nobody: {:?} of {}", end.weight, end.route, end.hash, end.service);
        after.ends.iter().filter(is_dead).filter(is_news).filter(has_choice).map(tell).collect()
    }

    /// A canary's end that carries weight is pointed at another revision although somebody serves there.
    fn repointed(&self, after: &Facts) -> Option<String> {
        let same = |old: &&End, new: &End| old.route == new.route && old.is_canary == new.is_canary;
        let mut pairs =
            self.before.ends.iter().filter_map(|old| Some((old, after.ends.iter().find(|new| same(&old, new))?)));
        let (old, new) = pairs.find(|(old, new)| {
            old.is_canary && new.weight > 0 && old.ready > 0 && !old.hash.is_empty() && old.hash != new.hash
        })?;
        Some(format!("{} goes from {} to {} under {} % of {}", old.service, old.hash, new.hash, new.weight, old.route))
    }

    fn rises_after_abort(&self, after: &Facts, now: Moment) -> Option<String> {
        let (_, since) = self.aborted.as_ref()?;
        let highest = |facts: &Facts| facts.ends.iter().filter(|end| end.is_canary).map(|end| end.weight).max();
        let is_known = now - *since > NEWS && self.blind_until.is_none_or(|until| until < now);
        let (old, new) = (highest(&self.before), highest(after));
        (is_known && new > old).then(|| format!("after an abort the canary's share rises from {old:?} to {new:?}"))
    }

    /// What the size of a ReplicaSet must respect.
    fn sizes(&self, call: &Call, after: &Facts, now: Moment) -> Vec<String> {
        let mut found = Vec::new();
        let before = &*self.before;
        for old in &before.sets {
            let new = after.sets.iter().find(|set| set.name == old.name);
            let asked = new.map_or(0, |set| set.asked);
            if new.is_none() && old.asked > 0 {
                found.push(format!("{} is deleted with {} pods", old.name, old.asked));
            }
            if asked >= old.asked {
                continue;
            }
            let needed = self.needed(&old.hash, before, now);
            if asked < needed.min(old.asked) {
                found.push(format!("{} goes to {asked} pods; its share needs {needed}", old.name));
            }
            let others: i64 = after.sets.iter().filter(|set| set.name != old.name).map(|set| set.lasting()).sum();
            let may_all_go = !before.is_routed && self.fewest(before, now) == 0;
            if asked == 0
                && old.ready > 0
                && others == 0
                && !may_all_go
                && self.replicas(before, now) > 0
                && self.sees(now)
            {
                found.push(format!("the last healthy pods go: {}", old.name));
            }
        }
        let promised = self.fewest(before, now);
        let (had, has) = (before.lasting(), after.lasting());
        if has < had && has < promised && self.sees(now) {
            found.push(format!("{has} ready pods stay where {promised} are promised"));
        }
        let total = |facts: &Facts| facts.sets.iter().map(|set| set.asked).sum::<i64>();
        let most = self.recent(now).map(|(_, _, _, most)| *most).max().unwrap_or(0).max(before.most);
        let is_blind = self.blind_until.is_some_and(|until| until >= now);
        if !after.is_routed && !is_blind && call.verb == Verb::Patch && total(after) > total(before).max(most) {
            found.push(format!("{} pods are asked for where there may be {most}", total(after)));
        }
        found
    }

    /// Pods that a revision needs for what it had to carry within the drain time. More replicas than there were then ask for
    /// no pods to carry what is over.
    fn needed(&self, hash: &str, facts: &Facts, now: Moment) -> i64 {
        let drain = TimeDelta::seconds(facts.drain_secs) - ROUNDING;
        let fewest = self.replicas(facts, now);
        let is_scaled = facts.has_scales && hash == facts.current;
        let pods = |share: i64, replicas: i64| {
            if is_scaled { share.min(1).min(replicas) } else { (share * replicas + 99) / 100 }
        };
        let own = self.shares.iter().filter(|(at, of, ..)| now - *at < drain && of == hash);
        own.map(|(_, _, share, replicas)| pods(*share, fewest.min(*replicas))).max().unwrap_or(0)
    }

    fn recent(&self, now: Moment) -> impl Iterator<Item = &(Moment, i64, i64, i64)> {
        let is_blind = self.blind_until.is_some_and(|until| until >= now);
        self.sizes.iter().filter(move |(at, ..)| is_blind || now - *at <= NEWS)
    }

    /// The least that was promised lately.
    fn fewest(&self, facts: &Facts, now: Moment) -> i64 {
        self.recent(now).map(|(_, _, fewest, _)| *fewest).fold(facts.fewest, i64::min)
    }

    /// The fewest replicas that were wanted lately.
    fn replicas(&self, facts: &Facts, now: Moment) -> i64 {
        self.recent(now).map(|(_, replicas, ..)| *replicas).fold(facts.replicas, i64::min)
    }
}

fn sums(facts: &Facts) -> Vec<String> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    facts.ends.iter().for_each(|end| *sums.entry(&end.route).or_default() += end.weight);
    sums.into_iter().filter(|(_, sum)| *sum != 100).map(|(route, sum)| format!("{route} adds up to {sum}")).collect()
}
