//! Tables: the columns and cells that kubectl prints, in lists, for one object and in watches.

use super::world::{WIDGETS_URI, get_as, send, server, widget};
use serde_json::{Value, json};
use std::time::Duration;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

#[tokio::test(start_paused = true)]
async fn of_a_custom_kind() {
    let client = server().client();
    send(&client, "POST", WIDGETS_URI, &widget("a", json!({ "replicas": 3, "note": "n" }))).await;
    let status = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    send(&client, "PATCH", &format!("{WIDGETS_URI}/a/status"), &status).await;
    tokio::time::advance(Duration::from_secs(125)).await;
    for uri in [WIDGETS_URI.to_owned(), format!("{WIDGETS_URI}/a")] {
        let (code, table) = get_as(&client, &uri, TABLE).await;
        assert_eq!((code, &table["kind"], &table["apiVersion"]), (200, &json!("Table"), &json!("meta.k8s.io/v1")));
        let columns = table["columnDefinitions"].as_array().expect("columns").iter();
        let columns: Vec<(&str, i64)> = columns
            .map(|one| (one["name"].as_str().expect("a name"), one["priority"].as_i64().expect("a number")))
            .collect();
        assert_eq!(columns, [("Name", 0), ("Desired", 0), ("Ready", 0), ("Note", 1), ("Age", 0)]);
        assert_eq!(table["rows"][0]["cells"], json!(["a", 3, "True", "n", "2m5s"]));
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    }
    let (_, line) = get_as(&client, &format!("{WIDGETS_URI}?watch=1&timeoutSeconds=1"), TABLE).await;
    assert_eq!((&line["type"], &line["object"]["rows"][0]["cells"][0]), (&json!("ADDED"), &json!("a")));
}

#[tokio::test(start_paused = true)]
async fn of_built_in_kinds() {
    let server = server();
    let client = server.client();
    server
        .apply_yaml(
            "
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: 'web:1'}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: r}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: 'web:1'}]}}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}
",
        )
        .expect("applied");
    for (uri, cells) in [
        (
            "/api/v1/namespaces/default/pods",
            json!(["p", "0/1", "Pending", "0", "0s", "<none>", "<none>", "<none>", "<none>"]),
        ),
        ("/apis/apps/v1/replicasets", json!(["r", 2, 0, 0, "0s", "c", "web:1", "app=web"])),
        ("/api/v1/services", json!(["s", "ClusterIP", "10.0.0.1", "<none>", "80/TCP", "0s", "<none>"])),
        ("/api/v1/namespaces", json!(["default", "Active", "0s"])),
    ] {
        let (_, table) = get_as(&client, uri, TABLE).await;
        assert_eq!(table["rows"][0]["cells"], cells, "{uri}");
    }
    let metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let (_, list) = get_as(&client, "/api/v1/pods", metadata).await;
    assert_eq!((&list["kind"], &list["items"][0]["spec"]), (&json!("PartialObjectMetadataList"), &Value::Null));
    assert_eq!(get_as(&client, "/api/v1/pods", "application/vnd.kubernetes.protobuf").await.0, 406);
}
