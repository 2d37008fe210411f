//! What the server says about itself: versions, groups and resources.
//!
//! Both forms of discovery are served, the old one per group and the aggregated one that clients ask for first.

use crate::server::{
    State,
    answer::{Answer, to_bytes},
    call::Call,
    kinds::Kind,
    openapi,
    refusal::Refusal,
};
use serde_json::{Value, json};

/// Answers a path outside the resources.
pub(crate) fn answer(state: &State, call: &Call) -> Result<Answer, Refusal> {
    let segments: Vec<&str> = call.path.split('/').filter(|segment| !segment.is_empty()).collect();
    Ok(match segments.as_slice() {
        ["healthz" | "livez" | "readyz", ..] => Answer::text(200, "ok"),
        ["openapi", "v2"] => openapi::old_document(state, call)?,
        ["openapi", "v3"] => openapi::index(state),
        ["openapi", "v3", "api", version] => openapi::document(state, "", version).unwrap_or_else(unknown),
        ["openapi", "v3", "apis", group, version] => openapi::document(state, group, version).unwrap_or_else(unknown),
        ["version"] => Answer::json(200, &version()),
        ["api"] if wants_aggregated(call) => aggregated(state, |group| group.is_empty()),
        ["apis"] if wants_aggregated(call) => aggregated(state, |group| !group.is_empty()),
        ["api"] => {
            Answer::json(200, &json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }))
        }
        ["apis"] => {
            let groups: Vec<Value> = state
                .kinds
                .groups()
                .iter()
                .filter(|(group, _)| !group.is_empty())
                .map(|(group, versions)| group_body(group, versions))
                .collect();
            Answer::json(200, &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", group] => match state.kinds.groups().get(*group) {
            Some(versions) => {
                let mut body = group_body(group, versions);
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("kind".to_owned(), "APIGroup".into());
                    fields.insert("apiVersion".to_owned(), "v1".into());
                }
                Answer::json(200, &body)
            }
            None => unknown(),
        },
        ["api", version] => resources(state, "", version),
        ["apis", group, version] => resources(state, group, version),
        _ => unknown(),
    })
}

/// The answer to a path that is none.
pub(crate) fn unknown() -> Answer {
    Answer::text(404, "404 page not found\n")
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64",
        "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
    })
}

fn group_body(group: &str, versions: &[String]) -> Value {
    let ordered = preferred_first(versions);
    let rows: Vec<Value> = ordered
        .iter()
        .map(|version| json!({ "groupVersion": format!("{group}/{version}"), "version": version }))
        .collect();
    json!({ "name": group, "versions": rows, "preferredVersion": rows.first().cloned().unwrap_or_default() })
}

/// Stable versions first, and newer before older.
fn preferred_first(versions: &[String]) -> Vec<String> {
    let rank = |version: &String| {
        let is_stable = !version.contains("alpha") && !version.contains("beta");
        (is_stable, version.contains("beta"), version.clone())
    };
    let mut ordered = versions.to_vec();
    ordered.sort_by_key(|version| std::cmp::Reverse(rank(version)));
    ordered
}

fn resources(state: &State, group: &str, version: &str) -> Answer {
    let kinds: Vec<_> = state.kinds.all().filter(|kind| kind.group == group && kind.version == version).collect();
    if kinds.is_empty() {
        return unknown();
    }
    let mut rows = Vec::new();
    for kind in &kinds {
        rows.push(row(kind));
        for (name, verbs, other) in kind.subresources() {
            let mut row = json!({
                "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": kind.kind, "verbs": verbs,
            });
            if let (Some([group, version, kind]), Some(fields)) = (other, row.as_object_mut()) {
                fields.insert("kind".to_owned(), kind.into());
                fields.insert("group".to_owned(), group.into());
                fields.insert("version".to_owned(), version.into());
            }
            rows.push(row);
        }
    }
    let group_version = kinds.first().map(|kind| kind.api_version()).unwrap_or_default();
    let body =
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows });
    Answer::json(200, &body)
}

fn row(kind: &Kind) -> Value {
    let mut row = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": kind.verbs(), "storageVersionHash": "",
    });
    if let Some(fields) = row.as_object_mut() {
        fields.remove("storageVersionHash");
        if !kind.short_names.is_empty() {
            fields.insert("shortNames".to_owned(), json!(kind.short_names));
        }
        if !kind.categories.is_empty() {
            fields.insert("categories".to_owned(), json!(kind.categories));
        }
    }
    row
}

fn wants_aggregated(call: &Call) -> bool {
    call.accept.contains("as=APIGroupDiscoveryList") && call.accept.contains("v=v2")
}

fn aggregated(state: &State, belongs: impl Fn(&str) -> bool) -> Answer {
    let mut items = Vec::new();
    for (group, versions) in state.kinds.groups().iter().filter(|(group, _)| belongs(group)) {
        let rows: Vec<Value> = preferred_first(versions)
            .iter()
            .map(|version| {
                let kinds = state.kinds.all().filter(|kind| &kind.group == group && &kind.version == version);
                let resources: Vec<Value> = kinds.map(|kind| aggregated_row(kind)).collect();
                json!({ "version": version, "resources": resources, "freshness": "Current" })
            })
            .collect();
        let mut metadata = json!({});
        if !group.is_empty() {
            metadata = json!({ "name": group });
        }
        items.push(json!({ "metadata": metadata, "versions": rows }));
    }
    let body = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    });
    Answer::bytes(200, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", to_bytes(&body))
}

fn aggregated_row(kind: &Kind) -> Value {
    let of = |group: &str, version: &str, kind: &str| json!({ "group": group, "version": version, "kind": kind });
    let own = of(&kind.group, &kind.version, &kind.kind);
    let mut row = json!({
        "resource": kind.plural, "responseKind": own, "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular, "verbs": kind.verbs(),
    });
    let Some(fields) = row.as_object_mut() else { return row };
    if !kind.short_names.is_empty() {
        fields.insert("shortNames".to_owned(), json!(kind.short_names));
    }
    if !kind.categories.is_empty() {
        fields.insert("categories".to_owned(), json!(kind.categories));
    }
    let subresources: Vec<Value> = kind
        .subresources()
        .into_iter()
        .map(|(name, verbs, other)| {
            let response = other.map_or_else(|| own.clone(), |[group, version, kind]| of(group, version, kind));
            json!({ "subresource": name, "responseKind": response, "verbs": verbs })
        })
        .collect();
    if !subresources.is_empty() {
        fields.insert("subresources".to_owned(), subresources.into());
    }
    row
}
