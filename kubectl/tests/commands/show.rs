//! Commands that show something once.

use super::world::{Outcome, World};
use sim::server::{call::Call, faults::Verdict};
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn a_rollout_with_all_that_belongs_to_it() {
    let world = World::recorded("analysis-background-running").await;
    let outcome = world.run("get rollout shop").await;
    assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""));
    let expected = "\
Name:            shop
Namespace:       u-analysis-background-running
Status:          ॥ Paused
Message:         CanaryPauseStep
Strategy:        Canary
  Step:          1/2
  SetWeight:     20
  ActualWeight:  20
Images:          shop:1 (stable)
                 shop:2 (canary)
Replicas:
  Desired:       4
  Current:       5
  Updated:       1
  Ready:         5
  Available:     5

NAME                              KIND         STATUS     AGE  INFO
⟳ shop                            Rollout      ॥ Paused   0s
├──# revision:2
│  ├──⧉ shop-6547f56949           ReplicaSet   ✔ Healthy  0s   canary
│  │  └──□ shop-6547f56949-psjfv  Pod          ✔ Running  0s   ready:1/1
│  └──α shop-6547f56949-2         AnalysisRun  ◌ Running  0s   ✔ 15
└──# revision:1
   └──⧉ shop-7958b68cdd           ReplicaSet   ✔ Healthy  0s   stable
      ├──□ shop-7958b68cdd-fsrhg  Pod          ✔ Running  0s   ready:1/1
      ├──□ shop-7958b68cdd-p8s2z  Pod          ✔ Running  0s   ready:1/1
      ├──□ shop-7958b68cdd-r5lxs  Pod          ✔ Running  0s   ready:1/1
      └──□ shop-7958b68cdd-zvw6x  Pod          ✔ Running  0s   ready:1/1
";
    assert_eq!(outcome.out, expected);
    tokio::time::advance(std::time::Duration::from_secs(150)).await;
    assert_eq!(
        world.run("get ro shop").await.out,
        expected.replace("0s   ", "2m30s  ").replace("0s\n", "2m30s\n").replace("AGE  ", "AGE    ")
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_left_out_and_said() {
    let world = World::recorded("analysis-background-running").await;
    world.server.set_faults(Some(Arc::new(
        |call: &Call| {
            if call.resource == "pods" { Verdict::Refuse(403) } else { Verdict::Pass }
        },
    )));
    let outcome = world.run("get rollout shop").await;
    assert_eq!(outcome.code, 0);
    assert!(outcome.errors.starts_with("Warning: "), "{}", outcome.errors);
    assert!(outcome.out.contains("⧉ shop-6547f56949") && !outcome.out.contains("□"), "{}", outcome.out);
}

#[tokio::test(start_paused = true)]
async fn colours_are_for_terminals() {
    let world = World::recorded("basic-aborted").await;
    let mut paper = super::world::Paper::new();
    let coloured = world.run_on("get rollout shop", &mut paper, true).await.out;
    assert!(coloured.contains("\u{1b}[31m✖\u{1b}[0m Degraded"), "{coloured}");
    let mut paper = super::world::Paper::new();
    let plain = world.run_on("get rollout shop --no-color", &mut paper, true).await.out;
    assert_eq!(plain, world.run("get rollout shop").await.out);
}

#[tokio::test(start_paused = true)]
async fn a_list_has_a_line_for_each() {
    let mut world = World::empty();
    let nothing = Outcome { code: 0, out: String::new(), errors: "No resources found.\n".into() };
    assert_eq!(world.run("list rollouts").await, nothing);
    for name in ["istio-host-weight-20", "bluegreen-waiting-for-promotion", "basic-first-deploy-pending"] {
        world.namespace = format!("u-{name}");
        world.fill(name).await;
    }
    world.namespace = "default".into();
    assert_eq!(
        world.run("list rollouts -A").await.out,
        "\
NAMESPACE                          NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
u-basic-first-deploy-pending       shop        Canary     Progressing   2/2   100         0/4    4        4           0
u-bluegreen-waiting-for-promotion  shop        BlueGreen  Paused        -     -           4/8    4        4           4
u-istio-host-weight-20             shop        Canary     Paused        1/4   20          5/5    4        1           5
"
    );
    assert_eq!(
        world.run("list ro --name shop --timestamps -n u-istio-host-weight-20").await.out,
        "\
TIMESTAMP             NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
2027-01-15T08:00:00Z  shop        Canary     Paused        1/4   20          5/5    4        1           5
"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_looked_at_once() {
    for (cluster, code, out, errors) in [
        ("istio-host-weight-20", 0, "Paused - CanaryPauseStep\n", ""),
        ("basic-healthy-after-three-revisions", 0, "Healthy\n", ""),
        (
            "basic-aborted",
            1,
            "Degraded - RolloutAborted: Rollout aborted update to revision 2\n",
            "Error: The rollout is in a degraded state with message: RolloutAborted: Rollout aborted update to revision 2\n",
        ),
    ] {
        let world = World::recorded(cluster).await;
        let expected = Outcome { code, out: out.into(), errors: errors.into() };
        assert_eq!(world.run("status shop --watch=false").await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_cluster() {
    let world = World::empty();
    assert_eq!(world.run("version --short").await.out, "kubectl-leadline: v0.1.0\n");
    assert!(world.run("version").await.out.contains("  Product: Leadline\n"));
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let outcome = world.run(&format!("completion {shell}")).await;
        assert!(outcome.code == 0 && outcome.out.contains("promote"), "{shell}: {outcome:?}");
    }
    let help = world.run("--help").await;
    assert!(help.code == 0 && help.out.contains("Usage: kubectl leadline [OPTIONS] <COMMAND>"), "{}", help.out);
    let wrong = world.run("promote").await;
    assert!(wrong.code == 1 && wrong.errors.contains("<NAME>"), "{wrong:?}");
}
