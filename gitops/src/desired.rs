//! What the cluster is to hold: the manifests of a tree, made ready to be compared and applied.
//!
//! Namespaces are filled in, server-side fields are taken out, the tracking annotation is put in, and what the
//! annotations of an object ask for is read. An object that asks for what nothing here does is refused with its file.

mod scope;

use crate::{
    key::{self, Key},
    manifest::Manifest,
    tracking::{self, Tracking},
    validate::ResourceOptions,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use crds::keys;
use plan::ObjectRef;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use thiserror::Error;

/// Helm's annotations mean something to Argo CD too.
const HELM_HOOK: &str = "helm.sh/hook";
const HELM_POLICY: &str = "helm.sh/resource-policy";
/// Fields of metadata that the server sets and Git only copied.
const SERVER_METADATA: [&str; 7] =
    ["creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink", "deletionTimestamp"];

/// One object as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Which object.
    pub key: Key,
    /// The same with the version that Git writes.
    pub reference: ObjectRef,
    /// The object, with the tracking annotation.
    pub body: Value,
    /// When it is applied, and what is never done to it.
    pub settings: Settings,
}

/// What the annotations of an object, desired or live, ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its wave.
    pub wave: i32,
    /// What is never done to it.
    pub options: ResourceOptions,
    /// Its health does not count for the Application's.
    pub is_health_ignored: bool,
    /// It may be there although Git does not have it.
    pub is_extraneous: bool,
}

/// Everything that a tree asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Goal {
    /// The objects, each once.
    pub objects: BTreeMap<Key, Desired>,
    /// Objects that stand in the tree twice, as sentences. The last one counts.
    pub repeated: Vec<String>,
}

