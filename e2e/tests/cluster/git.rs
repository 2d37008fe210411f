//! What comes from Git and is bad: no server, no entrance, no YAML, no valid object. The Application says which, with file and
//! line or the resource; what runs keeps running, nothing is pruned; and all is well again when Git is. Kustomize on the way.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage, application,
    canary::{Recipe, image},
    running::Controller,
    source::Source,
    stage,
    wire::Wire,
};
use serde_json::{Value, json};

/// A ConfigMap as a manifest.
fn settings(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: '{value}'\n")
}

/// The ConfigMaps of Git that are there, each with its value.
async fn there(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let list = stage.get("configmaps").await?;
    let items = list["items"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = items.filter(|item| item["data"]["value"].is_string());
    Ok(ours.map(|item| format!("{} {}", text(&item["metadata"]["name"]), text(&item["data"]["value"]))).collect())
}

async fn ensure_there(stage: &Stage, wanted: &[&str], controller: &Controller) -> anyhow::Result<()> {
    let seen = there(stage).await?;
    ensure!(seen == wanted, "{seen:?} instead of {wanted:?}\n{}", controller.log());
    Ok(())
}

async fn bad_manifests() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::light()?, "git").await?;
    let source = Source::create(&stage)?;
    let first = source.push(&[("app/a.yaml", Some(&settings("a", "1"))), ("app/b.yaml", Some(&settings("b", "1")))])?;
    let controller = application::controller(&stage)?;
    let mut application = application::automated(&stage, &source.url(), "app");
    application["spec"]["syncPolicy"]["retry"] = json!({"limit": 1, "backoff": {"duration": "1s"}});
    stage.put(&[application]).await?;
    stage.until_synced(&first, &controller).await?;
    ensure_there(&stage, &["a 1", "b 1"], &controller).await?;

    // The same commit removes b and changes a: neither is done while another file cannot be read.
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  labels: {\n";
    let files = [("app/a.yaml", Some(&*settings("a", "2"))), ("app/b.yaml", None), ("app/c.yaml", Some(broken))];
    source.push(&files)?;
    let seen = stage.until_told("ComparisonError", &["app/c.yaml:"], &controller).await?;
    ensure!(seen["status"]["sync"]["status"] == "Unknown", "{}", application::summary(&seen));
    ensure_there(&stage, &["a 1", "b 1"], &controller).await?;

    // Now it can be read, and the API server refuses it: told at once with the sync, and as a condition when that is given up.
    let refused = "apiVersion: v1\nkind: Service\nmetadata:\n  name: c\nspec:\n  ports: [{port: 123456}]\n";
    source.push(&[("app/c.yaml", Some(refused))])?;
    let seen = stage.until_told("SyncError", &["Service", "c", "123456"], &controller).await?;
    ensure!(seen["status"]["operationState"]["phase"] == "Failed", "{}", application::summary(&seen));
    let seen = there(&stage).await?;
    ensure!(seen.contains(&"b 1".to_owned()), "nothing is pruned: {seen:?}\n{}", controller.log());

    let commit = source.push(&[("app/c.yaml", Some(&settings("c", "1")))])?;
    stage.until_synced(&commit, &controller).await?;
    ensure_there(&stage, &["a 2", "c 1"], &controller).await
}

async fn no_server() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::light()?, "git").await?;
    let source = Source::create(&stage)?;
    let mut wire = Wire::to(&stage.cluster.git).await?;
    let first = source.push(&[("app/a.yaml", Some(&settings("a", "1")))])?;
    let controller = application::controller(&stage)?;
    stage.put(&[application::automated(&stage, &wire.url(&source.url()), "app")]).await?;
    stage.until_synced(&first, &controller).await?;

    wire.cut().await;
    let commit = source.push(&[("app/a.yaml", Some(&settings("a", "2")))])?;
    let seen = stage.until_told("ComparisonError", &["onnect"], &controller).await?;
    ensure!(seen["status"]["sync"]["status"] == "Unknown", "{}", application::summary(&seen));
    ensure_there(&stage, &["a 1"], &controller).await?;

    wire.mend().await?;
    stage.until_synced(&commit, &controller).await?;
    ensure_there(&stage, &["a 2"], &controller).await
}

