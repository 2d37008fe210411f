//! Gateway API: which routes a Rollout names, which of their backends are its two ends, and the weights that it owns there.
//! Lists of rules are atomic, so an apply carries them whole: this is where the live weights enter the list that is applied.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::mesh::set_weight;
use crate::{
    FieldError, Kind, Rollout, keys, kind,
    rollout::{GatewayApiTrafficRouting, TrafficRouting},
};

/// The router plugin whose settings are read as Gateway API's.
pub const GATEWAY_PLUGIN: &str = "argoproj-labs/gatewayAPI";

/// The settings, be they under a name of their own or under that of the plugin.
pub fn gateway_api(routing: &TrafficRouting) -> Result<Option<Cow<'_, GatewayApiTrafficRouting>>, FieldError> {
    match (&routing.gateway_api, routing.plugins.get(GATEWAY_PLUGIN)) {
        (Some(settings), _) => Ok(Some(Cow::Borrowed(settings))),
        (None, Some(raw)) => crate::wire::decode(&raw.value()).map(|settings| Some(Cow::Owned(settings))),
        (None, None) => Ok(None),
    }
}

/// The routes that the settings name: their kinds, where each is named, and their names.
pub fn gateway_routes(settings: &GatewayApiTrafficRouting) -> Vec<(Kind, String, &str)> {
    let kinds = [
        (kind::HTTP_ROUTE, "httpRoute", &settings.http_route, &settings.http_routes),
        (kind::GRPC_ROUTE, "grpcRoute", &settings.grpc_route, &settings.grpc_routes),
        (kind::TCP_ROUTE, "tcpRoute", &settings.tcp_route, &settings.tcp_routes),
        (kind::TLS_ROUTE, "tlsRoute", &settings.tls_route, &settings.tls_routes),
    ];
    let mut routes = Vec::new();
    for (kind, field, one, several) in kinds {
        let one = one.iter().filter(|name| !name.is_empty()).map(|name| (kind, field.to_owned(), name.as_str()));
        let several = several.iter().enumerate();
        let several = several.map(|(index, route)| (kind, format!("{field}s[{index}].name"), route.name.as_str()));
        routes.extend(one.chain(several));
    }
    routes
}

/// Whether a backend is this Service of this namespace; `near` is the namespace of the route.
pub fn is_backend(backend: &Value, service: &str, namespace: &str, near: &str) -> bool {
    let text = |field: &str| backend.get(field).and_then(Value::as_str);
    text("name") == Some(service)
        && matches!(text("kind"), None | Some("Service"))
        && matches!(text("group"), None | Some(""))
        && text("namespace").unwrap_or(near) == namespace
}

/// What the rules match that steps of this Rollout, `namespace/name`, have added to a route, by the names of the managed routes.
pub fn header_rules(route: &Value, owner: &str) -> BTreeMap<String, Vec<Value>> {
    let text = route.pointer("/metadata/annotations").and_then(|all| all.get(keys::MANAGED_RULES));
    let all: Option<Value> = text.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    let own = all.as_ref().and_then(|all| all.get(owner)).cloned();
    own.and_then(|own| serde_json::from_value(own).ok()).unwrap_or_default()
}

/// Which of a list's rules are these: of each that was added the first that matches the same. Behind it may stand one of the
/// user's.
pub fn are_header_rules(rules: &[Value], added: &BTreeMap<String, Vec<Value>>) -> Vec<bool> {
    let mut left: Vec<&Value> = added.values().flatten().collect();
    let is_added = |rule: &Value| {
        let place = left.iter().position(|known| rule.get("matches") == Some(*known));
        place.map(|place| left.swap_remove(place)).is_some()
    };
    rules.iter().map(is_added).collect()
}

/// The weights in one route that a Rollout sets.
pub(super) struct Backends<'a> {
    canary: &'a str,
    stable: &'a str,
    namespace: &'a str,
    near: String,
    /// The Rollout, as the record of rules by header names it.
    owner: String,
}

