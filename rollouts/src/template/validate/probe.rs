//! How a container is looked at and told things: probes and lifecycle hooks.

use serde_json::{Map, Value};

use super::finding::{Findings, integer, object, text};
use crate::template::names;

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const HANDLERS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
const SCHEMES: [&str; 2] = ["HTTP", "HTTPS"];
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const NUMBERS: [&str; 5] =
    ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];

/// Checks the lifecycle hooks. `grace` is how long a pod has for its end.
pub(super) fn hooks(container: &Map<String, Value>, grace: i64, path: &str, findings: &mut Findings) {
    let Some(lifecycle) = object(container, "lifecycle") else { return };
    for name in ["postStart", "preStop"] {
        if let Some(hook) = object(lifecycle, name) {
            handler(hook, grace, &format!("{path}.lifecycle.{name}"), findings);
        }
    }
}

/// Checks the three probes.
pub(super) fn probes(container: &Map<String, Value>, grace: i64, path: &str, findings: &mut Findings) {
    for name in PROBES {
        let Some(probe) = object(container, name) else { continue };
        let path = format!("{path}.{name}");
        handler(probe, grace, &path, findings);
        for field in NUMBERS {
            let number = integer(probe, field).unwrap_or_default();
            if number < 0 {
                findings.invalid_number(format!("{path}.{field}"), number, NOT_NEGATIVE);
            }
        }
        let own_grace = integer(probe, "terminationGracePeriodSeconds");
        if let Some(own_grace) = own_grace.filter(|seconds| *seconds <= 0) {
            let path = format!("{path}.terminationGracePeriodSeconds");
            findings.invalid_number(path, own_grace, "must be greater than 0");
        }
        if name == "readinessProbe" {
            if let Some(own_grace) = own_grace {
                let path = format!("{path}.terminationGracePeriodSeconds");
                findings.invalid_number(path, own_grace, "must not be set for readinessProbes");
            }
            continue;
        }
        let threshold = integer(probe, "successThreshold").unwrap_or_default();
        if threshold != 1 {
            findings.invalid_number(format!("{path}.successThreshold"), threshold, "must be 1");
        }
    }
}

fn handler(holder: &Map<String, Value>, grace: i64, path: &str, findings: &mut Findings) {
    let mut seen = false;
    for kind in HANDLERS {
        let Some(action) = object(holder, kind) else { continue };
        let path = format!("{path}.{kind}");
        if seen {
            findings.forbidden(path, "may not specify more than 1 handler type");
            continue;
        }
        seen = true;
        match kind {
            "exec" => {
                if action.get("command").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                    findings.required(format!("{path}.command"), "");
                }
            }
            "httpGet" => http_get(action, &path, findings),
            "sleep" => sleep(action, grace, path, findings),
            _ => port(action.get("port"), format!("{path}.port"), findings),
        }
    }
    if !seen {
        findings.required(path.to_owned(), "must specify a handler type");
    }
}

fn http_get(action: &Map<String, Value>, path: &str, findings: &mut Findings) {
    port(action.get("port"), format!("{path}.port"), findings);
    let scheme = text(action, "scheme");
    if !SCHEMES.contains(&scheme) {
        findings.unsupported(format!("{path}.scheme"), scheme, &SCHEMES);
    }
}

fn sleep(action: &Map<String, Value>, grace: i64, path: String, findings: &mut Findings) {
    let seconds = integer(action, "seconds").unwrap_or_default();
    if seconds < 0 || seconds > grace {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        findings.invalid_number(path, seconds, &detail);
    }
}

fn port(port: Option<&Value>, path: String, findings: &mut Findings) {
    match port {
        Some(Value::String(name)) => findings.invalid_text(&path, name, names::port_name(name)),
        other => findings.port(path, other.and_then(Value::as_i64).unwrap_or_default()),
    }
}
