//! The CustomResourceDefinitions of our kinds: names, columns and subresources around the derived schemas.
//!
//! `crdgen` writes them into the chart; tests and the simulator read them from here.

mod yaml;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::{
    Kind,
    analysis::{AnalysisRunSpec, AnalysisRunStatus, AnalysisTemplateSpec},
    application::{ApplicationSpec, ApplicationStatus, Operation},
    experiment::{ExperimentSpec, ExperimentStatus},
    kind,
    project::{AppProjectSpec, AppProjectStatus},
    rollout::{RolloutSpec, RolloutStatus},
    schema::{self, Required},
};

pub use self::yaml::to_yaml;

/// A CustomResourceDefinition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The kind that it defines.
    pub kind: Kind,
    /// The object.
    pub object: Value,
}

impl Definition {
    /// Name of the object, and of its file without the ending.
    pub fn name(&self) -> String {
        format!("{}.{}", self.kind.plural, self.kind.group)
    }

    /// Name of its file in the chart.
    pub fn file_name(&self) -> String {
        format!("{}.yaml", self.name())
    }
}

/// All of them.
pub fn all() -> Vec<Definition> {
    vec![
        rollout(),
        template(
            kind::ANALYSIS_TEMPLATE,
            "at",
            "What an analysis measures; Rollouts and Experiments refer to it by name.",
        ),
        template(kind::CLUSTER_ANALYSIS_TEMPLATE, "cat", "What an analysis measures, for all namespaces."),
        analysis_run(),
        experiment(),
        application(),
        app_project(),
    ]
}

fn rollout() -> Definition {
    Draft {
        kind: kind::ROLLOUT,
        short_names: vec!["ro"],
        description: "Runs pods like a Deployment, and moves to a new revision step by step while it watches how the revision does.",
        columns: vec![
            column("Desired", ".spec.replicas", "integer", "How many pods should run."),
            column("Current", ".status.replicas", "integer", "How many pods run."),
            column("Up-to-date", ".status.updatedReplicas", "integer", "How many of them are of the new revision."),
            column("Available", ".status.availableReplicas", "integer", "How many are ready and have been for long enough."),
            age(),
        ],
        subresources: json!({
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.HPAReplicas",
                "labelSelectorPath": ".status.selector",
            },
        }),
    }
    .with(vec![spec::<RolloutSpec>("What should run, and how a change is brought out."), status::<RolloutStatus>()])
}

fn template(kind: Kind, short_name: &'static str, description: &'static str) -> Definition {
    Draft { kind, short_names: vec![short_name], description, columns: vec![age()], subresources: json!({}) }
        .with(vec![spec::<AnalysisTemplateSpec>("What is measured.")])
}

fn analysis_run() -> Definition {
    Draft {
        kind: kind::ANALYSIS_RUN,
        short_names: vec!["ar"],
        description: "One analysis as it is carried out: its metrics, and what was measured so far.",
        columns: vec![phase(), age()],
        subresources: json!({}),
    }
    .with(vec![spec::<AnalysisRunSpec>("What is measured."), status::<AnalysisRunStatus>()])
}

fn experiment() -> Definition {
    Draft {
        kind: kind::EXPERIMENT,
        short_names: vec!["exp"],
        description: "Runs revisions side by side for a while, to compare them.",
        columns: vec![phase(), age()],
        subresources: json!({}),
    }
    .with(vec![spec::<ExperimentSpec>("What runs, and for how long."), status::<ExperimentStatus>()])
}

fn application() -> Definition {
    let wide = |column| with_field(column, "priority", 10.into());
    Draft {
        kind: kind::APPLICATION,
        short_names: vec!["app", "apps"],
        description: "Keeps a cluster as manifests in Git say.",
        columns: vec![
            column("Sync Status", ".status.sync.status", "string", "Whether the cluster is as the manifests say."),
            column("Health Status", ".status.health.status", "string", "Whether what runs is well."),
            wide(column("Revision", ".status.sync.revision", "string", "The revision that was compared.")),
            wide(column("Project", ".spec.project", "string", "The project that says what is allowed.")),
        ],
        subresources: json!({}),
    }
    .with(vec![
        spec::<ApplicationSpec>("Where the manifests are, and where they go."),
        part::<Operation>(
            "operation",
            "A sync that somebody asked for; removed when it has ended.",
            Required::Enforced,
        ),
        status::<ApplicationStatus>(),
    ])
}

fn app_project() -> Definition {
    Draft {
        kind: kind::APP_PROJECT,
        short_names: vec!["appproj", "appprojs"],
        description: "What the Applications of a team may do.",
        columns: vec![age()],
        subresources: json!({}),
    }
    .with(vec![spec::<AppProjectSpec>("What is allowed."), status::<AppProjectStatus>()])
}

/// What differs between the definitions, but for the schemas.
struct Draft {
    kind: Kind,
    short_names: Vec<&'static str>,
    description: &'static str,
    columns: Vec<Value>,
    subresources: Value,
}

impl Draft {
    fn with(self, parts: Vec<(&'static str, Value)>) -> Definition {
        let text = |description: &str| json!({"type": "string", "description": description});
        let mut properties = Map::new();
        properties.insert("apiVersion".to_owned(), text("Group and version of the object's schema."));
        properties.insert("kind".to_owned(), text("What kind of object this is."));
        properties.insert("metadata".to_owned(), json!({"type": "object"}));
        properties.extend(parts.into_iter().map(|(name, schema)| (name.to_owned(), schema)));
        let Kind { group, version, kind, plural, namespaced, .. } = self.kind;
        let object = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group,
                "names": {
                    "kind": kind,
                    "listKind": format!("{kind}List"),
                    "plural": plural,
                    "singular": kind.to_lowercase(),
                    "shortNames": self.short_names,
                },
                "scope": if namespaced { "Namespaced" } else { "Cluster" },
                "versions": [{
                    "name": version,
                    "served": true,
                    "storage": true,
                    "additionalPrinterColumns": self.columns,
                    "subresources": self.subresources,
                    "schema": {"openAPIV3Schema": {
                        "type": "object",
                        "description": self.description,
                        "required": ["metadata", "spec"],
                        "properties": properties,
                    }},
                }],
            },
        });
        Definition { kind: self.kind, object }
    }
}

fn spec<T: JsonSchema>(description: &str) -> (&'static str, Value) {
    part::<T>("spec", description, Required::Enforced)
}

fn status<T: JsonSchema>() -> (&'static str, Value) {
    part::<T>("status", "What the controller found and did; written by it.", Required::Lenient)
}

fn part<T: JsonSchema>(name: &'static str, description: &str, required: Required) -> (&'static str, Value) {
    (name, with_field(schema::of::<T>(required), "description", description.into()))
}

fn column(name: &str, path: &str, column_type: &str, description: &str) -> Value {
    json!({"name": name, "jsonPath": path, "type": column_type, "description": description})
}

fn phase() -> Value {
    column("Status", ".status.phase", "string", "How far it is, or how it ended.")
}

fn age() -> Value {
    column("Age", ".metadata.creationTimestamp", "date", "How long ago it was created.")
}

fn with_field(mut object: Value, name: &str, field: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.insert(name.to_owned(), field);
    }
    object
}
