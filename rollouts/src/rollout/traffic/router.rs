//! What all routers have in common: the objects that they name, the weights in them, and what backs their ends.
//!
//! A router is one technology and one file beside this one. It checks and reads its objects, and makes the changes that bring
//! them to a weight; when that happens is decided elsewhere. Whoever adds one names it in `kinds`, `references` and `parse`.

use super::{
    super::{
        invalid::{Faults, Invalid},
        observed::Observed,
        spec::ends::{Ends, Services},
    },
    alb::{self, Alb},
    ambassador::{self, Ambassador},
    apisix::{self, Apisix},
    app_mesh::{self, AppMesh},
    gateway_api::{self, GatewayApi},
    istio::{self, Istio},
    nginx::{self, Nginx},
    smi::{self, Smi},
    traefik::{self, Traefik},
};
use crds::{
    Kind, RawObject, Rollout, keys,
    rollout::{CanaryStep, CanaryStrategy, SetHeaderRoute, SetMirrorRoute, TrafficRouting},
};
use plan::{Event, ObjectRef, Write, reason::RolloutReason};
use serde_json::Value;
use std::fmt;

/// Where the routers stand in a spec.
pub const PATH: &str = "spec.strategy.canary.trafficRouting";

/// What the routes of a Rollout are to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted<'a> {
    /// The canary's weight.
    pub canary: i32,
    /// The weight that stands for all of the traffic.
    pub whole: i32,
    /// What leads to neither revision: the Services of a running Experiment.
    pub others: Vec<Branch>,
    /// The routes that steps have set, the most important first.
    pub managed: Vec<ManagedRoute<'a>>,
}

/// A Service of an Experiment and its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The Service.
    pub service: String,
    /// The revision that it selects.
    pub hash: Option<String>,
    /// Its weight.
    pub weight: i32,
    /// How many pods are behind it.
    pub pods: i32,
}

/// A route that a step has set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ManagedRoute<'a> {
    /// Requests with given headers go to the canary.
    Header(&'a SetHeaderRoute),
    /// The canary gets a copy of given requests.
    Mirror(&'a SetMirrorRoute),
}

impl Wanted<'_> {
    /// The weight of the stable revision: the rest.
    pub fn stable(&self) -> i32 {
        let others: i32 = self.others.iter().map(|branch| branch.weight).sum();
        (self.whole - self.canary - others).max(0)
    }

    /// The routes of steps that are none of these yet.
    pub fn added<'s>(&'s self, known: &'s [String]) -> impl Iterator<Item = &'s ManagedRoute<'s>> {
        self.managed.iter().filter(|route| known.iter().all(|name| name != route.name()))
    }
}

impl<'a> ManagedRoute<'a> {
    fn of(step: &'a CanaryStep) -> Option<Self> {
        let header = step.set_header_route.as_ref().map(Self::Header);
        header.or_else(|| step.set_mirror_route.as_ref().map(Self::Mirror))
    }

    /// Its name, which is in `managedRoutes`.
    pub fn name(self) -> &'a str {
        let name = match self {
            Self::Header(route) => &route.name,
            Self::Mirror(route) => &route.name,
        };
        name.as_deref().unwrap_or_default()
    }

    /// Whether it asks for a route at all: without a match a step takes the route away.
    fn is_set(self) -> bool {
        match self {
            Self::Header(route) => !route.matches.is_empty(),
            Self::Mirror(route) => !route.matches.is_empty(),
        }
    }
}

/// The managed routes of a canary that has come as far as the first `steps` steps: of each name the last that was set, in the order
/// of `managedRoutes`.
pub fn managed_after(canary: &CanaryStrategy, steps: usize) -> Vec<ManagedRoute<'_>> {
    let set: Vec<ManagedRoute<'_>> = canary.steps.iter().take(steps).filter_map(ManagedRoute::of).collect();
    let last = |name: &str| set.iter().rev().find(|route| route.name() == name).copied();
    canary.managed_routes().filter_map(last).filter(|route| route.is_set()).collect()
}

/// What brings an object of a router to what is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The object as it is to be created.
    Create(Value),
    /// A merge patch.
    Patch(Value),
    /// The object goes.
    Delete,
}

/// Weights that a route holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// To the canary: a part of the weight that stands for all of the traffic.
    pub canary: i32,
    /// To the stable revision, likewise.
    pub stable: i32,
}

/// One end of the routes: what backs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backing {
    /// The Service whose endpoints carry this end's traffic.
    pub service: String,
    /// The revision that it selects; `None` where it does not select by revision yet.
    pub hash: Option<String>,
}

impl Backing {
    /// A Service, which selects by itself.
    pub fn of_service(observed: &Observed, name: &str) -> Self {
        let service = observed.services.get(name);
        let hash = service.and_then(|service| service.spec.selector.get(keys::POD_TEMPLATE_HASH).cloned());
        Self { service: name.into(), hash }
    }

    /// Two Services, the canary's first.
    pub fn of_services(observed: &Observed, ends: Ends<'_>) -> (Self, Self) {
        (Self::of_service(observed, ends.canary), Self::of_service(observed, ends.stable))
    }
}

