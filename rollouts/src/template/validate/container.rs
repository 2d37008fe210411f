//! The containers of a template: names, images, ports, environment, mounts, resources.
//!
//! What a container runs on (probes, hooks) is in `probe`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    finding::{Findings, each, integer, object, text},
    probe, resources,
};
use crate::template::names;

const MESSAGE_POLICIES: [&str; 2] = ["File", "FallbackToLogsOnError"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const SOURCES_OF_A_VALUE: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
const MUST_NAME_A_SOURCE: &str =
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
const ONLY_FOR_SIDECARS: &str = "may not be set for init containers without restartPolicy=Always";

type Volumes<'spec> = [(&'spec str, &'spec Map<String, Value>)];

/// Checks the containers and init containers of a pod.
pub(super) fn check(spec: &Map<String, Value>, volumes: &Volumes<'_>, path: &str, findings: &mut Findings) {
    let grace = integer(spec, "terminationGracePeriodSeconds").unwrap_or_default();
    let list = format!("{path}.containers");
    if each(spec, "containers").next().is_none() {
        findings.required(list.clone(), "");
    }
    let mut taken = BTreeSet::new();
    for (position, container) in each(spec, "containers") {
        let path = format!("{list}[{position}]");
        shared(container, volumes, &path, findings);
        let name = text(container, "name");
        if !taken.insert(name) {
            findings.duplicate(format!("{path}.name"), name);
        }
        probe::hooks(container, grace, &path, findings);
        probe::probes(container, grace, &path, findings);
        if container.get("restartPolicy").is_some_and(Value::is_string) {
            findings.forbidden(format!("{path}.restartPolicy"), "may not be set for non-init containers");
        }
    }
    let mut host_ports = BTreeSet::new();
    for (position, container) in each(spec, "containers") {
        host_port_conflicts(container, &mut host_ports, &format!("{list}[{position}]"), findings);
    }
    for (position, container) in each(spec, "initContainers") {
        let path = format!("{path}.initContainers[{position}]");
        shared(container, volumes, &path, findings);
        init(container, &mut taken, grace, &path, findings);
    }
    host_network(spec, &list, findings);
}

fn init<'spec>(
    container: &'spec Map<String, Value>,
    taken: &mut BTreeSet<&'spec str>,
    grace: i64,
    path: &str,
    findings: &mut Findings,
) {
    let policy = container.get("restartPolicy").and_then(Value::as_str);
    if let Some(policy) = policy.filter(|policy| *policy != "Always") {
        findings.unsupported(format!("{path}.restartPolicy"), policy, &["Always"]);
    }
    let name = text(container, "name");
    if !name.is_empty() && !taken.insert(name) {
        findings.duplicate(format!("{path}.name"), name);
    }
    host_port_conflicts(container, &mut BTreeSet::new(), path, findings);
    if policy == Some("Always") {
        probe::hooks(container, grace, path, findings);
        probe::probes(container, grace, path, findings);
        return;
    }
    for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if object(container, field).is_some() {
            findings.forbidden(format!("{path}.{field}"), ONLY_FOR_SIDECARS);
        }
    }
}

fn shared(container: &Map<String, Value>, volumes: &Volumes<'_>, path: &str, findings: &mut Findings) {
    let name = text(container, "name");
    if name.is_empty() {
        findings.required(format!("{path}.name"), "");
    } else {
        findings.invalid_text(&format!("{path}.name"), name, names::dns_label(name));
    }
    if text(container, "image").is_empty() {
        findings.required(format!("{path}.image"), "");
    }
    let policy = text(container, "terminationMessagePolicy");
    findings.one_of(format!("{path}.terminationMessagePolicy"), policy, &MESSAGE_POLICIES);
    ports(container, path, findings);
    environment(container, path, findings);
    mounts(container, volumes, path, findings);
    devices(container, volumes, path, findings);
    findings.one_of(format!("{path}.imagePullPolicy"), text(container, "imagePullPolicy"), &PULL_POLICIES);
    resources::check(container, &format!("{path}.resources"), findings);
}

fn ports(container: &Map<String, Value>, path: &str, findings: &mut Findings) {
    let mut taken = BTreeSet::new();
    for (position, port) in each(container, "ports") {
        let path = format!("{path}.ports[{position}]");
        let name = text(port, "name");
        let complaints = if name.is_empty() { Vec::new() } else { names::port_name(name) };
        if complaints.is_empty() && !name.is_empty() && !taken.insert(name) {
            findings.duplicate(format!("{path}.name"), name);
        }
        findings.invalid_text(&format!("{path}.name"), name, complaints);
        match integer(port, "containerPort").unwrap_or_default() {
            0 => findings.required(format!("{path}.containerPort"), ""),
            number => findings.port(format!("{path}.containerPort"), number),
        }
        match integer(port, "hostPort").unwrap_or_default() {
            0 => (),
            number => findings.port(format!("{path}.hostPort"), number),
        }
        findings.one_of(format!("{path}.protocol"), text(port, "protocol"), &PROTOCOLS);
    }
}

