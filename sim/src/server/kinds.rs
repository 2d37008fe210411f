//! The kinds of object that the server knows: the built-in ones as a table, and those that CRDs add at run time.
//!
//! A kind says where its objects live in the URL space and in the store, and which subresources and columns it has.

use crate::server::{crd, schema::Schema};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// One kind of object in one version.
#[derive(Clone, Debug, Default)]
pub struct Kind {
    /// The API group; empty for core.
    pub group: String,
    /// The version, such as `v1alpha1`.
    pub version: String,
    /// Such as `Rollout`.
    pub kind: String,
    /// Such as `rollouts`.
    pub plural: String,
    /// Such as `rollout`.
    pub singular: String,
    /// Such as `ro`.
    pub short_names: Vec<String>,
    /// Such as `all`.
    pub categories: Vec<String>,
    /// Do its objects live in namespaces?
    pub namespaced: bool,
    /// Is the status written through a path of its own?
    pub has_status: bool,
    /// Where the scale subresource reads and writes, if there is one.
    pub scale: Option<Scale>,
    /// What makes `metadata.generation` rise.
    pub generation: Generation,
    /// The structural schema of a custom kind.
    pub schema: Option<Arc<Schema>>,
    /// The printer columns of a custom kind.
    pub columns: Vec<crd::Column>,
    /// Fields of a custom kind that field selectors may name.
    pub selectable: Vec<String>,
    /// Was it made by a CustomResourceDefinition?
    pub custom: bool,
}

/// Where a scale subresource reads and writes.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Such as `.spec.replicas`.
    pub spec: String,
    /// Such as `.status.replicas`.
    pub status: String,
    /// Such as `.status.selector`, or empty.
    pub selector: String,
}

/// What makes `metadata.generation` rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// The kind has no generation.
    #[default]
    Never,
    /// A change of anything but metadata and status.
    AllButStatus,
    /// A change of anything but metadata.
    All,
}

impl Kind {
    /// `group/version`, or the version alone for core.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The plural with its group, as messages name it: `rollouts.argoproj.io`, `pods`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The name of a list of these objects.
    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// The shelf of the store that holds its objects. Both groups of Event share one.
    pub fn shelf(&self) -> String {
        if self.plural == "events" { "events".to_owned() } else { self.qualified() }
    }

    /// Is it the built-in kind of this group and plural?
    pub fn is(&self, group: &str, plural: &str) -> bool {
        !self.custom && self.group == group && self.plural == plural
    }

    /// The verbs that discovery names.
    pub fn verbs(&self) -> &'static [&'static str] {
        match self.custom {
            true => &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
            false if self.is("", "namespaces") => &["create", "delete", "get", "list", "patch", "update", "watch"],
            false => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        }
    }

    /// The subresources that discovery names, with the verbs of each and the kind that travels there, when it is another.
    pub fn subresources(&self) -> Vec<Subresource> {
        let write: &[&str] = &["get", "patch", "update"];
        let mut all = Vec::new();
        if self.has_status {
            all.push(("status", write, None));
        }
        if self.scale.is_some() {
            all.push(("scale", write, Some(["autoscaling", "v1", "Scale"])));
        }
        if self.is("", "pods") {
            all.push(("eviction", &["create"], Some(["policy", "v1", "Eviction"])));
            all.push(("binding", &["create"], None));
        }
        if self.is("", "namespaces") {
            all.push(("finalize", &["update"], None));
        }
        all
    }
}

/// Name, verbs, and the group, version and kind of what travels there, when that is another kind.
pub type Subresource = (&'static str, &'static [&'static str], Option<[&'static str; 3]>);

/// All kinds that are served now.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    by_path: BTreeMap<(String, String, String), Arc<Kind>>,
    /// The same by `apiVersion` and `kind`.
    by_name: BTreeMap<String, BTreeMap<String, Arc<Kind>>>,
    edition: u64,
}

impl Kinds {
    /// The built-in kinds.
    pub fn built_in() -> Kinds {
        let mut kinds = Kinds::default();
        for row in BUILT_IN {
            kinds.add(row.kind());
        }
        kinds
    }

    /// Adds a kind, or replaces the one of the same path.
    pub fn add(&mut self, kind: Kind) {
        let path = (kind.group.clone(), kind.version.clone(), kind.plural.clone());
        let kind = Arc::new(kind);
        self.by_name.entry(kind.api_version()).or_default().insert(kind.kind.clone(), Arc::clone(&kind));
        self.by_path.insert(path, kind);
        self.edition += 1;
    }

