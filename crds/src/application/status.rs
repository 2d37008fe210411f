//! How the cluster compares with the manifests, and what was done about it.

use super::{
    ApplicationDestination, ApplicationSource, ManagedNamespaceMetadata, Operation, OperationInitiator,
    ResourceIgnoreDifferences, SourceHydrator,
};
use crate::{Time, wire::wire};

wire! {
    /// How the cluster compares with the manifests, and what was done about it.
    pub struct ApplicationStatus {
        /// Each object, as it compares.
        pub resources: Vec<ResourceStatus>,
        /// Whether the cluster is as the manifests say.
        pub sync: SyncStatus,
        /// Whether what runs is well.
        pub health: HealthStatus,
        /// Former syncs, oldest first.
        pub history: Vec<RevisionHistory>,
        /// Problems.
        pub conditions: Vec<ApplicationCondition>,
        /// When it was last compared with the latest revision.
        pub reconciled_at: Option<Time>,
        /// The sync that runs, or ran last.
        pub operation_state: Option<OperationState>,
        /// When it was last looked at. Others no longer read it.
        pub observed_at: Option<Time>,
        /// Helm, Kustomize, Directory or Plugin.
        pub source_type: Option<String>,
        /// What it consists of.
        pub summary: ApplicationSummary,
        /// Where the health of single objects is: empty means here.
        pub resource_health_source: Option<String>,
        /// The type of each source.
        pub source_types: Vec<String>,
        /// Namespace of the controller that looks after it.
        pub controller_namespace: Option<String>,
        /// How far rendering into a branch is.
        pub source_hydrator: Option<SourceHydratorStatus>,
    }

    /// Whether the cluster is as the manifests say.
    pub struct SyncStatus {
        /// Synced, OutOfSync or Unknown.
        pub status: String,
        /// What was compared.
        pub compared_to: Option<ComparedTo>,
        /// The revision that was compared.
        pub revision: Option<String>,
        /// The revision of each source.
        pub revisions: Vec<String>,
    }

    /// What was compared.
    pub struct ComparedTo {
        /// The source, as in the spec.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub source: Option<ApplicationSource>,
        /// The destination.
        pub destination: ApplicationDestination,
        /// The sources, as in the spec.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_objects"))]
        pub sources: Vec<ApplicationSource>,
        /// Differences that did not count.
        pub ignore_differences: Vec<ResourceIgnoreDifferences>,
    }

    /// Whether something is well.
    pub struct HealthStatus {
        /// Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
        pub status: Option<String>,
        /// Why.
        pub message: Option<String>,
        /// Since when.
        pub last_transition_time: Option<Time>,
    }

    /// One object, as it compares.
    pub struct ResourceStatus {
        /// Its group.
        pub group: Option<String>,
        /// Its version.
        pub version: Option<String>,
        /// Its kind.
        pub kind: Option<String>,
        /// Its namespace.
        pub namespace: Option<String>,
        /// Its name.
        pub name: Option<String>,
        /// Synced, OutOfSync or Unknown.
        pub status: Option<String>,
        /// Whether it is well.
        pub health: Option<HealthStatus>,
        /// Whether it is a hook.
        pub hook: bool,
        /// Whether it is to be deleted.
        pub requires_pruning: bool,
        /// Its wave.
        pub sync_wave: Option<i64>,
        /// Whether somebody must approve of deleting it.
        pub requires_deletion_confirmation: bool,
    }

    /// A former sync.
    pub struct RevisionHistory {
        /// The revision.
        pub revision: Option<String>,
        /// When it ended.
        pub deployed_at: Option<Time>,
        /// Its number.
        pub id: i64,
        /// The source, as in the spec.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub source: Option<ApplicationSource>,
        /// When it started.
        pub deploy_started_at: Option<Time>,
        /// The sources, as in the spec.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_objects"))]
        pub sources: Vec<ApplicationSource>,
        /// The revision of each source.
        pub revisions: Vec<String>,
        /// Who asked.
        pub initiated_by: Option<OperationInitiator>,
    }

    /// A problem.
    pub struct ApplicationCondition {
        /// Its type; ends in Error or in Warning.
        #[serde(rename = "type")]
        pub condition_type: String,
        /// What it is.
        pub message: String,
        /// Since when the message is so.
        pub last_transition_time: Option<Time>,
    }

    /// A sync that runs or ran.
    pub struct OperationState {
        /// What was asked for, as in the Application's `operation`.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub operation: Operation,
        /// Running, Terminating, Succeeded, Failed or Error.
        pub phase: String,
        /// Why it is in that phase.
        pub message: Option<String>,
        /// What was done.
        pub sync_result: Option<SyncOperationResult>,
        /// When it started.
        pub started_at: Option<Time>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// How many attempts came before.
        pub retry_count: Option<i64>,
    }

    /// What a sync did.
    pub struct SyncOperationResult {
        /// Each object.
        pub resources: Vec<ResourceResult>,
        /// The revision.
        pub revision: String,
        /// The source, as in the spec.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub source: Option<ApplicationSource>,
        /// The sources, as in the spec.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_objects"))]
        pub sources: Vec<ApplicationSource>,
        /// The revision of each source.
        pub revisions: Vec<String>,
        /// Labels and annotations that the destination's namespace got.
        pub managed_namespace_metadata: Option<ManagedNamespaceMetadata>,
    }

    /// What a sync did with one object.
    pub struct ResourceResult {
        /// Its group.
        pub group: String,
        /// Its version.
        pub version: String,
        /// Its kind.
        pub kind: String,
        /// Its namespace.
        pub namespace: String,
        /// Its name.
        pub name: String,
        /// Synced, SyncFailed, Pruned or PruneSkipped.
        pub status: Option<String>,
        /// What the API server said, or why it failed.
        pub message: Option<String>,
        /// The phase it is a hook of.
        pub hook_type: Option<String>,
        /// How far the hook is.
        pub hook_phase: Option<String>,
        /// The phase in which it was written.
        pub sync_phase: Option<String>,
        /// Its images.
        pub images: Vec<String>,
    }

    /// What an Application consists of.
    pub struct ApplicationSummary {
        /// Addresses where it can be reached.
        #[serde(rename = "externalURLs")]
        pub external_urls: Vec<String>,
        /// Images.
        pub images: Vec<String>,
        /// Whether it has Applications in it.
        pub is_app_of_apps: bool,
    }

    /// How far rendering into a branch is.
    pub struct SourceHydratorStatus {
        /// The last time it worked.
        pub last_successful_operation: Option<HydrateOperation>,
        /// The one that runs, or ran last.
        pub current_operation: Option<HydrateOperation>,
        /// The revision that was last looked at.
        pub last_compared_dry_revision: Option<String>,
    }

    /// One rendering into a branch.
    pub struct HydrateOperation {
        /// When it started.
        pub started_at: Option<Time>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// Hydrating, Failed or Hydrated.
        pub phase: Option<String>,
        /// Why it is in that phase.
        pub message: Option<String>,
        /// The commit that was rendered.
        #[serde(rename = "drySHA")]
        pub dry_sha: Option<String>,
        /// The commit that was made.
        #[serde(rename = "hydratedSHA")]
        pub hydrated_sha: Option<String>,
        /// What was asked for.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub source_hydrator: Option<SourceHydrator>,
    }
}
