//! The parts of other people's objects that we touch. What is not here is dropped when an object is read, so none of
//! these is ever written back whole: writes are merge patches of single fields. Mesh objects are kept whole as JSON.

mod endpoint_slice;
mod mesh;
mod pod;
mod replica_set;
mod service;

pub use self::{
    endpoint_slice::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice, TargetRef},
    mesh::{DestinationRule, VirtualService},
    pod::{
        Container, ContainerRunning, ContainerState, ContainerStatus, ContainerTerminated, ContainerWaiting, Pod,
        PodCondition, PodSpec, PodStatus, ReadinessGate,
    },
    replica_set::{ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus},
    service::{Service, ServicePort, ServiceSpec},
};
