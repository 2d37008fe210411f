//! What a write must pass before it is stored: the shape of its kind, defaults, names, and the rules of its kind.
//!
//! An admitted object is complete; nothing here looks at other objects or stores anything.

use crate::server::{
    builtin,
    call::{Call, Verb},
    kinds::Kind,
    object,
    refusal::{Cause, Refusal},
};
use serde_json::{Value, json};

/// Prunes, completes and checks an object, and returns warnings about what was dropped.
pub(crate) fn admit(
    call: &Call,
    kind: &Kind,
    value: &mut Value,
    before: Option<&Value>,
) -> Result<Vec<String>, Refusal> {
    let mut unknown = Vec::new();
    check_texts(call, kind, value)?;
    if let Some(schema) = &kind.schema {
        unknown = schema.prune(value);
        schema.fill_in(value);
    } else if !kind.custom {
        unknown = normalise(call, kind, value, before).map_err(|refusal| match call.verb {
            Verb::Patch => Refusal::unreadable_patch(value, &refusal.message),
            _ => refusal,
        })?;
        builtin::fill_in(kind, value);
    }
    let warnings = speak_of_unknown(call, kind, unknown)?;
    let mut causes = check_metadata(kind, value, before);
    if let Some(schema) = &kind.schema {
        causes.extend(schema.validate(value, before));
        let are_rules_unchecked = schema.has_rules() && causes.iter().any(|cause| BLOCKING.contains(&cause.reason));
        causes.extend(check_scale(kind, value));
        if are_rules_unchecked {
            causes.push(Cause::invalid("<nil>", &Value::Null, UNCHECKED));
        }
    }
    if call.subresource.as_deref() == Some("status") {
        for cause in &mut causes {
            cause.message = cause.message.replace(&format!("{} in body", cause.field), &short_of_status(&cause.field));
        }
    }
    causes.extend(builtin::check(kind, value, before));
    if causes.is_empty() {
        return Ok(warnings);
    }
    Err(Refusal::invalid(kind, object::name(value), &causes))
}

/// Shapes an object; of one whose status alone is written only that.
fn normalise(call: &Call, kind: &Kind, value: &mut Value, before: Option<&Value>) -> Result<Vec<String>, Refusal> {
    let metadata =
        |object: &Value| ["labels", "annotations"].map(|field| object::at(object, &["metadata", field]).cloned());
    let is_shaped = call.subresource.as_deref() == Some("status")
        && before.is_some_and(|before| metadata(before) == metadata(value));
    let Some(status) = value.as_object_mut().filter(|_| is_shaped).and_then(|fields| fields.remove("status")) else {
        return builtin::normalise(kind, value);
    };
    let mut alone = json!({ "status": status });
    let unknown = builtin::normalise(kind, &mut alone)?;
    if let Some(status) = object::take(&mut alone, &["status"]) {
        object::put(value, &["status"], status);
    }
    Ok(unknown)
}

/// An applied configuration must fit the kind's schema before it is merged.
pub(crate) fn check_typed(kind: &Kind, config: &Value) -> Result<(), Refusal> {
    let refuse = |why: String| Refusal::untyped(kind, object::namespace(config), object::name(config), &why);
    if let Some(schema) = &kind.schema {
        let causes = schema.validate(config, None);
        let wrong = causes.iter().find(|cause| cause.reason == "FieldValueTypeInvalid");
        return wrong.map_or(Ok(()), |cause| Err(refuse(format!(".{}: {}", cause.field, typed_text(&cause.message)))));
    }
    let mut shaped = config.clone();
    let mut unknown = builtin::normalise(kind, &mut shaped).map_err(|refusal| refuse(refusal.message))?;
    unknown.sort();
    match unknown.as_slice() {
        [] => Ok(()),
        [one] => Err(refuse(format!(".{one}: field not declared in schema"))),
        many => {
            let lines: Vec<String> =
                many.iter().map(|one| format!("\n  .{one}: field not declared in schema")).collect();
            Err(refuse(format!("errors:{}", lines.concat())))
        }
    }
}

