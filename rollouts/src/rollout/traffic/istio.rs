//! Istio: which routes of a VirtualService carry a Rollout's traffic, what weights they hold, and the same routes with
//! another weight; and the subsets of a DestinationRule, where these select the revisions. Works on raw JSON, so that every
//! field that we do not know stays as it is.

mod managed;
mod select;
mod subsets;
mod weigh;

use super::{
    super::{
        invalid::Invalid,
        observed::Observed,
        spec::ends::{Ends, Services},
    },
    router::{self, Backing, Before, Change, ManagedRoute, PATH, Router, Selector, Wanted, Weights},
};
use crds::{
    Kind, RawObject, keys, kind, owned,
    rollout::{CanaryStrategy, IstioDestinationRule, IstioTrafficRouting, IstioVirtualService},
};
use plan::{Event, ObjectRef, Target, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};

/// The kinds of objects that it names.
pub const KINDS: [Kind; 2] = [kind::VIRTUAL_SERVICE, kind::DESTINATION_RULE];
/// The sections of a VirtualService that hold routes, and the same as `managedFields` name them.
const SECTIONS: [&str; 3] = ["http", "tls", "tcp"];
const FIELDS: [&str; 3] = ["/f:spec/f:http", "/f:spec/f:tls", "/f:spec/f:tcp"];

/// How a route's destinations name the two revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names<'a> {
    /// By Service.
    Hosts { canary: &'a str, stable: &'a str },
    /// By subset of a DestinationRule.
    Subsets { canary: &'a str, stable: &'a str },
}

/// Which end a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Canary,
    Stable,
}

/// A route that carries the Rollout's traffic: its section and index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RouteAt {
    section: &'static str,
    index: usize,
}

/// Istio, as a spec sets it.
#[derive(Clone, Debug)]
pub struct Istio<'a> {
    settings: &'a IstioTrafficRouting,
    names: Names<'a>,
    /// Names of routes that steps add and take away.
    managed: Vec<&'a str>,
}

/// Namespace and name of a VirtualService that a spec names.
pub fn name_of(named: &str, namespace: &str) -> (String, String) {
    let (name, namespace) = owned::virtual_service(named, namespace);
    (namespace.into(), name.into())
}

/// The Service that a destination's host stands for: its first part.
pub fn short_host(host: &str) -> &str {
    host.split('.').next().unwrap_or_default()
}

/// How many routes of a VirtualService with this spec a canary between two Services would find.
pub fn routes_between(spec: &Value, named: &IstioVirtualService, canary: &str, stable: &str) -> Result<usize, String> {
    select::routes(spec, named, Names::Hosts { canary, stable }, &[]).map(|routes| routes.len())
}

/// The VirtualServices that the settings name.
fn named(settings: &IstioTrafficRouting) -> impl Iterator<Item = &IstioVirtualService> {
    settings.virtual_service.iter().chain(&settings.virtual_services)
}

fn object_of(named: &IstioVirtualService, namespace: &str) -> ObjectRef {
    let (namespace, name) = name_of(&named.name, namespace);
    ObjectRef::of(&kind::VIRTUAL_SERVICE, &namespace, &name)
}

fn rule_of(rule: &IstioDestinationRule, namespace: &str) -> ObjectRef {
    ObjectRef::of(&kind::DESTINATION_RULE, namespace, &rule.name)
}

/// The objects that the settings name, valid or not.
pub(super) fn references(settings: &IstioTrafficRouting, namespace: &str) -> Vec<ObjectRef> {
    let rule = settings.destination_rule.iter().map(|rule| rule_of(rule, namespace));
    named(settings).map(|named| object_of(named, namespace)).chain(rule).collect()
}

/// The Service behind a DestinationRule: its host, when that is in the rule's own namespace.
pub(super) fn service_behind(rule: &RawObject) -> Option<String> {
    let spec = rule.spec();
    let host = spec.get("host")?.as_str()?;
    let mut parts = host.split('.');
    let service = parts.next().filter(|name| !name.is_empty())?;
    let is_near = parts.next().is_none_or(|namespace| namespace == rule.metadata.namespace);
    is_near.then(|| service.to_owned())
}

impl<'a> Istio<'a> {
    /// Checks what the spec alone shows.
    pub(super) fn parse(
        canary: &'a CanaryStrategy,
        services: Services<'a>,
        settings: &'a IstioTrafficRouting,
    ) -> Result<Self, Invalid> {
        if settings.virtual_service.is_some() != settings.virtual_services.is_empty() {
            let words = "either VirtualService or VirtualServices must be configured";
            return Err(Invalid::internal(&format!("{PATH}.istio"), words));
        }
        let names = match &settings.destination_rule {
            Some(rule) => Names::Subsets { canary: &rule.canary_subset_name, stable: &rule.stable_subset_name },
            None => {
                let services = services.kept_first();
                Names::Hosts { canary: services.canary, stable: services.stable }
            }
        };
        Ok(Self { settings, names, managed: canary.managed_routes().collect() })
    }

