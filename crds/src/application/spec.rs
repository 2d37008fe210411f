//! What the user wants: the top of an Application.

use super::{
    ApplicationSource, ApplicationStatus, DirectorySource, HelmSource, KustomizeSource, NameValue, Operation,
    PluginSource, SyncPolicy,
};
use crate::{
    ObjectMeta,
    wire::{object, wire},
};

object!(Application);

wire! {
    /// Keeps a cluster as manifests in Git say.
    pub struct Application {
        /// Standard metadata.
        pub metadata: ObjectMeta,
        /// Where the manifests are, and where they go.
        pub spec: ApplicationSpec,
        /// A sync that somebody asked for; removed when it has ended.
        pub operation: Option<Operation>,
        /// How the cluster compares with the manifests.
        pub status: ApplicationStatus,
    }

    /// Where the manifests are, and where they go.
    pub struct ApplicationSpec {
        /// Where the manifests are.
        pub source: Option<ApplicationSource>,
        /// Several places where manifests are, in place of `source`.
        pub sources: Vec<ApplicationSource>,
        /// Render manifests from one branch into another, and follow that one.
        pub source_hydrator: Option<SourceHydrator>,
        /// Where the manifests go.
        pub destination: ApplicationDestination,
        /// The AppProject that says what is allowed. `default` when empty.
        pub project: String,
        /// When and how the cluster is changed. Only when somebody asks when absent.
        pub sync_policy: Option<SyncPolicy>,
        /// Differences that do not count.
        pub ignore_differences: Vec<ResourceIgnoreDifferences>,
        /// Notes for people.
        pub info: Vec<NameValue>,
        /// How many former syncs are remembered. 10 when absent.
        pub revision_history_limit: Option<i64>,
    }

    /// A cluster and a namespace: `server` or `name`, exactly one of them.
    pub struct ApplicationDestination {
        /// Address of the cluster's API server.
        pub server: Option<String>,
        /// Namespace for manifests that name none.
        pub namespace: Option<String>,
        /// Name of the cluster.
        pub name: Option<String>,
    }

    /// Differences that do not count, for some objects.
    pub struct ResourceIgnoreDifferences {
        /// Group of the objects, as a pattern.
        pub group: Option<String>,
        /// Kind of the objects, as a pattern.
        pub kind: String,
        /// Name of the object. Any when absent.
        pub name: Option<String>,
        /// Namespace of the object. Any when absent.
        pub namespace: Option<String>,
        /// JSON pointers of fields, such as `/spec/replicas`.
        pub json_pointers: Vec<String>,
        /// jq expressions of fields, such as `.spec.template.spec.containers[].image`.
        pub jq_path_expressions: Vec<String>,
        /// Field managers, whose fields do not count.
        pub managed_fields_managers: Vec<String>,
    }

    /// Renders manifests from one branch into another.
    pub struct SourceHydrator {
        /// What is rendered.
        pub dry_source: DrySource,
        /// What is followed.
        pub sync_source: SyncSource,
        /// Where the rendered manifests are put first, to be moved by people.
        pub hydrate_to: Option<HydrateTo>,
    }

    /// What is rendered.
    pub struct DrySource {
        /// Address of the repository.
        #[serde(rename = "repoURL")]
        pub repo_url: String,
        /// Branch, tag or commit.
        pub target_revision: String,
        /// Folder in the repository.
        pub path: String,
        /// How Helm renders it.
        pub helm: Option<HelmSource>,
        /// How Kustomize renders it.
        pub kustomize: Option<KustomizeSource>,
        /// How plain files are read.
        pub directory: Option<DirectorySource>,
        /// How a plugin renders it.
        pub plugin: Option<PluginSource>,
    }

    /// What is followed.
    pub struct SyncSource {
        /// Address of the repository. The dry source's when absent.
        #[serde(rename = "repoURL")]
        pub repo_url: Option<String>,
        /// The branch.
        pub target_branch: String,
        /// Folder in it; not the root.
        pub path: String,
    }

    /// Where the rendered manifests are put first.
    pub struct HydrateTo {
        /// The branch.
        pub target_branch: String,
    }
}
