//! Every kind that we talk about, so that the shell and the rules name them alike.

use serde::Serialize;
use serde_json::Value;

/// A kind of object: how it is named on the wire and in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Name in an object's `kind`.
    pub kind: &'static str,
    /// Name in a path.
    pub plural: &'static str,
    /// False for cluster-scoped objects.
    pub namespaced: bool,
    /// Whether status is written through its own endpoint; without one a status write is a write of the object.
    pub status_subresource: bool,
}

impl Kind {
    /// Group and version as in `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path under which the API serves the objects of this kind: those of one namespace, or of all.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis/" };
        let scope = namespace.filter(|_| self.namespaced).map(|namespace| format!("/namespaces/{namespace}"));
        format!("{root}{}/{}{}/{}", self.group, self.version, scope.unwrap_or_default(), self.plural)
    }

    /// The object as JSON, with its `apiVersion` and `kind`.
    pub fn object(&self, body: &impl Serialize) -> Result<Value, serde_json::Error> {
        let mut value = serde_json::to_value(body)?;
        if let Value::Object(fields) = &mut value {
            fields.insert("apiVersion".to_owned(), self.api_version().into());
            fields.insert("kind".to_owned(), self.kind.into());
        }
        Ok(value)
    }

    /// The version under which newer servers have the same objects, where these may have left the kind's own version.
    pub fn successor(&self) -> Option<&'static str> {
        (*self == TCP_ROUTE || *self == TLS_ROUTE).then_some("v1")
    }

    /// The known kind with this `apiVersion` and `kind`.
    pub fn of(api_version: &str, kind: &str) -> Option<&'static Self> {
        ALL.iter().find(|known| known.kind == kind && known.api_version() == api_version)
    }
}

const fn ours(kind: &'static str, plural: &'static str) -> Kind {
    Kind { group: "argoproj.io", version: "v1alpha1", kind, plural, namespaced: true, status_subresource: false }
}

const fn core(kind: &'static str, plural: &'static str, status_subresource: bool) -> Kind {
    Kind { group: "", version: "v1", kind, plural, namespaced: true, status_subresource }
}

const fn gateway(version: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind { group: "gateway.networking.k8s.io", version, kind, plural, namespaced: true, status_subresource: true }
}

const fn app_mesh(kind: &'static str, plural: &'static str) -> Kind {
    Kind { group: "appmesh.k8s.aws", version: "v1beta2", kind, plural, namespaced: true, status_subresource: true }
}

const fn istio(kind: &'static str, plural: &'static str) -> Kind {
    Kind { group: "networking.istio.io", version: "v1", kind, plural, namespaced: true, status_subresource: true }
}

/// Rollout.
pub const ROLLOUT: Kind = Kind { status_subresource: true, ..ours("Rollout", "rollouts") };
/// AnalysisTemplate.
pub const ANALYSIS_TEMPLATE: Kind = ours("AnalysisTemplate", "analysistemplates");
/// ClusterAnalysisTemplate.
pub const CLUSTER_ANALYSIS_TEMPLATE: Kind =
    Kind { namespaced: false, ..ours("ClusterAnalysisTemplate", "clusteranalysistemplates") };
/// AnalysisRun.
pub const ANALYSIS_RUN: Kind = ours("AnalysisRun", "analysisruns");
/// Experiment.
pub const EXPERIMENT: Kind = ours("Experiment", "experiments");
/// Application.
pub const APPLICATION: Kind = ours("Application", "applications");
/// AppProject.
pub const APP_PROJECT: Kind = ours("AppProject", "appprojects");
/// ReplicaSet.
pub const REPLICA_SET: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "ReplicaSet",
    plural: "replicasets",
    namespaced: true,
    status_subresource: true,
};
/// Deployment.
pub const DEPLOYMENT: Kind = Kind { kind: "Deployment", plural: "deployments", ..REPLICA_SET };
/// Pod.
pub const POD: Kind = core("Pod", "pods", true);
/// PodTemplate.
pub const POD_TEMPLATE: Kind = core("PodTemplate", "podtemplates", false);
/// Service.
pub const SERVICE: Kind = core("Service", "services", true);
/// Secret.
pub const SECRET: Kind = core("Secret", "secrets", false);
/// ConfigMap.
pub const CONFIG_MAP: Kind = core("ConfigMap", "configmaps", false);
/// Namespace.
pub const NAMESPACE: Kind = Kind { namespaced: false, ..core("Namespace", "namespaces", true) };
/// Event of the core group, as clients read them.
pub const EVENT: Kind = core("Event", "events", false);
/// EndpointSlice.
pub const ENDPOINT_SLICE: Kind = Kind {
    group: "discovery.k8s.io",
    version: "v1",
    kind: "EndpointSlice",
    plural: "endpointslices",
    namespaced: true,
    status_subresource: false,
};
/// Job.
pub const JOB: Kind =
    Kind { group: "batch", version: "v1", kind: "Job", plural: "jobs", namespaced: true, status_subresource: true };
