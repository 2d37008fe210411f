//! No order of user actions, pod failures, late counts, ended runs and time breaks an invariant, and when they stop the Rollout
//! finishes. Checked after each look, on the world as it is, not as it was shown.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, dead_code)]

mod toy;
mod watch;

use proptest::prelude::*;
use serde_json::{Value, json};
use toy::Toy;
use watch::Watch;

#[derive(Clone, Debug)]
enum Action {
    Image(u8),
    Replicas(i32),
    Steps(Vec<Value>),
    Abort,
    Retry,
    Promote,
    Skip,
    PromoteFull,
    Pause(bool),
    Pods(bool),
    Crash,
    DeleteSet(usize),
    EndRun(&'static str),
    DeleteRun,
    Pass(i64),
    ForeignWeight(i64),
    Lag(bool),
    Look(u8),
}

fn step() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (0..=100i32).prop_map(|weight| json!({ "setWeight": weight })),
        1 => Just(json!({"pause": {}})),
        1 => (1..30i32).prop_map(|secs| json!({"pause": {"duration": secs}})),
        1 => Just(json!({"analysis": {"templates": [{"templateName": "rate"}]}})),
        1 => (0..7i32).prop_map(|replicas| json!({"setCanaryScale": {"replicas": replicas}})),
        1 => (0..=120i32).prop_map(|weight| json!({"setCanaryScale": {"weight": weight}})),
        1 => Just(json!({"setCanaryScale": {"matchTrafficWeight": true}})),
    ]
}

/// Only what a canary without a router can have.
fn unrouted(steps: &[Value]) -> Vec<Value> {
    steps.iter().filter(|step| step["setCanaryScale"].is_null()).cloned().collect()
}

