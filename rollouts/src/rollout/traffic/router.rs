//! What all routers have in common: the objects that they name, the weights in them, and what backs their ends.
//!
//! A router is one technology and one file beside this one. It checks and reads its objects, and makes the changes that bring
//! them to a weight; when that happens is decided elsewhere. Whoever adds one adds an arm to each `match` here.

use super::{
    super::{
        invalid::{Faults, Invalid},
        observed::Observed,
        spec::ends::Services,
    },
    alb::{self, Alb},
    gateway_api::{self, GatewayApi},
    istio::{self, Istio},
    nginx::{self, Nginx},
    smi::{self, Smi},
    traefik::{self, Traefik},
};
use crds::{
    Kind, ObjectMeta, RawObject, Rollout, keys,
    rollout::{CanaryStep, CanaryStrategy, SetHeaderRoute, SetMirrorRoute, TrafficRouting},
};
use plan::{Event, ObjectRef, Write, reason::RolloutReason};
use serde_json::Value;

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
    managed_names(canary).filter_map(last).filter(|route| route.is_set()).collect()
}

/// The names that are the Rollout's own among the routes of its objects.
pub fn managed_names(canary: &CanaryStrategy) -> impl Iterator<Item = &str> {
    canary.traffic_routing.iter().flat_map(|routing| &routing.managed_routes).map(|route| route.name.as_str())
}

/// What brings an object of a router to what is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The object as it is to be created.
    Create(Value),
    /// A merge patch.
    Patch(Value),
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
}

/// A part of a router's object that selects one revision, such as a subset, and that is none of the Services.
#[derive(Clone, Debug)]
pub struct Selector {
    /// What it is, in words.
    pub what: String,
    /// What it selects now.
    pub backing: Backing,
}

