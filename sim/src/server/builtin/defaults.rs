//! The defaults of built-in kinds, so that what is read back equals what a real server would have stored.
//!
//! Whoever compares pod templates, hashes them or adopts a ReplicaSet by them sees the same fields as on a cluster.

use crate::server::{
    kinds::Kind,
    object::{self, put, put_default},
};
use serde_json::{Value, json};

/// Fills in the defaults of a built-in object.
pub(crate) fn fill_in(kind: &Kind, value: &mut Value) {
    if kind.custom {
        return;
    }
    let counts: &[&str] = match kind.kind.as_str() {
        "ReplicaSet" => &["replicas"],
        "StatefulSet" => &["availableReplicas", "replicas"],
        "DaemonSet" => &["currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"],
        "PodDisruptionBudget" => &["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"],
        _ => &[],
    };
    for count in counts {
        put_default(value, &["status", count], 0.into());
    }
    match kind.kind.as_str() {
        "CronJob" => fill_in_cron_job(value),
        "Role" | "ClusterRole" => put_default(value, &["rules"], Value::Null),
        "NetworkPolicy" => fill_in_network_policy(value),
        "Ingress" => put_default(value, &["status", "loadBalancer"], json!({})),
        "Event" => {
            for time in ["eventTime", "firstTimestamp", "lastTimestamp"] {
                put_default(value, &[time], Value::Null);
            }
            put_default(value, &["source"], json!({}));
            put_default(value, &["reportingComponent"], "".into());
            put_default(value, &["reportingInstance"], "".into());
        }
        "Pod" => fill_in_pod(value),
        "ReplicaSet" => fill_in_workload(value, &[(&["replicas"], json!(1))]),
        "Deployment" => fill_in_deployment(value),
        "StatefulSet" => fill_in_workload(value, &stateful_set()),
        "DaemonSet" => fill_in_workload(value, &daemon_set()),
        "Job" => fill_in_job(value),
        "PodTemplate" => fill_in_template(value, "template"),
        "Service" => fill_in_service(value),
        "Secret" => put_default(value, &["type"], "Opaque".into()),
        "HorizontalPodAutoscaler" => {
            put_default(value, &["spec", "minReplicas"], 1.into());
            put_default(value, &["status", "currentMetrics"], Value::Null);
            put_default(value, &["status", "desiredReplicas"], 0.into());
        }
        "EndpointSlice" => {
            // Empty lists of this kind are stored and shown as null.
            put_default(value, &["endpoints"], Value::Null);
            put_default(value, &["ports"], Value::Null);
            for port in elements(value, &["ports"]) {
                put_default(port, &["protocol"], "TCP".into());
                put_default(port, &["name"], "".into());
            }
        }
        "Endpoints" => {
            for subset in elements(value, &["subsets"]) {
                for port in elements(subset, &["ports"]) {
                    put_default(port, &["protocol"], "TCP".into());
                }
            }
        }
        _ => {}
    }
}

fn stateful_set() -> [(&'static [&'static str], Value); 5] {
    [
        (&["replicas"], json!(1)),
        (&["podManagementPolicy"], json!("OrderedReady")),
        (&["revisionHistoryLimit"], json!(10)),
        (&["updateStrategy"], json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } })),
        (&["persistentVolumeClaimRetentionPolicy"], json!({ "whenDeleted": "Retain", "whenScaled": "Retain" })),
    ]
}

fn daemon_set() -> [(&'static [&'static str], Value); 2] {
    let update = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 0 } });
    [(&["revisionHistoryLimit"], json!(10)), (&["updateStrategy"], update)]
}

