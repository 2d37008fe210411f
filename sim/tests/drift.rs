//! An Application whose objects somebody changes by hand: seen within seconds although the polling interval is minutes, undone
//! where the policy says so, and quiet otherwise. Played on virtual time against the server in memory.

#![allow(clippy::expect_used)]

use controller::{ApplicationSettings, ask::Answerer};
use futures::{FutureExt, future::BoxFuture};
use http::Request;
use plan::{Answer, Ask, GitAnswer};
use serde_json::{Value, json};
use sim::{
    server::{call::Call, faults::Verdict},
    simulation::{Options, Simulation, runtime},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const MANIFESTS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {key: from git}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

/// A repository that never changes.
#[derive(Debug)]
struct Git;

impl Answerer for Git {
    fn answer(&self, _: Ask) -> BoxFuture<'static, Answer> {
        let files = BTreeMap::from([("web/all.yaml".to_owned(), MANIFESTS.to_owned())]);
        async { Answer::Git(Ok(GitAnswer { commit: "c1".into(), files, source_type: "Directory".into() })) }.boxed()
    }
}

/// A cluster that follows the repository with this policy, once it is in sync.
async fn synced(automated: Value) -> Simulation {
    let mut options = Options::seeded(1);
    options.git = Arc::new(Git);
    options.controller.applications = Some(ApplicationSettings {
        polling: Duration::from_secs(600),
        allow_file: false,
        cache_folder: PathBuf::new(),
        kubectl: String::new(),
    });
    let simulation = Simulation::start(options);
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://git.example/shop", "path": "web", "targetRevision": "main"},
            "destination": {"name": "in-cluster", "namespace": "default"},
            "syncPolicy": {"automated": automated},
        },
    });
    simulation.apply(&application.to_string()).expect("applies");
    let is_synced = simulation.until(Duration::from_secs(30), |simulation| status(simulation) == "Synced").await;
    assert!(is_synced, "{}", simulation.journal().transcript());
    // What the watches make of their own beginning is over.
    simulation.advance(Duration::from_secs(20)).await;
    simulation
}

fn status(simulation: &Simulation) -> String {
    let application = simulation.server().get("argoproj.io/v1alpha1", "Application", "default", "web");
    let application = application.expect("is there");
    application.pointer("/status/sync/status").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn key(simulation: &Simulation) -> Option<String> {
    let object = simulation.server().get("v1", "ConfigMap", "default", "web")?;
    object.pointer("/data/key").and_then(Value::as_str).map(str::to_owned)
}

async fn change(simulation: &Simulation) {
    let request = Request::patch("/api/v1/namespaces/default/configmaps/web")
        .header("content-type", "application/merge-patch+json")
        .body(json!({"data": {"key": "by hand"}}).to_string().into_bytes());
    simulation.server().client().request::<Value>(request.expect("a request")).await.expect("changes");
}

async fn delete(simulation: &Simulation) {
    let request = Request::delete("/api/v1/namespaces/default/configmaps/web").body(Vec::new());
    simulation.server().client().request::<Value>(request.expect("a request")).await.expect("deletes");
}

#[test]
fn drift_is_undone_within_seconds_of_being_made() {
    runtime().expect("a runtime").block_on(async {
        let simulation = synced(json!({"selfHeal": true})).await;
        let is_healed = |simulation: &Simulation| key(simulation).as_deref() == Some("from git");
        change(&simulation).await;
        assert!(!is_healed(&simulation));
        assert!(simulation.until(Duration::from_secs(4), is_healed).await, "changed: {:?}", key(&simulation));
        simulation.advance(Duration::from_secs(10)).await;
        delete(&simulation).await;
        assert!(simulation.until(Duration::from_secs(6), is_healed).await, "deleted: {:?}", key(&simulation));
    });
}

#[test]
fn drift_is_shown_within_seconds_where_nothing_undoes_it() {
    runtime().expect("a runtime").block_on(async {
        let simulation = synced(json!({})).await;
        change(&simulation).await;
        let is_seen = simulation.until(Duration::from_secs(4), |simulation| status(simulation) == "OutOfSync").await;
        assert!(is_seen, "{}", status(&simulation));
        simulation.advance(Duration::from_secs(700)).await;
        assert_eq!((key(&simulation).as_deref(), status(&simulation).as_str()), (Some("by hand"), "OutOfSync"));
    });
}

#[test]
fn a_quiet_application_costs_nothing_between_two_polls() {
    runtime().expect("a runtime").block_on(async {
        let simulation = synced(json!({"selfHeal": true})).await;
        let reads = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reads);
        simulation.server().set_faults(Some(Arc::new(move |call: &Call| {
            let is_read = ["configmaps", "services"].contains(&call.resource.as_str()) && call.name.is_some();
            counter.fetch_add(usize::from(is_read), Ordering::Relaxed);
            Verdict::Pass
        })));
        let has_polled = |_: &Simulation| reads.load(Ordering::Relaxed) > 0;
        assert!(simulation.until(Duration::from_secs(620), has_polled).await, "a poll reads them");
        simulation.advance(Duration::from_secs(5)).await;
        reads.store(0, Ordering::Relaxed);
        simulation.advance(Duration::from_secs(500)).await;
        assert_eq!(reads.load(Ordering::Relaxed), 0, "objects are read when they change, or at a poll");
    });
}
