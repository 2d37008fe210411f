//! Writes down what the controller does: one line for each thing done and each new thing waited for, with what is measured
//! at the client beside it.
//!
//! It looks on as the controller's witness and lets the auditor judge each pass. It cannot interfere.

use crate::{
    clock::Clock,
    server::Server,
    simulation::{audit::Auditor, beginning, look::Look},
    world::{World, mesh::Counts},
};
use chrono::{DateTime, TimeDelta, Utc};
use controller::{Kind, Pass, Witness};
use plan::{
    Moves, Reason,
    reason::{RolloutReason, RunReason, SyncReason},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    fmt,
    mem::{Discriminant, discriminant},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::interval};

/// Share and success are measured over this long.
const WINDOW: TimeDelta = TimeDelta::seconds(4);
/// No work needs so many passes in one moment.
const MOST_PASSES_AT_ONCE: u64 = 2_000;
/// How often the counts are noted.
const SAMPLED_EVERY: Duration = Duration::from_millis(500);

/// What sort of news a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Somebody else did something.
    Noted,
    /// The controller did something.
    Done,
    /// The controller waits for something.
    Waits,
    /// A write was refused, or an invariant is broken.
    Wrong,
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What sort of news it is.
    pub news: News,
    /// When.
    pub at: DateTime<Utc>,
    /// Which object, or empty for what a user did.
    pub who: String,
    /// The Rollout's phase.
    pub phase: String,
    /// The step that is being done and the number of steps.
    pub step: Option<(i64, usize)>,
    /// The canary's weight in the VirtualService.
    pub weight: Option<u64>,
    /// Ready pods of the stable and of the other revisions.
    pub pods: (usize, usize),
    /// Percent of the requests that the canary answered lately.
    pub share: Option<u64>,
    /// Percent of the requests that succeeded lately: the canary's while it gets any.
    pub success: Option<u64>,
    /// What is done or waited for.
    pub why: String,
}

impl Line {
    /// A line that shows nothing of the Rollout.
    pub(crate) fn of(news: News, at: DateTime<Utc>, who: &str, why: &str) -> Line {
        Line {
            news,
            at,
            who: who.into(),
            phase: String::new(),
            step: None,
            weight: None,
            pods: (0, 0),
            share: None,
            success: None,
            why: why.into(),
        }
    }
}

/// The head over the lines of a transcript.
pub const HEAD: &str = "   time  step  weight  pods  share  success  what";

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.at - beginning()).num_milliseconds() / 100;
        let time = format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10);
        if self.who.is_empty() {
            return write!(out, "{time:>7}  {}", self.why);
        }
        let step = self.step.map_or("-".into(), |(step, of)| format!("{step}/{of}"));
        let percent = |value: Option<u64>| value.map_or("-".into(), |value| format!("{value} %"));
        let pods = if self.pods.1 > 0 { format!("{}+{}", self.pods.0, self.pods.1) } else { self.pods.0.to_string() };
        let (weight, share, success) = (percent(self.weight), percent(self.share), percent(self.success));
        write!(out, "{time:>7}  {step:>4}  {weight:>6}  {pods:>4}  {share:>5}  {success:>7}  {}", self.why)
    }
}

/// What was written down.
#[derive(Debug)]
pub struct Journal {
    server: Server,
    world: Arc<World>,
    clock: Clock,
    pages: Mutex<Pages>,
    /// Told when the controller spins.
    spins: Notify,
}

#[derive(Debug, Default)]
struct Pages {
    lines: Vec<Line>,
    waited: BTreeMap<String, String>,
    reasons: Given,
    wrong: Vec<String>,
    auditor: Auditor,
    samples: VecDeque<(DateTime<Utc>, Counts)>,
    passes: u64,
    /// A moment, and the passes that ended in it.
    moment: (DateTime<Utc>, u64),
}

