//! Stories of one Application, from its first sync to its deletion: what is written to the cluster, in which order, and
//! what the status says.

// In tests `expect` says what must hold.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod adoption;
mod deletion;
mod world;

use serde_json::{Value, json};
use world::World;

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";

fn spec(policy: Value) -> Value {
    json!({
        "source": {"repoURL": "https://example.com/shop.git", "path": "web", "targetRevision": "main"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "syncPolicy": policy,
    })
}

fn automated() -> Value {
    json!({"automated": {"prune": true, "selfHeal": true}})
}

fn config(name: &str, wave: i32, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}}}\ndata: {{key: {value}}}\n"
    )
}

fn deployment(wave: i32, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api, annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}}}\n\
         spec: {{replicas: 1, template: {{spec: {{containers: [{{name: api, image: '{image}'}}]}}}}}}\n"
    )
}

fn well() -> Value {
    json!({"status": {"observedGeneration": 9, "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}})
}

#[test]
fn first_sync_new_commit_and_quiet() {
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one")), ("web/s.yaml", SERVICE.into())]);
    let plan = world.settle();
    assert_eq!(world.told(), ["apply ConfigMap shop/a", "apply Service shop/web"]);
    assert_eq!(
        (world.status("/sync/status"), world.status("/sync/revision"), world.status("/health/status")),
        ("Synced", "c1", "Healthy")
    );
    assert_eq!(
        (world.status("/operationState/phase"), world.status("/operationState/message")),
        ("Succeeded", "successfully synced (all tasks run)")
    );
    assert_eq!(world.application["operation"], Value::Null);
    assert_eq!(world.application["status"]["history"][0]["revision"], "c1");
    assert_eq!(world.status("/operationState/syncResult/resources/0/message"), "configmap/a serverside-applied");
    assert_eq!(world.object("a")["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"], "web:/ConfigMap:shop/a");
    assert!(plan.to_string().contains("in sync with c1"), "{plan}");
    // The order and its end, and nothing else.
    assert_eq!((world.memory_writes, world.reports), (2, 0));

    let asked = world.asks;
    world.run_for(600);
    assert_eq!((world.memory_writes, world.reports), (2, 0), "a quiet world is not written to");
    assert_eq!(world.asks - asked, 2 * 5, "Git and the live objects are looked at once in a round");

    world.push("c2", &[("web/a.yaml", config("a", 0, "two")), ("web/s.yaml", SERVICE.into())]);
    world.run_for(120);
    assert_eq!(world.told(), ["apply ConfigMap shop/a"]);
    assert_eq!((world.status("/sync/revision"), world.object("a")["data"]["key"].as_str()), ("c2", Some("two")));
    assert_eq!(world.application["status"]["history"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_refresh_is_seen_at_once_and_taken_away() {
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one"))]);
    world.settle();
    world.push("c2", &[("web/a.yaml", config("a", 0, "two"))]);
    world.settle();
    assert_eq!(world.status("/sync/revision"), "c1");
    world.edit_application(
        json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal", "other": "stays"}}}),
    );
    world.settle();
    assert_eq!((world.status("/sync/revision"), world.status("/sync/status")), ("c2", "Synced"));
    assert_eq!(world.application["metadata"]["annotations"], json!({"other": "stays"}));
    world.run_for(300);
    assert_eq!(world.status("/sync/revision"), "c2");
}

#[test]
fn drift_is_undone_with_growing_pauses() {
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one")), ("web/b.yaml", config("b", 0, "one"))]);
    world.settle();
    world.told();
    world.edit("a", json!({"data": {"key": "changed", "more": "kept"}}));
    world.settle();
    assert_eq!(world.told(), ["apply ConfigMap shop/a"]);
    assert_eq!(world.object("a")["data"], json!({"key": "one", "more": "kept"}));
    assert_eq!(
        world.application["status"]["operationState"]["operation"]["sync"]["resources"],
        json!([{"kind": "ConfigMap", "name": "a"}])
    );
    assert_eq!(world.application["status"]["history"].as_array().map(Vec::len), Some(1), "an undoing is no deployment");
    world.edit("a", json!({"data": {"key": "again"}}));
    let plan = world.settle();
    assert_eq!((world.told(), world.status("/sync/status")), (vec![], "OutOfSync"), "{plan}");
    world.run_for(3);
    assert_eq!((world.told(), world.status("/sync/status")), (vec!["apply ConfigMap shop/a".to_owned()], "Synced"));
}

#[test]
fn drift_stays_without_self_heal_and_without_automation() {
    for policy in [json!({"automated": {}}), json!({})] {
        let mut world = World::new(spec(policy.clone()));
        world.push("c1", &[("web/a.yaml", config("a", 0, "one"))]);
        world.edit_application(json!({"operation": {"sync": {"revision": "c1"}, "initiatedBy": {"username": "ann"}}}));
        world.settle();
        assert_eq!(world.told(), ["apply ConfigMap shop/a"], "{policy}");
        assert_eq!(world.application["status"]["history"][0]["initiatedBy"]["username"], "ann");
        world.edit("a", json!({"data": {"key": "changed"}}));
        world.run_for(600);
        assert_eq!((world.told(), world.status("/sync/status")), (vec![], "OutOfSync"), "{policy}");
    }
}

#[test]
fn what_git_dropped_is_pruned_last_and_only_if_ours() {
    let mut world = World::new(spec(json!({"automated": {"prune": true}})));
    world.push(
        "c1",
        &[
            ("web/a.yaml", config("a", 0, "one")),
            ("web/b.yaml", config("b", 0, "one")),
            ("web/c.yaml", config("c", 0, "one")),
        ],
    );
    world.settle();
    world.told();
    world
        .edit("c", json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "other:/ConfigMap:shop/c"}}}));
    world.push("c2", &[("web/a.yaml", config("a", 0, "two"))]);
    world.run_for(240);
    assert_eq!(world.told(), ["apply ConfigMap shop/a", "delete ConfigMap shop/b"]);
    assert!(world.has("c"));
    assert_eq!(world.status("/sync/status"), "Synced");
    let results = world.application["status"]["operationState"]["syncResult"]["resources"].to_string();
    assert!(results.contains("Pruned"), "{results}");

    // Nothing left in Git is more likely a mistake than a wish.
    world.push("c3", &[("web/README.md", "moved".into())]);
    world.run_for(240);
    assert_eq!(world.told(), Vec::<String>::new());
    assert_eq!(world.conditions(), ["SyncError: Skipping sync attempt to c3: auto-sync will wipe out all resources"]);
    world.edit_application(json!({"spec": {"syncPolicy": {"automated": {"allowEmpty": true}}}}));
    world.settle();
    assert_eq!(world.told(), ["delete ConfigMap shop/a"]);
}

#[test]
fn without_prune_extras_are_only_reported() {
    let mut world = World::new(spec(json!({"automated": {"selfHeal": true}})));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one")), ("web/b.yaml", config("b", 0, "one"))]);
    world.settle();
    world.told();
    world.push("c2", &[("web/a.yaml", config("a", 0, "one"))]);
    world.run_for(600);
    assert_eq!((world.told(), world.status("/sync/status")), (vec![], "OutOfSync"));
    assert_eq!(world.application["status"]["resources"][1]["requiresPruning"], true);
}

#[test]
fn a_wave_waits_for_the_health_of_the_one_before() {
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/d.yaml", deployment(-1, "api:1")), ("web/z.yaml", config("z", 1, "one"))]);
    world.run_for(10);
    assert_eq!(world.told(), ["apply Deployment shop/api"]);
    assert_eq!(
        (world.status("/operationState/phase"), world.status("/operationState/message")),
        ("Running", "waiting for healthy state of apps/Deployment/api")
    );
    assert_eq!(world.status("/health/status"), "Progressing");
    world.edit("api", well());
    world.run_for(2);
    assert_eq!(world.told(), ["apply ConfigMap shop/z"]);
    assert_eq!((world.status("/operationState/phase"), world.status("/health/status")), ("Succeeded", "Healthy"));

    // A wave that never gets well does not hold up the commit that repairs it.
    world.edit("api", json!({"status": {"observedGeneration": 1}}));
    world.push("c2", &[("web/d.yaml", deployment(-1, "api:bad")), ("web/z.yaml", config("z", 1, "two"))]);
    world.run_for(300);
    assert_eq!(world.status("/operationState/phase"), "Running");
    world.told();
    world.push("c3", &[("web/d.yaml", deployment(-1, "api:3")), ("web/z.yaml", config("z", 1, "two"))]);
    world.run_for(130);
    world.edit("api", well());
    world.run_for(5);
    assert_eq!(world.told(), ["apply Deployment shop/api", "apply ConfigMap shop/z"]);
    assert_eq!((world.status("/sync/revision"), world.status("/operationState/phase")), ("c3", "Succeeded"));
}

#[test]
fn a_failed_wave_fails_the_sync() {
    let mut world = World::new(spec(json!({"automated": {}, "retry": {"limit": 0}})));
    world.push("c1", &[("web/d.yaml", deployment(-1, "api:1")), ("web/z.yaml", config("z", 1, "one"))]);
    world.settle();
    world.edit("api", json!({"status": {"observedGeneration": 9, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}}));
    world.run_for(2);
    assert_eq!(world.status("/operationState/phase"), "Failed");
    assert!(!world.has("z"));
    let message = "one or more synchronization tasks completed unsuccessfully, reason: apps/Deployment/api is Degraded: Deployment \"api\" exceeded its progress deadline";
    assert_eq!(world.conditions(), [format!("SyncError: Failed last sync attempt to c1: {message}")]);
}

#[test]
fn git_never_touches_a_weight_that_a_rollout_owns() {
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec:\n  template: {spec: {containers: [{name: web, image: 'web:1'}]}}\n  \
        strategy: {canary: {canaryService: web-canary, stableService: web-stable, trafficRouting: {istio: {virtualService: {name: mesh}}}}}\n";
    let mesh = |timeout: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: mesh}}\nspec:\n  hosts: [web]\n  http:\n  - timeout: {timeout}\n    \
             route:\n    - {{destination: {{host: web-stable}}, weight: 100}}\n    - {{destination: {{host: web-canary}}, weight: 0}}\n"
        )
    };
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web-canary}\nspec: {selector: {app: web}}\n";
    let files = |timeout: &str, image: &str| {
        [
            ("web/r.yaml", rollout.replace("web:1", image)),
            ("web/m.yaml", mesh(timeout)),
            ("web/s.yaml", service.to_owned()),
        ]
    };
    let mut world = World::new(spec(automated()));
    world.push("c1", &files("1s", "web:1"));
    world.settle();
    assert_eq!(world.object("mesh")["spec"]["http"][0]["route"][0]["weight"], 100, "at creation Git's weights hold");
    world.told();

    let moved = json!({"spec": {"http": [{"timeout": "1s", "route": [
        {"destination": {"host": "web-stable"}, "weight": 70}, {"destination": {"host": "web-canary"}, "weight": 30}]}]}});
    world.edit("mesh", moved);
    world.edit("web-canary", json!({"spec": {"selector": {"rollouts-pod-template-hash": "abc"}}}));
    world.edit("shop", json!({"status": {"phase": "Paused", "observedGeneration": "1", "message": "CanaryPauseStep"}}));
    world.settle();
    assert_eq!(
        (world.told(), world.status("/sync/status"), world.status("/health/status")),
        (vec![], "Synced", "Suspended")
    );

    // A change of another field of the same route carries the live weights with it.
    world.push("c2", &files("5s", "web:2"));
    world.run_for(120);
    assert_eq!(world.told(), ["apply VirtualService shop/mesh", "apply Rollout shop/shop"]);
    let route = &world.object("mesh")["spec"]["http"][0];
    assert_eq!(
        (&route["timeout"], &route["route"][0]["weight"], &route["route"][1]["weight"]),
        (&json!("5s"), &json!(70), &json!(30))
    );
    assert_eq!(world.object("web-canary")["spec"]["selector"]["rollouts-pod-template-hash"], "abc");
    assert_eq!(world.status("/sync/status"), "Synced");
}

