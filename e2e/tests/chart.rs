//! A person can install us: the chart is accepted by a real API server, grants what the controller does and nothing more,
//! leaves the definitions when it goes, and every example can be applied.
//!
//! On the light cluster, in namespaces of its own. No controller runs here.
#![allow(clippy::expect_used, clippy::panic, reason = "a test: what cannot be run is a failure")]

use e2e::{Cluster, repository};
use std::process::Command;

/// The namespace of the release, and its name.
const RELEASE: &str = "chart-test";
/// A namespace whose Secrets the values name.
const SECRETS: &str = "chart-test-secrets";

/// What a command printed; a command that fails ends the test with what it complained of.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} can be run: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn chart() -> String {
    repository().join("charts/leadline").display().to_string()
}

/// The definitions as documented for clusters that have some of them already.
fn definitions(cluster: &Cluster) {
    run(cluster.kubectl().args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(format!("{}/crds", chart())));
}

fn namespace(cluster: &Cluster, name: &str) {
    let manifest = run(cluster.kubectl().args(["create", "namespace", name, "--dry-run=client", "-o", "name"]));
    assert_eq!(manifest.trim(), format!("namespace/{name}"));
    let made = cluster.kubectl().args(["create", "namespace", name]).output().expect("kubectl can be run");
    let complaint = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() || complaint.contains("AlreadyExists"), "{complaint}");
}

fn may(cluster: &Cluster, question: &str) -> bool {
    let account = format!("--as=system:serviceaccount:{RELEASE}:{RELEASE}-leadline");
    let output = cluster.kubectl().args(["auth", "can-i"]).args(question.split(' ')).arg(account).output();
    String::from_utf8_lossy(&output.expect("kubectl can be run").stdout).trim() == "yes"
}

#[test]
fn the_chart_grants_what_the_controller_does_and_no_more() {
    let cluster = Cluster::light().expect("the light cluster runs");
    definitions(&cluster);
    namespace(&cluster, SECRETS);
    run(cluster.helm().args(["lint", "--strict"]).arg(chart()));
    let values = format!("replicas=0,secretNamespaces={{{SECRETS}}}");
    run(cluster.helm().args(["upgrade", "--install", RELEASE]).arg(chart()).args([
        "--namespace",
        RELEASE,
        "--create-namespace",
        "--set",
        &values,
    ]));
    for (question, is_allowed) in [
        ("list rollouts.argoproj.io -A", true),
        ("patch rollouts.argoproj.io/status -A", true),
        ("create analysisruns.argoproj.io -A", true),
        ("create replicasets.apps -A", true),
        ("watch endpointslices.discovery.k8s.io -A", true),
        ("patch virtualservices.networking.istio.io -A", true),
        ("patch httproutes.gateway.networking.k8s.io -A", true),
        ("create ingresses.networking.k8s.io -A", true),
        ("delete ingresses.networking.k8s.io -A", false),
        ("create trafficsplits.split.smi-spec.io -A", true),
        ("patch traefikservices.traefik.io -A", true),
        ("delete apisixroutes.apisix.apache.org -A", true),
        ("create mappings.getambassador.io -A", true),
        ("delete mappings.getambassador.io -A", false),
        ("patch virtualrouters.appmesh.k8s.aws -A", true),
        ("patch virtualservices.appmesh.k8s.aws -A", false),
        ("patch services -A", true),
        // Those of Experiments.
        ("create services -A", true),
        ("delete services -A", true),
        ("create experiments.argoproj.io -A", true),
        ("create events -A", true),
        ("get secrets -n chart-test-secrets", true),
        ("update leases.coordination.k8s.io/leadline-controller -n chart-test", true),
        ("list secrets -n chart-test-secrets", false),
        ("list secrets -A", false),
        ("get secrets -n default", false),
        ("get secrets -n chart-test", false),
        ("update leases.coordination.k8s.io/other -n chart-test", false),
        ("create pods -A", false),
        ("delete pods -A", false),
        ("create deployments.apps -A", false),
        ("delete rollouts.argoproj.io -A", false),
        ("update services -A", false),
        ("patch applications.argoproj.io -A", false),
        ("escalate clusterroles.rbac.authorization.k8s.io", false),
        ("* *", false),
    ] {
        assert_eq!(may(&cluster, question), is_allowed, "may the controller {question}?");
    }
    run(cluster.helm().args(["uninstall", RELEASE, "--namespace", RELEASE]));
    assert!(!may(&cluster, "list rollouts.argoproj.io -A"), "the rights go with the release");
    run(cluster.kubectl().args(["get", "crd", "rollouts.argoproj.io", "applications.argoproj.io"]));
}

#[test]
fn misspelt_and_dangerous_values_are_refused() {
    let cluster = Cluster::light().expect("the light cluster runs");
    for values in ["replica=2", "applications.enabled=true,applications.clusterRole=cluster-admin", "logLevel=loud"] {
        let template = cluster.helm().args(["template", RELEASE]).arg(chart()).args(["--set", values]).output();
        assert!(!template.expect("helm can be run").status.success(), "{values}");
    }
}

#[test]
fn every_example_can_be_applied() {
    let cluster = Cluster::light().expect("the light cluster runs");
    definitions(&cluster);
    let folder = repository().join("examples");
    let mut count = 0;
    for entry in folder.read_dir().expect("there are examples") {
        let path = entry.expect("can be read").path();
        if path.extension().is_some_and(|kind| kind == "yaml") {
            // Strict: a field that the definition does not know is an error.
            run(cluster.kubectl().args(["apply", "--dry-run=server", "--validate=strict", "-f"]).arg(&path));
            count += 1;
        }
    }
    assert!(count >= 5, "{count} examples");
}