/// PodDisruptionBudget.
pub const POD_DISRUPTION_BUDGET: Kind = Kind {
    group: "policy",
    version: "v1",
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    namespaced: true,
    status_subresource: true,
};
/// Ingress.
pub const INGRESS: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "Ingress",
    plural: "ingresses",
    namespaced: true,
    status_subresource: true,
};
/// Lease.
pub const LEASE: Kind = Kind {
    group: "coordination.k8s.io",
    version: "v1",
    kind: "Lease",
    plural: "leases",
    namespaced: true,
    status_subresource: false,
};
/// Istio's VirtualService.
pub const VIRTUAL_SERVICE: Kind = istio("VirtualService", "virtualservices");
/// Istio's DestinationRule.
pub const DESTINATION_RULE: Kind = istio("DestinationRule", "destinationrules");
/// HTTPRoute of Gateway API.
pub const HTTP_ROUTE: Kind = gateway("v1", "HTTPRoute", "httproutes");
/// GRPCRoute of Gateway API.
pub const GRPC_ROUTE: Kind = gateway("v1", "GRPCRoute", "grpcroutes");
/// TCPRoute of Gateway API.
pub const TCP_ROUTE: Kind = gateway("v1alpha2", "TCPRoute", "tcproutes");
/// TLSRoute of Gateway API.
pub const TLS_ROUTE: Kind = gateway("v1alpha2", "TLSRoute", "tlsroutes");
/// TrafficSplit of the Service Mesh Interface.
pub const TRAFFIC_SPLIT: Kind = Kind {
    group: "split.smi-spec.io",
    version: "v1alpha1",
    kind: "TrafficSplit",
    plural: "trafficsplits",
    namespaced: true,
    status_subresource: false,
};
/// TraefikService.
pub const TRAEFIK_SERVICE: Kind = Kind {
    group: "traefik.io",
    version: "v1alpha1",
    kind: "TraefikService",
    plural: "traefikservices",
    namespaced: true,
    status_subresource: false,
};
/// ApisixRoute.
pub const APISIX_ROUTE: Kind = Kind {
    group: "apisix.apache.org",
    version: "v2",
    kind: "ApisixRoute",
    plural: "apisixroutes",
    namespaced: true,
    status_subresource: true,
};
/// Mapping of Ambassador.
pub const MAPPING: Kind = Kind {
    group: "getambassador.io",
    version: "v2",
    kind: "Mapping",
    plural: "mappings",
    namespaced: true,
    status_subresource: true,
};
/// VirtualService of AWS App Mesh.
pub const MESH_SERVICE: Kind = app_mesh("VirtualService", "virtualservices");
/// VirtualRouter of AWS App Mesh.
pub const VIRTUAL_ROUTER: Kind = app_mesh("VirtualRouter", "virtualrouters");
/// VirtualNode of AWS App Mesh.
pub const VIRTUAL_NODE: Kind = app_mesh("VirtualNode", "virtualnodes");
/// CustomResourceDefinition.
pub const CUSTOM_RESOURCE_DEFINITION: Kind = Kind {
    group: "apiextensions.k8s.io",
    version: "v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    namespaced: false,
    status_subresource: true,
};

/// The kinds that our own CRDs define.
pub const OURS: [Kind; 7] =
    [ROLLOUT, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, ANALYSIS_RUN, EXPERIMENT, APPLICATION, APP_PROJECT];

/// All of them.
pub const ALL: &[Kind] = &[
    ROLLOUT,
    ANALYSIS_TEMPLATE,
    CLUSTER_ANALYSIS_TEMPLATE,
    ANALYSIS_RUN,
    EXPERIMENT,
    APPLICATION,
    APP_PROJECT,
    REPLICA_SET,
    DEPLOYMENT,
    POD,
    POD_TEMPLATE,
    SERVICE,
    SECRET,
    CONFIG_MAP,
    NAMESPACE,
    EVENT,
    ENDPOINT_SLICE,
    JOB,
    POD_DISRUPTION_BUDGET,
    INGRESS,
    LEASE,
    VIRTUAL_SERVICE,
    DESTINATION_RULE,
    HTTP_ROUTE,
    GRPC_ROUTE,
    TCP_ROUTE,
    TLS_ROUTE,
    TRAFFIC_SPLIT,
    TRAEFIK_SERVICE,
    APISIX_ROUTE,
    MAPPING,
    MESH_SERVICE,
    VIRTUAL_ROUTER,
    VIRTUAL_NODE,
    CUSTOM_RESOURCE_DEFINITION,
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{DESTINATION_RULE, Kind, NAMESPACE, POD, ROLLOUT};

    #[test]
    fn an_object_names_its_kind() {
        let object = ROLLOUT.object(&json!({"metadata": {"name": "shop"}})).expect("writes");
        assert_eq!(
            object,
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}})
        );
        assert_eq!(POD.api_version(), "v1");
        assert_eq!(POD.path(Some("shop")), "/api/v1/namespaces/shop/pods");
        assert_eq!(DESTINATION_RULE.path(None), "/apis/networking.istio.io/v1/destinationrules");
        assert_eq!(NAMESPACE.path(Some("shop")), "/api/v1/namespaces");
        assert_eq!(Kind::of("networking.istio.io/v1", "DestinationRule"), Some(&DESTINATION_RULE));
        assert_eq!(Kind::of("v1", "Rollout"), None);
    }
}
