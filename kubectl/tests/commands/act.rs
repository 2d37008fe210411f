//! Commands that change something: what they write, and what they say.

use super::world::{Outcome, World, definition};
use serde_json::{Value, json};
use sim::server::{call::Call, faults::Verdict};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

fn said(line: &str) -> Outcome {
    Outcome { code: 0, out: format!("{line}\n"), errors: String::new() }
}

fn failed(line: &str) -> Outcome {
    Outcome { code: 1, out: String::new(), errors: format!("Error: {line}\n") }
}

#[tokio::test(start_paused = true)]
async fn promote_ends_the_pause_and_then_skips_steps() {
    let world = World::recorded("istio-host-weight-20").await;
    assert_eq!(world.run("promote shop").await, said("rollout 'shop' promoted"));
    let status = &world.rollout()["status"];
    assert_eq!((&status["pauseConditions"], &status["currentStepIndex"]), (&Value::Null, &json!(1)));
    assert_eq!(world.run("promote shop").await, said("rollout 'shop' promoted"));
    assert_eq!(world.rollout()["status"]["currentStepIndex"], 2);
    let outcome = world.run("promote shop -a").await;
    assert_eq!((outcome.code, outcome.out.as_str()), (0, "rollout 'shop' promoted\n"));
    assert_eq!(outcome.errors, "Flag --skip-all-steps has been deprecated, use --full instead\n");
    assert_eq!(world.rollout()["status"]["currentStepIndex"], 4);
    assert_eq!(world.run("promote shop --full").await, said("rollout 'shop' fully promoted"));
    assert_eq!(world.rollout()["status"]["promoteFull"], true);
}

