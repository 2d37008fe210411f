//! What the server says when it does not do what was asked: `metav1.Status` bodies with Kubernetes' reasons and texts.
//!
//! Clients sort errors by code, reason and details, and people read the message, so all four are as a real API server
//! writes them. Nothing here decides whether a request is refused.

use crate::server::kinds::Kind;
use serde_json::{Map, Value, json};

/// A refused request.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`.
    pub reason: &'static str,
    /// The sentence for people.
    pub message: String,
    /// What the refusal is about, or null.
    pub details: Value,
}

/// One broken field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Such as `FieldValueRequired`.
    pub reason: &'static str,
    /// Such as `Required value`.
    pub message: String,
    /// The path, such as `spec.template.spec.containers[0].image`.
    pub field: String,
}

impl Cause {
    /// A field that must be there.
    pub fn required(field: impl Into<String>, why: &str) -> Cause {
        let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Cause { reason: "FieldValueRequired", message, field: field.into() }
    }

    /// A field with a value that cannot be.
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Cause {
        Cause { reason: "FieldValueInvalid", message: format!("Invalid value: {value}: {why}"), field: field.into() }
    }

    /// A field of the wrong type.
    pub fn wrong_type(field: impl Into<String>, found: &str, why: &str) -> Cause {
        Cause {
            reason: "FieldValueTypeInvalid",
            message: format!("Invalid value: \"{found}\": {why}"),
            field: field.into(),
        }
    }

    /// A field that may not be set or changed.
    pub fn forbidden(field: impl Into<String>, why: &str) -> Cause {
        Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {why}"), field: field.into() }
    }

    /// A value outside a list of allowed ones.
    pub fn unsupported(field: impl Into<String>, value: &Value, allowed: &[String]) -> Cause {
        let allowed: Vec<String> = allowed.iter().map(|one| format!("\"{one}\"")).collect();
        Cause {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value}: supported values: {}", allowed.join(", ")),
            field: field.into(),
        }
    }

    /// A value that another element has already.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Cause {
        Cause { reason: "FieldValueDuplicate", message: format!("Duplicate value: {value}"), field: field.into() }
    }
}

impl Refusal {
    fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(code: u16, reason: &'static str, message: String, kind: &Kind, name: &str) -> Refusal {
        Refusal { code, reason, message, details: details(name, &kind.group, &kind.plural, None) }
    }

