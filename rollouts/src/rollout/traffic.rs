//! How much traffic? Reads what the routes hold now, decides what the canary's share should be, and moves it there once the
//! endpoints that are to carry it are ready. Weight follows endpoints, never leads them.

pub mod istio;

use super::{
    endpoints,
    look::Look,
    observed::Observed,
    phase::Phase,
    replicas::{self, WHOLE},
    spec::Spec,
};
use crds::{VirtualService, keys, kind, rollout::IstioVirtualService};
use istio::{Ends, RouteAt, Weights};
use plan::{Event, Target, Write, reason::RolloutReason};
use serde_json::Value;
use std::collections::BTreeMap;

/// One VirtualService and the Rollout's routes in it.
#[derive(Clone, Debug)]
struct Router<'a> {
    object: &'a VirtualService,
    spec: Value,
    routes: Vec<RouteAt>,
    weights: Vec<Weights>,
}

impl<'a> Router<'a> {
    fn of(object: &'a VirtualService) -> Self {
        Self { object, spec: object.spec(), routes: Vec::new(), weights: Vec::new() }
    }

    fn add(&mut self, named: &IstioVirtualService, ends: Ends<'_>) {
        let mut found = istio::select(&self.spec, named, ends).unwrap_or_default();
        found.retain(|route| !self.routes.contains(route));
        self.weights.extend(istio::weights(&self.spec, &found, ends));
        self.routes.extend(found);
    }
}

/// One end of the routes: what backs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backing {
    /// The Service whose endpoints carry this end's traffic.
    pub service: String,
    /// The revision that it selects; `None` where it does not select by revision yet.
    pub hash: Option<String>,
}

/// What the routes hold, and what backs their ends.
#[derive(Clone, Debug)]
pub struct Traffic<'a> {
    routers: Vec<Router<'a>>,
    ends: Ends<'a>,
    /// What backs the canary's end.
    pub canary: Backing,
    /// What backs the stable end.
    pub stable: Backing,
}

/// The names of the ends, as the spec gives them.
pub fn ends<'a>(spec: &Spec<'a>) -> Option<Ends<'a>> {
    let (istio, canary) = spec.istio.zip(spec.canary())?;
    Some(match &istio.destination_rule {
        Some(rule) => Ends::Subsets { canary: &rule.canary_subset_name, stable: &rule.stable_subset_name },
        None => Ends::Hosts {
            canary: canary.canary_service.as_deref().unwrap_or_default(),
            stable: canary.stable_service.as_deref().unwrap_or_default(),
        },
    })
}

/// The VirtualServices that the spec names, with where each was named.
pub fn named<'a>(spec: &Spec<'a>) -> impl Iterator<Item = &'a IstioVirtualService> {
    spec.istio.into_iter().flat_map(|istio| istio.virtual_service.iter().chain(&istio.virtual_services))
}

impl<'a> Traffic<'a> {
    /// Reads the routes. The references were checked before, so what cannot be read here is left out.
    pub fn of(observed: &'a Observed, spec: &Spec<'a>) -> Option<Self> {
        let ends = ends(spec)?;
        // A VirtualService may be named more than once, with other routes each time: it is one object to write.
        let mut routers: BTreeMap<(String, String), Router<'a>> = BTreeMap::new();
        for named in named(spec) {
            let key = istio::name_of(&named.name, &observed.rollout.metadata.namespace);
            let Some(object) = observed.virtual_services.get(&key) else { continue };
            let router = routers.entry(key).or_insert_with(|| Router::of(object));
            router.add(named, ends);
        }
        let (canary, stable) = backing(observed, spec, ends);
        Some(Self { routers: routers.into_values().collect(), ends, canary, stable })
    }