    fn check_routes(&self, observed: &Observed, path: &str, named: &IstioVirtualService) -> Result<(), Invalid> {
        let object = object_of(named, &observed.rollout.metadata.namespace);
        let found = router::observed_at(observed, path, &named.name, &kind::VIRTUAL_SERVICE, &object)?;
        let selected = select::routes(&found.spec(), named, self.names, &self.managed);
        let routes = selected.map_err(|problem| Invalid::value(path, &named.name, problem))?;
        if !self.managed.is_empty() && routes.iter().all(|route| route.section != "http") {
            let words = "managedRoutes need an HTTP route that carries the weights";
            return Err(Invalid::value(path, &named.name, words));
        }
        match named.routes.iter().find(|name| self.managed.contains(&name.as_str())) {
            Some(both) => {
                let words = format!("HTTP Route '{both}' carries the weights, so that managedRoutes must not name it");
                Err(Invalid::value(path, &named.name, words))
            }
            None => Ok(()),
        }
    }

    fn routes(&self, object: &ObjectRef, spec: &Value, namespace: &str) -> Vec<RouteAt> {
        let mut routes = Vec::new();
        for named in named(self.settings).filter(|named| object_of(named, namespace) == *object) {
            let mut found = select::routes(spec, named, self.names, &self.managed).unwrap_or_default();
            found.retain(|route| !routes.contains(route));
            routes.extend(found);
        }
        routes
    }

    /// Names of subsets that are left to others.
    fn additional(&self) -> &'a [String] {
        self.settings.destination_rule.as_ref().map(|rule| rule.additional_subset_names.as_slice()).unwrap_or_default()
    }

    fn managed_in<'s>(&'s self, spec: &'s Value) -> impl Iterator<Item = (RouteAt, &'s Value)> {
        let list = spec.get("http").and_then(Value::as_array).into_iter().flatten().enumerate();
        let at = |index: usize| RouteAt { section: "http", index };
        let ours = list.filter(|(_, route)| managed::is_ours(route, &self.managed, self.names));
        ours.map(move |(index, route)| (at(index), route))
    }

    fn rule<'o>(&self, observed: &'o Observed) -> Option<(&'a IstioDestinationRule, &'o RawObject)> {
        let rule = self.settings.destination_rule.as_ref()?;
        let object = observed.routed.get(&rule_of(rule, &observed.rollout.metadata.namespace))?;
        Some((rule, object))
    }
}

