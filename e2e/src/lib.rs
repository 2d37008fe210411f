//! What tests on a real API server share: where the local clusters are, and the programs that belong to them.
//!
//! `e2e/cluster/run` starts the clusters and says in `cluster.json` what it started; this reads it. A cluster that is not
//! there is a failure, never a test that is skipped. It starts nothing itself.

use serde::Deserialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};
use thiserror::Error;

/// Why there is no cluster to test on.
#[derive(Debug, Error)]
pub enum Missing {
    /// Nobody started it.
    #[error("the {profile} cluster does not run: start it with `make cluster-up PROFILE={profile}`")]
    Cluster {
        /// Which of them.
        profile: String,
        /// What reading its addresses said.
        source: io::Error,
    },
    /// It is there and says nothing that can be read.
    #[error("the addresses of the {profile} cluster cannot be read")]
    Unreadable {
        /// Which of them.
        profile: String,
        /// What is wrong with them.
        source: serde_json::Error,
    },
}

/// A local cluster that runs. What a light one does not have is empty.
#[derive(Clone, Debug, Deserialize)]
pub struct Cluster {
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
    /// Where Envoy takes requests.
    pub gateway: String,
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

impl Cluster {
    /// An API server, and nodes that exist only there.
    pub fn light() -> Result<Self, Missing> {
        Self::of("light")
    }

    /// Real pods, Istio, Envoy, Prometheus.
    pub fn real() -> Result<Self, Missing> {
        Self::of("real")
    }

    fn of(profile: &str) -> Result<Self, Missing> {
        let text = fs::read_to_string(repository().join(".cluster").join(profile).join("cluster.json"))
            .map_err(|source| Missing::Cluster { profile: profile.into(), source })?;
        serde_json::from_str(&text).map_err(|source| Missing::Unreadable { profile: profile.into(), source })
    }

    /// A kubectl command as administrator.
    pub fn kubectl(&self) -> Command {
        self.command(&self.kubectl)
    }

    /// A Helm command as administrator.
    pub fn helm(&self) -> Command {
        self.command(&self.helm)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }
}

/// The repository that these tests belong to.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
