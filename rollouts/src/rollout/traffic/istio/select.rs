//! Which routes of a VirtualService carry the Rollout's traffic: those that it names, or the only one.

use super::{End, Names, RouteAt, SECTIONS, destinations, end_of, is_one_of, name_in};
use crds::{owned, rollout::IstioVirtualService};
use serde_json::Value;

/// Finds the routes that carry the Rollout's traffic and checks that each holds both ends.
///
/// The error is the sentence that existing clients know.
pub(super) fn routes(
    spec: &Value,
    named: &IstioVirtualService,
    ends: Names<'_>,
    managed: &[&str],
) -> Result<Vec<RouteAt>, String> {
    let routes = |section: &str| spec.get(section).and_then(Value::as_array);
    if SECTIONS.iter().all(|section| routes(section).is_none()) {
        return Err("Unable to get any of the HTTP, TCP or TLS routes for the Istio VirtualService".into());
    }
    let mut found = Vec::new();
    for section in SECTIONS {
        let Some(list) = routes(section) else { continue };
        let (kind, chosen) = match section {
            "http" => ("HTTP", http(list, &named.routes, managed)),
            "tls" => ("TLS", tls(list, named)),
            _ => ("TCP", tcp(list, named)),
        };
        let checked = chosen.and_then(|chosen| {
            chosen.iter().filter_map(|index| list.get(*index)).try_for_each(|route| has_both_ends(route, ends))?;
            Ok(chosen)
        });
        let indices =
            checked.map_err(|problem| format!("Istio VirtualService has invalid {kind} routes. Error: {problem}"))?;
        found.extend(indices.into_iter().map(|index| RouteAt { section, index }));
    }
    Ok(found)
}

fn ambiguous(section: &str, field: &str) -> String {
    format!(
        "spec.{section}[] should be set in VirtualService and it must have exactly one route when omitting spec.strategy.canary.trafficRouting.istio.virtualService.{field}"
    )
}

fn http(list: &[Value], names: &[String], managed: &[&str]) -> Result<Vec<usize>, String> {
    if names.is_empty() {
        let others: Vec<usize> =
            (0..list.len()).filter(|at| !list.get(*at).is_some_and(|route| is_one_of(route, managed))).collect();
        return if others.len() == 1 { Ok(others) } else { Err(ambiguous("http", "routes")) };
    }
    let position = |name: &String| list.iter().position(|route| name_in(route) == Some(name));
    names
        .iter()
        .map(|name| {
            position(name).ok_or_else(|| format!("HTTP Route '{name}' is not found in the defined Virtual Service."))
        })
        .collect()
}

fn tcp(list: &[Value], named: &IstioVirtualService) -> Result<Vec<usize>, String> {
    if named.tcp_routes.is_empty() {
        return if list.len() == 1 { Ok(vec![0]) } else { Err(ambiguous("tcp", "tcpRoutes")) };
    }
    matching(list, |route| named.tcp_routes.iter().any(|wanted| owned::is_tcp_route(route, wanted)), "TCP")
}

fn tls(list: &[Value], named: &IstioVirtualService) -> Result<Vec<usize>, String> {
    if named.tls_routes.is_empty() {
        return if list.len() == 1 { Ok(vec![0]) } else { Err(ambiguous("tls", "tlsRoutes")) };
    }
    matching(list, |route| named.tls_routes.iter().any(|wanted| owned::is_tls_route(route, wanted)), "TLS")
}

fn matching(list: &[Value], is_wanted: impl Fn(&Value) -> bool, kind: &str) -> Result<Vec<usize>, String> {
    let found: Vec<usize> =
        list.iter().enumerate().filter(|(_, route)| is_wanted(route)).map(|(index, _)| index).collect();
    if found.is_empty() {
        return Err(format!("No matching {kind} routes found in the defined Virtual Service."));
    }
    Ok(found)
}

fn has_both_ends(route: &Value, ends: Names<'_>) -> Result<(), String> {
    let has = |end: End| destinations(route).any(|destination| end_of(destination, ends) == Some(end));
    let (canary_missing, stable_missing) = match ends {
        Names::Hosts { canary, stable } => (
            format!("Canary Service '{canary}' not found in route"),
            format!("Stable Service '{stable}' not found in route"),
        ),
        Names::Subsets { canary, stable } => (
            format!("Canary DestinationRule subset '{canary}' not found in route"),
            format!("Stable DestinationRule subset '{stable}' not found in route"),
        ),
    };
    match (has(End::Canary), has(End::Stable)) {
        (false, _) => Err(canary_missing),
        (_, false) => Err(stable_missing),
        (true, true) => Ok(()),
    }
}
