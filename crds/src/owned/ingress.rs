//! What a Rollout owns in an Ingress of the AWS load balancer controller: the action that holds its weights, and the annotations
//! and paths of the routes that its steps set.

use serde_json::Value;

use crate::{Rollout, keys, rollout::AlbTrafficRouting};

/// The name of a port that stands for an annotation.
pub const ALB_BY_ANNOTATION: &str = "use-annotation";
/// The start of the annotations' names, unless the spec has another.
const PREFIX: &str = "alb.ingress.kubernetes.io";

/// The Ingresses that the settings name: where, and their names.
pub fn alb_ingresses(settings: &AlbTrafficRouting) -> impl Iterator<Item = (String, &str)> {
    let one = settings.ingress.as_deref().filter(|name| !name.is_empty()).map(|name| ("ingress".to_owned(), name));
    let several = settings.ingresses.iter().enumerate();
    one.into_iter().chain(several.map(|(at, name)| (format!("ingresses[{at}]"), name.as_str())))
}

/// The Service that rules name and the action stands for.
pub fn alb_root<'a>(settings: &'a AlbTrafficRouting, stable: &'a str) -> &'a str {
    settings.root_service.as_deref().filter(|name| !name.is_empty()).unwrap_or(stable)
}

/// The annotation of this kind, `actions` or `conditions`, for this name.
pub fn alb_key(settings: &AlbTrafficRouting, kind: &str, name: &str) -> String {
    let prefix = settings.annotation_prefix.as_deref().filter(|prefix| !prefix.is_empty()).unwrap_or(PREFIX);
    format!("{prefix}/{kind}.{name}")
}

/// Whether a path leads to one of these routes of steps.
pub fn is_alb_route(path: &Value, managed: &[&str]) -> bool {
    let text = |pointer: &str| path.pointer(pointer).and_then(Value::as_str);
    text("/backend/service/port/name") == Some(ALB_BY_ANNOTATION)
        && text("/backend/service/name").is_some_and(|name| managed.contains(&name))
}

/// What a Rollout claims in one Ingress.
pub(super) struct Actions<'a> {
    annotations: Vec<String>,
    managed: Vec<&'a str>,
}

impl<'a> Actions<'a> {
    /// What the Rollout claims in the Ingress of this name.
    pub(super) fn of(rollout: &'a Rollout, name: &str) -> Option<Self> {
        let canary = rollout.spec.strategy.canary.as_ref()?;
        let settings = canary.traffic_routing.as_ref()?.alb.as_ref()?;
        alb_ingresses(settings).find(|(_, named)| *named == name)?;
        let managed: Vec<&str> = canary.managed_routes().collect();
        let of_steps =
            managed.iter().flat_map(|name| ["actions", "conditions"].map(|kind| alb_key(settings, kind, name)));
        let root = alb_root(settings, canary.stable_service.as_deref().unwrap_or_default());
        let own = [alb_key(settings, "actions", root), keys::MANAGED_ALB_ANNOTATIONS.to_owned()];
        Some(Self { annotations: of_steps.chain(own).collect(), managed })
    }
}

/// Puts what is live of the claim into the Ingress that is wanted.
pub(super) fn keep_actions(kept: &mut Value, live: &Value, claim: &Actions<'_>) {
    let found = live.pointer("/metadata/annotations").and_then(Value::as_object);
    for (key, value) in found.into_iter().flatten().filter(|(key, _)| claim.annotations.contains(key)) {
        if let Some(Value::Object(fields)) = kept.get_mut("metadata") {
            let annotations = fields.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Value::Object(annotations) = annotations {
                annotations.insert(key.clone(), value.clone());
            }
        }
    }
    let found: Vec<&Value> = rules(live).collect();
    let Some(wanted) = kept.pointer_mut("/spec/rules").and_then(Value::as_array_mut) else { return };
    for (turn, rule) in wanted.iter_mut().enumerate() {
        let itself = found.iter().find(|other| rule.get("host") == other.get("host"));
        let Some(live_rule) = itself.or_else(|| found.get(turn)) else { continue };
        let routes = paths(live_rule).filter(|path| is_alb_route(path, &claim.managed)).cloned();
        let routes: Vec<Value> = routes.collect();
        if let Some(Value::Array(list)) = rule.pointer_mut("/http/paths") {
            list.retain(|path| !is_alb_route(path, &claim.managed));
            list.splice(0..0, routes);
        }
    }
}

fn rules(ingress: &Value) -> impl Iterator<Item = &Value> {
    ingress.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten()
}

fn paths(rule: &Value) -> impl Iterator<Item = &Value> {
    rule.pointer("/http/paths").and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Rollout, owned};

    const ACTION: &str = "alb.ingress.kubernetes.io/actions.stable";

    fn path(service: &str) -> Value {
        json!({"path": "/*", "backend": {"service": {"name": service, "port": {"name": "use-annotation"}}}})
    }

    fn ingress(name: &str, annotations: Value, paths: &[&str]) -> Value {
        let paths: Vec<Value> = paths.iter().map(|service| path(service)).collect();
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations},
            "spec": {"rules": [{"host": "shop.example", "http": {"paths": paths}}]},
        })
    }

    #[test]
    fn live_actions_and_header_routes_are_kept() {
        let routing = json!({"alb": {"ingress": "web", "servicePort": 80}, "managedRoutes": [{"name": "beta"}]});
        let canary = json!({"canaryService": "canary", "stableService": "stable", "trafficRouting": routing});
        let rollout =
            json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"strategy": {"canary": canary}}});
        let rollout = Rollout::from_value(&rollout).expect("is a Rollout");
        let git = json!({ACTION: "100", "mine": "1"});
        let live = json!({
            ACTION: "90", "mine": "2", "alb.ingress.kubernetes.io/actions.beta": "all",
            "alb.ingress.kubernetes.io/conditions.beta": "header", "other": "3",
            "rollouts.argoproj.io/managed-alb-annotations": "{}",
        });
        let merged = json!({
            ACTION: "90", "mine": "1", "alb.ingress.kubernetes.io/actions.beta": "all",
            "alb.ingress.kubernetes.io/conditions.beta": "header",
            "rollouts.argoproj.io/managed-alb-annotations": "{}",
        });
        for (name, expected) in [
            ("web", ingress("web", merged, &["beta", "stable"])),
            ("other", ingress("other", git.clone(), &["stable"])),
        ] {
            let wanted = ingress(name, git.clone(), &["stable"]);
            let found = ingress(name, live.clone(), &["beta", "stable", "mine"]);
            assert_eq!(owned::with_owned_from(&[&rollout], &wanted, &found), expected);
            assert_eq!(owned::is_shared(&[&rollout], &wanted), name == "web");
        }
    }
}
