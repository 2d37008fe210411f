//! The AWS load balancer controller: which annotation of an Ingress holds a Rollout's weights, what it holds, and the same Ingress
//! with other weights and with routes by header. Works on raw JSON, so that every field that we do not know stays as it is.
//!
//! An action is text that clients compare byte by byte, so the order of its keys is theirs.

mod action;
pub mod reset;

use super::{
    super::{
        invalid::Invalid,
        observed::Observed,
        replicas::WHOLE,
        spec::ends::{Ends, Services},
    },
    router::{self, Backing, Before, Change, ManagedRoute, PATH, Router, Wanted, Weights},
};
use action::{Action, Group};
use crds::{
    Kind, ObjectMeta, keys, kind, owned,
    rollout::{AlbTrafficRouting, CanaryStrategy, TrafficRouting},
};
use plan::{Event, ObjectRef};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 1] = [kind::INGRESS];
/// Where an Ingress holds its weights and the paths of header routes, as `managedFields` name them.
const FIELDS: [&str; 2] = ["/f:metadata/f:annotations", "/f:spec/f:rules"];
/// How long AWS can keep a client at one revision.
const STICKINESS_SECS: std::ops::RangeInclusive<i64> = 1..=604_800;

/// The AWS load balancer controller, as a spec sets it.
#[derive(Clone, Debug)]
pub struct Alb<'a> {
    settings: &'a AlbTrafficRouting,
    ends: Ends<'a>,
    /// The Service that rules name and the action stands for.
    root: &'a str,
    /// Names of routes that steps add and take away.
    managed: Vec<&'a str>,
}

fn object_of(owner: &ObjectMeta, name: &str) -> ObjectRef {
    ObjectRef::of(&kind::INGRESS, &owner.namespace, name)
}

/// The objects that the settings name, valid or not.
pub(super) fn references(routing: &TrafficRouting, owner: &ObjectMeta) -> Vec<ObjectRef> {
    let named = routing.alb.iter().flat_map(owned::alb_ingresses);
    named.map(|(_, name)| object_of(owner, name)).collect()
}

impl<'a> Alb<'a> {
    /// Checks what the spec alone shows.
    pub(super) fn parse(
        canary: &'a CanaryStrategy,
        services: Services<'a>,
        settings: &'a AlbTrafficRouting,
    ) -> Result<Self, Invalid> {
        let path = format!("{PATH}.alb");
        let fields = ["Ingress", "Ingresses"];
        router::one_of_two(&path, fields, settings.ingress.as_deref(), &settings.ingresses)?;
        let sticky = settings.stickiness_config.as_ref().filter(|sticky| sticky.enabled);
        if let Some(sticky) = sticky.filter(|sticky| !STICKINESS_SECS.contains(&sticky.duration_seconds)) {
            let words = "TargetGroupStickinessConfig's duration must be between 1 and 604800 seconds (7 days)!";
            return Err(Invalid::value(
                &format!("{path}.stickinessConfig.durationSeconds"),
                sticky.duration_seconds,
                words,
            ));
        }
        let root = owned::alb_root(settings, router::services_of(canary).stable);
        let managed = canary.managed_routes().collect();
        Ok(Self { settings, ends: services.turning_first(), root, managed })
    }

    fn leads_to_root(&self, rule: &Value) -> bool {
        paths(rule).iter().any(|path| service_of(path) == Some(self.root))
    }

    fn action_key(&self, name: &str) -> String {
        owned::alb_key(self.settings, "actions", name)
    }

    fn condition_key(&self, name: &str) -> String {
        owned::alb_key(self.settings, "conditions", name)
    }

    fn action(&self, groups: Vec<Group>) -> String {
        let sticky = self.settings.stickiness_config.as_ref().filter(|sticky| sticky.enabled);
        Action { groups, sticky_secs: sticky.map(|sticky| sticky.duration_seconds) }.text()
    }

    fn group(&self, service: &str, weight: i32) -> Group {
        Group { service: service.into(), port: self.settings.service_port.to_string(), weight: weight.into() }
    }

    /// The annotations that are ours; null where one is to be gone.
    fn annotations(&self, wanted: &Wanted<'_>) -> BTreeMap<String, Value> {
        let others = wanted.others.iter().map(|branch| self.group(&branch.service, branch.weight));
        let ends = [self.group(self.ends.canary, wanted.canary)].into_iter().chain(others);
        let weighted = ends.chain([self.group(self.ends.stable, wanted.stable())]).collect();
        let gone = self.managed.iter().flat_map(|name| [self.action_key(name), self.condition_key(name)]);
        let mut annotations: BTreeMap<String, Value> = gone.map(|key| (key, Value::Null)).collect();
        for route in &wanted.managed {
            let ManagedRoute::Header(wire) = route else { continue };
            let action = self.action(vec![self.group(self.ends.canary, WHOLE)]);
            annotations.insert(self.action_key(route.name()), action.into());
            annotations.insert(self.condition_key(route.name()), action::conditions(wire).into());
        }
        annotations.insert(self.action_key(self.root), self.action(weighted).into());
        annotations
    }

