//! Who selects which revision? Points Services, and what routers select by, at the stable revision and the canary.
//!
//! Whatever carries traffic is left alone: the weight goes first, then the selector follows. The one exception is a first
//! selector, and a stable end that was left on another revision: there the switch itself moves the traffic, onto a revision
//! that is fully available. Where pods learn from a selector where they belong, it goes before there are any.

use super::{blue_green, endpoints, fleet::Revision, look::Look, phase::Phase, traffic::Selector};
use crds::{Service, keys, kind, rollout::CanaryStrategy};
use plan::{Event, Target, Write, reason::RolloutReason};
use serde_json::json;

/// A thing that selects a revision, and the revision that it should select.
struct Switch<'a> {
    what: String,
    selected: Option<&'a str>,
    is_managed: bool,
    service: &'a str,
    weight: i32,
    wanted: Revision<'a>,
    is_stable_end: bool,
    precedes_pods: bool,
}

/// All that must be written now, and what holds the rest.
pub fn writes(look: &Look<'_>) -> (Vec<Write>, Vec<RolloutReason>) {
    if let Some(sides) = &look.sides {
        return blue_green::services::writes(look, sides);
    }
    let (mut writes, mut held) = look.spec.canary().map(|canary| services(look, canary)).unwrap_or_default();
    let (more, reasons) = selectors(look);
    writes.extend(more);
    held.extend(reasons);
    (writes, held)
}

/// The revision that the canary's end should select, where it selects this one now and carries this weight.
fn wanted_canary<'a>(look: &Look<'a>, selected: Option<&str>, weight: i32) -> Option<Revision<'a>> {
    let (canary, stable) = (look.fleet.canary, look.fleet.stable_beside_canary());
    if look.phase == Phase::Aborted {
        return look.fleet.stable;
    }
    // Steps may take the canary's pods back to none, too.
    let is_empty =
        look.phase.is_updating() && look.goal.canary_pods == 0 && look.spec.limits.replicas > 0 && weight == 0;
    // An update that another one replaced may leave the end to a revision whose pods go, or never came. Until the canary has
    // pods the end waits at the stable revision: a proxy that hears of the next weight before it hears of the next endpoints
    // finds some.
    let is_left_over = selected.is_some_and(|hash| [canary, stable].iter().flatten().all(|one| one.hash() != hash));
    let has_no_pods = canary.is_some_and(|canary| canary.size().available == 0);
    let waits = is_empty || (is_left_over && has_no_pods);
    stable.filter(|stable| waits && stable.size().available > 0).or(canary)
}

/// The revision that the stable end should select, where it carries this weight now.
fn wanted_stable<'a>(look: &Look<'a>, weight: i32) -> Option<Revision<'a>> {
    // A stable revision that follows the share has no pods while the canary has all of it. Its end waits at the canary: a proxy
    // that hears of the weight that comes back before it hears of new endpoints finds some.
    let is_empty = look.spec.pods.stable_follows
        && look.phase.is_updating()
        && look.goal.stable_pods == 0
        && look.spec.limits.replicas > 0
        && weight == 0;
    look.fleet.canary.filter(|canary| is_empty && canary.size().available > 0).or(look.fleet.stable)
}

/// What holds pods of the current revision back: they would learn of no place when they are made. A selector without a revision knows
/// the pods of all.
pub fn unprepared(look: &Look<'_>) -> Option<RolloutReason> {
    let knows = |selector: &Selector| selector.backing.hash.as_ref().is_none_or(|hash| *hash == look.fleet.hash);
    let pairs = look.spec.routers.iter().filter_map(|router| router.selectors(look.observed));
    let mut ahead = pairs.filter(|(canary, _)| canary.precedes_pods);
    let (canary, _) = ahead.find(|(canary, stable)| !knows(canary) && !knows(stable))?;
    Some(RolloutReason::StillCarriesTraffic { what: canary.what })
}

/// The revisions that both ends should select where pods learn from them, when they are made, where they belong.
fn wanted_ahead<'a>(look: &Look<'a>) -> (Option<Revision<'a>>, Option<Revision<'a>>) {
    let (canary, stable) = (look.fleet.canary, look.fleet.stable);
    match look.phase {
        // The first revision is the stable one as soon as that is recorded.
        Phase::First => (canary, canary),
        Phase::Aborted => (stable, stable),
        Phase::Stepping(_) | Phase::Finishing | Phase::Rushing | Phase::Promoted => (canary, stable),
    }
}

fn services(look: &Look<'_>, canary: &CanaryStrategy) -> (Vec<Write>, Vec<RolloutReason>) {
    let weights = look.traffic.as_ref().map_or((0, 0), |traffic| (traffic.reach_of_canary(), traffic.highest_stable()));
    let kept = [(canary.stable_service.as_deref(), true), (canary.canary_service.as_deref(), false)];
    let turning = look.spec.services.turning.map(|ends| {
        // Whose turn is over leads nowhere until the next update: it stays with the revision that it served.
        let canary = Some(ends.canary).filter(|_| look.phase != Phase::Promoted);
        [(Some(ends.stable), true), (canary, false)]
    });
    let (mut writes, mut held) = (Vec::new(), Vec::new());
    for (name, is_stable_end) in kept.into_iter().chain(turning.into_iter().flatten()) {
        let weight = if is_stable_end { weights.1 } else { weights.0 };
        let Some(service) = name.and_then(|name| look.observed.services.get(name)) else { continue };
        let selected = service.spec.selector.get(keys::POD_TEMPLATE_HASH).map(String::as_str);
        let wanted = if is_stable_end { wanted_stable(look, weight) } else { wanted_canary(look, selected, weight) };
        let Some(wanted) = wanted.filter(|wanted| selected != Some(wanted.hash())) else { continue };
        let is_managed = service.metadata.annotation(keys::MANAGED_BY_ROLLOUTS).is_some();
        let name = &service.metadata.name;
        let switch = Switch {
            what: format!("service {name}"),
            selected,
            is_managed,
            service: name,
            weight,
            wanted,
            is_stable_end,
            precedes_pods: false,
        };
        match hindrance(look, &switch) {
            Some(reason) => held.push(reason),
            None => writes.push(service_write(look, service, selected, wanted)),
        }
    }
    (writes, held)
}

