//! OpenAPI documents: enough for `kubectl apply` to know how to patch and for `kubectl explain` to explain custom kinds.
//!
//! Custom kinds show their schema. Built-in kinds show only that they are objects: a client has its own types of those.

use crate::server::{State, answer::Answer, call::Call, crd, kinds::Kind, refusal::Refusal};
use serde_json::{Map, Value, json};

/// The list of documents, one for each group and version.
pub(crate) fn index(state: &State) -> Answer {
    let mut paths = Map::new();
    for (group, versions) in state.kinds.groups() {
        for version in versions {
            let path = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
            let url = format!("/openapi/v3/{path}?hash={}", state.kinds.edition());
            paths.insert(path, json!({ "serverRelativeURL": url }));
        }
    }
    Answer::json(200, &json!({ "paths": paths }))
}

/// The document of one group and version.
pub(crate) fn document(state: &State, group: &str, version: &str) -> Option<Answer> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    schemas.insert(OBJECT_META.to_owned(), object_meta());
    for kind in state.kinds.all().filter(|kind| kind.group == group && kind.version == version) {
        schemas.insert(schema_name(kind), schema_of(state, kind));
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let middle = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let collection = format!("{root}{middle}/{}", kind.plural);
        paths.insert(collection.clone(), json!({ "post": operation(kind, "post", &["application/json"]) }));
        let patches = &["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
        let one = json!({
            "get": operation(kind, "get", &[]),
            "put": operation(kind, "put", &["application/json"]),
            "patch": operation(kind, "patch", patches),
            "delete": operation(kind, "delete", &["application/json"]),
        });
        paths.insert(format!("{collection}/{{name}}"), one);
    }
    if paths.is_empty() {
        return None;
    }
    let body = json!({
        "openapi": "3.0.0", "info": { "title": "Kubernetes", "version": "v1.36.3" },
        "paths": paths, "components": { "schemas": schemas },
    });
    Some(Answer::json(200, &body))
}

/// The old document, as JSON only; clients that want it as protobuf fall back on types of their own.
pub(crate) fn old_document(state: &State, call: &Call) -> Result<Answer, Refusal> {
    if !call.accept.is_empty() && !call.accept.contains("json") && !call.accept.contains("*/*") {
        return Err(Refusal::not_acceptable("application/json"));
    }
    let kinds = state.kinds.all();
    let definitions: Map<String, Value> =
        kinds.map(|kind| (schema_name(kind), json!({ "type": "object", GVK: [gvk(kind)] }))).collect();
    Ok(Answer::json(
        200,
        &json!({
            "swagger": "2.0", "info": { "title": "Kubernetes", "version": "v1.36.3" },
            "paths": {}, "definitions": definitions,
        }),
    ))
}

const GVK: &str = "x-kubernetes-group-version-kind";

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

fn gvk(kind: &Kind) -> Value {
    json!({ "group": kind.group, "version": kind.version, "kind": kind.kind })
}

fn schema_name(kind: &Kind) -> String {
    let group = if kind.group.is_empty() { "core" } else { kind.group.as_str() };
    let reversed: Vec<&str> = group.rsplit('.').collect();
    format!("{}.{}.{}", reversed.join("."), kind.version, kind.kind)
}

fn operation(kind: &Kind, verb: &str, bodies: &[&str]) -> Value {
    let reference = json!({ "schema": { "$ref": format!("#/components/schemas/{}", schema_name(kind)) } });
    let query =
        |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string", "uniqueItems": true } });
    let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation", "force"].map(query).to_vec();
    let mut operation = json!({
        "operationId": format!("{verb}{}{}{}", kind.group, kind.version, kind.kind),
        "x-kubernetes-action": verb,
        GVK: gvk(kind),
        "parameters": parameters,
        "responses": { "200": { "description": "OK", "content": { "application/json": reference } } },
    });
    if !bodies.is_empty() {
        let content: Map<String, Value> =
            bodies.iter().map(|media| ((*media).to_owned(), json!({ "schema": {} }))).collect();
        crate::server::object::put(&mut operation, &["requestBody"], json!({ "content": content }));
    }
    operation
}

fn schema_of(state: &State, kind: &Kind) -> Value {
    let key = (String::new(), kind.qualified());
    let definition = state.store.get("customresourcedefinitions.apiextensions.k8s.io", &key).filter(|_| kind.custom);
    let raw = definition.and_then(|definition| crd::raw_schema(&definition, &kind.version).cloned());
    let mut schema = raw.unwrap_or_else(|| json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }));
    let reference = json!([{ "$ref": format!("#/components/schemas/{OBJECT_META}") }]);
    for (field, inner) in [
        ("apiVersion", json!({ "type": "string", "description": API_VERSION })),
        ("kind", json!({ "type": "string", "description": KIND })),
        ("metadata", json!({ "description": METADATA, "allOf": reference })),
    ] {
        crate::server::object::put(&mut schema, &["properties", field], inner);
    }
    crate::server::object::put(&mut schema, &[GVK], json!([gvk(kind)]));
    schema
}

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object.";
const KIND: &str = "Kind is a string value representing the REST resource this object represents.";
const METADATA: &str = "Standard object's metadata.";

fn object_meta() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let map = |description: &str| json!({ "type": "object", "description": description, "additionalProperties": { "type": "string" } });
    let list = |description: &str, items: &str| json!({ "type": "array", "description": description, "items": { "type": items } });
    json!({
        "type": "object",
        "description": "ObjectMeta is metadata that all persisted resources must have.",
        "properties": {
            "name": text("The name, unique within a namespace."),
            "generateName": text("A prefix from which the server makes a name."),
            "namespace": text("The namespace that the object lives in."),
            "labels": map("What selectors choose objects by."),
            "annotations": map("What tools keep with an object."),
            "finalizers": list("What must be done before the object goes.", "string"),
            "ownerReferences": list("The objects that this one depends on.", "object"),
            "uid": text("The identity of the object in time and space."),
            "resourceVersion": text("The version of the object."),
            "creationTimestamp": text("When the object was created."),
            "deletionTimestamp": text("When the object is to be gone."),
            "generation": { "type": "integer", "description": "Counts changes of what is wanted." },
        },
    })
}
