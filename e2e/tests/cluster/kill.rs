//! `kill -9` of the controller at each of its writes, once before the write is sent and once after it was applied but not
//! answered: the update ends as if nothing had happened, each weight is set once, and no invariant is broken on the way.
//!
//! Several updates go on side by side, each with its own controller.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{self, LIMIT, Recipe, Routing, is_done, weights},
    chronicle::Chronicle,
    installed, invariants,
    proxy::{Moment, Proxy, Trap},
    running::Controller,
    stage, wait_until,
};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Updates that go on at the same time.
const LANES: usize = 4;
/// More writes than an update may have: the end of a count that does not end.
const TOO_MANY: usize = 60;

/// How an update goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    /// To the end.
    Promoted,
    /// Taken back by a person, at 50 % or before the switch.
    Aborted,
    /// To the end, after both versions were compared.
    Compared,
}

impl Story {
    /// Each weight of the canary, in order, once.
    fn weights(self, routing: Routing) -> &'static [i64] {
        match self {
            _ if routing == Routing::ActiveService => &[],
            Self::Promoted | Self::Compared => &[50, 100, 0],
            Self::Aborted => &[50, 0],
        }
    }

    fn recipe(self, routing: Routing) -> Recipe {
        let pause = match self {
            Self::Promoted | Self::Compared => json!({"duration": "1s"}),
            Self::Aborted => json!({}),
        };
        let mut steps = vec![json!({"setWeight": 50}), json!({"pause": pause})];
        if self == Self::Compared {
            let templates = json!([{"name": "base", "specRef": "stable"}, {"name": "next", "specRef": "canary"}]);
            let experiment = json!({"templates": templates, "duration": "1s", "scaleDownDelaySeconds": 1});
            steps.insert(0, json!({ "experiment": experiment }));
        }
        let strategy = match routing {
            Routing::Hosts | Routing::Subsets => json!({}),
            Routing::ActiveService => json!({"autoPromotionEnabled": self == Self::Promoted}),
        };
        Recipe { routing, strategy, ..Recipe::steps(steps.into()) }
    }
}

/// One place where updates are played, one after another.
struct Lane {
    stage: Stage,
    proxy: Proxy,
    controller: Controller,
    chronicle: Chronicle,
    story: Story,
    routing: Routing,
    played: usize,
}

impl Lane {
    async fn open(story: Story, routing: Routing) -> anyhow::Result<Self> {
        let stage = Stage::set(Cluster::real()?, "kill").await?;
        let proxy = Proxy::start(stage::client(&stage.account(installed::ROLLOUTS)?).await?).await?;
        let controller = Controller::on(&stage, "controller", &proxy.kubeconfig(), &[])?;
        stage.put(&story.recipe(routing).items(&stage.cluster)).await?;
        stage.until_done().await.with_context(|| controller.log())?;
        let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
        Ok(Self { stage, proxy, controller, chronicle, story, routing, played: 0 })
    }

    /// Plays one update, with a kill at a write or none, and returns its writes. `None`: it has no such write.
    async fn play(&mut self, kill: Option<(usize, Moment)>) -> anyhow::Result<Option<Vec<String>>> {
        let from = self.chronicle.revision();
        self.played += 1;
        let victim = self.controller.victim();
        self.proxy.arm(kill.map(|(write, moment)| Trap { write, moment, victim }));
        let version = format!("v{}", self.played + 1);
        let played = self.until_the_end(&version).await;
        let told = || format!("{kill:?} at {:?}\n{}", self.proxy.struck(), self.controller.log());
        played.with_context(told)?;
        let findings = invariants::replay(&self.chronicle.changes().await?, from);
        let at = format!("{kill:?} at {:?}", self.proxy.struck());
        ensure!(findings.broken.is_empty(), "{at}: {:#?}\n{}", findings.broken, self.controller.log());
        ensure!(
            findings.weights == self.story.weights(self.routing),
            "{at}: weights {:?}\n{}",
            findings.weights,
            self.controller.log()
        );
        Ok(if kill.is_some() && self.proxy.struck().is_none() { None } else { Some(self.proxy.writes()) })
    }

    async fn until_the_end(&mut self, version: &str) -> anyhow::Result<()> {
        self.stage.update(version).await?;
        let mut is_aborted = false;
        loop {
            let at_pause = wait_until("the update ends", LIMIT, || async {
                let rollout = self.stage.get("rollouts/shop").await.map_err(|error| format!("{error:#}"))?;
                if !self.controller.is_alive() {
                    return Ok(None);
                }
                if self.story == Story::Aborted && !is_aborted {
                    let status = &rollout["status"];
                    let is_at_pause = self.routing == Routing::ActiveService || status["currentStepIndex"] == 1;
                    let is_paused = is_at_pause && status["phase"] == "Paused";
                    return if is_paused { Ok(Some(true)) } else { Err(canary::summary(&rollout)) };
                }
                self.is_over(&rollout).await.map(|()| Some(false))
            });
            match at_pause.await? {
                None => self.controller.start_again()?,
                Some(true) => {
                    self.stage.patch("rollouts/shop/status", &json!({"status": {"abort": true}})).await?;
                    is_aborted = true;
                }
                Some(false) => return Ok(()),
            }
        }
    }

