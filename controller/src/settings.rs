//! What a controller can be told from outside, with the defaults that people know. The binary parses flags into this.

use std::time::Duration;

/// Settings of a controller.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Look after one namespace only.
    pub namespace: Option<String>,
    /// Look only after objects whose instance-id label equals this; empty: after those without the label.
    pub instance_id: String,
    /// Passes at the same time.
    pub threads: usize,
    /// Every object is looked at again after this long, even if nothing happened.
    pub resync: Duration,
    /// The namespace that the controller itself runs in: leases, repository credentials.
    pub own_namespace: String,
    /// Lease-based leader election; `None` runs without.
    pub lease: Option<LeaseSettings>,
    /// Version of Istio's API.
    pub istio_api_version: IstioVersion,
    /// Address of Prometheus for metrics that name none.
    pub prometheus_address: Option<String>,
    /// Look after Applications too.
    pub applications: Option<ApplicationSettings>,
    /// Keep objects packed, so that many fit into little memory; else each is opened once and for all.
    pub packs_objects: bool,
}

/// Which version of Istio's API is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IstioVersion {
    /// `v1`: served since Istio 1.22.
    #[default]
    V1,
    /// `v1beta1`.
    V1Beta1,
    /// `v1alpha3`: the oldest.
    V1Alpha3,
}

impl IstioVersion {
    /// As it stands in a path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Beta1 => "v1beta1",
            Self::V1Alpha3 => "v1alpha3",
        }
    }
}

/// Settings of the part that syncs Applications.
#[derive(Clone, Debug)]
pub struct ApplicationSettings {
    /// How often a branch is looked at.
    pub polling: Duration,
    /// Accept `file://` repositories.
    pub allow_file: bool,
    /// Where fetched repositories are kept.
    pub cache_folder: std::path::PathBuf,
    /// The program that renders kustomizations.
    pub kubectl: String,
}

/// Settings of leader election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// Who we are: unique for each process.
    pub identity: String,
    /// Where the leases are.
    pub namespace: String,
    /// After this long without a renewal others may take over.
    pub duration: Duration,
    /// After this long without a renewal we stop writing.
    pub renew_deadline: Duration,
    /// Time between two renewals.
    pub retry_period: Duration,
}

impl LeaseSettings {
    /// The usual times.
    pub fn new(identity: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            namespace: namespace.into(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespace: None,
            instance_id: String::new(),
            threads: 10,
            resync: Duration::from_secs(900),
            own_namespace: "argo-rollouts".into(),
            lease: None,
            istio_api_version: IstioVersion::default(),
            prometheus_address: None,
            applications: None,
            packs_objects: true,
        }
    }
}
