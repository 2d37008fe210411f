//! What belongs to a Rollout, as a tree: revisions, newest first; in each its ReplicaSets with their pods, its
//! Experiments and its AnalysisRuns.

use super::{Icon, Node, NodeKind, Note, Role, Scene, Status, Summary, pod};
use crate::rollout::fleet::Revision;
use chrono::{DateTime, Utc};
use crds::{AnalysisRun, Experiment, ObjectMeta, Pod, ReplicaSet, Time, analysis::AnalysisPhase};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// Where a measurement that a Job took names it.
const JOB_NAME: &str = "job-name";

/// The whole tree.
pub(super) fn grow(scene: &Scene<'_>, summary: &Summary) -> Node {
    let rollout = scene.rollout;
    let uid = &rollout.metadata.uid;
    let mut revisions: BTreeMap<Reverse<u64>, Vec<Node>> = BTreeMap::new();
    for set in replica_sets_of(scene, uid) {
        let roles = Role::all_of(rollout, Revision { set }.hash());
        revisions.entry(Reverse(set.metadata.revision())).or_default().push(replica_set(scene, set, roles));
    }
    for experiment in experiments_of(scene) {
        revisions.entry(Reverse(experiment.metadata.revision())).or_default().push(of_experiment(scene, experiment));
    }
    for run in runs_of(scene, uid) {
        revisions.entry(Reverse(run.metadata.revision())).or_default().push(of_run(run));
    }
    let revisions = revisions.into_iter().map(|(Reverse(number), children)| Node {
        kind: NodeKind::Revision,
        name: format!("revision:{number}"),
        status: None,
        created: None,
        notes: Vec::new(),
        children,
    });
    Node { children: revisions.collect(), ..node(NodeKind::Rollout, &rollout.metadata, summary.phase.status()) }
}

/// ReplicaSets with this owner, oldest first.
pub(super) fn replica_sets_of<'a>(scene: &Scene<'a>, owner: &str) -> Vec<&'a ReplicaSet> {
    owned(scene.replica_sets, owner, |set| &set.metadata)
}

/// Experiments of the Rollout, oldest first.
pub(super) fn experiments_of<'a>(scene: &Scene<'a>) -> Vec<&'a Experiment> {
    owned(scene.experiments, &scene.rollout.metadata.uid, |experiment| &experiment.metadata)
}

/// Pods of a ReplicaSet, oldest first.
pub(super) fn pods_of<'a>(scene: &Scene<'a>, set: &ReplicaSet) -> Vec<&'a Pod> {
    owned(scene.pods, &set.metadata.uid, |pod| &pod.metadata)
}

fn runs_of<'a>(scene: &Scene<'a>, owner: &str) -> Vec<&'a AnalysisRun> {
    owned(scene.runs, owner, |run| &run.metadata)
}

fn owned<'a, T>(objects: &'a [Arc<T>], owner: &str, metadata: fn(&T) -> &ObjectMeta) -> Vec<&'a T> {
    let is_owned = |object: &&T| metadata(object).owner_references.iter().any(|known| known.uid == owner);
    let mut found: Vec<&T> = objects.iter().map(AsRef::as_ref).filter(is_owned).collect();
    found.sort_by(|one, two| {
        let (one, two) = (metadata(one), metadata(two));
        (one.creation_timestamp, &one.name).cmp(&(two.creation_timestamp, &two.name))
    });
    found
}

fn created(time: Option<Time>) -> Option<DateTime<Utc>> {
    time.map(DateTime::from)
}

fn node(kind: NodeKind, metadata: &ObjectMeta, status: Status) -> Node {
    Node {
        kind,
        name: metadata.name.clone(),
        status: Some(status),
        created: created(metadata.creation_timestamp),
        notes: Vec::new(),
        children: Vec::new(),
    }
}

fn replica_set(scene: &Scene<'_>, set: &ReplicaSet, roles: Vec<Role>) -> Node {
    let mut notes: Vec<Note> = roles.into_iter().map(Note::Role).collect();
    notes.extend(Revision { set }.deadline().map(Note::ScaleDown));
    let pods = pods_of(scene, set).into_iter().map(|pod| {
        let (status, notes) = pod::look(pod);
        Node { notes, ..node(NodeKind::Pod, &pod.metadata, status) }
    });
    Node { notes, children: pods.collect(), ..node(NodeKind::ReplicaSet, &set.metadata, health(set)) }
}

fn health(set: &ReplicaSet) -> Status {
    let asked = set.spec.replicas;
    let is_seen = set.metadata.generation <= set.status.observed_generation;
    let failed = |kind: &str, status: &str| kind == "ReplicaFailure" && status == "True";
    let has_failed = set.status.conditions.iter().any(|known| failed(&known.condition_type, &known.status));
    if is_seen && has_failed {
        Status::new(Icon::Bad, "ReplicaFailure")
    } else if !is_seen || asked.is_some_and(|asked| set.status.available_replicas < asked) {
        Status::new(Icon::Progressing, "Progressing")
    } else if asked == Some(0) {
        Status::new(Icon::Neutral, "ScaledDown")
    } else {
        Status::new(Icon::Good, "Healthy")
    }
}

/// An Experiment with its ReplicaSets and runs.
pub(super) fn of_experiment(scene: &Scene<'_>, experiment: &Experiment) -> Node {
    let uid = &experiment.metadata.uid;
    let sets = replica_sets_of(scene, uid).into_iter().map(|set| replica_set(scene, set, Vec::new()));
    let children = sets.chain(runs_of(scene, uid).into_iter().map(of_run)).collect();
    let status = analysis_status(experiment.status.phase);
    Node { children, ..node(NodeKind::Experiment, &experiment.metadata, status) }
}

fn of_run(run: &AnalysisRun) -> Node {
    let results = &run.status.metric_results;
    let total = |count: fn(&crds::analysis::MetricResult) -> i32| results.iter().map(count).sum::<i32>();
    let counts = [
        (Icon::Good, total(|result| result.successful)),
        (Icon::Bad, total(|result| result.failed)),
        (Icon::Unknown, total(|result| result.inconclusive)),
        (Icon::Warning, total(|result| result.error)),
    ];
    let notes = counts.into_iter().filter(|(_, count)| *count > 0).map(|(icon, count)| Note::Measured(icon, count));
    let measurements = results.iter().flat_map(|result| &result.measurements);
    let jobs = measurements.filter_map(|measurement| {
        Some(Node {
            kind: NodeKind::Job,
            name: measurement.metadata.get(JOB_NAME)?.clone(),
            status: Some(analysis_status(measurement.phase)),
            created: created(measurement.started_at),
            notes: Vec::new(),
            children: Vec::new(),
        })
    });
    let status = analysis_status(run.status.phase);
    Node { notes: notes.collect(), children: jobs.collect(), ..node(NodeKind::AnalysisRun, &run.metadata, status) }
}

/// The status of an Experiment, a run or a measurement.
pub(super) fn analysis_status(phase: AnalysisPhase) -> Status {
    let icon = match phase {
        AnalysisPhase::Unset => Icon::Blank,
        AnalysisPhase::Pending => Icon::Waiting,
        AnalysisPhase::Running => Icon::Progressing,
        AnalysisPhase::Successful => Icon::Good,
        AnalysisPhase::Failed => Icon::Bad,
        AnalysisPhase::Error => Icon::Warning,
        AnalysisPhase::Inconclusive => Icon::Unknown,
    };
    Status::new(icon, phase.as_str())
}