#[test]
fn a_weight_that_moves_under_a_sync_is_read_again() {
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec: {strategy: {canary: {canaryService: c, stableService: s, trafficRouting: {istio: {virtualService: {name: mesh}}}}}}\n";
    let mesh = |timeout: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: mesh}}\nspec: {{http: [{{timeout: {timeout}, route: [{{destination: {{host: s}}, weight: 100}}, {{destination: {{host: c}}, weight: 0}}]}}]}}\n"
        )
    };
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/r.yaml", rollout.into()), ("web/m.yaml", mesh("1s"))]);
    world.settle();
    world.push("c2", &[("web/r.yaml", rollout.into()), ("web/m.yaml", mesh("5s"))]);
    world.told();
    world.edit_application(json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}));
    while world.status("/operationState/phase") != "Running" {
        world.pass();
    }
    // The rollout moves the weight after the sync has looked.
    let answers = world.answers.clone();
    world.edit("mesh", json!({"spec": {"http": [{"timeout": "1s", "route": [{"destination": {"host": "s"}, "weight": 60}, {"destination": {"host": "c"}, "weight": 40}]}]}}));
    world.answers = answers;
    world.settle();
    assert_eq!(world.told(), ["conflict VirtualService shop/mesh", "apply VirtualService shop/mesh"]);
    assert_eq!(world.object("mesh")["spec"]["http"][0]["route"][1]["weight"], 40);
    assert_eq!(world.object("mesh")["spec"]["http"][0]["timeout"], "5s");
}

