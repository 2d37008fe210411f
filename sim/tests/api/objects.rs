//! Objects: create, read, replace, merge, delete, and the two halves of an object with a status.

use super::world::{MAPS_URI, RUNS, WIDGETS_URI, config_map, send, send_as, server, widget};
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn typed_client() {
    use k8s_openapi::api::core::v1::ConfigMap;
    let api: Api<ConfigMap> = Api::default_namespaced(server().client());
    let new =
        ConfigMap { metadata: ObjectMeta { name: Some("a".into()), ..ObjectMeta::default() }, ..ConfigMap::default() };
    let map = api.create(&PostParams::default(), &new).await.expect("created");
    assert!(map.metadata.uid.is_some());
    let error = api.create(&PostParams::default(), &new).await.expect_err("the name is taken");
    let kube::Error::Api(status) = error else { panic!("no status: {error}") };
    assert_eq!((status.code, status.reason.as_str()), (409, "AlreadyExists"));
    let patch = json!({ "data": { "k": "v" } });
    let patched = api.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
    assert_eq!(patched.data.expect("data").get("k").map(String::as_str), Some("v"));
    let stale = api.replace("a", &PostParams::default(), &map).await.expect_err("the version is old");
    assert!(matches!(stale, kube::Error::Api(status) if status.is_conflict()));
    assert_eq!(api.list(&ListParams::default()).await.expect("listed").items.len(), 1);
    api.delete("a", &DeleteParams::default()).await.expect("deleted");
    assert!(api.get_opt("a").await.expect("asked").is_none());
}

