//! Which router divides the traffic, and its settings.

use std::collections::BTreeMap;

use crate::{Raw, wire::wire};

wire! {
    /// The routers that divide the traffic. Several may be set; each is set to the same weight in turn.
    pub struct TrafficRouting {
        /// Istio.
        pub istio: Option<IstioTrafficRouting>,
        /// Gateway API. The same settings are read from `plugins` under `argoproj-labs/gatewayAPI`.
        #[serde(rename = "gatewayAPI")]
        pub gateway_api: Option<GatewayApiTrafficRouting>,
        /// The nginx ingress controller.
        pub nginx: Option<NginxTrafficRouting>,
        /// The AWS load balancer controller.
        pub alb: Option<AlbTrafficRouting>,
        /// A mesh that reads TrafficSplit objects.
        pub smi: Option<SmiTrafficRouting>,
        /// Ambassador.
        pub ambassador: Option<AmbassadorTrafficRouting>,
        /// AWS App Mesh.
        pub app_mesh: Option<AppMeshTrafficRouting>,
        /// Traefik.
        pub traefik: Option<TraefikTrafficRouting>,
        /// Apache APISIX.
        pub apisix: Option<ApisixTrafficRouting>,
        /// Router plugins by name, each with the settings that it reads.
        pub plugins: BTreeMap<String, Raw>,
        /// Routes that header and mirror steps may create, the most important first.
        pub managed_routes: Vec<ManagedRoute>,
        /// The weight that stands for all of the traffic. 100 when absent.
        pub max_traffic_weight: Option<i32>,
    }

    /// A route that steps may create.
    pub struct ManagedRoute {
        /// Its name.
        pub name: String,
    }

    /// Istio: weights are written into VirtualServices, revisions into the subsets of a DestinationRule.
    pub struct IstioTrafficRouting {
        /// The DestinationRule whose subsets are the revisions. Without it, `canaryService` and `stableService` are the destinations.
        pub destination_rule: Option<IstioDestinationRule>,
        /// The VirtualService that holds the weights.
        pub virtual_service: Option<IstioVirtualService>,
        /// Several VirtualServices, in place of `virtualService`.
        pub virtual_services: Vec<IstioVirtualService>,
    }

    /// A VirtualService and the routes in it.
    pub struct IstioVirtualService {
        /// Its name, or `name.namespace`.
        pub name: String,
        /// Names of the HTTP routes that carry weights. May be left out when there is one route.
        pub routes: Vec<String>,
        /// The TLS routes that carry weights.
        pub tls_routes: Vec<TlsRoute>,
        /// The TCP routes that carry weights.
        pub tcp_routes: Vec<TcpRoute>,
    }

    /// TLS routes by what they match.
    pub struct TlsRoute {
        /// The port that the routes match.
        pub port: Option<i64>,
        /// The server names that the routes match, in any order.
        pub sni_hosts: Vec<String>,
    }

    /// TCP routes by what they match.
    pub struct TcpRoute {
        /// The port that the routes match.
        pub port: Option<i64>,
    }

    /// A DestinationRule and its subsets.
    pub struct IstioDestinationRule {
        /// Its name, in the Rollout's namespace.
        pub name: String,
        /// The subset that is kept on the new revision.
        pub canary_subset_name: String,
        /// The subset that is kept on the stable revision.
        pub stable_subset_name: String,
        /// Subsets of others, whose weight is left alone.
        pub additional_subset_names: Vec<String>,
    }

    /// Gateway API: weights are written into the backends of routes.
    pub struct GatewayApiTrafficRouting {
        /// An HTTPRoute.
        pub http_route: Option<String>,
        /// A GRPCRoute.
        pub grpc_route: Option<String>,
        /// A TCPRoute.
        pub tcp_route: Option<String>,
        /// A TLSRoute.
        pub tls_route: Option<String>,
        /// HTTPRoutes.
        pub http_routes: Vec<GatewayRoute>,
        /// GRPCRoutes.
        pub grpc_routes: Vec<GatewayRoute>,
        /// TCPRoutes.
        pub tcp_routes: Vec<GatewayRoute>,
        /// TLSRoutes.
        pub tls_routes: Vec<GatewayRoute>,
        /// Namespace of the routes. The Rollout's when absent.
        pub namespace: Option<String>,
    }

    /// A route of Gateway API.
    pub struct GatewayRoute {
        /// Its name.
        pub name: String,
        /// Whether header steps add rules to it.
        pub use_header_routes: bool,
    }

    /// The nginx ingress controller: a second Ingress carries the canary's weight.
    pub struct NginxTrafficRouting {
        /// Start of the annotations' names. `nginx.ingress.kubernetes.io` when absent.
        pub annotation_prefix: Option<String>,
        /// The Ingress that leads to the stable Service.
        pub stable_ingress: Option<String>,
        /// Annotations for the canary Ingress; the prefix is put before names that lack it.
        pub additional_ingress_annotations: BTreeMap<String, String>,
        /// Annotations for the canary Ingress, as they are.
        pub canary_ingress_annotations: BTreeMap<String, String>,
        /// Several Ingresses, in place of `stableIngress`.
        pub stable_ingresses: Vec<String>,
    }

    /// The AWS load balancer controller: weights are written into an annotation of the Ingress.
    pub struct AlbTrafficRouting {
        /// The Ingress.
        pub ingress: Option<String>,
        /// Port of the Services.
        pub service_port: i32,
        /// Service that the Ingress' rules name. `stableService` when absent.
        pub root_service: Option<String>,
        /// Start of the annotations' names. `alb.ingress.kubernetes.io` when absent.
        pub annotation_prefix: Option<String>,
        /// Keep a client on the revision that it got first.
        pub stickiness_config: Option<AlbStickiness>,
        /// Several Ingresses, in place of `ingress`.
        pub ingresses: Vec<String>,
    }

    /// Keeps a client on the revision that it got first.
    pub struct AlbStickiness {
        /// Whether it does.
        pub enabled: bool,
        /// For how many seconds, 1 to 604800.
        pub duration_seconds: i64,
    }

    /// A mesh that reads TrafficSplit objects: one is created.
    pub struct SmiTrafficRouting {
        /// Service that clients use. `stableService` when absent.
        pub root_service: Option<String>,
        /// Name of the TrafficSplit. The Rollout's name when absent.
        pub traffic_split_name: Option<String>,
    }

    /// Ambassador: a second Mapping carries the canary's weight.
    pub struct AmbassadorTrafficRouting {
        /// The Mappings.
        pub mappings: Vec<String>,
    }

    /// AWS App Mesh: weights are written into virtual routers.
    pub struct AppMeshTrafficRouting {
        /// The virtual service whose router carries the weights.
        pub virtual_service: Option<AppMeshVirtualService>,
        /// The virtual nodes of both revisions.
        pub virtual_node_group: Option<AppMeshVirtualNodeGroup>,
    }

    /// A virtual service of App Mesh.
    pub struct AppMeshVirtualService {
        /// Its name.
        pub name: String,
        /// Names of the routes that carry weights. May be left out when there is one.
        pub routes: Vec<String>,
    }

    /// The virtual nodes of both revisions.
    pub struct AppMeshVirtualNodeGroup {
        /// The new revision's.
        pub canary_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
        /// The stable revision's.
        pub stable_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
    }

    /// A virtual node of App Mesh.
    pub struct AppMeshVirtualNodeRef {
        /// Its name.
        pub name: String,
    }

    /// Traefik: weights are written into a TraefikService.
    pub struct TraefikTrafficRouting {
        /// Name of the TraefikService.
        pub weighted_traefik_service_name: String,
    }

    /// Apache APISIX: weights are written into an ApisixRoute.
    pub struct ApisixTrafficRouting {
        /// The ApisixRoute.
        pub route: Option<ApisixRoute>,
    }

    /// An ApisixRoute and the rules in it.
    pub struct ApisixRoute {
        /// Its name.
        pub name: String,
        /// Names of the rules that carry weights. The route's name when absent.
        pub rules: Vec<String>,
    }
}
