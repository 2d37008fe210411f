//! How a pod is, in the one word that `kubectl get pods` has for it.

use super::{Icon, Note, Status};
use crds::{
    Pod,
    foreign::{ContainerStatus, ContainerTerminated},
};

/// Status and notes of a pod.
pub(super) fn look(pod: &Pod) -> (Status, Vec<Note>) {
    let state = State::of(pod);
    let mut notes = vec![Note::Ready(state.ready, pod.spec.containers.len())];
    if state.restarts > 0 {
        notes.push(Note::Restarts(state.restarts));
    }
    (Status::new(icon(&state.word), state.word), notes)
}

struct State {
    word: String,
    ready: usize,
    restarts: i32,
}

impl State {
    fn of(pod: &Pod) -> Self {
        let status = &pod.status;
        let overall = [&status.reason, &status.phase].into_iter().flatten().find(|word| !word.is_empty());
        let mut state = match initializing(pod) {
            Some(state) => state,
            None => running(&status.container_statuses, overall.cloned().unwrap_or_default()),
        };
        if pod.metadata.is_deleted() {
            let is_lost = status.reason.as_deref() == Some("NodeLost");
            state.word = if is_lost { "Unknown" } else { "Terminating" }.into();
        }
        state
    }
}

/// The first init container that is not done; `None` when all are, or when the pod says that it is past them: then one
/// that still runs is a sidecar.
fn initializing(pod: &Pod) -> Option<State> {
    if pod.condition("Initialized").is_some_and(|condition| condition.status == "True") {
        return None;
    }
    let of = pod.spec.init_containers.len();
    let mut restarts = 0_i32;
    for (index, container) in pod.status.init_container_statuses.iter().enumerate() {
        restarts = restarts.saturating_add(container.restart_count);
        let state = &container.state;
        let word = match (&state.terminated, &state.waiting) {
            (Some(ended), _) if ended.exit_code == 0 => continue,
            (Some(ended), _) => format!("Init:{}", how_it_ended(ended)),
            (None, Some(waiting)) => match waiting.reason.as_deref() {
                Some(reason) if !reason.is_empty() && reason != "PodInitializing" => format!("Init:{reason}"),
                _ => format!("Init:{index}/{of}"),
            },
            (None, None) => format!("Init:{index}/{of}"),
        };
        return Some(State { word, ready: 0, restarts });
    }
    None
}

/// The first container that does not run names the state.
fn running(containers: &[ContainerStatus], overall: String) -> State {
    let mut state = State { word: overall, ready: 0, restarts: 0 };
    let mut one_runs = false;
    for container in containers.iter().rev() {
        state.restarts = state.restarts.saturating_add(container.restart_count);
        let waiting = container.state.waiting.as_ref().and_then(|waiting| waiting.reason.clone());
        if let Some(reason) = waiting.filter(|reason| !reason.is_empty()) {
            state.word = reason;
        } else if let Some(ended) = &container.state.terminated {
            state.word = how_it_ended(ended);
        } else if container.ready && container.state.running.is_some() {
            one_runs = true;
            state.ready += 1;
        }
    }
    if one_runs && state.word == "Completed" {
        state.word = "Running".into();
    }
    state
}

fn how_it_ended(ended: &ContainerTerminated) -> String {
    match ended.reason.as_deref() {
        Some(reason) if !reason.is_empty() => reason.to_owned(),
        _ => format!("ExitCode:{}", ended.exit_code),
    }
}

fn icon(word: &str) -> Icon {
    match word {
        _ if word.starts_with("Init:") => Icon::Progressing,
        _ if word.starts_with("Signal:") || word.starts_with("ExitCode:") => Icon::Bad,
        _ if word.ends_with("Error") || word.starts_with("Err") => Icon::Warning,
        "Pending" | "Terminating" | "ContainerCreating" | "PodInitializing" => Icon::Progressing,
        "Running" | "Completed" | "Succeeded" => Icon::Good,
        "Failed" | "InvalidImageName" | "CrashLoopBackOff" | "OOMKilled" | "Evicted" => Icon::Bad,
        "ImagePullBackOff" | "RegistryUnavailable" => Icon::Warning,
        "Unknown" => Icon::Unknown,
        _ => Icon::Blank,
    }
}

