//! What a Rollout owns in Istio's objects. Lists there are atomic, so an apply carries them whole: this is where the live
//! weights enter the list that is applied.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    Rollout, keys,
    rollout::{CanaryStrategy, IstioDestinationRule, IstioTrafficRouting, IstioVirtualService, TcpRoute, TlsRoute},
};

/// The routes of one VirtualService that a Rollout weighs, and those that it adds and removes.
pub(super) struct Routes<'a> {
    canary: &'a CanaryStrategy,
    rule: Option<&'a IstioDestinationRule>,
    settings: &'a IstioVirtualService,
    managed: BTreeSet<&'a str>,
}

/// The subsets of one DestinationRule that a Rollout points at its revisions.
pub(super) struct Subsets<'a>(&'a IstioDestinationRule);

fn istio(rollout: &Rollout) -> Option<(&CanaryStrategy, &IstioTrafficRouting)> {
    let canary = rollout.spec.strategy.canary.as_ref()?;
    Some((canary, canary.traffic_routing.as_ref()?.istio.as_ref()?))
}

impl<'a> Routes<'a> {
    /// What the Rollout claims in the VirtualService of this name; once for each time it is listed.
    pub(super) fn of(rollout: &'a Rollout, name: &str, namespace: &str) -> Vec<Self> {
        let Some((canary, istio)) = istio(rollout) else { return Vec::new() };
        istio
            .virtual_service
            .iter()
            .chain(&istio.virtual_services)
            .filter(|settings| virtual_service(&settings.name, &rollout.metadata.namespace) == (name, namespace))
            .map(|settings| Self {
                canary,
                rule: istio.destination_rule.as_ref(),
                settings,
                managed: canary.managed_routes().collect(),
            })
            .collect()
    }

    fn is_managed(&self, route: &Value) -> bool {
        route_name(route).is_some_and(|name| self.managed.contains(name))
    }

    /// Places of the weighted routes in a section of a VirtualService.
    fn weighted(&self, section: &str, routes: &[Value]) -> Vec<usize> {
        let places = |holds: &dyn Fn(&Value) -> bool| {
            routes.iter().enumerate().filter(|(_, route)| holds(route)).map(|(place, _)| place).collect::<Vec<_>>()
        };
        match section {
            "http" if self.settings.routes.is_empty() => {
                let own = places(&|route| !self.is_managed(route));
                match own.as_slice() {
                    [one] => vec![*one],
                    _ => places(&|route| !self.is_managed(route) && route_name(route).is_none())
                        .into_iter()
                        .take(1)
                        .collect(),
                }
            }
            "http" => {
                let first = |name: &String| routes.iter().position(|route| route_name(route) == Some(name));
                self.settings.routes.iter().filter_map(first).collect()
            }
            "tls" if !self.settings.tls_routes.is_empty() => {
                places(&|route| self.settings.tls_routes.iter().any(|wanted| is_tls_route(route, wanted)))
            }
            "tcp" if !self.settings.tcp_routes.is_empty() => {
                places(&|route| self.settings.tcp_routes.iter().any(|wanted| is_tcp_route(route, wanted)))
            }
            _ => (!routes.is_empty()).then_some(0).into_iter().collect(),
        }
    }

    /// Whether the user sets this destination's weight, although the route is weighted.
    fn is_users(&self, destination: &Value) -> bool {
        let subset = destination.pointer("/destination/subset").and_then(Value::as_str);
        self.rule.is_some_and(|rule| rule.additional_subset_names.iter().any(|name| Some(name.as_str()) == subset))
    }

    fn is_canary_or_stable(&self, destination: &Value) -> bool {
        let text =
            |name: &str| destination.get("destination").and_then(|found| found.get(name)).and_then(Value::as_str);
        match (self.rule, text("subset")) {
            (Some(rule), Some(subset)) => subset == rule.canary_subset_name || subset == rule.stable_subset_name,
            _ => text("host").is_some_and(|host| super::ends(self.canary).any(|service| service == short(host))),
        }
    }

    /// Experiments add destinations of their own to a weighted route while they run.
    fn has_experiments(&self) -> bool {
        self.canary.steps.iter().any(|step| step.experiment.is_some())
    }

    /// The destinations of a route as an apply is to write them.
    fn destinations(&self, desired: &[Value], live: &[Value]) -> Vec<Value> {
        let counterpart =
            |one: &Value, others: &[Value]| others.iter().find(|other| identity(other) == identity(one)).cloned();
        let mut kept = Vec::new();
        for wanted in desired {
            let mut destination = wanted.clone();
            match counterpart(wanted, live) {
                _ if self.is_users(wanted) => {}
                Some(found) => set_weight(&mut destination, found.get("weight")),
                // A destination with a weight that is neither canary nor stable is taken out by the Rollout.
                None if weight(wanted) != 0 && !self.is_canary_or_stable(wanted) => continue,
                None => {}
            }
            kept.push(destination);
        }
        let is_added =
            |found: &&Value| self.has_experiments() && weight(found) != 0 && counterpart(found, desired).is_none();
        kept.extend(live.iter().filter(is_added).cloned());
        kept
    }
}

/// Puts live weights and managed routes into a VirtualService.
pub(super) fn keep_routes(kept: &mut Value, live: &Value, routes: &Routes<'_>) {
    for section in ["http", "tls", "tcp"] {
        let found = live.pointer(&format!("/spec/{section}")).and_then(Value::as_array);
        let wanted = kept.pointer_mut(&format!("/spec/{section}")).and_then(Value::as_array_mut);
        if let (Some(wanted), Some(found)) = (wanted, found) {
            keep_section(section, wanted, found, routes);
        }
    }
}