/// A router that a spec sets.
#[derive(Clone, Debug)]
pub enum Router<'a> {
    /// Istio.
    Istio(Istio<'a>),
    /// Gateway API.
    GatewayApi(GatewayApi<'a>),
    /// The nginx ingress controller.
    Nginx(Nginx<'a>),
    /// The AWS load balancer controller.
    Alb(Alb<'a>),
    /// A mesh that reads TrafficSplits.
    Smi(Smi<'a>),
    /// Traefik.
    Traefik(Traefik<'a>),
}

/// All kinds of objects that routers name.
pub fn kinds() -> impl Iterator<Item = Kind> {
    let all = istio::KINDS.into_iter().chain(gateway_api::KINDS).chain(nginx::KINDS).chain(alb::KINDS);
    all.chain(smi::KINDS).chain(traefik::KINDS)
}

/// The objects that a Rollout's routers name, read off its spec, valid or not.
pub fn references(rollout: &Rollout) -> Vec<ObjectRef> {
    let namespace = &rollout.metadata.namespace;
    let canary = rollout.spec.strategy.canary.as_ref();
    let Some(routing) = canary.and_then(|canary| canary.traffic_routing.as_ref()) else { return Vec::new() };
    let istio = routing.istio.iter().flat_map(|settings| istio::references(settings, namespace));
    let gateway_api = gateway_api::references(routing, namespace);
    let nginx = nginx::references(routing, &rollout.metadata);
    let alb = alb::references(routing, &rollout.metadata);
    let smi = routing.smi.iter().map(|settings| smi::split(settings, &rollout.metadata));
    let traefik = routing.traefik.iter().map(|settings| traefik::object_of(settings, namespace));
    istio.chain(gateway_api).chain(nginx).chain(alb).chain(smi).chain(traefik).collect()
}

/// The Service whose endpoints a router's object leads to, where that is in the object and not in the Rollout's spec.
pub fn service_behind(kind: &Kind, object: &RawObject) -> Option<String> {
    (*kind == crds::kind::DESTINATION_RULE).then(|| istio::service_behind(object)).flatten()
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
pub fn services_of(canary: &CanaryStrategy) -> (&str, &str) {
    (canary.canary_service.as_deref().unwrap_or_default(), canary.stable_service.as_deref().unwrap_or_default())
}

impl<'a> Router<'a> {
    /// The routers that a spec sets, in the order in which they are brought to a weight.
    pub fn parse(
        canary: &'a CanaryStrategy,
        services: Services<'a>,
        routing: &'a TrafficRouting,
        faults: &mut Faults,
    ) -> Vec<Self> {
        let istio = routing.istio.as_ref().and_then(|settings| faults.keep(Istio::parse(canary, services, settings)));
        let gateway_api = faults.keep(GatewayApi::parse(canary, services, routing)).flatten();
        let nginx = routing.nginx.as_ref();
        let nginx = nginx.and_then(|settings| faults.keep(Nginx::parse(canary, routing, settings)));
        let alb = routing.alb.as_ref().and_then(|settings| faults.keep(Alb::parse(canary, services, settings)));
        let mut routers = Vec::new();
        routers.extend(istio.map(Self::Istio));
        routers.extend(gateway_api.map(Self::GatewayApi));
        routers.extend(nginx.map(Self::Nginx));
        routers.extend(alb.map(Self::Alb));
        routers.extend(routing.smi.as_ref().map(|settings| Self::Smi(Smi::of(canary, settings))));
        routers.extend(routing.traefik.as_ref().map(|settings| Self::Traefik(Traefik::of(canary, settings))));
        routers
    }

    /// Whether its routes can lead to the Services of an Experiment too.
    pub fn has_branches(&self) -> bool {
        matches!(self, Self::Istio(_) | Self::Alb(_) | Self::Smi(_))
    }

    /// Whether all that it names is there and fits.
    pub fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        match self {
            Self::Istio(istio) => istio.check(observed),
            Self::GatewayApi(gateway_api) => gateway_api.check(observed),
            Self::Nginx(nginx) => nginx.check(observed),
            Self::Alb(alb) => alb.check(observed),
            Self::Smi(smi) => smi.check(observed),
            Self::Traefik(traefik) => traefik.check(observed),
        }
    }

    /// The objects that hold the weights of the Rollout with this metadata, each once.
    pub fn objects(&self, owner: &ObjectMeta) -> Vec<ObjectRef> {
        match self {
            Self::Istio(istio) => istio.objects(&owner.namespace),
            Self::GatewayApi(gateway_api) => gateway_api.objects(&owner.namespace),
            Self::Nginx(nginx) => nginx.objects(owner),
            Self::Alb(alb) => alb.objects(owner),
            Self::Smi(smi) => smi.objects(owner),
            Self::Traefik(traefik) => traefik.objects(&owner.namespace),
        }
    }

    /// The weights that each of the Rollout's routes holds in this object, which is null where there is none.
    pub fn weights(&self, named: &ObjectRef, object: &Value, owner: &ObjectMeta) -> Vec<Weights> {
        match self {
            Self::Istio(istio) => istio.weights(named, object, &owner.namespace),
            Self::GatewayApi(gateway_api) => gateway_api.weights(named, object, &owner.namespace),
            Self::Nginx(nginx) => nginx.weights(named, object, owner),
            Self::Alb(alb) => alb.weights(named, object, owner),
            Self::Smi(smi) => smi.weights(named, object, owner),
            Self::Traefik(traefik) => traefik.weights(named, object, &owner.namespace),
        }
    }

    /// What backs the canary's end and the stable one.
    pub fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        match self {
            Self::Istio(istio) => istio.backings(observed),
            Self::GatewayApi(gateway_api) => gateway_api.backings(observed),
            Self::Nginx(nginx) => nginx.backings(observed),
            Self::Alb(alb) => alb.backings(observed),
            Self::Smi(smi) => smi.backings(observed),
            Self::Traefik(traefik) => traefik.backings(observed),
        }
    }

    /// Names of the routes in an object that steps have set.
    pub fn managed(&self, object: &Value) -> Vec<String> {
        match self {
            Self::Istio(istio) => istio.managed(object),
            Self::Alb(alb) => alb.managed(object),
            Self::GatewayApi(_) | Self::Nginx(_) | Self::Smi(_) | Self::Traefik(_) => Vec::new(),
        }
    }

    /// What gives the Rollout's routes in an object, which is null where there is none, what is wanted; `None` where they hold it.
    pub fn change(
        &self,
        observed: &Observed,
        named: &ObjectRef,
        object: &Value,
        wanted: &Wanted<'_>,
    ) -> Option<Change> {
        let namespace = &observed.rollout.metadata.namespace;
        match self {
            Self::Istio(istio) => istio.change(named, object, namespace, wanted),
            Self::GatewayApi(gateway_api) => gateway_api.change(object, namespace, wanted),
            Self::Nginx(nginx) => nginx.change(observed, named, object, wanted),
            Self::Alb(alb) => alb.change(&observed.rollout.metadata, object, wanted),
            Self::Smi(smi) => smi.change(observed, named, object, wanted),
            Self::Traefik(traefik) => traefik.change(object, namespace, wanted),
        }
    }

    /// Whether its objects hold more of ours than weights, which may be out of line while these are right.
    pub fn holds_more(&self) -> bool {
        match self {
            Self::Istio(_) | Self::GatewayApi(_) | Self::Traefik(_) => false,
            Self::Nginx(_) | Self::Alb(_) | Self::Smi(_) => true,
        }
    }

    /// What selects the canary and the stable revision, where that is not the Services.
    pub fn selectors(&self, observed: &Observed) -> Option<(Selector, Selector)> {
        match self {
            Self::Istio(istio) => istio.selectors(observed),
            Self::GatewayApi(_) | Self::Nginx(_) | Self::Alb(_) | Self::Smi(_) | Self::Traefik(_) => None,
        }
    }

    /// Points its selectors at revisions; `None` leaves one as it is.
    pub fn switched(&self, observed: &Observed, canary: Option<&str>, stable: Option<&str>) -> Option<Write> {
        match self {
            Self::Istio(istio) => istio.switched(observed, canary, stable),
            Self::GatewayApi(_) | Self::Nginx(_) | Self::Alb(_) | Self::Smi(_) | Self::Traefik(_) => None,
        }
    }

    /// The Events that tell what a change makes of an object with these managed routes.
    ///
    /// `is_weighed` says that its routes have the wanted weights already.
    pub fn told(
        &self,
        name: &str,
        change: &Change,
        is_weighed: bool,
        managed: &[String],
        wanted: &Wanted<'_>,
    ) -> Vec<Event> {
        match self {
            Self::Istio(_) => istio::told(name, is_weighed, managed, wanted),
            Self::GatewayApi(_) | Self::Traefik(_) => Vec::new(),
            Self::Nginx(_) => vec![nginx::told(name, change, wanted)],
            Self::Alb(_) => alb::told(name, is_weighed, managed, wanted),
            Self::Smi(_) => vec![smi::told(name, change)],
        }
    }

    /// Where its objects hold routes, as `managedFields` name it below the whole object.
    pub fn fields(&self) -> &'static [&'static str] {
        match self {
            Self::Istio(_) => &istio::FIELDS,
            Self::GatewayApi(_) => &gateway_api::FIELDS,
            Self::Nginx(_) => &nginx::FIELDS,
            Self::Alb(_) => &alb::FIELDS,
            Self::Smi(_) => &smi::FIELDS,
            Self::Traefik(_) => &traefik::FIELDS,
        }
    }
}
