//! The columns of built-in kinds, as a real API server prints them.

use crate::server::{
    kinds::Kind,
    object::{self, int, list, text},
    selectors::selector_text,
    table::{Cell, Column, age, age_since, human},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The columns of a kind, after its name where it has one.
pub(crate) fn columns(kind: &Kind, mut columns: Vec<Column>) -> Vec<Column> {
    let rows: &[(&str, &str, i64, Cell)] = match kind.kind.as_str() {
        "Pod" => PODS,
        "Deployment" => DEPLOYMENTS,
        "ReplicaSet" => REPLICA_SETS,
        "StatefulSet" => STATEFUL_SETS,
        "DaemonSet" => DAEMON_SETS,
        "Service" => SERVICES,
        "Namespace" => NAMESPACES,
        "Node" => NODES,
        "Job" => JOBS,
        "ConfigMap" => CONFIG_MAPS,
        "Secret" => SECRETS,
        "ServiceAccount" => AGED,
        "Lease" => LEASES,
        "EndpointSlice" => SLICES,
        "Endpoints" => ENDPOINTS,
        "PodDisruptionBudget" => BUDGETS,
        "HorizontalPodAutoscaler" => AUTOSCALERS,
        "Ingress" => INGRESSES,
        "Event" => {
            columns.clear();
            EVENTS
        }
        _ => CREATED,
    };
    columns.extend(rows.iter().map(|(name, kind, priority, cell)| Column::new(name, kind, *priority, *cell)));
    columns
}

type Row = (&'static str, &'static str, i64, Cell);

const AGED: &[Row] = &[("Age", "string", 0, age)];

const CREATED: &[Row] = &[("Created At", "date", 0, |one, _| text(one, &["metadata", "creationTimestamp"]).into())];

const PODS: &[Row] = &[
    ("Ready", "string", 0, |pod, _| {
        let statuses = list(pod, &["status", "containerStatuses"]);
        let ready = statuses.iter().filter(|status| status.get("ready") == Some(&Value::Bool(true))).count();
        format!("{ready}/{}", list(pod, &["spec", "containers"]).len()).into()
    }),
    ("Status", "string", 0, |pod, _| pod_status(pod).into()),
    ("Restarts", "string", 0, |pod, _| {
        let statuses = list(pod, &["status", "containerStatuses"]).iter();
        statuses.filter_map(|status| int(status, &["restartCount"])).sum::<i64>().to_string().into()
    }),
    ("Age", "string", 0, age),
    ("IP", "string", 1, |pod, _| or_none(text(pod, &["status", "podIP"]))),
    ("Node", "string", 1, |pod, _| or_none(text(pod, &["spec", "nodeName"]))),
    ("Nominated Node", "string", 1, |pod, _| or_none(text(pod, &["status", "nominatedNodeName"]))),
    ("Readiness Gates", "string", 1, |pod, _| {
        let gates = list(pod, &["spec", "readinessGates"]);
        let is_true = |gate: &&Value| {
            let wanted = text(gate, &["conditionType"]);
            list(pod, &["status", "conditions"])
                .iter()
                .any(|condition| text(condition, &["type"]) == wanted && text(condition, &["status"]) == "True")
        };
        if gates.is_empty() {
            return "<none>".into();
        }
        format!("{}/{}", gates.iter().filter(is_true).count(), gates.len()).into()
    }),
];

const DEPLOYMENTS: &[Row] = &[
    ("Ready", "string", 0, |one, _| {
        format!("{}/{}", number(one, &["status", "readyReplicas"]), number(one, &["spec", "replicas"])).into()
    }),
    ("Up-to-date", "string", 0, |one, _| number(one, &["status", "updatedReplicas"]).into()),
    ("Available", "string", 0, |one, _| number(one, &["status", "availableReplicas"]).into()),
    ("Age", "string", 0, age),
    ("Containers", "string", 1, |one, _| of_containers(one, "name")),
    ("Images", "string", 1, |one, _| of_containers(one, "image")),
    ("Selector", "string", 1, selector),
];

const REPLICA_SETS: &[Row] = &[
    ("Desired", "integer", 0, |one, _| number(one, &["spec", "replicas"]).into()),
    ("Current", "integer", 0, |one, _| number(one, &["status", "replicas"]).into()),
    ("Ready", "integer", 0, |one, _| number(one, &["status", "readyReplicas"]).into()),
    ("Age", "string", 0, age),
    ("Containers", "string", 1, |one, _| of_containers(one, "name")),
    ("Images", "string", 1, |one, _| of_containers(one, "image")),
    ("Selector", "string", 1, selector),
];

const STATEFUL_SETS: &[Row] = &[
    ("Ready", "string", 0, |one, _| {
        format!("{}/{}", number(one, &["status", "readyReplicas"]), number(one, &["spec", "replicas"])).into()
    }),
    ("Age", "string", 0, age),
    ("Containers", "string", 1, |one, _| of_containers(one, "name")),
    ("Images", "string", 1, |one, _| of_containers(one, "image")),
];

const DAEMON_SETS: &[Row] = &[
    ("Desired", "integer", 0, |one, _| number(one, &["status", "desiredNumberScheduled"]).into()),
    ("Current", "integer", 0, |one, _| number(one, &["status", "currentNumberScheduled"]).into()),
    ("Ready", "integer", 0, |one, _| number(one, &["status", "numberReady"]).into()),
    ("Up-to-date", "integer", 0, |one, _| number(one, &["status", "updatedNumberScheduled"]).into()),
    ("Available", "integer", 0, |one, _| number(one, &["status", "numberAvailable"]).into()),
    ("Age", "string", 0, age),
];

const SERVICES: &[Row] = &[
    ("Type", "string", 0, |one, _| text(one, &["spec", "type"]).into()),
    ("Cluster-IP", "string", 0, |one, _| or_none(text(one, &["spec", "clusterIP"]))),
    ("External-IP", "string", 0, |one, _| match text(one, &["spec", "type"]) {
        "ExternalName" => text(one, &["spec", "externalName"]).into(),
        "LoadBalancer" => {
            let ingress = list(one, &["status", "loadBalancer", "ingress"]).first();
            let address = ingress.map(|ingress| text(ingress, &["ip"])).unwrap_or_default();
            if address.is_empty() { "<pending>".into() } else { address.into() }
        }
        _ => "<none>".into(),
    }),
    ("Port(s)", "string", 0, |one, _| {
        let ports = list(one, &["spec", "ports"]).iter();
        let texts: Vec<String> = ports
            .map(|port| match int(port, &["nodePort"]) {
                Some(node) => format!("{}:{node}/{}", number(port, &["port"]), text(port, &["protocol"])),
                None => format!("{}/{}", number(port, &["port"]), text(port, &["protocol"])),
            })
            .collect();
        or_none(&texts.join(","))
    }),
    ("Age", "string", 0, age),
    ("Selector", "string", 1, |one, _| {
        let labels = object::at(one, &["spec", "selector"]).cloned().unwrap_or_default();
        or_none(&selector_text(&json!({ "matchLabels": labels })))
    }),
];

const NAMESPACES: &[Row] =
    &[("Status", "string", 0, |one, _| text(one, &["status", "phase"]).into()), ("Age", "string", 0, age)];

const NODES: &[Row] = &[
    ("Status", "string", 0, |one, _| {
        let ready = list(one, &["status", "conditions"]).iter().find(|row| text(row, &["type"]) == "Ready");
        match ready.map(|row| text(row, &["status"])) {
            Some("True") => "Ready".into(),
            Some(_) => "NotReady".into(),
            None => "Unknown".into(),
        }
    }),
    ("Roles", "string", 0, |_, _| "<none>".into()),
    ("Age", "string", 0, age),
    ("Version", "string", 0, |one, _| text(one, &["status", "nodeInfo", "kubeletVersion"]).into()),
];

const JOBS: &[Row] = &[
    ("Status", "string", 0, |one, _| {
        let has = |kind: &str| {
            let rows = list(one, &["status", "conditions"]).iter();
            rows.clone().any(|row| text(row, &["type"]) == kind && text(row, &["status"]) == "True")
        };
        let found = ["Complete", "Failed", "Suspended"].into_iter().find(|kind| has(kind));
        found.unwrap_or(if object::is_deleting(one) { "Terminating" } else { "Running" }).into()
    }),
    ("Completions", "string", 0, |one, _| {
        format!("{}/{}", number(one, &["status", "succeeded"]), int(one, &["spec", "completions"]).unwrap_or(1)).into()
    }),
    ("Duration", "string", 0, |one, now| {
        let moment = |key: &str| DateTime::parse_from_rfc3339(text(one, &["status", key])).ok();
        let Some(start) = moment("startTime") else { return "".into() };
        let end = moment("completionTime").map_or(now, |end| end.with_timezone(&Utc));
        human(end - start.with_timezone(&Utc)).into()
    }),
    ("Age", "string", 0, age),
    ("Containers", "string", 1, |one, _| of_containers(one, "name")),
    ("Images", "string", 1, |one, _| of_containers(one, "image")),
    ("Selector", "string", 1, selector),
];

const CONFIG_MAPS: &[Row] = &[("Data", "string", 0, |one, _| count(one, &["data"]).into()), ("Age", "string", 0, age)];

const SECRETS: &[Row] = &[
    ("Type", "string", 0, |one, _| text(one, &["type"]).into()),
    ("Data", "string", 0, |one, _| count(one, &["data"]).into()),
    ("Age", "string", 0, age),
];

const LEASES: &[Row] =
    &[("Holder", "string", 0, |one, _| text(one, &["spec", "holderIdentity"]).into()), ("Age", "string", 0, age)];

const SLICES: &[Row] = &[
    ("AddressType", "string", 0, |one, _| text(one, &["addressType"]).into()),
    ("Ports", "string", 0, |one, _| {
        let ports = list(one, &["ports"]).iter().map(|port| number(port, &["port"]).to_string());
        or_unset(&ports.collect::<Vec<_>>().join(","))
    }),
    ("Endpoints", "string", 0, |one, _| {
        let addresses = list(one, &["endpoints"]).iter().flat_map(|endpoint| list(endpoint, &["addresses"]));
        or_unset(&first_three(addresses.filter_map(Value::as_str).map(str::to_owned).collect()))
    }),
    ("Age", "string", 0, age),
];

const ENDPOINTS: &[Row] = &[
    ("Endpoints", "string", 0, |one, _| {
        let mut all = Vec::new();
        for subset in list(one, &["subsets"]) {
            for address in list(subset, &["addresses"]) {
                for port in list(subset, &["ports"]) {
                    all.push(format!("{}:{}", text(address, &["ip"]), number(port, &["port"])));
                }
            }
        }
        or_none(&first_three(all))
    }),
    ("Age", "string", 0, age),
];

const BUDGETS: &[Row] = &[
    ("Min Available", "string", 0, |one, _| amount(one, &["spec", "minAvailable"])),
    ("Max Unavailable", "string", 0, |one, _| amount(one, &["spec", "maxUnavailable"])),
    ("Allowed Disruptions", "integer", 0, |one, _| number(one, &["status", "disruptionsAllowed"]).into()),
    ("Age", "string", 0, age),
];

const AUTOSCALERS: &[Row] = &[
    ("Reference", "string", 0, |one, _| {
        let target = |key: &str| text(one, &["spec", "scaleTargetRef", key]);
        format!("{}/{}", target("kind"), target("name")).into()
    }),
    ("MinPods", "string", 0, |one, _| number(one, &["spec", "minReplicas"]).to_string().into()),
    ("MaxPods", "integer", 0, |one, _| number(one, &["spec", "maxReplicas"]).into()),
    ("Replicas", "integer", 0, |one, _| number(one, &["status", "currentReplicas"]).into()),
    ("Age", "string", 0, age),
];

const INGRESSES: &[Row] = &[
    ("Class", "string", 0, |one, _| or_none(text(one, &["spec", "ingressClassName"]))),
    ("Hosts", "string", 0, |one, _| {
        let hosts =
            list(one, &["spec", "rules"]).iter().map(|rule| text(rule, &["host"])).filter(|host| !host.is_empty());
        let hosts = hosts.collect::<Vec<_>>().join(",");
        if hosts.is_empty() { "*".into() } else { hosts.into() }
    }),
    ("Address", "string", 0, |_, _| "".into()),
    (
        "Ports",
        "string",
        0,
        |one, _| {
            if list(one, &["spec", "tls"]).is_empty() { "80".into() } else { "80, 443".into() }
        },
    ),
    ("Age", "string", 0, age),
];

const EVENTS: &[Row] = &[
    ("Last Seen", "string", 0, |one, now| {
        let stamps = [
            text(one, &["series", "lastObservedTime"]),
            text(one, &["lastTimestamp"]),
            text(one, &["eventTime"]),
            text(one, &["metadata", "creationTimestamp"]),
        ];
        let stamp = stamps.into_iter().find(|stamp| !stamp.is_empty()).unwrap_or_default();
        age_since(stamp, now).into()
    }),
    ("Type", "string", 0, |one, _| text(one, &["type"]).into()),
    ("Reason", "string", 0, |one, _| text(one, &["reason"]).into()),
    ("Object", "string", 0, |one, _| {
        let kind = text(one, &["involvedObject", "kind"]).to_lowercase();
        format!("{kind}/{}", text(one, &["involvedObject", "name"])).into()
    }),
    ("Subobject", "string", 1, |one, _| text(one, &["involvedObject", "fieldPath"]).into()),
    ("Source", "string", 1, |one, _| {
        let source = text(one, &["source", "component"]);
        if source.is_empty() { text(one, &["reportingComponent"]).into() } else { source.into() }
    }),
    ("Message", "string", 0, |one, _| text(one, &["message"]).trim().into()),
    ("Count", "string", 1, |one, _| int(one, &["count"]).unwrap_or(1).into()),
    ("Name", "string", 1, |one, _| object::name(one).into()),
];

fn number(value: &Value, path: &[&str]) -> i64 {
    int(value, path).unwrap_or_default()
}

fn count(value: &Value, path: &[&str]) -> usize {
    object::at(value, path).and_then(Value::as_object).map_or(0, serde_json::Map::len)
}

fn or_none(shown: &str) -> Value {
    if shown.is_empty() { "<none>".into() } else { shown.into() }
}

fn or_unset(shown: &str) -> Value {
    if shown.is_empty() { "<unset>".into() } else { shown.into() }
}

fn amount(value: &Value, path: &[&str]) -> Value {
    match object::at(value, path) {
        None => "N/A".into(),
        Some(Value::String(shown)) => shown.as_str().into(),
        Some(other) => other.to_string().into(),
    }
}

fn first_three(all: Vec<String>) -> String {
    let more = all.len().saturating_sub(3);
    let shown = all.into_iter().take(3).collect::<Vec<_>>().join(",");
    if more == 0 { shown } else { format!("{shown} + {more} more...") }
}

fn of_containers(value: &Value, key: &str) -> Value {
    let containers = list(value, &["spec", "template", "spec", "containers"]).iter();
    containers.map(|container| text(container, &[key])).collect::<Vec<_>>().join(",").into()
}

fn selector(value: &Value, _: DateTime<Utc>) -> Value {
    or_none(&object::at(value, &["spec", "selector"]).map(selector_text).unwrap_or_default())
}

/// One word for how a pod is: the most telling of phase, reason, containers and deletion.
fn pod_status(pod: &Value) -> String {
    let mut word = text(pod, &["status", "phase"]).to_owned();
    let reason = text(pod, &["status", "reason"]);
    if !reason.is_empty() {
        reason.clone_into(&mut word);
    }
    for status in list(pod, &["status", "containerStatuses"]).iter().rev() {
        let waiting = text(status, &["state", "waiting", "reason"]);
        let ended = text(status, &["state", "terminated", "reason"]);
        if !waiting.is_empty() {
            waiting.clone_into(&mut word);
        } else if !ended.is_empty() {
            ended.clone_into(&mut word);
        } else if let Some(code) = int(status, &["state", "terminated", "exitCode"]) {
            word = format!("ExitCode:{code}");
        }
    }
    if object::is_deleting(pod) && !matches!(word.as_str(), "Succeeded" | "Failed" | "Completed" | "Error") {
        "Terminating".clone_into(&mut word);
    }
    word
}
