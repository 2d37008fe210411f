//! A sync that somebody asked for.

use super::{ApplicationSource, NameValue, RetryStrategy};
use crate::wire::wire;

wire! {
    /// A sync that somebody asked for.
    pub struct Operation {
        /// What to do.
        pub sync: Option<SyncOperation>,
        /// Who asked.
        pub initiated_by: Option<OperationInitiator>,
        /// Notes for people.
        pub info: Vec<NameValue>,
        /// What is done after a failure.
        pub retry: Option<RetryStrategy>,
    }

    /// What to do.
    pub struct SyncOperation {
        /// The revision, in place of the Application's.
        pub revision: Option<String>,
        /// Delete objects that are no longer in Git.
        pub prune: bool,
        /// Change nothing, only see whether it would work.
        pub dry_run: bool,
        /// How objects are written. With hooks when absent.
        pub sync_strategy: Option<SyncStrategy>,
        /// Only these objects. All when absent.
        pub resources: Vec<OperationResource>,
        /// The source, in place of the Application's.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub source: Option<ApplicationSource>,
        /// Manifests, in place of those of the source.
        pub manifests: Vec<String>,
        /// Options as `Key=value`.
        pub sync_options: Vec<String>,
        /// The sources, in place of the Application's.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_objects"))]
        pub sources: Vec<ApplicationSource>,
        /// The revision of each source.
        pub revisions: Vec<String>,
        /// How often others' changes were undone in a row.
        pub auto_heal_attempts_count: Option<i64>,
    }

    /// How objects are written: one of the fields.
    pub struct SyncStrategy {
        /// Only written.
        pub apply: Option<SyncStrategyApply>,
        /// With hooks.
        pub hook: Option<SyncStrategyHook>,
    }

    /// Without hooks.
    pub struct SyncStrategyApply {
        /// Delete and create again what cannot be changed.
        pub force: bool,
    }

    /// With hooks.
    pub struct SyncStrategyHook {
        /// Delete and create again what cannot be changed.
        pub force: bool,
    }

    /// An object by name.
    pub struct OperationResource {
        /// Its group.
        pub group: Option<String>,
        /// Its kind.
        pub kind: String,
        /// Its name.
        pub name: String,
        /// Its namespace.
        pub namespace: Option<String>,
    }

    /// Who asked.
    pub struct OperationInitiator {
        /// A person.
        pub username: Option<String>,
        /// Whether nobody did: an automated sync.
        pub automated: bool,
    }
}
