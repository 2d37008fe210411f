//! A node that holds every pod: it starts them, makes them ready or lets them crash, and stops them when they are deleted.
//!
//! A deleted pod serves on for a moment, as programs that stop with care do, and is gone then. No container runs anywhere.

use crate::world::{
    Ground,
    calls::{POD, annotation, controller_uid, is_deleting, is_true, list, name_of, number, text},
    images::{Readiness, span},
    view::{Actor, earliest},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// The only node.
pub const NODE: &str = "node-1";

pub(crate) struct Kubelet {
    pub(crate) ground: Ground,
    pods: BTreeMap<String, Known>,
    addresses: u32,
}

/// What the node knows of a pod beyond its object.
struct Known {
    since: Instant,
    /// It was ready when it was first seen: the node is new, and the pod is not.
    was_ready: bool,
    address: String,
    stops_at: Option<Instant>,
    is_seen: bool,
}

impl Kubelet {
    pub(crate) fn on(ground: Ground) -> Kubelet {
        Kubelet { ground, pods: BTreeMap::new(), addresses: 0 }
    }
}

impl Actor for Kubelet {
    async fn pass(&mut self) -> Result<Option<Instant>, kube::Error> {
        let mut due = None;
        self.pods.values_mut().for_each(|known| known.is_seen = false);
        let mut broken = None;
        for pod in self.ground.views.pods.all() {
            match self.tend(&pod).await {
                Ok(next) => due = earliest(due, next),
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                Err(error) => broken = Some(error),
            }
        }
        if let Some(error) = broken {
            return Err(error);
        }
        self.pods.retain(|_, known| known.is_seen);
        Ok(due)
    }
}

impl Kubelet {
    async fn tend(&mut self, pod: &Value) -> Result<Option<Instant>, kube::Error> {
        let uid = text(pod, "/metadata/uid").to_owned();
        let (namespace, name) = name_of(pod);
        let now = Instant::now();
        if !self.pods.contains_key(&uid) {
            self.addresses += 1;
            let address = address(self.addresses);
            let was_ready = is_true(pod, "Ready");
            self.pods.insert(uid.clone(), Known { since: now, was_ready, address, stops_at: None, is_seen: true });
        }
        let settings = &self.ground.settings;
        let Some(known) = self.pods.get_mut(&uid) else { return Ok(None) };
        known.is_seen = true;
        if text(pod, "/spec/nodeName").is_empty() && !is_deleting(pod) {
            POD.bind(&self.ground.client, &namespace, &name, NODE).await?;
        }
        if matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") && !is_deleting(pod) {
            return Ok(None);
        }
        if is_deleting(pod) {
            let grace =
                Duration::from_secs(u64::try_from(number(pod, "/metadata/deletionGracePeriodSeconds")).unwrap_or(0));
            let stops_after = span(annotation(pod, "leadline.dev/stops-after")).unwrap_or(settings.pods_stop_after);
            let stops_at = *known.stops_at.get_or_insert(now + stops_after.min(grace));
            if stops_at > now {
                return Ok(Some(stops_at));
            }
            POD.delete(&self.ground.client, pod, Some(0)).await?;
            return Ok(None);
        }
        let behaviour = self.ground.images.of(pod);
        let chance = self.ground.chance.named(&name);
        let (soonest, latest) = settings.pods_ready_after;
        let spread = u64::try_from(latest.saturating_sub(soonest).as_millis()).unwrap_or(0);
        let usual = soonest + Duration::from_millis(chance.below(spread));
        let usual = if known.was_ready { Duration::ZERO } else { usual };
        let readiness = behaviour.readiness.unwrap_or(Readiness::After(usual));
        let (state, mut due) = state_of(pod, readiness, known.since, now);
        let status = status_of(pod, state, &known.address, &self.ground.clock.stamp());
        let over = matches!(state, State::Ended { .. });
        if differs(pod, &status) {
            let written = POD.patch_status(&self.ground.client, &namespace, &name, &status).await?;
            self.ground.views.pods.absorb(written);
        }
        if over {
            due = None;
        }
        Ok(due)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Starting,
    Ready,
    Crashing,
    Ended { code: i64 },
}

fn state_of(pod: &Value, readiness: Readiness, since: Instant, now: Instant) -> (State, Option<Instant>) {
    if let Some(runs_for) = job_time(pod) {
        let code = annotation(pod, "leadline.dev/exit-code").parse().unwrap_or(0);
        let at = since + runs_for;
        return if at <= now { (State::Ended { code }, None) } else { (State::Starting, Some(at)) };
    }
    match readiness {
        Readiness::Never => (State::Starting, None),
        Readiness::Crashes => (State::Crashing, None),
        Readiness::After(delay) if since + delay <= now => (State::Ready, None),
        Readiness::After(delay) => (State::Starting, Some(since + delay)),
    }
}

/// How long a pod runs that ends by itself: one of a Job, or one that says so.
fn job_time(pod: &Value) -> Option<Duration> {
    let said = span(annotation(pod, "leadline.dev/runs-for"));
    let is_of_job = list(pod, "/metadata/ownerReferences").iter().any(|owner| text(owner, "/kind") == "Job");
    said.or_else(|| (is_of_job && !controller_uid(pod).is_empty()).then_some(Duration::from_secs(1)))
}

fn status_of(pod: &Value, state: State, address: &str, stamp: &str) -> Value {
    let is_ready = state == State::Ready;
    let gates = list(pod, "/spec/readinessGates").iter();
    let gates_are_open = gates.into_iter().all(|gate| is_true(pod, text(gate, "/conditionType")));
    let container_state = match state {
        State::Crashing => json!({ "waiting": {
            "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container",
        } }),
        State::Ended { code } => json!({ "terminated": {
            "exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" }, "finishedAt": stamp,
        } }),
        State::Starting | State::Ready => {
            json!({ "running": { "startedAt": text(pod, "/metadata/creationTimestamp") } })
        }
    };
    let restarts = if state == State::Crashing { 3 } else { 0 };
    let containers: Vec<_> = list(pod, "/spec/containers")
        .iter()
        .map(|container| {
            json!({
                "name": text(container, "/name"), "image": text(container, "/image"), "imageID": text(container, "/image"),
                "ready": is_ready, "started": is_ready, "restartCount": restarts, "state": container_state,
            })
        })
        .collect();
    let phase = match state {
        State::Ended { code: 0 } => "Succeeded",
        State::Ended { .. } => "Failed",
        State::Starting | State::Ready | State::Crashing => "Running",
    };
    let wanted = [
        ("PodScheduled", true),
        ("Initialized", true),
        ("ContainersReady", is_ready),
        ("Ready", is_ready && gates_are_open),
    ];
    // Conditions of others, such as readiness gates, stay.
    let mut conditions: Vec<Value> = list(pod, "/status/conditions").to_vec();
    for (kind, holds) in wanted {
        let status = if holds { "True" } else { "False" };
        match conditions.iter_mut().find(|one| text(one, "/type") == kind) {
            Some(found) if text(found, "/status") == status => {}
            Some(found) => *found = json!({ "type": kind, "status": status, "lastTransitionTime": stamp }),
            None => conditions.push(json!({ "type": kind, "status": status, "lastTransitionTime": stamp })),
        }
    }
    let started = match text(pod, "/status/startTime") {
        "" => stamp,
        known => known,
    };
    json!({
        "phase": phase, "podIP": address, "podIPs": [{ "ip": address }], "hostIP": "10.0.0.1", "startTime": started,
        "conditions": conditions, "containerStatuses": containers,
    })
}

fn differs(pod: &Value, status: &Value) -> bool {
    let held = |field: &str| pod.get("status").and_then(|held| held.get(field));
    // Times move with the clock; what counts is what is said, not when.
    ["phase", "podIP", "conditions"].iter().any(|field| held(field) != status.get(field))
        || text(pod, "/status/containerStatuses/0/state/waiting/reason")
            != text(status, "/containerStatuses/0/state/waiting/reason")
}

fn address(count: u32) -> String {
    let [_, high, middle, low] = count.to_be_bytes();
    format!("10.{}.{middle}.{low}", u16::from(high) + 1)
}
