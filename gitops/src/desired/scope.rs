//! Which kinds have no namespace. The API server knows; here it is known for the kinds of Kubernetes itself, for what
//! people often install, and for kinds that are defined in the same tree. Any other kind is taken to have one.

use crate::{key, manifest::Manifest};
use std::collections::BTreeSet;

/// Cluster-scoped kinds by group; the empty one is the core group.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume", "ComponentStatus"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("storage.k8s.io", &["StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "VolumeAttributesClass"]),
    ("networking.k8s.io", &["IngressClass", "IPAddress", "ServiceCIDR"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("policy", &["PodSecurityPolicy"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
        ],
    ),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("gateway.networking.k8s.io", &["GatewayClass"]),
    ("snapshot.storage.k8s.io", &["VolumeSnapshotClass", "VolumeSnapshotContent"]),
    ("cert-manager.io", &["ClusterIssuer"]),
    ("external-secrets.io", &["ClusterSecretStore", "ClusterExternalSecret"]),
    ("argoproj.io", &["ClusterAnalysisTemplate", "ClusterWorkflowTemplate"]),
    ("kyverno.io", &["ClusterPolicy"]),
];

/// The scopes of kinds, with those that a tree defines.
#[derive(Debug)]
pub(super) struct Scopes {
    defined: BTreeSet<(String, String)>,
}

impl Scopes {
    /// Reads the definitions of kinds in a tree.
    pub(super) fn of(manifests: &[Manifest]) -> Self {
        let defined = manifests.iter().filter_map(|manifest| {
            let object = &manifest.object;
            let is_cluster_scoped = key::text(object, &["kind"]) == Some("CustomResourceDefinition")
                && key::text(object, &["spec", "scope"]) == Some("Cluster");
            let group = key::text(object, &["spec", "group"])?;
            let kind = key::text(object, &["spec", "names", "kind"])?;
            is_cluster_scoped.then(|| (group.to_owned(), kind.to_owned()))
        });
        Self { defined: defined.collect() }
    }

    /// Whether objects of this kind have no namespace.
    pub(super) fn is_cluster_scoped(&self, group: &str, kind: &str) -> bool {
        CLUSTER_SCOPED.iter().any(|(known, kinds)| *known == group && kinds.contains(&kind))
            || self.defined.contains(&(group.to_owned(), kind.to_owned()))
    }
}
