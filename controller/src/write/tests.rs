//! Which request each verb becomes, and what each answer means.

use super::*;
use crate::testing::{self, Log};
use plan::Target;
use std::sync::atomic::{AtomicUsize, Ordering};

fn writer(answer: impl Fn(&testing::Got) -> (u16, Value) + Send + Sync + 'static) -> (Writer, Log) {
    let (client, log) = testing::server(answer);
    (Writer::new(client, ApiVersions::default(), Metrics::default()), log)
}

fn rollout() -> ObjectRef {
    ObjectRef::new("argoproj.io", "v1alpha1", "Rollout", Some("shop"), "web")
}

fn target(object: ObjectRef) -> Target {
    Target { object, uid: "u1".into(), resource_version: "7".into() }
}

fn patch() -> Verb {
    Verb::Patch {
        target: target(rollout()),
        subresource: Some(Subresource::Status),
        body: json!({"status": {"phase": "Healthy"}}),
    }
}

#[tokio::test]
async fn each_verb_names_the_version_it_was_decided_on() {
    let (writer, log) = writer(|_| (200, json!({"metadata": {"uid": "u1"}})));
    let run = ObjectRef::new("argoproj.io", "v1alpha1", "AnalysisRun", Some("shop"), "run");
    let status = json!({"status": {"phase": "Running"}});
    let verbs = [
        patch(),
        // This kind has no endpoint for its status.
        Verb::Patch { target: target(run.clone()), subresource: Some(Subresource::Status), body: status },
        Verb::Delete { target: target(run), propagation: Propagation::Background },
        Verb::Apply { object: rollout(), body: json!({"kind": "Rollout"}), force: true },
        Verb::Evict { target: target(ObjectRef::new("", "v1", "Pod", Some("shop"), "web-1")) },
    ];
    for verb in &verbs {
        writer.send(verb).await.expect("succeeds");
    }
    let sent = log.lock().expect("log").clone();
    let base = "/apis/argoproj.io/v1alpha1/namespaces/shop";
    let lines: Vec<String> = sent.iter().map(|got| format!("{} {}", got.method, got.path)).collect();
    assert_eq!(
        lines,
        [
            format!("PATCH {base}/rollouts/web/status?fieldManager=leadline-controller"),
            format!("PATCH {base}/analysisruns/run?fieldManager=leadline-controller"),
            format!("DELETE {base}/analysisruns/run"),
            format!("PATCH {base}/rollouts/web?fieldManager={APPLY_MANAGER}&force=true"),
            "POST /api/v1/namespaces/shop/pods/web-1/eviction".to_owned(),
        ]
    );
    assert_eq!(sent[0].body, json!({"status": {"phase": "Healthy"}, "metadata": {"resourceVersion": "7"}}));
    assert_eq!(sent[2].body["preconditions"], json!({"uid": "u1"}));
    assert_eq!(sent[4].body["deleteOptions"], json!({"preconditions": {"uid": "u1"}}));
}

#[tokio::test(start_paused = true)]
async fn answers_are_sorted_by_what_to_do_next() {
    for (code, class) in [
        (409, Class::Conflict),
        (404, Class::Gone),
        (410, Class::Gone),
        (429, Class::Throttled),
        (401, Class::Denied),
        (403, Class::Denied),
        (400, Class::Invalid),
        (422, Class::Invalid),
        (500, Class::Unanswered),
        (504, Class::Unanswered),
        (0, Class::Unanswered),
    ] {
        let (writer, _) = writer(move |_| (code, json!({"kind": "Status", "message": "no"})));
        let refusal = writer.send(&patch()).await.expect_err("refused");
        assert_eq!(refusal.class, class, "{code}");
    }
}

#[tokio::test]
async fn an_error_before_anything_is_stored_is_reported() {
    for (message, class) in [
        ("Internal error occurred: failed calling webhook \"validation.istio.io\": connection refused", Class::Invalid),
        ("etcdserver: request is too large", Class::Invalid),
        ("etcdserver: leader changed", Class::Unanswered),
    ] {
        let (writer, _) = writer(move |_| (500, json!({"kind": "Status", "message": message})));
        assert_eq!(writer.send(&patch()).await.expect_err("refused").class, class, "{message}");
    }
}

#[tokio::test]
async fn a_missing_namespace_is_reported_not_looked_at_again() {
    let (writer, _) = writer(|_| (404, json!({"message": "namespaces \"shop\" not found"})));
    for verb in [
        Verb::Create { object: rollout(), body: json!({}) },
        Verb::Apply { object: rollout(), body: json!({}), force: false },
    ] {
        assert_eq!(writer.send(&verb).await.expect_err("refused").class, Class::Invalid);
    }
}

