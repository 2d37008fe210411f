//! A simulated API server with a Rollout in it, as a cluster in the field had it, and a screen that can be read.

use chrono::{DateTime, Utc};
use crds::kind;
use kube::Client;
use kubectl::{Cluster, Screen, run_on};
use serde_json::{Value, json};
use sim::{clock::Clock, server::Server};
use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};
use tokio::sync::watch;

/// When the world begins.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("in range")
}

/// A server and a client of it.
pub struct World {
    pub server: Server,
    pub clock: Clock,
    pub client: Client,
    pub namespace: String,
}

/// What a command left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: u8,
    pub out: String,
    pub errors: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The chart's definition of a kind.
pub fn definition(file: &str) -> String {
    fs::read_to_string(root().join("charts/leadline/crds").join(file)).expect("the definition is there")
}

impl World {
    /// A server with our definitions and nothing else.
    pub fn empty() -> Self {
        Self::with(&definition("rollouts.argoproj.io.yaml"))
    }

    /// The same with another definition of Rollouts.
    pub fn with(rollouts: &str) -> Self {
        let others = ["analysisruns.argoproj.io.yaml", "experiments.argoproj.io.yaml"].map(definition);
        let [runs, experiments] = &others;
        let clock = Clock::starting_at(start());
        let server = Server::new(clock, &[rollouts, runs, experiments]);
        let client = server.client();
        Self { server, clock, client, namespace: "default".into() }
    }

    /// A server that holds what a recorded cluster held.
    pub async fn recorded(name: &str) -> Self {
        let world = Self { namespace: format!("u-{name}"), ..Self::empty() };
        world.fill(name).await;
        world
    }

    /// Puts in what a recorded cluster held: owners first, since the server gives out uids of its own.
    pub async fn fill(&self, name: &str) {
        let file = root().join("rollouts/tests/data/upstream-states").join(name).join("objects.yaml");
        let text = fs::read_to_string(file).expect("the cluster is there");
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("the objects are YAML");
        let namespace = &self.namespace;
        let home = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
        self.server.apply_yaml(&home).expect("the namespace is taken");
        let mut uids: BTreeMap<String, Value> = BTreeMap::new();
        for kind in ["Deployment", "Rollout", "Experiment", "ReplicaSet", "AnalysisRun", "Pod"] {
            for object in objects.iter().filter(|object| object["kind"] == kind) {
                let (uid, created) = self.create(object.clone(), &uids).await;
                uids.insert(uid, created["metadata"]["uid"].clone());
            }
        }
    }

    async fn create(&self, mut object: Value, uids: &BTreeMap<String, Value>) -> (String, Value) {
        let metadata = object["metadata"].as_object_mut().expect("has metadata");
        let uid = metadata.remove("uid").expect("has a uid");
        for gone in ["resourceVersion", "generation", "creationTimestamp"] {
            metadata.remove(gone);
        }
        for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
            let known = owner["uid"].as_str().and_then(|uid| uids.get(uid)).cloned();
            owner["uid"] = known.unwrap_or_else(|| json!("somebody else"));
        }
        let status = object["status"].clone();
        let (kind, name) = (object["kind"].clone(), object["metadata"]["name"].clone());
        let uri = self.uri(kind.as_str().expect("is text"));
        let created = self.send("POST", &uri, "application/json", &object).await;
        if matches!(kind.as_str(), Some("Rollout" | "ReplicaSet" | "Pod")) {
            let uri = format!("{uri}/{}/status", name.as_str().expect("is text"));
            self.send("PATCH", &uri, "application/merge-patch+json", &json!({ "status": status })).await;
        }
        (uid.as_str().expect("is text").to_owned(), created)
    }

    fn uri(&self, kind: &str) -> String {
        let kind = kind::ALL.iter().find(|known| known.kind == kind).unwrap_or_else(|| panic!("no path for {kind}"));
        kind.path(Some(&self.namespace))
    }

    async fn send(&self, method: &str, uri: &str, media: &str, body: &Value) -> Value {
        let request = http::Request::builder().method(method).uri(uri).header("content-type", media);
        let request = request.body(body.to_string().into_bytes()).expect("is a request");
        self.client.request(request).await.unwrap_or_else(|error| panic!("{method} {uri}: {error}"))
    }

    /// Changes the Rollout's status, as a controller does.
    pub async fn report(&self, status: Value) {
        let uri = format!("{}/shop/status", self.uri("Rollout"));
        self.send("PATCH", &uri, "application/merge-patch+json", &json!({ "status": status })).await;
    }

    /// Removes the Rollout.
    pub async fn delete(&self) {
        self.send("DELETE", &format!("{}/shop", self.uri("Rollout")), "application/json", &Value::Null).await;
    }

    /// The Rollout as it is stored.
    pub fn rollout(&self) -> Value {
        let found = self.server.get("argoproj.io/v1alpha1", "Rollout", &self.namespace, "shop");
        Value::clone(&found.expect("the Rollout is there"))
    }

    /// The world as commands see it.
    pub fn cluster(&self) -> Cluster {
        let clock = self.clock;
        Cluster::new(self.client.clone(), &self.namespace).with_clock(move || clock.now())
    }

    /// Runs a command line.
    pub async fn run(&self, line: &str) -> Outcome {
        self.run_on(line, &mut Paper::new(), false).await
    }

    /// Runs a command line and shows on `paper` what it prints.
    pub async fn run_on(&self, line: &str, paper: &mut Paper, is_terminal: bool) -> Outcome {
        let mut errors = Vec::new();
        let words = ["kubectl-leadline"].into_iter().chain(line.split(' ')).map(Into::into);
        let mut screen = Screen { out: paper, errors: &mut errors, is_terminal, with_colours: is_terminal };
        let code = run_on(&self.cluster(), words, &mut screen).await;
        let errors = String::from_utf8(errors).expect("is text");
        Outcome { code, out: paper.text.borrow().clone(), errors }
    }
}

/// Where a command prints, for others to read meanwhile.
pub struct Paper {
    text: watch::Sender<String>,
}

impl Paper {
    pub fn new() -> Self {
        Self { text: watch::Sender::new(String::new()) }
    }

    /// Somebody who reads along.
    pub fn reader(&self) -> watch::Receiver<String> {
        self.text.subscribe()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.send_modify(|text| text.push_str(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until this was printed.
pub async fn printed(reader: &mut watch::Receiver<String>, what: &str) {
    reader.wait_for(|text| text.contains(what)).await.expect("the command prints on");
}
