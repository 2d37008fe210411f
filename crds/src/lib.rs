//! The objects we speak in: serde types of our own kinds, and of the parts of other people's objects that we touch.
//!
//! A wire type holds whatever the API server accepts; rule crates parse it once, at their door, into types that hold only
//! what is true. Besides the types, this crate has what several rule crates must agree on: durations, selectors, how
//! templates of an analysis merge, the names of kinds, labels and annotations.
//! It decides nothing, calls nobody and reads no clock.

mod wire;

pub mod analysis;
pub mod application;
#[cfg(feature = "schema")]
pub mod definition;
pub mod duration;
pub mod experiment;
pub mod foreign;
mod int_or_string;
pub mod keys;
pub mod kind;
mod meta;
pub mod owned;
pub mod project;
mod raw;
pub mod rollout;
#[cfg(feature = "schema")]
mod schema;
mod selector;
mod time;

pub use crate::{
    analysis::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate},
    application::Application,
    experiment::Experiment,
    foreign::{EndpointSlice, Pod, RawObject, ReplicaSet, Service},
    int_or_string::IntOrString,
    kind::Kind,
    meta::{ObjectMeta, OwnerReference},
    project::AppProject,
    raw::Raw,
    rollout::Rollout,
    selector::{LabelSelector, LabelSelectorRequirement, SelectorError},
    time::Time,
    wire::FieldError,
};
