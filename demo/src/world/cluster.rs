//! A real cluster on this machine: real pods behind Istio and Envoy, Prometheus, a Git server; started by `e2e/cluster`.
//!
//! The controller is the product's binary as a process of its own, with the rights of the chart's ServiceAccount and no
//! others. The cluster outlives the story; what the story made in it does not, unless asked.

mod install;
mod process;

use super::World;
use crate::{
    clients::Clients,
    error::DemoError,
    manifests::{HOST, NAMESPACE, ROLLOUT},
    measured::Traffic,
};
use kube::{Client, Config, config::KubeConfigOptions, config::Kubeconfig};
use process::Running;
use serde::Deserialize;
use sim::world::git::Repository;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::process::Command;

/// How often the story looks.
const TICK: Duration = Duration::from_millis(200);
/// How often clients ask.
const REQUESTS_PER_SECOND: u32 = 50;
/// The repository on the cluster's Git server.
const REPOSITORY: &str = "shop.git";

/// Where the parts of a cluster are, as `e2e/cluster` writes it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Addresses {
    state: PathBuf,
    api_server: String,
    kubeconfig: PathBuf,
    helm: PathBuf,
    kubectl: PathBuf,
    gateway: String,
    prometheus: String,
    git: String,
    git_folder: PathBuf,
}

/// What a real cluster needs to be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `leadline` binary.
    pub program: PathBuf,
    /// Whether everything stays after the story until somebody ends it.
    pub is_kept: bool,
}

/// A real cluster with a running controller and clients.
pub struct RealCluster {
    options: Options,
    addresses: Addresses,
    client: Client,
    repository: Repository,
    clients: Clients,
    controller: Running,
    _folder: TempDir,
}

impl fmt::Debug for RealCluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RealCluster")
            .field("options", &self.options)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl RealCluster {
    /// Starts what is missing of the cluster, clears what an earlier story left, installs, and starts the controller and the
    /// clients. Needs an installed rustls provider.
    pub async fn up(options: Options) -> Result<Self, DemoError> {
        let source = source()?;
        let script = source.join("e2e/cluster/run");
        run(Command::new(&script).args(["up", "--profile", "real"])).await?;
        let addresses = read_addresses(&source.join(".cluster/real/cluster.json"))?;
        let client = connect(&addresses.kubeconfig).await?;
        install::clear(&client).await?;
        install::install(&client, &addresses, &source.join("charts/leadline")).await?;
        let folder = tempfile::Builder::new().prefix("leadline-demo-").tempdir();
        let folder = folder.map_err(DemoError::machine("no temporary folder"))?;
        let kubeconfig = folder.path().join("controller.kubeconfig");
        let account = install::SERVICE_ACCOUNT;
        let mut command = Command::new(&script);
        command.args(["kubeconfig", "--profile", "real", "--service-account", account, "--out"]).arg(&kubeconfig);
        run(&mut command).await?;
        let repository = repository(&addresses, folder.path()).await?;
        let controller = Running::start(&options.program, &kubeconfig, &addresses, folder.path())?;
        let clients = Clients::start(&addresses.gateway, HOST, REQUESTS_PER_SECOND)?;
        Ok(Self { options, addresses, client, repository, clients, controller, _folder: folder })
    }

    /// Ends the controller and removes what the story made. The cluster stays.
    pub async fn close(self) -> Result<(), DemoError> {
        self.controller.stop().await?;
        install::clear(&self.client).await
    }
}

/// The clone that this is run from: the folder above that has `e2e/cluster/run`.
fn source() -> Result<PathBuf, DemoError> {
    let here = std::env::current_dir().map_err(DemoError::machine("no current folder"))?;
    let clone = here.ancestors().find(|folder| folder.join("e2e/cluster/run").is_file());
    let missing =
        || DemoError::Unusable("the real cluster is built from a clone of the repository: run it there".into());
    clone.map(Path::to_owned).ok_or_else(missing)
}