/// What decides the number of a canary's pods.
fn pods() -> impl Strategy<Value = Value> {
    let threshold = prop::option::of((any::<bool>(), 0..120i32));
    let numbers = (prop::option::of(1..4i32), prop::option::of(0..2i32), prop::option::of(1..3i32));
    (any::<bool>(), threshold, numbers).prop_map(|(dynamic, threshold, (least, abort, limit))| {
        let threshold = threshold.map(|(percent, value)| match percent {
            true => json!({"type": "Percent", "value": value}),
            false => json!({"type": "Pods", "value": value / 20}),
        });
        let mut fields = json!({ "dynamicStableScale": dynamic });
        let optional = [
            ("replicaProgressThreshold", threshold),
            ("minPodsPerReplicaSet", least.map(Value::from)),
            ("abortScaleDownDelaySeconds", abort.map(|abort| (abort * 30).into())),
            ("scaleDownDelayRevisionLimit", limit.map(Value::from)),
        ];
        for (name, value) in optional {
            fields[name] = value.unwrap_or_default();
        }
        fields
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (1..4u8).prop_map(Action::Image),
        2 => (0..6i32).prop_map(Action::Replicas),
        1 => prop::collection::vec(step(), 0..4).prop_map(Action::Steps),
        1 => Just(Action::Abort),
        1 => Just(Action::Retry),
        2 => Just(Action::Promote),
        1 => Just(Action::Skip),
        1 => Just(Action::PromoteFull),
        1 => any::<bool>().prop_map(Action::Pause),
        2 => any::<bool>().prop_map(Action::Pods),
        1 => Just(Action::Crash),
        1 => (0..3usize).prop_map(Action::DeleteSet),
        2 => prop::sample::select(vec!["Successful", "Failed", "Error", "Inconclusive", "Running"]).prop_map(Action::EndRun),
        1 => Just(Action::DeleteRun),
        2 => (1..40i64).prop_map(Action::Pass),
        1 => (0..=100i64).prop_map(Action::ForeignWeight),
        1 => any::<bool>().prop_map(Action::Lag),
        3 => (1..6u8).prop_map(Action::Look),
    ]
}

/// What is rolled out: without a router (0), through hosts (1) or subsets (2), with these steps, or blue-green (3).
#[derive(Clone, Debug)]
struct Setting {
    router: u8,
    strategy: Value,
    replicas: i32,
}

fn setting() -> impl Strategy<Value = Setting> {
    prop_oneof![3 => canary(), 2 => blue_green()]
}

fn blue_green() -> impl Strategy<Value = Setting> {
    let promotion = prop_oneof![
        Just(json!({})),
        Just(json!({"autoPromotionEnabled": false})),
        (1..40i32).prop_map(|secs| json!({ "autoPromotionSeconds": secs })),
    ];
    let preview = prop::option::of(0..3i32);
    let limit = prop::option::of(1..3i32);
    (promotion, preview, limit, any::<(bool, bool, bool)>(), 1..5i32).prop_map(
        |(mut strategy, preview, limit, (before, after, has_preview), replicas)| {
            let analysis = json!({"templates": [{"templateName": "rate"}]});
            let fields = [
                ("previewReplicaCount", preview.map(Value::from)),
                ("scaleDownDelayRevisionLimit", limit.map(Value::from)),
                ("prePromotionAnalysis", before.then(|| analysis.clone())),
                ("postPromotionAnalysis", after.then(|| analysis.clone())),
                ("previewService", (!has_preview).then_some(Value::Null)),
            ];
            for (name, value) in fields {
                if let Some(value) = value {
                    strategy[name] = value;
                }
            }
            Setting { router: 3, strategy, replicas }
        },
    )
}

fn canary() -> impl Strategy<Value = Setting> {
    (0..3u8, prop::collection::vec(step(), 0..5), any::<bool>(), 1..5i32, pods()).prop_map(|(router, steps, judged, replicas, pods)| {
        let mut strategy = match router {
            0 => json!({ "steps": unrouted(&steps), "replicaProgressThreshold": pods["replicaProgressThreshold"] }),
            1 => json!({"steps": steps, "canaryService": "canary", "stableService": "stable", "trafficRouting": {"istio": {"virtualService": {"name": "web"}}}}),
            _ => json!({"steps": steps, "trafficRouting": {"istio": {
                "virtualService": {"name": "web"},
                "destinationRule": {"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"},
            }}}),
        };
        if router > 0 {
            toy::merge(&mut strategy, &pods);
        }
        if judged {
            strategy["analysis"] = json!({"templates": [{"templateName": "watch"}], "startingStep": 1});
        }
        Setting { router, strategy, replicas }
    })
}

fn toy(setting: &Setting) -> Toy {
    if setting.router == 3 {
        return Toy::blue_green(setting.strategy.clone(), setting.replicas);
    }
    let metric = json!({"metrics": [{"name": "m", "provider": {"prometheus": {"query": "up"}}}]});
    let toy = Toy::new(setting.strategy.clone(), setting.replicas)
        .with_template("rate", metric.clone())
        .with_template("watch", metric);
    match setting.router {
        0 => toy,
        1 => toy.with_istio_hosts(),
        _ => toy.with_istio_subsets(),
    }
}

fn unfinished(toy: &Toy) -> Vec<String> {
    let is_over = |run: &Value| run["status"]["phase"].as_str().is_some_and(|phase| phase != "Running");
    toy.runs.iter().filter(|(_, run)| !is_over(run)).map(|(name, _)| name.clone()).collect()
}

fn act(toy: &mut Toy, action: &Action) {
    match action {
        Action::Image(number) => toy.set_image(&format!("web:{number}")),
        Action::Replicas(count) => toy.patch(json!({"spec": {"replicas": count}})),
        Action::Steps(_) if toy.rollout["spec"]["strategy"]["canary"].is_null() => {}
        Action::Steps(steps) => {
            let is_routed = !toy.rollout["spec"]["strategy"]["canary"]["trafficRouting"].is_null();
            let steps = if is_routed { steps.clone() } else { unrouted(steps) };
            toy.patch(json!({"spec": {"strategy": {"canary": {"steps": steps}}}}));
        }
        Action::Abort => toy.patch(json!({"status": {"abort": true}})),
        Action::Retry => toy.patch(json!({"status": {"abort": false}})),
        Action::Promote => toy.patch(json!({"status": {"pauseConditions": null}})),
        Action::Skip => {
            let steps = toy.rollout["spec"]["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len) as u64;
            let next = (toy.status("currentStepIndex").as_u64().unwrap_or(0) + 1).min(steps);
            if steps > 0 {
                toy.patch(
                    json!({"status": {"pauseConditions": null, "controllerPause": false, "currentStepIndex": next}}),
                );
            }
        }
        Action::PromoteFull => toy.patch(json!({"status": {"promoteFull": true}})),
        Action::Pause(on) => toy.patch(json!({"spec": {"paused": on}})),
        Action::Pods(ready) => toy.pods_become_ready = *ready,
        Action::Crash => {
            if let Some(set) = toy.sets.values_mut().last() {
                set["status"]["availableReplicas"] = 0.into();
            }
        }
        Action::DeleteSet(index) => {
            if let Some(name) = toy.sets.keys().nth(*index).cloned() {
                toy.sets.remove(&name);
            }
        }
        Action::EndRun(phase) => {
            if let Some(name) = unfinished(toy).first() {
                toy.end_run(name, phase, "");
            }
        }
        Action::DeleteRun => _ = toy.runs.pop_first(),
        Action::Pass(secs) => toy.now += chrono::TimeDelta::seconds(*secs),
        Action::ForeignWeight(weight) => {
            if let Some(route) = toy.routes.get_mut("web") {
                route["spec"]["http"][0]["route"][0]["weight"] = (100 - weight).into();
                route["spec"]["http"][0]["route"][1]["weight"] = (*weight).into();
            }
        }
        Action::Lag(on) => toy.lags = *on,
        Action::Look(_) => {}
    }
}

/// What a person does when everything else stopped: lets it run to the end.
fn finish(toy: &mut Toy) {
    toy.pods_become_ready = true;
    toy.kubelet();
    toy.patch(json!({"spec": {"paused": false}}));
    for _ in 0..20 {
        if toy.status("abort") == json!(true) {
            toy.patch(json!({"status": {"abort": false}}));
        }
        for run in unfinished(toy) {
            toy.end_run(&run, "Successful", "");
        }
        toy.settle();
        let has_ended = toy.status("phase") == json!("Healthy") && !toy.has_deadlines();
        if has_ended {
            return;
        }
        toy.patch(json!({"status": {"pauseConditions": null}}));
        toy.pass(35);
    }
}

/// The same cases at each run, so that a red test is a change's fault; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` look further.
fn config() -> ProptestConfig {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    ProptestConfig {
        cases: given("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(96),
        rng_seed: prop::test_runner::RngSeed::Fixed(given("PROPTEST_RNG_SEED").unwrap_or(1)),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_is_cut_off_and_it_finishes(setting in setting(), actions in prop::collection::vec(action(), 1..25)) {
        let mut toy = toy(&setting);
        toy.settle();
        let mut watch = Watch::default();
        for action in &actions {
            toy.log.push(format!("-- {action:?}"));
            act(&mut toy, action);
            if matches!(action, Action::Crash | Action::DeleteSet(_) | Action::Pods(_)) {
                watch.surprise();
            }
            let looks = if let Action::Look(times) = action { *times } else { 1 };
            for _ in 0..looks {
                watch.look(&mut toy);
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