    fn all(&self) -> impl Iterator<Item = Weights> + '_ {
        self.routers.iter().flat_map(|router| router.weights.iter().copied())
    }

    /// The largest canary weight of any route.
    pub fn highest_canary(&self) -> i32 {
        self.all().map(|weights| weights.canary).max().unwrap_or(0)
    }

    /// The smallest canary weight of any route.
    pub fn lowest_canary(&self) -> i32 {
        self.all().map(|weights| weights.canary).min().unwrap_or(0)
    }

    /// The largest stable weight of any route.
    pub fn highest_stable(&self) -> i32 {
        self.all().map(|weights| weights.stable).max().unwrap_or(0)
    }

    /// The smallest stable weight of any route.
    pub fn lowest_stable(&self) -> i32 {
        self.all().map(|weights| weights.stable).min().unwrap_or(WHOLE)
    }

    /// True where every route gives the canary this share and the stable revision the rest.
    pub fn holds(&self, share: i32) -> bool {
        self.all().all(|weights| weights == Weights { canary: share, stable: WHOLE - share })
    }

    /// The largest share that reaches a revision. An end that selects no revision reaches all of them.
    pub fn share_of(&self, hash: &str) -> i32 {
        let reaches = |backing: &Backing| backing.hash.as_deref().is_none_or(|selected| selected == hash);
        let part = |backing: &Backing, weight: i32| if reaches(backing) { weight } else { 0 };
        self.all()
            .map(|weights| part(&self.canary, weights.canary) + part(&self.stable, weights.stable))
            .max()
            .unwrap_or(0)
    }
}

/// What backs the two ends: by Service their own selectors, by subset the labels in the DestinationRule.
fn backing(observed: &Observed, spec: &Spec<'_>, ends: Ends<'_>) -> (Backing, Backing) {
    match ends {
        Ends::Hosts { canary, stable } => {
            let by_service = |name: &str| Backing {
                service: name.into(),
                hash: observed
                    .services
                    .get(name)
                    .and_then(|service| service.spec.selector.get(keys::POD_TEMPLATE_HASH).cloned()),
            };
            (by_service(canary), by_service(stable))
        }
        Ends::Subsets { canary, stable } => {
            let rule = spec.istio.and_then(|istio| istio.destination_rule.as_ref());
            let wire = rule
                .and_then(|rule| observed.destination_rules.get(&rule.name))
                .map(|rule| rule.spec())
                .unwrap_or_default();
            let host = wire.get("host").and_then(Value::as_str).map(istio::short_host).unwrap_or_default();
            let by_subset =
                |name: &str| Backing { service: host.into(), hash: istio::subset_hash(&wire, name).map(Into::into) };
            (by_subset(canary), by_subset(stable))
        }
    }
}

/// Moves the routes to the goal, or says what holds them.
pub fn writes(look: &Look<'_>) -> (Vec<Write>, Vec<RolloutReason>) {
    let Some(traffic) = &look.traffic else { return (Vec::new(), Vec::new()) };
    let goal = look.goal.weight;
    if traffic.holds(goal) {
        return (Vec::new(), Vec::new());
    }
    if let Some(reason) = held(look, traffic, goal) {
        return (Vec::new(), vec![reason]);
    }
    let mut writes: Vec<Write> =
        traffic.routers.iter().filter_map(|router| moved(look, traffic, router, goal)).collect();
    if let Some(last) = writes.pop() {
        let recorded = look.status().canary.weights.as_ref().map(|weights| weights.canary.weight);
        let told = match recorded {
            Some(from) if from != goal => Some(format!("Traffic weight updated from {from} to {goal}")),
            Some(_) => None,
            None => Some(format!("Traffic weight updated to {goal}")),
        };
        writes.push(last.with_events(told.map(|text| Event::normal("TrafficWeightUpdated", text))));
    }
    (writes, Vec::new())
}

/// What must be ready before the routes may move: the endpoints of whichever end gains.
fn held(look: &Look<'_>, traffic: &Traffic<'_>, goal: i32) -> Option<RolloutReason> {
    let replicas = look.spec.limits.replicas;
    if goal > traffic.lowest_canary() {
        let wanted = replicas::routed(goal, replicas).max(1);
        let hash = &look.fleet.hash;
        if let Some(reason) = not_ready(look, &traffic.canary, hash, wanted) {
            return Some(reason);
        }
    }
    if WHOLE - goal <= traffic.lowest_stable() {
        return None;
    }
    let Some(stable) = look.fleet.stable else {
        // The stable ReplicaSet is gone: its end may lead to nobody.
        let selected = traffic.stable.hash.as_deref().unwrap_or_default();
        return not_ready(look, &traffic.stable, selected, 1);
    };
    // Back to the stable revision is the safe direction: after an abort one ready endpoint opens it. Otherwise the end may
    // just have been switched to pods that served through the other one: all that are available must show there.
    let wanted = if look.phase == Phase::Aborted { 1 } else { stable.size().available.min(replicas).max(1) };
    not_ready(look, &traffic.stable, stable.hash(), wanted)
}

