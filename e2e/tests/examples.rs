//! Every example does what it says: its Rollouts become healthy, and a new version gets its first share of the traffic, or
//! its preview.
//!
//! On the simulator, on virtual time; needs no cluster. That a real API server takes the files is tested by `chart.rs`.
#![allow(clippy::expect_used, clippy::panic, reason = "a test: an example that cannot be read is a failure")]

use e2e::repository;
use serde_json::Value;
use sim::simulation::{Options, Simulation, runtime};
use std::{fs, time::Duration};

/// Longer than any example needs, in virtual time.
const LIMIT: Duration = Duration::from_secs(120);

/// The examples with a Rollout, and what each Rollout is called.
const EXAMPLES: [(&str, &str); 7] = [
    ("blue-green.yaml", "web"),
    ("canary.yaml", "web"),
    ("experiment.yaml", "cart"),
    ("gateway-api.yaml", "front"),
    ("istio-hosts.yaml", "shop"),
    ("istio-subsets.yaml", "cart"),
    ("analysis.yaml", "pay"),
];

fn read(file: &str) -> String {
    fs::read_to_string(repository().join("examples").join(file)).expect("the example is there")
}

fn is_at_step_two(simulation: &Simulation, name: &str) -> bool {
    simulation.look("default", name).is_some_and(|look| {
        let index = look.rollout.pointer("/status/currentStepIndex").and_then(Value::as_i64);
        index == Some(1) || (look.is_observed() && look.message() == "BlueGreenPause")
    })
}

async fn plays(file: &str, name: &str) {
    let simulation = Simulation::start(Options::seeded(1));
    let text = read(file);
    simulation.apply(&text).unwrap_or_else(|refusal| panic!("{file} is refused: {refusal:?}"));
    let is_healthy = |simulation: &Simulation| {
        simulation.look("default", name).is_some_and(|look| look.phase() == "Healthy" && look.is_observed())
    };
    let status = |simulation: &Simulation| {
        simulation.look("default", name).map(|look| format!("{}: {}", look.phase(), look.message()))
    };
    assert!(simulation.until(LIMIT, is_healthy).await, "{file}: {:?}", status(&simulation));
    simulation.apply(&text.replace("nginx:1.28", "nginx:1.29")).expect("the new version is taken");
    let got_its_share = simulation.until(LIMIT, |simulation| is_at_step_two(simulation, name)).await;
    assert!(got_its_share, "{file}: {:?}", status(&simulation));
}

#[test]
fn every_example_gets_to_its_second_step() {
    for (file, name) in EXAMPLES {
        runtime().expect("a runtime").block_on(plays(file, name));
    }
}

#[test]
fn no_example_is_forgotten() {
    let folder = repository().join("examples").read_dir().expect("there are examples");
    for entry in folder {
        let path = entry.expect("can be read").path();
        let text = fs::read_to_string(&path).expect("is text");
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let has_rollout = file.ends_with(".yaml") && text.contains("kind: Rollout\n");
        assert!(!has_rollout || EXAMPLES.iter().any(|(known, _)| *known == file), "{file} is not played");
    }
}
