//! A world in this process: the simulator's API server, pods that only exist in it, a mesh that carries requests by the
//! VirtualService's weights, a metrics server, a Git repository in a temporary folder, and the product's own controller.
//!
//! In real time all of them talk HTTP over loopback, and a second terminal can take part. On virtual time the same parts are
//! joined in process, without a socket. Everything ends when the world is dropped.

use super::World;
use crate::{
    error::DemoError,
    manifests::{HOME, NAMESPACE, ROLLOUT, version_of},
    measured::Traffic,
    story::VERSIONS,
};
use controller::{
    ApplicationSettings, Controller, Key, Kind, Lost, Pass, Settings, Witness,
    ask::{
        Answerer, Answerers, Secrets,
        git::{GitInProcess, GitSettings},
        metrics::MetricsOverHttp,
    },
};
use futures::FutureExt;
use kube::{Client, Config, config::KubeConfigOptions, config::Kubeconfig};
use sim::{
    clock::Clock,
    server::{self, Server},
    simulation::beginning,
    world::{self, calls::text, definitions, git::Repository, images::Behaviour},
};
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

/// The mesh sends so many requests a second.
const REQUESTS_PER_SECOND: u32 = 200;
/// How often the repository is looked at.
const GIT_POLL: Duration = Duration::from_secs(1);
/// The same on virtual time, where a look costs more than the time between two.
const FAST_GIT_POLL: Duration = Duration::from_secs(3);
/// How often the story looks.
const TICK: Duration = Duration::from_millis(200);

/// A world in this process.
pub struct Embedded {
    client: Client,
    world: world::World,
    repository: Repository,
    prometheus: String,
    words: Arc<Words>,
    controller: JoinHandle<Result<(), Lost>>,
    kubeconfig: Option<PathBuf>,
    is_kept: bool,
    _servers: JoinSet<std::io::Result<()>>,
    _folder: TempDir,
}

/// What the parts of a world are joined by.
struct Joints {
    client: Client,
    clock: controller::Clock,
    prometheus: String,
    metrics: Arc<dyn Answerer>,
    polling: Duration,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Embedded")
            .field("repository", &self.repository)
            .field("kubeconfig", &self.kubeconfig)
            .finish_non_exhaustive()
    }
}

