//! Two controllers started at once: only the one with the lease writes. When it is killed, the other one takes over in the middle
//! of the canary; each weight is set once; and who comes back, waits.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe},
    chronicle::Chronicle,
    installed, invariants,
    proxy::Proxy,
    running::Controller,
    stage, wait_until,
};
use serde_json::json;

/// The usual 15 s and 10 s: shorter terms end on a busy machine. Only the attempts come faster.
const ELECTION: [&str; 3] = ["--leader-elect", "--leader-election-retry-period", "500ms"];

/// A controller, and a proxy that sees what it alone writes.
struct Candidate {
    proxy: Proxy,
    controller: Controller,
}

impl Candidate {
    async fn start(stage: &Stage, name: &str) -> anyhow::Result<Self> {
        let proxy = Proxy::start(stage::client(&stage.account(installed::ROLLOUTS)?).await?).await?;
        let controller = Controller::on(stage, name, &proxy.kubeconfig(), &ELECTION)?;
        Ok(Self { proxy, controller })
    }

    fn writes(&self) -> usize {
        self.proxy.writes().len()
    }
}

async fn one_leads() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::light()?, "leader").await?;
    stage.grant(installed::ROLLOUTS, "[{apiGroups: [coordination.k8s.io], resources: [leases], verbs: ['*']}]")?;
    let (first, second) = futures::join!(Candidate::start(&stage, "first"), Candidate::start(&stage, "second"));
    let (first, second) = (first?, second?);
    let logs = || format!("first\n{}\nsecond\n{}", first.controller.log(), second.controller.log());
    stage.put(&Recipe::steps(json!([{"setWeight": 50}, {"pause": {}}])).items(&stage.cluster)).await?;
    stage.until_done().await.with_context(logs)?;
    let (mut leader, waiting) = if first.writes() > 0 { (first, second) } else { (second, first) };
    let chronicle = Chronicle::begin(stage.client(), &stage.namespace).await?;
    let from = chronicle.revision();

    stage.update("v2").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| leader.controller.log())?;
    let logs = || format!("{}\n{}", leader.controller.log(), waiting.controller.log());
    ensure!(waiting.writes() == 0, "{:?}\n{}", waiting.proxy.writes(), logs());
    leader.controller.victim().kill();
    let before = leader.writes();
    stage.plugin(&["promote", "shop"])?;
    stage.until_done().await.with_context(|| waiting.controller.log())?;
    stage.until_weights(0, 100).await.with_context(|| waiting.controller.log())?;
    let findings = invariants::replay(&chronicle.changes().await?, from);
    ensure!(findings.broken.is_empty(), "{:#?}\n{}", findings.broken, waiting.controller.log());
    ensure!(findings.weights == [50, 100, 0], "{:?}\n{}", findings.weights, waiting.controller.log());

    // Who was killed comes back, sees that somebody leads, and waits.
    leader.controller.start_again()?;
    wait_until("it has come back", LIMIT, || async {
        let log = leader.controller.log();
        if log.contains("not leading") { Ok(()) } else { Err(log) }
    })
    .await?;
    stage.update("v3").await?;
    stage.until_phase("Paused", "CanaryPauseStep").await.with_context(|| waiting.controller.log())?;
    ensure!(leader.writes() == before, "{:?}", leader.proxy.writes());
    ensure!(waiting.controller.is_alive(), "{}", waiting.controller.log());
    Ok(())
}

#[test]
fn of_two_controllers_one_writes_and_the_other_takes_over() -> anyhow::Result<()> {
    stage::play(one_leads())
}
