//! Who plays: the objects of a person's files, the one Rollout among them that the story is about, and their entrance.
//!
//! What a cluster adds to objects (uid, status, owners) is taken off first, so that the output of `kubectl get -o yaml` can
//! be played. Kinds that the simulator does not serve stay away, and that is said.

use crate::{
    server::Server,
    simulate::{Unplayable, made},
    world::calls::{controller_uid, name_of, text},
};
use gitops::manifest::{Manifest, parse_file};
use serde_json::{Value, json};

/// Where objects live that name no namespace, unless the Rollout does.
const HOME: &str = "default";
/// What only a cluster may write.
const OF_THE_CLUSTER: [&str; 7] =
    ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "selfLink"];

/// A file with objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its name in messages.
    pub name: String,
    /// YAML or JSON.
    pub text: String,
}

/// The objects of all files.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    /// The Rollout of the story.
    pub(crate) rollout: Value,
    /// Everything that plays, the Rollout among them.
    objects: Vec<Manifest>,
    namespace: String,
}

impl Cast {
    pub(crate) fn read(files: &[File], wanted: Option<&str>) -> Result<Cast, Unplayable> {
        let mut objects = Vec::new();
        for file in files {
            objects.extend(parse_file(&file.name, &file.text)?);
        }
        let rollouts: Vec<&Value> = objects.iter().map(|one| &one.object).filter(|one| is_rollout(one)).collect();
        let names = || rollouts.iter().map(|one| title(one)).collect::<Vec<_>>();
        let rollout = match (rollouts.as_slice(), wanted) {
            ([], _) => {
                return Err(Unplayable::NoRollout(objects.iter().map(|one| kind_and_name(&one.object)).collect()));
            }
            ([one], None) => (*one).clone(),
            (_, None) => return Err(Unplayable::SeveralRollouts(names())),
            (all, Some(wanted)) => {
                let found: Vec<_> = all.iter().filter(|one| is_named(one, wanted)).collect();
                match found.as_slice() {
                    [] => return Err(Unplayable::OtherRollout { wanted: wanted.to_owned(), there: names() }),
                    [one] => (**one).clone(),
                    _ => return Err(Unplayable::SeveralRollouts(found.iter().map(|one| title(one)).collect())),
                }
            }
        };
        let namespace = Some(text(&rollout, "/metadata/namespace")).filter(|name| !name.is_empty()).unwrap_or(HOME);
        let namespace = namespace.to_owned();
        let plays = |object: &Value| {
            // What a controller made, it will make again.
            if is_rollout(object) { *object == rollout } else { controller_uid(object).is_empty() }
        };
        objects.retain(|one| plays(&one.object));
        objects.iter_mut().for_each(|one| strip(&mut one.object));
        Ok(Cast { rollout, objects, namespace })
    }

    /// Namespace of the Rollout.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Name of the Rollout.
    pub(crate) fn name(&self) -> &str {
        text(&self.rollout, "/metadata/name")
    }

    /// Which controller looks after the Rollout.
    pub(crate) fn instance(&self) -> String {
        let labels = self.rollout.pointer("/metadata/labels");
        let label = labels.and_then(|labels| labels.get(crds::keys::INSTANCE_ID)).and_then(Value::as_str);
        label.unwrap_or_default().to_owned()
    }

    /// The AnalysisTemplate or ClusterAnalysisTemplate with this name, as the Rollout sees it.
    pub(crate) fn template(&self, name: &str, is_of_cluster: bool) -> Option<&Value> {
        let kind = if is_of_cluster { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
        self.objects.iter().map(|one| &one.object).find(|one| {
            let (namespace, named) = name_of(one);
            let is_near = is_of_cluster || namespace.is_empty() || namespace == self.namespace;
            text(one, "/kind") == kind && named == name && is_near
        })
    }

    /// Puts everything into the cluster, makes what is missing, and says what a person should know of that.
    pub(crate) fn enter(&self, server: &Server) -> Result<Vec<String>, Unplayable> {
        let mut told = Vec::new();
        let mut strangers = Vec::new();
        for manifest in &self.objects {
            let object = &manifest.object;
            if !server.knows(text(object, "/apiVersion"), text(object, "/kind")) {
                strangers.push(kind_and_name(object));
                continue;
            }
            self.make_home(server, object);
            let place = || format!("{}:{}: {}", manifest.file, manifest.line, kind_and_name(object));
            let warnings = server
                .apply_object(object.clone(), &self.namespace)
                .map_err(|refusal| Unplayable::Refused { place: place(), why: refusal.message })?;
            told.extend(warnings.iter().map(|warning| format!("Warning: {}: {warning}", place())));
        }
        let made = made::missing(&self.rollout, &self.namespace, server);
        for object in &made {
            self.make_home(server, object);
            server
                .apply_object(object.clone(), &self.namespace)
                .map_err(|refusal| Unplayable::Refused { place: kind_and_name(object), why: refusal.message })?;
        }
        if !made.is_empty() {
            let names: Vec<_> = made.iter().map(kind_and_name).collect();
            told.push(format!(
                "The files do not have all that the Rollout names, so these were made: {}.",
                names.join(", ")
            ));
        }
        if !strangers.is_empty() {
            told.push(format!("Left out, since the simulator knows nothing of them: {}.", strangers.join(", ")));
        }
        Ok(told)
    }

    /// A namespace is there before what lives in it; a file may well bring its own later.
    fn make_home(&self, server: &Server, object: &Value) {
        let named = text(object, "/metadata/namespace");
        let name = if named.is_empty() { self.namespace.as_str() } else { named };
        if server.get("v1", "Namespace", "", name).is_none() {
            let home = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            if let Err(refusal) = server.apply_object(home, "") {
                tracing::debug!(%refusal, name, "no namespace");
            }
        }
    }
}

/// A kind and a name, as people write them.
pub(crate) fn kind_and_name(object: &Value) -> String {
    format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"))
}

fn is_rollout(object: &Value) -> bool {
    text(object, "/kind") == "Rollout" && text(object, "/apiVersion").starts_with("argoproj.io/")
}

fn is_named(object: &Value, wanted: &str) -> bool {
    let (namespace, name) = name_of(object);
    name == wanted || format!("{namespace}/{name}") == wanted
}

fn title(object: &Value) -> String {
    let (namespace, name) = name_of(object);
    if namespace.is_empty() { name } else { format!("{namespace}/{name}") }
}

fn strip(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !OF_THE_CLUSTER.contains(&field.as_str()));
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
}
