//! Table of when an Application is synced without being asked.

use super::*;
use crate::{desired::Settings, key::Key, validate};
use crds::Application;
use plan::ObjectRef;
use serde_json::{Value, json};

fn object(name: &str, state: &str) -> Compared {
    let reference = ObjectRef::new("", "v1", "ConfigMap", Some("shop"), name);
    let mut settings = Settings::default();
    settings.options.is_kept_from_pruning = state == "kept";
    settings.is_extraneous = state == "extraneous";
    Compared {
        key: Key::of(&reference),
        reference,
        target: matches!(state, "synced" | "missing").then(|| json!({})),
        live: (state != "missing").then(|| json!({})),
        differences: Vec::new(),
        settings,
        is_shared: false,
        health: None,
    }
}

fn verdict(automated: &Value, state: &Value, objects: &[&str], seconds: i64) -> String {
    let application = Application::from_value(&json!({
        "metadata": {}, "status": {"operationState": state},
        "spec": {"source": {"repoURL": "r"}, "destination": {"name": "in-cluster"}, "syncPolicy": {"automated": automated}},
    }))
    .expect("is an Application");
    let spec = validate::spec(&application, false).expect("is carried out");
    let objects = objects.iter().enumerate().map(|(place, state)| object(&format!("o{place}"), state)).collect();
    let now = DateTime::from_timestamp(seconds, 0).expect("is a time");
    let comparison = Comparison {
        revision: "c2".into(),
        source_type: "Directory".into(),
        objects,
        warnings: Vec::new(),
        is_namespace_missing: false,
        live_at: now,
    };
    match decide(&spec, &Memory::of(&application), &comparison, now) {
        Verdict::InSync => "in sync".into(),
        Verdict::Start(operation) => {
            let sync = operation.sync.unwrap_or_default();
            format!(
                "{} {:?} prune={} heals={:?}",
                sync.revision.unwrap_or_default(),
                sync.resources.len(),
                sync.prune,
                sync.auto_heal_attempts_count
            )
        }
        Verdict::Not(why) => format!("not: {why}"),
        Verdict::Later(due) => format!("later: {}", due.timestamp()),
        Verdict::Refused(message) => format!("refused: {message}"),
    }
}

#[test]
fn when_to_sync() {
    let ended = |phase: &str, revision: &str, heals: i64| {
        json!({"phase": phase, "message": "why", "finishedAt": "1970-01-01T00:16:40Z", "syncResult": {"revision": revision},
               "operation": {"sync": {"autoHealAttemptsCount": heals}}})
    };
    let on = json!({"prune": true, "selfHeal": true});
    let none = Value::Null;
    for (automated, state, objects, now, expected) in [
        (&on, &none, vec!["synced"], 1000, "in sync"),
        (&on, &none, vec!["synced", "extraneous"], 1000, "in sync"),
        (&none, &none, vec!["missing"], 1000, "not: automated sync is off"),
        (&json!({"enabled": false}), &none, vec!["missing"], 1000, "not: automated sync is off"),
        (&json!({}), &none, vec!["missing"], 1000, "c2 0 prune=false heals=None"),
        (&json!({}), &none, vec!["synced", "extra"], 1000, "not: only objects that are not pruned are left"),
        (&on, &none, vec!["synced", "extra"], 1000, "c2 0 prune=true heals=None"),
        (&on, &none, vec!["synced", "kept"], 1000, "not: only objects that are not pruned are left"),
        (
            &on,
            &none,
            vec!["extra"],
            1000,
            "refused: Skipping sync attempt to c2: auto-sync will wipe out all resources",
        ),
        (&json!({"prune": true, "allowEmpty": true}), &none, vec!["extra"], 1000, "c2 0 prune=true heals=None"),
        (&on, &ended("Failed", "c2", 0), vec!["missing"], 9999, "refused: Failed last sync attempt to c2: why"),
        (&none, &ended("Error", "c2", 0), vec!["missing"], 9999, "refused: Failed last sync attempt to c2: why"),
        (&on, &ended("Failed", "c1", 0), vec!["missing"], 1000, "c2 0 prune=true heals=None"),
        (&json!({}), &ended("Succeeded", "c2", 0), vec!["missing"], 1000, "not: selfHeal is off"),
        (&on, &ended("Succeeded", "c2", 0), vec!["missing", "synced"], 1000, "c2 1 prune=true heals=Some(1)"),
        (&on, &ended("Succeeded", "c2", 1), vec!["missing"], 1001, "later: 1002"),
        (&on, &ended("Succeeded", "c2", 2), vec!["missing"], 1005, "later: 1006"),
        (&on, &ended("Succeeded", "c2", 2), vec!["missing"], 1006, "c2 1 prune=true heals=Some(3)"),
        (&on, &ended("Succeeded", "c2", 50), vec!["missing"], 1299, "later: 1300"),
        (&on, &ended("Succeeded", "c2", 50), vec!["missing"], 1331, "c2 1 prune=true heals=Some(1)"),
    ] {
        assert_eq!(verdict(automated, state, &objects, now), expected, "{automated} {state} {objects:?}");
    }
}
