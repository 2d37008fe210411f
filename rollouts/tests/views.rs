//! What a person sees of clusters as they were in the field: each text under `tests/data/views` is the view of the cluster
//! of the same name, at the time that its first line gives.

#![expect(clippy::expect_used, reason = "a test may stop at what must hold")]
#![expect(clippy::disallowed_methods, reason = "the fixtures are files; the rules under test see none")]

use crds::{AnalysisRun, Experiment, FieldError, Pod, ReplicaSet, Rollout, Time};
use plan::{Reason, reason::RolloutReason};
use rollouts::view::{Scene, View, paint, text};
use serde_json::Value;
use std::{fs, path::Path, sync::Arc};

struct Cluster(Vec<Value>);

impl Cluster {
    fn named(name: &str) -> Self {
        let file = data().join("upstream-states").join(name).join("objects.yaml");
        let text = fs::read_to_string(file).expect("the cluster is there");
        Self(serde_saphyr::from_multiple(&text).expect("the objects are YAML"))
    }

    fn all<T>(&self, kind: &str, read: fn(&Value) -> Result<T, FieldError>) -> Vec<Arc<T>> {
        let of_kind = self.0.iter().filter(|object| object.get("kind").is_some_and(|known| known == kind));
        of_kind.map(|object| Arc::new(read(object).expect("is of its kind"))).collect()
    }

    fn view(&self, why: &[Reason], now: &str) -> View {
        let rollouts = self.all("Rollout", Rollout::from_value);
        let scene = Scene {
            rollout: rollouts.first().expect("there is a Rollout"),
            replica_sets: &self.all("ReplicaSet", ReplicaSet::from_value),
            pods: &self.all("Pod", Pod::from_value),
            runs: &self.all("AnalysisRun", AnalysisRun::from_value),
            experiments: &self.all("Experiment", Experiment::from_value),
            why,
        };
        View::of(&scene, Time::parse(now).expect("is a time").into())
    }
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

#[test]
fn views_read_as_recorded() {
    let mut checked = 0;
    for entry in fs::read_dir(data().join("views")).expect("the views are there") {
        let file = entry.expect("a file can be listed").path();
        let recorded = fs::read_to_string(&file).expect("a view is text");
        let (now, expected) = recorded.split_once('\n').expect("the first line is the time");
        let name = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let view = Cluster::named(&name).view(&[], now);
        let shown = paint::print(&text::lines(&view), false);
        assert_eq!(shown, expected, "{name}:\n{shown}");
        checked += 1;
    }
    assert_eq!(checked, 11);
}

#[test]
fn every_cluster_can_be_seen() {
    for entry in fs::read_dir(data().join("upstream-states")).expect("the clusters are there") {
        let name = entry.expect("a folder can be listed").file_name().to_string_lossy().into_owned();
        let cluster = Cluster::named(&name);
        let view = cluster.view(&[], "2026-11-23T09:00:00Z");
        let lines = text::lines(&view);
        // Every object that was made for the Rollout has its line.
        let kinds = ["ReplicaSet", "Pod", "AnalysisRun", "Experiment"];
        let is_made = |object: &&Value| {
            let owner = object.pointer("/metadata/ownerReferences/0/kind");
            owner.is_some_and(|owner| owner != "Deployment")
                && kinds.iter().any(|kind| object.get("kind").is_some_and(|known| known == kind))
        };
        let objects = cluster.0.iter().filter(is_made);
        let rows = lines.iter().skip_while(|line| !line.print(false).starts_with('⟳')).skip(1);
        let rows = rows.filter(|line| !line.print(false).contains("# revision:"));
        assert_eq!(rows.count(), objects.count(), "{name}:\n{}", paint::print(&lines, false));
        assert!(view.summary.replicas.desired > 0, "{name}");
    }
}

#[test]
fn colours_change_nothing_but_colour() {
    let view = Cluster::named("analysis-background-running").view(&[], "2026-11-23T09:00:00Z");
    let lines = text::lines(&view);
    let coloured = paint::print(&lines, true);
    let mut plain = String::new();
    for (index, piece) in coloured.split('\u{1b}').enumerate() {
        plain.push_str(if index == 0 { piece } else { piece.split_once('m').expect("a sequence ends").1 });
    }
    assert_eq!(plain, paint::print(&lines, false));
    assert!(coloured.contains("\u{1b}[33mcanary\u{1b}[0m") && coloured.contains("\u{1b}[32m✔\u{1b}[0m Healthy"));
}

#[test]
fn what_is_waited_for_stands_below_the_message() {
    let why = [
        RolloutReason::Paused { reason: "CanaryPauseStep".into() }.into(),
        RolloutReason::OldPodsRemain { count: 2 }.into(),
    ];
    let view = Cluster::named("istio-host-weight-20").view(&why, "2026-11-23T09:00:00Z");
    let shown = paint::print(&text::lines(&view), false);
    let lines: Vec<&str> = shown.lines().skip(3).take(3).collect();
    assert_eq!(
        lines,
        [
            "Message:         CanaryPauseStep",
            "Why:             paused (CanaryPauseStep) until somebody promotes",
            "                 2 pods of older revisions are still there",
        ]
    );
}

#[test]
fn a_measurement_that_a_job_took_stands_below_its_run() {
    let mut cluster = Cluster::named("analysis-step-error-aborted");
    let run = cluster.0.iter_mut().find(|object| object.get("kind").is_some_and(|kind| kind == "AnalysisRun"));
    let status = run.and_then(|run| run.get_mut("status")).expect("has a status");
    let taken = serde_json::json!({"phase": "Running", "startedAt": "2026-11-23T08:59:00Z", "metadata": {"job-name": "check-1"}});
    *status.pointer_mut("/metricResults/0/measurements").expect("has measurements") = Value::Array(vec![taken]);
    let shown = paint::print(&text::lines(&cluster.view(&[], "2026-11-23T09:00:00Z")), false);
    let row = shown.lines().find(|line| line.contains("⊞ check-1")).expect("the Job is there");
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>()[1..],
        ["└──⊞", "check-1", "Job", "◌", "Running", "60s"],
        "{shown}"
    );
}

#[test]
fn time_alone_is_no_change() {
    let cluster = Cluster::named("basic-aborted");
    let (one, other) = (cluster.view(&[], "2026-11-23T09:00:00Z"), cluster.view(&[], "2026-11-23T10:00:00Z"));
    assert!(one != other && one.shows_same_as(&other));
    let changed = cluster.view(&[RolloutReason::StaysAborted.into()], "2026-11-23T09:00:00Z");
    assert!(!one.shows_same_as(&changed));
}

#[test]
fn a_view_can_be_sent() {
    let view = Cluster::named("basic-paused-indefinitely").view(&[], "2026-11-23T09:00:00Z");
    let sent = serde_json::to_value(&view).expect("writes");
    let at = |path: &str| sent.pointer(path).cloned().unwrap_or_else(|| panic!("{path} is in {sent}"));
    assert_eq!(at("/summary/phase"), "Paused");
    assert_eq!(at("/summary/strategy/Canary/step/index"), 1);
    assert_eq!(at("/images/0/tags/0/role"), "stable");
    assert_eq!(at("/tree/children/0/children/0/notes/0/role"), "canary");
}
