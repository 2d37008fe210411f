//! Service: which pods it leads to.

use std::collections::BTreeMap;

use crate::{
    IntOrString, ObjectMeta,
    wire::{object, wire},
};

object!(Service);

wire! {
    /// A Service.
    pub struct Service {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What it leads to.
        pub spec: ServiceSpec,
    }

    /// What a Service leads to.
    pub struct ServiceSpec {
        /// Labels of the pods.
        pub selector: BTreeMap<String, String>,
        /// Ports.
        pub ports: Vec<ServicePort>,
        /// ClusterIP, NodePort, LoadBalancer or ExternalName.
        #[serde(rename = "type")]
        pub service_type: Option<String>,
        /// Its address in the cluster, or `None`.
        #[serde(rename = "clusterIP")]
        pub cluster_ip: Option<String>,
    }

    /// A port.
    pub struct ServicePort {
        /// Its name.
        pub name: Option<String>,
        /// The number.
        pub port: i32,
        /// The pods' port, by number or by name.
        pub target_port: Option<IntOrString>,
        /// TCP, UDP or SCTP.
        pub protocol: Option<String>,
    }
}
