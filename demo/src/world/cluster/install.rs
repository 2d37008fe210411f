//! Puts the chart's definitions and rights into the cluster, and takes out what a story made.
//!
//! The chart is rendered as a user would render it, with Applications switched on; its Deployment stays out, because the
//! controller runs as a process of this machine. What an Application may apply is a role with exactly the story's kinds.

use super::Addresses;
use crate::{
    error::DemoError,
    manifests::{APPLICATION, HOME, NAMESPACE},
};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use sim::world::calls::{list, text};
use std::{path::Path, time::Duration};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

/// The chart's ServiceAccount, with its namespace.
pub(super) const SERVICE_ACCOUNT: &str = "leadline/leadline";
/// The role with the kinds of the story's manifests.
const SYNC_ROLE: &str = "leadline-demo-sync";
const FIELD_MANAGER: &str = "leadline-demo";
/// Definitions are served, and namespaces are gone, after this long.
const LIMIT: Duration = Duration::from_secs(90);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Installs everything but the Deployment.
pub(super) async fn install(client: &Client, addresses: &Addresses, chart: &Path) -> Result<(), DemoError> {
    apply(client, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})).await?;
    apply(client, &sync_role()).await?;
    let mut definitions = Vec::new();
    for mut object in rendered(addresses, chart).await? {
        match text(&object, "/kind") {
            "Deployment" | "Service" => {}
            "CustomResourceDefinition" => {
                apply(client, &object).await?;
                definitions.push(text(&object, "/metadata/name").to_owned());
            }
            kind => {
                let is_cluster_wide = kind.starts_with("Cluster");
                let has_namespace = !text(&object, "/metadata/namespace").is_empty();
                let metadata = object.get_mut("metadata").and_then(serde_json::Value::as_object_mut);
                if let Some(metadata) = metadata.filter(|_| !is_cluster_wide && !has_namespace) {
                    metadata.insert("namespace".into(), json!(HOME));
                }
                apply(client, &object).await?;
            }
        }
    }
    for name in definitions {
        wait_until_served(client, &name).await?;
    }
    Ok(())
}

/// Removes what a story made, and waits until it is gone.
pub(super) async fn clear(client: &Client) -> Result<(), DemoError> {
    let application = api(client, "argoproj.io/v1alpha1", "Application", Some(HOME));
    // Its namespace goes next; nothing of it needs to be pruned one by one.
    delete(&application, APPLICATION).await?;
    let namespaces = api(client, "v1", "Namespace", None);
    delete(&namespaces, NAMESPACE).await?;
    let begun = Instant::now();
    while namespaces.get_opt(NAMESPACE).await.map_err(DemoError::cluster("namespaces cannot be read"))?.is_some() {
        if begun.elapsed() > LIMIT {
            let what = format!("the namespace {NAMESPACE} of an earlier story is gone");
            return Err(DemoError::Missed { what, limit: LIMIT, last: "it is still there".into() });
        }
        sleep(BETWEEN_LOOKS).await;
    }
    Ok(())
}

/// The chart's objects, as Helm renders them.
async fn rendered(addresses: &Addresses, chart: &Path) -> Result<Vec<Value>, DemoError> {
    let mut command = Command::new(&addresses.helm);
    command
        .args(["template", "leadline"])
        .arg(chart)
        .args(["--namespace", HOME, "--include-crds", "--set", "applications.enabled=true"])
        .args(["--set", &format!("applications.clusterRole={SYNC_ROLE}")]);
    let output = command.output().await.map_err(DemoError::machine("helm"))?;
    if !output.status.success() {
        return Err(DemoError::Unusable(format!("helm template: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(&text);
    let documents = documents.map_err(|error| DemoError::Unusable(format!("helm template: {error}")))?;
    Ok(documents.into_iter().filter(Value::is_object).collect())
}

fn sync_role() -> Value {
    let all = json!(["get", "list", "watch", "create", "update", "patch", "delete"]);
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": SYNC_ROLE},
        "rules": [
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch"]},
            {"apiGroups": [""], "resources": ["services"], "verbs": all},
            {"apiGroups": ["argoproj.io"], "resources": ["rollouts", "analysistemplates"], "verbs": all},
            {"apiGroups": ["networking.istio.io"], "resources": ["virtualservices"], "verbs": all},
        ],
    })
}

async fn apply(client: &Client, object: &Value) -> Result<(), DemoError> {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let api = api(client, text(object, "/apiVersion"), kind, namespace);
    let applied = api.patch(name, &parameters, &Patch::Apply(object)).await;
    applied.map(|_| ()).map_err(DemoError::cluster(format!("{kind} {name} cannot be applied")))
}

async fn delete(api: &Api<DynamicObject>, name: &str) -> Result<(), DemoError> {
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        // It is on its way already.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        other => other.map(|_| ()).map_err(DemoError::cluster(format!("{name} cannot be deleted"))),
    }
}

async fn wait_until_served(client: &Client, name: &str) -> Result<(), DemoError> {
    let api = api(client, "apiextensions.k8s.io/v1", "CustomResourceDefinition", None);
    let begun = Instant::now();
    loop {
        let found = api.get(name).await.map_err(DemoError::cluster(name.to_owned()))?;
        let is_true =
            |condition: &Value| text(condition, "/type") == "Established" && text(condition, "/status") == "True";
        if list(&found.data, "/status/conditions").iter().any(is_true) {
            return Ok(());
        }
        if begun.elapsed() > LIMIT {
            let what = format!("the definition {name} is served");
            return Err(DemoError::Missed { what, limit: LIMIT, last: found.data.to_string() });
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Objects of a kind. All kinds here have plain plurals.
fn api(client: &Client, api_version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let plural = format!("{}s", kind.to_lowercase());
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}
