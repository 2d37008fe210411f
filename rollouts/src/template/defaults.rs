//! What the API server fills in when it stores a pod template, and what it adds when a pod is made of one.
//!
//! A template as its author wrote it and the same template read back from a ReplicaSet differ by exactly this.
//! Only adds; a value that is there, even a wrong one, stays.

use serde_json::{Map, Value, json};

use super::{child, image, object, quantity::Quantity};

/// The three lists of containers in a pod.
pub(super) const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const HOOKS: [&str; 2] = ["postStart", "preStop"];
/// Mode 0644, which Kubernetes writes in decimal.
const FILE_MODE: i32 = 420;
/// The template with the defaults that the API server applies to pod templates.
///
/// Those that it applies only to pods (requests from limits, host ports) are not among them: a stored template
/// does not show them.
pub fn with_defaults(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(spec) = object(&mut template).and_then(|template| child(template, "spec")) {
        pod_spec(spec);
    }
    template
}

/// The template with everything that a pod made of it would have.
///
/// Two templates that differ only here make the same pods. Clusters of before Kubernetes 1.28 stored the host ports.
pub(super) fn with_pod_defaults(template: &Value) -> Value {
    let mut template = with_defaults(template);
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else { return template };
    let is_on_host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["initContainers", "containers"] {
        for container in objects_in(spec, list) {
            requests_from_limits(container);
            if is_on_host_network {
                for port in objects_in(container, "ports") {
                    if let Some(number) = port.get("containerPort").cloned() {
                        fill_zero(port, "hostPort", number);
                    }
                }
            }
        }
    }
    fill(spec, "enableServiceLinks", Value::Bool(true));
    template
}

fn pod_spec(spec: &mut Map<String, Value>) {
    fill_zero(spec, "dnsPolicy", json!("ClusterFirst"));
    fill_zero(spec, "restartPolicy", json!("Always"));
    fill(spec, "securityContext", json!({}));
    fill(spec, "terminationGracePeriodSeconds", json!(30));
    fill_zero(spec, "schedulerName", json!("default-scheduler"));
    for each in objects_in(spec, "volumes") {
        volume(each);
    }
    for list in CONTAINER_LISTS {
        for each in objects_in(spec, list) {
            container(each);
        }
    }
    round_up(spec.get_mut("overhead"));
    resources(spec.get_mut("resources"));
}

fn container(container: &mut Map<String, Value>) {
    let reference = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let policy = pull_policy(reference);
    fill_zero(container, "imagePullPolicy", policy);
    fill_zero(container, "terminationMessagePath", json!("/dev/termination-log"));
    fill_zero(container, "terminationMessagePolicy", json!("File"));
    for port in objects_in(container, "ports") {
        fill_zero(port, "protocol", json!("TCP"));
    }
    for variable in objects_in(container, "env") {
        if let Some(source) = present(variable, "valueFrom") {
            field_reference(source);
            if let Some(key) = present(source, "fileKeyRef") {
                fill(key, "optional", Value::Bool(false));
            }
        }
    }
    resources(container.get_mut("resources"));
    for name in PROBES {
        if let Some(each) = present(container, name) {
            probe(each);
        }
    }
    if let Some(lifecycle) = present(container, "lifecycle") {
        for name in HOOKS {
            if let Some(hook) = present(lifecycle, name) {
                http_get(hook);
            }
        }
    }
}

fn probe(probe: &mut Map<String, Value>) {
    fill_zero(probe, "timeoutSeconds", json!(1));
    fill_zero(probe, "periodSeconds", json!(10));
    fill_zero(probe, "successThreshold", json!(1));
    fill_zero(probe, "failureThreshold", json!(3));
    http_get(probe);
    if let Some(grpc) = present(probe, "grpc") {
        fill(grpc, "service", json!(""));
    }
}

fn http_get(handler: &mut Map<String, Value>) {
    if let Some(get) = present(handler, "httpGet") {
        fill_zero(get, "path", json!("/"));
        fill_zero(get, "scheme", json!("HTTP"));
    }
}

fn volume(volume: &mut Map<String, Value>) {
    if volume.iter().all(|(name, source)| name == "name" || source.is_null()) {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    if let Some(source) = present(volume, "image") {
        let policy = pull_policy(source.get("reference").and_then(Value::as_str).unwrap_or_default());
        fill_zero(source, "pullPolicy", policy);
    }
    if let Some(source) = present(volume, "hostPath") {
        fill(source, "type", json!(""));
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = present(volume, name) {
            fill(source, "defaultMode", json!(FILE_MODE));
        }
    }
    if let Some(source) = present(volume, "downwardAPI") {
        items(source);
    }
    if let Some(source) = present(volume, "projected") {
        for projection in objects_in(source, "sources") {
            if let Some(downward) = present(projection, "downwardAPI") {
                items(downward);
            }
            if let Some(token) = present(projection, "serviceAccountToken") {
                fill(token, "expirationSeconds", json!(3600));
            }
        }
    }
    network_volume(volume);
    let claim = present(volume, "ephemeral").and_then(|source| present(source, "volumeClaimTemplate"));
    if let Some(spec) = claim.and_then(|claim| child(claim, "spec")) {
        fill(spec, "volumeMode", json!("Filesystem"));
        resources(spec.get_mut("resources"));
    }
}

fn network_volume(volume: &mut Map<String, Value>) {
    if let Some(source) = present(volume, "iscsi") {
        fill_zero(source, "iscsiInterface", json!("default"));
    }
    if let Some(source) = present(volume, "rbd") {
        fill_zero(source, "pool", json!("rbd"));
        fill_zero(source, "user", json!("admin"));
        fill_zero(source, "keyring", json!("/etc/ceph/keyring"));
    }
    if let Some(source) = present(volume, "azureDisk") {
        fill(source, "cachingMode", json!("ReadWrite"));
        fill(source, "fsType", json!("ext4"));
        fill(source, "readOnly", Value::Bool(false));
        fill(source, "kind", json!("Shared"));
    }
    if let Some(source) = present(volume, "scaleIO") {
        fill_zero(source, "storageMode", json!("ThinProvisioned"));
        fill_zero(source, "fsType", json!("xfs"));
    }
}

fn items(source: &mut Map<String, Value>) {
    for item in objects_in(source, "items") {
        field_reference(item);
    }
}

fn field_reference(holder: &mut Map<String, Value>) {
    if let Some(reference) = present(holder, "fieldRef") {
        fill_zero(reference, "apiVersion", json!("v1"));
    }
}

fn pull_policy(reference: &str) -> Value {
    json!(if image::is_latest(reference) { "Always" } else { "IfNotPresent" })
}

fn resources(resources: Option<&mut Value>) {
    if let Some(resources) = resources.and_then(Value::as_object_mut) {
        round_up(resources.get_mut("limits"));
        round_up(resources.get_mut("requests"));
    }
}

/// The API server keeps no more than thousandths.
fn round_up(amounts: Option<&mut Value>) {
    for amount in amounts.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(rounded) = Quantity::from_json(amount).and_then(|amount| amount.rounded_up()) {
            *amount = Value::from(rounded.text());
        }
    }
}

