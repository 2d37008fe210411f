//! Commands that read files: what is created from them, and what is wrong with them.

use super::world::{Outcome, Paper, World, definition, printed};
use serde_json::{Value, json};
use std::{env, fs, path::Path};

fn said(line: &str) -> Outcome {
    Outcome { code: 0, out: format!("{line}\n"), errors: String::new() }
}

fn failed(line: &str) -> Outcome {
    Outcome { code: 1, out: String::new(), errors: format!("Error: {line}\n") }
}

fn templated() -> World {
    let world = World::empty();
    for file in ["analysistemplates.argoproj.io.yaml", "clusteranalysistemplates.argoproj.io.yaml"] {
        world.server.apply_yaml(&definition(file)).expect("the definition is taken");
    }
    world
}

fn run(world: &World, name: &str) -> Value {
    let found = world.server.get("argoproj.io/v1alpha1", "AnalysisRun", "default", name);
    Value::clone(&found.expect("the run is there"))
}

#[tokio::test(start_paused = true)]
async fn objects_are_created_from_files() {
    let world = templated();
    let both = "analysistemplate.argoproj.io/quality created\nclusteranalysistemplate.argoproj.io/everywhere created";
    assert_eq!(world.run("create -f tests/data/create/quality.yaml").await, said(both));
    let again = world.run("create -f tests/data/create/quality.yaml").await;
    assert!(again.code == 1 && again.errors.contains("already exists"), "{again:?}");
    let two = world.run("create -w -f tests/data/create").await;
    assert_eq!(two, failed("Cannot watch multiple resources"));
    let other = world.run("create -f tests/data/lint/neighbours.yaml").await;
    assert_eq!(other, failed("creates of v1/Service unsupported"));
    let missing = world.run("create -f tests/data/nothing.yaml").await;
    assert_eq!(missing, failed("tests/data/nothing.yaml: No such file or directory (os error 2)"));
}

#[tokio::test(start_paused = true)]
async fn what_was_created_is_shown_while_it_changes() {
    let world = World::empty();
    let mut paper = Paper::new();
    let mut reader = paper.reader();
    let line = "create -w --no-color -f tests/data/create/shop.yaml";
    tokio::select! {
        outcome = world.run_on(line, &mut paper, false) => panic!("it goes on: {outcome:?}"),
        () = printed(&mut reader, "⟳ shop  Rollout") => {}
    }
    assert!(reader.borrow().starts_with("rollout.argoproj.io/shop created\nName:            shop\n"));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_created_from_a_template() {
    let world = templated();
    world.run("create -f tests/data/create/quality.yaml").await;
    let line = "create analysisrun --name now --from quality -a service=shop --argument limit=0.9 --instance-id blue";
    assert_eq!(world.run(line).await, said("analysisrun.argoproj.io/now created"));
    let created = run(&world, "now");
    assert_eq!(
        created["spec"]["args"],
        json!([{"name": "service", "value": "shop"}, {"name": "limit", "value": "0.9"}])
    );
    assert_eq!(created["spec"]["metrics"][0]["name"], "success-rate");
    assert_eq!(created["metadata"]["labels"]["argo-rollouts.argoproj.io/controller-instance-id"], "blue");

    let named = world.run("create analysisrun --from everywhere --global").await;
    assert!(named.out.starts_with("analysisrun.argoproj.io/everywhere-"), "{named:?}");
    let from_file = "create ar --from-file tests/data/create/quality.yaml --generate-name try- -a service=shop";
    let named = world.run(from_file).await;
    assert!(named.out.starts_with("analysisrun.argoproj.io/try-"), "{named:?}");

    assert_eq!(world.run("create ar --from quality").await, failed("args.service was not resolved"));
    let unknown = "the template has no argument \"servise\"";
    assert_eq!(world.run("create ar --from quality -a servise=x").await, failed(unknown));
    let missing = "analysistemplates.argoproj.io \"nobody\" not found in namespace \"default\"";
    assert_eq!(world.run("create ar --from nobody").await, failed(missing));
    for line in ["create analysisrun", "create ar --from a --from-file b", "create ar --from a -a b", "create"] {
        let outcome = world.run(line).await;
        assert!(outcome.code == 1 && outcome.out.is_empty() && !outcome.errors.is_empty(), "{line}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_told_with_file_and_line() {
    let world = World::empty();
    for name in ["fields", "rules", "neighbours", "broken"] {
        let outcome = world.run(&format!("lint -f tests/data/lint/{name}.yaml")).await;
        assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{name}");
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/lint/{name}.txt"));
        if env::var("UPDATE").is_ok() {
            fs::write(&kept, &outcome.errors).expect("the text can be kept");
        }
        assert_eq!(outcome.errors, fs::read_to_string(kept).expect("the text is there"), "{name}");
    }
    let sound = Outcome { code: 0, out: String::new(), errors: String::new() };
    assert_eq!(world.run("lint -f tests/data/lint/sound.yaml").await, sound);
    assert_eq!(world.run("lint -f ../examples").await, sound);
    let folder = world.run("lint -f tests/data/lint").await;
    assert!(folder.code == 1 && folder.errors.contains("rules.yaml:18: "), "{folder:?}");
}
