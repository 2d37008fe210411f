//! The parts of other people's objects that we touch. What is not here is dropped when an object is read, so none of
//! these is ever written back whole: writes are merge patches of single fields. Routers' objects are kept whole as JSON.

mod endpoint_slice;
mod pod;
mod raw_object;
mod replica_set;
mod service;

pub use self::{
    endpoint_slice::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice, TargetRef},
    pod::{
        Container, ContainerRunning, ContainerState, ContainerStatus, ContainerTerminated, ContainerWaiting, Pod,
        PodCondition, PodSpec, PodStatus, ReadinessGate,
    },
    raw_object::RawObject,
    replica_set::{ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus},
    service::{Service, ServicePort, ServiceSpec},
};
