//! Commands about Experiments and AnalysisRuns.

use super::world::{Outcome, Paper, World, printed};
use serde_json::Value;
use tokio::join;

const EXPERIMENT: &str = "shop-6547f56949-2-0";

fn said(line: &str) -> Outcome {
    Outcome { code: 0, out: format!("{line}\n"), errors: String::new() }
}

fn stored(world: &World, kind: &str, name: &str) -> Value {
    let found = world.server.get("argoproj.io/v1alpha1", kind, &world.namespace, name);
    Value::clone(&found.expect("is there"))
}

#[tokio::test(start_paused = true)]
async fn an_experiment_with_all_that_belongs_to_it() {
    let world = World::recorded("experiment-step-running").await;
    let expected = "\
Name:            shop-6547f56949-2-0
Namespace:       u-experiment-step-running
Status:          ◌ Running
Images:          shop:1 (Σ:base)
                 shop:2 (Σ:next)

NAME                                    KIND         STATUS     AGE  INFO
Σ shop-6547f56949-2-0                   Experiment   ◌ Running  0s
├──⧉ shop-6547f56949-2-0-base           ReplicaSet   ✔ Healthy  0s
│  └──□ shop-6547f56949-2-0-base-rf8h4  Pod          ✔ Running  0s   ready:1/1
├──⧉ shop-6547f56949-2-0-next           ReplicaSet   ✔ Healthy  0s
│  └──□ shop-6547f56949-2-0-next-gb4l7  Pod          ✔ Running  0s   ready:1/1
└──α shop-6547f56949-2-0-check          AnalysisRun  ◌ Running  0s   ✔ 15
";
    for line in ["get experiment", "get exp", "get experiment experiment"] {
        let join = if line.ends_with("experiment experiment") { "/" } else { " " };
        let outcome = world.run(&format!("{line}{join}{EXPERIMENT}")).await;
        assert_eq!(outcome, Outcome { code: 0, out: expected.into(), errors: String::new() }, "{line}");
    }
    assert_eq!(world.run(&format!("get experiment/{EXPERIMENT}")).await.out, expected);
    let missing = world.run("get experiment nobody").await;
    let error = "Error: experiments.argoproj.io \"nobody\" not found in namespace \"u-experiment-step-running\"\n";
    assert_eq!((missing.code, missing.errors.as_str()), (1, error));
}

#[tokio::test(start_paused = true)]
async fn an_experiment_is_shown_again_when_it_changes() {
    let world = World::recorded("experiment-step-running").await;
    let mut paper = Paper::new();
    let mut reader = paper.reader();
    let changes = async {
        printed(&mut reader, "◌ Running").await;
        world.run(&format!("retry experiment {EXPERIMENT}")).await;
        printed(&mut reader, "Experiment     ").await;
    };
    let line = format!("get exp {EXPERIMENT} -w --timeout-seconds 30");
    let (outcome, ()) = join!(world.run_on(&line, &mut paper, false), changes);
    assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""));
    assert_eq!(outcome.out.matches("Name:  ").count(), 2, "{}", outcome.out);
}

#[tokio::test(start_paused = true)]
async fn experiments_are_listed_ended_and_tried_again() {
    let world = World::recorded("experiment-step-running").await;
    let listed = world.run("list experiments").await.out;
    assert_eq!(
        listed,
        "\
NAME                 STATUS   DURATION  REMAINING  AGE
shop-6547f56949-2-0  Running  1h        0s         0s
"
    );
    assert!(world.run("list exp -A").await.out.starts_with("NAMESPACE                  NAME  "));
    let nothing = Outcome { code: 0, out: String::new(), errors: "No resources found.\n".into() };
    assert_eq!(world.run("list experiments -n elsewhere").await, nothing);

    let ended = format!("experiment '{EXPERIMENT}' terminated");
    assert_eq!(world.run(&format!("terminate experiment {EXPERIMENT}")).await, said(&ended));
    assert_eq!(stored(&world, "Experiment", EXPERIMENT)["spec"]["terminate"], true);
    let retried = format!("experiment '{EXPERIMENT}' retried");
    assert_eq!(world.run(&format!("retry exp {EXPERIMENT}")).await, said(&retried));
    assert_eq!(stored(&world, "Experiment", EXPERIMENT).get("status"), None);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_ended() {
    let world = World::recorded("analysis-background-running").await;
    let run = "shop-6547f56949-2";
    let ended = format!("analysisRun '{run}' terminated");
    assert_eq!(world.run(&format!("terminate analysisrun {run}")).await, said(&ended));
    assert_eq!(stored(&world, "AnalysisRun", run)["spec"]["terminate"], true);
    let outcome = world.run("terminate ar/nobody other").await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, ""));
    assert!(outcome.errors.contains("analysisruns.argoproj.io \"nobody\" not found"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_may_be_named_with_its_kind() {
    let world = World::recorded("istio-host-weight-20").await;
    let page = world.run("get rollout shop").await.out;
    for line in
        ["get rollout/shop", "get ro/shop", "get rollout ro/shop", "-n u-istio-host-weight-20 get rollouts/shop"]
    {
        assert_eq!(world.run(line).await.out, page, "{line}");
    }
    assert_eq!(world.run("abort rollout/shop").await, said("rollout 'shop' aborted"));
    assert_eq!(world.run("retry rollout/shop").await, said("rollout 'shop' retried"));
    let wrong = world.run("abort deployment/shop").await;
    assert!(wrong.code == 1 && wrong.errors.contains("not the name of an object"), "{wrong:?}");
    let near = world.run("promotee shop").await;
    assert!(near.code == 1 && near.errors.contains("'promote'"), "{near:?}");
}