#[tokio::test(start_paused = true)]
async fn refusals_are_statuses() {
    let client = server().client();
    let (code, body) = send(&client, "GET", &format!("{WIDGETS_URI}/no"), &Value::Null).await;
    assert_eq!(code, 404);
    assert_eq!(
        body,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
            "message": "widgets.example.io \"no\" not found",
            "details": { "name": "no", "group": "example.io", "kind": "widgets" },
        })
    );
    let nowhere = "/api/v1/namespaces/nowhere/configmaps";
    let rows = [
        ("POST", nowhere, config_map("a", json!({})), 404, "namespaces \"nowhere\" not found"),
        (
            "POST",
            WIDGETS_URI,
            widget("Bad", json!({})),
            422,
            "Widget.example.io \"Bad\" is invalid: metadata.name: Invalid value: \"Bad\": a lowercase",
        ),
        (
            "POST",
            WIDGETS_URI,
            widget("", json!({})),
            422,
            "Widget.example.io \"\" is invalid: [metadata.name: Required value: name or generateName is required, <nil>",
        ),
        (
            "POST",
            WIDGETS_URI,
            config_map("a", json!({})),
            400,
            "the API version in the data (v1) does not match the expected API version (example.io/v1)",
        ),
        (
            "POST",
            WIDGETS_URI,
            json!({ "metadata": { "name": "a" } }),
            422,
            "Widget.example.io \"a\" is invalid: [spec: Required value, <nil>: Invalid value: null: some validation rules were not checked",
        ),
        (
            "POST",
            WIDGETS_URI,
            widget("a", json!({ "replicas": -1 })),
            422,
            "Widget.example.io \"a\" is invalid: spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0",
        ),
        ("POST", "/apis/none.io/v1/namespaces/default/things", json!({}), 404, ""),
        ("PUT", MAPS_URI, json!({}), 405, "the server does not allow this method on the requested resource"),
    ];
    for (method, uri, body, expected, text) in rows {
        let (code, answer) = send(&client, method, uri, &body).await;
        assert_eq!(code, expected, "{method} {uri} {answer}");
        assert!(answer["message"].as_str().unwrap_or_default().starts_with(text), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_halves_of_an_object() {
    let client = server().client();
    let mut new = widget("a", json!({ "unknown": 1 }));
    new["status"] = json!({ "replicas": 9 });
    let (code, made) = send(&client, "POST", WIDGETS_URI, &new).await;
    assert_eq!((code, &made["spec"], &made["status"]), (201, &json!({ "replicas": 1 }), &Value::Null));
    assert_eq!(
        (&made["metadata"]["generation"], &made["metadata"]["creationTimestamp"]),
        (&json!(1), &json!("2027-01-15T08:00:00Z"))
    );
    let uri = format!("{WIDGETS_URI}/a");
    let both = json!({ "spec": { "replicas": 2 }, "status": { "replicas": 7 } });
    let (_, main) = send(&client, "PATCH", &uri, &both).await;
    assert_eq!(
        (&main["spec"]["replicas"], &main["status"], &main["metadata"]["generation"]),
        (&json!(2), &Value::Null, &json!(2))
    );
    let status =
        json!({ "spec": { "replicas": 5 }, "status": { "replicas": 7 }, "metadata": { "labels": { "a": "b" } } });
    let (_, other) = send(&client, "PATCH", &format!("{uri}/status"), &status).await;
    assert_eq!((&other["spec"]["replicas"], &other["status"]["replicas"]), (&json!(2), &json!(7)));
    assert_eq!((&other["metadata"]["generation"], &other["metadata"]["labels"]), (&json!(2), &Value::Null));
    let (_, same) = send(&client, "PATCH", &format!("{uri}/status"), &json!({ "status": { "replicas": 7 } })).await;
    assert_eq!(same["metadata"]["resourceVersion"], other["metadata"]["resourceVersion"], "nothing changed");
    let (code, stale) =
        send(&client, "PATCH", &uri, &json!({ "metadata": { "resourceVersion": "1" }, "spec": { "replicas": 3 } }))
            .await;
    assert_eq!(code, 409);
    assert_eq!(
        stale["message"],
        "Operation cannot be fulfilled on widgets.example.io \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
}

#[tokio::test(start_paused = true)]
async fn kinds_without_a_status_endpoint() {
    assert!(RUNS.contains("runs"));
    let client = server().client();
    let uri = "/apis/example.io/v1/namespaces/default/runs";
    let run = json!({ "apiVersion": "example.io/v1", "kind": "Run", "metadata": { "generateName": "r-" }, "status": { "phase": "A" } });
    let (_, made) = send(&client, "POST", uri, &run).await;
    let name = made["metadata"]["name"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("r-") && name.len() == 7, "{name}");
    assert_eq!(made["status"]["phase"], "A");
    let (_, next) = send(&client, "PATCH", &format!("{uri}/{name}"), &json!({ "status": { "phase": "B" } })).await;
    assert_eq!((&next["status"]["phase"], &next["metadata"]["generation"]), (&json!("B"), &json!(2)));
    let (code, _) = send(&client, "PATCH", &format!("{uri}/{name}/status"), &json!({})).await;
    assert_eq!(code, 404);
}

#[tokio::test(start_paused = true)]
async fn patches_by_media_type() {
    let client = server().client();
    send(&client, "POST", WIDGETS_URI, &widget("a", json!({ "tags": ["x"] }))).await;
    let uri = format!("{WIDGETS_URI}/a");
    let add = json!([{ "op": "add", "path": "/spec/tags/-", "value": "y" }]);
    let (code, body) = send_as(&client, "PATCH", &uri, "application/json-patch+json", &add).await;
    assert_eq!((code, &body["spec"]["tags"]), (200, &json!(["x", "y"])));
    let test = json!([{ "op": "test", "path": "/spec/tags", "value": [] }]);
    assert_eq!(send_as(&client, "PATCH", &uri, "application/json-patch+json", &test).await.0, 422);
    let (code, body) = send_as(&client, "PATCH", &uri, "application/strategic-merge-patch+json", &json!({})).await;
    assert_eq!((code, &body["reason"]), (415, &json!("UnsupportedMediaType")));
}

#[tokio::test(start_paused = true)]
async fn lists_select_and_page() {
    let client = server().client();
    for (name, tier) in [("a", "front"), ("b", "back"), ("c", "front"), ("d", "front")] {
        send(&client, "POST", MAPS_URI, &config_map(name, json!({ "tier": tier }))).await;
    }
    let names = |body: &Value| -> Vec<String> {
        let items = body["items"].as_array().expect("items").iter();
        items.map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    };
    for (query, expected) in [
        ("", vec!["a", "b", "c", "d"]),
        ("?labelSelector=tier%3Dfront", vec!["a", "c", "d"]),
        ("?fieldSelector=metadata.name%3Db", vec!["b"]),
        ("?limit=2", vec!["a", "b"]),
    ] {
        let (_, body) = send(&client, "GET", &format!("{MAPS_URI}{query}"), &Value::Null).await;
        assert_eq!(names(&body), expected, "{query}");
    }
    let (_, page) = send(&client, "GET", &format!("{MAPS_URI}?limit=3"), &Value::Null).await;
    assert_eq!(page["metadata"]["remainingItemCount"], 1);
    let token = page["metadata"]["continue"].as_str().expect("a token").to_owned();
    let (_, rest) = send(&client, "GET", &format!("{MAPS_URI}?limit=3&continue={token}"), &Value::Null).await;
    assert_eq!((names(&rest), &rest["metadata"]["continue"]), (vec!["d".to_owned()], &Value::Null));
    let (code, _) = send(&client, "GET", &format!("{MAPS_URI}?fieldSelector=data.a%3D1"), &Value::Null).await;
    assert_eq!(code, 400);
    let (code, _) = send(&client, "GET", &format!("{MAPS_URI}?resourceVersion=999999"), &Value::Null).await;
    assert_eq!(code, 504);
}

#[tokio::test(start_paused = true)]
async fn rehearsals_change_nothing() {
    let client = server().client();
    let (code, _) = send(&client, "POST", &format!("{MAPS_URI}?dryRun=All"), &config_map("a", json!({}))).await;
    assert_eq!(code, 201);
    assert_eq!(send(&client, "GET", &format!("{MAPS_URI}/a"), &Value::Null).await.0, 404);
    send(&client, "POST", MAPS_URI, &config_map("a", json!({}))).await;
    let (_, patched) =
        send(&client, "PATCH", &format!("{MAPS_URI}/a?dryRun=All"), &json!({ "data": { "a": "2" } })).await;
    assert_eq!(patched["data"]["a"], "2");
    assert_eq!(send(&client, "DELETE", &format!("{MAPS_URI}/a?dryRun=All"), &Value::Null).await.0, 200);
    let (_, still) = send(&client, "GET", &format!("{MAPS_URI}/a"), &Value::Null).await;
    assert_eq!(still["data"]["a"], "1");
}