fn read_addresses(path: &Path) -> Result<Addresses, DemoError> {
    let text = std::fs::read(path).map_err(DemoError::machine(path.display().to_string()))?;
    serde_json::from_slice(&text).map_err(|error| DemoError::Unusable(format!("{}: {error}", path.display())))
}

async fn connect(path: &Path) -> Result<Client, DemoError> {
    let unusable = |error: &dyn std::fmt::Display| DemoError::Unusable(format!("{}: {error}", path.display()));
    let file = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    let config = config.map_err(|error| unusable(&error))?;
    controller::client(config).map_err(DemoError::cluster("no client for the API server"))
}

/// Runs a program to its end; what it prints is seen.
async fn run(command: &mut Command) -> Result<(), DemoError> {
    let words = format!("{:?}", command.as_std());
    let status = command.status().await.map_err(DemoError::machine(words.clone()))?;
    if status.success() { Ok(()) } else { Err(DemoError::Unusable(format!("{words}: {status}"))) }
}

/// An empty repository on the Git server, and a clone of it.
async fn repository(addresses: &Addresses, folder: &Path) -> Result<Repository, DemoError> {
    let bare = addresses.git_folder.join(REPOSITORY);
    if bare.exists() {
        std::fs::remove_dir_all(&bare).map_err(DemoError::machine(bare.display().to_string()))?;
    }
    run(Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&bare)).await?;
    Repository::create(folder.join("repository")).map_err(DemoError::machine("no Git repository"))
}

impl World for RealCluster {
    fn introduction(&self) -> Vec<String> {
        vec![
            format!(
                "A real cluster: {}, with {REQUESTS_PER_SECOND} requests a second through Envoy at {}.",
                self.addresses.api_server, self.addresses.gateway
            ),
            format!(
                "Leadline's controller runs as {}; its log: {}",
                install::SERVICE_ACCOUNT,
                self.controller.log().display()
            ),
            "A second terminal can take part:".to_owned(),
            format!("  export KUBECONFIG={}", self.addresses.kubeconfig.display()),
            format!("  {} get rollout {ROLLOUT} -n {NAMESPACE} -w", self.addresses.kubectl.display()),
        ]
    }

    fn suggestions(&self) -> Vec<String> {
        let mut lines = vec!["What to try next:".to_owned()];
        if self.options.is_kept {
            lines.insert(0, "Everything goes on until you press Ctrl-C.".to_owned());
            lines.push(format!("  export KUBECONFIG={}", self.addresses.kubeconfig.display()));
            lines.push(format!("  kubectl leadline get rollout {ROLLOUT} -n {NAMESPACE}"));
            lines.push(format!("  git clone {}", self.repository()));
        } else {
            lines.push(
                "  leadline demo --cluster --keep   the same, and all of it stays for your own experiments".to_owned(),
            );
            lines.push("  make demo-down                   stops the cluster".to_owned());
        }
        lines
    }

    fn client(&self) -> Client {
        self.client.clone()
    }

    fn repository(&self) -> String {
        format!("{}{REPOSITORY}", self.addresses.git)
    }

    fn prometheus(&self) -> String {
        self.addresses.prometheus.clone()
    }

    fn tick(&self) -> Duration {
        TICK
    }

    fn traffic(&self) -> Traffic {
        self.clients.traffic()
    }

    fn why(&self) -> String {
        self.controller.why()
    }

    fn ended(&mut self) -> Option<String> {
        self.controller.ended()
    }

    async fn push(&self, message: &str, files: Vec<(&'static str, String)>) -> Result<String, DemoError> {
        let (repository, message) = (self.repository.clone(), message.to_owned());
        let commit = move || {
            let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
            repository.commit(&message, &files)
        };
        let commit = tokio::task::spawn_blocking(commit).await;
        let commit = commit.map_err(|error| DemoError::Unusable(error.to_string()))?;
        let commit = commit.map_err(DemoError::machine("the commit failed"))?;
        let mut command = Command::new("git");
        command.arg("-C").arg(self.repository.folder()).args(["push", "--quiet", &self.repository(), "main"]);
        run(&mut command).await?;
        Ok(commit)
    }
}
