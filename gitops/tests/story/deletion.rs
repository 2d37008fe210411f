//! The end of an Application: what goes with it, what stays, and what is said when it cannot go.

use super::{automated, config, spec};
use crate::world::World;
use serde_json::{Value, json};

const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";

/// A synced Application of two waves that somebody deletes, with these finalizers.
fn deleted(finalizers: &[&str], spec: Value) -> World {
    let mut world = World::new(spec);
    world.push("c1", &[("web/a.yaml", config("a", 0, "one")), ("web/b.yaml", config("b", 0, "one"))]);
    world.settle();
    world.told();
    let metadata = json!({"finalizers": finalizers, "deletionTimestamp": "2026-01-01T00:00:00Z"});
    world.edit_application(json!({ "metadata": metadata }));
    world
}

#[test]
fn with_its_finalizer_an_application_takes_its_objects_with_it() {
    let mut world = World::new(spec(automated()));
    let kept = config("kept", 0, "one")
        .replace("argocd.argoproj.io/sync-wave: '0'", "argocd.argoproj.io/sync-options: Delete=false");
    world.push(
        "c1",
        &[("web/a.yaml", config("a", -1, "one")), ("web/b.yaml", config("b", 3, "one")), ("web/k.yaml", kept)],
    );
    world.settle();
    world.told();
    world.edit_application(json!({"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io", "other"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    world.run_for(10);
    assert_eq!(world.told(), ["delete ConfigMap shop/b", "delete ConfigMap shop/a"]);
    assert!(world.has("kept"));
    assert_eq!(world.application["metadata"]["finalizers"], json!(["other"]));
    assert!(world.settle().is_quiet());
}

#[test]
fn without_its_finalizer_the_objects_stay() {
    let mut world = deleted(&["other"], spec(automated()));
    world.run_for(10);
    assert_eq!(world.told(), [""; 0]);
    assert!(world.has("a") && world.conditions().is_empty(), "{:?}", world.conditions());
}

#[test]
fn a_refused_deletion_is_said_and_holds_up_itself_alone() {
    let mut world = deleted(&[CASCADE], spec(automated()));
    world.refuses.insert("a".into(), "configmaps \"a\" is forbidden: User \"leadline\" cannot delete it".into());
    for _ in 0..20 {
        world.pass();
    }
    assert_eq!(world.told(), ["delete ConfigMap shop/b"]);
    let said = world.conditions();
    assert!(said[0].starts_with("DeletionError: ConfigMap shop/a cannot be deleted: ") && said.len() == 1, "{said:?}");
    assert!(said[0].contains("User \"leadline\" cannot delete it"), "{said:?}");
    let reports = world.reports;
    for _ in 0..20 {
        world.pass();
    }
    assert_eq!(world.reports, reports, "said once");
    world.refuses.clear();
    world.run_for(10);
    assert_eq!((world.told(), world.has("a")), (vec!["delete ConfigMap shop/a".to_owned()], false));
    assert_eq!(world.application["metadata"]["finalizers"], json!([]));
}

#[test]
fn an_object_that_does_not_go_is_named_with_what_holds_it() {
    let mut world = deleted(&[CASCADE], spec(automated()));
    for name in ["a", "b"] {
        world.edit(name, json!({"metadata": {"finalizers": ["example.com/backup"]}}));
    }
    // As the server does it: an object with finalizers stays, with the time of its deletion.
    let now = world.now.to_rfc3339();
    for name in ["a", "b"] {
        world.edit(name, json!({ "metadata": { "deletionTimestamp": now } }));
    }
    world.run_for(30);
    assert!(world.conditions().is_empty(), "{:?}", world.conditions());
    world.run_for(60);
    let expected =
        "DeletionError: ConfigMap shop/a is being deleted and not gone yet, held by its finalizers: example.com/backup";
    assert_eq!(world.conditions(), [expected]);
}

#[test]
fn what_nothing_here_does_is_said_and_nothing_is_deleted_or_orphaned() {
    let mut elsewhere = spec(automated());
    elsewhere["destination"] = json!({"server": "https://other.example:6443", "namespace": "shop"});
    for (finalizers, changed, expected, told) in [
        (
            &["pre-delete-finalizer.argocd.argoproj.io", CASCADE][..],
            spec(automated()),
            "metadata.finalizers[pre-delete-finalizer.argocd.argoproj.io]: Forbidden: hooks are not supported",
            0,
        ),
        (
            &[CASCADE, "post-delete-finalizer.argocd.argoproj.io/cleanup"],
            spec(automated()),
            "metadata.finalizers[post-delete-finalizer.argocd.argoproj.io/cleanup]: Forbidden: hooks are not supported",
            2,
        ),
        (&[CASCADE], elsewhere, "spec.destination.server: Forbidden: not supported by this version; whoever", 0),
    ] {
        let mut world = deleted(finalizers, spec(automated()));
        world.edit_application(json!({ "spec": changed }));
        world.run_for(10);
        assert_eq!(world.told().len(), told, "{finalizers:?}");
        let said = world.conditions();
        assert!(said.len() == 1 && said[0].starts_with(&format!("DeletionError: {expected}")), "{said:?}");
        let left = world.application["metadata"]["finalizers"].as_array().map_or(0, Vec::len);
        assert_eq!(left, if told > 0 { 1 } else { finalizers.len() }, "{finalizers:?}");
        assert!(world.settle().is_quiet());
    }
}
