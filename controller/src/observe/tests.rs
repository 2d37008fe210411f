//! What is put together for a Rollout, and whom events wake.

use super::*;
use crds::kind;
use serde_json::{Value, json};

const HASH: &str = "abc";

fn meta(name: &str, more: Value) -> Value {
    let mut meta = json!({"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1"});
    if let (Some(meta), Value::Object(more)) = (meta.as_object_mut(), more) {
        meta.extend(more);
    }
    meta
}

fn owned_by(name: &str) -> Value {
    json!([{"kind": "x", "name": name, "uid": format!("uid-{name}"), "controller": true}])
}

fn saw<T>(store: &Store<T>, object: &Value) -> Change<T> {
    store.saw(object).expect("reads").expect("is new")
}

fn of_kind<'a>(stores: &'a Stores, kind: &crds::Kind) -> &'a Store<crds::RawObject> {
    &stores.routed.of(kind).expect("a kind of routers").store
}

fn stores() -> Stores {
    let stores = Stores::new(&Settings::default());
    let istio = json!({"virtualService": {"name": "web.mesh"}, "destinationRule": {"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"}});
    let spec = json!({
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"canary": {"canaryService": "web-canary", "trafficRouting": {"istio": istio}}},
    });
    saw(&stores.rollouts, &json!({"metadata": meta("web", json!({})), "spec": spec}));
    saw(&stores.rollouts, &json!({"metadata": meta("api", json!({})), "spec": {"strategy": {"canary": {}}}}));
    let labels = json!({"app": "web", "rollouts-pod-template-hash": HASH});
    saw(&stores.replica_sets, &json!({"metadata": meta("web-1", json!({"ownerReferences": owned_by("web")}))}));
    saw(&stores.replica_sets, &json!({"metadata": meta("orphan", json!({"labels": labels}))}));
    saw(&stores.replica_sets, &json!({"metadata": meta("api-1", json!({"ownerReferences": owned_by("api")}))}));
    saw(&stores.pods, &json!({"metadata": meta("web-1-a", json!({"ownerReferences": owned_by("web-1")}))}));
    saw(&stores.pods, &json!({"metadata": meta("api-1-a", json!({"ownerReferences": owned_by("api-1")}))}));
    for service in ["web-canary", "web-all", "other"] {
        saw(&stores.services, &json!({"metadata": meta(service, json!({}))}));
        let label = json!({"labels": {"kubernetes.io/service-name": service}});
        saw(&stores.endpoint_slices, &json!({"metadata": meta(&format!("{service}-x"), label)}));
    }
    saw(
        of_kind(&stores, &kind::DESTINATION_RULE),
        &json!({"metadata": meta("web", json!({})), "spec": {"host": "web-all.shop.svc.cluster.local"}}),
    );
    saw(of_kind(&stores, &kind::VIRTUAL_SERVICE), &json!({"metadata": meta("web", json!({"namespace": "mesh"}))}));
    saw(&stores.runs, &json!({"metadata": meta("run", json!({"ownerReferences": owned_by("web")}))}));
    saw(&stores.templates, &json!({"metadata": meta("success", json!({}))}));
    stores
}

