//! What a Rollout refers to and is not there: the condition says which field leads nowhere, nothing moves until it returns,
//! then the canary goes on. Once before the first version came, once while a canary has half of the traffic.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{self, LIMIT, Recipe, analysis, condition, summary},
    chronicle::{Change, Chronicle},
    installed,
    metrics::{Metrics, Reply},
    running::Controller,
    stage,
};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One thing that can be missing, and what is said of it.
struct Missing {
    object: &'static str,
    /// It is there, but lacks the route that the Rollout names.
    lacks_route: bool,
    says: &'static str,
}

const MISSING: [Missing; 4] = [
    Missing {
        object: "virtualservices/shop",
        lacks_route: false,
        says: "spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: \"shop\": \
               virtualservices.networking.istio.io \"shop\" not found",
    },
    Missing {
        object: "virtualservices/shop",
        lacks_route: true,
        says: "spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: \"shop\": \
               Istio VirtualService has invalid HTTP routes. Error: HTTP Route 'primary' is not found in the defined Virtual \
               Service.",
    },
    Missing {
        object: "services/shop-canary",
        lacks_route: false,
        says: "spec.strategy.canary.canaryService: Invalid value: \"shop-canary\": service \"shop-canary\" not found",
    },
    Missing {
        object: "analysistemplates/quality",
        lacks_route: false,
        says: "spec.strategy.canary.steps[2].analysis.templates: Invalid value: \"quality\": \
               AnalysisTemplate 'quality' not found",
    },
];

impl Missing {
    fn is(&self, item: &Value) -> bool {
        let kind = item["kind"].as_str().unwrap_or_default().to_lowercase();
        self.object == format!("{kind}s/{}", item["metadata"]["name"].as_str().unwrap_or_default())
    }

    /// The object without what is missing of it, if anything is left.
    fn rest(&self, item: &Value) -> Option<Value> {
        self.lacks_route.then(|| {
            let mut item = item.clone();
            item["spec"]["http"][0]["name"] = "renamed".into();
            item
        })
    }

    async fn take_away(&self, stage: &Stage) -> anyhow::Result<()> {
        if !self.lacks_route {
            return stage.delete(self.object).await;
        }
        let mut http = stage.get(self.object).await?["spec"]["http"].clone();
        http[0]["name"] = "renamed".into();
        stage.patch(self.object, &json!({"spec": {"http": http}})).await.map(drop)
    }

    async fn until_said(&self, stage: &Stage) -> anyhow::Result<Value> {
        stage
            .until("rollouts/shop", LIMIT, |rollout| match condition(rollout, "InvalidSpec") {
                Some(said) if said.contains(self.says) => Ok(rollout.clone()),
                said => Err(format!("InvalidSpec {said:?}, {}", summary(rollout))),
            })
            .await
    }
}

/// A stage, its controller, and all objects of a canary whose last step asks this server.
async fn prepare(metrics: &Metrics) -> anyhow::Result<(Stage, Controller, Vec<Value>)> {
    let stage = Stage::set(Cluster::real()?, "missing").await?;
    let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
    let steps = json!([{"setWeight": 50}, {"pause": {}}, {"analysis": {"templates": [{"templateName": "quality"}]}}]);
    let mut items = Recipe::steps(steps).items(&stage.cluster);
    items.push(analysis("quality", &metrics.url(), &json!({})));
    Ok((stage, controller, items))
}

async fn before_the_first_version(missing: &Missing) -> anyhow::Result<()> {
    let metrics = Metrics::serve(&[Reply::Value("1")]).await?;
    let (stage, controller, items) = prepare(&metrics).await?;
    let (item, mut there): (Vec<Value>, Vec<Value>) = items.into_iter().partition(|item| missing.is(item));
    there.extend(item.iter().filter_map(|item| missing.rest(item)));
    stage.put(&there).await?;
    missing.until_said(&stage).await.with_context(|| controller.log())?;
    let sets = stage.get("replicasets").await?;
    ensure!(sets["items"] == json!([]), "nothing moves, but there is {sets}");
    stage.put(&item).await?;
    stage.until_done().await.with_context(|| controller.log())
}

async fn in_the_middle(missing: &Missing) -> anyhow::Result<()> {
    let metrics = Metrics::serve(&[Reply::Value("1")]).await?;
    let (stage, controller, items) = prepare(&metrics).await?;
    stage.put(&items).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| controller.log())?;
    stage.until_weights(50, 50).await?;
    missing.take_away(&stage).await?;
    missing.until_said(&stage).await.with_context(|| controller.log())?;
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
    let from = chronicle.revision();
    // Somebody wants it to go on, and the controller has seen that.
    stage.plugin(&["promote", canary::NAME])?;
    let poked = stage.patch("rollouts/shop", &json!({"spec": {"progressDeadlineSeconds": 61}})).await?;
    let generation = poked["metadata"]["generation"].to_string();
    let seen = |rollout: &Value| match rollout["status"]["observedGeneration"].as_str() {
        Some(seen) if seen == generation => Ok(()),
        seen => Err(format!("{seen:?} instead of {generation}")),
    };
    stage.until("rollouts/shop", LIMIT, seen).await.with_context(|| controller.log())?;
    let rollout = missing.until_said(&stage).await?;
    ensure!(rollout["status"]["currentStepIndex"] == 1, "{}", summary(&rollout));
    let moved = moves(&chronicle.changes().await?, from);
    ensure!(moved.is_empty(), "{moved:?}\n{}", controller.log());
    let item: Vec<Value> = items.into_iter().filter(|item| missing.is(item)).collect();
    stage.put(&item).await?;
    stage.until_done().await.with_context(|| controller.log())?;
    stage.until_weights(0, 100).await.with_context(|| controller.log())
}

/// What decides about traffic and pods, and changed.
fn moves(changes: &[Change], from: u64) -> Vec<String> {
    let mut before = BTreeMap::new();
    let mut moves = Vec::new();
    for change in changes {
        let object = change.object.as_ref();
        let now = match change.name.0.as_str() {
            "virtualservices" => object.map(|object| object["spec"].clone()),
            "services" => object.map(|object| object["spec"]["selector"].clone()),
            "replicasets" => object.map(|object| object["spec"]["replicas"].clone()),
            _ => continue,
        };
        let former = before.insert(&change.name, now.clone());
        if change.revision > from && former.as_ref() != Some(&now) {
            moves.push(format!("{:?} from {former:?} to {now:?}", change.name));
        }
    }
    moves
}

#[test]
fn nothing_begins_until_everything_is_there() -> anyhow::Result<()> {
    stage::play(async {
        let all = MISSING.iter().map(async |missing| before_the_first_version(missing).await.context(missing.says));
        try_join_all(all).await.map(drop)
    })
}

#[test]
fn a_canary_stands_still_while_something_is_missing() -> anyhow::Result<()> {
    stage::play(async {
        let all = MISSING.iter().map(async |missing| in_the_middle(missing).await.context(missing.says));
        try_join_all(all).await.map(drop)
    })
}
