//! No order of faults breaks an invariant, and when the faults stop, the Rollout comes to rest and the next version rolls out.
//!
//! Each seed draws a Rollout, its world and a story of people, crashes and failures, and plays it on virtual time. Seeds that
//! once failed are played first. `STORM=seed` plays one seed and says what happened; `SEEDS=count` plays so many, from
//! `FIRST` on; a failure is cut down to what is needed for it before it is shown.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod storm {
    pub(crate) mod dice;
    pub(crate) mod facts;
    pub(crate) mod happening;
    pub(crate) mod play;
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
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use storm::{
    happening::{Happening, drawn},
    play::{Failure, play},
    setting::Setting,
};

/// Seeds beside the kept ones when nobody says how many.
const USUAL: u64 = 20;
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

/// The seeds to play.
fn seeds() -> VecDeque<u64> {
    if let Some(one) = number("STORM") {
        return [one].into();
    }
    let kept = include_str!("storm/seeds.txt").lines();
    let kept = kept.filter_map(|line| line.split_whitespace().next()).filter(|word| !word.starts_with('#'));
    let mut seeds: VecDeque<u64> = kept.map(|word| word.parse().expect("a seed")).collect();
    let first = number("FIRST").unwrap_or(1);
    seeds.extend(first..first + number("SEEDS").unwrap_or(USUAL));
    seeds
}

#[test]
fn no_order_of_faults_breaks_an_invariant_and_all_comes_to_rest() {
    let waiting = Mutex::new(seeds());
    let failed = Mutex::new(Vec::new());
    let count = waiting.lock().expect("no panic").len();
    let under_way: Mutex<BTreeMap<u64, Instant>> = Mutex::default();
    let (ended, has_ended) = mpsc::channel::<()>();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let under_way = &under_way;
        scope.spawn(move || {
            while has_ended.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                let under_way = under_way.lock().expect("no panic");
                let long = under_way.iter().filter(|(_, begun)| begun.elapsed() > LONG);
                long.for_each(|(seed, begun)| eprintln!("seed {seed} goes on for {:?}", begun.elapsed()));
            }
        });
        for _ in 0..threads {
            let ended = ended.clone();
            scope.spawn(|| {
                let _ended = ended;
                while let Some(seed) = waiting.lock().expect("no panic").pop_front() {
                    under_way.lock().expect("no panic").insert(seed, Instant::now());
                    let told = one(seed);
                    under_way.lock().expect("no panic").remove(&seed);
                    told.iter().for_each(|told| eprintln!("{told}"));
                    let mut failed = failed.lock().expect("no panic");
                    failed.extend(told);
                    if failed.len() >= ENOUGH {
                        return;
                    }
                }
            });
        }
        drop(ended);
    });
    let failed = failed.into_inner().expect("no panic");
    println!("{count} storms, {} of them broke something", failed.len());
    assert!(failed.is_empty(), "{} of {count} storms broke something; see above", failed.len());
}

/// Plays a seed; what is to be told if something breaks.
fn one(seed: u64) -> Option<String> {
    let setting = Setting::drawn(seed);
    let story = drawn(&setting);
    let failure = try_it(&setting, &story)?;
    let (story, failure) = cut_down(&setting, story, failure);
    let mut text = format!("\n==== seed {seed}: {}\nplay it again with STORM={seed}\n", failure.what);
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

/// Leaves out one thing after the other, as long as something still breaks.
fn cut_down(setting: &Setting, mut story: Story, mut failure: Failure) -> (Story, Failure) {
    let begun = Instant::now();
    let mut index = story.len();
    while index > 0 && begun.elapsed() < CUTTING {
        index -= 1;
        let mut shorter = story.clone();
        let (wait, _) = shorter.remove(index);
        // What comes after happens when it did.
        if let Some(next) = shorter.get_mut(index) {
            next.0 += wait;
        }
        if let Some(still) = try_it(setting, &shorter) {
            (story, failure) = (shorter, still);
        }
    }
    (story, failure)
}
