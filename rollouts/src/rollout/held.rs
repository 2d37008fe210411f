//! What has held a Rollout up for long, said in a condition: whoever looks at an update that does not move is told why, also
//! without the controller's log.
//!
//! Most holds pass within moments, as endpoints follow pods: those are worth no write. Nothing here holds or lets go.

use super::{conditions, look::Look};
use chrono::{DateTime, TimeDelta, Utc};
use crds::rollout::RolloutStatus;
use plan::{Requeue, reason::RolloutReason};

/// The condition, which is absent where nothing is held for long.
pub const CONDITION: &str = "Held";
/// Time without progress from which on a hold is said.
const LONG: TimeDelta = TimeDelta::seconds(30);

/// The first hold among the reasons, if it lasts, and when to look again if it does not yet.
pub fn lasting(look: &Look<'_>, reasons: &[RolloutReason]) -> (Option<RolloutReason>, Requeue) {
    let Some(hold) = reasons.iter().find(|reason| kind(reason).is_some()) else { return (None, Requeue::Never) };
    let progressed = conditions::find(look.status(), "Progressing").and_then(|condition| condition.last_update_time);
    let due = progressed.map_or(look.now, |time| time.0 + LONG);
    let is_said = conditions::find(look.status(), CONDITION).is_some();
    if is_said || due <= look.now { (Some(hold.clone()), Requeue::Never) } else { (None, Requeue::At(due)) }
}

/// Sets the condition, or takes it away.
pub fn show(status: &mut RolloutStatus, hold: Option<&RolloutReason>, now: DateTime<Utc>) {
    match hold.and_then(|hold| Some((kind(hold)?, hold.to_string()))) {
        Some((kind, words)) => conditions::say(status, CONDITION, "True", kind, &words, now),
        None => status.conditions.retain(|condition| condition.condition_type != CONDITION),
    }
}

/// The word for a reason that holds a change back; `None` for one that passes by itself, or that a person has to end.
fn kind(reason: &RolloutReason) -> Option<&'static str> {
    match reason {
        RolloutReason::PodsNotReady { .. } => Some("PodsNotReady"),
        RolloutReason::EndpointsNotReady { .. } => Some("EndpointsNotReady"),
        RolloutReason::StillCarriesTraffic { .. } => Some("StillCarriesTraffic"),
        _ => None,
    }
}
