//! How much traffic? Reads what the routes hold now, decides what the canary's share should be, and moves it there once the
//! endpoints that are to carry it are ready. Weight follows endpoints, never leads them.
//!
//! What a route looks like is known to `traffic/router.rs` and the files behind it, one for each technology.

pub mod alb;
mod ambassador;
mod apisix;
mod app_mesh;
mod backends;
mod gateway_api;
pub mod istio;
mod nginx;
mod router;
#[cfg(test)]
mod samples;
mod smi;
mod traefik;

pub use router::{
    Backing, Branch, Router, Selector, Wanted, Weights, kind_behind, kinds, object_behind, parse, references,
    service_behind,
};

use super::{endpoints, experiments, look::Look, observed::Observed, phase::Phase, replicas, spec::Spec};
use crds::{RawObject, keys};
use plan::{
    Event, ObjectRef, Propagation, Target, Write,
    reason::{RolloutReason, Share},
};
use router::{Before, Change, ManagedRoute};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// Who wrote what nobody signed.
const SOMEBODY: &str = "somebody";

/// One object of a router and the Rollout's routes in it.
#[derive(Clone, Debug)]
struct Routed<'a> {
    router: &'a dyn Router,
    named: ObjectRef,
    observed: Option<&'a RawObject>,
    /// The whole of it; null where there is none.
    object: Value,
    weights: Vec<Weights>,
    /// Names of the routes in it that steps have set.
    managed: Vec<String>,
    canary: Backing,
    stable: Backing,
}

impl Routed<'_> {
    /// Whether one of its routes is to send more to the canary.
    fn rises_to(&self, canary: i32) -> bool {
        self.weights.iter().any(|weights| weights.canary < canary)
    }

    /// Whether one of its routes is to send more to the stable revision. One that is made sends it its share from then on, whatever
    /// went there before.
    fn falls_to(&self, stable: i32) -> bool {
        self.weights.iter().any(|weights| self.object.is_null() || weights.stable < stable)
    }

    /// The largest part of the requests that is known to come to either end: a route by header takes what it takes, and has no
    /// weights where it is an object of its own.
    fn reach(&self) -> impl Iterator<Item = Weights> + '_ {
        let at_least = i32::from(!self.managed.is_empty());
        let by_weight =
            self.weights.iter().map(move |weights| Weights { canary: weights.canary.max(at_least), ..*weights });
        let by_header = Weights { canary: at_least, stable: 0 };
        by_weight.chain(self.weights.is_empty().then_some(by_header))
    }

    /// Whether its routes have the weights that are wanted.
    fn holds(&self, wanted: &Wanted<'_>) -> bool {
        let wanted = self.router.part_of(&self.named, wanted);
        let (canary, stable) = (wanted.canary, wanted.stable());
        self.weights.iter().all(|weights| *weights == Weights { canary, stable })
    }

    /// What is still to be written. An object whose weights are right, and where there is nothing else to hold, is left as it is.
    fn pending(&self, look: &Look<'_>, wanted: &Wanted<'_>) -> Option<Change> {
        let wanted = self.router.part_of(&self.named, wanted);
        let is_plain = self.managed.is_empty() && wanted.managed.is_empty() && wanted.others.is_empty();
        if is_plain && self.holds(&wanted) && !self.router.holds_more() {
            return None;
        }
        self.router.change(look.observed, &self.named, &self.object, &wanted)
    }
}

/// What the routes hold, and what backs their ends.
#[derive(Clone, Debug)]
pub struct Traffic<'a>(Vec<Routed<'a>>);

