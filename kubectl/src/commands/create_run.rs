//! `create analysisrun`: a run of a template that is in the cluster or in a file, with the values that the person gives.

use super::create::created;
use crate::{Cluster, Error, Screen, manifests};
use crds::{
    AnalysisTemplate, Kind,
    analysis::{AnalysisTemplateRef, AnalysisTemplateSpec, Argument, merge},
    keys, kind,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::PathBuf,
};

/// What run to create.
#[derive(Clone, Debug, Default)]
pub struct NewRun {
    /// Its name.
    pub name: Option<String>,
    /// What the API server makes its name from. The template's name when neither is given.
    pub generate_name: Option<String>,
    /// The controller that is to look after it.
    pub instance_id: Option<String>,
    /// Values of arguments.
    pub arguments: Vec<(String, String)>,
    /// The template in the cluster.
    pub from: Option<String>,
    /// The template in a file.
    pub from_file: Option<PathBuf>,
    /// Whether `from` is a ClusterAnalysisTemplate.
    pub global: bool,
}

/// Creates a run.
pub async fn create_run(cluster: &Cluster, wanted: &NewRun, screen: &mut Screen<'_>) -> Result<(), Error> {
    let root = match (&wanted.from, &wanted.from_file) {
        (Some(name), None) => fetch(cluster, name, wanted.global).await?,
        (None, Some(path)) => in_file(path.clone())?,
        _ => return Err(Error::Usage("one of --from or --from-file must be specified".into())),
    };
    let templates = with_nested(cluster, &root.spec).await?;
    let given = wanted.arguments.iter().map(|(name, value)| Argument {
        name: name.clone(),
        value: Some(value.clone()),
        value_from: None,
    });
    let given: Vec<Argument> = given.collect();
    if let Some(unknown) = given.iter().find(|given| !templates.iter().any(|known| has_argument(known, &given.name))) {
        return Err(Error::Usage(format!("the template has no argument \"{}\"", unknown.name)));
    }
    let templates: Vec<&AnalysisTemplateSpec> = templates.iter().collect();
    let spec = merge::merge(&templates, &given, &[], &[]).map_err(|error| Error::Usage(error.to_string()))?;
    let mut metadata = match (&wanted.name, &wanted.generate_name) {
        (Some(name), _) => json!({ "name": name }),
        (None, Some(prefix)) => json!({ "generateName": prefix }),
        (None, None) => json!({ "generateName": format!("{}-", root.metadata.name) }),
    };
    if let (Some(id), Value::Object(metadata)) = (&wanted.instance_id, &mut metadata) {
        metadata.insert("labels".into(), json!({ keys::INSTANCE_ID: id }));
    }
    let kind = kind::ANALYSIS_RUN;
    let body = json!({ "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata, "spec": spec });
    let name = cluster.create(&kind, &body).await?;
    screen.say(&created(&kind, &name))
}

fn has_argument(template: &AnalysisTemplateSpec, name: &str) -> bool {
    template.args.iter().any(|argument| argument.name == name)
}

/// A template. Both kinds have the same spec.
async fn fetch(cluster: &Cluster, name: &str, is_global: bool) -> Result<AnalysisTemplate, Error> {
    let kind = template_kind(is_global);
    crate::cluster::read(&kind, &cluster.get(&kind, name).await?, AnalysisTemplate::from_value)
}

fn template_kind(is_global: bool) -> Kind {
    if is_global { kind::CLUSTER_ANALYSIS_TEMPLATE } else { kind::ANALYSIS_TEMPLATE }
}

fn in_file(path: PathBuf) -> Result<AnalysisTemplate, Error> {
    for text in manifests::read(&[path])? {
        let found = gitops::manifest::parse_unnamed(&text.name, &text.content);
        for manifest in found.map_err(|error| Error::Usage(error.to_string()))? {
            let name = manifest.object.get("kind").and_then(Value::as_str).unwrap_or_default();
            let kinds = [template_kind(false), template_kind(true)];
            if let Some(kind) = kinds.iter().find(|kind| kind.kind == name) {
                return crate::cluster::read(kind, &manifest.object, AnalysisTemplate::from_value);
            }
        }
    }
    Err(Error::Usage("the file has no AnalysisTemplate and no ClusterAnalysisTemplate".into()))
}

/// The template and all that it names, each once.
async fn with_nested(cluster: &Cluster, root: &AnalysisTemplateSpec) -> Result<Vec<AnalysisTemplateSpec>, Error> {
    let mut known: BTreeMap<(bool, String), AnalysisTemplateSpec> = BTreeMap::new();
    let mut open: Vec<AnalysisTemplateRef> = root.templates.clone();
    while let Some(named) = open.pop() {
        let key = (named.cluster_scope, named.template_name.clone());
        if let Entry::Vacant(place) = known.entry(key) {
            let template = fetch(cluster, &named.template_name, named.cluster_scope).await?;
            open.extend(template.spec.templates.iter().cloned());
            place.insert(template.spec);
        }
    }
    let find = |named: &AnalysisTemplateRef| known.get(&(named.cluster_scope, named.template_name.clone()));
    let nested = merge::expand(&root.templates, &find).map_err(|error| Error::Usage(error.to_string()))?;
    Ok(std::iter::once(root).chain(nested).cloned().collect())
}
