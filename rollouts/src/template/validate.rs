//! Whether a pod template can become a ReplicaSet: the checks of the API server that a wrong template usually fails.
//!
//! They run before anything is created, so that a mistake shows as one clear condition instead of a ReplicaSet that
//! cannot be made. What is not checked here, the API server still refuses.

mod container;
mod finding;
mod probe;
mod resources;
#[cfg(test)]
mod tests;
mod volume;

use crds::FieldError;
use serde_json::{Map, Value};

use self::finding::{Findings, each, integer, strings, text};
use super::{defaults::with_defaults, encode, names};

/// The largest size of all annotations of an object together.
const ANNOTATIONS_LIMIT: usize = 256 * 1024;
const DNS_POLICIES: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const RESTART_POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];
const SPREAD_ACTIONS: [&str; 2] = ["DoNotSchedule", "ScheduleAnyway"];
const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Everything that is wrong with a template, worded as the API server words it and in its order.
///
/// `selector` is the label selector that the template's labels must match; null is not checked. `path` is where
/// the template stands, such as `spec.template`.
pub fn validate(template: &Value, selector: &Value, path: &str) -> Vec<FieldError> {
    let template = with_defaults(template);
    let metadata = template.get("metadata").and_then(Value::as_object);
    let empty = Map::new();
    let spec = template.get("spec").and_then(Value::as_object).unwrap_or(&empty);
    let mut findings = Findings::default();
    selector_matches(selector, &strings(metadata, "labels"), path, &mut findings);
    labels(metadata, "labels", &format!("{path}.labels"), &mut findings);
    annotations(metadata, &format!("{path}.annotations"), &mut findings);
    let spec_path = format!("{path}.spec");
    let volumes = volume::check(spec, &spec_path, &mut findings);
    container::check(spec, &volumes, &spec_path, &mut findings);
    pod(spec, &spec_path, &mut findings);
    scheduling(spec, &spec_path, &mut findings);
    replica_set(spec, &spec_path, &mut findings);
    findings.all()
}

