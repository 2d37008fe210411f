//! `undo`: puts the pod template of an earlier revision back, as a change like any other.

use super::home::Home;
use crate::{Cluster, Error, cluster};
use crds::{ReplicaSet, kind};
use rollouts::template::{bare, same, unstamped, without_terms};

/// Goes back to revision `to`, or, where that is 0, to the one before the newest.
pub async fn undo(cluster: &Cluster, name: &str, to: u64) -> Result<String, Error> {
    let rollout = cluster.rollout(name).await?;
    let mut sets = Vec::new();
    for object in cluster.list(&kind::REPLICA_SET, &cluster::Which::default()).await? {
        let set = cluster::read(&kind::REPLICA_SET, &object, ReplicaSet::from_value)?;
        if set.metadata.is_controlled_by(&rollout.metadata.uid) {
            sets.push(set);
        }
    }
    let set = choose(&sets, name, to)?;
    let home = Home::of(&rollout)?;
    let object = cluster.get(&home.kind, &home.name).await?;
    let current = object.pointer(home.path).cloned().unwrap_or_default();
    // What the controller added for the role of the revision is not put back.
    let template = bare(set);
    if same(&template, &current) {
        let revision = set.metadata.revision();
        return Ok(format!("skipped rollback (current template already matches revision {revision})"));
    }
    let wanted = without_terms(unstamped(&template));
    cluster.replace(&home.kind, &home.name, home.path, &wanted).await?;
    Ok(format!("rollout '{name}' undo"))
}

fn choose<'a>(sets: &'a [ReplicaSet], name: &str, to: u64) -> Result<&'a ReplicaSet, Error> {
    if to > 0 {
        let found = sets.iter().find(|set| set.metadata.revision() == to);
        return found.ok_or_else(|| Error::Usage(format!("unable to find specified revision {to} in history")));
    }
    let mut newest_first: Vec<&ReplicaSet> = sets.iter().collect();
    newest_first.sort_by_key(|set| std::cmp::Reverse(set.metadata.revision()));
    newest_first.get(1).copied().ok_or_else(|| Error::Usage(format!("no revision found for rollout \"{name}\"")))
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crds::ReplicaSet;
    use serde_json::json;

    #[test]
    fn the_revision_before_the_newest_or_the_one_asked_for() {
        let set = |number: &str| {
            let annotations = json!({ "rollout.argoproj.io/revision": number });
            ReplicaSet::from_value(&json!({ "metadata": { "name": number, "annotations": annotations } }))
                .expect("reads")
        };
        let sets = [set("9"), set("11"), set("10"), set("none")];
        for (to, expected) in
            [(0, Ok("10")), (9, Ok("9")), (11, Ok("11")), (8, Err("unable to find specified revision 8 in history"))]
        {
            let chosen =
                choose(&sets, "web", to).map(|set| set.metadata.name.as_str()).map_err(|error| error.to_string());
            assert_eq!(chosen, expected.map_err(str::to_owned), "{to}");
        }
        let error = choose(&sets[..1], "web", 0).expect_err("there is only one");
        assert_eq!(error.to_string(), "no revision found for rollout \"web\"");
    }
}