fn requests_from_limits(container: &mut Map<String, Value>) {
    let Some(resources) = present(container, "resources") else { return };
    let Some(limits) = present(resources, "limits").cloned() else { return };
    let Some(requests) = child(resources, "requests") else { return };
    for (name, limit) in limits {
        requests.entry(name).or_insert(limit);
    }
}

/// The objects of a list, a null being an empty one; whatever else stands in it is passed over.
fn objects_in<'parent>(
    parent: &'parent mut Map<String, Value>,
    list: &str,
) -> impl Iterator<Item = &'parent mut Map<String, Value>> {
    let items = parent.get_mut(list).and_then(Value::as_array_mut).map_or(&mut [][..], Vec::as_mut_slice);
    items.iter_mut().filter_map(object)
}

fn present<'parent>(parent: &'parent mut Map<String, Value>, name: &str) -> Option<&'parent mut Map<String, Value>> {
    parent.get_mut(name).and_then(Value::as_object_mut)
}

/// Sets a field that may be absent: zero and the empty text are values there.
fn fill(parent: &mut Map<String, Value>, name: &str, default: Value) {
    if parent.get(name).is_none_or(Value::is_null) {
        parent.insert(name.to_owned(), default);
    }
}

/// Sets a field whose zero means "not given".
fn fill_zero(parent: &mut Map<String, Value>, name: &str, default: Value) {
    let is_zero = match parent.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(_) => false,
    };
    if is_zero {
        parent.insert(name.to_owned(), default);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(spec: &Value) -> Value {
        with_defaults(&json!({"spec": spec}))["spec"].clone()
    }

    #[test]
    fn a_pod_and_its_containers_are_filled_in() {
        let spec = json!({"containers": [{"name": "app", "image": "shop", "ports": [{"containerPort": 80}]}]});
        let expected = json!({
            "containers": [{"name": "app", "image": "shop", "imagePullPolicy": "Always",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30});
        assert_eq!(stored(&spec), expected);
    }

    #[test]
    fn every_part_has_its_defaults() {
        let cases = [
            ("/volumes/0", json!({"volumes": [{"name": "v"}]}), json!({"name": "v", "emptyDir": {}})),
            ("/volumes/0/secret", json!({"volumes": [{"secret": {}}]}), json!({"defaultMode": 420})),
            (
                "/volumes/0/hostPath",
                json!({"volumes": [{"hostPath": {"path": "/"}}]}),
                json!({"path": "/", "type": ""}),
            ),
            (
                "/volumes/0/projected/sources/0/serviceAccountToken",
                json!({"volumes": [{"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]}),
                json!({"path": "t", "expirationSeconds": 3600}),
            ),
            (
                "/volumes/0/downwardAPI/items/0/fieldRef",
                json!({"volumes": [{"downwardAPI": {"items": [{"fieldRef": {"fieldPath": "a"}}]}}]}),
                json!({"apiVersion": "v1", "fieldPath": "a"}),
            ),
            (
                "/initContainers/0/livenessProbe",
                json!({"initContainers": [{"livenessProbe": {"grpc": {"port": 1}, "periodSeconds": 0}}]}),
                json!({"grpc": {"port": 1, "service": ""}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}),
            ),
            (
                "/containers/0/lifecycle/preStop/httpGet",
                json!({"containers": [{"lifecycle": {"preStop": {"httpGet": {"port": 1}}}}]}),
                json!({"port": 1, "path": "/", "scheme": "HTTP"}),
            ),
            (
                "/containers/0/resources",
                json!({"containers": [{"resources": {"limits": {"cpu": "0.0001"}}}]}),
                json!({"limits": {"cpu": "1m"}}),
            ),
        ];
        for (path, spec, expected) in cases {
            assert_eq!(stored(&spec).pointer(path), Some(&expected), "{path}");
        }
    }

    #[test]
    fn what_is_there_stays() {
        let spec = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "enableServiceLinks": false,
            "dnsPolicy": "None", "schedulerName": "mine", "securityContext": {"runAsUser": 0}, "containers": 5});
        assert_eq!(stored(&spec), spec);
    }
}
