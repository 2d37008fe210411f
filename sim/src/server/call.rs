//! What a request asks for: its path, verb and options, parsed once at the door.
//!
//! A call says nothing of whether the resource exists or the verb is allowed.

use crate::server::{kinds::Kind, refusal::Refusal};
use http::{Method, header, request::Parts};
use std::collections::BTreeMap;

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection.
    Watch,
    /// Make an object.
    Create,
    /// Replace an object.
    Update,
    /// Change an object.
    Patch,
    /// Remove an object.
    Delete,
    /// Remove many objects.
    DeleteCollection,
}

impl Verb {
    /// Does it change anything?
    pub fn is_write(self) -> bool {
        !matches!(self, Verb::Get | Verb::List | Verb::Watch)
    }
}

/// A request, parsed.
#[derive(Clone, Debug)]
pub struct Call {
    /// What it wants.
    pub verb: Verb,
    /// The path as it came.
    pub path: String,
    /// The API group; empty for core and for paths outside the APIs.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural; empty for paths outside the APIs.
    pub resource: String,
    /// Such as `status`.
    pub subresource: Option<String>,
    /// The namespace in the path.
    pub namespace: Option<String>,
    /// The name in the path.
    pub name: Option<String>,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
    /// Who asks.
    pub user_agent: String,
    /// What the client takes.
    pub accept: String,
    /// What the body is.
    pub content_type: String,
}

impl Call {
    /// Reads the head of a request.
    pub fn parse(parts: &Parts) -> Result<Call, Refusal> {
        let query = parse_query(parts.uri.query().unwrap_or_default());
        let text = |name: header::HeaderName| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let path = parts.uri.path().to_owned();
        let segments: Vec<String> =
            path.split('/').filter(|segment| !segment.is_empty()).map(|segment| decode(segment, false)).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => ("", "", [].as_slice()),
        };
        let place = Place::of(rest);
        let verb = verb_of(&parts.method, place.name.is_some(), &query)?;
        Ok(Call {
            verb,
            group: group.to_owned(),
            version: version.to_owned(),
            resource: place.resource.unwrap_or_default().to_owned(),
            subresource: place.subresource,
            namespace: place.namespace.map(str::to_owned),
            name: place.name.map(str::to_owned),
            query,
            user_agent: text(header::USER_AGENT),
            accept: text(header::ACCEPT),
            content_type: text(header::CONTENT_TYPE),
            path,
        })
    }

    /// A call that the server makes itself, as the manager `sim`.
    pub(crate) fn internal(verb: Verb, kind: &Kind) -> Call {
        Call {
            verb,
            path: String::new(),
            group: kind.group.clone(),
            version: kind.version.clone(),
            resource: kind.plural.clone(),
            subresource: None,
            namespace: None,
            name: None,
            query: BTreeMap::new(),
            user_agent: "sim".to_owned(),
            accept: String::new(),
            content_type: String::new(),
        }
    }

    /// A query parameter; absent and empty are the same.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A query parameter that is a switch.
    pub fn is_set(&self, name: &str) -> bool {
        self.option(name).is_some_and(is_true)
    }

    /// Is it only a rehearsal?
    pub fn is_dry_run(&self) -> bool {
        self.option("dryRun") == Some("All")
    }

    /// The name under which the writer's fields are kept.
    pub fn manager(&self) -> &str {
        self.option("fieldManager").unwrap_or_else(|| {
            let agent = self.user_agent.split('/').next().unwrap_or_default();
            if agent.is_empty() { "unknown" } else { agent }
        })
    }

    /// The type of the body without its parameters.
    pub fn media_type(&self) -> &str {
        self.content_type.split(';').next().unwrap_or_default().trim()
    }

    /// Is it a path of the APIs?
    pub fn is_resource(&self) -> bool {
        !self.resource.is_empty()
    }
}

fn is_true(value: &str) -> bool {
    matches!(value, "true" | "1" | "t" | "T" | "TRUE" | "True")
}

#[derive(Default)]
struct Place<'a> {
    namespace: Option<&'a str>,
    resource: Option<&'a str>,
    name: Option<&'a str>,
    subresource: Option<String>,
}