/// The Secret of a repository, in the form that people have for Argo CD.
fn secret(source: &Source, user: &str, password: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "repository", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "stringData": {"url": source.protected(), "username": user, "password": password},
    })
}

async fn no_entrance() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::light()?, "git").await?;
    let source = Source::create(&stage)?;
    let first = source.push(&[("app/a.yaml", Some(&settings("a", "1")))])?;
    let controller = application::controller(&stage)?;
    let (user, password) = (stage.cluster.git_user.clone(), stage.cluster.git_password.clone());
    stage.put(&[secret(&source, &user, &password)]).await?;
    stage.put(&[application::automated(&stage, &source.protected(), "app")]).await?;
    stage.until_synced(&first, &controller).await?;

    stage.put(&[secret(&source, &user, "a-wrong-guess")]).await?;
    let commit = source.push(&[("app/a.yaml", Some(&settings("a", "2")))])?;
    let seen = stage.until_told("ComparisonError", &["redentials"], &controller).await?;
    ensure!(!seen["status"].to_string().contains("a-wrong-guess"), "the password is told");
    ensure!(!controller.log().contains("a-wrong-guess"), "the password is logged");
    ensure_there(&stage, &["a 1"], &controller).await?;

    stage.put(&[secret(&source, &user, &password)]).await?;
    stage.until_synced(&commit, &controller).await?;
    ensure_there(&stage, &["a 2"], &controller).await
}

/// An overlay that sets the image of the canary below it.
fn overlay(version: &str) -> String {
    format!(
        "resources: [../../base, settings.yaml]\nimages: [{{name: leadline/app, newTag: {version}}}]\n\
         labels: [{{pairs: {{team: web}}}}]\n"
    )
}

async fn kustomize() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::light()?, "git").await?;
    let source = Source::create(&stage)?;
    let steps = json!([{"setWeight": 50}, {"pause": {"duration": "1s"}}]);
    let first = source.push(&[
        ("base/kustomization.yaml", Some("resources: [all.yaml]\n")),
        ("base/all.yaml", Some(&Recipe::steps(steps).objects(&stage.cluster))),
        ("overlays/test/kustomization.yaml", Some(&overlay("v1"))),
        ("overlays/test/settings.yaml", Some(&settings("a", "1"))),
    ])?;
    let controller = application::controller(&stage)?;
    stage.put(&[application::automated(&stage, &source.url(), "overlays/test")]).await?;
    let seen = stage.until_synced(&first, &controller).await?;
    ensure!(seen["status"]["sourceType"] == "Kustomize", "{}", seen["status"]["sourceType"]);
    stage.until_done().await.with_context(|| controller.log())?;

    let commit = source.push(&[("overlays/test/kustomization.yaml", Some(&overlay("v2")))])?;
    stage.until_synced(&commit, &controller).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let rollout = stage.get("rollouts/shop").await?;
    let running = &rollout["spec"]["template"]["spec"]["containers"][0]["image"];
    ensure!(*running == image(&stage.cluster, "v2") && rollout["metadata"]["labels"]["team"] == "web", "{rollout:#}");

    let broken = "resources: [../../base, absent.yaml]\n";
    source.push(&[("overlays/test/kustomization.yaml", Some(broken))])?;
    let says = ["kustomize build overlays/test", "absent.yaml"];
    stage.until_told("ComparisonError", &says, &controller).await?;
    ensure_there(&stage, &["a 1"], &controller).await?;
    let commit = source.push(&[("overlays/test/kustomization.yaml", Some(&overlay("v2")))])?;
    stage.until_synced(&commit, &controller).await.map(drop)
}

#[test]
fn a_bad_manifest_is_told_and_nothing_is_pruned() -> anyhow::Result<()> {
    stage::play(bad_manifests())
}

#[test]
fn a_git_server_that_is_down_stops_nothing() -> anyhow::Result<()> {
    stage::play(no_server())
}

#[test]
fn wrong_credentials_are_told_and_never_shown() -> anyhow::Result<()> {
    stage::play(no_entrance())
}

#[test]
fn a_kustomization_is_synced_and_its_errors_are_told() -> anyhow::Result<()> {
    stage::play(kustomize())
}
