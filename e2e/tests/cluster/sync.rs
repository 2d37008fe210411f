//! A Git sync against a moving weight: Git keeps saying 100 to 0, the canary is at 30 %, and the two never fight. What else
//! changes in the same VirtualService arrives, and what others change in it is undone, without a touch of the weight.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage, application,
    canary::{LIMIT, Recipe, image, weights},
    chronicle::{Change, Chronicle},
    source::Source,
    stage,
};
use serde_json::{Value, json};

/// The files of a version; `more` goes into the VirtualService's route.
fn files(stage: &Stage, version: &str, more: &Value) -> Vec<(String, String)> {
    let steps = json!([{"setWeight": 30}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "1s"}}]);
    let recipe = Recipe { version: version.into(), ..Recipe::steps(steps) };
    let mut files = Vec::new();
    for mut item in recipe.items(&stage.cluster) {
        if item["kind"] == "VirtualService"
            && let (Some(route), Some(more)) = (item["spec"]["http"][0].as_object_mut(), more.as_object())
        {
            route.extend(more.clone());
        }
        let name = format!("{}-{}", item["kind"], item["metadata"]["name"]).replace('"', "").to_lowercase();
        files.push((format!("app/{name}.yaml"), item.to_string()));
    }
    files
}

fn push(source: &Source, files: &[(String, String)]) -> anyhow::Result<String> {
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), Some(text.as_str()))).collect();
    source.push(&files)
}

/// Each weight of the canary, in the order in which it was there.
fn moves(changes: &[Change]) -> Vec<i64> {
    let routes = changes.iter().filter(|change| change.name.0 == "virtualservices");
    let mut moves: Vec<i64> = routes.filter_map(|change| Some(weights(change.object.as_ref()?)?.0)).collect();
    moves.dedup();
    moves
}

/// How the Application sees the VirtualService.
fn route_status(application: &Value) -> &Value {
    let mut resources = application["status"]["resources"].as_array().into_iter().flatten();
    resources.find(|resource| resource["kind"] == "VirtualService").map_or(&Value::Null, |resource| &resource["status"])
}

async fn sync_beside_a_canary() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::real()?, "sync").await?;
    let source = Source::create(&stage)?;
    let commit = push(&source, &files(&stage, "v1", &json!({})))?;
    let controller = application::controller(&stage)?;
    stage.put(&[application::automated(&stage, &source.url(), "app")]).await?;
    stage.until_synced(&commit, &controller).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;

    let commit = push(&source, &files(&stage, "v2", &json!({})))?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    stage.until_weights(30, 70).await?;
    let seen = stage.until_synced(&commit, &controller).await?;
    ensure!(route_status(&seen) == "Synced", "{seen:#}");

    // Git changes another field of the route whose weights it has differently.
    let commit = push(&source, &files(&stage, "v2", &json!({"timeout": "7s"})))?;
    let seen = stage.until_synced(&commit, &controller).await?;
    ensure!(route_status(&seen) == "Synced", "{seen:#}");
    let route = stage.get("virtualservices/shop").await?;
    ensure!(route["spec"]["http"][0]["timeout"] == "7s", "{route:#}");
    ensure!(weights(&route) == Some((30, 70)), "{route:#}");

    // Somebody changes a field that Git has.
    stage.patch("virtualservices/shop", &json!({"spec": {"hosts": ["elsewhere"]}})).await?;
    let healed = |route: &Value| match &route["spec"]["hosts"][0] {
        hosts if hosts == "shop" => Ok(()),
        hosts => Err(hosts.to_string()),
    };
    stage.until("virtualservices/shop", LIMIT, healed).await.with_context(|| controller.log())?;
    stage.until_synced(&commit, &controller).await?;

    stage.plugin(&["promote", "shop"])?;
    stage.until_done().await.with_context(|| controller.log())?;
    stage.until_weights(0, 100).await.with_context(|| controller.log())?;
    stage.until_synced(&commit, &controller).await?;
    let moves = moves(&chronicle.changes().await?);
    ensure!(moves == [0, 30, 60, 100, 0], "{moves:?}\n{}", controller.log());
    let rollout = stage.get("rollouts/shop").await?;
    let running = &rollout["spec"]["template"]["spec"]["containers"][0]["image"];
    ensure!(*running == image(&stage.cluster, "v2"), "{running}");
    Ok(())
}

#[test]
fn a_sync_from_git_never_touches_a_moving_weight() -> anyhow::Result<()> {
    stage::play(sync_beside_a_canary())
}
