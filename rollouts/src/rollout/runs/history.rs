//! Which ended runs go: those beyond the history limits, and those of revisions that are gone. A run that status records, or
//! that has not ended, never goes here.

use super::SLOTS;
use crate::rollout::{fleet::Fleet, observed::Observed, spec::Spec};
use crds::{AnalysisRun, analysis::AnalysisPhase, keys, kind};
use plan::{Propagation, Target, Write, reason::RolloutReason};

/// Ended runs beyond the history limits, and runs of revisions that are gone.
pub fn trimmed(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>) -> Vec<Write> {
    let is_recorded = |name: &str| {
        SLOTS.iter().any(|slot| slot.recorded(&observed.rollout.status).is_some_and(|recorded| recorded.name == name))
    };
    let uid = &observed.rollout.metadata.uid;
    let mut ended: Vec<&AnalysisRun> = observed
        .runs
        .iter()
        .map(AsRef::as_ref)
        .filter(|run| run.metadata.is_controlled_by(uid) && run.status.phase.is_completed())
        .filter(|run| !run.metadata.is_deleted() && !is_recorded(&run.metadata.name))
        .collect();
    ended.sort_by(|one, two| {
        (two.metadata.creation_timestamp, &two.metadata.name)
            .cmp(&(one.metadata.creation_timestamp, &one.metadata.name))
    });
    let (mut good, mut bad) = (spec.successful_runs, spec.unsuccessful_runs);
    let mut surplus = Vec::new();
    for run in ended {
        let is_orphaned = run.metadata.label(keys::POD_TEMPLATE_HASH).is_none_or(|hash| fleet.by_hash(hash).is_none());
        let left = if run.status.phase == AnalysisPhase::Successful { &mut good } else { &mut bad };
        if is_orphaned || *left == 0 {
            surplus.push(removed(run));
        } else {
            *left -= 1;
        }
    }
    surplus
}

fn removed(run: &AnalysisRun) -> Write {
    let meta = &run.metadata;
    let target = Target::of(&kind::ANALYSIS_RUN, meta);
    Write::delete(target, Propagation::Background, RolloutReason::HistoryTrimmed { name: meta.name.clone() }.into())
}
