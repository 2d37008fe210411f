//! How many pods? Turns a weight into ReplicaSet sizes, with and without traffic routing.
//!
//! Plain arithmetic on counts: no ReplicaSet is looked at here and none is changed. The formulas are those that existing
//! manifests were written against, so a canary of 5 pods at 10 % gets the pods it always got.

#[cfg(test)]
mod tests;

/// The weight that stands for all of the traffic, where a spec has none of its own.
pub const WHOLE: i32 = 100;

/// Two sizes nearer to each other than this are tied: the formula is defined on floats.
const TIE: f64 = 1e-9;

/// What the spec allows: `spec.replicas`, and surge and unavailable resolved to pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `spec.replicas`.
    pub replicas: i32,
    /// Pods allowed above `replicas`.
    pub surge: i32,
    /// Pods allowed to be missing from `replicas`.
    pub unavailable: i32,
    /// The weight that stands for all of the traffic. Invariant: above 0.
    pub whole: i32,
}

impl Limits {
    /// Most pods there may be.
    pub fn most(self) -> i32 {
        self.replicas.saturating_add(self.surge)
    }

    /// Fewest pods that must stay available. Where a successor can come beside them the last pods are not given up for it.
    pub fn fewest_available(self) -> i32 {
        let last = if self.surge > 0 { self.replicas.min(1) } else { 0 };
        self.replicas.saturating_sub(self.unavailable).max(last)
    }
}

/// A ReplicaSet's size: what it is asked for and what is available.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// `spec.replicas`.
    pub asked: i32,
    /// `status.availableReplicas`.
    pub available: i32,
}

/// Sizes for the canary and the stable ReplicaSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Pods of the canary.
    pub canary: i32,
    /// Pods of the stable revision.
    pub stable: i32,
}

/// Resolves `maxSurge` and `maxUnavailable`, given as pods or percent of `replicas`: surge rounds up, unavailable down;
/// when both come to nothing one pod may be unavailable, else nothing could ever move.
pub fn limits(replicas: i32, surge: Amount, unavailable: Amount) -> Limits {
    let surge = surge.of(replicas, true);
    let unavailable = unavailable.of(replicas, false).min(replicas);
    let unavailable = if surge == 0 && unavailable == 0 { 1.min(replicas) } else { unavailable };
    Limits { replicas, surge, unavailable, whole: WHOLE }
}

/// Pods, or a percentage of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many pods.
    Pods(i32),
    /// So many percent.
    Percent(i32),
}

impl Amount {
    fn of(self, replicas: i32, round_up: bool) -> i32 {
        match self {
            Self::Pods(pods) => pods,
            Self::Percent(percent) => {
                let product = i64::from(percent) * i64::from(replicas);
                let rounded = if round_up { (product + 99).div_euclid(100) } else { product.div_euclid(100) };
                i32::try_from(rounded).unwrap_or(i32::MAX)
            }
        }
    }
}

/// Pods that carry `weight` where a router moves the traffic, rounded up.
pub fn routed(weight: i32, limits: Limits) -> i32 {
    let (product, whole) = (i64::from(weight) * i64::from(limits.replicas), i64::from(limits.whole.max(1)));
    i32::try_from((product + whole - 1).div_euclid(whole)).unwrap_or(i32::MAX)
}

/// So many pods of `before` replicas, where there are to be `replicas`: the same part, rounded up, and never more pods.
pub fn in_proportion(pods: i32, replicas: i32, before: i32) -> i32 {
    if before <= 0 {
        return pods;
    }
    let part = (i64::from(pods) * i64::from(replicas) + i64::from(before) - 1).div_euclid(i64::from(before));
    i32::try_from(part).unwrap_or(i32::MAX).min(pods)
}

