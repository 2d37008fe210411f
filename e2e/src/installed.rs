//! The product's definitions and permissions on a cluster, from its chart, and credentials of the account that it gives.
//!
//! The chart is rendered and applied without its Deployment: tests run the controller as a child process.

use crate::{Cluster, repository};
use anyhow::{Context, ensure};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread::scope,
};

/// Where the chart is installed.
pub const NAMESPACE: &str = "leadline";
/// Two releases, each with the account of its name, and their values: one that looks after Rollouts, with the permissions
/// that the chart gives, and one that also syncs whatever is in Git.
const RELEASES: [(&str, &[&str]); 2] =
    [(ROLLOUTS, &[]), (APPLICATIONS, &["applications.enabled=true", "applications.clusterRole=manifests-of-tests"])];
/// What the Applications of tests may apply.
const MANIFESTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: manifests-of-tests}
rules:
- {apiGroups: [''], resources: [services, configmaps, namespaces], verbs: ['*']}
- {apiGroups: [apps], resources: [deployments], verbs: ['*']}
- {apiGroups: [argoproj.io], resources: [rollouts, analysistemplates], verbs: ['*']}
- {apiGroups: [networking.istio.io], resources: [virtualservices, destinationrules], verbs: ['*']}
";
/// The account for Rollouts alone.
pub const ROLLOUTS: &str = "leadline";
/// The account for Applications too.
pub const APPLICATIONS: &str = "leadline-git";

/// Applies definitions and permissions. May be repeated.
pub fn install(cluster: &Cluster) -> anyhow::Result<()> {
    let chart = repository().join("charts/leadline");
    let mut definitions = cluster.kubectl();
    definitions.args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(chart.join("crds"));
    output(&mut definitions, "")?;
    let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}");
    let apply = || -> Command {
        let mut apply = cluster.kubectl();
        apply.args(["apply", "--server-side", "--force-conflicts", "-f", "-"]);
        apply
    };
    output(&mut apply(), &namespace)?;
    output(&mut apply(), MANIFESTS)?;
    for (release, values) in RELEASES {
        let mut render = cluster.helm();
        render.args(["template", release, "--namespace", NAMESPACE]).arg(&chart);
        values.iter().for_each(|value| _ = render.args(["--set", value]));
        let rendered = output(&mut render, "")?;
        let documents: Vec<&str> = rendered.split("\n---").filter(|document| is_permission(document)).collect();
        ensure!(!documents.is_empty(), "the chart has no permissions");
        output(&mut apply(), &documents.join("\n---"))?;
    }
    let mut established = cluster.kubectl();
    established.args(["wait", "--for=condition=Established", "--timeout=30s", "crd/rollouts.argoproj.io"]);
    output(&mut established, "").map(drop)
}

/// A kubeconfig of one of the product's accounts. Made once in this process.
pub fn kubeconfig(cluster: &Cluster, account: &str) -> anyhow::Result<String> {
    static MADE: Mutex<BTreeMap<(PathBuf, String), String>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (cluster.state.clone(), account.to_owned());
    if let Some(text) = made.get(&key) {
        return Ok(text.clone());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("kubeconfig");
    let mut run = cluster.run("kubeconfig");
    run.args(["--service-account", &format!("{NAMESPACE}/{account}"), "--out"]).arg(&path);
    output(&mut run, "")?;
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    made.insert(key, text.clone());
    Ok(text)
}

/// Runs a command with this input, and returns what it printed; an error shows what it complained of.
pub fn output(command: &mut Command, input: &str) -> anyhow::Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let ended = scope(|threads| {
        // A program that ends early does not read everything, and says why itself.
        threads.spawn(move || stdin.write_all(input.as_bytes()).ok());
        child.wait_with_output()
    })?;
    let complaint = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{command:?}: {complaint}");
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

fn is_permission(document: &str) -> bool {
    let kinds = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    document.lines().any(|line| line.strip_prefix("kind: ").is_some_and(|kind| kinds.contains(&kind.trim())))
}
