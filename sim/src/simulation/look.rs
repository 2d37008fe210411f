//! How a Rollout stands, read from the server's own store: what a person would look up with kubectl.
//!
//! It reads and never decides; fields that are absent read as nothing.

use crate::{
    server::Server,
    world::{
        calls::{at, controller_uid, is_deleting, is_true, list, number, text},
        ingresses,
        mesh::weighted::WEIGHTED,
    },
};
use crds::kind;
use serde_json::{Value, json};
use std::sync::Arc;

/// Istio's version that this looks at.
const ISTIO: &str = "networking.istio.io/v1";

/// Gateway API's version that this looks at.
const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";

/// Which destinations of which VirtualServices, HTTPRoutes and Ingresses belong to a Rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Names of the VirtualServices.
    pub virtual_services: Vec<String>,
    /// Names of the HTTPRoutes.
    pub http_routes: Vec<String>,
    /// Names of the Ingresses.
    pub ingresses: Vec<String>,
    /// The weight that stands for all of the traffic.
    pub whole: i64,
    /// Objects of routers that hold lists of weights, by kind and name.
    pub weighted: Vec<(&'static str, String)>,
    /// The canary's Service, or empty.
    pub canary_service: String,
    /// The stable Service, or empty.
    pub stable_service: String,
    /// The canary's subset, or empty.
    pub canary_subset: String,
}

/// How a Rollout stands.
#[derive(Clone, Debug)]
pub struct Look {
    /// The Rollout.
    pub rollout: Arc<Value>,
    /// Its routes, if it has any.
    pub routing: Option<Routing>,
    /// The canary's weight in the first route found, in percent.
    pub weight: Option<u64>,
    /// Ready pods of the stable and of the other revisions.
    pub pods: (usize, usize),
}

impl Look {
    /// Looks at a Rollout, if it is there.
    pub fn at(server: &Server, namespace: &str, name: &str) -> Option<Look> {
        let rollout = server.get("argoproj.io/v1alpha1", "Rollout", namespace, name)?;
        let routing = routing_of(&rollout);
        let weight = routing.as_ref().and_then(|routing| {
            let whole = u64::try_from(routing.whole).unwrap_or(100);
            (weight_of(server, namespace, routing)? * 100).checked_div(whole)
        });
        let pods = pods_of(server, &rollout);
        Some(Look { rollout, routing, weight, pods })
    }

    /// A text of the Rollout, by JSON pointer.
    pub fn text(&self, pointer: &str) -> &str {
        text(&self.rollout, pointer)
    }

    /// The phase in its status.
    pub fn phase(&self) -> &str {
        self.text("/status/phase")
    }

    /// The message in its status.
    pub fn message(&self) -> &str {
        self.text("/status/message")
    }

    /// Is the status about the spec as it is now?
    pub fn is_observed(&self) -> bool {
        self.text("/status/observedGeneration") == number(&self.rollout, "/metadata/generation").to_string()
    }

    /// Is it taken back?
    pub fn is_aborted(&self) -> bool {
        at(&self.rollout, "/status/abort") == Some(&Value::Bool(true))
    }

    /// Has somebody paused the whole of it?
    pub fn is_paused(&self) -> bool {
        at(&self.rollout, "/spec/paused") == Some(&Value::Bool(true))
    }

    /// The hash of the wanted revision, while it is not the stable one.
    pub fn canary_hash(&self) -> Option<&str> {
        let (current, stable) = (self.text("/status/currentPodHash"), self.text("/status/stableRS"));
        (current != stable && !current.is_empty()).then_some(current)
    }

    /// The step that is being done and how many there are, while an update is under way.
    pub fn step(&self) -> Option<(i64, usize)> {
        let steps = list(&self.rollout, "/spec/strategy/canary/steps").len();
        self.canary_hash().filter(|_| steps > 0 && !self.text("/status/stableRS").is_empty())?;
        Some((number(&self.rollout, "/status/currentStepIndex"), steps))
    }
}

/// A step of a canary in a few words: `setWeight 10`, `pause 2m`, `pause {}`, `analysis`.
pub fn words_of_step(step: &Value) -> String {
    if let Some(weight) = at(step, "/setWeight") {
        return format!("setWeight {weight}");
    }
    match at(step, "/pause/duration") {
        Some(Value::String(duration)) => format!("pause {duration}"),
        Some(duration) => format!("pause {duration}s"),
        None if at(step, "/pause").is_some() => "pause {}".to_owned(),
        None => step.as_object().and_then(|step| step.keys().next().cloned()).unwrap_or_default(),
    }
}