fn names(keys: Vec<Key>) -> Vec<String> {
    let mut names: Vec<String> = keys.into_iter().map(|key| format!("{} {}", key.kind, key.name)).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn a_rollout_is_seen_with_all_that_concerns_it_and_nothing_else() {
    let settings = Settings { instance_id: "blue".into(), ..Settings::default() };
    let key = Key::new(Kind::Rollout, "shop", "web");
    let observed = stores().rollout(&key, &settings, None).expect("is there");
    let named = |metas: Vec<&ObjectMeta>| metas.into_iter().map(|meta| meta.name.clone()).collect::<Vec<_>>();
    assert_eq!(named(observed.replica_sets.iter().map(|it| &it.metadata).collect()), ["web-1", "orphan"]);
    assert_eq!(named(observed.pods.iter().map(|it| &it.metadata).collect()), ["web-1-a"]);
    assert_eq!(observed.services.keys().collect::<Vec<_>>(), ["web-all", "web-canary"], "the rule's host too");
    assert_eq!(named(observed.endpoint_slices.iter().map(|it| &it.metadata).collect()), ["web-all-x", "web-canary-x"]);
    let routed: Vec<String> = observed.routed.keys().map(ToString::to_string).collect();
    assert_eq!(routed, ["DestinationRule shop/web", "VirtualService mesh/web"]);
    assert_eq!(observed.runs.len(), 1);
    assert_eq!(observed.templates.keys().collect::<Vec<_>>(), ["success"]);
    assert_eq!(observed.instance_id.as_deref(), Some("blue"));
    assert!(stores().rollout(&Key::new(Kind::Rollout, "shop", "none"), &settings, None).is_none());
}

#[test]
fn an_event_wakes_whom_it_concerns() {
    let stores = stores();
    let web = ["Rollout web"];
    let set = json!({"metadata": meta("web-1", json!({"resourceVersion": "2", "ownerReferences": owned_by("web")}))});
    assert_eq!(names(stores.woken_by_replica_set(&saw(&stores.replica_sets, &set))), web);
    let pod =
        json!({"metadata": meta("web-1-a", json!({"resourceVersion": "2", "ownerReferences": owned_by("web-1")}))});
    assert_eq!(names(stores.woken_by_pod(&saw(&stores.pods, &pod))), web);
    assert_eq!(names(stores.woken_by_service("shop", "web-canary")), web);
    assert_eq!(names(stores.woken_by_service("shop", "web-all")), web, "through the rule's host");
    assert!(stores.woken_by_service("shop", "other").is_empty());
    let slice = json!({"metadata": meta("web-all-x", json!({"resourceVersion": "2", "labels": {"kubernetes.io/service-name": "web-all"}}))});
    assert_eq!(names(stores.woken_by_endpoints(&saw(&stores.endpoint_slices, &slice))), web);
    let route = json!({"metadata": meta("web", json!({"namespace": "mesh", "resourceVersion": "2"}))});
    let change = saw(of_kind(&stores, &kind::VIRTUAL_SERVICE), &route);
    assert_eq!(names(stores.woken_by_routed(&kind::VIRTUAL_SERVICE, &change)), web);
    let run = json!({"metadata": meta("run", json!({"resourceVersion": "2", "ownerReferences": owned_by("web")}))});
    assert_eq!(names(stores.woken_by_run(&saw(&stores.runs, &run))), ["AnalysisRun run", "Rollout web"]);
    assert_eq!(names(stores.woken_by_template("shop")), ["Rollout api", "Rollout web"]);
}

#[test]
fn an_owner_that_lost_an_object_is_woken_too() {
    let stores = stores();
    let moved = json!({"metadata": meta("web-1", json!({"resourceVersion": "2", "ownerReferences": owned_by("api")}))});
    let change = saw(&stores.replica_sets, &moved);
    assert_eq!(names(stores.woken_by_replica_set(&change)), ["Rollout api", "Rollout web"]);
}

#[test]
fn answers_to_our_own_writes_are_seen_at_once() {
    let stores = stores();
    let object = plan::ObjectRef::new("apps", "v1", "ReplicaSet", Some("shop"), "web-2");
    let created =
        json!({"metadata": meta("web-2", json!({"resourceVersion": "9", "ownerReferences": owned_by("web")}))});
    assert_eq!(names(stores.absorb(Kind::Rollout, &object, Said::Is(&created))), ["Rollout web"]);
    assert!(stores.absorb(Kind::Rollout, &object, Said::Is(&created)).is_empty(), "nothing new");
    let uid = stores.uid(&object).expect("is held");
    assert_eq!(names(stores.absorb(Kind::Rollout, &object, Said::Gone(&uid))), ["Rollout web"]);
    assert!(stores.uid(&object).is_none());
}

#[test]
fn what_an_application_brings_is_left_to_the_watch() {
    let stores = stores();
    let rollout = plan::ObjectRef::new("argoproj.io", "v1alpha1", "Rollout", Some("shop"), "theirs");
    let brought = json!({"metadata": meta("theirs", json!({"resourceVersion": "9"})), "spec": {}});
    assert!(stores.absorb(Kind::Application, &rollout, Said::Is(&brought)).is_empty());
    assert!(stores.rollouts.get("shop", "theirs").is_none(), "it may be another instance's");
    let web = plan::ObjectRef { name: "web".into(), ..rollout };
    let changed = json!({"metadata": meta("web", json!({"resourceVersion": "9"})), "spec": {"replicas": 7}});
    assert!(!stores.absorb(Kind::Application, &web, Said::Is(&changed)).is_empty(), "what is held is kept up to date");
    // Another kind of the same name.
    let service = plan::ObjectRef::new("serving.knative.dev", "v1", "Service", Some("shop"), "web-canary");
    let brought = json!({"metadata": meta("web-canary", json!({"resourceVersion": "9"})), "spec": {}});
    assert!(stores.absorb(Kind::Rollout, &service, Said::Is(&brought)).is_empty());
    assert_eq!(stores.services.get("shop", "web-canary").expect("is held").metadata.resource_version, "1");
}

#[test]
fn an_application_looks_anew_when_its_rollout_changes_phase() {
    let stores = stores();
    let resources = json!([{"group": "argoproj.io", "kind": "Rollout", "namespace": "shop", "name": "web"}, {"kind": "Service", "namespace": "shop", "name": "api"}]);
    let application =
        json!({"metadata": meta("all", json!({"namespace": "argocd"})), "status": {"resources": resources}});
    saw(&stores.applications, &application);
    let rollout = |version: &str, status: Value| json!({"metadata": meta("web", json!({"resourceVersion": version})), "status": status});
    let key = Key::new(Kind::Application, "argocd", "all");
    let paused = saw(&stores.rollouts, &rollout("2", json!({"phase": "Paused"})));
    assert_eq!(names(stores.woken_by_rollout(&paused)), ["Application all", "Rollout web"]);
    assert!(stores.is_touched(&key));
    stores.untouch(&key);
    assert!(!stores.is_touched(&key));
    let stepped = saw(&stores.rollouts, &rollout("3", json!({"phase": "Paused", "currentStepIndex": 1})));
    assert_eq!(names(stores.woken_by_rollout(&stepped)), ["Rollout web"]);
}

#[test]
fn a_rollout_waits_for_the_kinds_that_it_names_and_no_other_does() {
    let stores = stores();
    let (web, api) = (Key::new(Kind::Rollout, "shop", "web"), Key::new(Kind::Rollout, "shop", "api"));
    let (routes, rules) = (of_kind(&stores, &kind::VIRTUAL_SERVICE), of_kind(&stores, &kind::DESTINATION_RULE));
    assert!(stores.can_be_decided(&api), "it names neither");
    routes.mark_synced(5);
    assert!(!stores.can_be_decided(&web));
    assert!(rules.close("the cluster has no kind DestinationRule".into()), "is news");
    assert!(stores.can_be_decided(&web), "what is missing is known too");
    assert_eq!(names(stores.woken_by_kind(&kind::DESTINATION_RULE)), ["Rollout web"]);
    let closed = stores.rollout(&web, &Settings::default(), None).expect("is there").closed_kinds;
    assert_eq!(closed.keys().copied().collect::<Vec<_>>(), [kind::DESTINATION_RULE]);
    rules.mark_synced(6);
    assert_eq!(rules.closed(), None);
}

#[test]
fn an_experiment_is_seen_with_what_it_made_and_woken_by_it() {
    let stores = stores();
    let made = |version: &str| json!({"resourceVersion": version, "ownerReferences": owned_by("trial")});
    let trial =
        json!({"metadata": meta("trial", json!({"ownerReferences": owned_by("web")})), "spec": {"duration": 5}});
    assert_eq!(
        names(stores.woken_by_experiment(&saw(&stores.experiments, &trial))),
        ["Experiment trial", "Rollout web"]
    );
    let set = saw(&stores.replica_sets, &json!({"metadata": meta("trial-a", made("2"))}));
    assert_eq!(names(stores.woken_by_replica_set(&set)), ["Experiment trial"]);
    let service = saw(&stores.services, &json!({"metadata": meta("trial-a", made("2"))}));
    let woken = names(stores.woken_by_changed_service(&service));
    assert_eq!(woken, ["Experiment trial", "Rollout web"], "a route of the Rollout may lead there");
    let run = saw(&stores.runs, &json!({"metadata": meta("trial-check", made("2"))}));
    assert_eq!(names(stores.woken_by_run(&run)), ["AnalysisRun trial-check", "Experiment trial"]);
    assert!(names(stores.woken_by_template("shop")).contains(&"Experiment trial".to_owned()));
    let key = Key::new(Kind::Experiment, "shop", "trial");
    let observed = stores.experiment(&key, &Settings::default(), None).expect("is there");
    let counts = (observed.replica_sets.len(), observed.services.len(), observed.runs.len(), observed.templates.len());
    assert_eq!(counts, (1, 1, 1, 1));
    assert!(observed.unreadable.expect("says which").path.contains("duration"), "one wrong field hides nothing");
}

#[test]
fn an_experiment_sees_the_routes_of_its_rollout_and_waits_for_them() {
    let stores = stores();
    let canary = json!({"trafficRouting": {"istio": {"virtualService": {"name": "cart"}}}});
    saw(&stores.rollouts, &json!({"metadata": meta("cart", json!({})), "spec": {"strategy": {"canary": canary}}}));
    saw(&stores.experiments, &json!({"metadata": meta("trial", json!({"ownerReferences": owned_by("cart")}))}));
    let key = Key::new(Kind::Experiment, "shop", "trial");
    assert!(!stores.can_be_decided(&key), "what is not listed yet may lead to its pods");
    let routes = stores.routed.of(&kind::VIRTUAL_SERVICE).expect("a known kind");
    routes.store.mark_synced(1);
    assert!(stores.can_be_decided(&key));
    let change = saw(&routes.store, &json!({"metadata": meta("cart", json!({})), "spec": {"http": []}}));
    assert_eq!(names(stores.woken_by_routed(&kind::VIRTUAL_SERVICE, &change)), ["Experiment trial", "Rollout cart"]);
    let woken = names(stores.woken_by_kind(&kind::VIRTUAL_SERVICE));
    assert_eq!(woken, ["Experiment trial", "Rollout cart", "Rollout web"]);
    let observed = stores.experiment(&key, &Settings::default(), None).expect("is there");
    assert_eq!(observed.routed.len(), 1);
}

#[test]
fn what_a_rollout_left_behind_is_found_when_it_is_gone() {
    let stores = stores();
    let service = |name: &str, rollout: &str| {
        let annotations = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": rollout});
        json!({"metadata": meta(name, json!({ "annotations": annotations })), "spec": {"selector": {"app": "web"}}})
    };
    let change = saw(&stores.services, &service("left", "gone"));
    assert_eq!(names(stores.woken_by_changed_service(&change)), ["Rollout gone"]);
    let key = Key::new(Kind::Rollout, "shop", "gone");
    let (rollout, writes) = stores.left_behind(&key).expect("something is left");
    assert_eq!((rollout.name.as_str(), writes.len()), ("gone", 1));
    assert_eq!(writes[0].verb.object().name, "left");
    assert!(stores.left_behind(&Key::new(Kind::Rollout, "shop", "other")).is_none());
    assert!(stores.left_behind(&Key::new(Kind::AnalysisRun, "shop", "gone")).is_none());
}
