//! What does a controller ask of the API server when nothing happens? Its lease, and watches that a server ends now and then.
//!
//! Played on virtual time after an update through each router, and in the middle of one that waits for a person; for so long that
//! everything is looked at again in between.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

use controller::LeaseSettings;
use sim::{
    server::call::{Call, Verb},
    server::faults::Verdict,
    simulation::{AGENT, Action, Look, Options, Simulation, runtime},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Requests by verb and resource.
type Requests = BTreeMap<String, usize>;

/// Longer than everything stays without a look.
const SPAN: Duration = Duration::from_secs(1000);
/// Whatever an update leaves to be done later is done by then.
const SETTLED: Duration = Duration::from_secs(180);
/// Both leases, read and written every two seconds at most.
const MOST_OF_LEASES: usize = 2 * 1000 / 2;
/// A watch lasts almost five minutes.
const MOST_WATCHES: usize = 4;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/base"))
}

/// What the controller asks within the span.
async fn asked(simulation: &Simulation) -> Requests {
    let requests = Arc::new(Mutex::new(Requests::default()));
    let noted = Arc::clone(&requests);
    simulation.server().set_faults(Some(Arc::new(move |call: &Call| {
        if call.user_agent == AGENT {
            let what = format!("{:?} {}", call.verb, call.resource);
            *noted.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
        }
        Verdict::Pass
    })));
    simulation.advance(SPAN).await;
    simulation.server().set_faults(None);
    requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Those that somebody at rest has no reason to send.
fn needless(requests: &Requests) -> Vec<String> {
    let is_needless = |(what, count): &(&String, &usize)| {
        let is_of_lease =
            [Verb::Get, Verb::Patch, Verb::Update].iter().any(|verb| **what == format!("{verb:?} leases"));
        let most = if is_of_lease {
            MOST_OF_LEASES
        } else if what.starts_with("Watch ") {
            MOST_WATCHES
        } else {
            0
        };
        **count > most
    };
    requests.iter().filter(is_needless).map(|(what, count)| format!("{count} {what}")).collect()
}

/// Plays an update of the Rollout in these files; what is needless in the middle and after its end.
async fn played(text: &str) -> Vec<String> {
    let mut options = Options::seeded(1);
    options.world.requests_per_second = 0;
    options.controller.lease = Some(LeaseSettings::new("one", "default"));
    let simulation = Simulation::start(options);
    simulation.apply(text).expect("applies");
    let look = |simulation: &Simulation| simulation.look("default", "web").expect("a Rollout");
    let is = |phase: &'static str| move |simulation: &Simulation| look(simulation).phase() == phase;
    assert!(simulation.until(SETTLED, is("Healthy")).await, "{}", simulation.journal().transcript());
    for action in [Action::SetImage("web:2".into()), Action::Pause(true)] {
        simulation.act("default", "web", &action).await.expect("is done");
    }
    assert!(simulation.until(SETTLED, is("Paused")).await, "{}", simulation.journal().transcript());
    simulation.advance(SETTLED).await;
    let mut needless = needless(&asked(&simulation).await);
    for action in [Action::Pause(false), Action::PromoteFull] {
        simulation.act("default", "web", &action).await.expect("is done");
    }
    let is_done = |look: &Look| look.phase() == "Healthy" && look.canary_hash().is_none();
    assert!(simulation.until(SETTLED, |it| is_done(&look(it))).await, "{}", simulation.journal().transcript());
    simulation.advance(SETTLED).await;
    needless.extend(self::needless(&asked(&simulation).await));
    needless
}

#[test]
fn a_controller_at_rest_asks_for_its_lease_alone() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).expect("a folder") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        if text.contains("kind: Rollout") {
            count += 1;
            let needless = runtime().expect("a runtime").block_on(played(&text));
            wrong.extend(needless.into_iter().map(|what| format!("{}: {what}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 9, "{count} files have a Rollout");
}
