//! How long one look takes: `decide` and `audit` for a routed canary in the middle of a pause, and for one at rest.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

#[path = "../tests/toy.rs"]
mod toy;

use divan::{Bencher, black_box};
use serde_json::json;
use toy::Toy;

fn main() {
    divan::main();
}

fn canary() -> Toy {
    let steps = json!([{"setWeight": 10}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]);
    let strategy = json!({
        "canaryService": "canary", "stableService": "stable", "steps": steps,
        "trafficRouting": {"istio": {"virtualService": {"name": "web"}}},
    });
    let mut toy = Toy::new(strategy, 5).with_istio_hosts();
    toy.settle();
    toy
}

#[divan::bench]
fn decide_at_rest(bencher: Bencher) {
    let toy = canary();
    let observed = toy.observe();
    bencher.bench(|| rollouts::decide(black_box(&observed), toy.now));
}

#[divan::bench]
fn decide_in_a_pause(bencher: Bencher) {
    let mut toy = canary();
    toy.set_image("web:2");
    toy.settle();
    let observed = toy.observe();
    bencher.bench(|| rollouts::decide(black_box(&observed), toy.now));
}

#[divan::bench]
fn audit_in_a_pause(bencher: Bencher) {
    let mut toy = canary();
    toy.set_image("web:2");
    toy.settle();
    let observed = toy.observe();
    let plan = rollouts::decide(&observed, toy.now);
    bencher.bench(|| rollouts::audit(black_box(&observed), black_box(&plan), toy.now));
}
