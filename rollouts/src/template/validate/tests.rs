//! One mistake at a time in a template that is otherwise valid, and the words of the API server for it.

use serde_json::{Value, json};

use super::validate;

fn valid() -> Value {
    json!({"metadata": {"labels": {"app": "shop"}}, "spec": {
        "initContainers": [{"name": "init", "image": "shop:1"}],
        "containers": [
            {"name": "app", "image": "shop:1", "ports": [{"containerPort": 80, "name": "http"}],
                "volumeMounts": [{"name": "files", "mountPath": "/files"}]},
            {"name": "side", "image": "side:1"}],
        "volumes": [{"name": "files", "emptyDir": {}}]}})
}

fn selector() -> Value {
    json!({"matchLabels": {"app": "shop"}, "matchExpressions": [{"key": "app", "operator": "Exists"}]})
}

/// What is said about the valid template with one value replaced.
fn said(path: &str, value: Value) -> Option<String> {
    let mut template = valid();
    let (parent, name) = path.rsplit_once('/').expect("a path has a parent");
    let parent = template.pointer_mut(parent).expect("the parent is there");
    match parent {
        Value::Array(items) => items[name.parse::<usize>().expect("a position")] = value,
        other => other[name] = value,
    }
    validate(&template, &selector(), "spec.template").first().map(ToString::to_string)
}

#[test]
fn a_valid_template_is_valid() {
    assert_eq!(validate(&valid(), &selector(), "spec.template"), []);
    assert_eq!(validate(&valid(), &Value::Null, "spec.template"), []);
}

