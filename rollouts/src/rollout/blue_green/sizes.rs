//! How many pods for which revision under blue-green? The stable one keeps all of its own, the new one gets all or the size of
//! a preview, and whatever the active Service has left keeps its pods for a while, so that it can be switched back to.

use super::{Sides, is_passed, is_switch_back, wanted_pods};
use crate::rollout::{
    drain::{self, drained},
    fleet::Revision,
    look::Look,
    phase::Phase,
    runs::Slot,
    scaling::{self, Deadline, Scaling},
};
/// Sizes for all ReplicaSets: stable first, then the new one, then the rest, newest first.
pub fn scale(look: &Look<'_>, sides: &Sides<'_>, scaling: &mut Scaling) {
    if let Some(stable) = look.fleet.stable_beside_canary() {
        scaling.writes.extend(scaling::resized(look, stable, look.spec.limits.replicas, Deadline::Clear));
    }
    if let Some(new) = look.fleet.canary {
        if look.phase == Phase::Aborted { taken_back(look, new, scaling) } else { wanted(look, sides, new, scaling) }
    }
    retired(look, sides, scaling);
}

fn wanted(look: &Look<'_>, sides: &Sides<'_>, new: Revision<'_>, scaling: &mut Scaling) {
    let (pods, replicas) = (wanted_pods(look, sides), look.spec.limits.replicas);
    // It may have served before an abort: it becomes a small preview only when that is long past.
    let may_have_served = new.has_deadline() || (pods < replicas && new.size().asked >= replicas);
    if pods < new.size().asked && may_have_served && !is_switch_back(look) {
        drained(look, new, pods, look.spec.scale_down_delay, scaling);
        return;
    }
    // That it was still kept is known by its deadline, until the switch back is done.
    let deadline = if is_switch_back(look) { Deadline::Keep } else { Deadline::Clear };
    scaling.writes.extend(scaling::resized(look, new, pods, deadline));
}

/// The new revision of an aborted update stays for its delay, counted from when the stable one has all of its pods and the users.
fn taken_back(look: &Look<'_>, new: Revision<'_>, scaling: &mut Scaling) {
    if new.size().asked == 0 {
        return;
    }
    let stable_is_back = look.fleet.stable.is_some_and(|stable| stable.size().available >= look.spec.limits.replicas);
    match look.spec.abort_scale_down_delay {
        Some(delay) if stable_is_back => drained(look, new, 0, delay, scaling),
        // Its size stays; its bookkeeping follows the Rollout.
        _ => scaling.writes.extend(scaling::resized(look, new, new.size().asked, Deadline::Keep)),
    }
}

fn retired(look: &Look<'_>, sides: &Sides<'_>, scaling: &mut Scaling) {
    // Without replicas nobody is served, and nothing is kept to be switched back to.
    let is_served = look.spec.limits.replicas > 0;
    if is_served && sides.spec.keeps_until_verified && look.phase.is_updating() && !is_passed(look, Slot::PostPromotion)
    {
        return;
    }
    let fewest = scaling::fewest_serving(look);
    let serving = sides.active.and_then(|hash| look.fleet.by_hash(hash)).or(look.fleet.stable);
    let short = serving.filter(|revision| revision.size().available < fewest);
    let standing = look.fleet.retired.iter().copied().filter(|revision| revision.size().asked > 0);
    if let Some(short) = short {
        scaling.held.extend(standing.map(|_| scaling::lacking(short, fewest)));
        return;
    }
    let is_selected =
        |revision: &Revision<'_>| is_served && [sides.active, sides.preview].contains(&Some(revision.hash()));
    let left: Vec<_> = standing.filter(|revision| !is_selected(revision)).collect();
    drain::retired(look, left, sides.spec.revision_limit, scaling);
}
