//! Steps that make routes of their own, by header or by mirror: what must hold of them, in the words that existing clients know.
//! What a router makes of them is not decided here.

use super::{CANARY, routing::has_plugin};
use crate::rollout::invalid::{Faults, Invalid};
use crds::rollout::{CanaryStep, SetHeaderRoute, SetMirrorRoute, StringMatch, TrafficRouting};

/// Checks the routes that the step at `path` makes.
pub fn check(path: &str, step: &CanaryStep, routing: Option<&TrafficRouting>, faults: &mut Faults) {
    let (header, mirror) = (format!("{path}.setHeaderRoute"), format!("{path}.setMirrorRoute"));
    if let Some(wire) = &step.set_header_route {
        by_header(&header, wire, routing, faults);
    }
    if let Some(wire) = &step.set_mirror_route {
        by_mirror(&mirror, wire, routing, faults);
    }
    let names = [
        (header, step.set_header_route.as_ref().map(|route| &route.name)),
        (mirror, step.set_mirror_route.as_ref().map(|route| &route.name)),
    ];
    let Some(routing) = routing else { return };
    for (path, name) in names.iter().filter_map(|(path, name)| Some((path, name.as_ref()?))) {
        is_managed(path, name.as_deref().unwrap_or_default(), routing, faults);
    }
}

fn by_header(path: &str, wire: &SetHeaderRoute, routing: Option<&TrafficRouting>, faults: &mut Faults) {
    let can = |routing: &&TrafficRouting| {
        routing.istio.is_some() || routing.alb.is_some() || routing.apisix.is_some() || has_plugin(routing)
    };
    let Some(routing) = routing.filter(can) else {
        let words = "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix";
        return faults.note(Invalid::value(path, wire, words));
    };
    for (index, header) in wire.matches.iter().enumerate() {
        let (path, value) = (format!("{path}.match[{index}]"), header.header_value.as_ref());
        if value.is_some() && routing.alb.is_some() {
            is_exact(&path, value, faults);
        } else {
            is_one_match(&path, value, faults);
        }
    }
}

fn by_mirror(path: &str, wire: &SetMirrorRoute, routing: Option<&TrafficRouting>, faults: &mut Faults) {
    if !routing.is_some_and(|routing| routing.istio.is_some() || has_plugin(routing)) {
        let words = "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins";
        faults.note(Invalid::value(path, wire, words));
    }
    for (index, route) in wire.matches.iter().enumerate() {
        let values = route.method.iter().chain(&route.path).chain(route.headers.values());
        for value in values {
            is_one_match(&format!("{path}.match[{index}]"), Some(value), faults);
        }
    }
}

fn given(value: &StringMatch) -> usize {
    let fields = [&value.exact, &value.regex, &value.prefix];
    fields.iter().filter(|text| text.as_ref().is_some_and(|text| !text.is_empty())).count()
}

fn is_one_match(path: &str, value: Option<&StringMatch>, faults: &mut Faults) {
    let problem = match value.map_or(0, given) {
        0 => "StringMatch value missed, match value must have one of the following: exact, regex, prefix",
        1 => return,
        _ => "StringMatch match value must have exactly one of the following: exact, regex, prefix",
    };
    faults.note(shown(path, value, problem));
}

fn is_exact(path: &str, value: Option<&StringMatch>, faults: &mut Faults) {
    let exact = value.and_then(|value| value.exact.as_deref()).unwrap_or_default();
    if exact.is_empty() || value.map_or(0, given) > 1 {
        let problem = "SetHeaderRoute match value invalid. ALB supports 'exact' value only";
        faults.note(shown(path, value, problem));
    }
}

/// A value that is absent is shown as clients know it.
fn shown(path: &str, value: Option<&StringMatch>, problem: &str) -> Invalid {
    match value {
        Some(value) => Invalid::value(path, value, problem),
        None => Invalid::value(path, "null", problem),
    }
}

/// A route that a step makes must be listed, since the list says which of them goes first.
fn is_managed(path: &str, name: &str, routing: &TrafficRouting, faults: &mut Faults) {
    if routing.managed_routes.is_empty() {
        let field = format!("{CANARY}.trafficRouting.managedRoutes");
        faults.note(Invalid::required(&field, format!("Rollout has missing field '{field}'")));
    } else if !routing.managed_routes.iter().any(|route| route.name == name) {
        let words = "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes";
        faults.note(Invalid::value(path, name, words));
    }
}
