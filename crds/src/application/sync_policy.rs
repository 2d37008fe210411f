//! When and how the cluster is changed.

use std::collections::BTreeMap;

use crate::wire::wire;

wire! {
    /// When and how the cluster is changed.
    pub struct SyncPolicy {
        /// Change the cluster without being asked. Off when absent.
        pub automated: Option<AutomatedSync>,
        /// Options as `Key=value`, such as `CreateNamespace=true`.
        pub sync_options: Vec<String>,
        /// What is done after a sync that failed.
        pub retry: Option<RetryStrategy>,
        /// Labels and annotations of the destination's namespace, with `CreateNamespace=true`.
        pub managed_namespace_metadata: Option<ManagedNamespaceMetadata>,
    }

    /// Changes the cluster without being asked.
    pub struct AutomatedSync {
        /// Delete objects that are no longer in Git. False when absent.
        pub prune: Option<bool>,
        /// Undo changes that others make in the cluster. False when absent.
        pub self_heal: Option<bool>,
        /// Also when there are no manifests at all, so that everything would be deleted. False when absent.
        pub allow_empty: Option<bool>,
        /// False switches all of it off. True when absent.
        pub enabled: Option<bool>,
    }

    /// What is done after a sync that failed.
    pub struct RetryStrategy {
        /// How many attempts follow; fewer than 0 means no limit. 5 for an automated sync and 0 for another when there is no strategy.
        pub limit: Option<i64>,
        /// How long to wait between attempts.
        pub backoff: Option<RetryBackoff>,
        /// Look up the revision again at each attempt.
        pub refresh: bool,
    }

    /// How long to wait between attempts.
    pub struct RetryBackoff {
        /// Before the first: a number of seconds, or a text such as `2m`. `5s` when absent.
        pub duration: Option<String>,
        /// By how much it grows each time. 2 when absent.
        pub factor: Option<i64>,
        /// At most. `3m` when absent.
        pub max_duration: Option<String>,
    }

    /// Labels and annotations of a namespace.
    pub struct ManagedNamespaceMetadata {
        /// Labels.
        pub labels: BTreeMap<String, String>,
        /// Annotations.
        pub annotations: BTreeMap<String, String>,
    }
}
