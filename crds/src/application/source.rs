//! Where manifests are, and how they are rendered.

use std::collections::BTreeMap;

use crate::{IntOrString, Raw, wire::wire};

wire! {
    /// Where manifests are, and how they are rendered.
    pub struct ApplicationSource {
        /// Address of a Git repository, of a Helm repository, or `oci://` and an image.
        #[serde(rename = "repoURL")]
        pub repo_url: String,
        /// Folder in the repository. The root when absent.
        pub path: Option<String>,
        /// Branch, tag, commit or version range. `HEAD` when absent; a chart needs it.
        pub target_revision: Option<String>,
        /// How Helm renders it.
        pub helm: Option<HelmSource>,
        /// How Kustomize renders it.
        pub kustomize: Option<KustomizeSource>,
        /// How plain files are read.
        pub directory: Option<DirectorySource>,
        /// How a plugin renders it.
        pub plugin: Option<PluginSource>,
        /// Name of a chart, in a Helm repository.
        pub chart: Option<String>,
        /// Name by which other sources refer to files of this one, as `$name/path`.
        #[serde(rename = "ref")]
        pub reference: Option<String>,
        /// Name for people.
        pub name: Option<String>,
        /// Start of tags' names that is cut off before versions are compared.
        pub tag_prefix: Option<String>,
    }

    /// How Helm renders a chart.
    pub struct HelmSource {
        /// Files with values; later ones win.
        pub value_files: Vec<String>,
        /// Single values.
        pub parameters: Vec<HelmParameter>,
        /// Name of the release. The Application's when absent.
        pub release_name: Option<String>,
        /// Values, as YAML in a text.
        pub values: Option<String>,
        /// Single values that are read from files.
        pub file_parameters: Vec<HelmFileParameter>,
        /// Version of Helm; without effect.
        pub version: Option<String>,
        /// Send credentials to all domains.
        pub pass_credentials: bool,
        /// Go on when a file with values is missing.
        pub ignore_missing_value_files: bool,
        /// Leave out custom resource definitions.
        pub skip_crds: bool,
        /// Leave out tests.
        pub skip_tests: bool,
        /// Do not check values against the chart's schema.
        pub skip_schema_validation: bool,
        /// Values; wins over `values`.
        #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::any_object"))]
        pub values_object: Option<Raw>,
        /// Namespace to render for.
        pub namespace: Option<String>,
        /// Version of Kubernetes to render for.
        pub kube_version: Option<String>,
        /// APIs to render for.
        pub api_versions: Vec<String>,
    }

    /// A single value.
    pub struct HelmParameter {
        /// Its name.
        pub name: Option<String>,
        /// The value.
        pub value: Option<String>,
        /// Whether it is a text even if it looks like a number.
        pub force_string: bool,
    }

    /// A single value that is read from a file.
    pub struct HelmFileParameter {
        /// Its name.
        pub name: Option<String>,
        /// Path of the file.
        pub path: Option<String>,
    }

    /// How Kustomize renders a folder.
    pub struct KustomizeSource {
        /// Put before names.
        pub name_prefix: Option<String>,
        /// Put after names.
        pub name_suffix: Option<String>,
        /// Images to replace, as `old=new:tag`.
        pub images: Vec<String>,
        /// Labels of all objects.
        pub common_labels: BTreeMap<String, String>,
        /// Version of Kustomize.
        pub version: Option<String>,
        /// Annotations of all objects.
        pub common_annotations: BTreeMap<String, String>,
        /// Overwrite labels that are there already.
        pub force_common_labels: bool,
        /// Overwrite annotations that are there already.
        pub force_common_annotations: bool,
        /// Namespace of all objects.
        pub namespace: Option<String>,
        /// Replace variables in `commonAnnotations`.
        pub common_annotations_envsubst: bool,
        /// How many replicas some objects have.
        pub replicas: Vec<KustomizeReplica>,
        /// Patches.
        pub patches: Vec<KustomizePatch>,
        /// Components.
        pub components: Vec<String>,
        /// Leave out components that are missing.
        pub ignore_missing_components: bool,
        /// Leave selectors alone when labels are set.
        pub label_without_selector: bool,
        /// Set labels in templates even so.
        pub label_include_templates: bool,
        /// Version of Kubernetes to render for.
        pub kube_version: Option<String>,
        /// APIs to render for.
        pub api_versions: Vec<String>,
    }

    /// How many replicas an object has.
    pub struct KustomizeReplica {
        /// Its name.
        pub name: String,
        /// How many.
        pub count: Option<IntOrString>,
    }

    /// A patch.
    pub struct KustomizePatch {
        /// File with the patch.
        pub path: Option<String>,
        /// The patch itself.
        pub patch: Option<String>,
        /// Objects to patch.
        pub target: Option<KustomizeTarget>,
        /// Options, such as `allowNameChange`.
        pub options: BTreeMap<String, bool>,
    }

    /// Objects to patch.
    pub struct KustomizeTarget {
        /// Their group.
        pub group: Option<String>,
        /// Their version.
        pub version: Option<String>,
        /// Their kind.
        pub kind: Option<String>,
        /// Their name.
        pub name: Option<String>,
        /// Their namespace.
        pub namespace: Option<String>,
        /// Selector of their annotations.
        pub annotation_selector: Option<String>,
        /// Selector of their labels.
        pub label_selector: Option<String>,
    }

    /// How plain files are read.
    pub struct DirectorySource {
        /// Also read folders within the folder.
        pub recurse: bool,
        /// How Jsonnet files are evaluated.
        pub jsonnet: Option<JsonnetSource>,
        /// Pattern of files that are left out.
        pub exclude: Option<String>,
        /// Pattern of files that are read.
        pub include: Option<String>,
        /// Also read files whose names do not end in `.yaml`, `.yml`, `.json` or `.jsonnet`.
        pub disable_extension_filter: bool,
    }

    /// How Jsonnet files are evaluated.
    pub struct JsonnetSource {
        /// External variables.
        pub ext_vars: Vec<JsonnetVar>,
        /// Arguments of the outermost function.
        pub tlas: Vec<JsonnetVar>,
        /// Folders of libraries.
        pub libs: Vec<String>,
    }

    /// A variable for Jsonnet.
    pub struct JsonnetVar {
        /// Its name.
        pub name: String,
        /// Its value.
        pub value: String,
        /// Whether the value is Jsonnet.
        pub code: bool,
    }

    /// How a plugin renders a folder.
    pub struct PluginSource {
        /// Name of the plugin. Found by the files in the folder when absent.
        pub name: Option<String>,
        /// Environment.
        pub env: Vec<NameValue>,
        /// Parameters.
        pub parameters: Vec<PluginParameter>,
    }

    /// A parameter of a plugin, of one of three types.
    pub struct PluginParameter {
        /// Its name.
        pub name: Option<String>,
        /// A text.
        #[serde(rename = "string")]
        pub text: Option<String>,
        /// Texts by name.
        pub map: BTreeMap<String, String>,
        /// A list of texts.
        pub array: Vec<String>,
    }

    /// A name and a value.
    pub struct NameValue {
        /// The name.
        pub name: String,
        /// The value.
        pub value: String,
    }
}
