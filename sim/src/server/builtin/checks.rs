//! The rules of built-in kinds that stories and controllers rely on, in Kubernetes' words.
//!
//! This is not all that a real server checks; what is checked here is refused with the same text.

use crate::server::{kinds::Kind, object, refusal::Cause, selectors::label_selector_matches};
use serde_json::Value;

/// Everything that is wrong with a completed built-in object.
pub(crate) fn check(kind: &Kind, value: &Value, before: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    match kind.kind.as_str() {
        _ if kind.custom => {}
        "Pod" => {
            check_pod_spec(value.get("spec").unwrap_or(&Value::Null), "spec", &mut causes);
            if let Some(before) = before {
                check_pod_update(value, before, &mut causes);
            }
        }
        "ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet" => check_workload(value, before, &mut causes),
        "Job" => {
            check_template(value, &["Never", "OnFailure", "Always"], &mut causes);
            if object::text(value, &["spec", "template", "spec", "restartPolicy"]) == "Always" {
                let why = "valid values: \"OnFailure\", \"Never\"";
                causes.push(Cause::required("spec.template.spec.restartPolicy", why));
            }
            check_immutable(value, before, &["spec", "template"], &mut causes);
            check_immutable(value, before, &["spec", "selector"], &mut causes);
        }
        "Lease" => {
            if let Some(seconds) = object::int(value, &["spec", "leaseDurationSeconds"]).filter(|&seconds| seconds <= 0)
            {
                causes.push(Cause::invalid("spec.leaseDurationSeconds", &seconds.into(), "must be greater than 0"));
            }
        }
        "Service" => check_service(value, before, &mut causes),
        _ => {}
    }
    causes
}

fn check_workload(value: &Value, before: Option<&Value>, causes: &mut Vec<Cause>) {
    if let Some(replicas) = object::int(value, &["spec", "replicas"]).filter(|&replicas| replicas < 0) {
        causes.push(Cause::invalid("spec.replicas", &replicas.into(), "must be greater than or equal to 0"));
    }
    let selector = object::at(value, &["spec", "selector"]).unwrap_or(&Value::Null);
    let labels = object::at(value, &["spec", "template", "metadata", "labels"]).cloned().unwrap_or_default();
    let is_empty = selector.as_object().is_none_or(serde_json::Map::is_empty);
    if is_empty {
        causes.push(Cause::required("spec.selector", ""));
    }
    if is_empty || !label_selector_matches(selector, &labels) {
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            &labels,
            "`selector` does not match template `labels`",
        ));
    }
    check_template(value, &["Always"], causes);
    check_immutable(value, before, &["spec", "selector"], causes);
}

fn check_template(value: &Value, restart: &[&str], causes: &mut Vec<Cause>) {
    let spec = object::at(value, &["spec", "template", "spec"]).unwrap_or(&Value::Null);
    check_pod_spec(spec, "spec.template.spec", causes);
    let policy = object::text(spec, &["restartPolicy"]);
    if !policy.is_empty() && !restart.contains(&policy) {
        let allowed: Vec<String> = restart.iter().map(|&one| one.to_owned()).collect();
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", &policy.into(), &allowed));
    }
}

fn check_immutable(value: &Value, before: Option<&Value>, path: &[&str], causes: &mut Vec<Cause>) {
    let now = object::at(value, path);
    if before.is_some_and(|before| object::at(before, path) != now) {
        let shown = now.filter(|now| now.as_object().is_none_or(|map| !map.is_empty())).unwrap_or(&Value::Null);
        causes.push(Cause::invalid(path.join("."), shown, "field is immutable"));
    }
}

fn check_pod_spec(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let containers = object::list(spec, &["containers"]);
    if containers.is_empty() {
        causes.push(Cause::required(format!("{path}.containers"), ""));
    }
    let mut names = Vec::new();
    for (list, index, container) in ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| object::list(spec, &[list]).iter().enumerate().map(move |(index, one)| (list, index, one)))
    {
        let field = |key: &str| format!("{path}.{list}[{index}].{key}");
        let name = object::text(container, &["name"]);
        if name.is_empty() {
            causes.push(Cause::required(field("name"), ""));
        } else if names.contains(&name) {
            causes.push(Cause::duplicate(field("name"), &name.into()));
        }
        names.push(name);
        if object::text(container, &["image"]).is_empty() {
            causes.push(Cause::required(field("image"), ""));
        }
        for (number, port) in object::list(container, &["ports"]).iter().enumerate() {
            let found = object::int(port, &["containerPort"]).unwrap_or_default();
            if !(1..=65_535).contains(&found) {
                let field = field(&format!("ports[{number}].containerPort"));
                causes.push(Cause::invalid(field, &found.into(), "must be between 1 and 65535, inclusive"));
            }
        }
    }
}

/// Of a running pod only images, deadlines, tolerations and gates may change.
fn check_pod_update(value: &Value, before: &Value, causes: &mut Vec<Cause>) {
    let frozen = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        for key in
            ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates", "nodeName"]
        {
            object::take(&mut spec, &[key]);
        }
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                object::take(container, &["image"]);
            }
        }
        spec
    };
    if frozen(value) != frozen(before) {
        causes.push(Cause::forbidden("spec", POD_UPDATES));
    }
}

const POD_UPDATES: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
                           `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only \
                           additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set \
                           to 1 if it was previously negative)";

fn check_service(value: &Value, before: Option<&Value>, causes: &mut Vec<Cause>) {
    let is_headless = object::text(value, &["spec", "clusterIP"]) == "None";
    let is_external = object::text(value, &["spec", "type"]) == "ExternalName";
    let ports = object::list(value, &["spec", "ports"]);
    if ports.is_empty() && !is_headless && !is_external {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let found = object::int(port, &["port"]).unwrap_or_default();
        if !(1..=65_535).contains(&found) {
            let field = format!("spec.ports[{index}].port");
            causes.push(Cause::invalid(field, &found.into(), "must be between 1 and 65535, inclusive"));
        }
        if ports.len() > 1 && object::text(port, &["name"]).is_empty() {
            causes.push(Cause::required(format!("spec.ports[{index}].name"), ""));
        }
    }
    let address = |value: &Value| object::text(value, &["spec", "clusterIP"]).to_owned();
    if let Some(before) = before
        && !is_external
        && !address(before).is_empty()
        && address(before) != address(value)
    {
        causes.push(Cause::invalid(
            "spec.clusterIPs[0]",
            &Value::from(vec![address(value)]),
            "may not change once set",
        ));
    }
}
