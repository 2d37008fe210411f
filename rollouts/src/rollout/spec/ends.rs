//! Which Services are the two ends of a canary's routes: those that keep their role, or two that take turns in it.

use crds::rollout::{CanaryStrategy, PingPong, RolloutStatus};

/// The first of two Services that take turns, as status names it.
const PING: &str = "ping";
/// The second.
const PONG: &str = "pong";

/// The Services of both ends, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends<'a> {
    /// The canary's.
    pub canary: &'a str,
    /// That of the stable revision.
    pub stable: &'a str,
}

/// All that a spec names as ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Services<'a> {
    /// `canaryService` and `stableService`, where both are set.
    kept: Option<Ends<'a>>,
    /// Those that take turns, in the roles that they have now.
    pub turning: Option<Ends<'a>>,
}

impl<'a> Services<'a> {
    /// Reads them off a spec; status says whose turn it is.
    pub fn of(canary: &'a CanaryStrategy, status: &RolloutStatus) -> Self {
        let kept = canary.canary_service.as_deref().zip(canary.stable_service.as_deref());
        Self {
            kept: kept.map(|(canary, stable)| Ends { canary, stable }),
            turning: canary.ping_pong.as_ref().map(|pair| turn(pair, status)),
        }
    }

    /// The ends for a router that prefers those that keep their role.
    pub fn kept_first(self) -> Ends<'a> {
        self.kept.or(self.turning).unwrap_or_default()
    }

    /// The ends for a router that prefers those that take turns.
    pub fn turning_first(self) -> Ends<'a> {
        self.turning.or(self.kept).unwrap_or_default()
    }
}

/// Before the first update is done, the second of them counts as the stable one.
fn turn<'a>(pair: &'a PingPong, status: &RolloutStatus) -> Ends<'a> {
    let (ping, pong) = (pair.ping_service.as_str(), pair.pong_service.as_str());
    if status.canary.stable_ping_pong.as_deref() == Some(PING) {
        Ends { canary: pong, stable: ping }
    } else {
        Ends { canary: ping, stable: pong }
    }
}

/// Who is stable once the canary has taken over: the other one. `None` where no Services take turns.
pub fn next_turn(canary: &CanaryStrategy, status: &RolloutStatus) -> Option<String> {
    let ends = turn(canary.ping_pong.as_ref()?, status);
    let is_ping = canary.ping_pong.as_ref().is_some_and(|pair| pair.ping_service == ends.canary);
    Some(if is_ping { PING } else { PONG }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn two_services_take_turns_and_routers_prefer_one_pair_or_the_other() {
        let turns = json!({"pingPong": {"pingService": "a", "pongService": "b"}});
        let both = json!({
            "canaryService": "c", "stableService": "s", "pingPong": {"pingService": "a", "pongService": "b"},
        });
        let half = json!({"stableService": "s", "pingPong": {"pingService": "a", "pongService": "b"}});
        for (strategy, turn, kept_first, turning_first, next) in [
            (json!({}), None, ("", ""), ("", ""), None),
            (json!({"canaryService": "c", "stableService": "s"}), Some("ping"), ("c", "s"), ("c", "s"), None),
            (turns.clone(), None, ("a", "b"), ("a", "b"), Some("ping")),
            (turns.clone(), Some(""), ("a", "b"), ("a", "b"), Some("ping")),
            (turns.clone(), Some("ping"), ("b", "a"), ("b", "a"), Some("pong")),
            (turns, Some("pong"), ("a", "b"), ("a", "b"), Some("ping")),
            (both, Some("ping"), ("c", "s"), ("b", "a"), Some("pong")),
            (half, Some("pong"), ("a", "b"), ("a", "b"), Some("ping")),
        ] {
            let canary: CanaryStrategy =
                serde_json::from_value::<CanaryStrategy>(strategy.clone()).expect("a strategy");
            let status: Value = json!({"canary": {"stablePingPong": turn}});
            let status: RolloutStatus = serde_json::from_value(status).expect("a status");
            let services = Services::of(&canary, &status);
            let named = |ends: Ends<'_>| (ends.canary.to_owned(), ends.stable.to_owned());
            let owned = |(canary, stable): (&str, &str)| (canary.to_owned(), stable.to_owned());
            assert_eq!(named(services.kept_first()), owned(kept_first), "{strategy} {turn:?}");
            assert_eq!(named(services.turning_first()), owned(turning_first), "{strategy} {turn:?}");
            assert_eq!(next_turn(&canary, &status).as_deref(), next, "{strategy} {turn:?}");
        }
    }
}
