//! No order of user actions, pod failures and time breaks an invariant, and when they stop the Rollout finishes.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, dead_code)]

mod toy;

use proptest::prelude::*;
use serde_json::{Value, json};
use toy::Toy;

#[derive(Clone, Debug)]
enum Action {
    Image(u8),
    Replicas(i32),
    Abort,
    Retry,
    Promote,
    PromoteFull,
    Pause(bool),
    Pods(bool),
    Crash,
    Pass(i64),
    ForeignWeight(i64),
    Look(u8),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (1..4u8).prop_map(Action::Image),
        (0..6i32).prop_map(Action::Replicas),
        Just(Action::Abort),
        Just(Action::Retry),
        Just(Action::Promote),
        Just(Action::PromoteFull),
        any::<bool>().prop_map(Action::Pause),
        any::<bool>().prop_map(Action::Pods),
        Just(Action::Crash),
        (1..40i64).prop_map(Action::Pass),
        (0..=100i64).prop_map(Action::ForeignWeight),
        (1..6u8).prop_map(Action::Look),
    ]
}

fn strategy() -> impl Strategy<Value = (u8, Value)> {
    let step = prop_oneof![
        (0..=100i32).prop_map(|weight| json!({ "setWeight": weight })),
        Just(json!({"pause": {}})),
        (1..30i32).prop_map(|secs| json!({"pause": {"duration": secs}})),
    ];
    (0..3u8, prop::collection::vec(step, 0..5)).prop_map(|(kind, steps)| {
        let strategy = match kind {
            0 => json!({ "steps": steps }),
            1 => json!({"steps": steps, "canaryService": "canary", "stableService": "stable", "trafficRouting": {"istio": {"virtualService": {"name": "web"}}}}),
            _ => json!({"steps": steps, "trafficRouting": {"istio": {
                "virtualService": {"name": "web"},
                "destinationRule": {"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"},
            }}}),
        };
        (kind, strategy)
    })
}

fn toy((kind, strategy): &(u8, Value), replicas: i32) -> Toy {
    let toy = Toy::new(strategy.clone(), replicas);
    match kind {
        0 => toy,
        1 => toy.with_istio_hosts(),
        _ => toy.with_istio_subsets(),
    }
}

/// Pods that a destination of the route leads to: what a request finds.
fn leads_to_pods(toy: &Toy, index: usize) -> bool {
    let Some(route) = toy.routes.get("web") else { return true };
    let destination = &route["spec"]["http"][0]["route"][index]["destination"];
    let wanted = match destination["subset"].as_str() {
        Some(name) => {
            let subsets = toy.rules["web"]["spec"]["subsets"].as_array().expect("subsets");
            subsets.iter().find(|subset| subset["name"] == name).expect("the subset")["labels"].clone()
        }
        None => toy.services[destination["host"].as_str().expect("a host")]["spec"]["selector"].clone(),
    };
    let has_labels = |set: &Value| {
        wanted
            .as_object()
            .expect("labels")
            .iter()
            .all(|(key, value)| set["spec"]["template"]["metadata"]["labels"][key] == *value)
    };
    toy.sets
        .values()
        .filter(|set| has_labels(set))
        .any(|set| set["status"]["availableReplicas"].as_i64().unwrap_or(0) > 0)
}

/// Which ends of the route lead to nobody although they carry weight.
fn dead_ends(toy: &Toy) -> Vec<usize> {
    let weight = |index: usize| {
        toy.routes
            .get("web")
            .map_or(0, |route| route["spec"]["http"][0]["route"][index]["weight"].as_i64().unwrap_or(0))
    };
    (0..2).filter(|index| weight(*index) > 0 && !leads_to_pods(toy, *index)).collect()
}

fn act(toy: &mut Toy, action: &Action) {
    match action {
        Action::Image(number) => toy.set_image(&format!("web:{number}")),
        Action::Replicas(count) => toy.patch(json!({"spec": {"replicas": count}})),
        Action::Abort => toy.patch(json!({"status": {"abort": true}})),
        Action::Retry => toy.patch(json!({"status": {"abort": false}})),
        Action::Promote => toy.patch(json!({"status": {"pauseConditions": null}})),
        Action::PromoteFull => toy.patch(json!({"status": {"promoteFull": true}})),
        Action::Pause(on) => toy.patch(json!({"spec": {"paused": on}})),
        Action::Pods(ready) => toy.pods_become_ready = *ready,
        Action::Crash => {
            if let Some(set) = toy.sets.values_mut().last() {
                set["status"]["availableReplicas"] = 0.into();
            }
        }
        Action::Pass(secs) => toy.now += chrono::TimeDelta::seconds(*secs),
        Action::ForeignWeight(weight) => {
            if let Some(route) = toy.routes.get_mut("web") {
                route["spec"]["http"][0]["route"][0]["weight"] = (100 - weight).into();
                route["spec"]["http"][0]["route"][1]["weight"] = (*weight).into();
            }
        }
        Action::Look(_) => {}
    }
}

/// Looks once; a dead end must not come from our own writes.
fn look(toy: &mut Toy) {
    let before = dead_ends(toy);
    let aborted = toy.status("abort") == json!(true) && toy.status("stableRS") != toy.status("currentPodHash");
    let weight = toy.routes.get("web").map(|_| toy.weight());
    toy.step();
    let made: Vec<usize> = dead_ends(toy).into_iter().filter(|end| !before.contains(end)).collect();
    assert!(made.is_empty(), "our writes led traffic to nobody at {made:?}:\n{}", toy.tail());
    if let (true, Some(weight)) = (aborted && toy.status("abort") == json!(true), weight) {
        assert!(toy.weight() <= weight, "after an abort the canary's share never rises:\n{}", toy.tail());
    }
}

/// What a person does when everything else stopped: lets it run to the end.
fn finish(toy: &mut Toy) {
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.patch(json!({"spec": {"paused": false}}));
    if toy.status("abort") == json!(true) {
        toy.patch(json!({"status": {"abort": false}}));
    }
    for _ in 0..20 {
        toy.settle();
        toy.patch(json!({"status": {"pauseConditions": null}}));
        toy.pass(35);
    }
}

/// The same cases at each run, so that a red test is a change's fault; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` look further.
fn config() -> ProptestConfig {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    ProptestConfig {
        cases: given("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(192),
        rng_seed: prop::test_runner::RngSeed::Fixed(given("PROPTEST_RNG_SEED").unwrap_or(1)),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_is_cut_off_and_it_finishes(strategy in strategy(), replicas in 1..5i32, actions in prop::collection::vec(action(), 1..25)) {
        let mut toy = toy(&strategy, replicas);
        toy.settle();
        for action in &actions {
            toy.log.push(format!("-- {action:?}"));
            act(&mut toy, action);
            let looks = if let Action::Look(times) = action { *times } else { 1 };
            for _ in 0..looks {
                look(&mut toy);
                toy.kubelet();
            }
        }
        finish(&mut toy);
        let wanted = toy.rollout["spec"]["replicas"].as_i64().expect("replicas");
        let pods: i64 = toy.sets.values().map(|set| set["spec"]["replicas"].as_i64().unwrap_or(0)).sum();
        prop_assert_eq!(toy.status("phase"), json!("Healthy"), "{}", toy.tail());
        prop_assert_eq!(pods, wanted, "{}", toy.tail());
        prop_assert!(toy.step().is_quiet(), "a quiet world gives an empty plan");
    }
}