impl<'a> Backends<'a> {
    /// What the Rollout claims in the route of this kind and name.
    pub(super) fn of(rollout: &'a Rollout, kind: &str, name: &str, near: &str) -> Option<Self> {
        let canary = rollout.spec.strategy.canary.as_ref()?;
        let settings = gateway_api(canary.traffic_routing.as_ref()?).ok().flatten()?;
        let namespace = rollout.metadata.namespace.as_str();
        let is_here = settings.namespace.as_deref().unwrap_or(namespace) == near;
        let is_meant = |(known, _, named): &(Kind, String, &str)| known.kind == kind && *named == name;
        (is_here && gateway_routes(&settings).iter().any(is_meant)).then_some(())?;
        let turning = canary.ping_pong.as_ref().map(|pair| (pair.ping_service.as_str(), pair.pong_service.as_str()));
        let (canary, stable) =
            turning.or_else(|| canary.canary_service.as_deref().zip(canary.stable_service.as_deref()))?;
        let owner = format!("{namespace}/{}", rollout.metadata.name);
        Some(Self { canary, stable, namespace, near: near.to_owned(), owner })
    }

    fn end<'v>(&self, rule: &'v Value, service: &str) -> Option<&'v Value> {
        backends(rule).iter().find(|backend| is_backend(backend, service, self.namespace, &self.near))
    }

    fn is_weighted(&self, rule: &Value) -> bool {
        self.end(rule, self.canary).is_some() && self.end(rule, self.stable).is_some()
    }

    /// Puts the live weights into a rule.
    fn keep(&self, rule: &mut Value, live: &Value) {
        let Some(wanted) = rule.get_mut("backendRefs").and_then(Value::as_array_mut) else { return };
        for backend in wanted {
            let service =
                [self.canary, self.stable].into_iter().find(|it| is_backend(backend, it, self.namespace, &self.near));
            if let Some(found) = service.and_then(|service| self.end(live, service)) {
                set_weight(backend, found.get("weight"));
            }
        }
    }
}

