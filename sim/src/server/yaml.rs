//! Reads YAML as kubectl does: several documents, last key wins, booleans and octals of YAML 1.1.

use crate::server::{object, refusal::Refusal};
use serde_json::Value;

/// The objects in a YAML or JSON text; lists of objects are opened, empty documents left out.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, Refusal> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        budget: serde_saphyr::budget! { max_depth: 200, enforce_alias_anchor_ratio: false },
    };
    let read: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Refusal::bad_request(format!("error converting YAML to JSON: {error}")))?;
    let mut objects = Vec::new();
    for document in read {
        match document {
            Value::Null => {}
            list if object::text(&list, &["kind"]) == "List" => {
                objects.extend_from_slice(object::list(&list, &["items"]))
            }
            one => objects.push(one),
        }
    }
    Ok(objects)
}