    /// What each Rollout keeps in an Ingress, with our part as it is to be.
    fn record(&self, object: &Value, owner: &ObjectMeta, annotations: &BTreeMap<String, Value>) -> String {
        let mut record = record_of(object);
        let own = record.entry(owner.name.clone()).or_default();
        own.retain(|key| annotations.get(key).is_some_and(|value| !value.is_null()));
        let missing = annotations.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.clone());
        let missing: Vec<String> = missing.filter(|key| !own.contains(key)).collect();
        own.extend(missing);
        serde_json::to_string(&record).unwrap_or_default()
    }

    /// A rule with the paths of the wanted header routes before all others. One that does not lead to the action's Service is
    /// somebody else's: requests by header to another host are none of ours.
    fn arranged(&self, rule: &Value, wanted: &Wanted<'_>) -> Value {
        let is_managed = |path: &Value| owned::is_alb_route(path, &self.managed);
        let found = paths(rule);
        let of = |route: &ManagedRoute<'_>| {
            let itself = found.iter().find(|path| is_managed(path) && service_of(path) == Some(route.name()));
            itself.cloned().unwrap_or_else(|| path_of(route.name()))
        };
        let headers = wanted.managed.iter().filter(|route| matches!(route, ManagedRoute::Header(_)));
        let first: Vec<Value> = headers.filter(|_| self.leads_to_root(rule)).map(of).collect();
        let rest = found.iter().filter(|path| !is_managed(path)).cloned();
        let mut changed = rule.clone();
        if let Some(Value::Array(list)) = changed.pointer_mut("/http/paths") {
            *list = first.into_iter().chain(rest).collect();
        }
        changed
    }
}

impl Router for Alb<'_> {
    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        Backing::of_services(observed, self.ends)
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    fn part_of<'w>(&self, _named: &ObjectRef, wanted: &Wanted<'w>) -> Wanted<'w> {
        wanted.clone()
    }

    fn holds_more(&self) -> bool {
        true
    }

    /// Whether every Ingress is there and leads to the Service that the action stands for.
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        for (field, name) in owned::alb_ingresses(self.settings) {
            let (path, named) = (format!("{PATH}.alb.{field}"), object_of(&observed.rollout.metadata, name));
            let found = router::observed_at(observed, &path, name, &kind::INGRESS, &named)?;
            if !router::rules(&found.spec()).iter().any(|rule| self.leads_to_root(rule)) {
                let words = format!("ingress `{name}` has no rules using service {} backend", self.root);
                return Err(Invalid::value(&path, name, words));
            }
        }
        Ok(())
    }

    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        owned::alb_ingresses(self.settings).map(|(_, name)| object_of(&observed.rollout.metadata, name)).collect()
    }

    /// Without an action that can be read nothing is known to reach the canary.
    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        if !self.objects(observed).contains(named) {
            return Vec::new();
        }
        let Some(action) = annotation(object, &self.action_key(self.root)).and_then(Action::read) else {
            return vec![Weights { canary: 0, stable: WHOLE }];
        };
        vec![Weights { canary: action.share_of(self.ends.canary), stable: action.share_of(self.ends.stable) }]
    }

    /// Names of the routes in an Ingress that steps have set.
    fn managed(&self, _observed: &Observed, _named: &ObjectRef, object: &Value) -> Vec<String> {
        let has = |name: &&&str| annotation(object, &self.action_key(name)).is_some();
        self.managed.iter().filter(has).map(|name| (*name).to_owned()).collect()
    }

    /// All rules are in the patch where one changes, since a merge patch replaces lists.
    fn change(&self, observed: &Observed, _named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let spec = object.get("spec")?;
        let mut annotations = self.annotations(wanted);
        let record = self.record(object, &observed.rollout.metadata, &annotations);
        annotations.insert(keys::MANAGED_ALB_ANNOTATIONS.into(), record.into());
        let found = |key: &str| annotation(object, key).map_or(Value::Null, Into::into);
        annotations.retain(|key, value| found(key) != *value);
        let changed: Vec<Value> = router::rules(spec).iter().map(|rule| self.arranged(rule, wanted)).collect();
        let mut patch = Map::new();
        if !annotations.is_empty() {
            patch.insert("metadata".into(), json!({ "annotations": annotations }));
        }
        if changed != router::rules(spec) {
            patch.insert("spec".into(), json!({ "rules": changed }));
        }
        (!patch.is_empty()).then_some(Change::Patch(Value::Object(patch)))
    }

    /// Tells of other weights, and of header routes that came or went.
    fn told(&self, name: &str, _change: &Change, before: Before<'_>, wanted: &Wanted<'_>) -> Vec<Event> {
        let added = wanted.added(before.managed);
        let mut texts: Vec<String> = added.map(|route| format!("to headerRoute '{}'", route.name())).collect();
        if wanted.managed.is_empty() && !before.managed.is_empty() {
            texts.push("removing managed routes".into());
        }
        if !before.is_weighed || texts.is_empty() {
            texts.insert(0, format!("to desiredWeight '{}'", wanted.canary));
        }
        let event = |text: String| Event::normal("PatchingALBIngress", format!("Updating Ingress `{name}` {text}"));
        texts.into_iter().map(event).collect()
    }
}

/// The annotations that each Rollout keeps in an Ingress.
fn record_of(object: &Value) -> BTreeMap<String, Vec<String>> {
    let found = annotation(object, keys::MANAGED_ALB_ANNOTATIONS);
    found.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The path that stands for an annotation of this name.
fn path_of(name: &str) -> Value {
    let service = json!({ "name": name, "port": { "name": owned::ALB_BY_ANNOTATION } });
    json!({ "path": "/*", "pathType": "ImplementationSpecific", "backend": { "service": service } })
}

fn annotation<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

fn paths(rule: &Value) -> &[Value] {
    rule.pointer("/http/paths").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn service_of(path: &Value) -> Option<&str> {
    path.pointer("/backend/service/name").and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