/// Why an object cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}: {object}: {problem}")]
pub struct DesiredError {
    /// Path of the file.
    pub file: String,
    /// Line on which its document begins.
    pub line: u64,
    /// Kind and name.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Makes the manifests of a tree ready, or says everything that cannot be carried out.
pub fn goal(manifests: &[Manifest], namespace: &str, tracking: &Tracking) -> Result<Goal, Vec<DesiredError>> {
    let mut goal = Goal::default();
    let mut errors = Vec::new();
    let scopes = scope::Scopes::of(manifests);
    for manifest in manifests {
        match desired(manifest, namespace, &scopes, tracking) {
            Ok(desired) => {
                let key = desired.key.clone();
                if goal.objects.insert(key.clone(), desired).is_some() {
                    goal.repeated.push(format!("Resource {key} appeared more than once among application resources."));
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(goal) } else { Err(errors) }
}

/// Reads the annotations of an object; the error is the first that nothing here acts on.
pub fn settings(object: &Value) -> Result<Settings, String> {
    let annotation = |name: &str| key::annotation(object, name);
    let forbidden = |name: &str| format!("metadata.annotations[{name}]: Forbidden: not supported by this version");
    // An object that was meant as a hook must not be applied as if it were always wanted.
    if let Some(name) = [keys::HOOK, HELM_HOOK].into_iter().find(|name| annotation(name).is_some()) {
        return Err(forbidden(name));
    }
    let wave = match annotation(keys::SYNC_WAVE).map(str::trim) {
        None | Some("") => 0,
        Some(text) => {
            let problem =
                || format!("metadata.annotations[{}]: Invalid value: {text:?} is not a whole number", keys::SYNC_WAVE);
            text.parse().map_err(|_| problem())?
        }
    };
    let mut options = ResourceOptions::parse(annotation(keys::SYNC_OPTIONS).unwrap_or(""))
        .map_err(|option| format!("{} ({option})", forbidden(keys::SYNC_OPTIONS)))?;
    if annotation(HELM_POLICY) == Some("keep") {
        options = ResourceOptions { is_kept_from_pruning: true, is_kept_on_deletion: true };
    }
    let compare = annotation(keys::COMPARE_OPTIONS).unwrap_or("");
    Ok(Settings {
        wave,
        options,
        is_health_ignored: annotation(keys::IGNORE_HEALTHCHECK) == Some("true"),
        is_extraneous: compare.split(',').any(|option| option.trim() == "IgnoreExtraneous"),
    })
}

fn desired(
    manifest: &Manifest,
    namespace: &str,
    scopes: &scope::Scopes,
    tracking: &Tracking,
) -> Result<Desired, DesiredError> {
    let mut body = without_nulls(&manifest.object);
    let described = |object: &Value| {
        let text = |path: &[&str]| key::text(object, path).unwrap_or("").to_owned();
        format!("{} {}", text(&["kind"]), text(&["metadata", "name"]))
    };
    let refuse = |problem: String| DesiredError {
        file: manifest.file.clone(),
        line: manifest.line,
        object: described(&manifest.object),
        problem,
    };
    let settings = settings(&body).map_err(refuse)?;
    let Some(found) = key::reference(&body) else { return Err(refuse("it has no name".into())) };
    let is_cluster_scoped = scopes.is_cluster_scoped(&found.group, &found.kind);
    let place = (!is_cluster_scoped).then(|| found.namespace.clone().unwrap_or_else(|| namespace.to_owned()));
    let reference = ObjectRef { namespace: place.filter(|namespace| !namespace.is_empty()), ..found };
    let key = Key::of(&reference);
    clean(&mut body, reference.namespace.as_deref());
    if reference.group.is_empty() && reference.kind == "Secret" {
        encode_string_data(&mut body);
    }
    if tracking::is_trackable(&key) {
        annotate(&mut body, keys::TRACKING_ID, &tracking.id(&key));
    }
    Ok(Desired { key, reference, body, settings })
}

/// A null in a manifest says nothing; the server would read it as a value.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn clean(body: &mut Value, namespace: Option<&str>) {
    let Some(fields) = body.as_object_mut() else { return };
    fields.remove("status");
    let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in SERVER_METADATA {
        metadata.remove(name);
    }
    match namespace {
        Some(namespace) => metadata.insert("namespace".into(), namespace.into()),
        None => metadata.remove("namespace"),
    };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(keys::LAST_APPLIED);
    }
}

fn annotate(body: &mut Value, name: &str, value: &str) {
    let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(name.to_owned(), value.into());
    }
}

/// The server keeps `stringData` as `data`; comparing and applying need it in that form.
fn encode_string_data(body: &mut Value) {
    let Some(fields) = body.as_object_mut() else { return };
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if let Some(data) = data.as_object_mut() {
        let encoded =
            texts.into_iter().map(|(name, value)| (name, STANDARD.encode(value.as_str().unwrap_or("")).into()));
        data.extend(encoded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::Application;
    use serde_json::json;

    fn made(objects: &[Value]) -> Result<Goal, Vec<String>> {
        let application =
            json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {"destination": {"namespace": "shop"}}});
        let tracking = Tracking::of(&Application::from_value(&application).expect("is an Application"), "argocd");
        let manifests =
            objects.iter().map(|object| Manifest { file: "a.yaml".into(), line: 3, object: object.clone() });
        goal(&manifests.collect::<Vec<_>>(), "shop", &tracking)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn one(object: Value) -> Desired {
        made(&[object]).expect("can be carried out").objects.into_values().next().expect("there is one")
    }

    #[test]
    fn objects_are_made_ready() {
        let desired = one(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "uid": "u", "creationTimestamp": null, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x"}},
            "data": {"b": "Yg=="}, "stringData": {"a": "a"}, "status": {}, "immutable": null}),
        );
        assert_eq!(
            desired.body,
            json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "YQ==", "b": "Yg=="},
            "metadata": {"name": "s", "namespace": "shop", "annotations": {"argocd.argoproj.io/tracking-id": "web:/Secret:shop/s"}}})
        );
        assert_eq!(desired.reference.to_string(), "Secret shop/s");
    }

    #[test]
    fn namespaces() {
        let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "gadgets.example.com"}, "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Gadget"}}});
        for (objects, expected) in [
            (vec![json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}})], "Service shop/a"),
            (
                vec![json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "other"}})],
                "Service other/a",
            ),
            (
                vec![
                    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a", "namespace": "other"}}),
                ],
                "ClusterRole a",
            ),
            (
                vec![json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "a"}})],
                "Gadget shop/a",
            ),
            (
                vec![json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "a"}}), crd],
                "Gadget a",
            ),
        ] {
            let goal = made(&objects).expect("can be carried out");
            assert!(
                goal.objects.keys().any(|key| key.to_string() == expected),
                "{expected}: {:?}",
                goal.objects.keys()
            );
        }
    }

    #[test]
    fn annotations_are_read_or_refused() {
        let object = |annotations: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "annotations": annotations}});
        let read = one(object(json!({"argocd.argoproj.io/sync-wave": "-2", "argocd.argoproj.io/sync-options": "Prune=false", "argocd.argoproj.io/ignore-healthcheck": "true"}))).settings;
        assert_eq!((read.wave, read.options.is_kept_from_pruning, read.is_health_ignored), (-2, true, true));
        assert!(one(object(json!({"helm.sh/resource-policy": "keep"}))).settings.options.is_kept_on_deletion);
        for (annotations, expected) in [
            (
                json!({"argocd.argoproj.io/hook": "PreSync"}),
                "a.yaml:3: Job j: metadata.annotations[argocd.argoproj.io/hook]: Forbidden: not supported by this version",
            ),
            (
                json!({"helm.sh/hook": "pre-install"}),
                "a.yaml:3: Job j: metadata.annotations[helm.sh/hook]: Forbidden: not supported by this version",
            ),
            (
                json!({"argocd.argoproj.io/sync-wave": "x"}),
                "a.yaml:3: Job j: metadata.annotations[argocd.argoproj.io/sync-wave]: Invalid value: \"x\" is not a whole number",
            ),
            (
                json!({"argocd.argoproj.io/sync-options": "Replace=true"}),
                "a.yaml:3: Job j: metadata.annotations[argocd.argoproj.io/sync-options]: Forbidden: not supported by this version (Replace=true)",
            ),
        ] {
            assert_eq!(made(&[object(annotations)]).expect_err("is refused"), [expected]);
        }
    }

    #[test]
    fn the_last_of_two_counts() {
        let service = |port: i64| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": port}});
        let goal = made(&[service(1), service(2)]).expect("can be carried out");
        assert_eq!(goal.repeated, ["Resource Service shop/a appeared more than once among application resources."]);
        assert_eq!(goal.objects.values().next().expect("there is one").body["spec"]["port"], json!(2));
    }

    #[test]
    fn definitions_of_kinds_are_not_tracked() {
        let desired = one(
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b"}}),
        );
        assert_eq!(desired.body["metadata"], json!({"name": "a.b"}));
    }
}
