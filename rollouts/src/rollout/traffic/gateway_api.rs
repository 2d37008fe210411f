//! Gateway API: the rules of a route that hold both Services among their backends, the weights there, and the same rules
//! with another weight. Works on raw JSON, so that every field that we do not know stays as it is.
//!
//! A rule that does not hold both ends is left alone, but for those that steps have added, and so is every other backend of one
//! that does: canary and stable share the whole between them, whatever the others have.

mod headers;

use super::{
    super::{
        invalid::Invalid,
        observed::Observed,
        spec::{
            ends::{Ends, Services},
            routing,
        },
    },
    router::{self, Backing, Change, ManagedRoute, PATH, Router, Wanted, Weights},
};
use crds::{
    Kind, keys, kind, owned,
    rollout::{CanaryStrategy, GatewayApiTrafficRouting, GatewayRoute, TrafficRouting},
};
use plan::ObjectRef;
use serde_json::{Map, Value, json};

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 4] = [kind::HTTP_ROUTE, kind::GRPC_ROUTE, kind::TCP_ROUTE, kind::TLS_ROUTE];
/// Where a route holds its weights, as `managedFields` name it.
const FIELDS: [&str; 1] = ["/f:spec/f:rules"];
/// Settings of the plugin that choose routes by their labels.
const BY_LABELS: [&str; 4] = ["httpRouteSelector", "grpcRouteSelector", "tcpRouteSelector", "tlsRouteSelector"];

/// Gateway API, as a spec sets it.
#[derive(Clone, Debug)]
pub struct GatewayApi<'a> {
    settings: Box<GatewayApiTrafficRouting>,
    /// The weight that stands for all of the traffic.
    whole: i32,
    path: String,
    ends: Ends<'a>,
}

fn object_of(settings: &GatewayApiTrafficRouting, kind: &Kind, name: &str, namespace: &str) -> ObjectRef {
    ObjectRef::of(kind, settings.namespace.as_deref().unwrap_or(namespace), name)
}

/// The objects that the settings name, valid or not.
pub(super) fn references(routing: &TrafficRouting, namespace: &str) -> Vec<ObjectRef> {
    let Ok(Some(settings)) = owned::gateway_api(routing) else { return Vec::new() };
    let routes = owned::gateway_routes(&settings).into_iter();
    routes.map(|(kind, _, name)| object_of(&settings, &kind, name, namespace)).collect()
}

impl<'a> GatewayApi<'a> {
    /// Checks what the spec alone shows; nothing where it is not set.
    pub(super) fn parse(
        canary: &'a CanaryStrategy,
        services: Services<'a>,
        routing: &'a TrafficRouting,
    ) -> Result<Option<Self>, Invalid> {
        let own = format!("{PATH}.gatewayAPI");
        let of_plugin = routing.plugins.get(owned::GATEWAY_PLUGIN);
        if routing.gateway_api.is_some() && of_plugin.is_some() {
            let given = format!("gatewayAPI, plugins.{}", owned::GATEWAY_PLUGIN);
            return Err(Invalid::value(&own, given, "either gatewayAPI or the plugin must be configured"));
        }
        let path = if of_plugin.is_some() { format!("{PATH}.plugins.{}", owned::GATEWAY_PLUGIN) } else { own };
        let raw = of_plugin.map(crds::Raw::value).unwrap_or_default();
        if let Some(field) = BY_LABELS.into_iter().find(|field| raw.get(field).is_some()) {
            return Err(Invalid::unsupported(&format!("{path}.{field}")));
        }
        let settings = owned::gateway_api(routing).map_err(|error| {
            let at = if error.path.is_empty() { path.clone() } else { format!("{path}.{}", error.path) };
            Invalid::rendered(&at, format!("Invalid value: {}", error.problem))
        })?;
        let Some(settings) = settings else { return Ok(None) };
        managed_routes(canary, routing, &settings)?;
        if owned::gateway_routes(&settings).is_empty() {
            let words = "a route must be named: httpRoute, grpcRoute, tcpRoute, tlsRoute, or several of them";
            return Err(Invalid::required(&path, words));
        }
        let (settings, whole) = (Box::new(settings.into_owned()), routing::whole(canary));
        Ok(Some(Self { settings, whole, path, ends: services.turning_first() }))
    }