/// The split that comes nearest to `weight` where pods are the only means of splitting traffic.
///
/// Every way to have `replicas` pods, or one more when surge allows it, is tried; the first of the nearest wins. A canary
/// of zero pods is only chosen for weight 0, or where a single pod without surge leaves no choice.
pub fn approximate(limits: Limits, weight: i32) -> Split {
    let total = limits.replicas;
    if total <= 0 {
        return Split { canary: 0, stable: 0 };
    }
    let zero_is_fine = weight == WHOLE || weight == 0 || (total == 1 && limits.surge == 0);
    let exact = f64::from(total) * f64::from(weight) / f64::from(WHOLE);
    let (up, down) = (exact.ceil() as i32, exact.floor() as i32);
    let tied = |pods: i32| {
        let share = f64::from(pods) * f64::from(weight) / f64::from(WHOLE);
        (share - share.floor() - 0.5).abs() < TIE
    };
    let mut choices = Vec::with_capacity(4);
    if up < total || zero_is_fine {
        choices.push((up, total));
    }
    if !tied(total) && (down != 0 || zero_is_fine) {
        choices.push((down, total));
    }
    if limits.surge > 0 {
        choices.push((up, total + 1));
        if !tied(total + 1) && (down != 0 || zero_is_fine) {
            choices.push((down, total + 1));
        }
    }
    let distance =
        |(canary, of): (i32, i32)| (f64::from(canary) * f64::from(WHOLE) / f64::from(of) - f64::from(weight)).abs();
    let nearest =
        choices.into_iter().reduce(|best, next| if distance(next) < distance(best) - TIE { next } else { best });
    nearest.map_or(Split { canary: 0, stable: total }, |(canary, of)| Split { canary, stable: of - canary })
}

/// What the basic canary asks for now, on the way to `goal`, without leaving `limits`.
///
/// `stable` is `None` where there is no stable ReplicaSet beside the canary. `retired_asked` is the number of pods that
/// older revisions still ask for: while there are any, nothing of the current two is scaled down but stable pods that nobody
/// can use, where the canary has no room beside them.
pub fn toward(goal: Split, limits: Limits, canary: Size, stable: Option<Size>, retired_asked: i32) -> Split {
    let stable_now = stable.unwrap_or_default();
    let mut room = limits.most() - (retired_asked + canary.asked + stable_now.asked);
    let mut next = Split { canary: canary.asked, stable: stable_now.asked };
    if next.stable < goal.stable && room > 0 {
        let grown = (next.stable + room).min(goal.stable);
        room -= grown - next.stable;
        next.stable = grown;
    }
    if next.canary < goal.canary && room > 0 {
        next.canary = (next.canary + room).min(goal.canary);
    }
    if retired_asked > 0 {
        // Else a stable revision that is never ready holds the update for ever: the older pods wait for the canary's.
        if next == (Split { canary: canary.asked, stable: stable_now.asked }) {
            let unusable = (stable_now.asked - stable_now.available.max(goal.stable)).max(0);
            next.stable -= unusable.min((goal.canary - next.canary).max(0));
        }
        return next;
    }
    let increasing = goal.canary >= canary.asked;
    let counted = |size: Size, ignore_available: bool| {
        if size.asked < size.available || ignore_available { size.asked } else { size.available }
    };
    let total = counted(canary, !increasing) + counted(stable_now, increasing);
    let spare = total - limits.fewest_available();
    if spare <= 0 {
        return next;
    }
    if !increasing {
        let drain = goal.canary.max(canary.asked - spare);
        let (stable, canary) = adjust(limits, (next.stable, stable_now), (drain, canary));
        Split { canary, stable }
    } else if stable.is_some() {
        let drain =
            if stable_now.asked > goal.stable { goal.stable.max(stable_now.asked - spare) } else { next.stable };
        let (canary, stable) = adjust(limits, (next.canary, canary), (drain, stable_now));
        Split { canary, stable }
    } else {
        next
    }
}

/// Balances the side that shrinks (`drain`) against the other: never more than `most` pods, and no pod of the other side is
/// given up that is available and needed. Returns (other, drain).
fn adjust(limits: Limits, other: (i32, Size), drain: (i32, Size)) -> (i32, i32) {
    let (mut other_asked, other_size) = other;
    let (mut drain_asked, drain_size) = drain;
    let over = (other_asked + drain_asked - limits.most()).max(0);
    let mut available = drain_size.available.min(drain_asked);
    other_asked -= over;
    available += other_size.available.min(other_asked);
    let lost = (other_size.available - other_asked).max(0);
    other_asked += lost.min((limits.fewest_available() - available).max(0));
    drain_asked -= (other_asked + drain_asked - limits.most()).max(0);
    (other_asked, drain_asked)
}

/// Sizes for older revisions of a basic canary, newest first: pods that are not available go first and cost nothing, then
/// available ones as far as `available_total` stays at or above what was promised.
pub fn retired(limits: Limits, retired: &[Size], available_total: i32) -> Vec<i32> {
    let mut spare = (available_total - limits.fewest_available()).max(0);
    retired
        .iter()
        .map(|size| {
            let healthy = size.asked.min(size.available);
            let down = healthy.min(spare);
            spare -= down;
            healthy - down
        })
        .collect()
}
