//! What Git and the cluster disagree about, in one object.
//!
//! Defaults make the live object richer than Git's, so two things count: a field that Git has and that is different or
//! absent live, and a field that we applied before and Git no longer has. The comparison may see a difference where the
//! API server sees another spelling of the same value; [`confirmed`] drops those with the help of a dry run. It never
//! misses one: in doubt a field differs. Values are not kept, since they may come from a Secret.

mod compare;
mod lists;
mod managed;
mod path;
mod quantity;

pub use managed::is_foreign;
pub use path::{Path, Segment};

use crds::keys;
use plan::merge_patch;
use serde_json::Value;
use std::fmt;

/// Our field manager. It is the name that Argo CD uses, so that fields which it applied stay ours.
pub const FIELD_MANAGER: &str = "argocd-controller";

/// How a field differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Git has it, and live is different or absent.
    Differs,
    /// We applied it before, and Git no longer has it. An apply removes it.
    Removed,
    /// A client-side apply brought it, and Git no longer has it. A server-side apply alone would leave it.
    RemovedFromLastApplied,
}

/// One field that is out of sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where.
    pub path: Path,
    /// How.
    pub change: Change,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path)
    }
}

/// The fields in which `live` is not as `desired` says. Both are whole objects.
pub fn differences(desired: &Value, live: &Value) -> Vec<Difference> {
    let mut found = compare::differing(desired, live);
    found.extend(managed::removed(desired, live));
    found
}

/// The differences that are still there when the API server itself says what an apply would make of the object.
pub fn confirmed(differences: Vec<Difference>, predicted: &Value, live: &Value) -> Vec<Difference> {
    differences
        .into_iter()
        .filter(|difference| match difference.change {
            Change::Differs | Change::Removed => difference.path.find(predicted) != difference.path.find(live),
            // The dry run keeps what another manager owns; the patch that goes before the apply does not.
            Change::RemovedFromLastApplied => difference.path.find(live).is_some(),
        })
        .collect()
}

/// What to remove by merge patch before the object is applied for the first time; absent when there is nothing.
///
/// The annotation of the client-side apply goes with its fields: the server puts a default in the place of some of them
/// (`replicas: 1`), and a claim that outlives its fields would have that default removed for ever.
pub fn adoption_patch(differences: &[Difference], live: &Value) -> Option<Value> {
    if !differences.iter().any(|difference| difference.change == Change::RemovedFromLastApplied) {
        return None;
    }
    let mut cleaned = live.clone();
    Path::of(&["metadata", "annotations", keys::LAST_APPLIED]).remove(&mut cleaned);
    // From the last to the first, so that removing an element of a list does not move those still to be removed.
    for difference in differences.iter().rev().filter(|difference| difference.change == Change::RemovedFromLastApplied)
    {
        difference.path.remove(&mut cleaned);
    }
    merge_patch(live, &cleaned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_dry_run_drops_spellings_and_keeps_changes() {
        let desired =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": {"timeout": "60s", "size": 2}});
        let live =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": {"timeout": "1m", "size": 1}});
        let predicted =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": {"timeout": "1m", "size": 2}});
        let found = differences(&desired, &live);
        assert_eq!(found.len(), 2);
        let left = confirmed(found, &predicted, &live);
        assert_eq!(left.iter().map(ToString::to_string).collect::<Vec<_>>(), ["spec.size"]);
    }

    #[test]
    fn fields_of_a_client_side_apply_are_patched_away() {
        let last =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": {"a": 1, "b": 2}}).to_string();
        let live = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": last}}, "spec": {"a": 1, "b": 2, "c": 3}});
        let desired = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": {"a": 1}});
        let found = differences(&desired, &live);
        assert_eq!(found, [Difference { path: Path::of(&["spec", "b"]), change: Change::RemovedFromLastApplied }]);
        let claim = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": null}});
        assert_eq!(adoption_patch(&found, &live), Some(json!({"metadata": claim, "spec": {"b": null}})));
        assert_eq!(adoption_patch(&[], &live), None);
        assert_eq!(confirmed(found.clone(), &live, &live), found);
    }
}