fn routing_of(rollout: &Value) -> Option<Routing> {
    let routing = at(rollout, "/spec/strategy/canary/trafficRouting")?;
    let named = |at: &str, one: &str, several: &str| {
        let several = list(routing, &format!("{at}/{several}")).iter().map(|one| text(one, "/name").to_owned());
        let one = text(routing, &format!("{at}/{one}")).to_owned();
        several.chain([one]).filter(|name| !name.is_empty()).collect::<Vec<String>>()
    };
    let mut http_routes = named("/gatewayAPI", "httpRoute", "httpRoutes");
    http_routes.extend(named("/plugins/argoproj-labs~1gatewayAPI", "httpRoute", "httpRoutes"));
    let names =
        |at: &str| list(routing, at).iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>();
    let one = |at: &str| Some(text(routing, at).to_owned()).filter(|name| !name.is_empty());
    let several = names("/nginx/stableIngresses").into_iter().chain(names("/alb/ingresses"));
    let (canary_service, stable_service) = ends_of(rollout);
    Some(Routing {
        ingresses: several.chain(one("/nginx/stableIngress")).chain(one("/alb/ingress")).collect(),
        whole: routing.get("maxTrafficWeight").and_then(Value::as_i64).unwrap_or(100),
        virtual_services: named("/istio", "virtualService/name", "virtualServices"),
        http_routes,
        weighted: weighted_of(routing, text(rollout, "/metadata/name")),
        canary_service,
        stable_service,
        canary_subset: text(routing, "/istio/destinationRule/canarySubsetName").to_owned(),
    })
}

/// The canary's Service and the stable one: those of these names, or those that take turns in the roles.
fn ends_of(rollout: &Value) -> (String, String) {
    let named = |field: &str| text(rollout, &format!("/spec/strategy/canary/{field}")).to_owned();
    let (canary, stable) = (named("canaryService"), named("stableService"));
    if !canary.is_empty() && !stable.is_empty() {
        return (canary, stable);
    }
    let (ping, pong) = (named("pingPong/pingService"), named("pingPong/pongService"));
    match text(rollout, "/status/canary/stablePingPong") {
        _ if ping.is_empty() => (canary, stable),
        "ping" => (pong, ping),
        _ => (ping, pong),
    }
}

fn weight_of(server: &Server, namespace: &str, routing: &Routing) -> Option<u64> {
    let of_mesh = routing.virtual_services.iter().find_map(|name| {
        let found = server.get(ISTIO, "VirtualService", namespace, name)?;
        let kinds = ["/spec/http", "/spec/tls", "/spec/tcp"];
        let routes = kinds.iter().flat_map(|kind| list(&found, kind)).map(|route| list(route, "/route"));
        // A route by header leads to the canary alone, whatever its weight.
        let canary =
            routes.filter(|ends| ends.len() > 1).flatten().find(|destination| is_canary(destination, routing))?;
        Some(canary.get("weight").and_then(Value::as_u64).unwrap_or(0))
    });
    let of_rules = || {
        let rules = weighted_rules(server, namespace, routing);
        let canary = rules.iter().flat_map(|(_, ends)| ends).find(|end| is_canary(end, routing))?;
        canary.get("weight").and_then(Value::as_u64)
    };
    of_mesh.or_else(of_rules).or_else(|| {
        let paths = ingress_paths(server, namespace, routing);
        let canary = paths.iter().flat_map(|(_, ends)| ends).find(|end| is_canary(end, routing));
        let weight = canary.and_then(|end| end.get("weight")).and_then(Value::as_u64);
        // Nothing is sent to the canary before it has an Ingress.
        (!paths.is_empty()).then(|| weight.unwrap_or(0))
    })
}

/// The objects with lists of weights that a Rollout of this name sets.
fn weighted_of(routing: &Value, rollout: &str) -> Vec<(&'static str, String)> {
    let named = |at: &str| Some(text(routing, at).to_owned()).filter(|name| !name.is_empty());
    let split = routing.get("smi").map(|_| named("/smi/trafficSplitName").unwrap_or_else(|| rollout.to_owned()));
    let traefik = named("/traefik/weightedTraefikServiceName");
    let split = split.map(|name| (kind::TRAFFIC_SPLIT.kind, name));
    let traefik = traefik.map(|name| (kind::TRAEFIK_SERVICE.kind, name));
    let apisix = named("/apisix/route/name").map(|name| (kind::APISIX_ROUTE.kind, name));
    let mappings = list(routing, "/ambassador/mappings").iter().filter_map(Value::as_str);
    let mappings = mappings.map(|name| (kind::MAPPING.kind, name.to_owned()));
    // The router is called like the service in all stories.
    let router = named("/appMesh/virtualService/name").map(|name| (kind::VIRTUAL_ROUTER.kind, name));
    split.into_iter().chain(traefik).chain(apisix).chain(mappings).chain(router).collect()
}

