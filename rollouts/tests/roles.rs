//! Stories of what is told to pods beside their template: the labels and annotations of their revision's role.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use crds::keys;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use toy::{Toy, merge, updating};

fn canary(fields: Value) -> Value {
    let mut strategy = json!({"steps": [{"setWeight": 50}, {"pause": {}}]});
    merge(&mut strategy, &fields);
    strategy
}

fn role(name: &str) -> Value {
    json!({"labels": {"role": name}, "annotations": {"note": name}})
}

/// The roles that pods of an image carry, as label and annotation; and the one that their template tells.
fn roles(toy: &Toy, image: &str) -> (BTreeSet<String>, String) {
    let hash = toy.hash_of(image);
    let told = |metadata: &Value| {
        let text = |part: &str, key: &str| metadata[part][key].as_str().unwrap_or("-").to_owned();
        format!("{}/{}", text("labels", "role"), text("annotations", "note"))
    };
    let pods = toy.pods.values().filter(|pod| pod["metadata"]["labels"][keys::POD_TEMPLATE_HASH] == *hash);
    let set = &toy.sets[&format!("web-{hash}")];
    (pods.map(|pod| told(&pod["metadata"])).collect(), told(&set["spec"]["template"]["metadata"]))
}

fn all(role: &str) -> (BTreeSet<String>, String) {
    ([role.to_owned()].into(), role.to_owned())
}

fn none(role: &str) -> (BTreeSet<String>, String) {
    (BTreeSet::new(), role.to_owned())
}

fn record(toy: &Toy, image: &str) -> Value {
    let set = &toy.sets[&format!("web-{}", toy.hash_of(image))];
    set["metadata"]["annotations"][keys::EPHEMERAL_METADATA].clone()
}

fn promote(toy: &mut Toy) {
    toy.patch(json!({"status": {"pauseConditions": null}}));
    toy.settle();
}

#[test]
fn pods_of_a_canary_and_of_the_stable_revision_carry_their_roles() {
    let both = json!({"canaryMetadata": role("canary"), "stableMetadata": role("stable")});
    let (canary_only, stable_only) =
        (json!({"canaryMetadata": role("canary")}), json!({"stableMetadata": role("stable")}));
    for (fields, in_between, at_end) in [
        (both, ("stable/stable", "canary/canary"), ("-/-", "stable/stable")),
        (canary_only, ("-/-", "canary/canary"), ("-/-", "-/-")),
        (stable_only, ("stable/stable", "-/-"), ("-/-", "stable/stable")),
        (json!({}), ("-/-", "-/-"), ("-/-", "-/-")),
    ] {
        let mut toy = updating(canary(fields.clone()), 4);
        let (old, new) = in_between;
        assert_eq!((roles(&toy, "web:1"), roles(&toy, "web:2")), (all(old), all(new)), "{fields}\n{}", toy.tail());
        promote(&mut toy);
        let (old, new) = at_end;
        assert_eq!((roles(&toy, "web:1"), roles(&toy, "web:2")), (none(old), all(new)), "{fields}\n{}", toy.tail());
        assert_eq!(toy.sets.len(), 2, "a role is no revision: {fields}");
        assert!(!toy.sets.values().any(|set| !set["metadata"]["annotations"][keys::FORMER_METADATA].is_null()));
    }
}

#[test]
fn pods_of_a_preview_and_of_the_active_revision_carry_their_roles() {
    let fields =
        json!({"previewMetadata": role("preview"), "activeMetadata": role("active"), "autoPromotionEnabled": false});
    let mut toy = Toy::blue_green(fields, 2);
    toy.settle();
    assert_eq!(roles(&toy, "web:1"), all("active/active"), "{}", toy.tail());
    toy.set_image("web:2");
    toy.settle();
    assert_eq!((roles(&toy, "web:1"), roles(&toy, "web:2")), (all("active/active"), all("preview/preview")));
    promote(&mut toy);
    // The old pods stay for a while, and have no role.
    assert_eq!((roles(&toy, "web:1"), roles(&toy, "web:2")), (all("-/-"), all("active/active")), "{}", toy.tail());
}

