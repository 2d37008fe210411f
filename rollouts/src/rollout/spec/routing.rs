//! What a canary's Services and its fields about traffic must be, whichever router moves it, in the words that existing clients
//! know. What one router needs of its own settings is checked where that router is parsed.

use super::{CANARY, ends::Services};
use crate::rollout::{
    invalid::{Faults, Invalid},
    replicas::WHOLE,
    traffic::{self, Router},
};
use crds::{
    owned,
    rollout::{CanaryStrategy, PingPong, TrafficRouting},
};

/// Whether a router plugin is set; the one that is built in here is such a plugin for existing manifests.
pub fn has_plugin(routing: &TrafficRouting) -> bool {
    routing.gateway_api.is_some() || !routing.plugins.is_empty()
}

/// The weight that stands for all of the traffic.
pub fn whole(canary: &CanaryStrategy) -> i32 {
    canary.own_whole().unwrap_or(WHOLE)
}

/// Checks the Services, and what may be said only where a router is.
pub fn check(canary: &CanaryStrategy, faults: &mut Faults) {
    if is_named(canary.canary_service.as_ref()) && canary.canary_service == canary.stable_service {
        faults.note(Invalid::value(
            &format!("{CANARY}.stableService"),
            &canary.stable_service,
            "This rollout uses the same service for the stable and canary services, but two different services are required.",
        ));
    }
    let routing = canary.traffic_routing.as_ref();
    if let Some(ping_pong) = &canary.ping_pong {
        takes_turns(ping_pong, routing, faults);
        turns_are_apart(canary, ping_pong, faults);
    }
    if routing.is_some_and(|routing| needs_services(canary, routing)) {
        let words = "Canary service and Stable service must to be set to use Traffic Routing";
        for (field, service) in [("stableService", &canary.stable_service), ("canaryService", &canary.canary_service)] {
            if !is_named(service.as_ref()) {
                faults.note(Invalid::value(&format!("{CANARY}.{field}"), "", words));
            }
        }
    }
    pods_need_routing(canary, faults);
    let Some(routing) = routing else { return };
    if let Some(weight) = routing.max_traffic_weight {
        let path = format!("{CANARY}.trafficRouting.maxTrafficWeight");
        if !has_own_whole(routing) {
            let words = "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins";
            faults.note(Invalid::value(&path, weight, words));
        } else if weight <= 0 {
            faults.note(Invalid::value(&path, weight, "must be greater than 0"));
        }
    }
}

/// The routers that are set and can be carried out.
pub fn routers<'a>(
    canary: &'a CanaryStrategy,
    services: Services<'a>,
    faults: &mut Faults,
) -> Vec<Box<dyn Router + 'a>> {
    let Some(routing) = &canary.traffic_routing else { return Vec::new() };
    if !has_router(routing) {
        let path = format!("{CANARY}.trafficRouting.istio");
        faults.note(Invalid::required(&path, "a traffic router must be configured"));
    }
    traffic::parse(canary, services, routing, faults)
}

/// Whether every router that is set can count by another weight than 100.
fn has_own_whole(routing: &TrafficRouting) -> bool {
    let able = TrafficRouting {
        nginx: routing.nginx.clone(),
        gateway_api: routing.gateway_api.clone(),
        plugins: routing.plugins.clone(),
        managed_routes: routing.managed_routes.clone(),
        max_traffic_weight: routing.max_traffic_weight,
        ..TrafficRouting::default()
    };
    *routing == able && (routing.nginx.is_some() || has_plugin(routing))
}

fn is_named(service: Option<&String>) -> bool {
    service.is_some_and(|name| !name.is_empty())
}

/// Two Services that take turns need a router that can follow, and names of their own.
fn takes_turns(ping_pong: &PingPong, routing: Option<&TrafficRouting>, faults: &mut Faults) {
    let path = |field: &str| format!("{CANARY}.pingPong.{field}");
    let (ping, pong) = (&ping_pong.ping_service, &ping_pong.pong_service);
    if routing.is_some_and(|routing| routing.alb.is_none() && routing.istio.is_none() && !has_plugin(routing)) {
        let words = "Ping-pong feature works with the ALB, Istio, and plugin-based traffic routers only";
        faults.note(Invalid::value(&format!("{CANARY}.trafficRouting.alb"), "null", words));
    }
    for (field, name) in [("pingService", ping), ("pongService", pong)] {
        if name.is_empty() {
            let words = "Ping service and Pong service must to be set to use Ping-Pong feature";
            faults.note(Invalid::value(&path(field), name, words));
        }
    }
    if routing.and_then(|routing| routing.alb.as_ref()).is_some_and(|alb| !is_named(alb.root_service.as_ref())) {
        let words = "Root service field is required for the configuration with ALB and ping-pong feature enabled";
        faults.note(Invalid::value(&format!("{CANARY}.trafficRouting.alb.rootService"), "", words));
    }
    if ping == pong {
        let words = "This rollout uses the same service for the ping and pong services, but two different services are required.";
        faults.note(Invalid::value(&path("pingService"), ping, words));
    }
}

/// One that takes turns and keeps a role at once would be switched to and fro.
fn turns_are_apart(canary: &CanaryStrategy, ping_pong: &PingPong, faults: &mut Faults) {
    let kept = [&canary.canary_service, &canary.stable_service];
    for (field, name) in [("pingService", &ping_pong.ping_service), ("pongService", &ping_pong.pong_service)] {
        if !name.is_empty() && kept.iter().any(|kept| kept.as_ref() == Some(name)) {
            let words = "it is canaryService or stableService too: one Service cannot take turns and keep a role";
            faults.note(Invalid::value(&format!("{CANARY}.pingPong.{field}"), name, words));
        }
    }
}

/// Whether a router that is set has no other ends than the canary's and the stable Service.
fn needs_services(canary: &CanaryStrategy, routing: &TrafficRouting) -> bool {
    let istio = routing.istio.as_ref().is_some_and(|istio| istio.destination_rule.is_none());
    let gateway_api = routing.gateway_api.is_some() || routing.plugins.contains_key(owned::GATEWAY_PLUGIN);
    canary.ping_pong.is_none() && (istio || gateway_api || routing.alb.is_some())
        || routing.smi.is_some()
        || routing.apisix.is_some()
        || routing.ambassador.is_some()
        || routing.nginx.is_some()
        || routing.app_mesh.is_some()
        || routing.traefik.is_some()
}

fn has_router(routing: &TrafficRouting) -> bool {
    let without = TrafficRouting {
        managed_routes: routing.managed_routes.clone(),
        max_traffic_weight: routing.max_traffic_weight,
        ..TrafficRouting::default()
    };
    *routing != without
}

/// Fields about pods that mean something only where traffic does not follow the pods.
fn pods_need_routing(canary: &CanaryStrategy, faults: &mut Faults) {
    let (is_routed, delay) = (canary.traffic_routing.is_some(), canary.scale_down_delay_seconds);
    if let Some(delay) = delay.filter(|_| !is_routed) {
        let words = "Canary scaleDownDelaySeconds can only be used with traffic routing";
        faults.note(Invalid::value(&format!("{CANARY}.scaleDownDelaySeconds"), delay, words));
    }
    let problem = match (is_routed, delay) {
        (false, _) => "Canary dynamicStableScale can only be used with traffic routing",
        (true, Some(_)) => "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds",
        (true, None) => return,
    };
    if canary.dynamic_stable_scale {
        faults.note(Invalid::value(&format!("{CANARY}.dynamicStableScale"), true, problem));
    }
}