fn host_port_conflicts(
    container: &Map<String, Value>,
    taken: &mut BTreeSet<String>,
    path: &str,
    findings: &mut Findings,
) {
    for (position, port) in each(container, "ports") {
        let number = integer(port, "hostPort").unwrap_or_default();
        let claim = format!("{}/{}/{number}", text(port, "protocol"), text(port, "hostIP"));
        if number == 0 {
            continue;
        }
        if taken.contains(&claim) {
            findings.duplicate(format!("{path}.ports[{position}].hostPort"), &claim);
        }
        taken.insert(claim);
    }
}

/// On the host's network a port cannot be moved.
fn host_network(spec: &Map<String, Value>, path: &str, findings: &mut Findings) {
    if spec.get("hostNetwork") != Some(&Value::Bool(true)) {
        return;
    }
    for (container_position, container) in each(spec, "containers") {
        for (position, port) in each(container, "ports") {
            let host = integer(port, "hostPort").unwrap_or_default();
            if host != 0 && host != integer(port, "containerPort").unwrap_or_default() {
                let path = format!("{path}[{container_position}].ports[{position}].hostPort");
                findings.invalid_number(path, host, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

fn environment(container: &Map<String, Value>, path: &str, findings: &mut Findings) {
    for (position, variable) in each(container, "env") {
        let path = format!("{path}.env[{position}]");
        let name = text(variable, "name");
        if name.is_empty() {
            findings.required(format!("{path}.name"), "");
        } else {
            findings.invalid_text(&format!("{path}.name"), name, names::variable(name));
        }
        if let Some(source) = object(variable, "valueFrom") {
            let path = format!("{path}.valueFrom");
            let count = SOURCES_OF_A_VALUE.iter().filter(|kind| object(source, kind).is_some()).count();
            key_references(source, &path, findings);
            if count == 0 {
                findings.invalid(path, "\"\"", MUST_NAME_A_SOURCE);
            } else if !text(variable, "value").is_empty() {
                findings.invalid(path, "\"\"", "may not be specified when `value` is not empty");
            } else if count > 1 {
                findings.invalid(path, "\"\"", "may not have more than one field specified at a time");
            }
        }
    }
    for (position, source) in each(container, "envFrom") {
        let prefix = text(source, "prefix");
        if !prefix.is_empty() {
            findings.invalid_text(&format!("{path}.envFrom[{position}].prefix"), prefix, names::variable(prefix));
        }
        let kinds = ["configMapRef", "secretRef"].into_iter().filter_map(|kind| Some((kind, object(source, kind)?)));
        let mut count = 0;
        for (kind, reference) in kinds {
            count += 1;
            object_name(reference, &format!("{path}.envFrom[{position}].{kind}"), findings);
        }
        match count {
            0 => findings.invalid(
                format!("{path}.envFrom"),
                "\"\"",
                "must specify one of: `configMapRef` or `secretRef`",
            ),
            1 => (),
            _ => findings.invalid(
                format!("{path}.envFrom"),
                "\"\"",
                "may not have more than one field specified at a time",
            ),
        }
    }
}

fn key_references(source: &Map<String, Value>, path: &str, findings: &mut Findings) {
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        let Some(reference) = object(source, kind) else { continue };
        let path = format!("{path}.{kind}");
        object_name(reference, &path, findings);
        let key = text(reference, "key");
        if key.is_empty() {
            findings.required(format!("{path}.key"), "");
        } else {
            findings.invalid_text(&format!("{path}.key"), key, names::config_key(key));
        }
    }
}

fn object_name(reference: &Map<String, Value>, path: &str, findings: &mut Findings) {
    let name = text(reference, "name");
    findings.invalid_text(&format!("{path}.name"), name, names::dns_subdomain(name));
}

fn mounts(container: &Map<String, Value>, volumes: &Volumes<'_>, path: &str, findings: &mut Findings) {
    let mut taken = BTreeSet::new();
    for (position, mount) in each(container, "volumeMounts") {
        let path = format!("{path}.volumeMounts[{position}]");
        let (name, place) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            findings.required(format!("{path}.name"), "");
        }
        if !volumes.iter().any(|(known, _)| *known == name) {
            findings.not_found(format!("{path}.name"), name);
        }
        if place.is_empty() {
            findings.required(format!("{path}.mountPath"), "");
        }
        if !taken.insert(place) {
            findings.invalid_text(&format!("{path}.mountPath"), place, vec!["must be unique".to_owned()]);
        }
    }
}

fn devices(container: &Map<String, Value>, volumes: &Volumes<'_>, path: &str, findings: &mut Findings) {
    for (position, device) in each(container, "volumeDevices") {
        let path = format!("{path}.volumeDevices[{position}]");
        let name = text(device, "name");
        if name.is_empty() {
            findings.required(format!("{path}.name"), "");
        }
        if !volumes.iter().any(|(known, _)| *known == name) {
            findings.not_found(format!("{path}.name"), name);
        }
        if text(device, "devicePath").is_empty() {
            findings.required(format!("{path}.devicePath"), "");
        }
    }
}
