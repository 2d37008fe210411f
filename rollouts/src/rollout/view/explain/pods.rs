//! Why a ReplicaSet has not the pods that it asks for: what its own condition says, and each pod's own reason.

use super::{Advice, Case, Link, Part, age, kubectl, tree};
use chrono::{DateTime, TimeDelta};
use crds::{
    Pod, ReplicaSet, Time,
    foreign::{ContainerState, ContainerStatus},
};

/// Pods that are named before the others are only counted.
const NAMED: usize = 2;

/// What one ReplicaSet lacks; `None` where it has all that it asks for.
pub(super) fn missing(case: &Case<'_>, set: &ReplicaSet) -> Option<Part> {
    let (asked, status) = (set.asked(), &set.status);
    let is_seen = status.observed_generation >= set.metadata.generation;
    if is_seen && status.available_replicas >= asked {
        return None;
    }
    let name = &set.metadata.name;
    let mut link = Link::new(format!("{} of {asked} pods of {name} are available", status.available_replicas));
    let mut advice = Vec::new();
    if !is_seen {
        let late = "the ReplicaSet controller of Kubernetes has not looked at its size yet";
        link.below.push(Link::new(late));
    }
    if let Some((refused, advised)) = refused(set) {
        link.below.push(refused);
        advice.push(advised);
    }
    let pods = tree::pods_of(&case.evidence.scene, set);
    if is_seen && link.below.is_empty() && status.replicas < asked {
        link.below.push(Link::new(format!("{} of its {asked} pods have not been made yet", asked - status.replicas)));
    }
    for (reason, names) in grouped(case, set, &pods) {
        advice.extend(reason.advice(&names));
        link.below.push(Link {
            what: format!("{}: {}", called(&names), reason.what),
            since: reason.since,
            below: Vec::new(),
        });
    }
    Some(Part::of(link).advising(advice))
}

/// The API server refuses to create its pods: a quota, a webhook, a policy.
fn refused(set: &ReplicaSet) -> Option<(Link, Advice)> {
    let is_failure = |kind: &str, status: &str| kind == "ReplicaFailure" && status == "True";
    let failure = set.status.conditions.iter().find(|known| is_failure(&known.condition_type, &known.status))?;
    let message = failure.message.as_deref().unwrap_or("no message");
    let link = Link::new(format!("its pods cannot be made: {message}")).since(failure.last_transition_time);
    let advice = if message.contains("exceeded quota") {
        kubectl("see what the quota allows and what uses it", "describe resourcequota")
    } else {
        kubectl("see what was refused", format!("describe replicaset {}", set.metadata.name))
    };
    Some((link, advice))
}

/// `pod a`, or `pods a, b and 3 more`.
fn called(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 | 1 => format!("pod {shown}"),
        all if all <= NAMED => format!("pods {shown}"),
        all => format!("pods {shown} and {} more", all - NAMED),
    }
}

/// Pods that wait for the same, together, each group since its first.
fn grouped<'a>(case: &Case<'_>, set: &ReplicaSet, pods: &[&'a Pod]) -> Vec<(Reason, Vec<&'a str>)> {
    let mut groups: Vec<(Reason, Vec<&str>)> = Vec::new();
    for pod in pods {
        let Some(reason) = reason(case, set, pod) else { continue };
        match groups.iter_mut().find(|(known, _)| known.what == reason.what) {
            Some((known, names)) => {
                known.since = known.since.min(reason.since).or(known.since);
                names.push(&pod.metadata.name);
            }
            None => groups.push((reason, vec![&pod.metadata.name])),
        }
    }
    groups
}

/// Why a pod is not available.
#[derive(Clone, Debug)]
struct Reason {
    what: String,
    since: Option<DateTime<chrono::Utc>>,
    /// The container whose log tells more, and whether its former run's does.
    log: Option<(String, bool)>,
    /// Whether it passes by itself.
    is_passing: bool,
}

impl Reason {
    fn new(what: impl Into<String>, since: Option<Time>) -> Self {
        Self { what: what.into(), since: since.map(DateTime::from), log: None, is_passing: false }
    }

    fn passing(self) -> Self {
        Self { is_passing: true, ..self }
    }

    fn logged(self, container: &str, is_former: bool) -> Self {
        Self { log: Some((container.to_owned(), is_former)), ..self }
    }

    fn advice(&self, names: &[&str]) -> Vec<Advice> {
        let Some(first) = names.first().filter(|_| !self.is_passing) else { return Vec::new() };
        let mut advice = vec![kubectl("see the pod and its events", format!("describe pod {first}"))];
        if let Some((container, is_former)) = &self.log {
            let former = if *is_former { " --previous" } else { "" };
            advice.push(kubectl("see what it logged", format!("logs {first} -c {container}{former}")));
        }
        advice
    }
}

