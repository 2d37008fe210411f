//! Discovery, OpenAPI, kinds that arrive at run time, and what built-in kinds have beyond storage.

use super::world::{RUNS, WIDGETS_URI, get_as, send, send_as, server, widget};
use kube::{
    api::{Api, DynamicObject},
    discovery::Discovery,
};
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn both_forms_name_the_kinds() {
    let server = server();
    for aggregated in [false, true] {
        let discovery = Discovery::new(server.client());
        let found =
            if aggregated { discovery.run_aggregated().await } else { discovery.run().await }.expect("discovered");
        let (resource, capabilities) =
            found.resolve_gvk(&kube::core::GroupVersionKind::gvk("example.io", "v1", "Widget")).expect("served");
        assert_eq!(resource.plural, "widgets");
        assert!(capabilities.subresources.iter().any(|(one, _)| one.plural.ends_with("scale")));
        let api: Api<DynamicObject> = Api::default_namespaced_with(server.client(), &resource);
        assert!(api.get_opt("none").await.expect("asked").is_none());
    }
    let version = server.client().apiserver_version().await.expect("a version");
    assert_eq!(version.git_version, "v1.36.3");
}

#[tokio::test(start_paused = true)]
async fn openapi_explains_custom_kinds() {
    let client = server().client();
    let (_, index) = send(&client, "GET", "/openapi/v3", &Value::Null).await;
    let url = index["paths"]["apis/example.io/v1"]["serverRelativeURL"].as_str().expect("a document").to_owned();
    let (_, document) = send(&client, "GET", &url, &Value::Null).await;
    let schema = &document["components"]["schemas"]["io.example.v1.Widget"];
    assert_eq!(schema["properties"]["spec"]["properties"]["replicas"]["description"], "How many.");
    let patch = &document["paths"]["/apis/example.io/v1/namespaces/{namespace}/widgets/{name}"]["patch"];
    let parameters = patch["parameters"].as_array().expect("parameters").iter();
    assert!(parameters.map(|one| &one["name"]).any(|name| name == "fieldValidation"));
    assert_eq!(
        get_as(&client, "/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf").await.0,
        406
    );
}

