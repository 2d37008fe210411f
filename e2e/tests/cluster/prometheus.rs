//! A Prometheus that is down, slow, broken or talks nonsense: each is measured as an error, within the limits of the template,
//! never waited for longer than its timeout, and never counted as a success.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, analysis, summary},
    installed,
    metrics::{Metrics, Reply},
    running::Controller,
    stage,
};
use futures::future::try_join_all;
use serde_json::{Value, json};

/// A canary at 50 % that asks `address` three times, and may fail to get an answer once.
async fn judged(address: &str) -> anyhow::Result<(Stage, Controller)> {
    let stage = Stage::set(Cluster::light()?, "metrics").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let steps = json!([{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "quality"}]}}]);
    let limits = json!({"interval": "1s", "count": 3, "consecutiveErrorLimit": 1, "failureLimit": 0});
    let mut items = Recipe::steps(steps).items(&stage.cluster);
    items.push(analysis("quality", address, &limits));
    stage.put(&items).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    stage.update("v2").await?;
    Ok((stage, controller))
}

/// Phases and messages of the one metric's measurements.
fn measurements(run: &Value) -> Vec<(String, String)> {
    let all = run.pointer("/status/metricResults/0/measurements").and_then(Value::as_array).into_iter().flatten();
    let text = |measurement: &Value, field: &str| measurement[field].as_str().unwrap_or_default().to_owned();
    all.map(|measurement| (text(measurement, "phase"), text(measurement, "message"))).collect()
}

/// The canary is taken back, because measurements were errors that say this.
async fn ends_in_error(address: &str, says: &str) -> anyhow::Result<()> {
    let (stage, controller) = judged(address).await?;
    let aborted = stage.until_phase("Degraded", "RolloutAborted").await.with_context(|| controller.log())?;
    let message = aborted["status"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("assessed Error due to consecutiveErrors (2) > consecutiveErrorLimit (1)"), "{message}");
    stage.until_weights(0, 100).await?;
    let runs = stage.get("analysisruns").await?;
    let run = &runs["items"][0];
    ensure!(run["status"]["phase"] == "Error", "{run:#}");
    let measured = measurements(run);
    let are_errors =
        measured.len() == 2 && measured.iter().all(|(phase, said)| phase == "Error" && said.contains(says));
    ensure!(are_errors, "{measured:?} instead of two errors with {says:?}");
    Ok(())
}

/// One answer that is missing is forgiven, as the template says, and counted.
async fn goes_on_after_one_error() -> anyhow::Result<()> {
    let metrics = Metrics::serve(&[Reply::Text(500, "out of order"), Reply::Value("1")]).await?;
    let (stage, controller) = judged(&metrics.url()).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    let runs = stage.get("analysisruns").await?;
    let result = &runs["items"][0]["status"]["metricResults"][0];
    let counts = (&result["phase"], &result["successful"], &result["error"], &result["consecutiveError"]);
    ensure!(counts == (&json!("Successful"), &json!(3), &json!(1), &json!(0)), "{result:#}");
    Ok(())
}

/// While the server keeps us waiting, the canary stays where it is.
async fn waits_no_longer_than_the_timeout() -> anyhow::Result<()> {
    let metrics = Metrics::serve(&[Reply::Never]).await?;
    let (stage, controller) = judged(&metrics.url()).await?;
    stage.until_weights(50, 50).await.with_context(|| controller.log())?;
    let message = |rollout: &Value| match rollout["status"]["phase"].as_str() {
        Some("Degraded") => Ok(()),
        _ => Err(summary(rollout)),
    };
    stage.until("rollouts/shop", LIMIT, message).await.with_context(|| controller.log())
}

#[test]
fn an_answer_that_is_no_answer_is_an_error() -> anyhow::Result<()> {
    stage::play(async {
        let replies = [
            (Reply::Text(500, "out of order"), "500"),
            (Reply::Text(503, r#"{"status": "error", "errorType": "unavailable", "error": "starting"}"#), "starting"),
            (Reply::Text(200, "<html>sign in, please</html>"), "bad_response"),
            (
                Reply::Text(200, r#"{"status": "success", "data": {"resultType": "vector", "result": []}}"#),
                "no data returned",
            ),
            (Reply::Never, "within 1 s"),
        ];
        let all = replies.into_iter().map(async |(reply, says)| -> anyhow::Result<()> {
            let metrics = Metrics::serve(&[reply]).await?;
            ends_in_error(&metrics.url(), says).await.context(says)
        });
        let down = async { ends_in_error(&Metrics::gone().await?, "onnect").await.context("down") };
        let (all, down) = futures::join!(try_join_all(all), down);
        all?;
        down
    })
}

#[test]
fn one_missing_answer_is_forgiven_and_none_is_waited_for() -> anyhow::Result<()> {
    stage::play(async {
        let (forgiven, waited) = futures::join!(goes_on_after_one_error(), waits_no_longer_than_the_timeout());
        forgiven?;
        waited
    })
}