    /// Whether steps may add rules to this route.
    fn takes_headers(&self, named: &ObjectRef) -> bool {
        let kinds = [(kind::HTTP_ROUTE, &self.settings.http_routes), (kind::GRPC_ROUTE, &self.settings.grpc_routes)];
        let is_meant = |kind: &Kind, route: &GatewayRoute| {
            route.use_header_routes && route.name == named.name && kind.kind == named.kind
        };
        kinds.iter().any(|(kind, routes)| routes.iter().any(|route| is_meant(kind, route)))
    }

    fn is(&self, backend: &Value, service: &str, namespace: &str) -> bool {
        let near = self.settings.namespace.as_deref().unwrap_or(namespace);
        owned::is_backend(backend, service, namespace, near)
    }

    fn is_weighted(&self, rule: &Value, namespace: &str) -> bool {
        let has = |service: &str| backends(rule).any(|backend| self.is(backend, service, namespace));
        has(self.ends.canary) && has(self.ends.stable)
    }

    /// The rules with those by header, and the annotation that records them.
    fn with_header_rules(
        &self,
        observed: &Observed,
        object: &Value,
        list: Vec<Value>,
        wanted: &Wanted<'_>,
    ) -> (Vec<Value>, Value) {
        let (owner, namespace) = (owner_of(observed), &observed.rollout.metadata.namespace);
        let is_weighted = |rule: &&Value| self.is_weighted(rule, namespace);
        let canary = |rule| backends(rule).find(|backend| self.is(backend, self.ends.canary, namespace));
        let weighed: Vec<(&Value, &Value)> =
            list.iter().filter(is_weighted).filter_map(|rule| Some((rule, canary(rule)?))).collect();
        let first = list.iter().position(|rule| self.is_weighted(rule, namespace)).unwrap_or(list.len());
        let (rules, record) = headers::wanted(&weighed, &wanted.managed);
        let known = owned::header_rules(object, &owner);
        (headers::arranged(list, &known, first, rules), headers::annotation(object, &owner, record))
    }

    fn reweighted(&self, rule: &Value, namespace: &str, wanted: &Wanted<'_>) -> Value {
        let mut changed = rule.clone();
        let (mut canary, mut stable) = (Some(wanted.canary), Some(wanted.stable()));
        let found = changed.get_mut("backendRefs").and_then(Value::as_array_mut);
        for backend in found.into_iter().flatten() {
            let slot = if self.is(backend, self.ends.canary, namespace) {
                &mut canary
            } else if self.is(backend, self.ends.stable, namespace) {
                &mut stable
            } else {
                continue;
            };
            // A rule may name one end twice, such as with other filters: only the first carries its weight.
            let share = slot.take().unwrap_or(0);
            if let Value::Object(fields) = backend {
                fields.insert("weight".into(), share.into());
            }
        }
        changed
    }
}

