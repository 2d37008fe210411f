//! Two hundred requests a second through Envoy while one update follows the other, with aborts, retries, promotions, rollbacks and
//! restarts at moments drawn from a seed: no request is lost.
//!
//! Requests are sent on time whether or not earlier ones were answered, nothing sends one again, and anything but 200 within five
//! seconds is lost. `UPDATES=100 SEED=7` plays more of them, or others.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe, Routing, is_done, summary},
    installed,
    running::Controller,
    stage,
    traffic::Traffic,
};
use serde_json::{Value, json};
use sim::world::chance::Chance;
use std::env;

/// Requests in a second: their number is the clock of this test.
const RATE: u32 = 200;
/// Requests of the control run, in which nothing happens.
const CONTROL: u64 = 1000;
/// A person acts after this many requests at most: an update takes about five seconds.
const MOMENTS: u64 = 1000;

/// A first version whose pods, like those of all after it, end at once when they are told to stop.
const AT_ONCE: &str = "v1-nodrain";

/// What happens to an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Nothing: it goes to its end.
    Wait,
    /// The next one comes.
    Next,
    /// The version before it comes back.
    Back,
    /// It is taken back.
    Abort,
    /// It is taken back, and tried again.
    Retry,
    /// It goes to its end at once.
    Promote,
    /// The pods are replaced.
    Restart,
}

const ACTS: [Act; 7] = [Act::Wait, Act::Next, Act::Back, Act::Abort, Act::Retry, Act::Promote, Act::Restart];

fn number(variable: &str, absent: u64) -> anyhow::Result<u64> {
    env::var(variable).map_or(Ok(absent), |text| text.parse().with_context(|| format!("{variable}={text}")))
}

struct Play {
    stage: Stage,
    controller: Controller,
    traffic: Traffic,
    version: String,
    /// What stands behind the version in the tags of images.
    behaviour: &'static str,
}

impl Play {
    async fn begin(recipe: Recipe) -> anyhow::Result<Self> {
        let stage = Stage::set(Cluster::real()?, "load").await?;
        let controller = Controller::on(&stage, "controller", &stage.account(installed::ROLLOUTS)?, &[])?;
        let host = format!("{}.example", stage.namespace);
        stage.put(&Recipe { host: host.clone(), ..recipe.clone() }.items(&stage.cluster)).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        let traffic = Traffic::of(&stage.cluster, &host, RATE)?;
        traffic.until_share("v1", 100).await?;
        traffic.until_sent(CONTROL).await?;
        traffic.check().context("nothing has happened yet")?;
        let behaviour = if recipe.version == AT_ONCE { "-nodrain" } else { "" };
        Ok(Self { stage, controller, traffic, version: "v1".into(), behaviour })
    }

    async fn update(&mut self, version: &str) -> anyhow::Result<()> {
        version.clone_into(&mut self.version);
        self.stage.update(&format!("{version}{}", self.behaviour)).await
    }

    async fn until_taken_back(&self) -> anyhow::Result<()> {
        // One that was over already is not taken back.
        let is_over = |rollout: &Value| match rollout["status"]["phase"].as_str() {
            Some("Degraded") => Ok(()),
            _ => is_done(rollout),
        };
        self.stage.until("rollouts/shop", LIMIT, is_over).await
    }

    async fn play(&mut self, act: Act, number: u64, moment: u64) -> anyhow::Result<()> {
        let before = self.version.clone();
        self.update(&format!("v{number}")).await?;
        self.traffic.until_sent(moment).await?;
        match act {
            Act::Wait => self.stage.until_done().await?,
            Act::Next => {}
            Act::Back => self.update(&before).await?,
            Act::Abort => {
                self.stage.plugin(&["abort", "shop"])?;
                self.until_taken_back().await?;
            }
            Act::Retry => {
                self.stage.plugin(&["abort", "shop"])?;
                self.traffic.until_sent(moment / 2).await?;
                self.stage.plugin(&["retry", "rollout", "shop"])?;
                self.stage.until_done().await?;
            }
            Act::Promote => {
                self.stage.plugin(&["promote", "shop", "--full"])?;
                self.stage.until_done().await?;
            }
            Act::Restart => {
                self.stage.plugin(&["restart", "shop"])?;
                let is_over = |rollout: &Value| match rollout["status"]["restartedAt"] == rollout["spec"]["restartAt"] {
                    true => is_done(rollout),
                    false => Err(summary(rollout)),
                };
                self.stage.until("rollouts/shop", LIMIT, is_over).await?;
            }
        }
        self.traffic.check()
    }

    async fn end(&mut self, version: &str) -> anyhow::Result<()> {
        self.update(version).await?;
        self.stage.until_done().await?;
        self.traffic.until_share(version, 100).await?;
        self.traffic.check()
    }
}