/// A part of a router's object that selects one revision, such as a subset, and that is none of the Services.
#[derive(Clone, Debug)]
pub struct Selector {
    /// What it is, in words.
    pub what: String,
    /// What it selects now.
    pub backing: Backing,
    /// Pods learn from it where they belong when they are made: it goes before them.
    pub precedes_pods: bool,
}

/// A technology that divides traffic, as a spec sets it.
pub trait Router: fmt::Debug {
    /// Whether all that it names is there and fits.
    fn check(&self, observed: &Observed) -> Result<(), Invalid>;

    /// The objects that hold weights and routes of the Rollout's, as often as they are named.
    fn objects(&self, observed: &Observed) -> Vec<ObjectRef>;

    /// The weights that each of the Rollout's routes holds in this object, which is null where there is none.
    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights>;

    /// What backs the canary's end and the stable one.
    fn backings(&self, observed: &Observed) -> (Backing, Backing);

    /// What gives the Rollout's routes in an object, which is null where there is none, what is wanted; `None` where they hold it.
    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change>;

    /// Where its objects hold routes, as `managedFields` name it below the whole object.
    fn fields(&self) -> &'static [&'static str];

    /// What is wanted of one of its objects, where that is not all: most cannot lead to the Services of an Experiment.
    fn part_of<'w>(&self, _named: &ObjectRef, wanted: &Wanted<'w>) -> Wanted<'w> {
        Wanted { others: Vec::new(), ..wanted.clone() }
    }

    /// Whether its objects hold more of ours than weights, which may be out of line while these are right.
    fn holds_more(&self) -> bool {
        false
    }

    /// Names of the routes in an object that steps have set.
    fn managed(&self, _observed: &Observed, _named: &ObjectRef, _object: &Value) -> Vec<String> {
        Vec::new()
    }

    /// What selects the canary and the stable revision, where that is not the Services.
    fn selectors(&self, _observed: &Observed) -> Option<(Selector, Selector)> {
        None
    }

    /// Points its selectors at revisions; `None` leaves one as it is.
    fn switched(&self, _observed: &Observed, _canary: Option<&str>, _stable: Option<&str>) -> Vec<Write> {
        Vec::new()
    }

    /// The Events that tell what a change makes of the object of this name.
    fn told(&self, _name: &str, _change: &Change, _before: Before<'_>, _wanted: &Wanted<'_>) -> Vec<Event> {
        Vec::new()
    }
}

/// What an object holds before a change.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// Its routes have the wanted weights already.
    pub is_weighed: bool,
    /// Names of the routes that steps have set.
    pub managed: &'a [String],
}

/// All kinds of objects that routers name.
pub fn kinds() -> impl Iterator<Item = Kind> {
    let all = istio::KINDS.into_iter().chain(gateway_api::KINDS).chain(nginx::KINDS).chain(alb::KINDS);
    all.chain(smi::KINDS).chain(traefik::KINDS).chain(apisix::KINDS).chain(ambassador::KINDS).chain(app_mesh::KINDS)
}

/// The objects that a Rollout's routers name, read off its spec, valid or not.
pub fn references(rollout: &Rollout) -> Vec<ObjectRef> {
    let namespace = &rollout.metadata.namespace;
    let canary = rollout.spec.strategy.canary.as_ref();
    let routed = canary.and_then(|canary| Some((canary, canary.traffic_routing.as_ref()?)));
    let Some((canary, routing)) = routed else { return Vec::new() };
    let istio = routing.istio.iter().flat_map(|settings| istio::references(settings, namespace));
    let gateway_api = gateway_api::references(routing, namespace);
    let nginx = nginx::references(routing, &rollout.metadata);
    let alb = alb::references(routing, &rollout.metadata);
    let smi = routing.smi.iter().map(|settings| smi::split(settings, &rollout.metadata));
    let traefik = routing.traefik.iter().map(|settings| traefik::object_of(settings, namespace));
    let apisix = apisix::references(canary, namespace);
    let ambassador = routing.ambassador.iter().flat_map(|settings| ambassador::references(settings, namespace));
    let first = istio.chain(gateway_api).chain(nginx).chain(alb).chain(smi);
    let app_mesh = routing.app_mesh.iter().flat_map(|settings| app_mesh::references(settings, namespace));
    first.chain(traefik).chain(apisix).chain(ambassador).chain(app_mesh).collect()
}

/// The Service whose endpoints a router's object leads to, where that is in the object and not in the Rollout's spec.
pub fn service_behind(kind: &Kind, object: &RawObject) -> Option<String> {
    (*kind == crds::kind::DESTINATION_RULE).then(|| istio::service_behind(object)).flatten()
}

/// The kind of the objects that those of this kind name in their own specs.
pub fn kind_behind(kind: &Kind) -> Option<Kind> {
    (*kind == crds::kind::MESH_SERVICE).then_some(crds::kind::VIRTUAL_ROUTER)
}

/// The object of a router that another one names in its own spec.
pub fn object_behind(kind: &Kind, object: &RawObject) -> Option<ObjectRef> {
    kind_behind(kind).and_then(|_| app_mesh::router_behind(object))
}

