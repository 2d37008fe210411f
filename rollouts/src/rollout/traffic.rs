//! How much traffic? Reads what the routes hold now, decides what the canary's share should be, and moves it there once the
//! endpoints that are to carry it are ready. Weight follows endpoints, never leads them.
//!
//! What a route looks like is known to `traffic/router.rs` and the files behind it, one for each technology.

mod gateway_api;
pub mod istio;
mod router;

pub use router::{Backing, Router, Selector, Wanted, Weights, kinds, references, service_behind};

use super::{
    endpoints,
    look::Look,
    observed::Observed,
    phase::Phase,
    replicas::{self, WHOLE},
    spec::Spec,
};
use crds::{RawObject, keys};
use plan::{Event, ObjectRef, Target, Write, reason::RolloutReason};
use router::Change;
use serde_json::Value;
use std::sync::Arc;

/// Who wrote what nobody signed.
const SOMEBODY: &str = "somebody";

/// One object of a router and the Rollout's routes in it.
#[derive(Clone, Debug)]
struct Routed<'a> {
    router: &'a Router<'a>,
    named: ObjectRef,
    object: Option<&'a RawObject>,
    weights: Vec<Weights>,
    canary: Backing,
    stable: Backing,
}

impl Routed<'_> {
    /// The smallest canary weight of its routes.
    fn lowest_canary(&self) -> i32 {
        self.weights.iter().map(|weights| weights.canary).min().unwrap_or(0)
    }

    /// The smallest stable weight of its routes.
    fn lowest_stable(&self) -> i32 {
        self.weights.iter().map(|weights| weights.stable).min().unwrap_or(WHOLE)
    }
}

/// What the routes hold, and what backs their ends.
#[derive(Clone, Debug)]
pub struct Traffic<'a>(Vec<Routed<'a>>);

impl<'a> Traffic<'a> {
    /// Reads the routes. The references were checked before, so what cannot be read here is left out.
    pub fn of(observed: &'a Observed, spec: &'a Spec<'a>) -> Option<Self> {
        let mut found = Vec::new();
        let namespace = &observed.rollout.metadata.namespace;
        for router in &spec.routers {
            let (canary, stable) = router.backings(observed);
            for named in router.objects(namespace) {
                let object = observed.routed.get(&named).map(Arc::as_ref);
                let whole = object.map(|object| object.object.value()).unwrap_or_default();
                let weights = router.weights(&named, &whole, namespace);
                let (canary, stable) = (canary.clone(), stable.clone());
                found.push(Routed { router, named, object, weights, canary, stable });
            }
        }
        spec.is_routed().then_some(Self(found))
    }

    fn all(&self) -> impl Iterator<Item = Weights> + '_ {
        self.0.iter().flat_map(|routed| routed.weights.iter().copied())
    }

    /// The largest canary weight of any route.
    pub fn highest_canary(&self) -> i32 {
        self.all().map(|weights| weights.canary).max().unwrap_or(0)
    }

    /// The smallest canary weight of any route.
    pub fn lowest_canary(&self) -> i32 {
        self.all().map(|weights| weights.canary).min().unwrap_or(0)
    }

    /// What backs the two ends of each route: the canary's, then the stable one.
    pub fn backings(&self) -> impl Iterator<Item = (&Backing, &Backing)> {
        self.0.iter().map(|routed| (&routed.canary, &routed.stable))
    }

    /// The largest stable weight of any route.
    pub fn highest_stable(&self) -> i32 {
        self.all().map(|weights| weights.stable).max().unwrap_or(0)
    }

    /// True where every route gives the canary this share and the stable revision the rest.
    pub fn holds(&self, share: i32) -> bool {
        self.all().all(|weights| weights == Weights { canary: share, stable: WHOLE - share })
    }

    /// True where the canary's end of every route selects this revision and no other.
    pub fn canary_selects(&self, hash: &str) -> bool {
        self.0.iter().all(|routed| routed.canary.hash.as_deref() == Some(hash))
    }

    /// The largest share that reaches a revision. An end that selects no revision reaches all of them.
    pub fn share_of(&self, hash: &str) -> i32 {
        let reaches = |backing: &Backing| backing.hash.as_deref().is_none_or(|selected| selected == hash);
        let part = |backing: &Backing, weight: i32| if reaches(backing) { weight } else { 0 };
        let of_routes = |routed: &Routed<'_>| {
            let weights = routed.weights.iter();
            weights.map(|weights| part(&routed.canary, weights.canary) + part(&routed.stable, weights.stable)).max()
        };
        self.0.iter().filter_map(of_routes).max().unwrap_or(0)
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
    let mut writes: Vec<Write> = traffic.0.iter().filter_map(|routed| moved(look, routed, goal)).collect();
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
    // A scale of the steps, or a threshold, may say that fewer are enough; one must be there.
    let needed = replicas::routed(goal, look.spec.limits.replicas).min(look.goal.canary_pods);
    let wanted = look.spec.pods.enough.of(needed).max(1);
    let mut rising = traffic.0.iter().filter(|routed| goal > routed.lowest_canary());
    let mut falling = traffic.0.iter().filter(|routed| WHOLE - goal > routed.lowest_stable());
    rising
        .find_map(|routed| not_ready(look, &routed.canary, &look.fleet.hash, wanted))
        .or_else(|| falling.find_map(|routed| stable_held(look, &routed.stable)))
}