#[test]
fn git_down_and_bad_yaml_change_nothing_that_runs() {
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one")), ("web/b.yaml", config("b", 0, "one"))]);
    world.settle();
    world.told();
    for (git, condition) in [
        (
            Err("https://example.com/shop.git: authentication failed"),
            "ComparisonError: https://example.com/shop.git: authentication failed",
        ),
        (Ok("kind: ConfigMap\nmetadata: {name: a\n"), "ComparisonError: web/a.yaml:2: "),
        (Ok("kind: ConfigMap\n"), "ComparisonError: web/a.yaml:1: apiVersion is missing"),
        (
            Ok(
                "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {argocd.argoproj.io/hook: PreSync}}\n",
            ),
            "ComparisonError: web/a.yaml:1: Job j: metadata.annotations[argocd.argoproj.io/hook]: Forbidden: not supported by this version",
        ),
    ] {
        match git {
            Err(message) => world.git = Err(message.into()),
            Ok(text) => world.push("bad", &[("web/a.yaml", text.into())]),
        }
        world.run_for(121);
        assert_eq!((world.told(), world.status("/sync/status")), (vec![], "Unknown"), "{condition}");
        assert_eq!(world.status("/health/status"), "Healthy");
        assert!(world.conditions()[0].starts_with(condition), "{:?}", world.conditions());
        let (memory, reports) = (world.memory_writes, world.reports);
        world.run_for(600);
        assert_eq!((world.memory_writes, world.reports), (memory, reports), "a lasting fault is reported once");
    }
    world.push("c4", &[("web/a.yaml", config("a", 0, "four"))]);
    world.run_for(121);
    assert_eq!(world.told(), ["apply ConfigMap shop/a", "delete ConfigMap shop/b"]);
    assert_eq!((world.status("/sync/status"), world.conditions()), ("Synced", vec![]));
}

