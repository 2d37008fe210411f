//! Plays files as a person would and compares each story with the one kept in `tests/simulate/`; `UPDATE=1` writes them
//! anew. The files are those of `examples/`, some of them changed.

#![allow(clippy::expect_used, clippy::panic)]

use sim::{
    simulate::{Ending, File, Request, Unplayable, play},
    world::images::Readiness,
};
use std::path::{Path, PathBuf};

const PROMOTED: u8 = 0;
const TAKEN_BACK: u8 = 1;
const INVALID: u8 = 2;
const WAITS: u8 = 3;

/// A file of the examples, and texts in it that are replaced.
fn example(name: &str, edits: &[(&str, &str)]) -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let mut text = std::fs::read_to_string(path).expect("an example");
    for (from, to) in edits {
        assert!(text.contains(from), "{name} holds {from}");
        text = text.replace(from, to);
    }
    File { name: name.to_owned(), text }
}

fn metrics(said: &[&str]) -> Vec<sim::simulate::Given> {
    said.iter().map(|one| one.parse().expect("measurements")).collect()
}

/// A file, what metrics measure, and the rest as usual.
fn request(file: File, said: &[&str]) -> Request {
    Request { files: vec![file], metrics: metrics(said), ..Request::default() }
}

/// The document of the Rollout alone.
fn alone(file: File) -> File {
    let document = file.text.split("\n---\n").find(|part| part.contains("kind: Rollout")).expect("a Rollout");
    File { text: document.to_owned(), ..file }
}

/// Plays, compares what is printed, and returns the exit code.
fn told(name: &str, request: &Request) -> u8 {
    let story = play(request).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut printed = Vec::new();
    story.print(&mut printed, false).expect("is printed");
    let printed = String::from_utf8(printed).expect("is text");
    let kept: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulate").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&kept, &printed).expect("is written");
    }
    assert_eq!(printed, std::fs::read_to_string(&kept).unwrap_or_default(), "{name}: UPDATE=1 keeps it");
    story.ending().exit_code()
}

#[test]
fn a_good_update_is_promoted() {
    assert_eq!(told("promoted", &request(example("istio-hosts.yaml", &[]), &[])), PROMOTED);
    let good = ["success-rate=1,0.999", "p99-milliseconds=120"];
    assert_eq!(told("judged-good", &request(example("analysis.yaml", &[]), &good)), PROMOTED);
}

#[test]
fn an_update_is_taken_back_by_its_metrics() {
    let bad = ["success-rate=1,0.999,0.97", "p99-milliseconds=120"];
    assert_eq!(told("taken-back", &request(example("analysis.yaml", &[]), &bad)), TAKEN_BACK);
    let nobody_answers = ["success-rate=1", "p99-milliseconds=120,error"];
    assert_eq!(told("prometheus-down", &request(example("analysis.yaml", &[]), &nobody_answers)), TAKEN_BACK);
}

#[test]
fn pods_that_the_api_server_refuses_are_an_end() {
    let refused = example("istio-hosts.yaml", &[("      containers:", "      volumes: none\n      containers:")]);
    assert_eq!(told("refused-template", &request(refused, &[])), TAKEN_BACK);
}

#[test]
fn a_pause_without_end_waits_for_a_person() {
    let canary = request(example("canary.yaml", &[]), &[]);
    assert_eq!(told("waits", &canary), WAITS);
    assert_eq!(told("promotes", &Request { promotes: true, ..canary }), PROMOTED);
    let paused = example("canary.yaml", &[("replicas: 5", "replicas: 5\n  paused: true")]);
    assert_eq!(told("paused-from-the-start", &request(paused, &[])), WAITS);
}

#[test]
fn an_analysis_goes_on_beside_a_pause_without_end() {
    let endless = || example("analysis.yaml", &[("pause: { duration: 5m }", "pause: {}")]);
    let bad = ["success-rate=1,1,1,1,1,0.9", "p99-milliseconds=120"];
    assert_eq!(told("taken-back-while-paused", &request(endless(), &bad)), TAKEN_BACK);
    let nothing = ["success-rate=none", "p99-milliseconds=120"];
    assert_eq!(told("inconclusive", &request(endless(), &nothing)), WAITS);
}

#[test]
fn pods_that_are_never_ready_meet_the_deadline() {
    let good = ["success-rate=1", "p99-milliseconds=120"];
    let never = |file| Request { readiness: Some(Readiness::Never), ..request(file, &good) };
    assert_eq!(told("never-ready", &never(example("analysis.yaml", &[]))), TAKEN_BACK);
    let stays = example("analysis.yaml", &[("progressDeadlineAbort: true", "progressDeadlineAbort: false")]);
    assert_eq!(told("stuck", &never(stays)), TAKEN_BACK);
}

#[test]
fn what_the_controller_refuses_is_bad_input() {
    let steps = example("canary.yaml", &[("setWeight: 20", "setWeight: 130")]);
    assert_eq!(told("invalid", &request(steps, &[])), INVALID);
    let template = example("analysis.yaml", &[("  name: latency", "  name: delay")]);
    assert_eq!(told("missing-template", &request(template, &["success-rate=1"])), INVALID);
}

#[test]
fn what_the_files_leave_out_is_made_and_said() {
    assert_eq!(told("made-subsets", &request(alone(example("istio-subsets.yaml", &[])), &[])), PROMOTED);
    let hosts = [("istio:", "istio: # alone"), ("name: shop\nspec", "name: shop\n  namespace: trade\nspec")];
    assert_eq!(told("made-hosts", &request(alone(example("istio-hosts.yaml", &hosts)), &[])), PROMOTED);
}