impl<'a> Traffic<'a> {
    /// Reads the routes. The references were checked before, so what cannot be read here is left out.
    pub fn of(observed: &'a Observed, spec: &'a Spec<'a>) -> Option<Self> {
        let mut found = Vec::new();
        for router in spec.routers.iter().map(Box::as_ref) {
            let (canary, stable) = router.backings(observed);
            for named in BTreeSet::from_iter(router.objects(observed)) {
                let seen = observed.routed.get(&named).map(Arc::as_ref);
                let object = seen.map(|seen| seen.object.value()).unwrap_or_default();
                let weights = router.weights(observed, &named, &object);
                let managed = router.managed(observed, &named, &object);
                let (canary, stable) = (canary.clone(), stable.clone());
                found.push(Routed { router, named, observed: seen, object, weights, managed, canary, stable });
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

    /// The largest part of the requests that comes to the canary's end.
    pub fn reach_of_canary(&self) -> i32 {
        self.0.iter().flat_map(Routed::reach).map(|weights| weights.canary).max().unwrap_or(0)
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
    pub fn holds(&self, share: i32, whole: i32) -> bool {
        self.all().all(|weights| weights == Weights { canary: share, stable: whole - share })
    }

    /// True where the canary's end of every route selects this revision and no other.
    pub fn canary_selects(&self, hash: &str) -> bool {
        self.0.iter().all(|routed| routed.canary.hash.as_deref() == Some(hash))
    }

    /// The largest share that reaches a revision. An end that selects no revision reaches all of them.
    pub fn share_of(&self, hash: &str) -> i32 {
        let reaches = |backing: &Backing| backing.hash.as_deref().is_none_or(|selected| selected == hash);
        let part = |backing: &Backing, weight: i32| if reaches(backing) { weight } else { 0 };
        let of_route = |routed: &Routed<'_>, weights: Weights| {
            part(&routed.canary, weights.canary) + part(&routed.stable, weights.stable)
        };
        let all = self.0.iter().flat_map(|routed| routed.reach().map(move |weights| (routed, weights)));
        all.map(|(routed, weights)| of_route(routed, weights)).max().unwrap_or(0)
    }
}

/// What the routes are to hold now.
fn wanted<'a>(look: &Look<'a>, traffic: &Traffic<'_>) -> Wanted<'a> {
    Wanted {
        canary: look.goal.weight,
        whole: look.spec.limits.whole,
        others: experiments::branches(look),
        managed: managed(look, traffic),
    }
}

/// The routes that the steps have set so far; none while there is nobody behind the canary's end, or others than the canary.
fn managed<'a>(look: &Look<'a>, traffic: &Traffic<'_>) -> Vec<ManagedRoute<'a>> {
    let steps = match look.phase {
        Phase::Stepping(index) => index + 1,
        Phase::Finishing => look.spec.steps.len(),
        Phase::First | Phase::Promoted | Phase::Aborted | Phase::Rushing => 0,
    };
    let has_pods = look.fleet.canary.is_some_and(|canary| canary.size().available > 0);
    let canary = look.spec.canary().filter(|_| has_pods && traffic.canary_selects(&look.fleet.hash));
    canary.map(|canary| router::managed_after(canary, steps)).unwrap_or_default()
}

/// Whether every route holds what it is to hold now.
pub fn is_settled(look: &Look<'_>) -> bool {
    let Some(traffic) = &look.traffic else { return true };
    let wanted = wanted(look, traffic);
    traffic.0.iter().all(|routed| routed.pending(look, &wanted).is_none())
}

/// Moves the routes to the goal, or says what holds them.
pub fn writes(look: &Look<'_>) -> (Vec<Write>, Vec<RolloutReason>) {
    let Some(traffic) = &look.traffic else { return (Vec::new(), Vec::new()) };
    let wanted = wanted(look, traffic);
    let pending: Vec<(&Routed<'_>, Change)> =
        traffic.0.iter().filter_map(|routed| Some((routed, routed.pending(look, &wanted)?))).collect();
    if pending.is_empty() {
        return (Vec::new(), Vec::new());
    }
    if let Some(reason) = held(look, traffic, &wanted) {
        return (Vec::new(), vec![reason]);
    }
    let moved = pending.into_iter().filter_map(|(routed, change)| moved(look, routed, change, &wanted));
    let mut writes: Vec<Write> = moved.collect();
    if let Some(last) = writes.pop() {
        let recorded = look.status().canary.weights.as_ref().map(|weights| weights.canary.weight);
        let goal = wanted.canary;
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
fn held(look: &Look<'_>, traffic: &Traffic<'_>, wanted: &Wanted<'_>) -> Option<RolloutReason> {
    let enough = |pods: i32| look.spec.pods.enough.of(pods).max(1);
    // A scale of the steps, or a threshold, may say that fewer are enough; one must be there.
    let share = replicas::routed(wanted.canary, look.spec.limits);
    let for_share = enough(share.min(look.goal.canary_pods));
    // How many requests a route by header brings is not known: all pods of the canary are there first.
    let for_managed = enough(look.goal.canary_pods);
    let gets_managed = |routed: &Routed<'_>| {
        routed.managed.is_empty() && !routed.router.part_of(&routed.named, wanted).managed.is_empty()
    };
    let rising = |routed: &Routed<'_>| match (routed.rises_to(wanted.canary), gets_managed(routed)) {
        (false, false) => None,
        (true, false) => not_ready(look, &routed.canary, &look.fleet.hash, for_share),
        (_, true) => not_ready(look, &routed.canary, &look.fleet.hash, for_managed),
    };
    // A route that leads to the Experiment already has that much less for the stable revision.
    let gets_branches = traffic.0.iter().any(|routed| !routed.holds(wanted));
    let branch = wanted.others.iter().filter(|_| gets_branches).find_map(|branch| branch_not_ready(look, branch));
    if branch.is_some() {
        return branch;
    }
    let mut falling = traffic.0.iter().filter(|routed| routed.falls_to(wanted.stable()));
    traffic.0.iter().find_map(rising).or_else(|| falling.find_map(|routed| stable_held(look, &routed.stable)))
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

fn branch_not_ready(look: &Look<'_>, branch: &Branch) -> Option<RolloutReason> {
    let have = endpoints::ready(look.observed, &branch.service, None);
    let want = usize::try_from(branch.pods).unwrap_or(0).max(1);
    let hash = branch.hash.clone().unwrap_or_default();
    (have < want).then(|| RolloutReason::EndpointsNotReady { service: branch.service.clone(), hash, want, have })
}

fn moved(look: &Look<'_>, routed: &Routed<'_>, change: Change, wanted: &Wanted<'_>) -> Option<Write> {
    let wanted = &routed.router.part_of(&routed.named, wanted);
    let (kind, name) = (routed.named.kind.clone(), routed.named.name.clone());
    let before = Before { is_weighed: routed.holds(wanted), managed: &routed.managed };
    let events = routed.router.told(&name, &change, before, wanted);
    let strange = foreign(look, routed, wanted);
    let warning = strange.as_ref().map(|reason| Event::warning("TrafficRoutingError", reason.to_string()));
    let because = strange.unwrap_or_else(|| {
        if routed.holds(wanted) && routed.managed.is_empty() && wanted.managed.is_empty() {
            return RolloutReason::BroughtInLine { kind, name };
        }
        if routed.holds(wanted) {
            let routes = wanted.managed.iter().map(|route| route.name().to_owned()).collect();
            return RolloutReason::RoutesSet { kind, name, routes };
        }
        RolloutReason::WeightSet { kind, name, share: share(wanted.canary, wanted) }
    });
    let target = |found: &RawObject| {
        let (uid, resource_version) = (found.metadata.uid.clone(), found.metadata.resource_version.clone());
        Target { object: routed.named.clone(), uid, resource_version }
    };
    let write = match (change, routed.observed) {
        (Change::Create(body), _) => Write::create(routed.named.clone(), body, because.into()),
        (Change::Patch(body), Some(found)) => Write::patch(target(found), body, because.into()),
        (Change::Delete, Some(found)) => Write::delete(target(found), Propagation::Background, because.into()),
        (Change::Patch(_) | Change::Delete, None) => return None,
    };
    Some(write.with_events(warning).with_events(events))
}

/// A weight of this router in words.
fn share(weight: i32, wanted: &Wanted<'_>) -> Share {
    Share { weight, whole: wanted.whole }
}

/// What is said where somebody else wrote another weight than the recorded one.
fn foreign(look: &Look<'_>, routed: &Routed<'_>, wanted: &Wanted<'_>) -> Option<RolloutReason> {
    let goal = wanted.canary;
    let who = routed.observed.map_or_else(|| SOMEBODY.into(), |found| last_writer(found, routed.router.fields()));
    let recorded = look.status().canary.weights.as_ref().map(|weights| weights.canary.weight);
    // The record is behind where we moved the weight ourselves on the way, such as to 0 before a selector is switched.
    if recorded != Some(goal) || who == keys::FIELD_MANAGER || routed.holds(wanted) || routed.object.is_null() {
        return None;
    }
    let found = routed.weights.iter().map(|weights| weights.canary).find(|weight| *weight != goal).unwrap_or(goal);
    let (kind, name) = (routed.named.kind.clone(), routed.named.name.clone());
    Some(RolloutReason::ForeignWeight { kind, name, who, found: share(found, wanted), share: share(goal, wanted) })
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