fn keep_section(section: &str, wanted: &mut Vec<Value>, found: &[Value], routes: &Routes<'_>) {
    let live_places = routes.weighted(section, found);
    for (turn, place) in routes.weighted(section, wanted).into_iter().enumerate() {
        let live_route = live_places.get(turn).and_then(|place| found.get(*place));
        let live_destinations = live_route.and_then(|route| route.get("route")).and_then(Value::as_array);
        let destinations = wanted.get_mut(place).and_then(|route| route.get_mut("route")).and_then(Value::as_array_mut);
        if let (Some(destinations), Some(live_destinations)) = (destinations, live_destinations) {
            *destinations = routes.destinations(destinations, live_destinations);
        }
    }
    if section == "http" && !routes.managed.is_empty() {
        wanted.retain(|route| !routes.is_managed(route));
        let added = found.iter().filter(|route| routes.is_managed(route)).cloned();
        wanted.splice(0..0, added);
    }
}

impl<'a> Subsets<'a> {
    /// What the Rollout claims in the DestinationRule of this name.
    pub(super) fn of(rollout: &'a Rollout, name: &str) -> Option<Self> {
        istio(rollout)?.1.destination_rule.as_ref().filter(|rule| rule.name == name).map(Self)
    }
}

/// Puts the revision labels of live subsets, and the subsets of experiments, into a DestinationRule.
pub(super) fn keep_subsets(kept: &mut Value, live: &Value, subsets: &Subsets<'_>) {
    let Some(found) = live.pointer("/spec/subsets").and_then(Value::as_array) else { return };
    let Some(wanted) = kept.pointer_mut("/spec/subsets").and_then(Value::as_array_mut) else { return };
    let Subsets(rule) = subsets;
    for subset in wanted.iter_mut() {
        let name = route_name(subset).unwrap_or("");
        if name != rule.canary_subset_name && name != rule.stable_subset_name {
            continue;
        }
        if let Some(live_subset) = found.iter().find(|other| route_name(other) == Some(name)) {
            keep_hash(subset, live_subset.pointer(&format!("/labels/{}", keys::POD_TEMPLATE_HASH)));
        }
    }
    let is_added = |other: &&Value| {
        other.pointer(&format!("/labels/{}", keys::POD_TEMPLATE_HASH)).is_some()
            && !wanted.iter().any(|subset| route_name(subset) == route_name(other))
    };
    let added = found.iter().filter(is_added).cloned().collect::<Vec<_>>();
    wanted.extend(added);
}

fn keep_hash(subset: &mut Value, hash: Option<&Value>) {
    let Some(fields) = subset.as_object_mut() else { return };
    match hash {
        Some(hash) => {
            let labels = fields.entry("labels").or_insert_with(|| Value::Object(Default::default()));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert(keys::POD_TEMPLATE_HASH.to_owned(), hash.clone());
            }
        }
        None => {
            if let Some(labels) = fields.get_mut("labels").and_then(Value::as_object_mut) {
                labels.remove(keys::POD_TEMPLATE_HASH);
            }
        }
    }
}

/// Name and namespace of a VirtualService that a Rollout in `namespace` names as `name` or `name.namespace`, where the last dot
/// parts the two.
pub fn virtual_service<'a>(named: &'a str, namespace: &'a str) -> (&'a str, &'a str) {
    let short = [".svc.cluster.local", ".cluster.local"].into_iter().find_map(|suffix| named.strip_suffix(suffix));
    let short = short.unwrap_or(named);
    short.rsplit_once('.').unwrap_or((short, namespace))
}

fn route_name(route: &Value) -> Option<&str> {
    route.get("name").and_then(Value::as_str).filter(|name| !name.is_empty())
}

fn short(host: &str) -> &str {
    host.split_once('.').map_or(host, |(first, _)| first)
}

fn identity(destination: &Value) -> (Option<&str>, Option<&str>) {
    let text = |name: &str| destination.get("destination").and_then(|found| found.get(name)).and_then(Value::as_str);
    (text("host").map(short), text("subset"))
}

fn weight(destination: &Value) -> i64 {
    destination.get("weight").and_then(Value::as_i64).unwrap_or(0)
}

/// Gives a destination the weight that is found, or none.
pub(super) fn set_weight(destination: &mut Value, weight: Option<&Value>) {
    let Some(fields) = destination.as_object_mut() else { return };
    match weight {
        Some(weight) => fields.insert("weight".to_owned(), weight.clone()),
        None => fields.remove("weight"),
    };
}

/// Whether a Rollout means this tcp route: by its port.
pub fn is_tcp_route(route: &Value, wanted: &TcpRoute) -> bool {
    match_port(route) == Some(wanted.port.unwrap_or(0))
}

/// Whether a Rollout means this tls route: by its port and all of its hosts.
pub fn is_tls_route(route: &Value, wanted: &TlsRoute) -> bool {
    let lists = match_blocks(route).filter_map(|block| block.get("sniHosts").and_then(Value::as_array));
    let hosts: BTreeSet<&str> = lists.flatten().filter_map(Value::as_str).collect();
    let wanted_hosts = wanted.sni_hosts.iter().map(String::as_str).collect();
    hosts == wanted_hosts && match_port(route) == Some(wanted.port.unwrap_or(0))
}

/// The single port that all match blocks of a route agree on; 0 where none is given.
fn match_port(route: &Value) -> Option<i64> {
    let mut ports = match_blocks(route).map(|block| block.get("port").and_then(Value::as_i64).unwrap_or(0));
    let first = ports.next().unwrap_or(0);
    ports.all(|port| port == first).then_some(first)
}

fn match_blocks(route: &Value) -> impl Iterator<Item = &Value> {
    route.get("match").and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests;
