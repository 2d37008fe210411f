//! AppProject: what the Applications of a team may do.

use std::collections::BTreeMap;

use crate::{
    ObjectMeta, Raw,
    wire::{object, wire},
};

object!(AppProject);

wire! {
    /// What the Applications of a team may do.
    pub struct AppProject {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// What is allowed.
        pub spec: AppProjectSpec,
        /// Tokens that were given out.
        pub status: AppProjectStatus,
    }

    /// What is allowed.
    pub struct AppProjectSpec {
        /// Repositories that manifests may come from, as patterns; `!` before one forbids.
        pub source_repos: Vec<String>,
        /// Clusters and namespaces that manifests may go to.
        pub destinations: Vec<ProjectDestination>,
        /// What it is for.
        pub description: Option<String>,
        /// Roles of people and programs.
        pub roles: Vec<ProjectRole>,
        /// Cluster-scoped kinds that are allowed. None when absent.
        pub cluster_resource_whitelist: Option<Vec<ClusterResourceRestriction>>,
        /// Namespaced kinds that are forbidden.
        pub namespace_resource_blacklist: Vec<GroupKind>,
        /// Report objects in the destinations that belong to no Application.
        pub orphaned_resources: Option<OrphanedResources>,
        /// When syncs are allowed or forbidden.
        pub sync_windows: Vec<SyncWindow>,
        /// Namespaced kinds that are allowed. All when absent, none when empty.
        pub namespace_resource_whitelist: Option<Vec<GroupKind>>,
        /// Keys that must have signed a commit. Others no longer read it.
        pub signature_keys: Vec<SignatureKey>,
        /// Cluster-scoped kinds that are forbidden.
        pub cluster_resource_blacklist: Vec<ClusterResourceRestriction>,
        /// Namespaces whose Applications may use the project, as patterns.
        pub source_namespaces: Vec<String>,
        /// Allow only clusters that were added for this project.
        pub permit_only_project_scoped_clusters: bool,
        /// Service accounts to act as, by destination.
        pub destination_service_accounts: Vec<DestinationServiceAccount>,
        /// How commits must be signed.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub source_integrity: Option<Raw>,
    }

    /// A cluster and a namespace, as patterns.
    pub struct ProjectDestination {
        /// Address of the cluster's API server.
        pub server: Option<String>,
        /// The namespace.
        pub namespace: Option<String>,
        /// Name of the cluster.
        pub name: Option<String>,
    }

    /// Objects by group and kind, as patterns.
    pub struct GroupKind {
        /// The group.
        pub group: String,
        /// The kind.
        pub kind: String,
    }

    /// Cluster-scoped objects by group, kind and name, as patterns.
    pub struct ClusterResourceRestriction {
        /// The group.
        pub group: String,
        /// The kind.
        pub kind: String,
        /// The name. Any when absent.
        pub name: Option<String>,
    }

    /// Reports objects that belong to no Application.
    pub struct OrphanedResources {
        /// Also as a condition of the Application. True when absent.
        pub warn: Option<bool>,
        /// Objects that are not reported.
        pub ignore: Vec<OrphanedResourceKey>,
    }

    /// Objects that are not reported, as patterns.
    pub struct OrphanedResourceKey {
        /// The group.
        pub group: Option<String>,
        /// The kind.
        pub kind: Option<String>,
        /// The name.
        pub name: Option<String>,
    }

    /// A role of people and programs.
    pub struct ProjectRole {
        /// Its name.
        pub name: String,
        /// What it is for.
        pub description: Option<String>,
        /// What it may do.
        pub policies: Vec<String>,
        /// Tokens of the role.
        pub jwt_tokens: Vec<JwtToken>,
        /// Groups of people that have the role.
        pub groups: Vec<String>,
    }

    /// A token that was given out; not the token itself.
    pub struct JwtToken {
        /// When, in seconds since 1970.
        pub iat: i64,
        /// Until when it is good. For ever when absent.
        pub exp: Option<i64>,
        /// Its name.
        pub id: Option<String>,
    }

    /// When syncs are allowed or forbidden.
    pub struct SyncWindow {
        /// `allow` or `deny`.
        pub kind: Option<String>,
        /// When it opens, as in cron.
        pub schedule: Option<String>,
        /// How long it is open, such as `1h`.
        pub duration: Option<String>,
        /// Applications that it is for, as patterns.
        pub applications: Vec<String>,
        /// Namespaces that it is for, as patterns.
        pub namespaces: Vec<String>,
        /// Clusters that it is for, as patterns.
        pub clusters: Vec<String>,
        /// Allow syncs that people ask for even so.
        pub manual_sync: bool,
        /// Time zone of the schedule. UTC when absent.
        pub time_zone: Option<String>,
        /// All of applications, namespaces and clusters must match, instead of any.
        pub and_operator: bool,
        /// What it is for.
        pub description: Option<String>,
        /// Let a sync that began in the window end after it.
        pub sync_overrun: bool,
    }

    /// A key that must have signed a commit.
    pub struct SignatureKey {
        /// Its id.
        #[serde(rename = "keyID")]
        pub key_id: String,
    }

    /// A service account to act as.
    pub struct DestinationServiceAccount {
        /// Address of the cluster's API server, as a pattern.
        pub server: String,
        /// The namespace, as a pattern.
        pub namespace: Option<String>,
        /// Name of the service account, or `namespace:name`.
        pub default_service_account: String,
    }

    /// Tokens that were given out.
    pub struct AppProjectStatus {
        /// By role.
        pub jwt_tokens_by_role: BTreeMap<String, JwtTokens>,
    }

    /// Tokens.
    pub struct JwtTokens {
        /// The tokens.
        pub items: Vec<JwtToken>,
    }
}
