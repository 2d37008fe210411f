//! What another controller left behind is taken over where it stood: nothing starts again, nothing is scaled, no weight moves.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

use chrono::{DateTime, Utc};
use crds::{
    AnalysisRun, AnalysisTemplate, EndpointSlice, Experiment, Pod, RawObject, ReplicaSet, Rollout, Service, kind,
};
use plan::{Moves, ObjectRef, Plan};
use rollouts::{Observed, audit, decide, rollout::workload::resolved};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Points that this version can go on from, and a moment shortly after each was left.
const POINTS: [&str; 40] = [
    "alb-ping-pong-weight-40",
    "analysis-background-running",
    "analysis-step-error-aborted",
    "analysis-step-failed-aborted",
    "analysis-step-inconclusive-paused",
    "basic-aborted",
    "basic-deadline-abort",
    "basic-first-deploy-pending",
    "basic-healthy-after-three-revisions",
    "basic-new-pods-never-ready",
    "basic-pause-with-duration-running",
    "basic-paused-indefinitely",
    "basic-progress-deadline-exceeded",
    "basic-second-step-after-promote",
    "basic-undo-to-first-paused",
    "basic-user-paused-mid-update",
    "bluegreen-aborted",
    "bluegreen-auto-promotion-timer",
    "bluegreen-post-promotion-analysis-failed",
    "bluegreen-pre-promotion-analysis",
    "bluegreen-preview-replica-count",
    "bluegreen-promoted-old-waiting-scale-down",
    "bluegreen-waiting-for-promotion",
    "canary-ephemeral-metadata",
    "experiment-step-running",
    "invalid-step-analysis-without-count",
    "istio-host-aborted-waiting-scale-down",
    "istio-host-dynamic-stable-scale-75",
    "istio-host-dynamic-stable-scale-aborted",
    "istio-host-header-route",
    "istio-host-mirror-route",
    "istio-host-promoted-old-waiting-scale-down",
    "istio-host-retry-after-abort",
    "istio-host-set-canary-scale-zero-weight",
    "istio-host-weight-20",
    "istio-host-weight-60",
    "istio-subset-promoted",
    "istio-subset-weight-25",
    "nginx-weight-30",
    "workload-ref-update-paused",
];

fn observed(point: &str) -> (Observed, DateTime<Utc>) {
    let path = format!("{}/tests/data/upstream-states/{point}/objects.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let mut observed = Observed::default();
    let mut now = DateTime::UNIX_EPOCH;
    let mut routed = BTreeMap::new();
    let mut whole = |kind, value| {
        let object = RawObject::from_value(value).expect("an object");
        let named = ObjectRef::of(kind, &object.metadata.namespace, &object.metadata.name);
        routed.insert(named, Arc::new(object));
    };
    for value in &objects {
        let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        match value["kind"].as_str().unwrap_or_default() {
            "Rollout" => observed.rollout = Arc::new(Rollout::from_value(value).expect("a rollout")),
            "ReplicaSet" => observed.replica_sets.push(Arc::new(ReplicaSet::from_value(value).expect("a replica set"))),
            "Pod" => observed.pods.push(Arc::new(Pod::from_value(value).expect("a pod"))),
            "Service" => _ = observed.services.insert(name, Arc::new(Service::from_value(value).expect("a service"))),
            "EndpointSlice" => {
                observed.endpoint_slices.push(Arc::new(EndpointSlice::from_value(value).expect("a slice")))
            }
            "VirtualService" => whole(&kind::VIRTUAL_SERVICE, value),
            "Ingress" => whole(&kind::INGRESS, value),
            "Deployment" => whole(&kind::DEPLOYMENT, value),
            "DestinationRule" => whole(&kind::DESTINATION_RULE, value),
            "AnalysisRun" => observed.runs.push(Arc::new(AnalysisRun::from_value(value).expect("a run"))),
            "Experiment" => observed.experiments.push(Arc::new(Experiment::from_value(value).expect("an experiment"))),
            "AnalysisTemplate" => {
                _ = observed.templates.insert(name, Arc::new(AnalysisTemplate::from_value(value).expect("a template")))
            }
            _ => {}
        }
    }
    (observed.rollout, observed.workload) = resolved(observed.rollout, &routed);
    observed.routed = routed;
    let conditions = &observed.rollout.status.conditions;
    for time in conditions.iter().filter_map(|condition| condition.last_update_time) {
        now = now.max(time.0 + chrono::TimeDelta::seconds(2));
    }
    (observed, now)
}

#[test]
fn every_point_goes_on_where_it_stood() {
    let mut told = Vec::new();
    for point in POINTS {
        let (observed, now) = observed(point);
        let plan = decide(&observed, now);
        audit(&observed, &plan, now).expect("breaks no invariant");
        let moved: Vec<String> =
            plan.writes().iter().filter(|write| write.moves != Moves::Report).map(ToString::to_string).collect();
        if !moved.is_empty() {
            told.push(format!("{point}:\n  {}", moved.join("\n  ")));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn the_report_reads_as_it_did() {
    let mut told = Vec::new();
    for point in POINTS {
        let (observed, now) = observed(point);
        let plan: Plan = decide(&observed, now);
        let reports: Vec<String> = plan.writes().iter().map(ToString::to_string).collect();
        if !reports.is_empty() {
            told.push(format!("{point}:\n  {}", reports.join("\n  ")));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