impl Embedded {
    /// A world in real time, on loopback ports. Needs an installed rustls provider. `is_kept` says whether it stays after
    /// the story.
    pub async fn over_http(is_kept: bool) -> Result<Self, DemoError> {
        let folder = folder()?;
        let clock = Clock::real();
        let server = Server::new(clock, &definitions());
        let world = world::World::start(server.client(), clock, settings());
        let mut servers = JoinSet::new();
        let listener = listen().await?;
        let address = listener.local_addr().map_err(DemoError::machine("no address"))?;
        servers.spawn(server::http::serve(listener, server));
        let text = server::http::kubeconfig(address);
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, &text).map_err(DemoError::machine("the kubeconfig cannot be written"))?;
        let listener = listen().await?;
        let prometheus = format!("http://{}", listener.local_addr().map_err(DemoError::machine("no address"))?);
        servers.spawn(world::prometheus::serve(listener, world.prometheus().clone()));
        let client = connect(&text).await?;
        let metrics = MetricsOverHttp::new(Secrets::new(client.clone()));
        let metrics = metrics.map_err(|error| DemoError::Unusable(format!("no HTTP client: {error}")))?;
        let joints = Joints {
            client,
            clock: controller::Clock::wall(),
            prometheus,
            metrics: Arc::new(metrics),
            polling: GIT_POLL,
        };
        Self::join(joints, world, folder, servers, Some(kubeconfig), is_kept)
    }

    /// A world on the time of this runtime, which may be virtual; no socket is opened.
    pub fn in_process() -> Result<Self, DemoError> {
        let folder = folder()?;
        let clock = Clock::starting_at(beginning());
        let server = Server::new(clock, &definitions());
        let world = world::World::start(server.client(), clock, settings());
        let joints = Joints {
            client: server.client(),
            clock: controller::Clock::starting_at(beginning()),
            prometheus: "http://prometheus.monitoring:9090".into(),
            metrics: Arc::new(world.prometheus().clone()),
            polling: FAST_GIT_POLL,
        };
        Self::join(joints, world, folder, JoinSet::new(), None, false)
    }

    fn join(
        joints: Joints,
        world: world::World,
        folder: TempDir,
        servers: JoinSet<std::io::Result<()>>,
        kubeconfig: Option<PathBuf>,
        is_kept: bool,
    ) -> Result<Self, DemoError> {
        for version in VERSIONS {
            let behaviour = Behaviour { error_rate: Some(f64::from(version.error_percent)), ..Behaviour::default() };
            world.images().set(&version.image(), behaviour);
        }
        let Joints { client, clock, prometheus, metrics, polling } = joints;
        let repository = Repository::create(folder.path().join("repository"));
        let repository = repository.map_err(DemoError::machine("no Git repository: is git installed?"))?;
        let cache = folder.path().join("cache");
        let git =
            GitSettings { cache: cache.clone(), allow_file: true, kubectl: "kubectl".into(), namespace: HOME.into() };
        let settings = Settings {
            own_namespace: HOME.into(),
            applications: Some(ApplicationSettings {
                polling,
                allow_file: true,
                cache_folder: cache,
                kubectl: "kubectl".into(),
            }),
            ..Settings::default()
        };
        let answerers = Answerers { metrics, git: Arc::new(GitInProcess::new(git, None)) };
        let words = Arc::new(Words::default());
        let controller = Controller::new(client.clone(), clock, settings, answerers).witnessed_by(words.clone());
        let controller = tokio::spawn(controller.run(std::future::pending()));
        Ok(Self {
            client,
            world,
            repository,
            prometheus,
            words,
            controller,
            kubeconfig,
            is_kept,
            _servers: servers,
            _folder: folder,
        })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

fn settings() -> world::Settings {
    world::Settings { requests_per_second: REQUESTS_PER_SECOND, ..world::Settings::default() }
}

fn folder() -> Result<TempDir, DemoError> {
    let folder = tempfile::Builder::new().prefix("leadline-demo-").tempdir();
    folder.map_err(DemoError::machine("no temporary folder"))
}

async fn listen() -> Result<TcpListener, DemoError> {
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(DemoError::machine("no port on loopback"))
}

async fn connect(kubeconfig: &str) -> Result<Client, DemoError> {
    let unusable = |error: &dyn std::fmt::Display| DemoError::Unusable(format!("the kubeconfig: {error}"));
    let file = Kubeconfig::from_yaml(kubeconfig).map_err(|error| unusable(&error))?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    let config = config.map_err(|error| unusable(&error))?;
    controller::client(config).map_err(DemoError::cluster("no client for the API server"))
}

/// What the controller last said of the story's Rollout.
#[derive(Debug, Default)]
struct Words(Mutex<String>);

impl Witness for Words {
    fn passed(&self, pass: Pass<'_>) {
        if *pass.key != Key::new(Kind::Rollout, NAMESPACE, ROLLOUT) {
            return;
        }
        let mut said: Vec<String> = Vec::new();
        for reason in &pass.plan.why {
            let words = reason.to_string();
            if !said.contains(&words) {
                said.push(words);
            }
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = said.join("; ");
    }
}

impl World for Embedded {
    fn introduction(&self) -> Vec<String> {
        let parts = "an API server, pods, a mesh with 200 requests a second, Prometheus, Git";
        match &self.kubeconfig {
            None => vec![format!("A world on virtual time: {parts}.")],
            Some(kubeconfig) => vec![
                format!("A world in this process: {parts}, and Leadline's controller."),
                "A second terminal can take part:".to_owned(),
                format!("  export KUBECONFIG={}", kubeconfig.display()),
                format!("  kubectl leadline get rollout {ROLLOUT} -n {NAMESPACE} -w"),
            ],
        }
    }

    fn suggestions(&self) -> Vec<String> {
        match &self.kubeconfig {
            Some(kubeconfig) if self.is_kept => vec![
                "The world goes on until you press Ctrl-C. What to try next:".to_owned(),
                format!("  export KUBECONFIG={}", kubeconfig.display()),
                format!("  kubectl leadline get rollout {ROLLOUT} -n {NAMESPACE}"),
                format!("  kubectl leadline retry rollout {ROLLOUT} -n {NAMESPACE}"),
                format!("  edit and commit in {}", self.repository.folder().display()),
            ],
            _ => vec![
                "What to try next:".to_owned(),
                "  leadline demo --keep            the same, and the world stays for your own experiments".to_owned(),
                "  make demo-cluster               the same story with real pods, Istio, Envoy and Prometheus"
                    .to_owned(),
                "  leadline simulate -f FILE       your own Rollout on virtual time".to_owned(),
            ],
        }
    }

    fn client(&self) -> Client {
        self.client.clone()
    }

    fn repository(&self) -> String {
        self.repository.url()
    }

    fn prometheus(&self) -> String {
        self.prometheus.clone()
    }

    fn tick(&self) -> Duration {
        TICK
    }

    fn traffic(&self) -> Traffic {
        let counts = self.world.mesh().counts();
        let mut traffic = Traffic { lost: counts.lost_requests, ..Traffic::default() };
        let sets = self.world.views().replica_sets.all();
        for (served, count) in &counts.served {
            let has_hash =
                |set: &&Arc<serde_json::Value>| text(set, "/metadata/labels/rollouts-pod-template-hash") == served.hash;
            let image = sets
                .iter()
                .find(has_hash)
                .map(|set| version_of(text(set, "/spec/template/spec/containers/0/image")).to_owned());
            let answers = traffic.versions.entry(image.unwrap_or_else(|| served.hash.clone())).or_default();
            if served.code < 500 {
                answers.good += count;
            } else {
                answers.bad += count;
            }
        }
        let why = counts.lost.iter().take(5).map(|lost| format!("to {}: {}", lost.cluster.name(), lost.why));
        traffic.lost_why = why.collect();
        traffic
    }

    fn why(&self) -> String {
        self.words.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ended(&mut self) -> Option<String> {
        let ended = (&mut self.controller).now_or_never()?;
        Some(match ended {
            Ok(Ok(())) => "it was stopped".to_owned(),
            Ok(Err(lost)) => lost.to_string(),
            Err(error) => error.to_string(),
        })
    }

    async fn push(&self, message: &str, files: Vec<(&'static str, String)>) -> Result<String, DemoError> {
        let (repository, message) = (self.repository.clone(), message.to_owned());
        let commit = move || {
            let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
            repository.commit(&message, &files)
        };
        let commit = tokio::task::spawn_blocking(commit).await;
        let commit = commit.map_err(|error| DemoError::Unusable(error.to_string()))?;
        commit.map_err(DemoError::machine("the commit failed"))
    }
}
