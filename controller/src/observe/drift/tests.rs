//! Which watches there are for which Applications, and whom their events wake.

use super::*;
use crate::{
    metrics::Metrics,
    queue::Kind,
    settings::{ApiVersions, Settings},
    testing::{self, Got, Log},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::timeout;

struct World {
    stores: Arc<Stores>,
    queue: Arc<Queue>,
    log: Log,
    drift: Option<Drift>,
}

/// Applications by name with their objects, and a server that answers watches.
fn world(applications: &[(&str, Value)], watched: impl Fn(&Got) -> (u16, Value) + Send + Sync + 'static) -> World {
    let (client, log) = testing::server(move |got| match got.path.contains("limit=1") {
        true if got.path.contains("secrets") => (403, json!({"kind": "Status", "code": 403, "message": "forbidden"})),
        true => (200, json!({"metadata": {"resourceVersion": "10"}})),
        false => watched(got),
    });
    let (stores, queue) =
        (Arc::new(Stores::new(&Settings { packs_objects: false, ..Settings::default() })), Arc::new(Queue::default()));
    for (name, resources) in applications {
        let application = json!({
            "metadata": {"namespace": "argocd", "name": name, "uid": name, "resourceVersion": "1"},
            "status": {"resources": resources},
        });
        stores.applications.saw(&application).expect("reads");
    }
    let drift = Drift {
        writer: Writer::new(client.clone(), ApiVersions::default(), Metrics::default()),
        client,
        stores: Arc::clone(&stores),
        queue: Arc::clone(&queue),
        namespace: None,
    };
    World { stores, queue, log, drift: Some(drift) }
}

impl World {
    async fn run_for(&mut self, seconds: u64) {
        let drift = self.drift.take().expect("runs once");
        timeout(Duration::from_secs(seconds), drift.run()).await.expect_err("runs for ever");
    }

    fn woken(&self) -> Vec<String> {
        std::iter::from_fn(|| self.queue.next(DateTime::<Utc>::UNIX_EPOCH)).map(|key| key.name).collect()
    }

    /// What was asked, without the parameters.
    fn paths(&self, part: &str) -> Vec<String> {
        let log = self.log.lock().expect("log");
        let paths = log.iter().filter(|got| got.path.contains(part));
        paths.map(|got| got.path.split('?').next().unwrap_or_default().to_owned()).collect()
    }
}

fn object(kind: &str, namespace: &str, name: &str) -> Value {
    json!({"version": "v1", "kind": kind, "namespace": namespace, "name": name})
}

fn silent(_: &Got) -> (u16, Value) {
    (0, Value::Null)
}

#[tokio::test(start_paused = true)]
async fn a_change_wakes_whose_it_is_within_a_second() {
    let applications = [
        ("one", json!([object("Service", "shop", "web"), object("Service", "shop", "api")])),
        ("two", json!([object("Service", "shop", "other")])),
        ("three", json!([object("Service", "back", "web")])),
    ];
    let line = |name: &str| {
        let object = json!({"metadata": {"namespace": "shop", "name": name, "resourceVersion": "11"}});
        format!("{}\n", json!({"type": "MODIFIED", "object": object}))
    };
    let mut world = world(&applications, move |got| match got.path.contains("/shop/") && got.path.contains("=10") {
        true => (200, Value::String(line("web") + &line("strange") + &line("web"))),
        false => (0, Value::Null),
    });
    // What happened before the watch began is not known, so that each is looked at once.
    let key = |name: &str| Key::new(Kind::Application, "argocd", name);
    world.run_for(3).await;
    assert_eq!(world.woken(), ["one", "three", "two"]);
    assert!(world.stores.is_touched(&key("one")));
    assert_eq!(world.paths("watch=true").len(), 3, "two places, and one again from where it ended");
    assert!(world.log.lock().expect("log").iter().all(|got| got.method == "GET"));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_second_are_one_look() {
    let event = json!({"metadata": {"namespace": "shop", "name": "web", "resourceVersion": "11"}});
    let lines = format!("{}\n", json!({"type": "DELETED", "object": event})).repeat(100);
    let applications = [("one", json!([object("Service", "shop", "web")]))];
    let mut world = world(&applications, move |got| match got.path.contains("=10") {
        true => (200, Value::String(lines.clone())),
        false => (0, Value::Null),
    });
    world.run_for(3).await;
    assert_eq!(world.woken(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn one_watch_for_each_kind_and_namespace_and_none_for_rollouts() {
    let rollout =
        json!({"group": "argoproj.io", "version": "v1alpha1", "kind": "Rollout", "namespace": "shop", "name": "web"});
    let pods = (0..6).map(|number| object("Pod", &format!("n{number}"), "web"));
    let mut resources: Vec<Value> = pods.chain([object("Service", "shop", "web"), rollout]).collect();
    resources.push(object("Secret", "shop", "key"));
    let secret = json!({"name": "secrets", "singularName": "", "namespaced": true, "kind": "Secret", "verbs": []});
    let known = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [secret]});
    let mut world = world(&[("one", json!(resources))], move |got| match got.path.as_str() {
        "/api/v1" => (200, known.clone()),
        _ => (0, Value::Null),
    });
    world.run_for(100).await;
    let mut watched = world.paths("watch=true");
    watched.sort();
    watched.dedup();
    assert_eq!(watched, ["/api/v1/namespaces/shop/services", "/api/v1/pods"], "a kind in many namespaces is one watch");
    assert_eq!(world.paths("secrets").len(), 2, "what is not allowed is asked for once a minute");
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_the_last_object_of_its_kind() {
    let mut world = world(&[("one", json!([object("Service", "shop", "web")]))], silent);
    let drift = world.drift.take().expect("not run yet");
    let stores = Arc::clone(&world.stores);
    let story = async {
        sleep(Duration::from_secs(5)).await;
        let application = json!({
            "metadata": {"namespace": "argocd", "name": "one", "uid": "one", "resourceVersion": "2"},
            "status": {"resources": [object("Pod", "shop", "web")]},
        });
        let change = stores.applications.saw(&application).expect("reads").expect("is new");
        stores.woken_by_application(&change);
        sleep(Duration::from_secs(5)).await;
    };
    tokio::select! { () = drift.run() => {}, () = story => {} }
    assert_eq!(world.paths("watch=true"), ["/api/v1/namespaces/shop/services", "/api/v1/namespaces/shop/pods"]);
}
