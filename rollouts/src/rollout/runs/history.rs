//! Which ended runs and experiments go: those beyond the history limits, and those of revisions that are gone. One that status
//! records, or that has not ended, never goes here.

use super::SLOTS;
use crate::{
    child::{Child, Children},
    rollout::{fleet::Fleet, observed::Observed, spec::Spec},
};
use crds::{analysis::AnalysisPhase, keys};
use plan::{Propagation, Target, Write, reason::RolloutReason};

/// Ended runs beyond the history limits, and runs of revisions that are gone.
pub fn trimmed(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>) -> Vec<Write> {
    let is_recorded = |name: &str| {
        SLOTS.iter().any(|slot| slot.recorded(&observed.rollout.status).is_some_and(|recorded| recorded.name == name))
    };
    surplus(super::children(observed), spec, fleet, is_recorded)
}

/// Ended children beyond the history limits, and those of revisions that are gone.
pub fn surplus<T: Child>(
    children: Children<'_, T>,
    spec: &Spec<'_>,
    fleet: &Fleet<'_>,
    is_recorded: impl Fn(&str) -> bool,
) -> Vec<Write> {
    let is_over = |child: &&T| child.phase().is_completed() && !child.meta().is_deleted();
    let mut ended: Vec<&T> = children.own().filter(is_over).filter(|child| !is_recorded(&child.meta().name)).collect();
    ended.sort_by(|one, two| {
        (two.meta().creation_timestamp, &two.meta().name).cmp(&(one.meta().creation_timestamp, &one.meta().name))
    });
    let (mut good, mut bad) = (spec.successful_runs, spec.unsuccessful_runs);
    let mut surplus = Vec::new();
    for child in ended {
        let is_orphaned = child.meta().label(keys::POD_TEMPLATE_HASH).is_none_or(|hash| fleet.by_hash(hash).is_none());
        let left = if child.phase() == AnalysisPhase::Successful { &mut good } else { &mut bad };
        if is_orphaned || *left == 0 {
            surplus.push(removed(child));
        } else {
            *left -= 1;
        }
    }
    surplus
}

fn removed<T: Child>(child: &T) -> Write {
    let name = child.meta().name.clone();
    let target = Target::of(&T::KIND, child.meta());
    Write::delete(target, Propagation::Background, RolloutReason::HistoryTrimmed { name }.into())
}
