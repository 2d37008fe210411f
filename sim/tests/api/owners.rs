//! Field managers: server-side apply, its conflicts and removals, and what other writes take over.

use super::world::{MAPS_URI, WIDGETS_URI, config_map, send, send_as, server, widget};
use kube::Client;
use serde_json::{Value, json};

async fn apply(client: &Client, uri: &str, manager: &str, force: bool, object: &Value) -> (u16, Value) {
    let uri =
        format!("{uri}/{}?fieldManager={manager}&force={force}", object["metadata"]["name"].as_str().expect("a name"));
    send_as(client, "PATCH", &uri, "application/apply-patch+yaml", object).await
}

fn owners(object: &Value) -> Vec<(String, String)> {
    let entries = object["metadata"]["managedFields"].as_array().expect("owners").iter();
    entries.map(|entry| (entry["manager"].as_str().expect("who").to_owned(), entry["fieldsV1"].to_string())).collect()
}

#[tokio::test(start_paused = true)]
async fn apply_creates_changes_and_removes() {
    let client = server().client();
    let parts = |parts: Value| widget("a", json!({ "note": "hi", "parts": parts }));
    let (code, made) =
        apply(&client, WIDGETS_URI, "git", false, &parts(json!([{ "name": "x" }, { "name": "y", "size": 1 }]))).await;
    assert_eq!((code, &made["spec"]["replicas"]), (201, &json!(1)));
    let (code, again) =
        apply(&client, WIDGETS_URI, "git", false, &parts(json!([{ "name": "x" }, { "name": "y", "size": 1 }]))).await;
    assert_eq!((code, &again["metadata"]["resourceVersion"]), (200, &made["metadata"]["resourceVersion"]));
    // Somebody else sizes x and adds z; git takes y back and stops caring for the note.
    let other = widget("a", json!({ "parts": [{ "name": "x", "size": 5 }, { "name": "z" }] }));
    assert_eq!(apply(&client, WIDGETS_URI, "hand", false, &other).await.0, 200);
    let (_, last) =
        apply(&client, WIDGETS_URI, "git", false, &widget("a", json!({ "parts": [{ "name": "x" }] }))).await;
    assert_eq!(last["spec"], json!({ "replicas": 1, "parts": [{ "name": "x", "size": 5 }, { "name": "z" }] }));
    let (_, none) = apply(&client, WIDGETS_URI, "git", false, &widget("a", json!({}))).await;
    assert_eq!(none["spec"]["parts"], json!([{ "name": "x", "size": 5 }, { "name": "z" }]), "the hand still owns both");
}

#[tokio::test(start_paused = true)]
async fn an_element_goes_with_who_added_it() {
    let client = server().client();
    let uri = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = |containers: Value| {
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "d" }, "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": containers } } } })
    };
    let web = json!({ "name": "web", "image": "web:1" });
    let side = json!({ "name": "side", "image": "side:1" });
    assert_eq!(apply(&client, uri, "git", false, &deployment(json!([web, side]))).await.0, 201);
    let setting = json!({ "name": "side", "env": [{ "name": "A", "value": "1" }] });
    let patch = json!({ "spec": { "template": { "spec": { "containers": [setting] } } } });
    let media = "application/strategic-merge-patch+json";
    assert_eq!(send_as(&client, "PATCH", &format!("{uri}/d?fieldManager=hand"), media, &patch).await.0, 200);
    let (code, body) = apply(&client, uri, "git", false, &deployment(json!([web]))).await;
    assert_eq!(code, 200, "{body}");
    let containers = body["spec"]["template"]["spec"]["containers"].as_array().expect("containers").iter();
    assert_eq!(
        containers.map(|one| &one["name"]).collect::<Vec<_>>(),
        ["web"],
        "who set a field in it does not keep it"
    );
    let (code, body) =
        apply(&client, uri, "git", false, &deployment(json!([{ "name": "web", "picture": "web:1" }]))).await;
    assert_eq!((code, &body["reason"]), (500, &Value::Null));
    assert_eq!(
        body["message"],
        "failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers[0].picture: field not declared in schema"
    );
}

#[tokio::test(start_paused = true)]
async fn conflicts_name_the_owner() {
    let client = server().client();
    send(&client, "POST", &format!("{MAPS_URI}?fieldManager=hand"), &config_map("a", json!({}))).await;
    let two = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "a": "2" } });
    let (code, body) = apply(&client, MAPS_URI, "git", false, &two).await;
    assert_eq!(code, 409);
    assert_eq!(
        body,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Conflict", "code": 409,
            "message": "Apply failed with 1 conflict: conflict with \"hand\" using v1: .data.a",
            "details": { "causes": [{ "reason": "FieldManagerConflict", "message": "conflict with \"hand\" using v1", "field": ".data.a" }] },
        })
    );
    let (code, body) = apply(&client, MAPS_URI, "git", true, &two).await;
    assert_eq!((code, &body["data"]["a"]), (200, &json!("2")));
    assert_eq!(
        owners(&body),
        [
            ("hand".to_owned(), r#"{"f:data":{".":{}}}"#.to_owned()),
            ("git".to_owned(), r#"{"f:data":{"f:a":{}}}"#.to_owned())
        ][1..]
    );
    // A value that is the same already is shared, not fought over.
    let (code, _) = apply(&client, MAPS_URI, "third", false, &two).await;
    assert_eq!(code, 200);
    let (_, patched) =
        send(&client, "PATCH", &format!("{MAPS_URI}/a?fieldManager=hand"), &json!({ "data": { "a": "3" } })).await;
    assert_eq!(owners(&patched), [("hand".to_owned(), r#"{"f:data":{"f:a":{}}}"#.to_owned())]);
    let bare = format!("{MAPS_URI}/a");
    assert_eq!(send_as(&client, "PATCH", &bare, "application/apply-patch+yaml", &two).await.0, 422);
}

#[tokio::test(start_paused = true)]
async fn status_has_owners_of_its_own() {
    let client = server().client();
    send(&client, "POST", &format!("{WIDGETS_URI}?fieldManager=hand"), &widget("a", json!({ "replicas": 2 }))).await;
    let status = json!({ "status": { "ready": 1 } });
    let (_, body) = send(&client, "PATCH", &format!("{WIDGETS_URI}/a/status?fieldManager=loop"), &status).await;
    let entry = &body["metadata"]["managedFields"][1];
    assert_eq!(
        (&entry["manager"], &entry["subresource"], &entry["operation"]),
        (&json!("loop"), &json!("status"), &json!("Update"))
    );
    assert_eq!(entry["fieldsV1"].to_string(), r#"{"f:status":{"f:ready":{}}}"#);
}