    /// Whether everything is where it belongs: status, weights, Services, pods.
    async fn is_over(&self, rollout: &Value) -> Result<(), String> {
        let status = &rollout["status"];
        match self.story {
            Story::Promoted | Story::Compared => is_done(rollout)?,
            Story::Aborted if status["phase"] == "Degraded" && status["abort"] == true => {}
            Story::Aborted => return Err(canary::summary(rollout)),
        }
        let read =
            |object: &'static str| async move { self.stage.get(object).await.map_err(|error| format!("{error:#}")) };
        let seen = weights(&read("virtualservices/shop").await?);
        if self.routing != Routing::ActiveService && seen != Some((0, 100)) {
            return Err(format!("weights {seen:?}"));
        }
        let stable = status["stableRS"].as_str().unwrap_or_default();
        for set in read("replicasets").await?["items"].as_array().into_iter().flatten() {
            let is_stable = set["metadata"]["labels"]["rollouts-pod-template-hash"] == stable;
            let (want, have) = (&set["spec"]["replicas"], set["status"]["readyReplicas"].as_i64().unwrap_or(0));
            if *want != if is_stable { 2 } else { 0 } || want.as_i64() != Some(have) {
                return Err(format!("ReplicaSet {} wants {want} and has {have}", set["metadata"]["name"]));
            }
        }
        Ok(())
    }
}

/// Kills at each write of the story, until the story has no more writes.
async fn at_every_write(story: Story, routing: Routing) -> anyhow::Result<()> {
    let mut lanes = try_join_all((0..LANES).map(|_| Lane::open(story, routing))).await?;
    let lane = lanes.first_mut().context("a lane")?;
    let writes = lane.play(None).await?.context("a count")?;
    println!("{story:?} {routing:?}: {} writes\n  {}", writes.len(), writes.join("\n  "));
    ensure!((5..TOO_MANY).contains(&writes.len()), "{} writes", writes.len());
    let kills = (1..=writes.len())
        .flat_map(|write| [Moment::BeforeForwarding, Moment::BeforeAnswering].map(|moment| (write, moment)));
    let kills: Mutex<VecDeque<(usize, Moment)>> = Mutex::new(kills.collect());
    let not_reached: Mutex<Vec<usize>> = Mutex::default();
    let plays = lanes.iter_mut().map(async |lane| -> anyhow::Result<()> {
        loop {
            let next = kills.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(kill) = next else { return Ok(()) };
            if lane.play(Some(kill)).await?.is_none() {
                not_reached.lock().unwrap_or_else(PoisonError::into_inner).push(kill.0);
            }
        }
    });
    try_join_all(plays).await?;
    // How many reports there are depends on how events fall together; the last few may be missing.
    let not_reached = not_reached.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{story:?} {routing:?}: not reached {not_reached:?}");
    ensure!(
        not_reached.iter().all(|write| write + 5 > writes.len()),
        "not reached: {not_reached:?} of {}",
        writes.len()
    );
    Ok(())
}

#[test]
fn a_canary_ends_whatever_write_the_controller_dies_at() -> anyhow::Result<()> {
    stage::play(at_every_write(Story::Promoted, Routing::Hosts))
}

#[test]
fn an_abort_ends_whatever_write_the_controller_dies_at() -> anyhow::Result<()> {
    stage::play(at_every_write(Story::Aborted, Routing::Hosts))
}

#[test]
fn a_canary_of_subsets_ends_whatever_write_the_controller_dies_at() -> anyhow::Result<()> {
    stage::play(at_every_write(Story::Promoted, Routing::Subsets))
}

#[test]
fn an_experiment_ends_whatever_write_the_controller_dies_at() -> anyhow::Result<()> {
    stage::play(at_every_write(Story::Compared, Routing::Hosts))
}

#[test]
fn a_switch_of_blue_green_ends_whatever_write_the_controller_dies_at() -> anyhow::Result<()> {
    stage::play(at_every_write(Story::Promoted, Routing::ActiveService))
}

#[test]
fn an_abort_of_blue_green_ends_whatever_write_the_controller_dies_at() -> anyhow::Result<()> {
    stage::play(at_every_write(Story::Aborted, Routing::ActiveService))
}