#[test]
fn a_role_that_changes_takes_away_what_was_recorded_and_nothing_else() {
    let own = json!({"canaryMetadata": {"labels": {"role": "canary", "wave": "1"}, "annotations": {"note": "canary"}}});
    let mut toy = updating(canary(own), 4);
    let name = format!("web-{}-0", toy.hash_of("web:2"));
    let pod = toy.pods.get_mut(&name).expect("a pod");
    merge(pod, &json!({"metadata": {"labels": {"mine": "x"}, "annotations": {"mine": "x"}}}));
    toy.patch(json!({"spec": {"strategy": {"canary": {"canaryMetadata": {"labels": {"wave": null, "step": "2"}, "annotations": null}}}}}));
    toy.settle();
    let pod = &toy.pods[&name]["metadata"];
    let carried = (&pod["labels"], &pod["annotations"]);
    let hash = toy.hash_of("web:2");
    let labels = json!({"app": "web", "mine": "x", "role": "canary", "step": "2", keys::POD_TEMPLATE_HASH: hash});
    assert_eq!(carried, (&labels, &json!({"mine": "x"})), "{}", toy.tail());
    assert_eq!(record(&toy, "web:2"), json!(r#"{"labels":{"role":"canary","step":"2"}}"#));
    assert_eq!(toy.status("currentStepIndex"), 1, "the update stands where it stood");
}

#[test]
fn a_key_that_the_template_has_too_goes_back_to_what_it_says() {
    let mut toy =
        Toy::new(canary(json!({"canaryMetadata": {"labels": {"role": "canary", keys::POD_TEMPLATE_HASH: "x"}}})), 2);
    toy.patch(json!({"spec": {"template": {"metadata": {"labels": {"role": "web"}}}}}));
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    assert_eq!((roles(&toy, "web:1"), roles(&toy, "web:2")), (all("web/-"), all("canary/-")), "{}", toy.tail());
    promote(&mut toy);
    assert_eq!(roles(&toy, "web:2"), all("web/-"), "{}", toy.tail());
}

#[test]
fn a_large_revision_is_told_in_parts() {
    let mut toy = updating(canary(json!({"stableMetadata": role("stable")})), 100);
    promote(&mut toy);
    toy.patch(json!({"spec": {"strategy": {"canary": {"stableMetadata": {"labels": {"role": "old"}}}}}}));
    toy.step();
    let plan = toy.step();
    assert_eq!(plan.writes().len(), 20, "{plan}");
    toy.settle();
    assert_eq!(roles(&toy, "web:2"), all("old/stable"));
}

/// The rules about revisions in the template of an image: required ones, and preferred ones with their weight.
fn apart(toy: &Toy, image: &str) -> Vec<String> {
    let set = &toy.sets[&format!("web-{}", toy.hash_of(image))];
    let rules = &set["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
    let list = |kind: &str| rules[kind].as_array().cloned().unwrap_or_default();
    let from =
        |term: &Value| term["labelSelector"]["matchExpressions"][0]["values"][0].as_str().unwrap_or("user").to_owned();
    let required = list("requiredDuringSchedulingIgnoredDuringExecution").iter().map(from).collect::<Vec<_>>();
    let preferred = list("preferredDuringSchedulingIgnoredDuringExecution");
    let preferred = preferred.iter().map(|term| format!("{} {}", term["weight"], from(&term["podAffinityTerm"])));
    required.into_iter().chain(preferred).collect()
}

#[test]
fn pods_of_an_update_keep_away_from_the_stable_revision() {
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {}});
    let preferred = json!({"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 7}});
    for is_blue_green in [false, true] {
        for (wanted, mark) in [(&required, ""), (&preferred, "7 ")] {
            let mut toy = if is_blue_green {
                Toy::blue_green(json!({"antiAffinity": wanted, "autoPromotionEnabled": false}), 2)
            } else {
                Toy::new(canary(json!({"antiAffinity": wanted})), 2)
            };
            toy.settle();
            assert_eq!(apart(&toy, "web:1"), Vec::<String>::new(), "there is nobody to keep away from");
            toy.pass(1);
            toy.set_image("web:2");
            toy.settle();
            let first = format!("{mark}{}", toy.hash_of("web:1"));
            assert_eq!(apart(&toy, "web:2"), [first], "{wanted}");
            promote(&mut toy);
            assert_eq!(apart(&toy, "web:2"), Vec::<String>::new(), "it is the stable one: {}", toy.tail());
            // Back to the first: its pods keep away from the second's.
            toy.set_image("web:1");
            toy.settle();
            let second = format!("{mark}{}", toy.hash_of("web:2"));
            let back = if is_blue_green { Vec::new() } else { vec![second] };
            assert_eq!(apart(&toy, "web:1"), back, "a switch back is done at once: {}", toy.tail());
            assert_eq!(toy.sets.len(), 2, "a rule is no revision");
        }
    }
}

#[test]
fn rules_of_the_user_stay_beside_ours() {
    let own = json!({"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone"});
    let rules = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [own]}});
    let strategy = canary(json!({"antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}));
    let mut toy = Toy::new(strategy, 2);
    toy.patch(json!({"spec": {"template": {"spec": {"affinity": rules}}}}));
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    assert_eq!(apart(&toy, "web:2"), ["user".to_owned(), toy.hash_of("web:1")]);
    promote(&mut toy);
    assert_eq!(apart(&toy, "web:2"), ["user"], "{}", toy.tail());
    // Somebody asks for it no more in the middle of an update.
    toy.set_image("web:3");
    toy.settle();
    assert_eq!(apart(&toy, "web:3"), ["user".to_owned(), toy.hash_of("web:2")]);
    toy.patch(json!({"spec": {"strategy": {"canary": {"antiAffinity": null}}}}));
    toy.settle();
    assert_eq!(apart(&toy, "web:3"), ["user"], "{}", toy.tail());
}

#[test]
fn a_pod_that_may_not_be_changed_is_not_said_to_be_evicted() {
    let mut toy = Toy::new(json!({"steps": [{"setWeight": 50}]}), 1);
    toy.settle();
    let pod = toy.pods.keys().next().expect("a pod").clone();
    toy.refusals.insert(("Pod".into(), pod), "pods is forbidden".into());
    toy.patch(json!({"spec": {"strategy": {"canary": {"stableMetadata": role("stable")}}}}));
    toy.looks(6);
    let words = toy.condition("WriteRefused").2;
    assert!(words.contains("cannot be written: pods is forbidden"), "{words}: {}", toy.tail());
}
