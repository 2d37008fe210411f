//! No order of faults breaks an invariant, and when the faults stop, the Rollout comes to rest and the next version rolls out.
//!
//! Each seed draws a Rollout, its world and a story of people, crashes and failures, and plays it on virtual time. Seeds that
//! once failed are played first. `STORM=seed` plays one seed and says what happened; `N=count` plays so many from `FIRST` on,
//! and `SECONDS_AT_LEAST` goes on beyond them for so long. A failure is cut down to what is needed for it before it is shown.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod storm {
    pub(crate) mod dice;
    pub(crate) mod facts;
    pub(crate) mod happening;
    pub(crate) mod play;
    pub(crate) mod records;
    pub(crate) mod setting;
    pub(crate) mod sky;
    pub(crate) mod watch;
}

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use storm::{
    happening::{Happening, drawn},
    play::{Failure, play},
    setting::Setting,
};

/// Seeds beside the kept ones when nobody says how many: half a minute for two cores that run an unoptimised build.
const USUAL: u64 = 80;
/// So many failures are enough.
const ENOUGH: usize = 5;
/// A storm that takes longer is named while it goes on: it may never end.
const LONG: Duration = Duration::from_secs(60);
/// How long a failure is cut down.
const CUTTING: Duration = Duration::from_secs(60);

type Story = Vec<(Duration, Happening)>;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The seeds that are still to be played.
struct Seeds {
    kept: VecDeque<u64>,
    next: u64,
    end: u64,
    /// Until then more are played than were asked for.
    until: Option<Instant>,
    played: u64,
}

impl Seeds {
    fn asked() -> Seeds {
        if let Some(one) = number("STORM") {
            return Seeds { kept: [one].into(), next: 0, end: 0, until: None, played: 0 };
        }
        let kept = include_str!("storm/seeds.txt").lines();
        let kept = kept.filter_map(|line| line.split_whitespace().next()).filter(|word| !word.starts_with('#'));
        let next = number("FIRST").unwrap_or(1);
        Seeds {
            kept: kept.map(|word| word.parse().expect("a seed")).collect(),
            next,
            end: next + number("N").unwrap_or(USUAL),
            until: number("SECONDS_AT_LEAST").map(|count| Instant::now() + Duration::from_secs(count)),
            played: 0,
        }
    }
}

impl Iterator for Seeds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let is_time_left = self.until.is_some_and(|until| Instant::now() < until);
        let seed = match self.kept.pop_front() {
            Some(kept) => kept,
            None if self.next < self.end || is_time_left => {
                self.next += 1;
                self.next - 1
            }
            None => return None,
        };
        self.played += 1;
        Some(seed)
    }
}

/// All that the players share.
struct Storms {
    seeds: Mutex<Seeds>,
    under_way: Mutex<BTreeMap<u64, Instant>>,
    failed: AtomicUsize,
}

#[test]
fn no_order_of_faults_breaks_an_invariant_and_all_comes_to_rest() {
    let seeds = Seeds::asked();
    let (first, begun) = (seeds.next, Instant::now());
    let storms = Storms { seeds: Mutex::new(seeds), under_way: Mutex::default(), failed: AtomicUsize::default() };
    let (ended, has_ended) = mpsc::channel::<()>();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let storms = &storms;
        scope.spawn(move || {
            while has_ended.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                let under_way = storms.under_way.lock().expect("no panic");
                let long = under_way.iter().filter(|(_, begun)| begun.elapsed() > LONG);
                long.for_each(|(seed, begun)| eprintln!("seed {seed} goes on for {:?}", begun.elapsed()));
                eprintln!("{} storms so far", storms.seeds.lock().expect("no panic").played);
            }
        });
        for _ in 0..threads {
            let ended = ended.clone();
            scope.spawn(|| {
                let _ended = ended;
                storms.play(begun);
            });
        }
        drop(ended);
    });
    let seeds = storms.seeds.into_inner().expect("no panic");
    let (played, failed) = (seeds.played, storms.failed.into_inner());
    let took = begun.elapsed().as_secs();
    println!("{played} storms, from seed {first} to {}, in {took} s; {failed} of them broke something", seeds.next);
    assert!(failed == 0, "{failed} of {played} storms broke something; see above");
}

impl Storms {
    fn told(&self, begun: Instant) -> String {
        let played = self.seeds.lock().expect("no panic").played;
        format!("{played} storms and {} s", begun.elapsed().as_secs())
    }

    /// Plays one after the other, until none is left or enough have failed.
    fn play(&self, begun: Instant) {
        while self.failed.load(Ordering::Relaxed) < ENOUGH {
            // Taken in a statement of its own: the lock must not be held while the storm is played.
            let Some(seed) = self.seeds.lock().expect("no panic").next() else { return };
            self.under_way.lock().expect("no panic").insert(seed, Instant::now());
            let told = one(seed, || self.told(begun));
            self.under_way.lock().expect("no panic").remove(&seed);
            if let Some(told) = told {
                self.failed.fetch_add(1, Ordering::Relaxed);
                eprintln!("{told}");
            }
        }
    }
}

/// Plays a seed; what is to be told if something breaks. `when` says how far all of them are.
fn one(seed: u64, when: impl Fn() -> String) -> Option<String> {
    let setting = Setting::drawn(seed);
    let story = drawn(&setting);
    let failure = try_it(&setting, &story)?;
    // Told at once: to cut it down takes a while.
    eprintln!("==== seed {seed} after {}: {}", when(), failure.what);
    let (story, failure) = cut_down(&setting, story, failure);
    let mut text =
        format!("\n==== seed {seed}, cut down: {}\nplay it again with: make storm STORM={seed}\n", failure.what);
    let _ = writeln!(text, "{:?}, rough {}, leases {}", setting.router, setting.is_rough, setting.has_leases);
    let _ = writeln!(text, "{}", setting.rollout["spec"]);
    for (wait, happening) in &story {
        let _ = writeln!(text, "  +{wait:?} {happening}");
    }
    text.push_str(&failure.transcript);
    Some(text)
}

fn try_it(setting: &Setting, story: &Story) -> Option<Failure> {
    let played = catch_unwind(AssertUnwindSafe(|| play(setting, story)));
    played.unwrap_or_else(|_| Err(Failure { what: "a panic".into(), transcript: String::new() })).err()
}

/// Leaves out one thing after the other, again and again, as long as something still breaks.
fn cut_down(setting: &Setting, mut story: Story, mut failure: Failure) -> (Story, Failure) {
    let begun = Instant::now();
    let mut index = story.len();
    let mut has_shrunk = false;
    while begun.elapsed() < CUTTING {
        if index == 0 && !has_shrunk {
            break;
        }
        if index == 0 {
            // What was needed for something that is left out now may no longer be.
            (index, has_shrunk) = (story.len(), false);
            continue;
        }
        index -= 1;
        let mut shorter = story.clone();
        let (wait, _) = shorter.remove(index);
        // What comes after happens when it did.
        if let Some(next) = shorter.get_mut(index) {
            next.0 += wait;
        }
        if let Some(still) = try_it(setting, &shorter) {
            (story, failure, has_shrunk) = (shorter, still, true);
        }
    }
    (story, failure)
}