    /// Takes away every version of a custom kind.
    pub fn remove(&mut self, group: &str, plural: &str) {
        self.by_path.retain(|path, _| path.0 != group || path.2 != plural);
        for kinds in self.by_name.values_mut() {
            kinds.retain(|_, kind| kind.group != group || kind.plural != plural);
        }
        self.edition += 1;
    }

    /// A number that rises with every change, so that clients know when what they remember is old.
    pub fn edition(&self) -> u64 {
        self.edition
    }

    /// The kind of a URL.
    pub fn of_path(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.by_path.get(&(group.to_owned(), version.to_owned(), plural.to_owned())).cloned()
    }

    /// The kind of an object, by its `apiVersion` and `kind`.
    pub fn of_object(&self, api_version: &str, kind: &str) -> Option<Arc<Kind>> {
        self.by_name.get(api_version)?.get(kind).cloned()
    }

    /// The kind with this group, `Kind` and any version.
    pub fn of_group(&self, group: &str, kind: &str) -> Option<Arc<Kind>> {
        self.all().find(|one| one.group == group && one.kind == kind).cloned()
    }

    /// All kinds, in order of group, version and plural.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.by_path.values()
    }

    /// The versions of each group, in order.
    pub fn groups(&self) -> BTreeMap<String, Vec<String>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for kind in self.all() {
            let versions = groups.entry(kind.group.clone()).or_default();
            if !versions.contains(&kind.version) {
                versions.push(kind.version.clone());
            }
        }
        groups
    }

    /// Takes in a CustomResourceDefinition: its served versions become kinds.
    pub fn install(&mut self, definition: &Value) {
        for kind in crd::kinds_of(definition) {
            self.add(kind);
        }
    }
}

struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    flags: &'static str,
}

impl Row {
    // n: namespaced, s: status, c: scale, g: generation, a: category all.
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn kind(&self) -> Kind {
        let selector = if self.kind == "ReplicaSet" || self.kind == "Deployment" || self.kind == "StatefulSet" {
            ".spec.selector".to_owned()
        } else {
            String::new()
        };
        Kind {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            short_names: self.short.iter().map(|&one| one.to_owned()).collect(),
            categories: if self.has('a') { vec!["all".to_owned()] } else { Vec::new() },
            namespaced: self.has('n'),
            has_status: self.has('s'),
            scale: self.has('c').then(|| Scale {
                spec: ".spec.replicas".to_owned(),
                status: ".status.replicas".to_owned(),
                selector,
            }),
            generation: if self.has('g') { Generation::AllButStatus } else { Generation::Never },
            ..Kind::default()
        }
    }
}

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    flags: &'static str,
) -> Row {
    Row { group, version, kind, plural, short, flags }
}

const RBAC: &str = "rbac.authorization.k8s.io";

const BUILT_IN: &[Row] = &[
    row("", "v1", "ConfigMap", "configmaps", &["cm"], "n"),
    row("", "v1", "Endpoints", "endpoints", &["ep"], "n"),
    row("", "v1", "Event", "events", &["ev"], "n"),
    row("", "v1", "Namespace", "namespaces", &["ns"], "s"),
    row("", "v1", "Node", "nodes", &["no"], "s"),
    row("", "v1", "Pod", "pods", &["po"], "nsag"),
    row("", "v1", "PodTemplate", "podtemplates", &[], "n"),
    row("", "v1", "Secret", "secrets", &[], "n"),
    row("", "v1", "Service", "services", &["svc"], "nsa"),
    row("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], "n"),
    row("apps", "v1", "ControllerRevision", "controllerrevisions", &[], "n"),
    row("apps", "v1", "DaemonSet", "daemonsets", &["ds"], "nsga"),
    row("apps", "v1", "Deployment", "deployments", &["deploy"], "nscga"),
    row("apps", "v1", "ReplicaSet", "replicasets", &["rs"], "nscga"),
    row("apps", "v1", "StatefulSet", "statefulsets", &["sts"], "nscga"),
    row("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], "nsa"),
    row("batch", "v1", "CronJob", "cronjobs", &["cj"], "nsga"),
    row("batch", "v1", "Job", "jobs", &[], "nsga"),
    row("coordination.k8s.io", "v1", "Lease", "leases", &[], "n"),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[], "ng"),
    row("events.k8s.io", "v1", "Event", "events", &["ev"], "n"),
    row("networking.k8s.io", "v1", "Ingress", "ingresses", &["ing"], "nsg"),
    row("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"], "ng"),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], "nsg"),
    row(RBAC, "v1", "ClusterRole", "clusterroles", &[], ""),
    row(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", &[], ""),
    row(RBAC, "v1", "Role", "roles", &[], "n"),
    row(RBAC, "v1", "RoleBinding", "rolebindings", &[], "n"),
    row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"], "sg"),
];
