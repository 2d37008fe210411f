//! How soon the controller answers a person: from the server's answer to a promote, an abort or a retry to the status that our
//! controller writes for it.
//!
//! Seen from outside: a watch tells of the status, so that its way is in the time too.

use crate::{arguments::Arguments, machine, process::Measured, times};
use anyhow::Context;
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, NAME, Recipe},
    chronicle::Chronicle,
    installed,
    wait::holds,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Of so many commands three fifths are promotions, the others aborts and retries.
const SHARE: usize = 5;

/// What a command leads to: the step, whether the abort is recorded, whether it is paused.
type Standing = (i64, bool, bool);

fn standing(rollout: &Value) -> Standing {
    let status = &rollout["status"];
    let is_paused = status["pauseConditions"].as_array().is_some_and(|list| !list.is_empty());
    (status["currentStepIndex"].as_i64().unwrap_or(0), status["abortedAt"].is_string(), is_paused)
}

/// Prints the times.
pub(crate) async fn measure(cluster: &Cluster, arguments: &Arguments) -> anyhow::Result<()> {
    let stage = Stage::set(cluster.clone(), "bench-answers").await?;
    let kubeconfig = stage.account(installed::ROLLOUTS)?;
    let _controller = Measured::start(stage.folder.path(), &kubeconfig, &stage.namespace)?;
    let (promotions, rounds) = (arguments.commands * 3 / SHARE, arguments.commands / SHARE);
    let pauses: Vec<Value> = (0..=promotions).map(|_| json!({"pause": {}})).collect();
    let recipe = Recipe { replicas: 1, ..Recipe::steps(pauses.into()) };
    stage.apply(&recipe.objects(cluster))?;
    stage.until_done().await?;
    stage.update("v2").await?;
    reached(&stage, (0, false, true)).await?;
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
    let mut asked = Vec::new();
    for step in 1..=i64::try_from(promotions)? {
        asked.push(command(&stage, json!({"pauseConditions": null}), (step, false, true)).await?);
    }
    for _ in 0..rounds {
        asked.push(command(&stage, json!({"abort": true}), (0, true, false)).await?);
        asked.push(command(&stage, json!({"abort": false}), (0, false, true)).await?);
    }
    let times = answered(&chronicle, &asked).await?;
    println!(
        "\na client's promote, abort or retry answered → our status written, {} commands, load {}\n\
         {}   (aim: p99 < 100)",
        times.len(),
        machine::load(),
        times::spread(times),
    );
    Ok(())
}

/// A command that was answered: the revision that it made, when the answer came, and what it is to lead to.
struct Asked {
    revision: u64,
    answered_at: Instant,
    expected: Standing,
}

async fn command(stage: &Stage, status: Value, expected: Standing) -> anyhow::Result<Asked> {
    let object = stage.patch(&format!("rollouts/{NAME}/status"), &json!({ "status": status })).await?;
    let answered_at = Instant::now();
    let revision = object["metadata"]["resourceVersion"].as_str().context("no version")?.parse()?;
    reached(stage, expected).await?;
    Ok(Asked { revision, answered_at, expected })
}

async fn reached(stage: &Stage, expected: Standing) -> anyhow::Result<()> {
    let seen = |rollout: &Value| holds(standing(rollout) == expected, standing(rollout));
    stage.until(&format!("rollouts/{NAME}"), LIMIT, seen).await.map(drop)
}

async fn answered(chronicle: &Chronicle, asked: &[Asked]) -> anyhow::Result<Vec<Duration>> {
    let changes = chronicle.changes().await?;
    let mut times = Vec::new();
    for Asked { revision, answered_at, expected } in asked {
        let later = changes.iter().filter(|change| change.revision > *revision && change.name.0 == "rollouts");
        let mut reached = later.filter(|change| change.object.as_ref().map(standing) == Some(*expected));
        let first = reached.next().context("an answer that nobody was told of")?;
        times.push(first.told_at.saturating_duration_since(*answered_at));
    }
    Ok(times)
}