impl Router for Istio<'_> {
    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    fn part_of<'w>(&self, _named: &ObjectRef, wanted: &Wanted<'w>) -> Wanted<'w> {
        wanted.clone()
    }

    /// Whether the VirtualServices and the DestinationRule are there and hold what the spec names.
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let path = format!("{PATH}.istio");
        if let Some(rule) = &self.settings.destination_rule {
            subsets::check(observed, &format!("{path}.destinationRule"), rule)?;
        }
        if let Some(named) = &self.settings.virtual_service {
            self.check_routes(observed, &format!("{path}.virtualService.name"), named)?;
        }
        for (index, named) in self.settings.virtual_services.iter().enumerate() {
            self.check_routes(observed, &format!("{path}.virtualServices[{index}].name"), named)?;
        }
        Ok(())
    }

    /// The VirtualServices, of which one may be named twice, with other routes each time.
    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        named(self.settings).map(|named| object_of(named, &observed.rollout.metadata.namespace)).collect()
    }

    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        let Some(spec) = object.get("spec") else { return Vec::new() };
        let mut routes = self.routes(named, spec, &observed.rollout.metadata.namespace);
        routes.extend(self.managed_in(spec).filter(|(_, route)| managed::is_mirror(route)).map(|(at, _)| at));
        weigh::weights(spec, &routes, self.names, self.additional())
    }

    /// Names of the routes that steps have set.
    fn managed(&self, _observed: &Observed, _named: &ObjectRef, object: &Value) -> Vec<String> {
        let routes = object.get("spec").into_iter().flat_map(|spec| self.managed_in(spec));
        routes.map(|(_, route)| name_in(route).unwrap_or_default().to_owned()).collect()
    }

    /// Whole sections are in the patch, since a merge patch replaces lists.
    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let spec = object.get("spec")?;
        let routes = self.routes(named, spec, &observed.rollout.metadata.namespace);
        let mut sections = Map::new();
        for section in SECTIONS {
            let Some(Value::Array(found)) = spec.get(section) else { continue };
            let is_weighed = |index: usize| routes.contains(&RouteAt { section, index });
            let weighed = found.iter().enumerate();
            let weighed = weighed.map(|(at, route)| {
                if is_weighed(at) {
                    weigh::reweighted(route, self.names, self.additional(), wanted)
                } else {
                    route.clone()
                }
            });
            let mut list: Vec<Value> = weighed.collect();
            if let Some(first) = (0..list.len()).find(|index| section == "http" && is_weighed(*index)) {
                list = managed::arranged(list, first, self.names, &self.managed, &wanted.managed);
            }
            if list != *found {
                sections.insert(section.into(), Value::Array(list));
            }
        }
        (!sections.is_empty()).then(|| Change::Patch(json!({ "spec": sections })))
    }

    /// By Service their own selectors, by subset the labels in the DestinationRule.
    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        match self.names {
            Names::Hosts { canary, stable } => Backing::of_services(observed, Ends { canary, stable }),
            Names::Subsets { canary, stable } => {
                let wire = self.rule(observed).map(|(_, object)| object.spec()).unwrap_or_default();
                let host = wire.get("host").and_then(Value::as_str).map(short_host).unwrap_or_default();
                let by_subset = |name: &str| Backing {
                    service: host.into(),
                    hash: subsets::subset_hash(&wire, name).map(Into::into),
                };
                (by_subset(canary), by_subset(stable))
            }
        }
    }

    /// The two subsets, where there are some.
    fn selectors(&self, observed: &Observed) -> Option<(Selector, Selector)> {
        let (rule, _) = self.rule(observed)?;
        let (canary, stable) = self.backings(observed);
        let named = |subset: &str, backing| Selector {
            what: format!("subset {subset} of DestinationRule {}", rule.name),
            backing,
            precedes_pods: false,
        };
        Some((named(&rule.canary_subset_name, canary), named(&rule.stable_subset_name, stable)))
    }

    /// Points subsets at revisions.
    fn switched(&self, observed: &Observed, canary: Option<&str>, stable: Option<&str>) -> Vec<Write> {
        let Some((rule, object)) = self.rule(observed) else { return Vec::new() };
        let (canary_subset, stable_subset) = (rule.canary_subset_name.as_str(), rule.stable_subset_name.as_str());
        let changes: Vec<(&str, &str)> = [(canary_subset, canary), (stable_subset, stable)]
            .into_iter()
            .filter_map(|(of, to)| Some((of, to?)))
            .collect();
        if changes.is_empty() {
            return Vec::new();
        }
        let meta = &object.metadata;
        let mut body = subsets::with_hashes(&object.spec(), &changes);
        if let Some(fields) = body.as_object_mut() {
            let manager = &observed.rollout.metadata.name;
            fields.insert("metadata".into(), json!({ "annotations": { keys::MANAGED_BY_ROLLOUTS: manager } }));
        }
        let (canary_now, stable_now) = self.backings(observed);
        let after = |to: Option<&str>, now: Backing| to.map(Into::into).or(now.hash).unwrap_or_default();
        let (canary, stable): (String, String) = (after(canary, canary_now), after(stable, stable_now));
        let told = format!(
            "DestinationRule {} subset updated ({canary_subset}: {canary}, {stable_subset}: {stable})",
            meta.name
        );
        let because = RolloutReason::SubsetsSwitched { rule: meta.name.clone(), canary, stable };
        let target = Target::of(&kind::DESTINATION_RULE, meta);
        vec![Write::patch(target, body, because.into()).with_event(Event::normal("UpdatedDestinationRule", told))]
    }

    /// Tells of other weights, and of managed routes that came or went.
    fn told(&self, name: &str, _change: &Change, before: Before<'_>, wanted: &Wanted<'_>) -> Vec<Event> {
        let weight = (!before.is_weighed).then(|| format!("set to desiredWeight '{}'", wanted.canary));
        let added = wanted.added(before.managed).map(|route| match route {
            ManagedRoute::Header(_) => format!("set headerRoute '{}'", route.name()),
            ManagedRoute::Mirror(_) => format!("set mirrorRoute '{}'", route.name()),
        });
        let is_removal = wanted.managed.is_empty() && !before.managed.is_empty();
        let removed = is_removal.then(|| "removed all managed routes.".to_owned());
        let texts = weight.into_iter().chain(added).chain(removed);
        texts.map(|text| Event::normal("Updated VirtualService", format!("VirtualService `{name}` {text}"))).collect()
    }
}

fn name_in(route: &Value) -> Option<&str> {
    route.get("name").and_then(Value::as_str)
}

fn is_one_of(route: &Value, names: &[&str]) -> bool {
    name_in(route).is_some_and(|name| names.contains(&name))
}

fn destinations(route: &Value) -> impl Iterator<Item = &Value> {
    route.get("route").and_then(Value::as_array).into_iter().flatten()
}

fn end_of(destination: &Value, ends: Names<'_>) -> Option<End> {
    let field = |name: &str| destination.get("destination").and_then(|to| to.get(name)).and_then(Value::as_str);
    let (found, canary, stable) = match ends {
        Names::Hosts { canary, stable } => (short_host(field("host")?), canary, stable),
        Names::Subsets { canary, stable } => (field("subset")?, canary, stable),
    };
    match found {
        found if found == canary => Some(End::Canary),
        found if found == stable => Some(End::Stable),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
