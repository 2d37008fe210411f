//! The nginx ingress controller: beside each Ingress that leads to the stable Service stands a second one, ours, which leads to the
//! canary's and carries its weight as an annotation. Works on raw JSON, so that every field that we do not know stays as it is.
//!
//! The Ingress of the user is read and never written. Its rules are copied as far as they lead to the stable Service; of what
//! others add to ours, annotations stay.

use super::{
    super::{fleet, invalid::Invalid, observed::Observed, replicas::WHOLE, spec::ends::Ends},
    router::{self, Backing, Before, Change, PATH, Router, Wanted, Weights},
};
use crds::{
    Kind, ObjectMeta, kind,
    rollout::{CanaryStrategy, NginxTrafficRouting, TrafficRouting},
};
use plan::{Event, ObjectRef};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 1] = [kind::INGRESS];
/// Where an Ingress holds its weight, as `managedFields` name it.
const FIELDS: [&str; 1] = ["/f:metadata/f:annotations"];
/// The start of the annotations' names, unless the spec has another.
const PREFIX: &str = "nginx.ingress.kubernetes.io";
/// The annotation that names the controller of an Ingress, older than the field for it.
const CLASS: &str = "kubernetes.io/ingress.class";
/// The fields of a spec that both Ingresses share, beside some of the rules.
const COPIED: [&str; 2] = ["tls", "ingressClassName"];
/// The end of the name of ours.
const SUFFIX: &str = "-canary";
/// The longest name that the API server takes.
const LONGEST_NAME: usize = 253;

/// The nginx ingress controller, as a spec sets it.
#[derive(Clone, Debug)]
pub struct Nginx<'a> {
    settings: &'a NginxTrafficRouting,
    ends: Ends<'a>,
    /// The weight that stands for all requests, where the spec says so.
    whole: Option<i32>,
}

/// The Ingresses of the user, each with where it is named.
fn stable_ingresses(settings: &NginxTrafficRouting) -> impl Iterator<Item = (String, &str)> {
    let one = settings.stable_ingress.as_deref().filter(|name| !name.is_empty());
    let one = one.map(|name| (format!("{PATH}.nginx.stableIngress"), name));
    let several = settings.stable_ingresses.iter().enumerate();
    one.into_iter().chain(several.map(|(at, name)| (format!("{PATH}.nginx.stableIngresses[{at}]"), name.as_str())))
}

fn ingress(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::of(&kind::INGRESS, namespace, name)
}

/// The Ingress of ours beside one of the user.
fn beside(owner: &ObjectMeta, stable: &str) -> ObjectRef {
    let whole = format!("{}-{stable}", owner.name);
    let start: String = whole.chars().take(LONGEST_NAME - SUFFIX.len()).collect();
    ingress(&owner.namespace, &format!("{start}{SUFFIX}"))
}

/// The objects that the settings name, valid or not.
pub(super) fn references(routing: &TrafficRouting, owner: &ObjectMeta) -> Vec<ObjectRef> {
    let named = routing.nginx.iter().flat_map(stable_ingresses);
    named.flat_map(|(_, stable)| [ingress(&owner.namespace, stable), beside(owner, stable)]).collect()
}

/// The Event that tells of a change.
fn told(name: &str, change: &Change, wanted: &Wanted<'_>) -> Event {
    let weight = wanted.canary;
    match change {
        Change::Create(_) => {
            Event::normal("CreatingCanaryIngress", format!("Creating canary ingress `{name}` with weight `{weight}`"))
        }
        Change::Patch(_) | Change::Delete => {
            Event::normal("PatchingCanaryIngress", format!("Updating Ingress `{name}` to desiredWeight '{weight}'"))
        }
    }
}

impl<'a> Nginx<'a> {
    /// Checks what the spec alone shows.
    pub(super) fn parse(canary: &'a CanaryStrategy, settings: &'a NginxTrafficRouting) -> Result<Self, Invalid> {
        let fields = ["StableIngress", "StableIngresses"];
        let one = settings.stable_ingress.as_deref();
        router::one_of_two(&format!("{PATH}.nginx"), fields, one, &settings.stable_ingresses)?;
        Ok(Self { settings, ends: router::services_of(canary), whole: canary.own_whole() })
    }