fn backends(rule: &Value) -> &[Value] {
    rule.get("backendRefs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Puts live weights into a route. A rule finds itself by its name or by what it matches, or else by its turn.
pub(super) fn keep_weights(kept: &mut Value, live: &Value, claim: &Backends<'_>) {
    let Some(found) = live.pointer("/spec/rules").and_then(Value::as_array) else { return };
    let Some(wanted) = kept.pointer_mut("/spec/rules").and_then(Value::as_array_mut) else { return };
    let found: Vec<&Value> = found.iter().filter(|rule| claim.is_weighted(rule)).collect();
    let wanted = wanted.iter_mut().filter(|rule| claim.is_weighted(rule));
    for (turn, rule) in wanted.enumerate() {
        let same = |field: &str, other: &Value| rule.get(field).is_some() && rule.get(field) == other.get(field);
        let itself = found
            .iter()
            .find(|other| same("name", other))
            .or_else(|| found.iter().find(|other| same("matches", other)));
        if let Some(live_rule) = itself.or_else(|| found.get(turn)) {
            claim.keep(rule, live_rule);
        }
    }
    keep_header_rules(kept, live, claim);
}

/// Puts the live rules by header, and the record of them, into a route.
fn keep_header_rules(kept: &mut Value, live: &Value, claim: &Backends<'_>) {
    let added = header_rules(live, &claim.owner);
    if added.is_empty() {
        return;
    }
    let record = live.pointer("/metadata/annotations").and_then(|all| all.get(keys::MANAGED_RULES));
    if let (Some(record), Some(Value::Object(metadata))) = (record, kept.get_mut("metadata")) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Value::Object(annotations) = annotations {
            annotations.insert(keys::MANAGED_RULES.to_owned(), record.clone());
        }
    }
    let found = live.pointer("/spec/rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let ours = found.iter().zip(are_header_rules(found, &added)).filter(|(_, is_ours)| *is_ours);
    let rules: Vec<Value> = ours.map(|(rule, _)| rule.clone()).collect();
    if let Some(Value::Array(wanted)) = kept.pointer_mut("/spec/rules") {
        wanted.splice(0..0, rules);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Rollout, owned};

    fn rollout(routing: &Value) -> Rollout {
        Rollout::from_value(&json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"strategy": {"canary": {
            "canaryService": "canary", "stableService": "stable", "trafficRouting": routing,
        }}}}))
        .expect("is a Rollout")
    }

    fn rule(path: &str, weights: &[(&str, i64)]) -> Value {
        let backends = weights.iter().map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}));
        json!({"matches": [{"path": {"value": path}}], "backendRefs": backends.collect::<Vec<_>>()})
    }

    #[test]
    fn live_weights_of_the_two_ends_are_kept_and_no_others() {
        let plugin = json!({"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "web"}}});
        let listed = json!({"gatewayAPI": {"httpRoutes": [{"name": "other"}, {"name": "web"}]}});
        let elsewhere = json!({"gatewayAPI": {"httpRoute": "web", "namespace": "edge"}});
        let git = json!([rule("/", &[("stable", 100), ("canary", 0), ("extra", 5)]), rule("/x", &[("canary", 1)])]);
        let live = json!([rule("/x", &[("canary", 9)]), rule("/", &[("canary", 30), ("stable", 70), ("extra", 7)])]);
        let merged = json!([rule("/", &[("stable", 70), ("canary", 30), ("extra", 5)]), rule("/x", &[("canary", 1)])]);
        for (routing, expected) in [(plugin, &merged), (listed, &merged), (elsewhere, &git)] {
            let rollout = rollout(&routing);
            let object = |rules: &Value| {
                json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                       "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": rules}})
            };
            let kept = owned::with_owned_from(&[&rollout], &object(&git), &object(&live));
            assert_eq!(kept["spec"]["rules"], *expected, "{routing}");
            assert_eq!(owned::is_shared(&[&rollout], &object(&git)), *expected == merged);
        }
    }

    #[test]
    fn live_rules_by_header_and_their_record_are_kept() {
        let rollout = rollout(&json!({"gatewayAPI": {"httpRoutes": [{"name": "web", "useHeaderRoutes": true}]}}));
        let matches = json!([{"headers": [{"name": "x-beta", "value": "yes"}]}]);
        let header = json!({"matches": matches, "backendRefs": [{"name": "canary"}]});
        let record = json!({"shop/web": {"beta": [matches]}}).to_string();
        let object = |annotations: Value, rules: Value| {
            let metadata = json!({"name": "web", "namespace": "shop", "annotations": annotations});
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": {"rules": rules}})
        };
        let key = "leadline.dev/managed-rules";
        let git = object(json!({"mine": "1"}), json!([rule("/", &[("stable", 100), ("canary", 0)])]));
        let weighed = rule("/", &[("stable", 70), ("canary", 30)]);
        let live = object(json!({key: record}), json!([header, weighed]));
        let merged = object(json!({"mine": "1", key: record}), json!([header, weighed]));
        assert_eq!(owned::with_owned_from(&[&rollout], &git, &live), merged);
        let other =
            object(json!({key: json!({"shop/other": {"beta": [matches]}}).to_string()}), json!([header, weighed]));
        let kept = owned::with_owned_from(&[&rollout], &git, &other);
        assert_eq!(kept["spec"]["rules"], json!([weighed]), "that of another Rollout is kept with its own claim");
    }

    #[test]
    fn a_backend_is_a_service_of_the_rollouts_namespace() {
        for (backend, is_one) in [
            (json!({"name": "web"}), true),
            (json!({"name": "web", "kind": "Service", "group": "", "namespace": "shop"}), true),
            (json!({"name": "api"}), false),
            (json!({"name": "web", "kind": "ServiceImport"}), false),
            (json!({"name": "web", "group": "multicluster.x-k8s.io"}), false),
            (json!({"name": "web", "namespace": "edge"}), false),
        ] {
            assert_eq!(owned::is_backend(&backend, "web", "shop", "shop"), is_one, "{backend}");
        }
        assert!(!owned::is_backend(&json!({"name": "web"}), "web", "shop", "edge"), "the route is elsewhere");
    }
}
