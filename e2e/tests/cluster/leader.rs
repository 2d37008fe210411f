//! Two controllers started at once: only the one with the lease writes. When it is killed, the other one takes over in the middle
//! of the canary; each weight is set once; and who comes back, waits. Upstream's controller counts as one of them.

use anyhow::{Context, ensure};
use e2e::{
    Cluster, Stage,
    canary::{LIMIT, Recipe},
    chronicle::Chronicle,
    installed, invariants,
    proxy::Proxy,
    running::Controller,
    stage,
    wait::holds,
    wait_until,
};
use serde_json::{Value, json};

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

/// Upstream's lease, and who holds it in this test.
const UPSTREAM: &str = "argo-rollouts-controller-lock";
const HOLDER: &str = "argo-rollouts-0_upstream";
/// So often upstream renews it: for longer than the lease lasts.
const RENEWALS: usize = 12;

/// The lease as upstream's controller holds it, with the number of its renewal.
fn held(renewal: usize) -> Value {
    json!({"spec": {
        "holderIdentity": HOLDER, "leaseDurationSeconds": 3, "leaseTransitions": 1,
        "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": format!("2026-01-01T00:00:{renewal:02}.000000Z"),
    }})
}

async fn upstream_first() -> anyhow::Result<()> {
    let stage = Stage::set(Cluster::light()?, "upstream").await?;
    stage.grant(installed::ROLLOUTS, "[{apiGroups: [coordination.k8s.io], resources: [leases], verbs: ['*']}]")?;
    let lease = format!("leases/{UPSTREAM}");
    let mut object = held(0);
    object["metadata"] = json!({ "name": UPSTREAM });
    stage.create("leases", &object).await?;
    stage.put(&Recipe::steps(json!([{"setWeight": 50}])).items(&stage.cluster)).await?;
    let ours = Candidate::start(&stage, "ours").await?;
    let looks = || ours.proxy.requests().iter().filter(|request| request.ends_with(UPSTREAM)).count();
    for renewal in 1..=RENEWALS {
        stage.patch(&lease, &held(renewal)).await?;
        let before = looks();
        wait_until("it looks whether upstream leads", LIMIT, || async { holds(looks() > before, looks()) })
            .await
            .with_context(|| ours.controller.log())?;
    }
    let written: Vec<String> =
        ours.proxy.requests().into_iter().filter(|request| !request.starts_with("GET")).collect();
    ensure!(written.is_empty(), "{written:#?}\n{}", ours.controller.log());

    // Upstream is gone: what it leaves is taken over, and it would have to wait in its turn.
    stage.until_done().await.with_context(|| ours.controller.log())?;
    let holder = stage.get(&lease).await?["spec"]["holderIdentity"].clone();
    ensure!(holder != HOLDER && holder != "", "{holder}");
    // It comes back and takes its lease without asking: two must never act at once.
    stage.patch(&lease, &held(0)).await?;
    wait_until("ours has ended", LIMIT, || async { holds(!ours.controller.is_alive(), ours.controller.log()) }).await
}

#[test]
fn nothing_is_written_while_upstream_leads_and_everything_goes_on_when_it_is_gone() -> anyhow::Result<()> {
    stage::play(upstream_first())
}
