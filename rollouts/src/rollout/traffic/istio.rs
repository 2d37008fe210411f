//! Istio: which routes of a VirtualService carry a Rollout's traffic, what weights they hold, and the same routes with
//! another weight. Works on raw JSON, so that every field that we do not know stays as it is.

use crds::{keys, owned, rollout::IstioVirtualService};
use serde_json::{Map, Value, json};

/// The sections of a VirtualService that hold routes.
const SECTIONS: [&str; 3] = ["http", "tls", "tcp"];

/// How a route's destinations name the two revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends<'a> {
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
pub struct RouteAt {
    section: &'static str,
    index: usize,
}

/// Weights that a route holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// To the canary, in percent.
    pub canary: i32,
    /// To the stable revision, in percent.
    pub stable: i32,
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

/// Finds the routes that carry the Rollout's traffic and checks that each holds both ends.
///
/// The error is the sentence that existing clients know.
pub fn select(spec: &Value, named: &IstioVirtualService, ends: Ends<'_>) -> Result<Vec<RouteAt>, String> {
    let routes = |section: &str| spec.get(section).and_then(Value::as_array);
    if SECTIONS.iter().all(|section| routes(section).is_none()) {
        return Err("Unable to get any of the HTTP, TCP or TLS routes for the Istio VirtualService".into());
    }
    let mut found = Vec::new();
    for section in SECTIONS {
        let Some(list) = routes(section) else { continue };
        let (kind, chosen) = match section {
            "http" => ("HTTP", http(list, &named.routes)),
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

fn http(list: &[Value], names: &[String]) -> Result<Vec<usize>, String> {
    if names.is_empty() {
        return if list.len() == 1 { Ok(vec![0]) } else { Err(ambiguous("http", "routes")) };
    }
    let position =
        |name: &String| list.iter().position(|route| route.get("name").and_then(Value::as_str) == Some(name));
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

fn destinations(route: &Value) -> impl Iterator<Item = &Value> {
    route.get("route").and_then(Value::as_array).into_iter().flatten()
}

fn end_of(destination: &Value, ends: Ends<'_>) -> Option<End> {
    let field = |name: &str| destination.get("destination").and_then(|to| to.get(name)).and_then(Value::as_str);
    let (found, canary, stable) = match ends {
        Ends::Hosts { canary, stable } => (short_host(field("host")?), canary, stable),
        Ends::Subsets { canary, stable } => (field("subset")?, canary, stable),
    };
    match found {
        found if found == canary => Some(End::Canary),
        found if found == stable => Some(End::Stable),
        _ => None,
    }
}

fn has_both_ends(route: &Value, ends: Ends<'_>) -> Result<(), String> {
    let has = |end: End| destinations(route).any(|destination| end_of(destination, ends) == Some(end));
    let (canary_missing, stable_missing) = match ends {
        Ends::Hosts { canary, stable } => (
            format!("Canary Service '{canary}' not found in route"),
            format!("Stable Service '{stable}' not found in route"),
        ),
        Ends::Subsets { canary, stable } => (
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

/// The weights that each selected route holds.
pub fn weights(spec: &Value, routes: &[RouteAt], ends: Ends<'_>) -> Vec<Weights> {
    let at = |route: &RouteAt| spec.get(route.section).and_then(|list| list.get(route.index));
    let sum = |route: &Value, end: End| {
        let of_end = destinations(route).filter(|destination| end_of(destination, ends) == Some(end));
        of_end.map(weight_of).sum()
    };
    routes
        .iter()
        .filter_map(at)
        .map(|route| Weights { canary: sum(route, End::Canary), stable: sum(route, End::Stable) })
        .collect()
}

fn weight_of(destination: &Value) -> i32 {
    destination.get("weight").and_then(Value::as_i64).and_then(|weight| i32::try_from(weight).ok()).unwrap_or(0)
}

/// A merge patch that gives the selected routes this canary weight, or `None` when they hold it already.
///
/// Whole sections are in the patch, since a merge patch replaces lists. A destination that is neither end and carries
/// weight goes, as the weights must add up to 100; one without weight stays.
pub fn with_weight(spec: &Value, routes: &[RouteAt], ends: Ends<'_>, weight: i32) -> Option<Value> {
    let mut sections = Map::new();
    for section in SECTIONS {
        let Some(Value::Array(list)) = spec.get(section) else { continue };
        let changed: Vec<Value> = list
            .iter()
            .enumerate()
            .map(|(index, route)| {
                if routes.contains(&RouteAt { section, index }) {
                    reweighted(route, ends, weight)
                } else {
                    route.clone()
                }
            })
            .collect();
        if changed != *list {
            sections.insert(section.into(), Value::Array(changed));
        }
    }
    (!sections.is_empty()).then(|| json!({ "spec": sections }))
}

fn reweighted(route: &Value, ends: Ends<'_>, weight: i32) -> Value {
    let kept =
        destinations(route).filter(|destination| end_of(destination, ends).is_some() || weight_of(destination) == 0);
    let (mut canary_is_first, mut stable_is_first) = (true, true);
    let list: Vec<Value> = kept
        .map(|destination| {
            let (slot, share) = match end_of(destination, ends) {
                Some(End::Canary) => (&mut canary_is_first, weight),
                Some(End::Stable) => (&mut stable_is_first, super::super::replicas::WHOLE - weight),
                None => return destination.clone(),
            };
            // A route may name one end twice: only the first carries its weight.
            let share = if std::mem::take(slot) { share } else { 0 };
            if weight_of(destination) == share && (share != 0 || destination.get("weight").is_some()) {
                return destination.clone();
            }
            let mut changed = destination.clone();
            if let Value::Object(fields) = &mut changed {
                fields.insert("weight".into(), share.into());
            }
            changed
        })
        .collect();
    let mut changed = route.clone();
    if let Value::Object(fields) = &mut changed {
        fields.insert("route".into(), Value::Array(list));
    }
    changed
}

/// A subset of a DestinationRule.
fn subset<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    let subsets = spec.get("subsets").and_then(Value::as_array)?;
    subsets.iter().find(|candidate| candidate.get("name").and_then(Value::as_str) == Some(name))
}

/// Whether a DestinationRule has a subset of this name.
pub fn has_subset(spec: &Value, name: &str) -> bool {
    subset(spec, name).is_some()
}

/// The hash that a subset of a DestinationRule selects; `None` when it selects none.
pub fn subset_hash<'a>(spec: &'a Value, name: &str) -> Option<&'a str> {
    subset(spec, name)?.get("labels")?.get(keys::POD_TEMPLATE_HASH)?.as_str()
}

/// A merge patch that gives the named subsets other hashes. All subsets are in it, since a merge patch replaces lists;
/// every other field of them stays.
pub fn with_hashes(spec: &Value, changes: &[(&str, &str)]) -> Value {
    let subsets = spec.get("subsets").and_then(Value::as_array).cloned().unwrap_or_default();
    let changed = subsets.into_iter().map(|mut subset| {
        let name = subset.get("name").and_then(Value::as_str).unwrap_or_default();
        if let Some((_, hash)) = changes.iter().find(|(of, _)| *of == name).copied()
            && let Value::Object(fields) = &mut subset
        {
            let mut labels = fields.get("labels").and_then(Value::as_object).cloned().unwrap_or_default();
            labels.insert(keys::POD_TEMPLATE_HASH.into(), hash.into());
            fields.insert("labels".into(), Value::Object(labels));
        }
        subset
    });
    json!({ "spec": { "subsets": changed.collect::<Vec<_>>() } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::rollout::{TcpRoute, TlsRoute};

    const HOSTS: Ends<'static> = Ends::Hosts { canary: "canary", stable: "stable" };

    fn route(name: &str, stable: i32, canary: i32) -> Value {
        json!({"name": name, "timeout": "3s", "route": [
            {"destination": {"host": "stable.shop.svc.cluster.local", "port": {"number": 80}}, "weight": stable, "headers": {"x": 1}},
            {"destination": {"host": "canary"}, "weight": canary},
        ]})
    }

    fn named(routes: &[&str]) -> IstioVirtualService {
        IstioVirtualService {
            name: "shop".into(),
            routes: routes.iter().map(|name| (*name).into()).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn a_name_may_carry_its_namespace() {
        for (given, expected) in [
            ("vs", ("shop", "vs")),
            ("vs.other", ("other", "vs")),
            ("a.b.ns", ("ns", "a.b")),
            ("vs.svc", ("svc", "vs")),
            ("vs.ns.cluster.local", ("ns", "vs")),
            ("vs.ns.svc.cluster.local", ("ns", "vs")),
        ] {
            assert_eq!(name_of(given, "shop"), (expected.0.to_owned(), expected.1.to_owned()));
        }
    }

    #[test]
    fn routes_are_selected_or_refused_in_known_words() {
        let two = json!({"http": [route("a", 100, 0), route("b", 100, 0)]});
        assert_eq!(select(&two, &named(&["b"]), HOSTS).map(|routes| routes.len()), Ok(1));
        for (spec, wanted, problem) in [
            (json!({}), named(&[]), "Unable to get any of the HTTP, TCP or TLS routes for the Istio VirtualService"),
            (
                two.clone(),
                named(&[]),
                "Istio VirtualService has invalid HTTP routes. Error: spec.http[] should be set in VirtualService and it must have exactly one route when omitting spec.strategy.canary.trafficRouting.istio.virtualService.routes",
            ),
            (
                two,
                named(&["c"]),
                "Istio VirtualService has invalid HTTP routes. Error: HTTP Route 'c' is not found in the defined Virtual Service.",
            ),
            (
                json!({"http": [{"route": [{"destination": {"host": "stable"}}]}]}),
                named(&[]),
                "Istio VirtualService has invalid HTTP routes. Error: Canary Service 'canary' not found in route",
            ),
        ] {
            assert_eq!(select(&spec, &wanted, HOSTS), Err(problem.to_owned()));
        }
    }

    #[test]
    fn tcp_and_tls_routes_are_found_by_what_they_match() {
        let ends = json!([{"destination": {"host": "stable"}, "weight": 100}, {"destination": {"host": "canary"}, "weight": 0}]);
        let spec = json!({
            "tcp": [{"match": [{"port": 1}], "route": ends}, {"match": [{"port": 2}], "route": ends}],
            "tls": [{"match": [{"port": 443, "sniHosts": ["b", "a"]}], "route": ends}],
        });
        let wanted = IstioVirtualService {
            name: "shop".into(),
            tcp_routes: vec![TcpRoute { port: Some(2) }],
            tls_routes: vec![TlsRoute { port: Some(443), sni_hosts: vec!["a".into(), "b".into()] }],
            ..Default::default()
        };
        let routes = select(&spec, &wanted, HOSTS).expect("both sections match");
        assert_eq!(routes, vec![RouteAt { section: "tls", index: 0 }, RouteAt { section: "tcp", index: 1 }]);
    }

    #[test]
    fn a_weight_changes_nothing_else() {
        let spec = json!({"hosts": ["x"], "http": [route("a", 100, 0), route("b", 100, 0)]});
        let routes = select(&spec, &named(&["a"]), HOSTS).expect("route a is there");
        let patch = with_weight(&spec, &routes, HOSTS, 30).expect("the weight differs");
        assert_eq!(patch, json!({"spec": {"http": [route("a", 70, 30), route("b", 100, 0)]}}));
        let patched = patch.get("spec").expect("spec is there");
        assert_eq!(weights(patched, &routes, HOSTS), vec![Weights { canary: 30, stable: 70 }]);
        assert_eq!(with_weight(patched, &routes, HOSTS, 30), None);
    }

    #[test]
    fn a_stranger_with_weight_goes_and_one_without_stays() {
        let spec = json!({"http": [{"route": [
            {"destination": {"host": "stable"}, "weight": 50}, {"destination": {"host": "canary"}}, {"destination": {"host": "old"}, "weight": 50}, {"destination": {"host": "idle"}},
        ]}]});
        let routes = select(&spec, &named(&[]), HOSTS).expect("one route");
        let patch = with_weight(&spec, &routes, HOSTS, 0).expect("the weight differs");
        assert_eq!(
            patch,
            json!({"spec": {"http": [{"route": [
                {"destination": {"host": "stable"}, "weight": 100}, {"destination": {"host": "canary"}, "weight": 0}, {"destination": {"host": "idle"}},
            ]}]}})
        );
    }

    #[test]
    fn subsets_keep_their_other_labels() {
        let spec = json!({"host": "shop", "subsets": [{"name": "canary", "labels": {"app": "x"}, "trafficPolicy": {}}, {"name": "stable"}, {"name": "other"}]});
        let patch = with_hashes(&spec, &[("canary", "h2"), ("stable", "h1")]);
        let subsets = patch.get("spec").expect("spec is there");
        assert_eq!(
            (subset_hash(subsets, "canary"), subset_hash(subsets, "stable"), subset_hash(subsets, "other")),
            (Some("h2"), Some("h1"), None)
        );
        assert_eq!(subsets["subsets"][0]["labels"]["app"], "x");
        assert!(subsets["subsets"][0].get("trafficPolicy").is_some());
    }
}