    /// No such object.
    pub fn not_found(kind: &Kind, name: &str) -> Refusal {
        Refusal::about(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified()), kind, name)
    }

    /// No such resource or path under a known group and version.
    pub fn no_resource() -> Refusal {
        Refusal {
            details: json!({}),
            ..Refusal::plain(404, "NotFound", "the server could not find the requested resource")
        }
    }

    /// The name is taken.
    pub fn already_exists(kind: &Kind, name: &str) -> Refusal {
        Refusal::about(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.qualified()), kind, name)
    }

    /// The object changed since the client read it.
    pub fn modified(kind: &Kind, name: &str) -> Refusal {
        Refusal::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// The object is not the one that was meant.
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Refusal {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Refusal::about(409, "Conflict", message, kind, name)
    }

    /// Fields that somebody else manages, from server-side apply.
    pub fn apply_conflict(message: String, causes: &[Cause]) -> Refusal {
        Refusal { details: json!({ "causes": causes_json(causes) }), ..Refusal::plain(409, "Conflict", message) }
    }

    /// The object breaks a rule.
    pub fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Refusal {
        let full = if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) };
        Refusal::invalid_as(&full, details(name, &kind.group, &kind.kind, Some(causes)), name, causes)
    }

    /// Options of a request that break a rule.
    pub fn invalid_options(options: &str, cause: Cause) -> Refusal {
        let causes = [cause];
        let full = format!("{options}.meta.k8s.io");
        Refusal::invalid_as(&full, details("", "meta.k8s.io", options, Some(&causes)), "", &causes)
    }

    /// A replacement that does not say which version it replaces.
    pub fn unconditional(kind: &Kind, name: &str) -> Refusal {
        let causes = [Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update")];
        let details = details(name, &kind.group, &kind.plural, Some(&causes));
        Refusal::invalid_as(&kind.qualified(), details, name, &causes)
    }

    /// A patch after which the object cannot be read any more.
    pub fn unreadable_patch(patched: &Value, why: &str) -> Refusal {
        let cause = Cause::invalid("patch", &patched.to_string().into(), why);
        let causes = [cause];
        Refusal::invalid_as("", json!({ "causes": causes_json(&causes) }), "", &causes)
    }

    fn invalid_as(full: &str, details: Value, name: &str, causes: &[Cause]) -> Refusal {
        // The same complaint twice is listed twice, and said once.
        let mut texts: Vec<String> = Vec::new();
        for cause in causes {
            let text = format!("{}: {}", cause.field, cause.message);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let text = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        Refusal { details, ..Refusal::plain(422, "Invalid", format!("{full} \"{name}\" is invalid: {text}")) }
    }

    /// The patch itself cannot be applied.
    pub fn unusable_patch() -> Refusal {
        Refusal {
            details: json!({}),
            ..Refusal::plain(422, "Invalid", "the server rejected our request due to an error in our request")
        }
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::plain(400, "BadRequest", message)
    }

    /// The object may not be changed so now.
    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Refusal {
        Refusal::about(403, "Forbidden", format!("{} \"{name}\" is forbidden: {why}", kind.qualified()), kind, name)
    }

    /// Nothing is written into a namespace on its way out.
    pub fn terminating(kind: &Kind, name: &str, namespace: &str) -> Refusal {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut refusal = Refusal::forbidden(kind, name, &why);
        let cause = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        if let Some(details) = refusal.details.as_object_mut() {
            details.insert("causes".to_owned(), cause);
        }
        refusal
    }

    /// The resource does not have this verb.
    pub fn method_not_allowed() -> Refusal {
        Refusal {
            details: json!({}),
            ..Refusal::plain(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        }
    }

    /// The body is in a form that the resource does not take.
    pub fn unsupported_media(accepted: &[&str]) -> Refusal {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Refusal::plain(415, "UnsupportedMediaType", message)
    }

    /// The client accepts no form that the server has.
    pub fn not_acceptable(offered: &str) -> Refusal {
        let message = format!("only the following media types are accepted: {offered}");
        Refusal::plain(406, "NotAcceptable", message)
    }

    /// The history before this point is gone: list again.
    pub fn expired(message: impl Into<String>) -> Refusal {
        Refusal::plain(410, "Expired", message)
    }

    /// A disruption budget says no.
    pub fn too_many_requests(message: impl Into<String>) -> Refusal {
        Refusal { details: json!({}), ..Refusal::plain(429, "TooManyRequests", message) }
    }

    /// A configuration that does not fit the schema of what it is applied to.
    pub fn untyped(kind: &Kind, namespace: &str, name: &str, why: &str) -> Refusal {
        let message = format!(
            "failed to create typed patch object ({namespace}/{name}; {}, Kind={}): {why}",
            kind.api_version(),
            kind.kind
        );
        Refusal::plain(500, "", message)
    }

    /// A body of another type than the path's kind.
    pub fn wrong_kind(kind: &Kind, name: &str, field: &str, found: &str, wanted: &str) -> Refusal {
        let named = if field == "kind" { found } else { &kind.kind };
        let causes = [Cause::invalid(field, &found.into(), &format!("must be {wanted}"))];
        let details = details(name, &kind.group, named, Some(&causes));
        Refusal::invalid_as(&format!("{named}.{}", kind.group), details, name, &causes)
    }

    /// A kind of body that no server takes.
    pub fn unknown_media() -> Refusal {
        Refusal { details: json!({}), ..Refusal::plain(415, "UnsupportedMediaType", "415: Unsupported Media Type") }
    }

    /// A new object with a version; a real server has no reason for this one.
    pub fn version_on_create() -> Refusal {
        Refusal::plain(500, "", "resourceVersion should not be set on objects to be created")
    }

    /// The object is not the one that a deletion meant; here the kind stands for the resource.
    pub fn precondition(kind: &Kind, name: &str, why: &str) -> Refusal {
        let named = Kind { plural: kind.kind.clone(), ..kind.clone() };
        Refusal::conflict(&named, name, why)
    }

    /// A fault that a test asked for.
    pub fn fault(code: u16) -> Refusal {
        let reason = match code {
            403 => "Forbidden",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "InternalError",
        };
        Refusal::plain(code, reason, "an error that this world was told to answer with")
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            crate::server::object::put(&mut body, &["reason"], self.reason.into());
        }
        if !self.details.is_null()
            && let Some(fields) = body.as_object_mut()
        {
            fields.insert("details".to_owned(), self.details.clone());
        }
        body
    }
}

fn causes_json(causes: &[Cause]) -> Value {
    let rows = causes.iter();
    rows.map(|cause| json!({ "reason": cause.reason, "message": cause.message, "field": cause.field })).collect()
}

fn details(name: &str, group: &str, kind: &str, causes: Option<&[Cause]>) -> Value {
    let mut details = Map::new();
    for (key, text) in [("name", name), ("group", group), ("kind", kind)] {
        if !text.is_empty() {
            details.insert(key.to_owned(), text.into());
        }
    }
    if let Some(causes) = causes {
        details.insert("causes".to_owned(), causes_json(causes));
    }
    Value::Object(details)
}