#[tokio::test(start_paused = true)]
async fn promote_passes_a_run_that_could_not_decide() {
    let world = World::recorded("analysis-step-inconclusive-paused").await;
    world.run("promote shop").await;
    let status = &world.rollout()["status"];
    assert_eq!(status["currentStepIndex"], 2);
    assert_eq!((&status["pauseConditions"], &status["controllerPause"]), (&Value::Null, &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn pause_and_promote_take_turns() {
    let world = World::recorded("basic-healthy-after-three-revisions").await;
    assert_eq!(world.run("pause shop").await, said("rollout 'shop' paused"));
    assert_eq!(world.rollout()["spec"]["paused"], true);
    world.run("promote shop").await;
    assert_eq!(world.rollout()["spec"]["paused"], false);
    // Whoever wrote it is known by name.
    let managers = world.rollout()["metadata"]["managedFields"].to_string();
    assert!(managers.contains("kubectl-leadline"), "{managers}");
}

#[tokio::test(start_paused = true)]
async fn restart_names_a_time() {
    let world = World::recorded("basic-healthy-after-three-revisions").await;
    for (line, said_of_it, secs) in [
        ("restart shop", "rollout 'shop' restarts in 0s", 0),
        ("restart shop --in 30s", "rollout 'shop' restarts in 30s", 30),
        ("restart shop -i 5m", "rollout 'shop' restarts in 5m", 300),
    ] {
        let before = world.clock.now();
        assert_eq!(world.run(line).await, said(said_of_it));
        let at = crds::Time::parse(world.rollout()["spec"]["restartAt"].as_str().expect("a time")).expect("a time");
        assert!((0..=1).contains(&((before - at.0).num_seconds() + secs)), "{line}: {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn abort_and_retry() {
    let world = World::recorded("basic-paused-indefinitely").await;
    assert_eq!(world.run("abort shop").await, said("rollout 'shop' aborted"));
    assert_eq!(world.rollout()["status"]["abort"], true);
    assert_eq!(world.run("retry rollout shop").await, said("rollout 'shop' retried"));
    assert_eq!(world.rollout()["status"]["abort"], false);
    let outcome = world.run("abort shop nobody").await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, "rollout 'shop' aborted\n"));
    assert!(outcome.errors.contains("\"nobody\" not found"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_definition_without_status_endpoint_gets_its_status_in_the_object() {
    let mut plain: Value = serde_saphyr::from_str(&definition("rollouts.argoproj.io.yaml")).expect("is YAML");
    plain["spec"]["versions"][0].as_object_mut().expect("has versions").remove("subresources");
    let world = World::with(&plain.to_string());
    let shop = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"},
        "spec": {"strategy": {"canary": {"steps": [{"setWeight": 10}]}}},
    });
    world.server.apply_yaml(&shop.to_string()).expect("is taken");
    assert_eq!(world.run("abort shop").await, said("rollout 'shop' aborted"));
    assert_eq!(world.rollout()["status"]["abort"], true);
    assert_eq!(world.run("promote shop").await, said("rollout 'shop' promoted"));
    assert_eq!(world.rollout()["status"]["currentStepIndex"], 1);
}

#[tokio::test(start_paused = true)]
async fn undo_puts_an_earlier_template_back() {
    let world = World::recorded("basic-healthy-after-three-revisions").await;
    let image = |world: &World| world.rollout()["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(image(&world), "shop:4");
    assert_eq!(world.run("undo shop").await, said("rollout 'shop' undo"));
    assert_eq!(image(&world), "shop:3");
    let labels = world.rollout()["spec"]["template"]["metadata"]["labels"].clone();
    assert_eq!(labels, json!({ "app": "shop" }));
    assert_eq!(world.run("undo shop --to-revision 1").await, said("rollout 'shop' undo"));
    assert_eq!(image(&world), "shop:1");
    let skipped = "skipped rollback (current template already matches revision 1)";
    assert_eq!(world.run("undo shop --to-revision=1").await, said(skipped));
    let none = "unable to find specified revision 77 in history";
    assert_eq!(world.run("undo shop --to-revision 77").await, failed(none));
}

#[tokio::test(start_paused = true)]
async fn images_are_set_where_the_template_is() {
    let world = World::recorded("basic-healthy-after-three-revisions").await;
    assert_eq!(world.run("set image shop app=shop:9").await, said("rollout \"shop\" image updated"));
    let container = world.rollout()["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!((&container["image"], &container["ports"][0]["name"]), (&json!("shop:9"), &json!("http")));
    assert_eq!(world.run("set image shop no=a:1").await, failed("unable to find container named \"no\""));

    let world = World::recorded("workload-ref-update-paused").await;
    assert_eq!(world.run("set image shop *=shop:9").await, said("rollout \"shop\" image updated"));
    let name = world.rollout()["spec"]["workloadRef"]["name"].as_str().expect("refers").to_owned();
    let workload = world.server.get("apps/v1", "Deployment", &world.namespace, &name).expect("is there");
    assert_eq!(workload["spec"]["template"]["spec"]["containers"][0]["image"], "shop:9");
    assert_eq!(world.run("undo shop --to-revision 1").await, said("rollout 'shop' undo"));
    let workload = world.server.get("apps/v1", "Deployment", &world.namespace, &name).expect("is there");
    assert_eq!(workload["spec"]["template"]["spec"]["containers"][0]["image"], "shop:1");
}

#[tokio::test(start_paused = true)]
async fn an_image_is_set_although_others_write_too() {
    let world = World::recorded("basic-healthy-after-three-revisions").await;
    let patches = Arc::new(AtomicUsize::new(0));
    let seen = patches.clone();
    world.server.set_faults(Some(Arc::new(move |call: &Call| {
        let is_first = call.verb.is_write() && seen.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first { Verdict::Refuse(409) } else { Verdict::Pass }
    })));
    assert_eq!(world.run("set image shop app=shop:9").await, said("rollout \"shop\" image updated"));
    assert_eq!(patches.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_named() {
    let world = World::empty();
    let missing = "rollouts.argoproj.io \"nobody\" not found in namespace \"default\"";
    for line in [
        "get rollout nobody",
        "get rollout nobody -w",
        "promote nobody",
        "abort nobody",
        "retry rollout nobody",
        "undo nobody",
        "pause nobody",
        "set image nobody a=b",
        "status nobody",
    ] {
        assert_eq!(world.run(line).await, failed(missing), "{line}");
    }
    let elsewhere = "rollouts.argoproj.io \"nobody\" not found in namespace \"shop\"";
    assert_eq!(world.run("-n shop status nobody").await, failed(elsewhere));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_our_kinds_says_so() {
    let world = World::with("{apiVersion: v1, kind: ConfigMap, metadata: {name: instead}}");
    let unknown = "the server does not know rollouts.argoproj.io: are its CustomResourceDefinitions installed?";
    assert_eq!(world.run("list rollouts").await, failed(unknown));
    assert_eq!(world.run("abort shop").await, failed(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_passed_on() {
    let world = World::recorded("basic-aborted").await;
    world.server.set_faults(Some(Arc::new(|_: &Call| Verdict::Refuse(403))));
    let outcome = world.run("abort shop").await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, ""));
    assert!(outcome.errors.starts_with("Error: ") && outcome.errors.lines().count() == 1, "{outcome:?}");
}
