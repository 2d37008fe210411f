//! Endings: finalizers, grace, propagation, garbage collection by owner, namespaces and collections.

use super::world::{MAPS_URI, config_map, send, server};
use kube::Client;
use serde_json::{Value, json};

const PODS_URI: &str = "/api/v1/namespaces/default/pods";

async fn owned(client: &Client, name: &str, owner: &Value, blocks: bool) -> Value {
    let mut map = config_map(name, json!({}));
    map["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks, "controller": true,
    }]);
    send(client, "POST", MAPS_URI, &map).await.1
}

async fn names(client: &Client) -> Vec<String> {
    let (_, list) = send(client, "GET", MAPS_URI, &Value::Null).await;
    let items = list["items"].as_array().expect("items").iter();
    items.map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

async fn end(client: &Client, name: &str, options: Value) -> (u16, Value) {
    send(client, "DELETE", &format!("{MAPS_URI}/{name}"), &options).await
}

#[tokio::test(start_paused = true)]
async fn finalizers_hold() {
    let client = server().client();
    let mut map = config_map("a", json!({}));
    map["metadata"]["finalizers"] = json!(["x.io/wait"]);
    send(&client, "POST", MAPS_URI, &map).await;
    let (code, marked) = end(&client, "a", Value::Null).await;
    assert_eq!((code, &marked["metadata"]["deletionTimestamp"]), (200, &json!("2027-01-15T08:00:00Z")));
    assert_eq!(names(&client).await, ["a"]);
    let more = json!({ "metadata": { "finalizers": ["x.io/wait", "x.io/more"] } });
    assert_eq!(send(&client, "PATCH", &format!("{MAPS_URI}/a"), &more).await.0, 422);
    let none = json!({ "metadata": { "finalizers": null } });
    assert_eq!(send(&client, "PATCH", &format!("{MAPS_URI}/a"), &none).await.0, 200);
    assert!(names(&client).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn dependents_follow_as_told() {
    for (policy, left) in [("Background", vec![]), ("Foreground", vec![]), ("Orphan", vec!["child", "grandchild"])] {
        let client = server().client();
        let (_, owner) = send(&client, "POST", MAPS_URI, &config_map("owner", json!({}))).await;
        let child = owned(&client, "child", &owner, true).await;
        owned(&client, "grandchild", &child, true).await;
        let (code, answer) = end(&client, "owner", json!({ "propagationPolicy": policy })).await;
        assert_eq!(code, 200, "{policy} {answer}");
        assert_eq!(names(&client).await, left, "{policy}");
    }
    let client = server().client();
    let (_, owner) = send(&client, "POST", MAPS_URI, &config_map("owner", json!({}))).await;
    let child = owned(&client, "child", &owner, true).await;
    let hold = json!({ "metadata": { "finalizers": ["x.io/wait"] } });
    send(&client, "PATCH", &format!("{MAPS_URI}/child"), &hold).await;
    end(&client, "owner", json!({ "propagationPolicy": "Foreground" })).await;
    assert_eq!(names(&client).await, ["child", "owner"], "the owner waits for its child");
    send(&client, "PATCH", &format!("{MAPS_URI}/child"), &json!({ "metadata": { "finalizers": null } })).await;
    assert!(names(&client).await.is_empty());
    owned(&client, "late", &child, true).await;
    assert!(names(&client).await.is_empty(), "what is owned by nobody that exists is collected");
}

#[tokio::test(start_paused = true)]
async fn preconditions_and_answers() {
    let client = server().client();
    let (_, map) = send(&client, "POST", MAPS_URI, &config_map("a", json!({}))).await;
    for wrong in [json!({ "uid": "other" }), json!({ "resourceVersion": "1" })] {
        let (code, body) = end(&client, "a", json!({ "preconditions": wrong })).await;
        assert_eq!((code, &body["reason"]), (409, &json!("Conflict")));
    }
    let (code, body) = end(&client, "a", json!({ "preconditions": { "uid": map["metadata"]["uid"] } })).await;
    assert_eq!(code, 200);
    assert_eq!(
        body,
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": { "name": "a", "kind": "configmaps", "uid": map["metadata"]["uid"] } })
    );
    for (name, label) in [("a", "x"), ("b", "y"), ("c", "x")] {
        send(&client, "POST", MAPS_URI, &config_map(name, json!({ "l": label }))).await;
    }
    let (code, list) = send(&client, "DELETE", &format!("{MAPS_URI}?labelSelector=l%3Dx"), &Value::Null).await;
    assert_eq!((code, list["items"].as_array().map(Vec::len)), (200, Some(2)));
    assert_eq!(names(&client).await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn pods_get_time_to_stop() {
    let client = server().client();
    let pod = |name: &str, node: Value| {
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
            "spec": { "nodeName": node, "containers": [{ "name": "c", "image": "web:1" }] } })
    };
    send(&client, "POST", PODS_URI, &pod("waiting", Value::Null)).await;
    assert_eq!(send(&client, "DELETE", &format!("{PODS_URI}/waiting"), &Value::Null).await.0, 200);
    assert_eq!(send(&client, "GET", &format!("{PODS_URI}/waiting"), &Value::Null).await.0, 404);
    send(&client, "POST", PODS_URI, &pod("running", json!("node"))).await;
    let uri = format!("{PODS_URI}/running");
    let (_, marked) = send(&client, "DELETE", &uri, &Value::Null).await;
    let times = (&marked["metadata"]["deletionTimestamp"], &marked["metadata"]["deletionGracePeriodSeconds"]);
    assert_eq!(times, (&json!("2027-01-15T08:00:30Z"), &json!(30)));
    send(&client, "DELETE", &uri, &json!({ "gracePeriodSeconds": 0 })).await;
    assert_eq!(send(&client, "GET", &uri, &Value::Null).await.0, 404);
    send(&client, "POST", PODS_URI, &pod("evicted", Value::Null)).await;
    let eviction = json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": "evicted" } });
    assert_eq!(send(&client, "POST", &format!("{PODS_URI}/evicted/eviction"), &eviction).await.0, 201);
    assert_eq!(send(&client, "GET", &format!("{PODS_URI}/evicted"), &Value::Null).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn namespaces_empty_out() {
    let client = server().client();
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "team" } });
    let (_, made) = send(&client, "POST", "/api/v1/namespaces", &namespace).await;
    assert_eq!(made["status"]["phase"], "Active");
    let inside = "/api/v1/namespaces/team/configmaps";
    let mut held = config_map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["x.io/wait"]);
    send(&client, "POST", inside, &held).await;
    send(&client, "POST", inside, &config_map("free", json!({}))).await;
    let (_, ending) = send(&client, "DELETE", "/api/v1/namespaces/team", &Value::Null).await;
    assert_eq!(ending["status"]["phase"], "Terminating");
    let (code, refusal) = send(&client, "POST", inside, &config_map("late", json!({}))).await;
    assert_eq!((code, &refusal["details"]["causes"][0]["reason"]), (403, &json!("NamespaceTerminating")));
    assert_eq!(send(&client, "GET", &format!("{inside}/free"), &Value::Null).await.0, 404);
    send(&client, "PATCH", &format!("{inside}/held"), &json!({ "metadata": { "finalizers": null } })).await;
    assert_eq!(send(&client, "GET", "/api/v1/namespaces/team", &Value::Null).await.0, 404);
}