fn reason(case: &Case<'_>, set: &ReplicaSet, pod: &Pod) -> Option<Reason> {
    if let Some(deleted) = pod.metadata.deletion_timestamp {
        return Some(Reason::new("it is being deleted", Some(deleted)).passing());
    }
    if pod.is_ready() {
        return settling(case, set, pod);
    }
    let status = &pod.status;
    if status.phase.as_deref() == Some("Failed") {
        let why = [&status.reason, &status.message].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ");
        return Some(Reason::new(format!("it failed: {why}"), None));
    }
    let unscheduled = pod.condition("PodScheduled").filter(|condition| condition.status == "False");
    if let Some(condition) = unscheduled {
        let message = condition.message.as_deref().unwrap_or("the scheduler does not say why");
        return Some(Reason::new(format!("no node takes it: {message}"), condition.last_transition_time));
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    let since = pod.condition("Ready").and_then(|condition| condition.last_transition_time);
    let since = since.or(pod.metadata.creation_timestamp);
    containers.filter_map(|container| stuck(pod, container, since)).next().or_else(|| {
        let gate = pod
            .spec
            .readiness_gates
            .iter()
            .find(|gate| pod.condition(&gate.condition_type).is_none_or(|condition| condition.status != "True"));
        Some(match gate {
            Some(gate) => Reason::new(format!("its readiness gate {} is not true", gate.condition_type), since),
            None => Reason::new("it is not ready, and its status does not say why", since),
        })
    })
}

/// A pod that is ready counts as available only after `minReadySeconds`.
fn settling(case: &Case<'_>, set: &ReplicaSet, pod: &Pod) -> Option<Reason> {
    let least = TimeDelta::seconds(i64::from(set.spec.min_ready_seconds.unwrap_or(0)));
    let ready = pod.ready_since()?;
    let due = ready.0 + least;
    (due > case.now).then(|| {
        let left = age::short(due - case.now);
        Reason::new(format!("it is ready, and counts as available in {left} (minReadySeconds)"), Some(ready)).passing()
    })
}

/// What keeps one container from being ready.
fn stuck(pod: &Pod, container: &ContainerStatus, since: Option<Time>) -> Option<Reason> {
    let (name, state) = (&container.name, &container.state);
    let is_initial = pod.status.init_container_statuses.iter().any(|known| known.name == *name);
    if let Some(waiting) = &state.waiting {
        let word = waiting.reason.as_deref().unwrap_or_default();
        let because = waiting.message.as_deref().filter(|text| !text.is_empty());
        let because = because.map(|text| format!(": {text}")).unwrap_or_default();
        return Some(match word {
            "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
                let image = image_of(pod, name);
                Reason::new(format!("the image {image} of container {name} cannot be pulled ({word}){because}"), since)
            }
            "CrashLoopBackOff" => {
                let last = container.last_state.as_deref().and_then(ended).unwrap_or_default();
                let times = container.restart_count;
                Reason::new(
                    format!("container {name} ends again and again (CrashLoopBackOff, {times} restarts){last}"),
                    since,
                )
                .logged(name, true)
            }
            "" | "ContainerCreating" | "PodInitializing" => {
                // Containers wait for init containers, which stand before them.
                Reason::new(format!("container {name} is being made"), since)
            }
            other => Reason::new(format!("container {name} cannot be started ({other}){because}"), since),
        });
    }
    if let Some(text) = ended(state) {
        let is_done = is_initial && state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0);
        return (!is_done)
            .then(|| Reason::new(format!("container {name} is not running{text}"), since).logged(name, false));
    }
    if container.ready {
        return None;
    }
    let begun = state.running.as_ref().and_then(|running| running.started_at);
    if is_initial {
        return Some(Reason::new(format!("init container {name} is still running"), begun).logged(name, false));
    }
    let what = format!("container {name} runs, and its readiness or startup probe has not succeeded");
    Some(Reason::new(what, begun.or(since)).logged(name, false))
}

fn image_of<'a>(pod: &'a Pod, container: &str) -> &'a str {
    let all = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    let found = all.filter(|known| known.name == container).find_map(|known| known.image.as_deref());
    found.unwrap_or("(unnamed)")
}

/// How a container ended.
fn ended(state: &ContainerState) -> Option<String> {
    let ended = state.terminated.as_ref()?;
    let word = ended.reason.as_deref().filter(|word| !word.is_empty()).map(|word| format!(" ({word})"));
    let message = ended.message.as_deref().filter(|text| !text.is_empty()).map(|text| format!(": {}", text.trim_end()));
    Some(format!(
        "; its last end had exit code {}{}{}",
        ended.exit_code,
        word.unwrap_or_default(),
        message.unwrap_or_default()
    ))
}
