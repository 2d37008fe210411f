//! CustomResourceDefinitions: what kinds they make, and what the server writes into their status.
//!
//! A definition is installed at start or by a POST; both come through here. Conversion webhooks are not served: all
//! versions of a kind share their stored form.

use crate::server::{
    kinds::{Generation, Kind, Scale},
    object,
    schema::Schema,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// A printer column of a custom kind.
#[derive(Clone, Debug)]
pub struct Column {
    /// Such as `Desired`.
    pub name: String,
    /// Such as `integer` or `date`.
    pub kind: String,
    /// What the column says.
    pub description: String,
    /// Such as `password`, mostly empty.
    pub format: String,
    /// Columns above 0 are shown with `-o wide` only.
    pub priority: i64,
    /// Such as `.spec.replicas`.
    pub path: String,
}

/// The kinds that the served versions of a definition make.
pub(crate) fn kinds_of(definition: &Value) -> Vec<Kind> {
    let spec = definition.get("spec").unwrap_or(&Value::Null);
    let text = |path: &[&str]| object::text(spec, path).to_owned();
    let kind = text(&["names", "kind"]);
    let singular = match text(&["names", "singular"]) {
        singular if singular.is_empty() => kind.to_lowercase(),
        singular => singular,
    };
    let served =
        object::list(spec, &["versions"]).iter().filter(|version| version.get("served") != Some(&json!(false)));
    served
        .map(|version| {
            let has_status = object::at(version, &["subresources", "status"]).is_some();
            Kind {
                group: text(&["group"]),
                version: object::text(version, &["name"]).to_owned(),
                kind: kind.clone(),
                plural: text(&["names", "plural"]),
                singular: singular.clone(),
                short_names: strings(spec, &["names", "shortNames"]),
                categories: strings(spec, &["names", "categories"]),
                namespaced: object::text(spec, &["scope"]) == "Namespaced",
                has_status,
                scale: object::at(version, &["subresources", "scale"]).map(scale_of),
                generation: if has_status { Generation::AllButStatus } else { Generation::All },
                schema: object::at(version, &["schema", "openAPIV3Schema"]).map(|raw| Arc::new(Schema::parse(raw))),
                columns: object::list(version, &["additionalPrinterColumns"]).iter().map(column_of).collect(),
                selectable: object::list(version, &["selectableFields"])
                    .iter()
                    .map(|field| object::text(field, &["jsonPath"]).to_owned())
                    .collect(),
                custom: true,
            }
        })
        .collect()
}

/// The raw schema of one version of a definition, for OpenAPI.
pub(crate) fn raw_schema<'a>(definition: &'a Value, version: &str) -> Option<&'a Value> {
    let versions = object::list(definition, &["spec", "versions"]).iter();
    let mut named = versions.filter(|one| object::text(one, &["name"]) == version);
    named.find_map(|one| object::at(one, &["schema", "openAPIV3Schema"]))
}

/// Fills in what the server adds to a definition: default names, and the conditions that say it is served.
pub(crate) fn establish(definition: &mut Value, stamp: &str) {
    let kind = object::text(definition, &["spec", "names", "kind"]).to_owned();
    object::put_default(definition, &["spec", "names", "singular"], kind.to_lowercase().into());
    object::put_default(definition, &["spec", "names", "listKind"], format!("{kind}List").into());
    object::put_default(definition, &["spec", "conversion"], json!({ "strategy": "None" }));
    let names = object::at(definition, &["spec", "names"]).cloned().unwrap_or_default();
    let stored: Vec<Value> = object::list(definition, &["spec", "versions"])
        .iter()
        .filter(|version| version.get("storage") == Some(&json!(true)))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": stamp });
    let status = json!({
        "acceptedNames": names,
        "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    });
    object::put_default(definition, &["status"], Value::Null);
    let is_known = object::at(definition, &["status", "conditions"]).is_some();
    if !is_known {
        object::put(definition, &["status"], status);
    }
}

fn strings(value: &Value, path: &[&str]) -> Vec<String> {
    object::list(value, path).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn scale_of(raw: &Value) -> Scale {
    Scale {
        spec: object::text(raw, &["specReplicasPath"]).to_owned(),
        status: object::text(raw, &["statusReplicasPath"]).to_owned(),
        selector: object::text(raw, &["labelSelectorPath"]).to_owned(),
    }
}

fn column_of(raw: &Value) -> Column {
    Column {
        name: object::text(raw, &["name"]).to_owned(),
        kind: object::text(raw, &["type"]).to_owned(),
        description: object::text(raw, &["description"]).to_owned(),
        format: object::text(raw, &["format"]).to_owned(),
        priority: object::int(raw, &["priority"]).unwrap_or_default(),
        path: object::text(raw, &["jsonPath"]).to_owned(),
    }
}
