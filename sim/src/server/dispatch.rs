//! From a request to its answer: faults first, then the part of the server that the path and verb name.
//!
//! The state is locked only while an answer is made, never while waiting.

use crate::server::{
    ReplyBody, Server, State,
    answer::{Answer, Form, metadata_only, shown},
    call::{Call, Verb},
    discovery,
    faults::Verdict,
    kinds::Kind,
    object, read,
    refusal::Refusal,
    watch,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// Answers one request.
pub(crate) async fn answer<B>(server: &Server, request: Request<B>) -> Response<ReplyBody>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    let (parts, body) = request.into_parts();
    let call = match Call::parse(&parts) {
        Ok(call) => call,
        Err(refusal) => return Answer::from(refusal).into_response(),
    };
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Answer::from(Refusal::bad_request(error.to_string())).into_response(),
    };
    let verdict = server.faults().map_or(Verdict::Pass, |faults| faults.before(&call));
    match verdict {
        Verdict::Refuse(code) => return Answer::from(Refusal::fault(code)).into_response(),
        Verdict::Silence { handled: false } => return std::future::pending().await,
        Verdict::Delay(time) => tokio::time::sleep(time).await,
        Verdict::Pass | Verdict::LoseAnswer(_) | Verdict::Silence { handled: true } => {}
    }
    let answer = handled(server, &call, &body);
    match verdict {
        Verdict::LoseAnswer(code) => Answer::from(Refusal::fault(code)).into_response(),
        Verdict::Silence { .. } => std::future::pending().await,
        Verdict::Pass | Verdict::Refuse(_) | Verdict::Delay(_) => answer.into_response(),
    }
}

fn handled(server: &Server, call: &Call, body: &Bytes) -> Answer {
    let faults = server.faults();
    if let Some(faults) = &faults {
        faults.enters(call, body);
    }
    let answer = route(server, call, body).unwrap_or_else(Answer::from);
    if let Some(faults) = &faults {
        faults.leaves(call, answer.status());
    }
    answer
}

fn route(server: &Server, call: &Call, body: &Bytes) -> Result<Answer, Refusal> {
    let mut state = server.state();
    if !call.is_resource() {
        return discovery::answer(&state, call);
    }
    let kind = state.kinds.of_path(&call.group, &call.version, &call.resource);
    let Some(kind) = kind else {
        // A built-in group says so itself; the rest of the paths belong to nobody.
        let is_built_in = state.kinds.all().any(|kind| !kind.custom && kind.group == call.group);
        return if is_built_in { Err(Refusal::no_resource()) } else { Ok(discovery::unknown()) };
    };
    if kind.namespaced && call.namespace.is_none() && (call.name.is_some() || call.verb == Verb::Create) {
        return Err(Refusal::no_resource());
    }
    if !kind.namespaced && call.namespace.is_some() {
        return Err(Refusal::no_resource());
    }
    if call.name.is_none() && matches!(call.verb, Verb::Update | Verb::Patch) {
        return Err(Refusal::method_not_allowed());
    }
    if let Some(subresource) = call.subresource.clone() {
        return state.answer_subresource(call, &kind, &subresource, body);
    }
    match call.verb {
        Verb::Watch => {
            let cut = server.shared.cut.subscribe();
            drop(state);
            watch::start(server, call, kind, cut)
        }
        Verb::List => read::list(&state, call, &kind),
        Verb::Get => {
            let found = state.find(call, &kind)?;
            one(&state, call, &kind, 200, &found)
        }
        Verb::Create => {
            let (object, warnings) = state.create(call, &kind, read_body(call, &kind, body)?)?;
            Ok(one(&state, call, &kind, 201, &object)?.with_warnings(warnings))
        }
        Verb::Update => {
            let (object, warnings) = state.update(call, &kind, read_body(call, &kind, body)?)?;
            Ok(one(&state, call, &kind, 200, &object)?.with_warnings(warnings))
        }
        Verb::Patch => {
            let (code, object, warnings) = state.patch(call, &kind, body)?;
            Ok(one(&state, call, &kind, code, &object)?.with_warnings(warnings))
        }
        Verb::Delete => state.delete(call, &kind, body),
        Verb::DeleteCollection => state.delete_collection(call, &kind, body),
    }
}

/// One object in the form that the client takes.
pub(crate) fn one(
    state: &State,
    call: &Call,
    kind: &Arc<Kind>,
    code: u16,
    object: &Arc<Value>,
) -> Result<Answer, Refusal> {
    Ok(match Form::accepted(call)? {
        Form::Plain => Answer::json(code, &shown(kind, object)),
        Form::Metadata => Answer::json(code, &metadata_only(object)),
        Form::Table => {
            let metadata = json!({ "resourceVersion": object::version(object) });
            read::table(state, call, kind, code, std::slice::from_ref(object), metadata)
        }
    })
}

/// The JSON or YAML body of a request.
pub(crate) fn read_body(call: &Call, kind: &Kind, body: &Bytes) -> Result<Value, Refusal> {
    match call.media_type() {
        "" | "application/json" => serde_json::from_slice(body).map_err(|error| unrecognised(kind, &error.to_string())),
        "application/yaml" => parse_yaml(body),
        _ => Err(Refusal::unsupported_media(&["application/json", "application/yaml"])),
    }
}

/// The refusal of a body that is no object.
pub(crate) fn unrecognised(kind: &Kind, why: &str) -> Refusal {
    Refusal::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {why}",
        kind.kind
    ))
}

/// A patch or options in JSON.
pub(crate) fn parse_json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))
}

/// A YAML text with one document.
pub(crate) fn parse_yaml(body: &[u8]) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let mut documents = crate::server::yaml::documents(text)?;
    Ok(documents.pop().unwrap_or_default())
}