/// Points a Service at a revision.
pub fn service_write(look: &Look<'_>, service: &Service, selected: Option<&str>, wanted: Revision<'_>) -> Write {
    let meta = &service.metadata;
    let body = json!({
        "metadata": { "annotations": { keys::MANAGED_BY_ROLLOUTS: look.name() } },
        "spec": { "selector": { keys::POD_TEMPLATE_HASH: wanted.hash() } },
    });
    let because = RolloutReason::ServiceSwitched { service: meta.name.clone(), hash: wanted.hash().into() };
    let told = format!(
        "Switched selector for service '{}' from '{}' to '{}'",
        meta.name,
        selected.unwrap_or_default(),
        wanted.hash()
    );
    let target = Target::of(&kind::SERVICE, meta);
    Write::patch(target, body, because.into()).with_event(Event::normal("SwitchService", told))
}

fn selectors(look: &Look<'_>) -> (Vec<Write>, Vec<RolloutReason>) {
    let (mut writes, mut held) = (Vec::new(), Vec::new());
    let Some(traffic) = &look.traffic else { return (writes, held) };
    for router in &look.spec.routers {
        let Some((canary, stable)) = router.selectors(look.observed) else { continue };
        let mut free = |selector: &Selector, weight, wanted: Option<Revision<'_>>, is_stable_end| {
            let wanted = wanted.filter(|revision| selector.backing.hash.as_deref() != Some(revision.hash()))?;
            let switch = selector_switch(selector, weight, wanted, is_stable_end);
            match hindrance(look, &switch).or_else(|| unseen(look, &switch)) {
                Some(reason) => {
                    held.push(reason);
                    None
                }
                None => Some(wanted.hash().to_owned()),
            }
        };
        let (reach, weight) = (traffic.reach_of_canary(), traffic.highest_stable());
        let (for_canary, for_stable) = if canary.precedes_pods {
            wanted_ahead(look)
        } else {
            (wanted_canary(look, canary.backing.hash.as_deref(), reach), wanted_stable(look, weight))
        };
        let to_canary = free(&canary, reach, for_canary, false);
        let to_stable = free(&stable, weight, for_stable, true);
        writes.extend(router.switched(look.observed, to_canary.as_deref(), to_stable.as_deref()));
    }
    (writes, held)
}

fn selector_switch<'a>(selector: &'a Selector, weight: i32, wanted: Revision<'a>, is_stable_end: bool) -> Switch<'a> {
    Switch {
        what: selector.what.clone(),
        selected: selector.backing.hash.as_deref(),
        is_managed: selector.backing.hash.is_some(),
        service: &selector.backing.service,
        weight,
        wanted,
        is_stable_end,
        precedes_pods: selector.precedes_pods,
    }
}

/// A selector that is no Service chooses among endpoints that are there already. One that chose pods without any would leave its
/// end to nobody, and a proxy that hears of the next weight before it hears of them would find none.
fn unseen(look: &Look<'_>, switch: &Switch<'_>) -> Option<RolloutReason> {
    let wanted = switch.wanted;
    if switch.precedes_pods {
        return None;
    }
    if wanted.size().asked == 0 || (look.phase == Phase::Aborted && !switch.is_stable_end) {
        return None;
    }
    let have = endpoints::ready(look.observed, switch.service, Some(wanted.hash()));
    (have == 0).then(|| RolloutReason::EndpointsNotReady {
        service: switch.service.into(),
        hash: wanted.hash().into(),
        want: 1,
        have,
    })
}

/// What must happen before the switch, if anything.
fn hindrance(look: &Look<'_>, switch: &Switch<'_>) -> Option<RolloutReason> {
    let wanted = switch.wanted;
    let is_first = !switch.is_managed || switch.selected.is_none();
    let lacks_pods = || RolloutReason::PodsNotReady {
        replica_set: wanted.name().into(),
        want: wanted.size().asked.max(1),
        have: wanted.size().available,
    };
    if is_first && !switch.precedes_pods {
        return (!wanted.is_fully_available()).then(lacks_pods);
    }
    // After an abort nothing is sent to the canary's end, so that it may select the stable revision whatever its state.
    let needs_pods = !switch.precedes_pods;
    if needs_pods && wanted.size().available == 0 && (look.phase != Phase::Aborted || switch.is_stable_end) {
        return Some(lacks_pods());
    }
    if switch.weight == 0 || (switch.is_stable_end && wanted.is_fully_available()) {
        return None;
    }
    // Where the stable revision has nobody, the weight has nowhere to go first: whoever is fully available takes it.
    if look.fleet.stable.is_some_and(|stable| stable.size().available == 0) && wanted.is_fully_available() {
        return None;
    }
    // A switch away from a revision without ready endpoints harms nobody.
    let carries = endpoints::ready(look.observed, switch.service, switch.selected) > 0;
    carries.then(|| RolloutReason::StillCarriesTraffic { what: switch.what.clone() })
}
