//! What people see of a canary: the definitions as `kubectl explain` tells them, the columns of `kubectl get`, our own plugin.
//!
//! Each is compared with the text beside it, in `output/`; `UPDATE=1` writes them anew. Ages, the namespace and the random ends
//! of pods' names are replaced, and columns stand two spaces apart, since their width follows from those.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, analysis},
    installed,
    metrics::{Metrics, Reply},
    repository,
    running::Controller,
    stage,
};
use serde_json::{Value, json};
use std::{env, fs};

/// `12s`, `3m4s`, `2h`.
fn is_age(word: &str) -> bool {
    let is_unit = |letter: char| ['s', 'm', 'h', 'd'].contains(&letter);
    word.ends_with(is_unit)
        && word.starts_with(|letter: char| letter.is_ascii_digit())
        && word.chars().all(|letter| letter.is_ascii_digit() || is_unit(letter))
}

/// The text without what differs from run to run.
fn plain(text: &str, stage: &Stage) -> String {
    let word = |word: &str| match word.rsplit_once('-') {
        _ if is_age(word) => "AGE".to_owned(),
        Some((set, end)) if end.len() == 5 && set.starts_with("shop-") => format!("{set}-xxxxx"),
        _ => word.replace(&stage.namespace, "NAMESPACE"),
    };
    let line = |line: &str| {
        let indent: String = line.chars().take_while(|letter| *letter == ' ').collect();
        let columns = line.trim().split("  ").map(str::trim).filter(|column| !column.is_empty());
        let columns: Vec<String> =
            columns.map(|column| column.split(' ').map(word).collect::<Vec<_>>().join(" ")).collect();
        format!("{indent}{}\n", columns.join("  "))
    };
    text.lines().map(line).collect()
}

/// The text without times of the day: `(12:34:56 UTC)` stands after each age.
fn clockless(text: &str) -> String {
    let mut pieces = text.split(" (");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| match piece.split_once(" UTC)") {
        Some((time, rest)) if time.len() == 8 => format!("{text} (TIME){rest}"),
        _ => format!("{text} ({piece}"),
    })
}

/// Compares a text with the one that is kept, or keeps it.
fn compare(name: &str, seen: &str) -> anyhow::Result<()> {
    let path = repository().join("e2e/tests/cluster/output").join(name);
    if env::var("UPDATE").is_ok() {
        return Ok(fs::write(path, seen)?);
    }
    let kept = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    ensure!(kept == seen, "{name} reads differently (UPDATE=1 keeps it)\n--- kept\n{kept}--- seen\n{seen}");
    Ok(())
}

/// A canary at 30 %, judged beside its steps, that waits for a person.
async fn paused(prometheus: &str) -> anyhow::Result<(Stage, Controller)> {
    let stage = Stage::set(Cluster::light()?, "output").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let strategy = json!({"analysis": {"startingStep": 1, "templates": [{"templateName": "quality"}]}});
    let steps = json!([{"setWeight": 30}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "1m"}}]);
    let mut items = Recipe { strategy, ..Recipe::steps(steps) }.items(&stage.cluster);
    // One measurement, and the next one long after the test.
    items.push(analysis("quality", prometheus, &json!({"interval": "1h"})));
    stage.put(&items).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    let is_measured = |runs: &Value| match &runs["items"][0]["status"]["metricResults"][0]["successful"] {
        count if *count == 1 => Ok(()),
        count => Err(count.to_string()),
    };
    stage.until("analysisruns", LIMIT, is_measured).await.with_context(|| controller.log())?;
    Ok((stage, controller))
}

async fn seen_by_people() -> anyhow::Result<()> {
    let metrics = Metrics::serve(&[Reply::Value("1")]).await?;
    let (stage, _controller) = paused(&metrics.url()).await?;
    compare("explain.txt", &stage.kubectl(&["explain", "rollout.spec.strategy.canary.steps"])?)?;
    for (name, arguments) in [
        ("get.txt", &["get", "rollouts"][..]),
        ("get-wide.txt", &["get", "rollout,analysisrun,analysistemplate", "-o", "wide"]),
    ] {
        compare(name, &plain(&stage.kubectl(arguments)?, &stage))?;
    }
    compare("plugin-get.txt", &plain(&stage.plugin(&["get", "rollout", "shop"])?, &stage))?;
    compare("plugin-list.txt", &plain(&stage.plugin(&["list", "rollouts"])?, &stage))?;
    compare("plugin-explain.txt", &clockless(&plain(&stage.plugin(&["explain", "rollout/shop"])?, &stage)))?;
    Ok(())
}

#[test]
fn people_see_a_canary_as_it_is() -> anyhow::Result<()> {
    stage::play(seen_by_people())
}