#[tokio::test]
async fn a_creation_that_was_done_before_is_success() {
    let wanted = json!({
        "metadata": {"name": "web-1", "ownerReferences": [{"uid": "u1", "controller": true}]},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web"}]}, "labels": {}}},
    });
    let existing = |owner: &str, name: &str| {
        json!({
            "metadata": {"name": "web-1", "uid": "r1", "ownerReferences": [{"uid": owner, "controller": true}]},
            "spec": {"replicas": 2, "minReadySeconds": 0, "template": {"spec": {"containers": [{"name": name, "image": ""}]}}},
        })
    };
    for (found, expected) in [
        (existing("u1", "web"), None),
        (existing("u2", "web"), Some(Class::Invalid)),
        (existing("u1", "api"), Some(Class::Conflict)),
    ] {
        let (writer, _) = writer(move |got| match got.method.as_str() {
            "POST" => (409, json!({"reason": "AlreadyExists", "message": "already exists"})),
            _ => (200, found.clone()),
        });
        let object = ObjectRef::new("apps", "v1", "ReplicaSet", Some("shop"), "web-1");
        let sent = writer.send(&Verb::Create { object, body: wanted.clone() }).await;
        assert_eq!(sent.err().map(|refusal| refusal.class), expected);
    }
}

#[tokio::test]
async fn a_kind_that_we_do_not_know_is_discovered_once() {
    let (writer, log) = writer(|got| match got.path.as_str() {
        "/apis/networking.k8s.io/v1" => (
            200,
            json!({"kind": "APIResourceList", "groupVersion": "networking.k8s.io/v1", "resources": [
                {"name": "networkpolicies", "singularName": "", "namespaced": true, "kind": "NetworkPolicy", "verbs": []},
            ]}),
        ),
        "/apis/none/v1" => (404, json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found"})),
        _ => (200, json!({"metadata": {"name": "web"}})),
    });
    let policy = ObjectRef::new("networking.k8s.io", "v1", "NetworkPolicy", Some("shop"), "web");
    for _ in 0..2 {
        writer.read(&policy).await.expect("reads").expect("is there");
    }
    let paths: Vec<String> = log.lock().expect("log").iter().map(|got| got.path.clone()).collect();
    let object = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/web";
    assert_eq!(paths, ["/apis/networking.k8s.io/v1", object, object]);
    let unknown = ObjectRef::new("none", "v1", "Thing", Some("shop"), "web");
    assert_eq!(writer.read(&unknown).await.expect_err("unknown").class, Class::Invalid);
}

#[tokio::test]
async fn a_kind_is_found_in_the_version_that_the_server_has() {
    let (writer, log) = writer(|got| match got.path.as_str() {
        "/apis/gateway.networking.k8s.io/v1" => {
            let routes =
                json!({"name": "tcproutes", "singularName": "", "namespaced": true, "kind": "TCPRoute", "verbs": []});
            (
                200,
                json!({"kind": "APIResourceList", "groupVersion": "gateway.networking.k8s.io/v1", "resources": [routes]}),
            )
        }
        "/apis/gateway.networking.k8s.io/v1alpha2" => {
            (404, json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found"}))
        }
        _ => (200, json!({"metadata": {"name": "web"}})),
    });
    let route = ObjectRef::of(&crds::kind::TCP_ROUTE, "shop", "web");
    writer.read(&route).await.expect("reads").expect("is there");
    let last = log.lock().expect("log").last().map(|got| got.path.clone());
    assert_eq!(last.as_deref(), Some("/apis/gateway.networking.k8s.io/v1/namespaces/shop/tcproutes/web"));
}

#[tokio::test]
async fn a_kind_that_came_back_in_another_scope_is_discovered_again() {
    let missing = |details: Value| (404, json!({"kind": "Status", "code": 404, "message": "no", "details": details}));
    let discoveries = AtomicUsize::new(0);
    let (writer, log) = writer(move |got| match got.path.as_str() {
        "/apis/example.com/v1" => {
            let is_namespaced = discoveries.fetch_add(1, Ordering::Relaxed) == 0;
            let gadgets = json!({"name": "gadgets", "singularName": "", "namespaced": is_namespaced, "kind": "Gadget", "verbs": []});
            (200, json!({"kind": "APIResourceList", "groupVersion": "example.com/v1", "resources": [gadgets]}))
        }
        "/apis/example.com/v1/namespaces/shop/gadgets/none" => missing(json!({"name": "none", "kind": "gadgets"})),
        "/apis/example.com/v1/gadgets/web" => (200, json!({"metadata": {"name": "web"}})),
        _ => (404, json!("404 page not found")),
    });
    let gadget = |name: &str| ObjectRef::new("example.com", "v1", "Gadget", Some("shop"), name);
    for (name, is_there) in [("none", false), ("web", false), ("web", true)] {
        assert_eq!(writer.read(&gadget(name)).await.expect("is answered").is_some(), is_there, "{name}");
    }
    let discovered = log.lock().expect("log").iter().filter(|got| got.path == "/apis/example.com/v1").count();
    assert_eq!(discovered, 2, "once, and once more when the place was gone");
}

#[tokio::test]
async fn what_is_deleted_stays_only_where_the_server_gives_it_time() {
    for (meta, is_gone) in [
        (json!({"uid": "u1"}), true),
        (json!({"uid": "u1", "finalizers": ["x"], "deletionTimestamp": "2026-01-02T03:04:05Z"}), false),
    ] {
        let (writer, _) = writer(move |_| (200, json!({"kind": "Service", "metadata": meta})));
        let service = target(ObjectRef::new("", "v1", "Service", Some("shop"), "trial"));
        let verb = Verb::Delete { target: service, propagation: Propagation::Background };
        assert_eq!(writer.send(&verb).await.expect("succeeds") == Done::Deleted, is_gone);
    }
}