#[test]
fn a_refused_manifest_is_named_tried_again_and_prunes_nothing() {
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one")), ("web/b.yaml", config("b", 0, "one"))]);
    world.settle();
    world.told();
    world.refuses.insert("new".into(), "data: Invalid value".into());
    world.push("c2", &[("web/a.yaml", config("a", 0, "two")), ("web/new.yaml", config("new", 0, "one"))]);
    world.run_for(121);
    assert_eq!(world.told(), ["apply ConfigMap shop/a"]);
    assert_eq!(
        (
            world.status("/operationState/phase"),
            world.application["status"]["operationState"]["retryCount"].as_i64().is_some()
        ),
        ("Running", true)
    );
    world.run_for(600);
    assert!(world.has("b"));
    let message =
        "one or more objects failed to apply, reason: ConfigMap shop/new: data: Invalid value (retried 5 times)";
    assert_eq!(world.conditions(), [format!("SyncError: Failed last sync attempt to c2: {message}")]);
    assert_eq!(world.status("/operationState/phase"), "Failed");
    let (memory, reports) = (world.memory_writes, world.reports);
    world.run_for(600);
    assert_eq!((world.memory_writes, world.reports), (memory, reports), "a failed commit is not tried for ever");

    world.refuses.clear();
    world.push("c3", &[("web/a.yaml", config("a", 0, "two")), ("web/new.yaml", config("new", 0, "three"))]);
    world.run_for(121);
    assert_eq!(world.told(), ["apply ConfigMap shop/new", "delete ConfigMap shop/b"]);
    assert_eq!((world.status("/sync/status"), world.conditions()), ("Synced", vec![]));
}

