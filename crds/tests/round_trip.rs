//! Objects as a controller in the field left them are read and written again: no field that is there may be lost, and
//! none may appear that says anything.
#![allow(clippy::expect_used, reason = "a test may say what must hold")]

use crds::{
    AnalysisRun, AnalysisTemplate, Experiment, FieldError, Kind, Pod, RawObject, ReplicaSet, Rollout, Service, kind,
};
use serde_json::Value;

const SAMPLES: [(&str, &str); 6] = [
    ("alb-ping-pong-weight-40", include_str!("data/alb-ping-pong-weight-40.yaml")),
    ("analysis-step-failed-aborted", include_str!("data/analysis-step-failed-aborted.yaml")),
    ("bluegreen-pre-promotion-analysis", include_str!("data/bluegreen-pre-promotion-analysis.yaml")),
    ("experiment-step-running", include_str!("data/experiment-step-running.yaml")),
    ("istio-host-mirror-route", include_str!("data/istio-host-mirror-route.yaml")),
    ("istio-subset-weight-25", include_str!("data/istio-subset-weight-25.yaml")),
];

fn objects(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).expect("is YAML")
}

/// Reads the object and writes it again.
fn again(kind: &Kind, object: &Value) -> Result<Value, FieldError> {
    let written = match *kind {
        kind::ROLLOUT => kind.object(&Rollout::from_value(object)?),
        kind::ANALYSIS_TEMPLATE => kind.object(&AnalysisTemplate::from_value(object)?),
        kind::ANALYSIS_RUN => kind.object(&AnalysisRun::from_value(object)?),
        kind::EXPERIMENT => kind.object(&Experiment::from_value(object)?),
        kind::REPLICA_SET => kind.object(&ReplicaSet::from_value(object)?),
        kind::POD => kind.object(&Pod::from_value(object)?),
        kind::SERVICE => kind.object(&Service::from_value(object)?),
        kind::VIRTUAL_SERVICE | kind::DESTINATION_RULE => kind.object(&RawObject::from_value(object)?),
        _ => Ok(object.clone()),
    };
    Ok(written.expect("writes"))
}

/// Paths of what is in `one` and not in `other`, but for values that mean the same as absent.
fn missing(path: &str, one: &Value, other: Option<&Value>, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(fields), Some(other)) => {
            for (key, field) in fields {
                missing(&format!("{path}.{key}"), field, other.get(key), found);
            }
        }
        (Value::Object(fields), None) => {
            for (key, field) in fields {
                missing(&format!("{path}.{key}"), field, None, found);
            }
        }
        (Value::Array(items), Some(Value::Array(others))) if items.len() == others.len() => {
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                missing(&format!("{path}[{index}]"), item, Some(other), found);
            }
        }
        (Value::Array(items), None) if items.is_empty() => {}
        (Value::Null | Value::Bool(false), None) => {}
        (Value::Number(number), None) if number.as_i64() == Some(0) => {}
        (Value::String(text), None) if text.is_empty() => {}
        (one, other) if Some(one) == other => {}
        (one, other) => found.push(format!("{path}: {one} became {other:?}")),
    }
}

#[test]
fn nothing_is_lost_and_nothing_added() {
    let mut counted = 0;
    for (sample, text) in SAMPLES {
        for object in objects(text) {
            let api_version = object["apiVersion"].as_str().expect("has an apiVersion");
            let name = object["kind"].as_str().expect("has a kind");
            let Some(kind) = kind::ALL.iter().find(|kind| kind.kind == name) else { continue };
            let mut written = again(kind, &object).unwrap_or_else(|error| panic!("{sample}: {name}: {error}"));
            written["apiVersion"] = api_version.into();
            let mut found = Vec::new();
            missing(name, &written, Some(&object), &mut found);
            // Other people's objects are projections; their other fields are theirs.
            if kind::OURS.contains(kind) || name == "VirtualService" || name == "DestinationRule" {
                missing(name, &object, Some(&written), &mut found);
                counted += 1;
            }
            assert_eq!(found, Vec::<String>::new(), "{sample}");
        }
    }
    assert!(counted >= 12, "the samples hold objects of our kinds: {counted}");
}

#[test]
fn pods_and_replica_sets_are_understood() {
    let (_, text) = SAMPLES[5];
    let objects = objects(text);
    let sets: Vec<ReplicaSet> = objects
        .iter()
        .filter(|object| object["kind"] == "ReplicaSet")
        .map(|object| ReplicaSet::from_value(object).expect("reads"))
        .collect();
    let pods: Vec<Pod> = objects
        .iter()
        .filter(|object| object["kind"] == "Pod")
        .map(|object| Pod::from_value(object).expect("reads"))
        .collect();
    let ready: i32 = sets.iter().map(|set| set.status.ready_replicas).sum();
    let of_sets = |pod: &&Pod| sets.iter().any(|set| pod.metadata.is_controlled_by(&set.metadata.uid));
    assert!(ready > 0, "the sample has ready pods");
    assert_eq!(pods.iter().filter(of_sets).filter(|pod| pod.is_ready()).count(), usize::try_from(ready).expect("fits"));
    for set in &sets {
        let chosen = pods.iter().filter(|pod| set.spec.selector.matches(&pod.metadata.labels)).count();
        assert_eq!(i32::try_from(chosen).expect("fits"), set.status.replicas, "{}", set.metadata.name);
    }
    assert!(pods.iter().all(|pod| pod.ready_since().is_some() && pod.restarts() == 0));
}

/// Clients recognise edited steps by the FNV-1a hash of their JSON, so the order of fields must be theirs.
#[test]
fn steps_are_written_in_the_order_that_is_hashed() {
    for (sample, text) in SAMPLES {
        let objects = objects(text);
        let object = objects.iter().find(|object| object["kind"] == "Rollout").expect("holds a Rollout");
        let rollout = Rollout::from_value(object).expect("reads");
        let Some(canary) = rollout.spec.strategy.canary else { continue };
        let json = serde_json::to_string(&canary.steps).expect("writes");
        let hash = json.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let letters = b"bcdfghjklmnpqrstvwxz2456789";
        let safe: String = hash.to_string().bytes().map(|digit| char::from(letters[usize::from(digit) % 27])).collect();
        assert_eq!(Some(safe), rollout.status.current_step_hash, "{sample}: {json}");
    }
}
