//! Lists: all objects of a kind or of a namespace, selected, cut into pages, in the form that the client takes.

use crate::server::{
    State,
    answer::{Answer, Form, JSON, metadata_only, shown, to_bytes},
    call::Call,
    kinds::Kind,
    object,
    refusal::Refusal,
    selectors::Selectors,
    store::Key,
};
use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers a list request.
pub(crate) fn list(state: &State, call: &Call, kind: &Arc<Kind>) -> Result<Answer, Refusal> {
    let selectors = Selectors::parse(call, kind)?;
    check_version(state, call)?;
    let mut found = state.store.list(&kind.shelf(), call.namespace.as_deref());
    found.retain(|object| selectors.matches(object));
    let page = Page::cut(state, call, found)?;
    let metadata = page.metadata(state.store.revision());
    Ok(match Form::accepted(call)? {
        Form::Plain => Answer::bytes(200, JSON, plain_list(kind, metadata, &page.objects)),
        Form::Table => table(state, call, kind, 200, &page.objects, metadata),
        Form::Metadata => {
            let items: Vec<Value> = page.objects.iter().map(|object| metadata_only(object)).collect();
            let list = json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items,
            });
            Answer::json(200, &list)
        }
    })
}

/// Objects as a table.
pub(crate) fn table(
    state: &State,
    call: &Call,
    kind: &Kind,
    code: u16,
    objects: &[Arc<Value>],
    metadata: Value,
) -> Answer {
    let body = crate::server::table::table(call, kind, state.clock.now(), objects, metadata);
    Answer::bytes(code, TABLE, to_bytes(&body))
}

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// Objects as a list of their kind.
pub(crate) fn plain_list(kind: &Kind, metadata: Value, objects: &[Arc<Value>]) -> Bytes {
    let shown: Vec<_> = objects.iter().map(|object| shown(kind, object)).collect();
    let items: Vec<Item<'_>> = shown.iter().map(|object| Item { object, is_bare: !kind.custom }).collect();
    let list = List { kind: kind.list_kind(), api_version: kind.api_version(), metadata, items };
    serde_json::to_vec(&list).map_or_else(|_| to_bytes(&Value::Null), Bytes::from)
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    kind: String,
    api_version: String,
    metadata: Value,
    items: Vec<Item<'a>>,
}

/// An element of a list. Built-in kinds do not repeat their kind in each element, as in Kubernetes.
struct Item<'a> {
    object: &'a Value,
    is_bare: bool,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.object.as_object().filter(|_| self.is_bare) else {
            return self.object.serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in fields {
            if key != "apiVersion" && key != "kind" {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}

struct Page {
    objects: Vec<Arc<Value>>,
    next: Option<String>,
    remaining: Option<usize>,
    revision: Option<u64>,
}

impl Page {
    fn cut(state: &State, call: &Call, mut objects: Vec<Arc<Value>>) -> Result<Page, Refusal> {
        let mut revision = None;
        if let Some(token) = call.option("continue") {
            let (seen, after) = parse_token(token)?;
            if state.store.revision().saturating_sub(seen) > MOST_REVISIONS_OF_A_LIST {
                return Err(Refusal::expired(TOO_OLD));
            }
            objects.retain(|object| (object::namespace(object), object::name(object)) > (&after.0, &after.1));
            revision = Some(seen);
        }
        let limit = call.option("limit").and_then(|limit| limit.parse::<usize>().ok()).filter(|&limit| limit > 0);
        let Some(limit) = limit.filter(|&limit| limit < objects.len()) else {
            return Ok(Page { objects, next: None, remaining: None, revision });
        };
        let is_selected = call.option("labelSelector").is_some() || call.option("fieldSelector").is_some();
        let remaining = (!is_selected).then(|| objects.len() - limit);
        objects.truncate(limit);
        let seen = revision.unwrap_or_else(|| state.store.revision());
        let next = objects.last().map(|last| format!("{seen}:{}/{}", object::namespace(last), object::name(last)));
        Ok(Page { objects, next, remaining, revision })
    }

    fn metadata(&self, current: u64) -> Value {
        let mut metadata = json!({ "resourceVersion": self.revision.unwrap_or(current).to_string() });
        if let Some(next) = &self.next {
            object::put(&mut metadata, &["continue"], next.as_str().into());
        }
        if let Some(remaining) = self.remaining {
            object::put(&mut metadata, &["remainingItemCount"], remaining.into());
        }
        metadata
    }
}

/// A list in pages ends with 410 when this many writes passed since its first page.
const MOST_REVISIONS_OF_A_LIST: u64 = 100_000;

const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a \
                       new list without the continue parameter.";

fn parse_token(token: &str) -> Result<(u64, Key), Refusal> {
    let parsed = token.split_once(':').and_then(|(seen, key)| {
        let (namespace, name) = key.split_once('/')?;
        Some((seen.parse().ok()?, (namespace.to_owned(), name.to_owned())))
    });
    parsed.ok_or_else(|| Refusal::bad_request("invalid continue token: continue key is not valid"))
}

/// The refusal of a version that is no number.
pub(crate) fn invalid_version(text: &str) -> Refusal {
    Refusal::bad_request(format!(
        "invalid resource version: resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": \
         invalid syntax"
    ))
}

fn check_version(state: &State, call: &Call) -> Result<(), Refusal> {
    let Some(version) = call.option("resourceVersion") else { return Ok(()) };
    let wanted: u64 = version.parse().map_err(|_| invalid_version(version))?;
    let current = state.store.revision();
    if wanted <= current {
        return Ok(());
    }
    let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
    let cause = json!([{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }]);
    Err(Refusal { code: 504, reason: "Timeout", message, details: json!({ "causes": cause, "retryAfterSeconds": 1 }) })
}
