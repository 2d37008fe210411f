//! The simulator's API server answers as a real one does: one list of requests, and one of kubectl commands, on both.
//!
//! Compared are status codes and bodies, but for uids, times, versions, field managers and addresses. The lists are data:
//! `conformance/requests.yaml`, `conformance/commands.txt`. Nothing else acts on the simulator's objects, so that the lists
//! stay away from what a cluster's controllers do by themselves.

#[path = "conformance/alike.rs"]
mod alike;

use alike::Alike;
use anyhow::Context;
use e2e::{Cluster, installed, repository, stage, wait_until};
use http::{Request, header};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use serde_json::{Value, json};
use sim::{clock::Clock, server::Server};
use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;

/// How long a garbage collector may take.
const COLLECTED: Duration = Duration::from_secs(20);

/// One request, and what is compared of its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    what: String,
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    accept: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    raw: Option<String>,
    /// What to remember of the answer, by JSON pointer.
    #[serde(default)]
    keep: BTreeMap<String, String>,
    #[serde(default)]
    compare: Compare,
    /// The body is one JSON document a line.
    #[serde(default)]
    lines: bool,
    /// Asked again until this is the status.
    #[serde(default)]
    until: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Compare {
    /// The pointers.
    Pointers(Vec<String>),
    /// The word `status`: nothing of the body.
    Word(#[expect(dead_code, reason = "what the word is does not matter")] String),
    #[default]
    All,
}

fn get() -> String {
    "GET".into()
}

/// One of the two servers, and what was remembered of its answers.
struct Side {
    client: kube::Client,
    alike: Alike,
}

impl Side {
    fn new(client: kube::Client, namespace: &str) -> Self {
        Self { client, alike: Alike::new(namespace) }
    }

    /// Sends a request, and returns the status and what is compared of the body.
    async fn answer(&mut self, step: &Step) -> anyhow::Result<Value> {
        let (mut status, mut body) = self.send(step).await?;
        if let Some(awaited) = step.until {
            (status, body) = wait_until(&step.what, COLLECTED, || async {
                let (status, body) = self.send(step).await.map_err(|error| format!("{error:#}"))?;
                if status == awaited { Ok((status, body)) } else { Err(format!("{status}")) }
            })
            .await?;
        }
        for (name, pointer) in &step.keep {
            let value =
                body.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}: {body}"))?;
            self.alike.keep(name, value);
        }
        let body = self.alike.plain(&body);
        let compared = match &step.compare {
            Compare::All => body,
            Compare::Word(_) => Value::Null,
            Compare::Pointers(pointers) => pointers.iter().map(|pointer| body.pointer(pointer).cloned()).collect(),
        };
        Ok(json!({"status": status, "body": compared}))
    }

    async fn send(&self, step: &Step) -> anyhow::Result<(u16, Value)> {
        let body = match (&step.raw, &step.body) {
            (Some(text), _) => text.clone(),
            (None, Some(body)) => self.alike.fill(&body.to_string()),
            (None, None) => String::new(),
        };
        let content = match step.kind.as_str() {
            "" => "application/json".to_owned(),
            "merge" | "strategic" => {
                format!("application/{}-patch+json", if step.kind == "merge" { "merge" } else { "strategic-merge" })
            }
            "json" => "application/json-patch+json".to_owned(),
            "apply" => "application/apply-patch+yaml".to_owned(),
            "yaml" => "application/yaml".to_owned(),
            other => other.to_owned(),
        };
        let mut request = Request::builder().method(step.method.as_str()).uri(self.alike.fill(&step.path));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, content);
        }
        request = request.header(header::ACCEPT, step.accept.as_deref().unwrap_or("application/json"));
        let answer = self.client.send(request.body(Body::from(body.into_bytes()))?).await?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        let body = if step.lines {
            Value::Array(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.trim().to_owned()))
        };
        Ok((status, body))
    }
}