fn elements<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut [Value] {
    let found = path.iter().try_fold(value, |inner, key| inner.get_mut(*key));
    found.and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

type Default<'a> = (&'a [&'a str], Value);

fn fill_in_workload(value: &mut Value, defaults: &[Default<'_>]) {
    let Some(spec) = value.get_mut("spec") else { return };
    for (path, default) in defaults {
        put_default(spec, path, default.clone());
    }
    fill_in_template(spec, "template");
}

fn fill_in_deployment(value: &mut Value) {
    put_default(value, &["status"], json!({}));
    fill_in_workload(
        value,
        &[
            (&["replicas"], json!(1)),
            (&["revisionHistoryLimit"], json!(10)),
            (&["progressDeadlineSeconds"], json!(600)),
            (&["strategy", "type"], json!("RollingUpdate")),
        ],
    );
    if object::text(value, &["spec", "strategy", "type"]) == "RollingUpdate" {
        put_default(value, &["spec", "strategy", "rollingUpdate", "maxSurge"], "25%".into());
        put_default(value, &["spec", "strategy", "rollingUpdate", "maxUnavailable"], "25%".into());
    }
}

fn fill_in_job(value: &mut Value) {
    let (name, uid) = (object::name(value).to_owned(), object::uid(value).to_owned());
    let is_manual = object::at(value, &["spec", "manualSelector"]) == Some(&Value::Bool(true));
    let Some(spec) = value.get_mut("spec") else { return };
    let has_counts = spec.get("completions").is_some() || spec.get("parallelism").is_some();
    if !has_counts {
        put(spec, &["completions"], 1.into());
    }
    for (key, default) in [
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("manualSelector", json!(false)),
    ] {
        put_default(spec, &[key], default);
    }
    if !is_manual && !uid.is_empty() {
        for (key, text) in [
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("job-name", &name),
        ] {
            put(spec, &["template", "metadata", "labels", key], text.as_str().into());
        }
        put_default(spec, &["selector", "matchLabels", "batch.kubernetes.io/controller-uid"], uid.into());
    }
    fill_in_template(spec, "template");
    let labels = object::at(spec, &["template", "metadata", "labels"]).cloned().unwrap_or_default();
    put_default(value, &["metadata", "labels"], labels);
    put_default(value, &["status"], json!({}));
}

fn fill_in_cron_job(value: &mut Value) {
    put_default(value, &["status"], json!({}));
    let Some(spec) = value.get_mut("spec") else { return };
    for (path, default) in [
        (vec!["concurrencyPolicy"], json!("Allow")),
        (vec!["failedJobsHistoryLimit"], json!(1)),
        (vec!["successfulJobsHistoryLimit"], json!(3)),
        (vec!["suspend"], json!(false)),
        (vec!["jobTemplate", "metadata"], json!({})),
    ] {
        put_default(spec, &path, default);
    }
    if let Some(job) = spec.get_mut("jobTemplate").and_then(|template| template.get_mut("spec")) {
        fill_in_template(job, "template");
    }
}

fn fill_in_network_policy(value: &mut Value) {
    let mut types = vec![json!("Ingress")];
    if !object::list(value, &["spec", "egress"]).is_empty() {
        types.push("Egress".into());
    }
    put_default(value, &["spec", "policyTypes"], types.into());
}

fn fill_in_service(value: &mut Value) {
    for (path, default) in [(["spec", "type"], json!("ClusterIP")), (["spec", "sessionAffinity"], json!("None"))] {
        put_default(value, &path, default);
    }
    for port in elements(value, &["spec", "ports"]) {
        put_default(port, &["protocol"], "TCP".into());
        let same = port.get("port").cloned().unwrap_or_default();
        put_default(port, &["targetPort"], same);
    }
    put_default(value, &["status", "loadBalancer"], json!({}));
    let kind = object::text(value, &["spec", "type"]).to_owned();
    if kind == "ExternalName" {
        return;
    }
    put_default(value, &["spec", "ipFamilies"], json!(["IPv4"]));
    put_default(value, &["spec", "ipFamilyPolicy"], "SingleStack".into());
    put_default(value, &["spec", "internalTrafficPolicy"], "Cluster".into());
    let address = fake_address(object::uid(value));
    put_default(value, &["spec", "clusterIP"], address.into());
    let address = object::text(value, &["spec", "clusterIP"]).to_owned();
    put_default(value, &["spec", "clusterIPs"], json!([address]));
    if kind == "LoadBalancer" || kind == "NodePort" {
        put_default(value, &["spec", "externalTrafficPolicy"], "Cluster".into());
    }
    if kind == "LoadBalancer" {
        put_default(value, &["spec", "allocateLoadBalancerNodePorts"], true.into());
    }
}

/// An address in the range for benchmarks that nothing answers at, the same for the same Service.
fn fake_address(uid: &str) -> String {
    let mixed = uid.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("198.19.{}.{}", (mixed >> 8) & 0xff, (mixed & 0x7f) + 1)
}

fn fill_in_template(holder: &mut Value, key: &str) {
    if let Some(template) = holder.get_mut(key) {
        put_default(template, &["metadata"], json!({}));
        put_default(template, &["spec"], json!({}));
        if let Some(spec) = template.get_mut("spec") {
            fill_in_pod_spec(spec);
        }
    }
}

fn fill_in_pod(value: &mut Value) {
    let Some(spec) = value.get_mut("spec") else { return };
    fill_in_pod_spec(spec);
    for (key, default) in [
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("priority", json!(0)),
        ("serviceAccount", json!("default")),
        ("serviceAccountName", json!("default")),
        ("tolerations", json!([toleration("not-ready"), toleration("unreachable")])),
    ] {
        put_default(spec, &[key], default);
    }
    for container in elements(spec, &["containers"]) {
        let limits = object::at(container, &["resources", "limits"]).cloned().unwrap_or_default();
        for (resource, amount) in limits.as_object().into_iter().flatten() {
            put_default(container, &["resources", "requests", resource], amount.clone());
        }
    }
    put_default(value, &["status", "phase"], "Pending".into());
    put_default(value, &["status", "qosClass"], quality_of(value).into());
}

fn toleration(taint: &str) -> Value {
    json!({
        "effect": "NoExecute", "key": format!("node.kubernetes.io/{taint}"), "operator": "Exists", "tolerationSeconds": 300,
    })
}

fn quality_of(pod: &Value) -> &'static str {
    let containers = object::list(pod, &["spec", "containers"]);
    let amounts =
        |container: &Value, key: &str| object::at(container, &["resources", key]).cloned().unwrap_or_default();
    let names_any = |key| containers.iter().any(|one| amounts(one, key).as_object().is_some_and(|map| !map.is_empty()));
    let is_full = |one: &Value| {
        let limits = amounts(one, "limits");
        limits.get("cpu").is_some() && limits.get("memory").is_some() && limits == amounts(one, "requests")
    };
    if !names_any("limits") && !names_any("requests") {
        "BestEffort"
    } else if containers.iter().all(is_full) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn fill_in_pod_spec(spec: &mut Value) {
    for (key, default) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("restartPolicy", json!("Always")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
        ("terminationGracePeriodSeconds", json!(30)),
    ] {
        put_default(spec, &[key], default);
    }
    // The old name of the account is kept equal to the new one.
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        put_default(spec, &["serviceAccount"], account);
    } else if let Some(account) = spec.get("serviceAccount").cloned() {
        put_default(spec, &["serviceAccountName"], account);
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        elements(spec, &[list]).iter_mut().for_each(fill_in_container);
    }
    elements(spec, &["volumes"]).iter_mut().for_each(fill_in_volume);
}

fn fill_in_container(container: &mut Value) {
    let pull = pull_policy(object::text(container, &["image"]));
    for (key, default) in [
        ("imagePullPolicy", json!(pull)),
        ("resources", json!({})),
        ("terminationMessagePath", json!("/dev/termination-log")),
        ("terminationMessagePolicy", json!("File")),
    ] {
        put_default(container, &[key], default);
    }
    for port in elements(container, &["ports"]) {
        put_default(port, &["protocol"], "TCP".into());
    }
    for variable in elements(container, &["env"]) {
        if object::at(variable, &["valueFrom", "fieldRef"]).is_some() {
            put_default(variable, &["valueFrom", "fieldRef", "apiVersion"], "v1".into());
        }
        if object::at(variable, &["valueFrom", "resourceFieldRef"]).is_some() {
            put_default(variable, &["valueFrom", "resourceFieldRef", "divisor"], "0".into());
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            fill_in_probe(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(hook) = container.get_mut("lifecycle").and_then(|lifecycle| lifecycle.get_mut(hook)) {
            fill_in_http(hook);
        }
    }
}

fn fill_in_probe(probe: &mut Value) {
    for (key, default) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        put_default(probe, &[key], default.into());
    }
    if object::at(probe, &["grpc"]).is_some() {
        put_default(probe, &["grpc", "service"], "".into());
    }
    fill_in_http(probe);
}

fn fill_in_http(holder: &mut Value) {
    if let Some(get) = holder.get_mut("httpGet") {
        put_default(get, &["path"], "/".into());
        put_default(get, &["scheme"], "HTTP".into());
    }
}

fn fill_in_volume(volume: &mut Value) {
    let sources = volume.as_object().map_or(0, |fields| fields.keys().filter(|key| *key != "name").count());
    if sources == 0 {
        put(volume, &["emptyDir"], json!({}));
    }
    for source in ["secret", "configMap", "projected", "downwardAPI"] {
        if volume.get(source).is_some() {
            put_default(volume, &[source, "defaultMode"], 420.into());
        }
    }
    if volume.get("hostPath").is_some() {
        put_default(volume, &["hostPath", "type"], "".into());
    }
    for item in elements(volume, &["downwardAPI", "items"]) {
        if item.get("fieldRef").is_some() {
            put_default(item, &["fieldRef", "apiVersion"], "v1".into());
        }
    }
}

/// Images without a tag, or with `latest`, are pulled each time.
fn pull_policy(image: &str) -> &'static str {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains('@') {
        return "IfNotPresent";
    }
    match last.split_once(':') {
        Some((_, tag)) if tag != "latest" => "IfNotPresent",
        _ => "Always",
    }
}

#[cfg(test)]
mod tests {
    use super::fill_in;
    use crate::server::kinds::Kinds;
    use serde_json::json;

    #[test]
    fn templates_and_services() {
        let kinds = Kinds::built_in();
        let mut set = json!({ "spec": { "template": { "metadata": {}, "spec": { "containers": [
            { "name": "a", "image": "web:1", "ports": [{ "containerPort": 80 }], "readinessProbe": { "httpGet": { "port": 80 } } },
        ] } } } });
        fill_in(&kinds.of_path("apps", "v1", "replicasets").expect("built in"), &mut set);
        assert_eq!(set["spec"]["replicas"], 1);
        let spec = &set["spec"]["template"]["spec"];
        assert_eq!((&spec["restartPolicy"], &spec["securityContext"]), (&json!("Always"), &json!({})));
        let container = &spec["containers"][0];
        assert_eq!(
            (&container["imagePullPolicy"], &container["ports"][0]["protocol"]),
            (&json!("IfNotPresent"), &json!("TCP"))
        );
        assert_eq!(
            container["readinessProbe"],
            json!({ "failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
                "httpGet": { "path": "/", "port": 80, "scheme": "HTTP" } })
        );
        let mut service = json!({ "metadata": { "uid": "u" }, "spec": { "ports": [{ "port": 80 }] } });
        fill_in(&kinds.of_path("", "v1", "services").expect("built in"), &mut service);
        assert_eq!(service["spec"]["ports"][0], json!({ "port": 80, "protocol": "TCP", "targetPort": 80 }));
        assert_eq!(service["spec"]["clusterIPs"][0], service["spec"]["clusterIP"]);
    }
}
