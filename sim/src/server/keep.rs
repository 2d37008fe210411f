//! What a write may not touch: the type and place of an object, its identity, and the half that belongs to the other
//! endpoint. The generation rises here too, since it says which half changed.

use crate::server::{
    call::{Call, Verb},
    dispatch::unrecognised,
    kinds::{Generation, Kind},
    object,
    refusal::{Cause, Refusal},
};
use serde_json::{Map, Value};

/// The body must be of the kind that the path names; what it leaves out is filled in.
pub(crate) fn check_type(kind: &Kind, value: &mut Value) -> Result<(), Refusal> {
    if !value.is_object() {
        return Err(unrecognised(kind, "json: cannot unmarshal it into an object"));
    }
    let (wanted, found) = (kind.api_version(), object::text(value, &["apiVersion"]).to_owned());
    if !found.is_empty() && found != wanted {
        let why = if kind.custom {
            format!("the API version in the data ({found}) does not match the expected API version ({wanted})")
        } else {
            format!("{} in version \"{found}\" cannot be handled as a {}: no such version", kind.kind, kind.kind)
        };
        return Err(Refusal::bad_request(why));
    }
    let found = object::text(value, &["kind"]);
    if !found.is_empty() && found != kind.kind {
        if kind.custom {
            return Err(Refusal::wrong_kind(kind, object::name(value), "kind", found, &kind.kind));
        }
        let why = format!("{found} in version \"{}\" cannot be handled as a {}", kind.version, kind.kind);
        return Err(Refusal::bad_request(why));
    }
    object::put(value, &["apiVersion"], wanted.into());
    object::put(value, &["kind"], kind.kind.as_str().into());
    object::put_default(value, &["metadata"], Value::Object(Map::new()));
    Ok(())
}

/// A patch may not turn an object into one of another type or place.
pub(crate) fn check_patched(call: &Call, kind: &Kind, after: &Value) -> Result<(), Refusal> {
    let wanted = kind.api_version();
    for (field, wanted) in [("apiVersion", wanted.as_str()), ("kind", kind.kind.as_str())] {
        let found = object::text(after, &[field]);
        if kind.custom && found != wanted {
            return Err(Refusal::wrong_kind(kind, object::name(after), field, found, wanted));
        }
    }
    check_namespace(call, after)
}

/// The body must be of the namespace that the path names.
pub(crate) fn check_namespace(call: &Call, value: &Value) -> Result<(), Refusal> {
    let found = object::namespace(value);
    if found.is_empty() || call.namespace.as_deref() == Some(found) {
        return Ok(());
    }
    Err(Refusal::bad_request(match &call.namespace {
        Some(_) => "the namespace of the provided object does not match the namespace sent on the request",
        None => "namespace may not be set on a cluster-scoped object",
    }))
}

/// The body must be of the object, and of its version if it says one.
pub(crate) fn check_identity(
    call: &Call,
    kind: &Kind,
    name: &str,
    before: &Value,
    after: &Value,
) -> Result<(), Refusal> {
    let (was, is) = (object::uid(before), object::uid(after));
    if !is.is_empty() && is != was {
        if call.verb == Verb::Patch {
            let cause = Cause::invalid("metadata.uid", &is.into(), "field is immutable");
            return Err(Refusal::invalid(kind, name, &[cause.clone(), cause]));
        }
        let why = format!("Precondition failed: UID in precondition: {is}, UID in object meta: {was}");
        return Err(Refusal::conflict(kind, name, &why));
    }
    let version = object::version(after);
    if !version.is_empty() && version != object::version(before) {
        return Err(Refusal::modified(kind, name));
    }
    if object::name(after) != name {
        let named = object::name(after);
        let why = format!("the name of the object ({named}) does not match the name on the URL ({name})");
        return Err(Refusal::bad_request(why));
    }
    Ok(())
}

/// The main endpoint leaves the status alone, and the status endpoint everything else.
pub(crate) fn keep_own_half(call: &Call, kind: &Kind, before: &Value, after: &mut Value) {
    if !kind.has_status {
        return;
    }
    let is_status = call.subresource.as_deref() == Some("status");
    let Some(fields) = after.as_object_mut() else { return };
    if !is_status {
        match before.get("status") {
            Some(status) => fields.insert("status".to_owned(), status.clone()),
            None => fields.remove("status"),
        };
        return;
    }
    let status = fields.remove("status");
    let metadata = fields.remove("metadata").unwrap_or_default();
    *after = before.clone();
    for key in ["managedFields", "labels", "annotations"] {
        // A custom kind's status write changes no label; a built-in kind's does.
        if kind.custom && key != "managedFields" {
            continue;
        }
        match metadata.get(key) {
            Some(value) => object::put(after, &["metadata", key], value.clone()),
            None => drop(object::take(after, &["metadata", key])),
        }
    }
    match status {
        Some(status) => object::put(after, &["status"], status),
        None => drop(object::take(after, &["status"])),
    }
}

/// An applied configuration owns nothing of the half that belongs to the other endpoint.
pub(crate) fn keep_endpoint_half(call: &Call, kind: &Kind, config: &mut Value) {
    if !kind.has_status {
        return;
    }
    if call.subresource.as_deref() != Some("status") {
        object::take(config, &["status"]);
    } else if let Some(fields) = config.as_object_mut() {
        fields.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
    }
}

/// What the server alone sets stays as it is.
pub(crate) fn keep_identity(before: &Value, after: &mut Value) {
    const KEPT: &[&str] = &[
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "resourceVersion",
    ];
    for key in ["apiVersion", "kind"] {
        if let Some(value) = before.get(key).filter(|_| after.get(key).is_none()) {
            object::put(after, &[key], value.clone());
        }
    }
    for key in KEPT {
        match object::at(before, &["metadata", key]) {
            Some(value) => object::put(after, &["metadata", key], value.clone()),
            None => drop(object::take(after, &["metadata", key])),
        }
    }
}

/// The generation counts changes of what is wanted.
pub(crate) fn raise_generation(kind: &Kind, before: &Value, after: &mut Value) {
    let ignored: &[&str] = match kind.generation {
        Generation::Never => return,
        Generation::AllButStatus => &["metadata", "status", "apiVersion", "kind"],
        Generation::All => &["metadata", "apiVersion", "kind"],
    };
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else { return };
    let annotations = |value: &Value| object::at(value, &["metadata", "annotations"]).cloned();
    let is_same = object::same_but(old, new, ignored)
        && (!kind.is("apps", "deployments") || annotations(before) == annotations(after));
    if !is_same {
        let generation = object::int(before, &["metadata", "generation"]).unwrap_or_default() + 1;
        object::put(after, &["metadata", "generation"], generation.into());
    }
}

/// Was the last thing removed that kept a deleted object?
pub(crate) fn is_gone(after: &Value) -> bool {
    object::is_deleting(after)
        && object::finalizers(after).is_empty()
        && object::int(after, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or_default() == 0
        && object::list(after, &["spec", "finalizers"]).is_empty()
}
