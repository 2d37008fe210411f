//! What a Rollout names and a person's files leave out: plain Services, a VirtualService, a DestinationRule, routes of Gateway
//! API.
//!
//! They are the least that the Rollout can work with. What is there is never changed, and AnalysisTemplates are never made:
//! nobody can guess what an update is judged by.

use crate::{
    server::Server,
    world::calls::{list, text},
};
use crds::{Kind, owned, rollout::TrafficRouting};
use rollouts::rollout::traffic::istio;
use serde_json::{Value, json};

const ISTIO: &str = "networking.istio.io/v1";

/// The objects that are missing.
pub(crate) fn missing(rollout: &Value, namespace: &str, server: &Server) -> Vec<Value> {
    let is_there = |kind: &str, api: &str, name: &str| server.get(api, kind, namespace, name).is_some();
    let canary = rollout.pointer("/spec/strategy/canary").unwrap_or(&Value::Null);
    let mut made = Vec::new();
    let blue_green = rollout.pointer("/spec/strategy/blueGreen").unwrap_or(&Value::Null);
    let mut services = vec![text(canary, "/canaryService").to_owned(), text(canary, "/stableService").to_owned()];
    services.extend(["/activeService", "/previewService"].map(|field| text(blue_green, field).to_owned()));
    if let Some(routing) = canary.pointer("/trafficRouting/istio") {
        let rule = text(routing, "/destinationRule/name");
        let host = host_of_subsets(rule, routing, rollout, namespace, server);
        if !rule.is_empty() {
            services.push(istio::short_host(&host).to_owned());
            if !is_there("DestinationRule", ISTIO, rule) {
                made.push(destination_rule(rule, &host, routing, rollout));
            }
        }
        for named in routers(routing) {
            let (near, name) = istio::name_of(text(named, "/name"), namespace);
            if !name.is_empty() && server.get(ISTIO, "VirtualService", &near, &name).is_none() {
                made.push(virtual_service((&near, &name), named, &ends(canary, routing, &host)));
            }
        }
    }
    made.extend(gateway_routes(canary, namespace, server));
    services.sort();
    services.dedup();
    let absent = services.iter().filter(|name| !name.is_empty() && !is_there("Service", "v1", name));
    absent.map(|name| service(name, rollout)).chain(made).collect()
}

/// The routes of Gateway API that a Rollout names and that are not there: everything to the stable revision.
fn gateway_routes(canary: &Value, namespace: &str, server: &Server) -> Vec<Value> {
    let routing = canary.get("trafficRouting").and_then(|routing| serde_json::from_value(routing.clone()).ok());
    let routing: TrafficRouting = routing.unwrap_or_default();
    let Ok(Some(settings)) = owned::gateway_api(&routing) else { return Vec::new() };
    let near = settings.namespace.as_deref().unwrap_or(namespace);
    let backend = |field: &str, weight: i32| {
        let name = text(canary, field);
        json!({ "name": name, "namespace": namespace, "port": 80, "weight": weight })
    };
    let rules = json!([{ "backendRefs": [backend("/stableService", 100), backend("/canaryService", 0)] }]);
    let made = |(kind, _, name): (Kind, String, &str)| {
        let is_there = server.get(&kind.api_version(), kind.kind, near, name).is_some();
        let route = json!({ "metadata": { "name": name, "namespace": near }, "spec": { "rules": rules } });
        if is_there { None } else { kind.object(&route).ok() }
    };
    owned::gateway_routes(&settings).into_iter().filter_map(made).collect()
}

/// The VirtualServices that a Rollout names.
fn routers(routing: &Value) -> impl Iterator<Item = &Value> {
    list(routing, "/virtualServices").iter().chain(routing.get("virtualService"))
}

/// The Service that has subsets: the DestinationRule says it, or a VirtualService, or else it is called like the Rollout.
fn host_of_subsets(rule: &str, routing: &Value, rollout: &Value, namespace: &str, server: &Server) -> String {
    let of_rule = server.get(ISTIO, "DestinationRule", namespace, rule);
    let of_rule = of_rule.map(|rule| text(&rule, "/spec/host").to_owned());
    let of_routes = routers(routing).find_map(|named| {
        let (near, name) = istio::name_of(text(named, "/name"), namespace);
        let found = server.get(ISTIO, "VirtualService", &near, &name)?;
        let first = list(&found, "/spec/http").iter().flat_map(|route| list(route, "/route")).next()?;
        Some(text(first, "/destination/host").to_owned())
    });
    of_rule.or(of_routes).unwrap_or_else(|| text(rollout, "/metadata/name").to_owned())
}