    fn prefix(&self) -> &str {
        self.settings.annotation_prefix.as_deref().filter(|prefix| !prefix.is_empty()).unwrap_or(PREFIX)
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix())
    }

    fn text_of<'v>(&self, object: &'v Value, name: &str) -> Option<&'v str> {
        object.pointer("/metadata/annotations")?.get(self.key(name))?.as_str()
    }

    /// What we write as the weight that stands for all requests; nothing for the usual one.
    fn total(&self) -> Option<String> {
        let of_user = || self.of_user().remove(&self.key("canary-weight-total"));
        self.whole.map(|whole| whole.to_string()).or_else(of_user)
    }

    /// The annotations that the spec asks for.
    fn of_user(&self) -> BTreeMap<String, String> {
        let additional = self.settings.additional_ingress_annotations.iter().map(|(name, value)| {
            let name = if name.starts_with(self.prefix()) { name.clone() } else { self.key(name) };
            (name, value.clone())
        });
        let verbatim = self.settings.canary_ingress_annotations.clone();
        additional.chain(verbatim).collect()
    }

    /// The annotations of ours beside this Ingress.
    fn annotations(&self, stable: &Value, weight: i32) -> BTreeMap<String, String> {
        let class = stable.pointer("/metadata/annotations").and_then(|found| found.get(CLASS)).and_then(Value::as_str);
        let class = class.map(|class| (CLASS.to_owned(), class.to_owned()));
        let total = self.whole.map(|whole| (self.key("canary-weight-total"), whole.to_string()));
        let ours = [(self.key("canary"), "true".to_owned()), (self.key("canary-weight"), weight.to_string())];
        class.into_iter().chain(self.of_user()).chain(ours).chain(total).collect()
    }

    fn is_stable(&self, path: &Value) -> bool {
        path.pointer("/backend/service/name").and_then(Value::as_str) == Some(self.ends.stable)
    }

    fn leads_to_stable(&self, rule: &Value) -> bool {
        let paths = rule.pointer("/http/paths").and_then(Value::as_array);
        paths.into_iter().flatten().any(|path| self.is_stable(path))
    }

    /// A rule of the user with the canary's Service in place of the stable one.
    fn for_canary(&self, rule: &Value) -> Value {
        let mut rule = rule.clone();
        let paths = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut);
        for path in paths.into_iter().flatten().filter(|path| self.is_stable(path)) {
            if let Some(name) = path.pointer_mut("/backend/service/name") {
                *name = self.ends.canary.into();
            }
        }
        rule
    }

    /// The fields of the spec of ours beside this Ingress.
    fn spec(&self, stable: &Value) -> Map<String, Value> {
        let found = stable.get("spec").unwrap_or(&Value::Null);
        let for_canary =
            router::rules(found).iter().filter(|rule| self.leads_to_stable(rule)).map(|rule| self.for_canary(rule));
        let copied = COPIED.iter().filter_map(|field| Some(((*field).to_owned(), found.get(field)?.clone())));
        copied.chain([("rules".to_owned(), Value::Array(for_canary.collect()))]).collect()
    }

    /// The patch that makes these annotations and this spec of what is there; annotations of others stay.
    fn changed(&self, object: &Value, annotations: BTreeMap<String, String>, spec: Map<String, Value>) -> Value {
        let (key, total) = (self.key("canary-weight-total"), self.text_of(object, "canary-weight-total"));
        // With a total that is nobody's wish any more the weight would mean something else.
        let removed = total.filter(|_| !annotations.contains_key(&key)).map(|_| (key, Value::Null));
        let wanted = annotations.into_iter().map(|(name, value)| (name, Value::String(value))).chain(removed);
        let annotation = |name: &str| object.pointer("/metadata/annotations").and_then(|found| found.get(name));
        let metadata: Map<String, Value> =
            wanted.filter(|(name, value)| annotation(name).unwrap_or(&Value::Null) != value).collect();
        let mut changed = Map::new();
        if !metadata.is_empty() {
            changed.insert("metadata".into(), json!({ "annotations": metadata }));
        }
        let field = |name: &str| object.get("spec").and_then(|found| found.get(name)).unwrap_or(&Value::Null);
        let fields = COPIED.into_iter().chain(["rules"]);
        let fields = fields.map(|name| (name.to_owned(), spec.get(name).cloned().unwrap_or_default()));
        let spec: Map<String, Value> = fields.filter(|(name, value)| field(name) != value).collect();
        if !spec.is_empty() {
            changed.insert("spec".into(), Value::Object(spec));
        }
        Value::Object(changed)
    }
}