/// A server of the simulator on loopback, with our definitions and Istio's; returns its kubeconfig.
async fn simulated(cluster: &Cluster) -> anyhow::Result<String> {
    let mut definitions = vec![];
    let mut folder: Vec<_> = fs::read_dir(repository().join("charts/leadline/crds"))?.collect::<Result<_, _>>()?;
    folder.sort_by_key(fs::DirEntry::path);
    for file in folder {
        definitions.push(fs::read_to_string(file.path())?);
    }
    for name in ["virtualservices", "destinationrules"] {
        let mut get = cluster.kubectl();
        get.args(["get", "crd", &format!("{name}.networking.istio.io"), "-o", "json"]);
        let mut definition: Value = serde_json::from_str(&installed::output(&mut get, "")?)?;
        // An object that is created has no version yet.
        definition["metadata"]["resourceVersion"].take();
        definitions.push(definition.to_string());
    }
    let definitions: Vec<&str> = definitions.iter().map(String::as_str).collect();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let kubeconfig = sim::server::http::kubeconfig(listener.local_addr()?);
    tokio::spawn(sim::server::http::serve(listener, Server::new(Clock::real(), &definitions)));
    Ok(kubeconfig)
}

fn namespace(name: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs() % 1_000_000);
    format!("{name}-{since}")
}

#[test]
fn requests_are_answered_alike() -> anyhow::Result<()> {
    stage::play(async {
        let cluster = Cluster::light()?;
        let steps: Vec<Step> = serde_saphyr::from_str(include_str!("conformance/requests.yaml"))?;
        let namespace = namespace("alike");
        let mut sim = Side::new(stage::client(&simulated(&cluster).await?).await?, &namespace);
        let mut real = Side::new(stage::client(&fs::read_to_string(&cluster.kubeconfig)?).await?, &namespace);
        let mut differences = Vec::new();
        for step in &steps {
            let (ours, theirs) = (sim.answer(step).await, real.answer(step).await);
            let theirs = theirs.with_context(|| format!("real: {}", step.what))?;
            let ours = ours.unwrap_or_else(|error| json!(format!("{error:#}")));
            let found = alike::differences(&ours, &theirs);
            if !found.is_empty() {
                let path = step.path.replace("{ns}", &namespace);
                differences.push(format!("{} ({} {path})\n{}", step.what, step.method, found.join("\n")));
            }
        }
        println!("{} requests, {} answered otherwise", steps.len(), differences.len());
        anyhow::ensure!(differences.is_empty(), "{}", differences.join("\n\n"));
        Ok(())
    })
}

/// Exit code and output of a command, but for what may differ.
fn said(cluster: &Cluster, kubeconfig: &Path, namespace: &str, line: &str) -> anyhow::Result<Value> {
    let (is_status, line) = line.strip_prefix("status ").map_or((false, line), |line| (true, line));
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/conformance/manifests.yaml");
    let words = line.split(' ').map(|word| word.replace("{manifests}", &manifests.to_string_lossy()));
    let mut kubectl = Command::new(&cluster.kubectl);
    kubectl.env("KUBECONFIG", kubeconfig).env("HOME", kubeconfig.parent().context("a folder")?);
    let output = kubectl.args(["-n", namespace]).args(words).output()?;
    let text = |bytes: &[u8]| Alike::new(namespace).plain_text(&String::from_utf8_lossy(bytes));
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let code = output.status.code();
    Ok(if is_status { json!({"code": code}) } else { json!({"code": code, "stdout": out, "stderr": err}) })
}

#[test]
fn kubectl_is_answered_alike() -> anyhow::Result<()> {
    stage::play(async {
        let cluster = Cluster::light()?;
        let folder = (tempfile::tempdir()?, tempfile::tempdir()?);
        let (ours, theirs) = (folder.0.path().join("kubeconfig"), folder.1.path().join("kubeconfig"));
        fs::write(&ours, simulated(&cluster).await?)?;
        fs::copy(&cluster.kubeconfig, &theirs)?;
        let namespace = namespace("commands");
        let mut differences = Vec::new();
        for kubeconfig in [&ours, &theirs] {
            let client = stage::client(&fs::read_to_string(kubeconfig)?).await?;
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).to_string();
            let create = Request::post("/api/v1/namespaces").header(header::CONTENT_TYPE, "application/json");
            client.request::<Value>(create.body(body.into_bytes())?).await?;
        }
        for line in include_str!("conformance/commands.txt").lines().filter(|line| !line.starts_with('#')) {
            // The simulator answers from this runtime's other threads.
            let both = tokio::task::block_in_place(|| {
                let said = |kubeconfig: &Path| said(&cluster, kubeconfig, &namespace, line);
                anyhow::Ok((said(&ours)?, said(&theirs)?))
            })?;
            let found = alike::differences(&both.0, &both.1);
            if !found.is_empty() {
                differences.push(format!("kubectl {line}\n{}", found.join("\n")));
            }
        }
        anyhow::ensure!(differences.is_empty(), "{}", differences.join("\n\n"));
        Ok(())
    })
}