impl Router for GatewayApi<'_> {
    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        Backing::of_services(observed, self.ends)
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    /// Whether every route is there and has a rule with both ends.
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let namespace = &observed.rollout.metadata.namespace;
        for (kind, field, name) in owned::gateway_routes(&self.settings) {
            let path = format!("{}.{field}", self.path);
            let named = object_of(&self.settings, &kind, name, namespace);
            let object = router::observed_at(observed, &path, name, &kind, &named)?;
            if !router::rules(&object.spec()).iter().any(|rule| self.is_weighted(rule, namespace)) {
                let Ends { canary, stable } = self.ends;
                let words = format!("{} \"{name}\" has no rule with both backends, {canary} and {stable}", kind.kind);
                return Err(Invalid::value(&path, name, words));
            }
        }
        Ok(())
    }

    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        let routes = owned::gateway_routes(&self.settings).into_iter();
        routes
            .map(|(kind, _, name)| object_of(&self.settings, &kind, name, &observed.rollout.metadata.namespace))
            .collect()
    }

    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        let namespace = &observed.rollout.metadata.namespace;
        let spec = object.get("spec").filter(|_| self.objects(observed).contains(named));
        let rules = spec.map(router::rules).unwrap_or_default();
        let weighted = rules.iter().filter(|rule| self.is_weighted(rule, namespace));
        let sum = |rule: &Value, service: &str| {
            backends(rule).filter(|backend| self.is(backend, service, namespace)).map(weight_of).sum()
        };
        let of = |rule: &Value| {
            let (canary, stable): (i64, i64) = (sum(rule, self.ends.canary), sum(rule, self.ends.stable));
            let part = |part: i64| router::part_of(self.whole, part, canary.saturating_add(stable));
            Weights { canary: part(canary), stable: part(stable) }
        };
        weighted.map(of).collect()
    }

    /// All rules are in the patch, since a merge patch replaces lists.
    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let namespace = &observed.rollout.metadata.namespace;
        let list = router::rules(object.get("spec")?);
        let reweighted = |rule: &Value| {
            if self.is_weighted(rule, namespace) { self.reweighted(rule, namespace, wanted) } else { rule.clone() }
        };
        let mut changed: Vec<Value> = list.iter().map(reweighted).collect();
        let mut patch = Map::new();
        // What was added goes also where the spec adds nothing any more.
        if self.takes_headers(named) || !owned::header_rules(object, &owner_of(observed)).is_empty() {
            let (arranged, record) = self.with_header_rules(observed, object, changed, wanted);
            changed = arranged;
            let found = object.pointer("/metadata/annotations").and_then(|all| all.get(keys::MANAGED_RULES));
            if found.unwrap_or(&Value::Null) != &record {
                patch.insert("metadata".into(), json!({ "annotations": { keys::MANAGED_RULES: record } }));
            }
        }
        if changed != list {
            patch.insert("spec".into(), json!({ "rules": changed }));
        }
        (!patch.is_empty()).then_some(Change::Patch(Value::Object(patch)))
    }

    fn holds_more(&self) -> bool {
        self.settings.http_routes.iter().chain(&self.settings.grpc_routes).any(|route| route.use_header_routes)
    }

    fn managed(&self, observed: &Observed, _: &ObjectRef, object: &Value) -> Vec<String> {
        let known = owned::header_rules(object, &owner_of(observed));
        let list = object.get("spec").map(router::rules).unwrap_or_default();
        let is_there =
            |matches: &Vec<Value>| list.iter().any(|rule| matches.iter().any(|one| rule.get("matches") == Some(one)));
        let added = known.into_iter().filter(|(_, matches)| is_there(matches));
        added.map(|(name, _)| name).collect()
    }

    fn part_of<'w>(&self, named: &ObjectRef, wanted: &Wanted<'w>) -> Wanted<'w> {
        let is_meant =
            |route: &&ManagedRoute<'w>| self.takes_headers(named) && matches!(route, ManagedRoute::Header(_));
        let managed = wanted.managed.iter().filter(is_meant).copied().collect();
        Wanted { managed, others: Vec::new(), ..wanted.clone() }
    }
}

/// The Rollout, as the record of rules by header names it.
fn owner_of(observed: &Observed) -> String {
    let owner = &observed.rollout.metadata;
    format!("{}/{}", owner.namespace, owner.name)
}

/// A step by header needs a route that takes it; one by mirror is not carried out here.
fn managed_routes(
    canary: &CanaryStrategy,
    routing: &TrafficRouting,
    settings: &GatewayApiTrafficRouting,
) -> Result<(), Invalid> {
    let mut routes = settings.http_routes.iter().chain(&settings.grpc_routes);
    let others = routing.istio.is_some() || routing.alb.is_some() || routing.apisix.is_some();
    let takes_headers = others || routes.any(|route| route.use_header_routes);
    for (index, step) in canary.steps.iter().enumerate() {
        let path = format!("spec.strategy.canary.steps[{index}]");
        if let Some(route) = step.set_header_route.as_ref().filter(|_| !takes_headers) {
            let words = "a route by header needs httpRoutes or grpcRoutes with useHeaderRoutes: true";
            let name = route.name.as_deref().unwrap_or_default();
            return Err(Invalid::value(&format!("{path}.setHeaderRoute"), name, words));
        }
        if step.set_mirror_route.is_some() {
            return Err(Invalid::unsupported(&format!("{path}.setMirrorRoute")));
        }
    }
    Ok(())
}

fn backends(rule: &Value) -> impl Iterator<Item = &Value> {
    rule.get("backendRefs").and_then(Value::as_array).into_iter().flatten()
}

/// Absent means 1, as the API defines it.
fn weight_of(backend: &Value) -> i64 {
    backend.get("weight").and_then(Value::as_i64).unwrap_or(1)
}

#[cfg(test)]
mod tests;