impl<'a> Place<'a> {
    fn of(rest: &[&'a str]) -> Place<'a> {
        // `namespaces/x/status` is a subresource of a namespace, `namespaces/x/pods` a collection inside it.
        let mut place = Place::default();
        let tail = match rest {
            ["namespaces"] => {
                place.resource = Some("namespaces");
                return place;
            }
            ["namespaces", name] | ["namespaces", name, "status" | "finalize"] => {
                place.resource = Some("namespaces");
                place.name = Some(name);
                place.subresource = rest.get(2).map(|&one| one.to_owned());
                return place;
            }
            ["namespaces", namespace, tail @ ..] => {
                place.namespace = Some(namespace);
                tail
            }
            other => other,
        };
        place.resource = tail.first().copied();
        place.name = tail.get(1).copied();
        place.subresource = tail.get(2..).filter(|rest| !rest.is_empty()).map(|rest| rest.join("/"));
        place
    }
}

fn verb_of(method: &Method, named: bool, query: &BTreeMap<String, String>) -> Result<Verb, Refusal> {
    let watches = query.get("watch").is_some_and(|value| is_true(value));
    Ok(match (method, named) {
        (&Method::GET | &Method::HEAD, true) if watches => Verb::Watch,
        (&Method::GET | &Method::HEAD, true) => Verb::Get,
        (&Method::GET | &Method::HEAD, false) if watches => Verb::Watch,
        (&Method::GET | &Method::HEAD, false) => Verb::List,
        (&Method::POST, _) => Verb::Create,
        (&Method::PUT, _) => Verb::Update,
        (&Method::PATCH, _) => Verb::Patch,
        (&Method::DELETE, true) => Verb::Delete,
        (&Method::DELETE, false) => Verb::DeleteCollection,
        _ => return Err(Refusal::method_not_allowed()),
    })
}

pub(crate) fn parse_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key, true), decode(value, true)))
        .collect()
}

fn decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let pair = (ahead.next().and_then(hex), ahead.next().and_then(hex));
                if let (Some(high), Some(low)) = pair {
                    bytes.push(high * 16 + low);
                    rest = ahead;
                } else {
                    bytes.push(byte);
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{Call, Verb};

    fn call(method: &str, uri: &str) -> Call {
        let request = http::Request::builder().method(method).uri(uri).body(()).expect("a request");
        Call::parse(&request.into_parts().0).expect("a call")
    }

    #[test]
    fn paths() {
        type Row =
            (&'static str, &'static str, Verb, &'static str, &'static str, &'static str, &'static str, &'static str);
        let rows: &[Row] = &[
            ("GET", "/api/v1/pods", Verb::List, "", "pods", "", "", ""),
            ("GET", "/api/v1/namespaces/a/pods/b", Verb::Get, "", "pods", "a", "b", ""),
            ("PATCH", "/api/v1/namespaces/a/status", Verb::Patch, "", "namespaces", "", "a", "status"),
            ("GET", "/api/v1/namespaces?watch=1", Verb::Watch, "", "namespaces", "", "", ""),
            (
                "PUT",
                "/apis/apps/v1/namespaces/a/deployments/b/scale",
                Verb::Update,
                "apps",
                "deployments",
                "a",
                "b",
                "scale",
            ),
            ("DELETE", "/apis/x.io/v1/namespaces/a/ys", Verb::DeleteCollection, "x.io", "ys", "a", "", ""),
            ("DELETE", "/apis/x.io/v1/ys/c%3Ad", Verb::Delete, "x.io", "ys", "", "c:d", ""),
        ];
        for (method, uri, verb, group, resource, namespace, name, subresource) in rows {
            let call = call(method, uri);
            assert_eq!(call.verb, *verb, "{uri}");
            assert_eq!((call.group.as_str(), call.resource.as_str()), (*group, *resource), "{uri}");
            assert_eq!(call.namespace.unwrap_or_default(), *namespace, "{uri}");
            assert_eq!(call.name.unwrap_or_default(), *name, "{uri}");
            assert_eq!(call.subresource.unwrap_or_default(), *subresource, "{uri}");
        }
        let call = call("GET", "/api/v1/pods?labelSelector=a%3Db%2Cc+in+%28d%29");
        assert_eq!(call.option("labelSelector"), Some("a=b,c in (d)"));
    }
}
