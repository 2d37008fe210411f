//! Apache APISIX: the weights of both Services in the rules of an ApisixRoute, and beside it one ApisixRoute of ours for each route
//! by header that steps set. Works on raw JSON, so that every field that we do not know stays as it is.
//!
//! A route of ours holds the same rules with the header as one more thing to match, goes first, and leads to the canary alone. It
//! has no weights. It belongs to the Rollout, and one of that name that belongs to nobody or to somebody else is never touched.

use super::{
    super::{fleet, invalid::Invalid, observed::Observed},
    backends::Backends,
    router::{self, Backing, Change, ManagedRoute, PATH, Router, Wanted, Weights},
};
use crds::{
    Kind, kind,
    rollout::{ApisixRoute, ApisixTrafficRouting, CanaryStrategy, HeaderRoutingMatch, SetHeaderRoute},
};
use plan::ObjectRef;
use serde_json::{Map, Value, json};

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 1] = [kind::APISIX_ROUTE];
/// Where an ApisixRoute holds its weights, as `managedFields` name it.
const FIELDS: [&str; 1] = ["/f:spec/f:http"];
/// The weight of a backend that has none.
const ABSENT: i64 = 100;
/// The annotation that names the controller of a route, older than the field for it.
const CLASS: &str = "kubernetes.io/ingress.class";

/// APISIX, as a spec sets it.
#[derive(Clone, Debug)]
pub struct Apisix<'a> {
    route: &'a ApisixRoute,
    backends: Backends<'a>,
    /// Names of routes that steps add and take away.
    managed: Vec<&'a str>,
}

fn object_of(name: &str, namespace: &str) -> ObjectRef {
    ObjectRef::of(&kind::APISIX_ROUTE, namespace, name)
}

/// The objects that the settings name, valid or not.
pub(super) fn references<'a>(canary: &'a CanaryStrategy, namespace: &'a str) -> impl Iterator<Item = ObjectRef> + 'a {
    let settings = canary.traffic_routing.iter().filter_map(|routing| routing.apisix.as_ref()?.route.as_ref());
    let names = settings.flat_map(|route| std::iter::once(route.name.as_str()).chain(canary.managed_routes()));
    names.map(|name| object_of(name, namespace))
}

impl<'a> Apisix<'a> {
    /// Checks what the spec alone shows.
    pub(super) fn parse(canary: &'a CanaryStrategy, settings: &'a ApisixTrafficRouting) -> Result<Self, Invalid> {
        let Some(route) = settings.route.as_ref().filter(|route| !route.name.is_empty()) else {
            return Err(Invalid::required(&format!("{PATH}.apisix.route.name"), "an ApisixRoute must be named"));
        };
        let backends = Backends { key: "serviceName", absent: ABSENT, ends: router::services_of(canary) };
        Ok(Self { route, backends, managed: canary.managed_routes().collect() })
    }

    /// Whether a rule carries the weights. The rule is called like the route where the spec names none.
    fn is_weighed(&self, rule: &Value) -> bool {
        let name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
        if self.route.rules.is_empty() { name == self.route.name } else { self.route.rules.iter().any(|it| it == name) }
    }

    fn is_copy(&self, named: &ObjectRef) -> bool {
        named.name != self.route.name && self.managed.contains(&named.name.as_str())
    }

    /// What is wrong with the rules of the route, if anything.
    fn problem(&self, route: &Value, namespace: &str) -> Option<String> {
        let name = &self.route.name;
        let Some(list) = rules(route) else { return Some("spec.http was not found in Apisix Route manifest".into()) };
        let wanted = if self.route.rules.is_empty() { std::slice::from_ref(name) } else { &self.route.rules };
        let named = |wanted: &String| list.iter().find(|rule| rule.get("name").and_then(Value::as_str) == Some(wanted));
        wanted.iter().find_map(|wanted| {
            let Some(rule) = named(wanted) else { return Some(format!("Apisix http route rule {wanted} not found")) };
            let missing = self.backends.missing(backends(rule), namespace)?;
            Some(format!("apisix route {missing} backend was not found"))
        })
    }

    /// The spec of the route of ours that sends requests with these headers to the canary.
    fn by_header(&self, route: &Value, step: &SetHeaderRoute, namespace: &str) -> Value {
        let weighed = rules(route).into_iter().flatten().filter(|rule| self.is_weighed(rule));
        let copied = weighed.map(|rule| {
            let mut rule = rule.clone();
            if let Value::Object(fields) = &mut rule {
                let priority = fields.get("priority").and_then(Value::as_i64).unwrap_or(0);
                fields.insert("priority".into(), priority.saturating_add(1).into());
                fields.insert("backends".into(), self.to_canary(fields.get("backends"), namespace));
                let matched = fields.entry("match").or_insert_with(|| json!({}));
                if let Value::Object(matched) = matched {
                    let own = matched.get("exprs").and_then(Value::as_array).cloned().unwrap_or_default();
                    let exprs: Vec<Value> = own.into_iter().chain(step.matches.iter().filter_map(matches)).collect();
                    matched.insert("exprs".into(), exprs.into());
                }
            }
            rule
        });
        let mut spec = Map::from_iter([("http".to_owned(), Value::Array(copied.collect()))]);
        let class = route.pointer("/spec/ingressClassName").cloned();
        spec.extend(class.map(|class| ("ingressClassName".to_owned(), class)));
        Value::Object(spec)
    }