/// The two ends of each list that has both, in the form that a mesh has them, with kind and name of the object.
pub(crate) fn weighted_rules(server: &Server, namespace: &str, routing: &Routing) -> Vec<(String, Vec<Value>)> {
    let mut found = gateway_rules(server, namespace, routing);
    for (kind, name) in &routing.weighted {
        let Some(lists) = WEIGHTED.iter().find(|lists| lists.kind.0.kind == *kind) else { continue };
        let api_version = lists.kind.0.api_version();
        let Some(object) = server.get(&api_version, kind, namespace, name) else { continue };
        let mut beside = server.list(&api_version, kind);
        beside.extend(server.list(&kind::VIRTUAL_NODE.api_version(), kind::VIRTUAL_NODE.kind));
        for row in lists.lists(&object, &beside) {
            let weight = |service: &str| Some(row.iter().find(|(name, _)| name == service)?.1);
            let end = |service: &str, weight: u64| json!({ "destination": { "host": service }, "weight": weight });
            let (canary, stable) = (&routing.canary_service, &routing.stable_service);
            if let Some(rest) = weight(stable) {
                // A list that the canary is not in yet sends it nothing.
                let ends = vec![end(canary, weight(canary).unwrap_or(0)), end(stable, rest)];
                found.push((format!("{kind} {name}"), ends));
            }
        }
    }
    found
}

/// The two ends of each rule of an HTTPRoute that has both, in the form that a mesh has them, with kind and name of the route.
fn gateway_rules(server: &Server, namespace: &str, routing: &Routing) -> Vec<(String, Vec<Value>)> {
    let mut found = Vec::new();
    for name in &routing.http_routes {
        let route = server.get(GATEWAY_API, "HTTPRoute", namespace, name);
        for rule in route.iter().flat_map(|route| list(route, "/spec/rules")) {
            let of =
                |service: &str| list(rule, "/backendRefs").iter().find(|backend| text(backend, "/name") == service);
            let end = |backend: &Value| {
                let weight = backend.get("weight").and_then(Value::as_u64).unwrap_or(1);
                json!({ "destination": { "host": text(backend, "/name") }, "weight": weight })
            };
            if let Some((canary, stable)) = of(&routing.canary_service).zip(of(&routing.stable_service)) {
                found.push((format!("HTTPRoute {name}"), vec![end(canary), end(stable)]));
            }
        }
    }
    found
}

/// Where the paths of the Rollout's Ingresses lead, in the form that a mesh has it, with the Ingress' name.
pub(crate) fn ingress_paths(server: &Server, namespace: &str, routing: &Routing) -> Vec<(String, Vec<Value>)> {
    let all = server.list("networking.k8s.io/v1", "Ingress");
    let splits = ingresses::splits(all.iter().map(Arc::as_ref)).into_iter();
    let is_own = |split: &ingresses::Split| {
        let is_named = split.namespace == namespace && routing.ingresses.contains(&split.ingress);
        is_named && split.ends.iter().any(|(service, _)| *service == routing.stable_service)
    };
    let end = |(service, weight): &(String, u64)| json!({ "destination": { "host": service }, "weight": weight });
    let own = splits.filter(is_own);
    own.map(|split| (split.ingress, split.ends.iter().map(end).collect())).collect()
}

/// Does a destination of a route lead to the canary?
pub(crate) fn is_canary(destination: &Value, routing: &Routing) -> bool {
    let host = text(destination, "/destination/host").split('.').next().unwrap_or_default();
    let subset = text(destination, "/destination/subset");
    (!subset.is_empty() && subset == routing.canary_subset)
        || (!routing.canary_service.is_empty() && routing.canary_subset.is_empty() && host == routing.canary_service)
}

fn pods_of(server: &Server, rollout: &Value) -> (usize, usize) {
    let stable = text(rollout, "/status/stableRS");
    let sets = server.list("apps/v1", "ReplicaSet");
    let own = sets.iter().filter(|set| controller_uid(set) == text(rollout, "/metadata/uid"));
    let pods = server.list("v1", "Pod");
    let mut counts = (0, 0);
    for set in own {
        let uid = text(set, "/metadata/uid");
        let ready =
            pods.iter().filter(|pod| controller_uid(pod) == uid && is_true(pod, "Ready") && !is_deleting(pod)).count();
        let hash = text(set, "/metadata/labels/rollouts-pod-template-hash");
        if hash == stable || stable.is_empty() {
            counts.0 += ready;
        } else {
            counts.1 += ready;
        }
    }
    counts
}
