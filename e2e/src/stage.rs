//! One test's place on a cluster: a namespace of its own, a client, and the few requests that tests make by hand.
//!
//! The namespace is removed when the stage is dropped, without waiting for it.

use crate::{Cluster, installed, running::program, wait::Look, wait_until};
use anyhow::Context;
use http::{Method, Request, header};
use kube::{Client, Config, config::KubeConfigOptions};
use serde_json::{Value, json};
use std::{
    fmt,
    future::Future,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// How many stages this process has set: two of the same second have different names.
static STAGES: AtomicU32 = AtomicU32::new(0);

/// A namespace on a cluster, with an administrator's client.
pub struct Stage {
    /// The cluster.
    pub cluster: Cluster,
    /// The namespace.
    pub namespace: String,
    /// Files of this test.
    pub folder: TempDir,
    client: Client,
}

/// A client with these credentials, without built-in retries.
pub async fn client(kubeconfig: &str) -> anyhow::Result<Client> {
    // Whoever installs the provider first wins; all install the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = kube::config::Kubeconfig::from_yaml(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(controller::client(config)?)
}

impl Stage {
    /// A new namespace whose name begins with `name`.
    pub async fn set(cluster: Cluster, name: &str) -> anyhow::Result<Self> {
        let kubeconfig = std::fs::read_to_string(&cluster.kubeconfig)?;
        let client = client(&kubeconfig).await?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs() % 1_000_000);
        let namespace = format!("{name}-{since}-{}", STAGES.fetch_add(1, Ordering::Relaxed));
        let stage = Self { cluster, namespace, folder: tempfile::tempdir()?, client };
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace}});
        stage.send(Method::POST, "/api/v1/namespaces", &body).await?;
        Ok(stage)
    }

    /// The administrator's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A kubeconfig of one of the product's accounts.
    pub fn account(&self, name: &str) -> anyhow::Result<String> {
        installed::kubeconfig(&self.cluster, name)
    }

    /// Creates or changes the objects of a YAML text.
    pub fn apply(&self, yaml: &str) -> anyhow::Result<()> {
        let mut apply = self.cluster.kubectl();
        apply.args(["apply", "-n", &self.namespace, "-f", "-"]);
        installed::output(&mut apply, yaml).map(drop)
    }

    /// Creates objects; what is there already gets their fields.
    pub async fn put(&self, items: &[Value]) -> anyhow::Result<()> {
        for item in items {
            let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let kind = text("/kind").to_lowercase();
            let resource = format!("{kind}{}", if kind.ends_with('s') { "es" } else { "s" });
            let version = text("/apiVersion");
            let root = if version.contains('/') { "apis" } else { "api" };
            let all = format!("/{root}/{version}/namespaces/{}/{resource}", self.namespace);
            match self.send(Method::POST, &all, item).await {
                Err(error) if is_there(&error) => {
                    self.send(Method::PATCH, &format!("{all}/{}", text("/metadata/name")), item).await?
                }
                created => created?,
            };
        }
        Ok(())
    }

    /// What kubectl prints in this namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = self.cluster.kubectl();
        kubectl.args(["-n", &self.namespace]).args(arguments);
        installed::output(&mut kubectl, "")
    }

    /// What our own plugin prints in this namespace.
    pub fn plugin(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut plugin = Command::new(program("kubectl-leadline")?);
        plugin.arg("--kubeconfig").arg(&self.cluster.kubeconfig).args(["-n", &self.namespace]).args(arguments);
        installed::output(&mut plugin, "")
    }

    /// Lets an account do more in this namespace. `rules` are those of a Role, as one line of YAML.
    pub fn grant(&self, account: &str, rules: &str) -> anyhow::Result<()> {
        self.apply(&format!(
            "{{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {{name: {account}}}, rules: {rules}}}\n---\n\
             {{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: {account}}}, roleRef: \
             {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {account}}}, subjects: [{{kind: ServiceAccount, \
             name: {account}, namespace: {}}}]}}",
            installed::NAMESPACE
        ))
    }

    /// What the Events with this reason say, oldest first.
    pub async fn events(&self, reason: &str) -> anyhow::Result<Vec<String>> {
        let events = self.get("events").await?;
        let items = events["items"].as_array().into_iter().flatten().filter(|event| event["reason"] == reason);
        Ok(items.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// The path of an object: `rollouts/shop`, `services/shop`, `virtualservices/shop`.
    pub fn path(&self, object: &str) -> String {
        let group = match object.split(['/', '?']).next().unwrap_or_default() {
            "rollouts" | "analysisruns" | "analysistemplates" | "applications" => "apis/argoproj.io/v1alpha1",
            "virtualservices" | "destinationrules" => "apis/networking.istio.io/v1",
            "replicasets" | "deployments" => "apis/apps/v1",
            "endpointslices" => "apis/discovery.k8s.io/v1",
            "leases" => "apis/coordination.k8s.io/v1",
            "ingresses" => "apis/networking.k8s.io/v1",
            "httproutes" | "grpcroutes" => "apis/gateway.networking.k8s.io/v1",
            "trafficsplits" => "apis/split.smi-spec.io/v1alpha1",
            "traefikservices" => "apis/traefik.io/v1alpha1",
            "apisixroutes" => "apis/apisix.apache.org/v2",
            "mappings" => "apis/getambassador.io/v2",
            "virtualrouters" | "virtualnodes" => "apis/appmesh.k8s.aws/v1beta2",
            "tcproutes" | "tlsroutes" => "apis/gateway.networking.k8s.io/v1alpha2",
            _ => "api/v1",
        };
        format!("/{group}/namespaces/{}/{object}", self.namespace)
    }

    /// An object, or a list of them.
    pub async fn get(&self, object: &str) -> anyhow::Result<Value> {
        let request = Request::get(self.path(object)).body(Vec::new())?;
        self.client.request(request).await.with_context(|| format!("GET {object}"))
    }

    /// Merges a patch into an object, or into its subresource.
    pub async fn patch(&self, object: &str, patch: &Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, &self.path(object), patch).await
    }

    /// Creates an object of `rollouts`, `services` or the like.
    pub async fn create(&self, resource: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, &self.path(resource), body).await
    }

    /// Removes an object.
    pub async fn delete(&self, object: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &self.path(object), &json!({})).await.map(drop)
    }

    /// Waits until an object is as `seen` wants it; what `seen` returns otherwise is shown when it never is.
    pub async fn until<T>(&self, object: &str, limit: Duration, seen: impl Fn(&Value) -> Look<T>) -> anyhow::Result<T> {
        wait_until(object, limit, || async { seen(&self.get(object).await.map_err(|error| format!("{error:#}"))?) })
            .await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let what = format!("{method} {path}");
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        let request = request.body(serde_json::to_vec(body)?)?;
        self.client.request(request).await.context(what)
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stage").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A namespace that stays does no harm: the cluster goes away after the tests.
        let mut delete = self.cluster.kubectl();
        delete.args(["delete", "namespace", &self.namespace, "--wait=false"]);
        let _ = delete.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}

fn is_there(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(kube::Error::Api(status)) if status.code == 409)
}

/// Runs a test on a runtime of its own.
pub fn play(test: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(test)
}