/// As `kubectl get -o yaml` prints it, with what else stands in a folder.
const FROM_A_CLUSTER: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: argoproj.io/v1alpha1
  kind: Rollout
  metadata:
    {name: web, namespace: shop, uid: a-b-c, resourceVersion: "123", generation: 4, managedFields: [],
     labels: {argo-rollouts.argoproj.io/controller-instance-id: blue}}
  spec:
    replicas: 2
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec: {containers: [{name: web, image: 'registry:5000/web@sha256:0123'}]}
    strategy: {canary: {steps: [{setWeight: 50}, {pause: {duration: 10}}]}}
  status: {phase: Degraded, abort: true, stableRS: abc, currentStepIndex: 2}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web-abc
    namespace: shop
    ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: a-b-c, controller: true}]
  spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {}}
- {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {sellector: {app: web}, ports: [{port: 80}]}}
- {apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: web}, spec: {}}
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"#;

#[test]
fn objects_from_a_cluster_begin_anew() {
    let file = File { name: "shop.yaml".to_owned(), text: FROM_A_CLUSTER.to_owned() };
    assert_eq!(told("from-a-cluster", &request(file, &[])), PROMOTED);
}

#[test]
fn the_same_request_tells_the_same_story() {
    let request = request(example("istio-hosts.yaml", &[]), &[]);
    let print = || {
        let mut printed = Vec::new();
        play(&request).expect("is played").print(&mut printed, true).expect("is printed");
        String::from_utf8(printed).expect("is text")
    };
    let first = print();
    assert_eq!(first, print());
    assert!(first.contains("\u{1b}[32mPromoted"), "colours are used where they are asked for");
}

#[test]
fn the_readme_shows_what_is_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(folder.join("../README.md")).expect("the README");
    let printed = std::fs::read_to_string(folder.join("tests/simulate/taken-back.txt")).expect("the story");
    let shown = readme.lines().skip_while(|line| !line.starts_with("$ leadline simulate -f examples/analysis.yaml"));
    let shown: Vec<&str> = shown.skip(1).take_while(|line| !line.starts_with("```")).collect();
    assert!(shown.len() > 10, "the README shows a story");
    for line in shown {
        let start = line.trim_end_matches('…');
        assert!(printed.lines().any(|whole| whole.starts_with(start)), "nobody prints {line}");
    }
}

#[test]
fn blue_green_waits_for_a_person_before_its_switch() {
    let file = || example("blue-green.yaml", &[]);
    assert_eq!(told("blue-green-waits", &request(file(), &[])), WAITS);
    let promoted = Request { promotes: true, ..request(file(), &[]) };
    assert_eq!(told("blue-green-promoted", &promoted), PROMOTED);
}

#[test]
fn every_example_with_a_rollout_can_be_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).expect("examples") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !name.ends_with(".yaml") {
            continue;
        }
        let mut request = Request { promotes: true, ..request(example(&name, &[]), &[]) };
        let story = match play(&request) {
            Err(Unplayable::NoRollout(_)) => continue,
            Err(Unplayable::Unanswered(open)) => {
                let known: &[&str] = match open.len() {
                    1 => &["restarts=0"],
                    _ => &["success-rate=1", "p99-milliseconds=100"],
                };
                assert_eq!(open.len(), known.len(), "{name} measures what this test knows: {open:?}");
                request.metrics = metrics(known);
                play(&request)
            }
            story => story,
        };
        assert_eq!(story.expect("is played").ending(), &Ending::Promoted, "{name}");
        played += 1;
    }
    assert_eq!(played, 7);
}

#[test]
fn what_cannot_be_played_is_refused_with_file_and_field() {
    let file = |text: &str| File { name: "a.yaml".to_owned(), text: text.to_owned() };
    let service = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}";
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: NAME}\nspec: {replicas: COUNT}\n";
    let named = |name: &str| rollout.replace("NAME", name).replace("COUNT", "1");
    let two = format!("{}---\n{}", named("web"), named("shop"));
    let of = |wanted: &str| Request { rollout: Some(wanted.to_owned()), ..request(file(&two), &[]) };
    let judged = || example("analysis.yaml", &[]);
    for (request, expected) in [
        (request(file("a: ["), &[]), "a.yaml:1: "),
        (request(file("kind: Rollout\n---\n- 1\n"), &[]), "a.yaml:1: apiVersion is missing"),
        (request(file(""), &[]), "there is no Rollout in the files, nor anything else"),
        (request(file(service), &[]), "there is no Rollout in the files, only Service web"),
        (request(file(&two), &[]), "there are 2 Rollouts in the files: web, shop; choose one with --rollout NAME"),
        (of("wep"), "there is no Rollout wep in the files; there is web, shop"),
        (
            request(file(&format!("{service}\n---\n{}", rollout.replace("COUNT", "four"))), &[]),
            "a.yaml:3: Rollout NAME: Rollout.argoproj.io \"NAME\" is invalid: [metadata.name: Invalid value: \"NAME\"",
        ),
        (
            request(judged(), &["success-rate=1"]),
            "the update is judged by metrics that a simulation cannot know; say what they measure:\n  \
             --metric p99-milliseconds=VALUE,VALUE…    successCondition: result[0] < 500\nA value is",
        ),
        (request(judged(), &["x=1"]), "no analysis of the Rollout measures x, only p99-milliseconds, success-rate"),
    ] {
        let refused = play(&request).expect_err(expected).to_string();
        assert!(refused.starts_with(expected), "{refused}\nis not\n{expected}");
    }
}
