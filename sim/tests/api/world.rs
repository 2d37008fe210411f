//! A small server to test against: a widget kind of its own, and shortcuts for requests.

use chrono::DateTime;
use kube::Client;
use serde_json::{Value, json};
use sim::{clock::Clock, server::Server};

/// A custom kind with a status subresource, a scale subresource, defaults and rules.
pub(crate) const WIDGETS: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.io}
spec:
  group: example.io
  scope: Namespaced
  names: {kind: Widget, plural: widgets, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    additionalPrinterColumns:
    - {name: Desired, type: integer, jsonPath: .spec.replicas}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Note, type: string, jsonPath: .spec.note, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A thing of the tests.
        required: [spec]
        properties:
          spec:
            type: object
            description: What is wanted.
            properties:
              replicas: {type: integer, minimum: 0, default: 1, description: How many.}
              note: {type: string, maxLength: 10}
              color: {type: string, enum: [red, green]}
              selector:
                type: object
                additionalProperties: {type: string}
                x-kubernetes-validations: [{rule: self == oldSelf, message: .spec.selector is immutable}]
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, size: {type: integer}}
              tags: {type: array, items: {type: string}}
          status:
            type: object
            x-kubernetes-preserve-unknown-fields: true
"#;

/// A custom kind without a status subresource.
pub(crate) const RUNS: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: runs.example.io}
spec:
  group: example.io
  scope: Namespaced
  names: {kind: Run, plural: runs}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

/// A server that started at a fixed time.
pub(crate) fn server() -> Server {
    let base = DateTime::from_timestamp(1_800_000_000, 0).expect("in range");
    Server::new(Clock::starting_at(base), &[WIDGETS, RUNS])
}

/// An answer: status code and JSON body.
pub(crate) type Answer = (u16, Value);

/// Sends a request with a JSON body (null for none) and reads the answer, whatever its code.
pub(crate) async fn send(client: &Client, method: &str, uri: &str, body: &Value) -> Answer {
    let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    send_as(client, method, uri, media, body).await
}

/// Sends a request with a body of this media type.
pub(crate) async fn send_as(client: &Client, method: &str, uri: &str, media: &str, body: &Value) -> Answer {
    let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).expect("JSON") };
    let request = http::Request::builder().method(method).uri(uri).header("content-type", media);
    let request = request.body(kube::client::Body::from(bytes)).expect("a request");
    read(client, request).await
}

/// Reads with an `Accept` header.
pub(crate) async fn get_as(client: &Client, uri: &str, accept: &str) -> Answer {
    let request = http::Request::get(uri).header("accept", accept).body(kube::client::Body::empty());
    read(client, request.expect("a request")).await
}

async fn read(client: &Client, request: http::Request<kube::client::Body>) -> Answer {
    use http_body_util::BodyExt;
    let response = client.send(request).await.expect("an answer");
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
    (code, body)
}

/// A widget.
pub(crate) fn widget(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "example.io/v1", "kind": "Widget", "metadata": { "name": name }, "spec": spec })
}

/// A config map with labels.
pub(crate) fn config_map(name: &str, labels: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "labels": labels }, "data": { "a": "1" } })
}

/// Where widgets live.
pub(crate) const WIDGETS_URI: &str = "/apis/example.io/v1/namespaces/default/widgets";

/// Where config maps live.
pub(crate) const MAPS_URI: &str = "/api/v1/namespaces/default/configmaps";
