//! Objects that somebody else made before Git had them: they are taken over once, and then they are quiet.

use super::{config, spec};
use crate::world::World;
use serde_json::json;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A world in which kubectl applied the ConfigMap `a` with a key that Git does not have.
fn applied_by_kubectl() -> World {
    let mut world = World::new(spec(json!({"automated": {"selfHeal": true}})));
    world.push("c1", &[("web/a.yaml", config("a", 0, "one"))]);
    world.settle();
    let last =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": "one", "old": "x"}});
    let theirs = json!([{"manager": "kubectl-client-side-apply", "operation": "Update"}]);
    world.edit("a", json!({"metadata": {"managedFields": theirs, "annotations": {LAST_APPLIED: last.to_string()}}, "data": {"old": "x", "theirs": "y"}}));
    world.push("c2", &[("web/a.yaml", config("a", 0, "two"))]);
    world.told();
    world
}

#[test]
fn objects_of_a_client_side_apply_are_taken_over() {
    let mut world = applied_by_kubectl();
    world.run_for(121);
    assert_eq!(world.told(), ["patch ConfigMap shop/a", "apply ConfigMap shop/a"]);
    assert_eq!(world.object("a")["data"], json!({"key": "two", "theirs": "y"}));
    assert_eq!(world.status("/sync/status"), "Synced");
}

/// As `spec.replicas` of a Deployment: Git dropped it, and the server does not let it be absent.
#[test]
fn a_default_in_the_place_of_a_dropped_field_is_left_alone() {
    let mut world = applied_by_kubectl();
    world.defaults.insert("a".into(), json!({"data": {"old": "default"}}));
    world.run_for(1000);
    assert_eq!(world.told(), ["patch ConfigMap shop/a", "apply ConfigMap shop/a"]);
    assert_eq!(world.object("a")["data"], json!({"key": "two", "old": "default", "theirs": "y"}));
    assert_eq!(world.status("/sync/status"), "Synced");
}

#[test]
fn a_death_after_the_patch_does_not_leave_it_half_taken_over() {
    for writes in 1..6 {
        let mut world = applied_by_kubectl();
        world.defaults.insert("a".into(), json!({"data": {"old": "default"}}));
        world.dies_after = Some(writes);
        world.run_for(1000);
        assert_eq!(world.status("/sync/status"), "Synced", "dead after {writes} writes");
        let applied = world.told().iter().filter(|line| line.starts_with("apply")).count();
        assert!((1..=2).contains(&applied), "{applied} applies, dead after {writes} writes");
    }
}
