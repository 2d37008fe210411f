//! Live copies of the story's objects, and the clock that runs from a pod that becomes ready to the weight that waited for it.
//!
//! It only reads. Times are those at which news arrive here, which is as close to the truth as a client can be.

use crate::manifests::{APPLICATION, CANARY_HOST, HOME, NAMESPACE};
use crds::{Kind, kind};
use futures::StreamExt;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::GroupVersionKind,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use sim::world::calls::{is_true, list, text};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

/// The kinds that are followed.
const KINDS: [Kind; 6] =
    [kind::ROLLOUT, kind::ANALYSIS_RUN, kind::APPLICATION, kind::VIRTUAL_SERVICE, kind::REPLICA_SET, kind::POD];

/// Live copies, kept up to date until this is dropped.
#[derive(Debug)]
pub(crate) struct Watching {
    copies: Arc<Mutex<Copies>>,
    _followers: JoinSet<()>,
}

/// What is known now.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    objects: BTreeMap<(&'static str, String), Value>,
    ready_pods: BTreeSet<String>,
    /// When the last pod became ready, until a weight rises.
    ready_at: Option<Instant>,
    weight: u64,
    weight_since: Option<Instant>,
    /// Weights that were there and are gone again, since they were last asked for.
    passed: Vec<Passed>,
    reactions: Vec<Duration>,
}

/// A weight that was there for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// In percent.
    pub(crate) weight: u64,
    /// For how long it was there.
    pub(crate) stayed: Duration,
}

impl Watching {
    /// Starts to follow.
    pub(crate) fn start(client: &Client) -> Self {
        let copies: Arc<Mutex<Copies>> = Arc::default();
        let mut followers = JoinSet::new();
        for kind in KINDS {
            let named = GroupVersionKind::gvk(kind.group, kind.version, kind.kind);
            let resource = ApiResource::from_gvk_with_plural(&named, kind.plural);
            let namespace = if kind == kind::APPLICATION { HOME } else { NAMESPACE };
            let api = Api::namespaced_with(client.clone(), namespace, &resource);
            followers.spawn(follow(api, kind.kind, Arc::clone(&copies)));
        }
        Self { copies, _followers: followers }
    }

    /// What is known now.
    pub(crate) fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn follow(api: Api<DynamicObject>, kind: &'static str, copies: Arc<Mutex<Copies>>) {
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        let mut copies = copies.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                if let Ok(object) = serde_json::to_value(object) {
                    copies.put(kind, object, Instant::now());
                }
            }
            Ok(watcher::Event::Delete(object)) => {
                copies.objects.remove(&(kind, object.metadata.name.unwrap_or_default()));
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => tracing::debug!(%error, kind, "a watch begins anew"),
        }
    }
}

impl Copies {
    /// One object.
    pub(crate) fn get(&self, kind: &'static str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, name.to_owned()))
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |((of, _), _)| *of == kind).map(|(_, object)| object)
    }

    /// The Application.
    pub(crate) fn application(&self) -> Option<&Value> {
        self.get("Application", APPLICATION)
    }

    /// The canary's weight in the VirtualService.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    /// The weights that are gone since this was last asked.
    pub(crate) fn take_passed(&mut self) -> Vec<Passed> {
        std::mem::take(&mut self.passed)
    }

    /// How long weights took after the last pod that they waited for.
    pub(crate) fn reactions(&self) -> Vec<Duration> {
        self.reactions.clone()
    }

    fn put(&mut self, kind: &'static str, object: Value, now: Instant) {
        match kind {
            "Pod" => {
                let uid = text(&object, "/metadata/uid").to_owned();
                if is_true(&object, "Ready") && self.ready_pods.insert(uid) {
                    self.ready_at = Some(now);
                }
            }
            "VirtualService" => {
                let weight = weight_of(&object);
                if weight > self.weight
                    && let Some(ready_at) = self.ready_at.take()
                {
                    self.reactions.push(now.duration_since(ready_at));
                }
                if weight != self.weight {
                    let since = self.weight_since.replace(now).unwrap_or(now);
                    self.passed.push(Passed { weight: self.weight, stayed: now.duration_since(since) });
                    self.weight = weight;
                }
            }
            _ => {}
        }
        self.objects.insert((kind, text(&object, "/metadata/name").to_owned()), object);
    }
}

fn weight_of(virtual_service: &Value) -> u64 {
    let routes = list(virtual_service, "/spec/http").iter().flat_map(|http| list(http, "/route"));
    let canary = routes.filter(|route| text(route, "/destination/host") == CANARY_HOST);
    canary.filter_map(|route| route.pointer("/weight").and_then(Value::as_u64)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, ready: &str) -> Value {
        let conditions = json!([{"type": "Ready", "status": ready}]);
        json!({"metadata": {"name": name, "uid": name}, "status": {"conditions": conditions}})
    }

    fn route(weight: u64) -> Value {
        let to = |host: &str, weight: u64| json!({"destination": {"host": host}, "weight": weight});
        let routes = json!([to("stable.shop.svc.cluster.local", 100 - weight), to(CANARY_HOST, weight)]);
        json!({"metadata": {"name": "web"}, "spec": {"http": [{"route": routes}]}})
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_runs_from_the_last_pod_to_the_weight() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut copies = Copies::default();
        copies.put("VirtualService", route(0), at(0));
        copies.put("Pod", pod("a", "True"), at(100));
        copies.put("Pod", pod("b", "False"), at(110));
        copies.put("Pod", pod("b", "True"), at(200));
        copies.put("Pod", pod("a", "True"), at(205));
        copies.put("VirtualService", route(10), at(212));
        assert_eq!((copies.weight(), copies.reactions()), (10, vec![Duration::from_millis(12)]));
        // A weight that waited for no pod, and one that falls, are no reactions.
        copies.put("VirtualService", route(30), at(900));
        copies.put("Pod", pod("c", "True"), at(1000));
        copies.put("VirtualService", route(0), at(1100));
        assert_eq!(copies.reactions().len(), 1);
        let stayed = copies.take_passed().into_iter().map(|passed| (passed.weight, passed.stayed.as_millis()));
        assert_eq!(stayed.collect::<Vec<_>>(), [(0, 0), (10, 688), (30, 200)]);
        assert_eq!(copies.take_passed(), []);
    }
}
