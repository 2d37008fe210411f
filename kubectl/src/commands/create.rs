//! `create -f`: sends the objects of files to the API server, and shows the one that was made while it changes, if asked to.

use super::{Look, get};
use crate::{Cluster, Error, Screen, manifests, seen::Subject};
use crds::{Kind, kind};
use serde_json::Value;
use std::path::PathBuf;

/// The kinds that can be created.
const KINDS: [Kind; 5] =
    [kind::ROLLOUT, kind::EXPERIMENT, kind::ANALYSIS_TEMPLATE, kind::CLUSTER_ANALYSIS_TEMPLATE, kind::ANALYSIS_RUN];

/// Creates every object of the files.
pub async fn create(cluster: &Cluster, files: &[PathBuf], look: Look, screen: &mut Screen<'_>) -> Result<(), Error> {
    let mut objects = Vec::new();
    for text in manifests::read(files)? {
        let found = gitops::manifest::parse_unnamed(&text.name, &text.content);
        for manifest in found.map_err(|error| Error::Usage(error.to_string()))? {
            objects.push((kind_of(&manifest.object)?, manifest.object));
        }
    }
    if look.watch && objects.len() > 1 {
        return Err(Error::Usage("Cannot watch multiple resources".into()));
    }
    for (kind, object) in &objects {
        let home = home(cluster, object);
        let name = home.create(kind, object).await?;
        screen.say(&created(kind, &name))?;
        let subject = match *kind {
            kind::ROLLOUT => Some(Subject::Rollout),
            kind::EXPERIMENT => Some(Subject::Experiment),
            _ => None,
        };
        if let Some(subject) = subject.filter(|_| look.watch) {
            get(&home, subject, &name, look, screen).await?;
        }
    }
    Ok(())
}

/// The line that says so.
pub(super) fn created(kind: &Kind, name: &str) -> String {
    format!("{}.{}/{name} created", kind.kind.to_lowercase(), kind.group)
}

fn kind_of(object: &Value) -> Result<Kind, Error> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, name) = (text("apiVersion"), text("kind"));
    let known = KINDS.into_iter().find(|kind| kind.kind == name && kind.api_version() == version);
    known.ok_or_else(|| Error::Usage(format!("creates of {version}/{name} unsupported")))
}

/// The namespace that an object names for itself, or the one to act in.
fn home(cluster: &Cluster, object: &Value) -> Cluster {
    let own = object.pointer("/metadata/namespace").and_then(Value::as_str).filter(|own| !own.is_empty());
    own.map_or_else(|| cluster.clone(), |own| cluster.within(own))
}
