//! Anti-affinity of a strategy: what must hold of it, in the words that existing clients know. What it does to a ReplicaSet is not
//! decided here.

use crate::rollout::invalid::{Faults, Invalid};
use crds::rollout::AntiAffinity;

/// Checks the anti-affinity of the strategy at `path`: exactly one kind of it, with a weight that schedulers know.
pub fn check(path: &str, wire: Option<&AntiAffinity>, faults: &mut Faults) {
    let Some(wire) = wire else { return };
    let path = format!("{path}.antiAffinity");
    let preferred = wire.preferred_during_scheduling_ignored_during_execution.as_ref();
    let is_required = wire.required_during_scheduling_ignored_during_execution.is_some();
    if preferred.is_some() == is_required {
        let value = format!(
            "antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: {} antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: {is_required}",
            preferred.is_some(),
        );
        faults.note(Invalid::value(&path, value, "AntiAffinity must have exactly one strategy listed"));
    }
    if let Some(weight) = preferred.map(|preferred| preferred.weight).filter(|weight| !(1..=100).contains(weight)) {
        faults.note(Invalid::value(&format!("{path}.weight"), weight, "AntiAffinity weight must be between 1-100"));
    }
}
