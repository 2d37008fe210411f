//! EndpointSlice: which pods a Service leads to at this moment.

use crate::{
    ObjectMeta, keys,
    wire::{object, wire},
};

object!(EndpointSlice);

wire! {
    /// Some of a Service's endpoints.
    pub struct EndpointSlice {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// The endpoints.
        pub endpoints: Vec<Endpoint>,
        /// Ports of every endpoint.
        pub ports: Vec<EndpointPort>,
    }

    /// One endpoint.
    pub struct Endpoint {
        /// Its addresses; all of them lead to the same place.
        pub addresses: Vec<String>,
        /// How it is.
        pub conditions: EndpointConditions,
        /// The pod behind it.
        pub target_ref: Option<TargetRef>,
    }

    /// How an endpoint is.
    pub struct EndpointConditions {
        /// Whether it takes requests. Absent means yes.
        pub ready: Option<bool>,
        /// Whether it answers, also while it goes away.
        pub serving: Option<bool>,
        /// Whether it goes away.
        pub terminating: Option<bool>,
    }

    /// An object by name.
    pub struct TargetRef {
        /// Its kind.
        pub kind: Option<String>,
        /// Its name.
        pub name: Option<String>,
        /// Its identity.
        pub uid: Option<String>,
    }

    /// A port of every endpoint.
    pub struct EndpointPort {
        /// Its name.
        pub name: Option<String>,
        /// The number.
        pub port: Option<i32>,
    }
}

impl EndpointSlice {
    /// The Service that it belongs to.
    pub fn service_name(&self) -> Option<&str> {
        self.metadata.label(keys::SERVICE_NAME)
    }
}

impl Endpoint {
    /// Whether requests are sent to it.
    pub fn is_ready(&self) -> bool {
        self.conditions.ready != Some(false)
    }

    /// Name of the pod behind it.
    pub fn pod_name(&self) -> Option<&str> {
        let target = self.target_ref.as_ref()?;
        target.name.as_deref().filter(|_| target.kind.as_deref().is_none_or(|kind| kind == "Pod"))
    }
}
