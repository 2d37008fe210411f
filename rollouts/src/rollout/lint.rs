//! What is wrong with a Rollout in a file: the same checks as in a cluster, on what stands beside it in the files.
//!
//! What is not there may be in the cluster, so that it is missing is no mistake here. It decides nothing.

use super::{check, fleet::Fleet, look::Look, observed::Observed, spec::Spec};
use chrono::DateTime;
use crds::FieldError;

/// Everything that the checks find, in their order.
pub fn lint(observed: &Observed) -> Vec<FieldError> {
    if let Some(error) = &observed.unreadable {
        return vec![error.clone()];
    }
    let found = Spec::of(observed).and_then(|spec| {
        let fleet = Fleet::of(observed, &spec);
        check::references(&Look::of(observed, &spec, &fleet, DateTime::UNIX_EPOCH))
    });
    let faults = found.err().unwrap_or_default().into_iter();
    faults.filter(|fault| !fault.is_absence()).map(FieldError::from).collect()
}
