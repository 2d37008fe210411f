//! Virtual nodes of App Mesh: the label by which each knows its pods, and the change of it.

use crate::rollout::observed::Observed;
use crds::{RawObject, keys, kind, rollout::AppMeshTrafficRouting};
use plan::{Target, Write, reason::RolloutReason};
use serde_json::{Value, json};

/// What the canary's node has in place of a revision where it is to know no pods.
const NO_CANARY: &str = "canary-hash";

/// The names of the canary's node and the stable one.
pub(super) fn named(settings: &AppMeshTrafficRouting) -> [Option<&str>; 2] {
    let group = settings.virtual_node_group.as_ref();
    let canary = group.and_then(|group| group.canary_virtual_node_ref.as_ref());
    let stable = group.and_then(|group| group.stable_virtual_node_ref.as_ref());
    [canary, stable].map(|node| node.map(|node| node.name.as_str()).filter(|name| !name.is_empty()))
}

/// The revision whose pods a node knows, or what stands there in place of one.
pub(super) fn hash_of(node: Option<&RawObject>) -> Option<String> {
    let spec = node?.spec();
    let label = spec.pointer("/podSelector/matchLabels")?.get(keys::POD_TEMPLATE_HASH).and_then(Value::as_str);
    label.filter(|hash| !hash.is_empty()).map(str::to_owned)
}

/// Points the canary's node and the stable one at revisions; `None` leaves one as it is.
pub(super) fn switched(
    observed: &Observed,
    nodes: [Option<&RawObject>; 2],
    canary: Option<&str>,
    stable: Option<&str>,
) -> Vec<Write> {
    let [canary_node, stable_node] = nodes;
    let of_stable = stable.map(str::to_owned).or_else(|| hash_of(stable_node));
    // A stable node without a revision knows the pods of all of them.
    let is_known = |hash: &str| of_stable.as_deref().is_none_or(|known| known == hash);
    let canary = canary.map(|hash| if is_known(hash) { NO_CANARY } else { hash });
    // The canary's node goes first: it may be about to leave the revision that the stable one is to know.
    let changes = [(canary_node, canary), (stable_node, stable)].into_iter();
    changes.filter_map(|(node, hash)| switch(observed, node?, hash?)).collect()
}

fn switch(observed: &Observed, node: &RawObject, hash: &str) -> Option<Write> {
    if hash_of(Some(node)).as_deref() == Some(hash) {
        return None;
    }
    let body = json!({
        "metadata": { "annotations": { keys::MANAGED_BY_ROLLOUTS: observed.rollout.metadata.name } },
        "spec": { "podSelector": { "matchLabels": { keys::POD_TEMPLATE_HASH: hash } } },
    });
    let revision = Some(hash).filter(|hash| *hash != NO_CANARY).map(str::to_owned);
    let because = RolloutReason::NodeSwitched { node: node.metadata.name.clone(), revision };
    Some(Write::patch(Target::of(&kind::VIRTUAL_NODE, &node.metadata), body, because.into()))
}
