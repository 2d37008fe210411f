//! Where do the two Services lead? The preview Service follows the new revision at once; the active Service moves only onto a
//! revision that can carry all of the traffic, and back to the stable one when an update is taken back.

use super::{Sides, is_cleared, is_saturated, is_switched};
use crate::rollout::{endpoints, fleet::Revision, look::Look, phase::Phase, switch::service_write};
use plan::{Write, reason::RolloutReason};

/// All that must be written now, and what holds the rest.
pub fn writes(look: &Look<'_>, sides: &Sides<'_>) -> (Vec<Write>, Vec<RolloutReason>) {
    let (mut writes, mut held) = (Vec::new(), Vec::new());
    if !look.is_halted() {
        writes.extend(preview(look, sides));
    }
    let Some(wanted) = wanted_active(look, sides).filter(|wanted| sides.active != Some(wanted.hash())) else {
        return (writes, held);
    };
    let Some(service) = look.observed.services.get(sides.spec.active_service) else { return (writes, held) };
    match hindrance(look, sides, wanted) {
        Some(reason) => held.push(reason),
        None => writes.push(service_write(look, service, sides.active, wanted)),
    }
    (writes, held)
}

fn preview(look: &Look<'_>, sides: &Sides<'_>) -> Option<Write> {
    let service = look.observed.services.get(sides.spec.preview_service?)?;
    let new = look.fleet.canary.filter(|new| sides.preview != Some(new.hash()))?;
    Some(service_write(look, service, sides.preview, new))
}

/// The revision that the active Service should lead to; `None` where it stays as it is.
fn wanted_active<'a>(look: &Look<'a>, sides: &Sides<'_>) -> Option<Revision<'a>> {
    // The way back is open whatever is paused: waiting would leave the users with what failed.
    if look.phase == Phase::Aborted {
        return look.fleet.stable;
    }
    // A first revision is recorded as the stable one before anything leads to it.
    if look.is_halted() || look.phase == Phase::First {
        return None;
    }
    // Before its first selector it leads to the pods of all revisions, those of a preview too.
    if sides.active.is_none()
        && look.phase.is_updating()
        && look.fleet.stable.is_some_and(|stable| is_saturated(look, stable))
    {
        return look.fleet.stable;
    }
    look.fleet.canary.filter(|_| is_cleared(look, sides) || is_switched(look, sides))
}

/// What must happen before the active Service may lead to this revision, if anything.
fn hindrance(look: &Look<'_>, sides: &Sides<'_>, wanted: Revision<'_>) -> Option<RolloutReason> {
    let replicas = look.spec.limits.replicas;
    if replicas == 0 {
        // Who asks for no pods asks for no traffic either; whoever still has some keeps it until they are gone.
        let is_way_back = matches!(look.phase, Phase::Aborted | Phase::Promoted);
        let present = sides.active.and_then(|hash| look.fleet.by_hash(hash)).filter(|_| !is_way_back);
        let serving = present.filter(|present| present.size().available > 0)?;
        return Some(RolloutReason::StillCarriesTraffic { what: serving.name().into() });
    }
    let want = least_pods(look, sides);
    let (have, is_whole) = (wanted.size().available, want < replicas || is_saturated(look, wanted));
    if have < want || !is_whole {
        return Some(RolloutReason::PodsNotReady { replica_set: wanted.name().into(), want, have });
    }
    // The data plane knows the pods of a preview from its EndpointSlices; it can know those of no other revision.
    let service = sides.spec.preview_service.filter(|_| Some(wanted.hash()) == sides.preview)?;
    let want = usize::try_from(want).unwrap_or(0);
    let have = endpoints::ready(look.observed, service, Some(wanted.hash()));
    let hash = wanted.hash().to_owned();
    (have < want).then(|| RolloutReason::EndpointsNotReady { service: service.into(), hash, want, have })
}

/// Pods that the target of a switch must have: all of them, or on the way back those that were promised, or a single one where
/// the users are served by none now.
fn least_pods(look: &Look<'_>, sides: &Sides<'_>) -> i32 {
    let replicas = look.spec.limits.replicas;
    let Some(active) = sides.active else { return replicas };
    match look.phase {
        Phase::Aborted | Phase::Promoted => {
            let serves = look.fleet.by_hash(active).is_some_and(|present| present.size().available > 0);
            if serves { look.spec.limits.fewest_available().max(1) } else { 1 }
        }
        Phase::First | Phase::Rushing | Phase::Stepping(_) | Phase::Finishing => replicas,
    }
}