/// What a schema calls a wrong type, as server-side apply calls it.
fn typed_text(message: &str) -> String {
    let found = message.split('"').nth(1).unwrap_or_default();
    let wanted = message.split("must be of type ").nth(1).unwrap_or_default();
    let wanted = match wanted.split(':').next().unwrap_or_default() {
        "integer" | "number" => "numeric (int or float)",
        "array" => "list",
        "object" => "map",
        other => other,
    };
    format!("expected {wanted}, got {found}")
}

/// Faults after which rules are not evaluated.
const BLOCKING: &[&str] = &["FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"];

const UNCHECKED: &str = "some validation rules were not checked because the object was invalid; correct the existing \
                         errors to complete validation";

fn short_of_status(field: &str) -> String {
    format!("{} in body", field.strip_prefix("status.").unwrap_or(field))
}

/// A scale subresource must find a number where it reads.
fn check_scale(kind: &Kind, value: &Value) -> Option<Cause> {
    let path = &kind.scale.as_ref()?.spec;
    let found = path.split('.').filter(|part| !part.is_empty()).try_fold(value, |inner, key| inner.get(key))?;
    let text = found.as_str()?;
    let why = format!("{path} accessor error: {text} is of the type string, expected int64");
    Some(Cause::invalid(path, &0.into(), &why))
}

/// Labels and annotations are maps of texts, whatever the kind.
fn check_texts(call: &Call, kind: &Kind, value: &Value) -> Result<(), Refusal> {
    for field in ["labels", "annotations"] {
        let found = object::at(value, &["metadata", field]).and_then(Value::as_object).into_iter().flatten();
        if found.into_iter().any(|(_, text)| !text.is_string()) {
            let why = format!("metadata.{field}: a value is no string");
            return Err(match call.verb {
                Verb::Patch => Refusal::unreadable_patch(value, &why),
                _ => Refusal::bad_request(format!(
                    "{} in version \"{}\" cannot be handled as a {}: {why}",
                    kind.kind, kind.version, kind.kind
                )),
            });
        }
    }
    Ok(())
}

fn speak_of_unknown(call: &Call, kind: &Kind, mut unknown: Vec<String>) -> Result<Vec<String>, Refusal> {
    unknown.sort();
    let texts: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    match call.option("fieldValidation") {
        _ if texts.is_empty() => Ok(Vec::new()),
        Some("Ignore") => Ok(Vec::new()),
        Some("Strict") => Err(Refusal::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: strict decoding error: {}",
            kind.kind,
            kind.version,
            kind.kind,
            texts.join(", ")
        ))),
        _ => Ok(texts),
    }
}

fn check_metadata(kind: &Kind, value: &Value, before: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object::name(value);
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if !is_rbac(kind) && !is_subdomain(name) {
        causes.push(Cause::invalid("metadata.name", &name.into(), SUBDOMAIN));
    }
    for field in ["labels", "annotations"] {
        for (key, text) in object::at(value, &["metadata", field]).and_then(Value::as_object).into_iter().flatten() {
            let path = format!("metadata.{field}");
            if !is_qualified(key) {
                causes.push(Cause::invalid(&path, &key.as_str().into(), QUALIFIED));
            }
            if field == "labels" && !text.as_str().is_some_and(is_label_value) {
                causes.push(Cause::invalid(&path, text, LABEL_VALUE));
            }
        }
    }
    if before.is_some_and(object::is_deleting) {
        let had = before.map(object::finalizers).unwrap_or_default();
        let added: Vec<&str> = object::finalizers(value).into_iter().filter(|one| !had.contains(one)).collect();
        if !added.is_empty() {
            let listed: Vec<String> = added.iter().map(|one| format!("\"{one}\"")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                listed.join(", ")
            );
            let cause = Cause::forbidden("metadata.finalizers", &why);
            // Said once, listed twice, since metadata is checked twice.
            causes.extend([cause.clone(), cause]);
        }
    }
    causes
}

fn is_rbac(kind: &Kind) -> bool {
    kind.group == "rbac.authorization.k8s.io"
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                         and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                         validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
                         an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                           and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or \
                           '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn is_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_name_part(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63 && text.bytes().all(inner) && edge(text.bytes().next()) && edge(text.bytes().last())
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name_part(text)
}

fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(&prefix.to_lowercase()) && is_name_part(name),
        None => is_name_part(key),
    }
}