#[test]
fn a_controller_that_dies_at_any_write_goes_on_where_it_was() {
    let first = [
        ("web/d.yaml", deployment(-1, "api:1")),
        ("web/a.yaml", config("a", 0, "one")),
        ("web/b.yaml", config("b", 1, "one")),
        ("web/old.yaml", config("old", 0, "one")),
    ];
    let second = [
        ("web/d.yaml", deployment(-1, "api:2")),
        ("web/a.yaml", config("a", 0, "two")),
        ("web/b.yaml", config("b", 1, "two")),
    ];
    let play = |dies_after: Option<usize>| {
        let mut world = World::new(spec(automated()));
        world.push("c1", &first);
        world.dies_after = dies_after;
        world.run_for(3);
        world.edit("api", well());
        world.run_for(200);
        world.push("c2", &second);
        world.run_for(200);
        let states = ["/sync/revision", "/sync/status", "/operationState/phase", "/health/status"]
            .map(|pointer| world.status(pointer).to_owned());
        let images =
            ["api", "a", "b"].map(|name| format!("{}{}", world.object(name)["data"], world.object(name)["spec"]));
        let deaths = usize::from(dies_after.is_some());
        assert!(!world.has("old"), "{dies_after:?}: {:?}", world.story);
        assert_eq!(world.application["status"]["history"].as_array().map(Vec::len), Some(2), "{dies_after:?}");
        assert_eq!(world.story.last().map(String::as_str), Some("delete ConfigMap shop/old"), "{dies_after:?}");
        assert!(world.story.len() <= 8 + deaths, "{dies_after:?}: {:?}", world.story);
        (states, images)
    };
    let expected = play(None);
    for writes in 1..25 {
        assert_eq!(play(Some(writes)), expected, "it died after write {writes}");
    }
}

#[test]
fn a_namespace_is_created_first() {
    let mut world = World::new(spec(json!({"automated": {}, "syncOptions": ["CreateNamespace=true"]})));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one"))]);
    world.settle();
    assert_eq!(world.told(), ["apply Namespace shop", "apply ConfigMap shop/a"]);
    assert_eq!(world.status("/sync/status"), "Synced");
    assert_eq!(
        world.application["status"]["resources"].as_array().map(Vec::len),
        Some(1),
        "the namespace is not the application's"
    );
}

#[test]
fn an_invalid_spec_touches_nothing_and_recovers() {
    let mut world = World::new(spec(automated()));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one"))]);
    world.edit_application(json!({"spec": {"source": {"helm": {"releaseName": "x"}}}}));
    world.run_for(300);
    assert_eq!((world.told(), world.asks), (vec![], 0));
    assert_eq!(world.conditions(), ["InvalidSpecError: spec.source.helm: Forbidden: not supported by this version"]);
    world.edit_application(json!({"spec": {"source": {"helm": null}}}));
    world.settle();
    assert_eq!((world.told(), world.conditions()), (vec!["apply ConfigMap shop/a".to_owned()], vec![]));
}

#[test]
fn a_sync_that_somebody_asked_for() {
    let mut world = World::new(spec(json!({})));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one")), ("web/b.yaml", config("b", 0, "one"))]);
    world.push("c2", &[("web/a.yaml", config("a", 0, "two")), ("web/b.yaml", config("b", 0, "two"))]);
    world.edit_application(json!({"operation": {"sync": {"dryRun": true}}}));
    world.settle();
    assert_eq!(
        (world.status("/operationState/phase"), world.status("/operationState/message")),
        ("Error", "operation.sync.dryRun: Forbidden: not supported by this version")
    );
    world.edit_application(
        json!({"operation": {"sync": {"revision": "c1", "resources": [{"kind": "ConfigMap", "name": "b"}]}}}),
    );
    world.settle();
    assert_eq!(world.told(), ["apply ConfigMap shop/b"]);
    assert_eq!(world.object("b")["data"]["key"], "one");
    assert_eq!((world.status("/operationState/syncResult/revision"), world.status("/sync/revision")), ("c1", "c2"));
    assert_eq!(world.application["status"]["history"], Value::Null);
    // Termination of a sync that waits.
    world.push("c3", &[("web/d.yaml", deployment(-1, "api:1")), ("web/z.yaml", config("z", 1, "one"))]);
    world.edit_application(json!({"operation": {"sync": {"revision": "c3"}}}));
    world.settle();
    assert_eq!(world.status("/operationState/phase"), "Running");
    world.edit_application(json!({"status": {"operationState": {"phase": "Terminating"}}}));
    world.settle();
    assert_eq!(
        (world.status("/operationState/phase"), world.status("/operationState/message")),
        ("Failed", "Operation terminated")
    );
}
