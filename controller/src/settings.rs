//! What a controller can be told from outside, with the defaults that people know. The binary parses flags into this.

use std::{collections::BTreeMap, time::Duration};

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
    /// Versions of the routers' APIs.
    pub api_versions: ApiVersions,
    /// Address of Prometheus for metrics that name none.
    pub prometheus_address: Option<String>,
    /// Look after Applications too.
    pub applications: Option<ApplicationSettings>,
    /// Keep objects packed, so that many fit into little memory; else each is opened once and for all.
    pub packs_objects: bool,
}

/// The versions of routers' APIs that a cluster may have: the group that the rules name, and group and version there.
const KNOWN: [(&str, &str, &str); 11] = [
    ("networking.istio.io", "networking.istio.io", "v1"),
    ("networking.istio.io", "networking.istio.io", "v1beta1"),
    ("networking.istio.io", "networking.istio.io", "v1alpha3"),
    ("split.smi-spec.io", "split.smi-spec.io", "v1alpha1"),
    ("split.smi-spec.io", "split.smi-spec.io", "v1alpha2"),
    ("split.smi-spec.io", "split.smi-spec.io", "v1alpha3"),
    ("split.smi-spec.io", "split.smi-spec.io", "v1alpha4"),
    ("traefik.io", "traefik.io", "v1alpha1"),
    ("traefik.io", "traefik.containo.us", "v1alpha1"),
    ("getambassador.io", "getambassador.io", "v2"),
    ("getambassador.io", "getambassador.io", "v3alpha1"),
];

/// Which versions of the routers' APIs are spoken, where it is not those that the rules name. Objects look the same in all of
/// them as far as we read and write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersions(BTreeMap<&'static str, (&'static str, &'static str)>);

impl ApiVersions {
    /// Chooses a version, as `group/version`, for what the rules name by this group. What is not known changes nothing.
    pub fn choose(&mut self, group: &str, api_version: &str) {
        let is_meant = |(rules, group_there, version): &&(&str, &str, &str)| {
            *rules == group && api_version == format!("{group_there}/{version}")
        };
        if let Some((rules, group, version)) = KNOWN.iter().find(is_meant) {
            self.0.insert(rules, (group, version));
        }
    }

    /// The group and version under which a cluster has what the rules call so.
    pub(crate) fn spoken(&self, group: &str) -> Option<(&'static str, &'static str)> {
        self.0.get(group).copied()
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
            api_versions: ApiVersions::default(),
            prometheus_address: None,
            applications: None,
            packs_objects: true,
        }
    }
}
