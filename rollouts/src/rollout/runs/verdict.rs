//! What the phases of runs mean for the update, and what is told of them. Nothing is recorded or created here.

use super::{SLOTS, Slot, current, is_resumed, ours, wanted};
use crate::rollout::look::{INCONCLUSIVE, Look};
use crds::analysis::AnalysisPhase;
use plan::Event;

/// What the end of a run means for the update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take the update back, in these words.
    Abort(String),
    /// Hold it for this reason until a person decides.
    Hold(&'static str),
}

impl Verdict {
    /// An abort in these words, followed by those of what failed.
    pub fn blaming(words: &str, message: Option<&str>) -> Self {
        let message = message.filter(|message| !message.is_empty()).map(|message| format!(": {message}"));
        Self::Abort(format!("{words}{}", message.unwrap_or_default()))
    }
}

/// The verdict of the runs that judge this revision now; failures first.
pub fn verdict(look: &Look<'_>) -> Option<Verdict> {
    let mut held = None;
    for (slot, _) in wanted(look) {
        let Some(run) = current(look, slot) else { continue };
        match run.status.phase {
            AnalysisPhase::Failed | AnalysisPhase::Error => {
                return Some(Verdict::blaming(slot.blame(), run.status.message.as_deref()));
            }
            AnalysisPhase::Inconclusive if !is_already_held(look) => held = Some(Verdict::Hold(INCONCLUSIVE)),
            AnalysisPhase::Unset
            | AnalysisPhase::Pending
            | AnalysisPhase::Running
            | AnalysisPhase::Successful
            | AnalysisPhase::Inconclusive => {}
        }
    }
    held
}

/// Held for it already, or resumed after it: then the run is replaced, not held again.
fn is_already_held(look: &Look<'_>) -> bool {
    let status = look.status();
    status.pause_conditions.iter().any(|condition| condition.reason == INCONCLUSIVE) || is_resumed(status)
}

/// What tells of the phases that recorded runs reached since they were recorded. Each is told once: whatever is written next
/// records the phase, or forgets the run.
pub fn events(look: &Look<'_>) -> Vec<Event> {
    let told = |slot: &Slot| {
        let recorded = slot.recorded(look.status())?;
        let phase = ours(look.observed, &recorded.name)?.status.phase;
        if phase == recorded.status || phase == AnalysisPhase::Unset {
            return None;
        }
        let before = match recorded.status {
            AnalysisPhase::Unset => "NoPreviousStatus".to_owned(),
            known => known.to_string(),
        };
        let (kind, name) = (slot.kind(), &recorded.name);
        let message = format!("{kind} Analysis Run '{name}' Status New: '{phase}' Previous: '{before}'");
        let reason = format!("AnalysisRun{phase}");
        let is_bad = matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error);
        Some(if is_bad { Event::warning(&reason, message) } else { Event::normal(&reason, message) })
    };
    SLOTS.iter().filter_map(told).collect()
}
