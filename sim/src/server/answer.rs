//! What goes back to the client, and in which form: plain objects, tables or metadata alone.
//!
//! An answer is bytes or a stream; it never holds the server's lock.

use crate::server::{ReplyBody, call::Call, events, kinds::Kind, object, refusal::Refusal};
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use std::{borrow::Cow, convert::Infallible};

/// The usual media type.
pub(crate) const JSON: &str = "application/json";

/// An answer before it is HTTP.
pub(crate) enum Answer {
    Whole { code: u16, media: String, body: Bytes, warnings: Vec<String> },
    Stream(BoxStream<'static, Bytes>),
}

impl Answer {
    /// A JSON body.
    pub(crate) fn json(code: u16, body: &Value) -> Answer {
        Answer::bytes(code, JSON, to_bytes(body))
    }

    /// Bytes of a media type.
    pub(crate) fn bytes(code: u16, media: &str, body: Bytes) -> Answer {
        Answer::Whole { code, media: media.to_owned(), body, warnings: Vec::new() }
    }

    /// A plain sentence.
    pub(crate) fn text(code: u16, text: &str) -> Answer {
        Answer::bytes(code, "text/plain; charset=utf-8", Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The same answer with warnings for the person at the client.
    pub(crate) fn with_warnings(mut self, more: Vec<String>) -> Answer {
        if let Answer::Whole { warnings, .. } = &mut self {
            warnings.extend(more);
        }
        self
    }

    /// Its HTTP status.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Answer::Whole { code, .. } => *code,
            Answer::Stream(_) => 200,
        }
    }

    /// The answer as HTTP.
    pub(crate) fn into_response(self) -> Response<ReplyBody> {
        match self {
            Answer::Whole { code, media, body, warnings } => {
                let mut response = Response::new(Full::new(body).boxed_unsync());
                *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
                if let Ok(media) = HeaderValue::from_str(&media) {
                    response.headers_mut().insert(header::CONTENT_TYPE, media);
                }
                for warning in warnings {
                    if let Ok(warning) = HeaderValue::from_str(&format!("299 - \"{}\"", warning.replace('"', "\\\""))) {
                        response.headers_mut().append(header::WARNING, warning);
                    }
                }
                response
            }
            Answer::Stream(stream) => {
                let frames = futures::StreamExt::map(stream, |bytes| Ok::<_, Infallible>(Frame::data(bytes)));
                let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
                response
            }
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        Answer::json(refusal.code, &refusal.body())
    }
}

/// How objects are shown to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Table,
    Metadata,
}

impl Form {
    /// The first form in the client's `Accept` that the server has.
    pub(crate) fn accepted(call: &Call) -> Result<Form, Refusal> {
        if call.accept.trim().is_empty() {
            return Ok(Form::Plain);
        }
        for range in call.accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let form = parts.find_map(|part| part.strip_prefix("as="));
            if !matches!(media, "application/json" | "*/*" | "application/*") {
                continue;
            }
            match form {
                None => return Ok(Form::Plain),
                Some("Table") => return Ok(Form::Table),
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => return Ok(Form::Metadata),
                Some(_) => {}
            }
        }
        Err(Refusal::not_acceptable("application/json"))
    }
}

/// An object as a kind's version shows it.
pub(crate) fn shown<'a>(kind: &Kind, object: &'a Value) -> Cow<'a, Value> {
    let api_version = kind.api_version();
    if object::text(object, &["apiVersion"]) == api_version {
        return Cow::Borrowed(object);
    }
    if events::is_newer(kind) {
        return Cow::Owned(events::from_stored(object.clone()));
    }
    let mut copy = object.clone();
    object::put(&mut copy, &["apiVersion"], api_version.into());
    Cow::Owned(copy)
}

/// The metadata of an object alone.
pub(crate) fn metadata_only(object: &Value) -> Value {
    serde_json::json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}

/// A value as JSON text.
pub(crate) fn to_bytes(value: &Value) -> Bytes {
    serde_json::to_vec(value).map(Bytes::from).unwrap_or_default()
}