fn service(name: &str, rollout: &Value) -> Value {
    let selector = rollout.pointer("/spec/selector/matchLabels").cloned().unwrap_or_default();
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
        "spec": { "selector": selector, "ports": [{ "port": 80 }] },
    })
}

fn destination_rule(name: &str, host: &str, routing: &Value, rollout: &Value) -> Value {
    let labels = rollout.pointer("/spec/selector/matchLabels").cloned().unwrap_or_default();
    let names = ["/destinationRule/stableSubsetName", "/destinationRule/canarySubsetName"];
    let subsets: Vec<Value> =
        names.iter().map(|field| json!({ "name": text(routing, field), "labels": labels })).collect();
    json!({
        "apiVersion": ISTIO, "kind": "DestinationRule", "metadata": { "name": name },
        "spec": { "host": host, "subsets": subsets },
    })
}

/// The two destinations of a route: everything to the stable revision.
fn ends(canary: &Value, routing: &Value, host: &str) -> Value {
    let destination = |service: &str, subset: &str| match text(routing, subset) {
        "" => json!({ "host": text(canary, service) }),
        subset => json!({ "host": host, "subset": subset }),
    };
    json!([
        { "destination": destination("/stableService", "/destinationRule/stableSubsetName"), "weight": 100 },
        { "destination": destination("/canaryService", "/destinationRule/canarySubsetName"), "weight": 0 },
    ])
}

/// With the routes that the Rollout names, or one.
fn virtual_service((namespace, name): (&str, &str), named: &Value, ends: &Value) -> Value {
    let http: Vec<Value> = list(named, "/routes").iter().map(|route| json!({ "name": route, "route": ends })).collect();
    let tls: Vec<Value> = list(named, "/tlsRoutes").iter().map(|route| matching(route, ends)).collect();
    let tcp: Vec<Value> = list(named, "/tcpRoutes").iter().map(|route| matching(route, ends)).collect();
    let mut spec = json!({ "hosts": [name] });
    let is_plain = http.is_empty() && tls.is_empty() && tcp.is_empty();
    let http = if is_plain { vec![json!({ "route": ends })] } else { http };
    for (section, routes) in [("http", http), ("tls", tls), ("tcp", tcp)] {
        if let (false, Some(fields)) = (routes.is_empty(), spec.as_object_mut()) {
            fields.insert(section.to_owned(), routes.into());
        }
    }
    json!({
        "apiVersion": ISTIO, "kind": "VirtualService", "metadata": { "name": name, "namespace": namespace }, "spec": spec,
    })
}

/// A route that matches what the Rollout says of it: port, server names.
fn matching(route: &Value, ends: &Value) -> Value {
    json!({ "match": [route], "route": ends })
}

#[cfg(test)]
mod tests {
    use super::virtual_service;
    use rollouts::rollout::traffic::istio;
    use serde_json::json;

    #[test]
    fn a_made_virtual_service_has_the_routes_that_are_looked_for() {
        let ends = json!([
            { "destination": { "host": "stable" }, "weight": 100 },
            { "destination": { "host": "canary" }, "weight": 0 },
        ]);
        for (named, routes) in [
            (json!({ "name": "web" }), 1),
            (json!({ "name": "web", "routes": ["a", "b"] }), 2),
            (json!({ "name": "web", "tcpRoutes": [{ "port": 3306 }] }), 1),
            (json!({ "name": "web", "tlsRoutes": [{ "port": 443, "sniHosts": ["a.example"] }], "routes": ["a"] }), 2),
        ] {
            let made = virtual_service(("default", "web"), &named, &ends);
            let typed = serde_json::from_value(named.clone()).expect("a reference");
            let found = istio::routes_between(&made["spec"], &typed, "canary", "stable");
            assert_eq!(found, Ok(routes), "{named}");
        }
    }
}
