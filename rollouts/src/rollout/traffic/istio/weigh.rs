//! The weights in a route, and the same route with others: those of the two ends, of an Experiment's Services, and of subsets that
//! are left to their owners.

use super::{End, Names, RouteAt, destinations, end_of, short_host};
use crate::rollout::{
    replicas::WHOLE,
    traffic::router::{Branch, Wanted, Weights},
};
use serde_json::{Value, json};

/// The weights that each selected route holds. What subsets of others have counts with the stable revision's: it is nothing that
/// could be moved.
pub(super) fn weights(spec: &Value, routes: &[RouteAt], ends: Names<'_>, additional: &[String]) -> Vec<Weights> {
    let at = |route: &RouteAt| spec.get(route.section).and_then(|list| list.get(route.index));
    let sum = |route: &Value, end: End| -> i32 {
        let of_end = destinations(route).filter(|destination| end_of(destination, ends) == Some(end));
        of_end.map(weight_of).sum()
    };
    let of = |route: &Value| {
        let canary = sum(route, End::Canary);
        // Beside a canary that has it all they are too much, and theirs all the same.
        let theirs = weight_of_subsets(route, additional).min((WHOLE - canary).max(0));
        Weights { canary, stable: sum(route, End::Stable) + theirs }
    };
    routes.iter().filter_map(at).map(of).collect()
}

fn weight_of(destination: &Value) -> i32 {
    destination.get("weight").and_then(Value::as_i64).and_then(|weight| i32::try_from(weight).ok()).unwrap_or(0)
}

/// A route with other weights. A destination that is neither end and carries weight goes, as the weights must add up; one without
/// weight stays.
pub(super) fn reweighted(route: &Value, ends: Names<'_>, additional: &[String], wanted: &Wanted<'_>) -> Value {
    let branch_of =
        |destination: &Value| wanted.others.iter().find(|branch| host_in(destination) == Some(&branch.service));
    let fixed = weight_of_subsets(route, additional);
    let (mut canary, mut stable) = (Some(wanted.canary), Some((wanted.stable() - fixed).max(0)));
    let mut list = Vec::new();
    for destination in destinations(route) {
        // A route may name one end twice: only the first carries its weight.
        let share = match end_of(destination, ends) {
            Some(End::Canary) => canary.take().unwrap_or(0),
            Some(End::Stable) => stable.take().unwrap_or(0),
            None => match branch_of(destination) {
                Some(branch) => branch.weight,
                None if weight_of(destination) == 0 || is_subset(destination, additional) => {
                    list.push(destination.clone());
                    continue;
                }
                None => continue,
            },
        };
        list.push(with_weight(destination, share));
    }
    let is_there = |branch: &&Branch| destinations(route).any(|found| host_in(found) == Some(&branch.service));
    list.extend(
        wanted.others.iter().filter(|branch| !is_there(branch)).map(|branch| branch_destination(route, ends, branch)),
    );
    let mut changed = route.clone();
    if let Value::Object(fields) = &mut changed {
        fields.insert("route".into(), Value::Array(list));
    }
    changed
}

fn with_weight(destination: &Value, share: i32) -> Value {
    let mut changed = destination.clone();
    // Beside another destination an absent weight is 0.
    if weight_of(destination) != share
        && let Value::Object(fields) = &mut changed
    {
        fields.insert("weight".into(), share.into());
    }
    changed
}

/// A destination for an Experiment's Service, on the port of the canary's.
fn branch_destination(route: &Value, ends: Names<'_>, branch: &Branch) -> Value {
    let canary = destinations(route).find(|destination| end_of(destination, ends) == Some(End::Canary));
    let mut destination = json!({ "destination": { "host": branch.service }, "weight": branch.weight });
    if let Some(port) = canary.and_then(|canary| canary.pointer("/destination/port"))
        && let Some(fields) = destination.pointer_mut("/destination").and_then(Value::as_object_mut)
    {
        fields.insert("port".into(), port.clone());
    }
    destination
}

fn host_in(destination: &Value) -> Option<&str> {
    destination.pointer("/destination/host").and_then(Value::as_str).map(short_host)
}

fn is_subset(destination: &Value, names: &[String]) -> bool {
    let subset = destination.pointer("/destination/subset").and_then(Value::as_str);
    subset.is_some_and(|subset| names.iter().any(|name| name == subset))
}

/// What subsets of others have in a route.
fn weight_of_subsets(route: &Value, additional: &[String]) -> i32 {
    destinations(route).filter(|destination| is_subset(destination, additional)).map(weight_of).sum()
}
