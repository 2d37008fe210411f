//! The routes that steps add to a VirtualService: those by header, which lead to the canary whatever its weight, and those that
//! send it a copy. Each is made after the first route that carries the weights, and stands before it.

use super::{End, Names, destinations, end_of, is_one_of};
use crate::rollout::traffic::router::ManagedRoute;
use crds::rollout::{HeaderRoutingMatch, RouteMatch, StringMatch};
use serde_json::{Map, Value, json};

/// Whether a managed route sends copies; such a one carries the weights too.
pub(super) fn is_mirror(route: &Value) -> bool {
    route.get("mirror").is_some()
}

/// Whether a route is one that steps of this Rollout have set: another Rollout may use the same name for its own.
pub(super) fn is_ours(route: &Value, names: &[&str], ends: Names<'_>) -> bool {
    let leads_nowhere = destinations(route).next().is_none();
    is_one_of(route, names)
        && (leads_nowhere || destinations(route).any(|destination| end_of(destination, ends).is_some()))
}

/// The list of routes with the managed ones that are wanted, and without any other of these names. `weighed` is the place of the
/// first route that carries the weights.
///
/// Ours stand before that one, in their order. Where they do already, nothing is moved: another Rollout may have put its own before
/// them, and would do so again.
pub(super) fn arranged(
    list: Vec<Value>,
    weighed: usize,
    ends: Names<'_>,
    names: &[&str],
    wanted: &[ManagedRoute<'_>],
) -> Vec<Value> {
    let built: Vec<Value> = match list.get(weighed) {
        Some(route) => wanted.iter().filter_map(|managed| built(*managed, route, ends)).collect(),
        None => Vec::new(),
    };
    let ours = list.iter().enumerate().filter(|(_, route)| is_ours(route, names, ends));
    if ours.clone().map(|(_, route)| without_zeros(route)).eq(built.iter().map(without_zeros))
        && ours.clone().all(|(place, _)| place < weighed)
    {
        return list;
    }
    let others = list.into_iter().filter(|route| !is_ours(route, names, ends));
    built.into_iter().chain(others).collect()
}

/// A route in which a destination of weight 0 says nothing of it, as clients written in Go leave it out.
fn without_zeros(route: &Value) -> Value {
    let mut route = route.clone();
    let list = route.get_mut("route").and_then(Value::as_array_mut).into_iter().flatten();
    for destination in list.filter_map(Value::as_object_mut) {
        destination.retain(|field, value| field != "weight" || *value != 0);
    }
    route
}

/// A managed route beside the route that carries the weights.
fn built(managed: ManagedRoute<'_>, weighed: &Value, ends: Names<'_>) -> Option<Value> {
    let canary = destinations(weighed).find(|destination| end_of(destination, ends) == Some(End::Canary))?;
    let canary = canary.get("destination")?;
    let name = managed.name();
    Some(match managed {
        ManagedRoute::Header(step) => json!({
            "name": name,
            "match": step.matches.iter().map(by_header).collect::<Vec<_>>(),
            "route": [{ "destination": canary, "weight": 100 }],
        }),
        ManagedRoute::Mirror(step) => json!({
            "name": name,
            "match": step.matches.iter().map(by_request).collect::<Vec<_>>(),
            "route": weighed.get("route"),
            "mirror": canary,
            "mirrorPercentage": { "value": step.percentage.unwrap_or(100) },
        }),
    })
}

fn by_header(one: &HeaderRoutingMatch) -> Value {
    let value = one.header_value.as_ref().map(compared).unwrap_or_else(|| json!({}));
    json!({ "headers": { &one.header_name: value } })
}

fn by_request(one: &RouteMatch) -> Value {
    let mut fields = Map::new();
    fields.extend(one.method.as_ref().map(|method| ("method".to_owned(), compared(method))));
    fields.extend(one.path.as_ref().map(|path| ("uri".to_owned(), compared(path))));
    if !one.headers.is_empty() {
        let headers: Map<String, Value> =
            one.headers.iter().map(|(name, value)| (name.clone(), compared(value))).collect();
        fields.insert("headers".into(), Value::Object(headers));
    }
    Value::Object(fields)
}

/// One of the three ways to compare a text.
fn compared(text: &StringMatch) -> Value {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (given(&text.exact), given(&text.regex), given(&text.prefix)) {
        (Some(exact), ..) => json!({ "exact": exact }),
        (None, Some(regex), _) => json!({ "regex": regex }),
        (None, None, Some(prefix)) => json!({ "prefix": prefix }),
        (None, None, None) => json!({}),
    }
}