    /// The canary's entry of a list, alone.
    fn to_canary(&self, list: Option<&Value>, namespace: &str) -> Value {
        let list = list.and_then(Value::as_array).into_iter().flatten();
        let mut canary: Vec<Value> = list
            .filter(|entry| self.backends.is(entry, self.backends.ends.canary, namespace))
            .take(1)
            .cloned()
            .collect();
        for fields in canary.iter_mut().filter_map(Value::as_object_mut) {
            fields.insert("weight".into(), ABSENT.into());
        }
        canary.into()
    }

    /// What brings a route of ours to what is wanted of it.
    fn change_of_copy(
        &self,
        observed: &Observed,
        named: &ObjectRef,
        found: &Value,
        wanted: &Wanted<'_>,
    ) -> Option<Change> {
        let namespace = &observed.rollout.metadata.namespace;
        let step = wanted.managed.iter().find_map(|route| match route {
            ManagedRoute::Header(step) if route.name() == named.name => Some(*step),
            ManagedRoute::Header(_) | ManagedRoute::Mirror(_) => None,
        });
        let Some(step) = step else { return (!found.is_null()).then_some(Change::Delete) };
        let route = observed.routed.get(&object_of(&self.route.name, namespace))?.object.value();
        let spec = self.by_header(&route, step, namespace);
        if found.is_null() {
            let class = route.pointer("/metadata/annotations").and_then(|annotations| annotations.get(CLASS));
            let annotations: Map<String, Value> =
                class.map(|class| (CLASS.to_owned(), class.clone())).into_iter().collect();
            let metadata = json!({
                "name": named.name, "namespace": namespace, "annotations": annotations,
                "ownerReferences": [fleet::owner(observed)],
            });
            return kind::APISIX_ROUTE.object(&json!({ "metadata": metadata, "spec": spec })).ok().map(Change::Create);
        }
        let fields = plan::merge_patch(found.get("spec")?, &spec);
        fields.map(|fields| Change::Patch(json!({ "spec": fields })))
    }
}

impl Router for Apisix<'_> {
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let owner = &observed.rollout.metadata;
        let (path, name) = (format!("{PATH}.apisix.route.name"), &self.route.name);
        let named = object_of(name, &owner.namespace);
        let found = router::observed_at(observed, &path, name, &kind::APISIX_ROUTE, &named)?;
        if let Some(problem) = self.problem(&found.object.value(), &owner.namespace) {
            return Err(Invalid::value(&path, name, problem));
        }
        for (index, name) in self.managed.iter().enumerate() {
            let found = observed.routed.get(&object_of(name, &owner.namespace));
            if found.is_some_and(|found| !found.metadata.is_controlled_by(&owner.uid)) {
                let words = format!("duplicate ApisixRoute [{name}] already exists");
                return Err(Invalid::value(&format!("{PATH}.managedRoutes[{index}].name"), name, words));
            }
        }
        Ok(())
    }

    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        let names = std::iter::once(self.route.name.as_str()).chain(self.managed.iter().copied());
        names.map(|name| object_of(name, &observed.rollout.metadata.namespace)).collect()
    }

    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        let namespace = &observed.rollout.metadata.namespace;
        let is_ours = *named == object_of(&self.route.name, namespace);
        let weighed = rules(object).into_iter().flatten().filter(|rule| is_ours && self.is_weighed(rule));
        weighed.filter_map(|rule| self.backends.weights(backends(rule), namespace)).collect()
    }

    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        Backing::of_services(observed, self.backends.ends)
    }

    /// All rules are in the patch, since a merge patch replaces lists.
    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let namespace = &observed.rollout.metadata.namespace;
        if self.is_copy(named) {
            return self.change_of_copy(observed, named, object, wanted);
        }
        let list = rules(object)?;
        let reweighted = |rule: &Value| {
            let mut rule = rule.clone();
            if self.is_weighed(&rule)
                && let Some(Value::Array(list)) = rule.get_mut("backends")
            {
                *list = self.backends.reweighted(list, namespace, wanted);
            }
            rule
        };
        let changed: Vec<Value> = list.iter().map(reweighted).collect();
        (changed != *list).then(|| Change::Patch(json!({ "spec": { "http": changed } })))
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    fn holds_more(&self) -> bool {
        !self.managed.is_empty()
    }

    fn managed(&self, _observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<String> {
        let is_there = self.is_copy(named) && !object.is_null();
        is_there.then(|| named.name.clone()).into_iter().collect()
    }

    /// Each route of ours holds one of those that steps set.
    fn part_of<'w>(&self, named: &ObjectRef, wanted: &Wanted<'w>) -> Wanted<'w> {
        let managed = wanted.managed.iter().filter(|route| route.name() == named.name).copied();
        Wanted { managed: managed.collect(), others: Vec::new(), ..wanted.clone() }
    }
}

fn rules(route: &Value) -> Option<&Vec<Value>> {
    route.pointer("/spec/http").and_then(Value::as_array)
}

fn backends(rule: &Value) -> &[Value] {
    rule.get("backends").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What must hold of a header. A prefix is a text, which APISIX compares by an expression.
fn matches(header: &HeaderRoutingMatch) -> Option<Value> {
    let value = header.header_value.as_ref()?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (operation, text) = match (given(&value.exact), given(&value.regex), given(&value.prefix)) {
        (Some(exact), ..) => ("Equal", exact),
        (None, Some(regex), _) => ("RegexMatch", regex),
        (None, None, Some(prefix)) => ("RegexMatch", format!("^{}.*", router::literal(&prefix))),
        (None, None, None) => return None,
    };
    Some(json!({ "subject": { "scope": "Header", "name": header.header_name }, "op": operation, "value": text }))
}

#[cfg(test)]
mod tests;
