//! Application: a folder of a Git repository that a cluster follows.
//!
//! The wire types only; what they mean is in the rule crates.

mod operation;
mod source;
mod spec;
mod status;
mod sync_policy;

pub use self::{
    operation::{
        Operation, OperationInitiator, OperationResource, SyncOperation, SyncStrategy, SyncStrategyApply,
        SyncStrategyHook,
    },
    source::{
        ApplicationSource, DirectorySource, HelmFileParameter, HelmParameter, HelmSource, JsonnetSource, JsonnetVar,
        KustomizePatch, KustomizeReplica, KustomizeSource, KustomizeTarget, NameValue, PluginParameter, PluginSource,
    },
    spec::{
        Application, ApplicationDestination, ApplicationSpec, DrySource, HydrateTo, ResourceIgnoreDifferences,
        SourceHydrator, SyncSource,
    },
    status::{
        ApplicationCondition, ApplicationStatus, ApplicationSummary, ComparedTo, HealthStatus, HydrateOperation,
        OperationState, ResourceResult, ResourceStatus, RevisionHistory, SourceHydratorStatus, SyncOperationResult,
        SyncStatus,
    },
    sync_policy::{AutomatedSync, ManagedNamespaceMetadata, RetryBackoff, RetryStrategy, SyncPolicy},
};