#[test]
fn each_mistake_of_the_pod_is_named() {
    let cases = [
        (
            "/metadata/labels",
            json!({"app": "other", "a": "<"}),
            r#"metadata.labels: Invalid value: {"a":"\u003c","app":"other"}: `selector` does not match template `labels`"#,
        ),
        (
            "/metadata/labels",
            json!(null),
            "metadata.labels: Invalid value: null: `selector` does not match template `labels`",
        ),
        (
            "/metadata/labels",
            json!({"app": "shop", "a/b/c": ""}),
            "labels: Invalid value: \"a/b/c\": a valid label key must consist of",
        ),
        (
            "/metadata/annotations",
            json!({"/x": ""}),
            "annotations: Invalid value: \"/x\": prefix part must be non-empty",
        ),
        ("/spec/containers", json!([]), "spec.containers: Required value"),
        (
            "/spec/restartPolicy",
            json!("OnFailure"),
            "spec.restartPolicy: Unsupported value: \"OnFailure\": supported values: \"Always\"",
        ),
        (
            "/spec/restartPolicy",
            json!("x"),
            "spec.restartPolicy: Unsupported value: \"x\": supported values: \"Always\", \"OnFailure\", \"Never\"",
        ),
        (
            "/spec/activeDeadlineSeconds",
            json!(5),
            "spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
        ),
        (
            "/spec/activeDeadlineSeconds",
            json!(0),
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        (
            "/spec/ephemeralContainers",
            json!([{"name": "e"}]),
            "spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template",
        ),
        ("/spec/hostname", json!("a.b"), "spec.hostname: Invalid value: \"a.b\": must not contain dots"),
        (
            "/spec/tolerations",
            json!([{"operator": "Equal"}]),
            "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
        ),
        (
            "/spec/topologySpreadConstraints",
            json!([{"maxSkew": 0}]),
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
        ("/spec/volumes/0", json!({"emptyDir": {}}), "spec.volumes[0].name: Required value"),
        (
            "/spec/volumes/0",
            json!({"name": "files", "secret": {}}),
            "spec.volumes[0].secret.secretName: Required value",
        ),
        (
            "/spec/volumes/0",
            json!({"name": "files", "emptyDir": {}, "nfs": {}}),
            "spec.volumes[0].nfs: Forbidden: may not specify more than 1 volume type",
        ),
        (
            "/spec/volumes",
            json!([{"name": "files"}, {"name": "files"}]),
            "spec.volumes[1].name: Duplicate value: \"files\"",
        ),
    ];
    for (path, value, expected) in cases {
        let said = said(path, value.clone()).unwrap_or_default();
        assert!(said.starts_with(&format!("spec.template.{expected}")), "{path} = {value}: {said}");
    }
}

#[test]
fn each_mistake_of_a_container_is_named() {
    let cases = [
        ("/name", json!(""), "name: Required value"),
        ("/name", json!("App"), "name: Invalid value: \"App\": a lowercase RFC 1123 label must consist of"),
        ("/image", json!(""), "image: Required value"),
        (
            "/imagePullPolicy",
            json!("x"),
            "imagePullPolicy: Unsupported value: \"x\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        ),
        ("/ports/0/containerPort", json!(0), "ports[0].containerPort: Required value"),
        (
            "/ports/0/containerPort",
            json!(70000),
            "ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        ("/ports/0/name", json!("80"), "ports[0].name: Invalid value: \"80\": must contain at least one letter (a-z)"),
        (
            "/ports/0/protocol",
            json!("x"),
            "ports[0].protocol: Unsupported value: \"x\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
        ),
        ("/env", json!([{"name": "1A"}]), "env[0].name: Invalid value: \"1A\": a valid environment variable name"),
        (
            "/env",
            json!([{"name": "A", "valueFrom": {}}]),
            "env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`",
        ),
        ("/envFrom", json!([{}]), "envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"),
        ("/volumeMounts/0/name", json!("gone"), "volumeMounts[0].name: Not found: \"gone\""),
        ("/volumeMounts/0/mountPath", json!(""), "volumeMounts[0].mountPath: Required value"),
        (
            "/resources",
            json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1500m"}}),
            "resources.requests: Invalid value: \"1500m\": must be less than or equal to cpu limit of 1",
        ),
        (
            "/resources",
            json!({"limits": {"cpu": -1}}),
            "resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
        ),
        (
            "/resources",
            json!({"requests": {"nvidia.com/gpu": 1}}),
            "resources.limits: Required value: Limit must be set for non overcommitable resources",
        ),
        ("/livenessProbe", json!({}), "livenessProbe: Required value: must specify a handler type"),
        (
            "/livenessProbe",
            json!({"exec": {"command": ["a"]}, "successThreshold": 2}),
            "livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            "/readinessProbe",
            json!({"httpGet": {"port": "A"}}),
            "readinessProbe.httpGet.port: Invalid value: \"A\": must contain only",
        ),
        ("/lifecycle", json!({"preStop": {"exec": {}, "sleep": {}}}), "lifecycle.preStop.exec.command: Required value"),
        ("/restartPolicy", json!("Always"), "restartPolicy: Forbidden: may not be set for non-init containers"),
    ];
    for (path, value, expected) in cases {
        let said = said(&format!("/spec/containers/0{path}"), value.clone()).unwrap_or_default();
        assert!(said.starts_with(&format!("spec.template.spec.containers[0].{expected}")), "{path} = {value}: {said}");
    }
}

#[test]
fn containers_do_not_share_names_or_host_ports() {
    let cases = [
        ("/spec/containers/1/name", json!("app"), "spec.containers[1].name: Duplicate value: \"app\""),
        ("/spec/initContainers/0/name", json!("app"), "spec.initContainers[0].name: Duplicate value: \"app\""),
        (
            "/spec/initContainers/0/readinessProbe",
            json!({"exec": {"command": ["a"]}}),
            "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ),
        (
            "/spec/containers/0/ports",
            json!([{"containerPort": 1, "hostPort": 2}, {"containerPort": 3, "hostPort": 2}]),
            "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//2\"",
        ),
        (
            "/spec/containers/0/ports",
            json!([{"containerPort": 1, "name": "a"}, {"containerPort": 3, "name": "a"}]),
            "spec.containers[0].ports[1].name: Duplicate value: \"a\"",
        ),
    ];
    for (path, value, expected) in cases {
        assert_eq!(said(path, value), Some(format!("spec.template.{expected}")), "{path}");
    }
}