fn selector_matches(selector: &Value, labels: &[(&str, &str)], path: &str, findings: &mut Findings) {
    let Some(selector) = selector.as_object() else { return };
    let label = |name: &str| labels.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let equal = strings(Some(selector), "matchLabels").iter().all(|(name, value)| label(name) == Some(value));
    let holds = each(selector, "matchExpressions").all(|(_, expression)| {
        let value = label(text(expression, "key"));
        let listed = expression.get("values").and_then(Value::as_array);
        let among =
            value.is_some_and(|value| listed.is_some_and(|list| list.iter().any(|one| one.as_str() == Some(value))));
        match text(expression, "operator") {
            "In" => among,
            "NotIn" => !among,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    if !(equal && holds) {
        let shown: Vec<String> =
            labels.iter().map(|(name, value)| format!("{}:{}", encode::quoted(name), encode::quoted(value))).collect();
        let shown = if shown.is_empty() { "null".to_owned() } else { format!("{{{}}}", shown.join(",")) };
        findings.add(
            format!("{path}.metadata.labels"),
            format!("Invalid value: {shown}: `selector` does not match template `labels`"),
        );
    }
}

fn labels(parent: Option<&Map<String, Value>>, name: &str, path: &str, findings: &mut Findings) {
    for (key, value) in strings(parent, name) {
        findings.invalid_text(path, key, names::label_key(key));
        findings.invalid_text(path, value, names::label_value(value));
    }
}

fn annotations(metadata: Option<&Map<String, Value>>, path: &str, findings: &mut Findings) {
    let annotations = strings(metadata, "annotations");
    for (key, _) in &annotations {
        findings.invalid_text(path, key, names::label_key(&key.to_lowercase()));
    }
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS_LIMIT {
        findings.add(path.to_owned(), format!("Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"));
    }
}

fn pod(spec: &Map<String, Value>, path: &str, findings: &mut Findings) {
    findings.one_of(format!("{path}.restartPolicy"), text(spec, "restartPolicy"), &RESTART_POLICIES);
    findings.one_of(format!("{path}.dnsPolicy"), text(spec, "dnsPolicy"), &DNS_POLICIES);
    labels(Some(spec), "nodeSelector", &format!("{path}.nodeSelector"), findings);
    for (position, gate) in each(spec, "readinessGates") {
        let name = text(gate, "conditionType");
        findings.invalid_text(
            &format!("{path}.readinessGates[{position}].conditionType"),
            name,
            names::label_key(name),
        );
    }
    topology_spread(spec, path, findings);
    for (field, rule) in [
        ("serviceAccountName", names::dns_subdomain as fn(&str) -> Vec<String>),
        ("nodeName", names::dns_subdomain),
        ("hostname", names::dns_label),
        ("subdomain", names::dns_label),
    ] {
        let name = text(spec, field);
        if field == "hostname" {
            active_deadline(spec, path, findings);
        }
        if !name.is_empty() {
            findings.invalid_text(&format!("{path}.{field}"), name, rule(name));
        }
    }
}

fn active_deadline(spec: &Map<String, Value>, path: &str, findings: &mut Findings) {
    let deadline = integer(spec, "activeDeadlineSeconds").unwrap_or(1);
    if !(1..=i64::from(i32::MAX)).contains(&deadline) {
        let detail = format!("must be between 1 and {}, inclusive", i32::MAX);
        findings.invalid_number(format!("{path}.activeDeadlineSeconds"), deadline, &detail);
    }
}

fn topology_spread(spec: &Map<String, Value>, path: &str, findings: &mut Findings) {
    for (position, constraint) in each(spec, "topologySpreadConstraints") {
        let path = format!("{path}.topologySpreadConstraints[{position}]");
        let skew = integer(constraint, "maxSkew").unwrap_or_default();
        if skew <= 0 {
            findings.invalid_number(format!("{path}.maxSkew"), skew, "must be greater than zero");
        }
        if text(constraint, "topologyKey").is_empty() {
            findings.required(format!("{path}.topologyKey"), "can not be empty");
        }
        let action = text(constraint, "whenUnsatisfiable");
        if !SPREAD_ACTIONS.contains(&action) {
            findings.unsupported(format!("{path}.whenUnsatisfiable"), action, &SPREAD_ACTIONS);
        }
    }
}

fn scheduling(spec: &Map<String, Value>, path: &str, findings: &mut Findings) {
    for (position, toleration) in each(spec, "tolerations") {
        let path = format!("{path}.tolerations[{position}]");
        let [key, operator, value, effect] = ["key", "operator", "value", "effect"].map(|name| text(toleration, name));
        if !key.is_empty() {
            findings.invalid_text(&format!("{path}.key"), key, names::label_key(key));
        } else if operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            findings.invalid(format!("{path}.operator"), &encode::quoted(operator), detail);
        }
        if integer(toleration, "tolerationSeconds").is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            findings.invalid(format!("{path}.effect"), &encode::quoted(effect), detail);
        }
        match operator {
            "Equal" | "" => findings.invalid_text(&format!("{path}.operator"), value, names::label_value(value)),
            "Exists" if value.is_empty() => (),
            "Exists" => findings.invalid_text(
                &format!("{path}.operator"),
                value,
                vec!["value must be empty when `operator` is 'Exists'".to_owned()],
            ),
            // Comparisons are the newer API server's to judge.
            "Lt" | "Gt" => (),
            other => findings.unsupported(format!("{path}.operator"), other, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            findings.one_of(format!("{path}.effect"), effect, &TAINT_EFFECTS);
        }
    }
    let class = text(spec, "priorityClassName");
    if !class.is_empty() {
        findings.invalid_text(&format!("{path}.priorityClassName"), class, names::dns_subdomain(class));
    }
}

/// What a pod may have and the pods of a ReplicaSet may not.
fn replica_set(spec: &Map<String, Value>, path: &str, findings: &mut Findings) {
    if each(spec, "ephemeralContainers").next().is_some() {
        findings.forbidden(format!("{path}.ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }
    let policy = text(spec, "restartPolicy");
    if policy != "Always" {
        findings.unsupported(format!("{path}.restartPolicy"), policy, &["Always"]);
    }
    if integer(spec, "activeDeadlineSeconds").is_some() {
        findings
            .forbidden(format!("{path}.activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported");
    }
}