#[cfg(test)]
mod tests {
    use super::{Icon, Note, look};
    use crds::Pod;
    use serde_json::{Value, json};

    fn pod(status: Value) -> Pod {
        let containers = json!([{"name": "app"}, {"name": "proxy"}]);
        let spec = json!({"initContainers": [{"name": "first"}, {"name": "second"}], "containers": containers});
        Pod::from_value(&json!({"spec": spec, "status": status})).expect("is a pod")
    }

    #[test]
    fn the_word_says_what_is_wrong() {
        let runs = |ready: bool| json!({"ready": ready, "state": {"running": {}}});
        let waits = |reason: &str| json!({"restartCount": 4, "state": {"waiting": {"reason": reason}}});
        let ended = |code: i32, reason: &str| json!({"state": {"terminated": {"exitCode": code, "reason": reason}}});
        for (status, word, icon, ready, restarts) in [
            (json!({"phase": "Pending"}), "Pending", Icon::Progressing, 0, 0),
            (json!({"phase": "Failed", "reason": "Evicted"}), "Evicted", Icon::Bad, 0, 0),
            (json!({"phase": "Running", "containerStatuses": [runs(true), runs(false)]}), "Running", Icon::Good, 1, 0),
            (
                json!({"phase": "Running", "containerStatuses": [runs(true), waits("CrashLoopBackOff")]}),
                "CrashLoopBackOff",
                Icon::Bad,
                1,
                4,
            ),
            (
                json!({"phase": "Pending", "containerStatuses": [waits("ImagePullBackOff"), runs(true)]}),
                "ImagePullBackOff",
                Icon::Warning,
                1,
                4,
            ),
            (json!({"containerStatuses": [ended(3, ""), runs(true)]}), "ExitCode:3", Icon::Bad, 1, 0),
            (json!({"containerStatuses": [ended(0, "Completed"), runs(true)]}), "Running", Icon::Good, 1, 0),
            (json!({"containerStatuses": [ended(1, "Error")]}), "Error", Icon::Warning, 0, 0),
            (json!({"initContainerStatuses": [{"state": {"waiting": {}}}]}), "Init:0/2", Icon::Progressing, 0, 0),
            (json!({"initContainerStatuses": [ended(0, ""), runs(false)]}), "Init:1/2", Icon::Progressing, 0, 0),
            (json!({"initContainerStatuses": [ended(2, "")]}), "Init:ExitCode:2", Icon::Progressing, 0, 0),
            (
                json!({"initContainerStatuses": [waits("CrashLoopBackOff")]}),
                "Init:CrashLoopBackOff",
                Icon::Progressing,
                0,
                4,
            ),
            // An init container that goes on running is a sidecar.
            (
                json!({
                    "phase": "Running",
                    "conditions": [{"type": "Initialized", "status": "True"}],
                    "initContainerStatuses": [runs(true)],
                    "containerStatuses": [runs(true), runs(true)],
                }),
                "Running",
                Icon::Good,
                2,
                0,
            ),
        ] {
            let (shown, notes) = look(&pod(status.clone()));
            assert_eq!((shown.word.as_str(), shown.icon), (word, icon), "{status}");
            let mut expected = vec![Note::Ready(ready, 2)];
            // Restarts of init containers count only while they are what is waited for.
            expected.extend((restarts > 0).then_some(Note::Restarts(restarts)));
            assert_eq!(notes, expected, "{status}");
        }
    }

    #[test]
    fn a_deleted_pod_is_terminating() {
        let mut deleted = pod(json!({"phase": "Running"}));
        deleted.metadata.deletion_timestamp = Some(crds::Time::default());
        assert_eq!(look(&deleted).0.word, "Terminating");
        deleted.status.reason = Some("NodeLost".into());
        assert_eq!(look(&deleted).0.icon, Icon::Unknown);
    }
}