/// The observed object that a field names, or what is said where there is none.
pub fn observed_at<'a>(
    observed: &'a Observed,
    path: &str,
    value: &str,
    kind: &Kind,
    named: &ObjectRef,
) -> Result<&'a RawObject, Invalid> {
    if let Some(object) = observed.routed.get(named) {
        return Ok(object);
    }
    let name = named.name.clone();
    is_served(observed, path, value, kind, named)?;
    let words = format!("{}.{} \"{name}\" not found", kind.plural, kind.group);
    let reason = RolloutReason::RoutedNotFound { kind: kind.kind.into(), name };
    Err(Invalid::missing(path, value, words, reason))
}

/// Whether objects of this kind can be read at all.
pub fn is_served(observed: &Observed, path: &str, value: &str, kind: &Kind, named: &ObjectRef) -> Result<(), Invalid> {
    let Some(why) = observed.closed_kinds.get(kind) else { return Ok(()) };
    let reason = RolloutReason::KindClosed { kind: kind.kind.into(), name: named.name.clone(), why: why.clone() };
    Err(Invalid::missing(path, value, reason.to_string(), reason))
}

/// The canary's Service and the stable one, once they are known to be there.
pub fn services_of(canary: &CanaryStrategy) -> Ends<'_> {
    let [canary, stable] = [&canary.canary_service, &canary.stable_service].map(|name| name.as_deref().unwrap_or(""));
    Ends { canary, stable }
}

/// The routers that a spec sets, in the order in which they are brought to a weight.
pub fn parse<'a>(
    canary: &'a CanaryStrategy,
    services: Services<'a>,
    routing: &'a TrafficRouting,
    faults: &mut Faults,
) -> Vec<Box<dyn Router + 'a>> {
    let istio = routing.istio.as_ref().and_then(|settings| faults.keep(Istio::parse(canary, services, settings)));
    let gateway_api = faults.keep(GatewayApi::parse(canary, services, routing)).flatten();
    let nginx = routing.nginx.as_ref().and_then(|settings| faults.keep(Nginx::parse(canary, settings)));
    let alb = routing.alb.as_ref().and_then(|settings| faults.keep(Alb::parse(canary, services, settings)));
    let apisix = routing.apisix.as_ref().and_then(|settings| faults.keep(Apisix::parse(canary, settings)));
    let ambassador = routing.ambassador.as_ref().and_then(|settings| faults.keep(Ambassador::parse(canary, settings)));
    let app_mesh = routing.app_mesh.as_ref().and_then(|settings| faults.keep(AppMesh::parse(canary, settings)));
    let mut routers: Vec<Box<dyn Router + 'a>> = Vec::new();
    routers.extend(istio.map(boxed));
    routers.extend(gateway_api.map(boxed));
    routers.extend(nginx.map(boxed));
    routers.extend(alb.map(boxed));
    routers.extend(routing.smi.as_ref().map(|settings| boxed(Smi::of(canary, settings))));
    routers.extend(routing.traefik.as_ref().map(|settings| boxed(Traefik::of(canary, settings))));
    routers.extend(apisix.map(boxed));
    routers.extend(ambassador.map(boxed));
    routers.extend(app_mesh.map(boxed));
    routers
}

fn boxed<'a>(router: impl Router + 'a) -> Box<dyn Router + 'a> {
    Box::new(router)
}

/// A part of a sum as a part of `whole`. Weights are relative: what adds up to something else is rounded up, since it may be
/// that much.
pub fn part_of(whole: i32, part: i64, sum: i64) -> i32 {
    let [of, part, sum] = [i64::from(whole), part, sum].map(i128::from);
    let share = if sum == of || sum <= 0 { part } else { (part * of + sum - 1) / sum };
    i32::try_from(share).unwrap_or(whole)
}

/// The rules in a spec.
pub fn rules(spec: &Value) -> &[Value] {
    spec.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A text as an expression that matches nothing else.
pub fn literal(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => format!("\\{letter}"),
        plain => plain.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Exactly one of two fields must be set: one object, or several.
pub fn one_of_two(path: &str, fields: [&str; 2], one: Option<&str>, several: &[String]) -> Result<(), Invalid> {
    let found = match (one.is_some_and(|name| !name.is_empty()), several.is_empty()) {
        (true, true) | (false, false) => return Ok(()),
        (true, false) => "Both",
        (false, true) => "Neither",
    };
    let [one, several] = fields;
    Err(Invalid::internal(path, format!("Either {one} or {several} must be configured. {found} are configured.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_parts_of_the_whole() {
        for (whole, part, sum, expected) in [
            (1000, 5, 1000, 5),
            (1000, 1, 2, 500),
            (1000, 0, 100, 0),
            // Written when the whole was another one: either may be that much.
            (100, 5, 1000, 1),
            (100, 995, 1000, 100),
            // Nothing is known of what it is a part of.
            (100, 0, 0, 0),
            (100, i64::MAX, i64::MAX, 100),
        ] {
            assert_eq!(part_of(whole, part, sum), expected, "{part} of {sum} as a part of {whole}");
        }
    }
}