async fn updates_under_load(recipe: Recipe) -> anyhow::Result<()> {
    let (seed, updates) = (number("SEED", 1)?, number("UPDATES", 20)?);
    let routing = recipe.routing;
    let mut play = Play::begin(recipe).await?;
    let chance = Chance::new(seed).named(&format!("{routing:?}"));
    for number in 1..=updates {
        let chance = chance.about(number);
        let act = chance.named("act").pick(&ACTS).copied().context("an act")?;
        let moment = chance.named("moment").below(MOMENTS);
        let played = play.play(act, number + 1, moment).await;
        let rollout = play.stage.get("rollouts/shop").await?;
        println!("{routing:?} {number}: {act:?} after {moment} requests; {}", summary(&rollout));
        played
            .with_context(|| format!("seed {seed}, update {number}, {act:?} after {moment} requests"))
            .with_context(|| play.controller.log())?;
    }
    play.end(&format!("v{}", updates + 2)).await.with_context(|| play.controller.log())?;
    let sent = play.traffic.sent();
    println!("{routing:?}: {updates} updates, {sent} requests, none lost");
    ensure!(sent > CONTROL + u64::from(RATE) * updates, "only {sent} requests");
    Ok(())
}

fn canary(routing: Routing) -> Recipe {
    let steps =
        json!([{"setWeight": 30}, {"pause": {"duration": "1s"}}, {"setWeight": 60}, {"pause": {"duration": "1s"}}]);
    Recipe { routing, ..Recipe::steps(steps) }
}

/// The same with pods that end at once when they are told to stop.
fn at_once(recipe: Recipe) -> Recipe {
    let mut strategy = recipe.strategy;
    strategy["drainSeconds"] = json!(2);
    Recipe { version: AT_ONCE.into(), strategy, ..recipe }
}

/// The stable revision has given its pods to the canary when a person takes the update back.
async fn an_abort_after_the_stable_revision_shrank() -> anyhow::Result<()> {
    let strategy = json!({"dynamicStableScale": true, "scaleDownDelaySeconds": null});
    let steps = json!([{"setWeight": 75}, {"pause": {}}]);
    let recipe = Recipe { routing: Routing::Subsets, strategy, replicas: 4, ..Recipe::steps(steps) };
    let mut play = Play::begin(recipe).await?;
    play.update("v2").await?;
    play.stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| play.controller.log())?;
    let sizes = |sets: &Value| -> Vec<i64> {
        let sets = sets["items"].as_array().into_iter().flatten();
        let mut sizes: Vec<i64> = sets.filter_map(|set| set["spec"]["replicas"].as_i64()).collect();
        sizes.sort_unstable();
        sizes
    };
    let has_shrunk = |sets: &Value| if sizes(sets) == [1, 3] { Ok(()) } else { Err(format!("{:?}", sizes(sets))) };
    play.stage.until("replicasets", LIMIT, has_shrunk).await.with_context(|| play.controller.log())?;
    play.traffic.until_share("v2", 75).await?;
    play.stage.plugin(&["abort", "shop"])?;
    play.stage.until_weights(0, 100).await.with_context(|| play.controller.log())?;
    play.traffic.until_share("v1", 100).await?;
    play.traffic.check().with_context(|| play.controller.log())
}

#[test]
fn no_request_is_lost_when_a_stable_revision_that_shrank_gets_all_of_them_back() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(an_abort_after_the_stable_revision_shrank())
}

#[test]
fn no_request_is_lost_while_weights_of_hosts_move() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(updates_under_load(canary(Routing::Hosts)))
}

#[test]
fn no_request_is_lost_while_weights_of_subsets_move() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(updates_under_load(canary(Routing::Subsets)))
}

#[test]
fn no_request_is_lost_when_blue_green_switches() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(updates_under_load(canary(Routing::ActiveService)))
}

#[test]
fn no_request_is_lost_by_pods_that_end_at_once_while_weights_of_hosts_move() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(updates_under_load(at_once(canary(Routing::Hosts))))
}

#[test]
fn no_request_is_lost_by_pods_that_end_at_once_while_weights_of_subsets_move() -> anyhow::Result<()> {
    let _alone = crate::alone();
    let recipe = at_once(canary(Routing::Subsets));
    let mut strategy = recipe.strategy.clone();
    strategy["dynamicStableScale"] = json!(true);
    strategy["scaleDownDelaySeconds"] = Value::Null;
    stage::play(updates_under_load(Recipe { strategy, ..recipe }))
}

#[test]
fn no_request_is_lost_by_pods_that_end_at_once_when_blue_green_switches() -> anyhow::Result<()> {
    let _alone = crate::alone();
    stage::play(updates_under_load(at_once(canary(Routing::ActiveService))))
}