#[tokio::test(start_paused = true)]
async fn kinds_come_and_go() {
    let client = server().client();
    let text = RUNS.replace("runs", "walks").replace("Run", "Walk");
    let definition = serde_saphyr::from_str::<Value>(&text).expect("YAML");
    let uri = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let walks = "/apis/example.io/v1/namespaces/default/walks";
    assert_eq!(send(&client, "GET", walks, &Value::Null).await.0, 404);
    let (code, made) = send(&client, "POST", uri, &definition).await;
    assert_eq!((code, &made["status"]["conditions"][1]["type"]), (201, &json!("Established")));
    let walk = json!({ "apiVersion": "example.io/v1", "kind": "Walk", "metadata": { "name": "w" }, "free": [1] });
    assert_eq!(send(&client, "POST", walks, &walk).await.1["free"], json!([1]));
    assert_eq!(send(&client, "DELETE", &format!("{uri}/walks.example.io"), &Value::Null).await.0, 200);
    assert_eq!(send(&client, "GET", walks, &Value::Null).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn versions_of_a_kind_share_their_objects() {
    let server = server();
    server.apply_yaml(sim::server::ISTIO).expect("installed");
    let client = server.client();
    let uri = |version: &str| format!("/apis/networking.istio.io/{version}/namespaces/default/virtualservices");
    let service = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": { "name": "v" },
        "spec": { "hosts": ["a"], "http": [{ "route": [{ "destination": { "host": "a" }, "weight": 100 }] }] },
    });
    assert_eq!(send(&client, "POST", &uri("v1"), &service).await.0, 201);
    let (_, old) = send(&client, "GET", &format!("{}/v", uri("v1beta1")), &Value::Null).await;
    assert_eq!((&old["apiVersion"], &old["spec"]), (&json!("networking.istio.io/v1beta1"), &service["spec"]));
    let (_, list) = send(&client, "GET", &uri("v1alpha3"), &Value::Null).await;
    assert_eq!(list["items"][0]["apiVersion"], "networking.istio.io/v1alpha3");
    let patch = json!({ "spec": { "hosts": ["b"] } });
    assert_eq!(send(&client, "PATCH", &format!("{}/v", uri("v1beta1")), &patch).await.0, 200);
    let (_, new) = send(&client, "GET", &format!("{}/v", uri("v1")), &Value::Null).await;
    assert_eq!((&new["apiVersion"], &new["spec"]["hosts"]), (&json!("networking.istio.io/v1"), &json!(["b"])));
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_are_spoken_of() {
    let client = server().client();
    let strict = format!("{WIDGETS_URI}?fieldValidation=Strict");
    let (code, body) = send(&client, "POST", &strict, &widget("a", json!({ "no": 1 }))).await;
    assert_eq!(code, 400);
    assert_eq!(
        body["message"],
        "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.no\""
    );
    let request = http::Request::post(WIDGETS_URI).header("content-type", "application/json");
    let body = serde_json::to_vec(&widget("a", json!({ "no": 1 }))).expect("JSON");
    let answer =
        client.send(request.body(kube::client::Body::from(body)).expect("a request")).await.expect("an answer");
    assert_eq!(answer.headers()["warning"], "299 - \"unknown field \\\"spec.no\\\"\"");
}

#[tokio::test(start_paused = true)]
async fn scale_reads_and_writes_the_replicas() {
    let client = server().client();
    send(&client, "POST", WIDGETS_URI, &widget("a", json!({ "replicas": 2 }))).await;
    let status = json!({ "status": { "replicas": 1, "selector": "app=a" } });
    send(&client, "PATCH", &format!("{WIDGETS_URI}/a/status"), &status).await;
    let uri = format!("{WIDGETS_URI}/a/scale");
    let (_, scale) = send(&client, "GET", &uri, &Value::Null).await;
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(2)));
    assert_eq!(scale["status"], json!({ "replicas": 1, "selector": "app=a" }));
    let (_, scale) = send(&client, "PATCH", &uri, &json!({ "spec": { "replicas": 5 } })).await;
    assert_eq!(scale["spec"]["replicas"], 5);
    let (_, widget) = send(&client, "GET", &format!("{WIDGETS_URI}/a"), &Value::Null).await;
    assert_eq!((&widget["spec"]["replicas"], &widget["metadata"]["generation"]), (&json!(5), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn events_have_two_faces() {
    let client = server().client();
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": { "name": "e" }, "reason": "R", "note": "said",
        "regarding": { "kind": "Pod", "name": "p" }, "type": "Normal", "action": "A", "reportingController": "c",
        "reportingInstance": "i", "eventTime": "2027-01-15T08:00:00.000000Z",
    });
    let uri = "/apis/events.k8s.io/v1/namespaces/default/events";
    let (code, made) = send(&client, "POST", uri, &event).await;
    assert_eq!((code, &made["note"], &made["regarding"]["name"]), (201, &json!("said"), &json!("p")));
    let core = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp";
    let (_, list) = send(&client, "GET", core, &Value::Null).await;
    assert_eq!((&list["items"][0]["message"], &list["items"][0]["reportingComponent"]), (&json!("said"), &json!("c")));
    let (_, patched) = send(&client, "PATCH", &format!("{uri}/e"), &json!({ "note": "again" })).await;
    assert_eq!(patched["note"], "again");
}

#[tokio::test(start_paused = true)]
async fn built_in_objects_are_completed_and_checked() {
    let client = server().client();
    let uri = "/apis/apps/v1/namespaces/default/replicasets";
    let set = |labels: Value| {
        json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": { "name": "r" }, "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "c", "image": "web:1" }] } } } })
    };
    let (code, body) = send(&client, "POST", uri, &set(json!({ "app": "api" }))).await;
    assert_eq!(code, 422);
    assert_eq!(
        body["message"],
        "ReplicaSet.apps \"r\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"api\"}: `selector` does not match template `labels`"
    );
    let (code, made) = send(&client, "POST", uri, &set(json!({ "app": "web" }))).await;
    assert_eq!((code, &made["spec"]["template"]["spec"]["restartPolicy"]), (201, &json!("Always")));
    let image = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "c", "image": "web:2" }] } } } });
    let media = "application/strategic-merge-patch+json";
    let (_, patched) = send_as(&client, "PATCH", &format!("{uri}/r"), media, &image).await;
    let container = &patched["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["imagePullPolicy"]), (&json!("web:2"), &json!("IfNotPresent")));
    let other = json!({ "spec": { "selector": { "matchLabels": { "more": "labels" } } } });
    assert_eq!(send(&client, "PATCH", &format!("{uri}/r"), &other).await.0, 422);
}