impl Journal {
    pub(crate) fn new(server: Server, world: Arc<World>, clock: Clock) -> Journal {
        Journal { server, world, clock, pages: Mutex::default(), spins: Notify::new() }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns when the controller makes passes without end while no time goes by: on virtual time none ever would.
    pub(crate) async fn spinning(&self) {
        self.spins.notified().await;
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.pages().lines.clone()
    }

    /// The lines from this one on.
    pub fn lines_from(&self, first: usize) -> Vec<Line> {
        self.pages().lines.iter().skip(first).cloned().collect()
    }

    /// The transcript: a head and all lines.
    pub fn transcript(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for line in &self.pages().lines {
            text.push_str(&format!("{line}\n"));
        }
        text
    }

    /// The names of all reasons that were given.
    pub fn reasons(&self) -> BTreeSet<String> {
        self.pages().reasons.names.clone()
    }

    /// Was this reason given?
    pub fn has_reason(&self, name: &str) -> bool {
        self.pages().reasons.names.contains(name)
    }

    /// The first invariant that was broken.
    pub fn first_wrong(&self) -> Option<String> {
        self.pages().wrong.first().cloned()
    }

    /// Which invariants were broken.
    pub fn wrong(&self) -> Vec<String> {
        self.pages().wrong.clone()
    }

    /// How many passes there were.
    pub fn passes(&self) -> u64 {
        self.pages().passes
    }

    /// Writes down what somebody else did.
    pub fn note(&self, what: &str) {
        let line = Line::of(News::Noted, self.clock.now(), "", what);
        self.pages().lines.push(line);
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Rollout that an object belongs to: itself, or the one that owns the run.
    fn rollout_of(&self, pass: &Pass<'_>) -> Option<String> {
        match pass.key.kind {
            Kind::Rollout => Some(pass.key.name.clone()),
            Kind::AnalysisRun => {
                let run =
                    self.server.get("argoproj.io/v1alpha1", "AnalysisRun", &pass.key.namespace, &pass.key.name)?;
                let owner = run.pointer("/metadata/ownerReferences/0/name")?;
                owner.as_str().map(str::to_owned)
            }
            Kind::Application | Kind::Experiment => None,
        }
    }
}

impl Witness for Journal {
    fn passed(&self, pass: Pass<'_>) {
        let look = self.rollout_of(&pass).and_then(|name| Look::at(&self.server, &pass.key.namespace, &name));
        let mut pages = self.pages();
        pages.passes += 1;
        let passes = if pages.moment.0 == pass.at { pages.moment.1 + 1 } else { 1 };
        pages.moment = (pass.at, passes);
        if passes == MOST_PASSES_AT_ONCE {
            pages.wrong.push(format!("{}: {} spins; its last plan:\n{}", pass.at, pass.key, pass.plan));
            self.spins.notify_one();
        }
        let because = pass.plan.writes().iter().map(|write| &write.because);
        pass.plan.why.iter().chain(because).for_each(|reason| pages.reasons.note(reason));
        let who = pass.key.to_string();
        let mut said = Vec::new();
        for write in pass.plan.writes().iter().filter(|write| write.moves != Moves::Report && is_news(&write.because)) {
            said.push((News::Done, write.because.to_string()));
        }
        said.dedup();
        if pass.plan.writes().is_empty() && pass.plan.asks.is_empty() {
            let mut why: Vec<String> = pass.plan.why.iter().map(ToString::to_string).collect();
            why.dedup();
            let why = why.join("; ");
            if pages.waited.get(&who) != Some(&why) {
                pages.waited.insert(who.clone(), why.clone());
                said.extend(Some((News::Waits, why)).filter(|(_, why)| !why.is_empty()));
            }
        }
        if let Some(refusal) = pass.refusal {
            said.push((News::Wrong, format!("refused ({}): {}", refusal.class, refusal.message)));
        }
        if let Some(look) = look.as_ref().filter(|_| pass.key.kind == Kind::Rollout) {
            let Pages { auditor, wrong, .. } = &mut *pages;
            for found in auditor.judge(&self.server, &pass, look) {
                said.push((News::Wrong, format!("BROKEN: {found}")));
                wrong.push(format!("{}: {found}", pass.at));
            }
        }
        if said.is_empty() {
            return;
        }
        let measured = measured(&pages.samples, &self.world.mesh().counts(), look.as_ref());
        for (news, why) in said {
            pages.lines.push(Line {
                news,
                at: pass.at,
                who: who.clone(),
                phase: look.as_ref().map(|look| look.phase().to_owned()).unwrap_or_default(),
                step: look.as_ref().and_then(Look::step),
                weight: look.as_ref().and_then(|look| look.weight),
                pods: look.as_ref().map_or((0, 0), |look| look.pods),
                share: measured.0,
                success: measured.1,
                why,
            });
        }
    }
}

/// The reasons that were given, and their names: a name is made once.
#[derive(Debug, Default)]
struct Given {
    rollout: HashSet<Discriminant<RolloutReason>>,
    run: HashSet<Discriminant<RunReason>>,
    sync: HashSet<Discriminant<SyncReason>>,
    names: BTreeSet<String>,
}

impl Given {
    fn note(&mut self, reason: &Reason) {
        let (family, is_new) = match reason {
            Reason::Rollout(reason) => ("Rollout", self.rollout.insert(discriminant(reason))),
            Reason::Run(reason) => ("Run", self.run.insert(discriminant(reason))),
            Reason::Sync(reason) => ("Sync", self.sync.insert(discriminant(reason))),
        };
        if is_new {
            self.names.insert(format!("{family}::{}", reason.name()));
        }
    }
}

/// Bookkeeping is no news.
fn is_news(reason: &Reason) -> bool {
    !matches!(
        reason,
        Reason::Rollout(RolloutReason::Annotated { .. } | RolloutReason::Reported) | Reason::Run(RunReason::Restated)
    )
}

/// The canary's share of what was answered lately, and how much of it went well, in percent.
fn measured(
    samples: &VecDeque<(DateTime<Utc>, Counts)>,
    now: &Counts,
    look: Option<&Look>,
) -> (Option<u64>, Option<u64>) {
    let lately = match samples.front() {
        Some((_, earlier)) => now.since(earlier),
        None => now.clone(),
    };
    let canary = look.and_then(Look::canary_hash);
    let all = lately.sent();
    if all == 0 {
        return (None, None);
    }
    let of_canary = canary.map(|hash| lately.answered(|served| served.hash == hash)).unwrap_or(0);
    let share = canary.map(|_| percent(of_canary, all));
    let success = if of_canary > 0 {
        percent(lately.answered(|served| Some(served.hash.as_str()) == canary && served.code < 500), of_canary)
    } else {
        percent(lately.answered(|served| served.code < 500), all)
    };
    (share, Some(success))
}

fn percent(part: u64, all: u64) -> u64 {
    (part * 100 + all / 2) / all.max(1)
}

/// Notes the counts for ever, so that what happens lately can be told; in a world without a data plane nothing does.
pub(crate) async fn sample(journal: Arc<Journal>, requests_per_second: u32) {
    if requests_per_second == 0 {
        return;
    }
    let mut ticks = interval(SAMPLED_EVERY);
    loop {
        ticks.tick().await;
        let (now, counts) = (journal.clock.now(), journal.world.mesh().counts());
        let mut pages = journal.pages();
        pages.samples.push_back((now, counts));
        while pages.samples.front().is_some_and(|(at, _)| *at < now - WINDOW) {
            pages.samples.pop_front();
        }
    }
}
