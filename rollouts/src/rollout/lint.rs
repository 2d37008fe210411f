//! What is wrong with a Rollout in a file: the same checks as in a cluster, on what stands beside it in the files.
//!
//! What is not there may be in the cluster, so that it is missing is no mistake here. It decides nothing.

use super::{check, fleet::Fleet, invalid::Invalid, look::Look, observed::Observed, spec::Spec};
use chrono::DateTime;
use crds::FieldError;

/// Everything that the checks find, in their order.
pub fn lint(observed: &Observed) -> Vec<FieldError> {
    if let Some(error) = &observed.unreadable {
        return vec![error.clone()];
    }
    let spec = match Spec::parse(&observed.rollout) {
        Ok(spec) => spec,
        Err(invalid) => {
            return Some(invalid).filter(|invalid| !invalid.is_absence()).map(Invalid::into).into_iter().collect();
        }
    };
    let fleet = Fleet::of(observed, &spec);
    let look = Look::of(observed, &spec, &fleet, DateTime::UNIX_EPOCH);
    check::all(&look).into_iter().filter(|invalid| !invalid.is_absence()).map(Invalid::into).collect()
}
