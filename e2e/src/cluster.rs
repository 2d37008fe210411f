//! The local clusters: started once by whoever asks first, and found by what `e2e/cluster/run` says of them.
//!
//! `LEADLINE_LIGHT` and `LEADLINE_REAL` may name another state folder and base port (`FOLDER:PORT`), so that several
//! people can test on one machine.

use crate::installed;
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// A local cluster that runs. What a light one does not have is empty.
#[derive(Clone, Debug, Deserialize)]
pub struct Cluster {
    /// light or real.
    pub profile: String,
    /// The folder with all it keeps.
    pub state: PathBuf,
    /// The API server's address.
    pub api_server: String,
    /// An administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
    /// Helm.
    pub helm: PathBuf,
    /// The image that pods run; takes a tag.
    pub image: String,
    /// `namespace/name` of Istio's Gateway.
    pub gateway_resource: String,
    /// Where Envoy takes requests for VirtualServices.
    pub gateway: String,
    /// Where it takes them for routes of Gateway API; these name a Gateway that is called as Istio's is.
    pub gateway_api: String,
    /// Envoy's own address.
    pub envoy_admin: String,
    /// Prometheus.
    pub prometheus: String,
    /// Repositories that anybody may read and push to.
    pub git: String,
    /// The folder of bare repositories behind them.
    pub git_folder: PathBuf,
    /// The same repositories with a name and a password.
    pub git_protected: String,
    /// The name.
    pub git_user: String,
    /// The password.
    pub git_password: String,
}

/// Where one cluster is and how it came up, once in this process.
static LIGHT: OnceLock<Result<Cluster, String>> = OnceLock::new();
static REAL: OnceLock<Result<Cluster, String>> = OnceLock::new();

impl Cluster {
    /// An API server, and nodes that exist only there.
    pub fn light() -> anyhow::Result<Self> {
        once(&LIGHT, "light")
    }

    /// Whether the light one runs already, whoever started it.
    pub fn light_is_up() -> bool {
        let (state, _) = place("light");
        let mut status = Command::new(script());
        status.args(["status", "--profile", "light", "--state"]).arg(state);
        status.output().is_ok_and(|output| output.status.success())
    }

    /// Real pods, Istio, Envoy, Prometheus.
    pub fn real() -> anyhow::Result<Self> {
        once(&REAL, "real")
    }

    /// A kubectl command as administrator.
    pub fn kubectl(&self) -> Command {
        self.command(&self.kubectl)
    }

    /// A Helm command as administrator.
    pub fn helm(&self) -> Command {
        self.command(&self.helm)
    }

    /// A command of the script that starts clusters, on this one.
    pub fn run(&self, command: &str) -> Command {
        let mut run = Command::new(script());
        run.args([command, "--profile", &self.profile, "--state"]).arg(&self.state);
        run
    }

    /// Kills one of its programs, like a power cut would.
    pub fn kill(&self, program: &str) -> anyhow::Result<()> {
        let mut kill = Command::new("kill");
        kill.args(["-KILL", &self.pid(program)?.to_string()]);
        installed::output(&mut kill, "").map(drop)
    }

    /// Starts what is missing of it.
    pub fn repair(&self) -> anyhow::Result<()> {
        installed::output(&mut self.run("up"), "").map(drop)
    }

    /// The process id of one of its programs.
    pub fn pid(&self, program: &str) -> anyhow::Result<u32> {
        let path = self.state.join("run").join(format!("{program}.pid"));
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let first = text.split_whitespace().next().context("an empty file of a process id")?;
        first.parse().with_context(|| format!("{}", path.display()))
    }

    /// Whether its real addresses may be used from pods: only a real cluster has pods that run.
    pub fn has_pods(&self) -> bool {
        !self.image.is_empty()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }
}

fn once(cell: &OnceLock<Result<Cluster, String>>, profile: &str) -> anyhow::Result<Cluster> {
    let cluster = cell.get_or_init(|| {
        let cluster = up(profile).and_then(|cluster| {
            installed::install(&cluster)?;
            Ok(cluster)
        });
        cluster.map_err(|error| format!("{error:#}"))
    });
    cluster.clone().map_err(anyhow::Error::msg)
}

/// Starts what is missing of a cluster, and reads where everything is.
fn up(profile: &str) -> anyhow::Result<Cluster> {
    let (state, port) = place(profile);
    let mut up = Command::new(script());
    up.args(["up", "--profile", profile, "--state"]).arg(&state);
    if let Some(port) = port {
        up.args(["--base-port", &port]);
    }
    let output = up.output().context("e2e/cluster/run does not start")?;
    ensure!(output.status.success(), "no {profile} cluster: {}", String::from_utf8_lossy(&output.stderr));
    let path = state.join("cluster.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
}

/// The state folder of a cluster, and its base port unless it is the usual one.
fn place(profile: &str) -> (PathBuf, Option<String>) {
    let elsewhere = env::var(format!("LEADLINE_{}", profile.to_uppercase())).ok();
    match elsewhere.as_deref().map(|text| text.split_once(':').unwrap_or((text, ""))) {
        Some((folder, port)) => (PathBuf::from(folder), Some(port.to_owned()).filter(|port| !port.is_empty())),
        None => (repository().join(".cluster").join(profile), None),
    }
}

fn script() -> PathBuf {
    repository().join("e2e/cluster/run")
}

/// The repository that these tests belong to.
pub fn repository() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().unwrap_or(folder).to_path_buf()
}