impl Router for Nginx<'_> {
    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        Backing::of_services(observed, self.ends)
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    fn holds_more(&self) -> bool {
        true
    }

    /// Whether every Ingress is there and leads to the stable Service, and the names of ours are free.
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let owner = &observed.rollout.metadata;
        for (path, name) in stable_ingresses(self.settings) {
            let found = router::observed_at(observed, &path, name, &kind::INGRESS, &ingress(&owner.namespace, name))?;
            if !router::rules(&found.spec()).iter().any(|rule| self.leads_to_stable(rule)) {
                let words = format!("ingress `{name}` has no rules using service {} backend", self.ends.stable);
                return Err(Invalid::value(&path, name, words));
            }
            let ours = beside(owner, name);
            let taken = observed.routed.get(&ours).filter(|found| !found.metadata.is_controlled_by(&owner.uid));
            if taken.is_some() {
                let words = format!("canary ingress `{}` controlled by different object", ours.name);
                return Err(Invalid::value(&path, name, words));
            }
        }
        Ok(())
    }

    /// The Ingresses that are ours.
    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        stable_ingresses(self.settings).map(|(_, stable)| beside(&observed.rollout.metadata, stable)).collect()
    }

    /// An Ingress that is not there sends nothing to the canary.
    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        if !self.objects(observed).contains(named) {
            return Vec::new();
        }
        let whole = self.whole.unwrap_or(WHOLE);
        let found = self.text_of(object, "canary-weight").filter(|_| self.text_of(object, "canary") == Some("true"));
        let weight: i32 = found.and_then(|weight| weight.parse().ok()).unwrap_or(0);
        let total = self.text_of(object, "canary-weight-total");
        let canary = if total == self.total().as_deref() { weight } else { in_parts_of(whole, weight, total) };
        vec![Weights { canary, stable: whole - canary }]
    }

    /// Ours is made when the canary gets its first share, and from then on follows the Ingress of the user.
    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let owner = &observed.rollout.metadata;
        let (_, name) = stable_ingresses(self.settings).find(|(_, stable)| beside(owner, stable) == *named)?;
        let stable = observed.routed.get(&ingress(&owner.namespace, name))?.object.value();
        let (annotations, spec) = (self.annotations(&stable, wanted.canary), self.spec(&stable));
        if object.is_null() {
            let meta = json!({
                "name": named.name, "namespace": owner.namespace, "annotations": annotations,
                "ownerReferences": [fleet::owner(observed)],
            });
            let body = kind::INGRESS.object(&json!({ "metadata": meta, "spec": spec })).ok();
            return body.filter(|_| wanted.canary > 0).map(Change::Create);
        }
        let changed = self.changed(object, annotations, spec);
        (changed != json!({})).then_some(Change::Patch(changed))
    }

    fn told(&self, name: &str, change: &Change, _before: Before<'_>, wanted: &Wanted<'_>) -> Vec<Event> {
        vec![told(name, change, wanted)]
    }
}

/// A weight out of another total as a part of `whole`.
fn in_parts_of(whole: i32, weight: i32, total: Option<&str>) -> i32 {
    let total: Option<i32> = total.and_then(|total| total.parse().ok()).filter(|total| *total > 0);
    router::part_of(whole, weight.into(), total.unwrap_or(WHOLE).into())
}

#[cfg(test)]
mod tests;