fn stable_held(look: &Look<'_>, backing: &Backing) -> Option<RolloutReason> {
    let Some(stable) = look.fleet.stable else {
        // The stable ReplicaSet is gone: its end may lead to nobody.
        let selected = backing.hash.as_deref().unwrap_or_default();
        return not_ready(look, backing, selected, 1);
    };
    // Back to the stable revision is the safe direction: after an abort one ready endpoint opens it. Otherwise the end may
    // just have been switched to pods that served through the other one: all that are available must show there.
    let available = stable.size().available.min(look.spec.limits.replicas);
    let wanted = if look.phase == Phase::Aborted { 1 } else { available.max(1) };
    not_ready(look, backing, stable.hash(), wanted)
}

/// Ready endpoints behind an end that are of this revision. Where it does not select by revision yet it leads to pods of all
/// revisions: these count.
pub fn ready(observed: &Observed, backing: &Backing, hash: &str) -> usize {
    match &backing.hash {
        Some(selected) if selected != hash => 0,
        Some(_) => endpoints::ready(observed, &backing.service, Some(hash)),
        None => endpoints::ready(observed, &backing.service, None),
    }
}

fn not_ready(look: &Look<'_>, backing: &Backing, hash: &str, wanted: i32) -> Option<RolloutReason> {
    let have = ready(look.observed, backing, hash);
    let want = usize::try_from(wanted).unwrap_or(0);
    (have < want).then(|| RolloutReason::EndpointsNotReady {
        service: backing.service.clone(),
        hash: hash.into(),
        want,
        have,
    })
}

fn moved(look: &Look<'_>, routed: &Routed<'_>, goal: i32) -> Option<Write> {
    let change = routed.router.change(look.observed, &routed.named, Wanted { canary: goal })?;
    let (kind, name) = (routed.named.kind.clone(), routed.named.name.clone());
    let weight = u32::try_from(goal).unwrap_or(0);
    let found = routed.weights.iter().map(|weights| weights.canary).find(|weight| *weight != goal).unwrap_or(goal);
    let recorded = look.status().canary.weights.as_ref().map(|weights| weights.canary.weight);
    let who = routed.object.map_or_else(|| SOMEBODY.into(), |object| last_writer(object, routed.router.fields()));
    // The record is behind where we moved the weight ourselves on the way, such as to 0 before a selector is switched.
    let is_foreign = recorded == Some(goal) && who != keys::FIELD_MANAGER;
    let foreign = is_foreign.then(|| RolloutReason::ForeignWeight {
        kind: kind.clone(),
        name: name.clone(),
        who,
        found: u32::try_from(found).unwrap_or(0),
        weight,
    });
    let warning = foreign.as_ref().map(|reason| Event::warning("TrafficRoutingError", reason.to_string()));
    let event = routed.router.told(&name, goal);
    let because = foreign.unwrap_or(RolloutReason::WeightSet { kind, name, weight });
    let object = routed.named.clone();
    let write = match (change, routed.object) {
        (Change::Create(body), _) => Write::create(object, body, because.into()),
        (Change::Patch(body), Some(found)) => {
            let (uid, resource_version) = (found.metadata.uid.clone(), found.metadata.resource_version.clone());
            Write::patch(Target { object, uid, resource_version }, body, because.into())
        }
        (Change::Patch(_), None) => return None,
    };
    Some(write.with_events(warning).with_events(event))
}

/// Who wrote the routes, as `managedFields` tell: a change takes its fields away from whoever had them. Its time alone would not
/// do, since it is in whole seconds, and in that of our own write the order of names would decide.
fn last_writer(object: &RawObject, routes: &[&str]) -> String {
    let fields = object.managed_fields();
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let has_routes = |entry: &Value| {
        let fields = entry.get("fieldsV1");
        fields.is_some_and(|fields| routes.iter().any(|field| fields.pointer(field).is_some()))
    };
    let entries = fields.as_array().into_iter().flatten();
    let last = entries.max_by_key(|entry| (has_routes(entry), text(entry, "time")));
    last.map_or_else(|| SOMEBODY.into(), |entry| text(entry, "manager"))
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
            let object = RawObject::from_value(&object).expect("reads");
            assert_eq!(last_writer(&object, &["/f:spec/f:http", "/f:spec/f:tls", "/f:spec/f:tcp"]), who, "{entries}");
        }
    }
}