fn not_ready(look: &Look<'_>, backing: &Backing, hash: &str, wanted: i32) -> Option<RolloutReason> {
    // An end that does not select by revision yet leads to pods of all revisions: these count.
    let have = match &backing.hash {
        Some(selected) if selected != hash => 0,
        Some(_) => endpoints::ready(look.observed, &backing.service, Some(hash)),
        None => endpoints::ready(look.observed, &backing.service, None),
    };
    let want = usize::try_from(wanted).unwrap_or(0);
    (have < want).then(|| RolloutReason::EndpointsNotReady {
        service: backing.service.clone(),
        hash: hash.into(),
        want,
        have,
    })
}

fn moved(look: &Look<'_>, traffic: &Traffic<'_>, router: &Router<'_>, goal: i32) -> Option<Write> {
    let patch = istio::with_weight(&router.spec, &router.routes, traffic.ends, goal)?;
    let meta = &router.object.metadata;
    let weight = u32::try_from(goal).unwrap_or(0);
    let found = router.weights.iter().map(|weights| weights.canary).find(|weight| *weight != goal).unwrap_or(goal);
    let recorded = look.status().canary.weights.as_ref().map(|weights| weights.canary.weight);
    let who = last_writer(router.object);
    // The record is behind where we moved the weight ourselves on the way, such as to 0 before a selector is switched.
    let is_foreign = recorded == Some(goal) && who != keys::FIELD_MANAGER;
    let foreign = is_foreign.then(|| RolloutReason::ForeignWeight {
        virtual_service: meta.name.clone(),
        who,
        found: u32::try_from(found).unwrap_or(0),
        weight,
    });
    let warning = foreign.as_ref().map(|reason| Event::warning("TrafficRoutingError", reason.to_string()));
    let because = foreign.unwrap_or(RolloutReason::WeightSet { virtual_service: meta.name.clone(), weight });
    let event = Event::normal(
        "Updated VirtualService",
        format!("VirtualService `{}` set to desiredWeight '{goal}'", meta.name),
    );
    let target = Target::of(&kind::VIRTUAL_SERVICE, meta);
    Some(Write::patch(target, patch, because.into()).with_events(warning).with_event(event))
}

/// Who wrote the routes, as `managedFields` tell: a change takes its fields away from whoever had them. Its time alone would not
/// do, since it is in whole seconds, and in that of our own write the order of names would decide.
fn last_writer(object: &VirtualService) -> String {
    let fields = object.managed_fields();
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let has_routes = |entry: &Value| {
        let spec = entry.pointer("/fieldsV1/f:spec");
        spec.is_some_and(|spec| ["f:http", "f:tls", "f:tcp"].iter().any(|field| spec.get(field).is_some()))
    };
    let entries = fields.as_array().into_iter().flatten();
    let last = entries.max_by_key(|entry| (has_routes(entry), text(entry, "time")));
    last.map_or_else(|| "somebody".into(), |entry| text(entry, "manager"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_wrote_the_routes_is_told_from_who_wrote_anything_else() {
        let entry =
            |manager: &str, time: &str, fields: Value| json!({"manager": manager, "time": time, "fieldsV1": fields});
        let (routes, labels) = (json!({"f:spec": {"f:http": {}}}), json!({"f:metadata": {"f:labels": {}}}));
        let (early, late) = ("2026-01-01T12:00:00Z", "2026-01-01T12:00:01Z");
        for (entries, who) in [
            (json!(null), "somebody"),
            (json!([entry("kubectl-patch", early, routes.clone())]), "kubectl-patch"),
            (json!([entry("alice", early, routes.clone()), entry("zoe", late, routes.clone())]), "zoe"),
            (json!([entry("alice", early, routes.clone()), entry("leadline", early, labels.clone())]), "alice"),
            (json!([entry("alice", early, json!({"f:spec": {"f:tls": {}}})), entry("bob", late, labels)]), "alice"),
            (json!([{"manager": "old", "time": early}]), "old"),
        ] {
            let object = json!({"metadata": {"name": "shop", "namespace": "web", "managedFields": entries}});
            let object = VirtualService::from_value(&object).expect("reads");
            assert_eq!(last_writer(&object), who, "{entries}");
        }
    }
}
