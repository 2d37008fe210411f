//! What the server holds about the storm's Rollout at one moment: ends of routes with what backs them, ReplicaSets with their
//! pods, and what was promised. Read from the objects themselves; it shares no code with the rules.

use serde_json::{Value, json};
use sim::{
    server::Server,
    world::calls::{controller_uid, is_deleting, is_true, list, number, text},
};
use std::{collections::BTreeSet, sync::Arc};

const HASH: &str = "rollouts-pod-template-hash";

/// One end of a route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) route: String,
    pub(crate) is_canary: bool,
    pub(crate) weight: i64,
    pub(crate) service: String,
    /// The revision that it selects, or empty for all.
    pub(crate) hash: String,
    pub(crate) ready: usize,
}

/// A ReplicaSet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) asked: i64,
    pub(crate) ready: i64,
}

impl Set {
    /// Ready pods that nobody has asked to go.
    pub(crate) fn lasting(&self) -> i64 {
        self.asked.min(self.ready)
    }
}

/// One moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) replicas: i64,
    /// Pods that must stay, and pods that there may be. The last one stays where its successor has room beside it.
    pub(crate) fewest: i64,
    pub(crate) most: i64,
    pub(crate) is_aborted: bool,
    /// Something else than the number of pods says where requests go.
    pub(crate) is_routed: bool,
    pub(crate) current: String,
    pub(crate) stable: String,
    /// Seconds for which pods stay once their traffic is gone.
    pub(crate) drain_secs: i64,
    /// Its steps may say that fewer pods are enough for the canary's share.
    pub(crate) has_scales: bool,
    pub(crate) ends: Vec<End>,
    pub(crate) sets: Vec<Set>,
}

impl Facts {
    /// Looks at the server.
    pub(crate) fn of(server: &Server) -> Facts {
        let Some(rollout) = server.get("argoproj.io/v1alpha1", "Rollout", "default", "web") else {
            return Facts::default();
        };
        let replicas = rollout.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        let blue_green = rollout.pointer("/spec/strategy/blueGreen");
        let strategy = blue_green.or_else(|| rollout.pointer("/spec/strategy/canary")).cloned().unwrap_or_default();
        let (surge, unavailable) = match blue_green {
            // The next version comes beside this one, whole; only a restart takes pods away.
            Some(_) => (replicas, amount(&json!("25%"), replicas, 0).max(1)),
            None => {
                let surge = amount(&strategy["maxSurge"], replicas, 99);
                let unavailable = amount(&strategy["maxUnavailable"], replicas, 0);
                (surge, if surge == 0 && unavailable == 0 { 1 } else { unavailable })
            }
        };
        let pods = server.list("v1", "Pod");
        let delay = |field: &str| strategy[field].as_i64().filter(|delay| *delay > 0).unwrap_or(30);
        let sets = sets(server, text(&rollout, "/metadata/uid"), &pods);
        let ends = match blue_green {
            Some(blue_green) => active(server, text(blue_green, "/activeService"), &sets).into_iter().collect(),
            None => ends(server, &pods),
        };
        Facts {
            replicas,
            fewest: (replicas - unavailable).max(if surge > 0 { replicas.min(1) } else { 0 }),
            most: replicas + surge,
            is_aborted: rollout.pointer("/status/abort") == Some(&Value::Bool(true)),
            is_routed: blue_green.is_some() || strategy["trafficRouting"].is_object(),
            current: text(&rollout, "/status/currentPodHash").to_owned(),
            stable: text(&rollout, "/status/stableRS").to_owned(),
            drain_secs: delay("scaleDownDelaySeconds").min(delay("abortScaleDownDelaySeconds")),
            has_scales: list(&strategy, "/steps").iter().any(|step| step["setCanaryScale"].is_object()),
            ends,
            sets,
        }
    }

    /// Ready pods that nobody has asked to go.
    pub(crate) fn lasting(&self) -> i64 {
        self.sets.iter().map(Set::lasting).sum()
    }

    /// The largest share that is meant for a revision: an end that selects none of them needs no pods of a certain one.
    pub(crate) fn share_of(&self, hash: &str) -> i64 {
        let routes: BTreeSet<&str> = self.ends.iter().map(|end| end.route.as_str()).collect();
        let share = |route: &&str| -> i64 {
            let own = self.ends.iter().filter(|end| end.route == *route);
            own.filter(|end| end.hash == hash).map(|end| end.weight).sum()
        };
        routes.iter().map(share).max().unwrap_or(0)
    }
}

fn amount(value: &Value, replicas: i64, up: i64) -> i64 {
    let percent = value.as_str().and_then(|text| text.trim_end_matches('%').parse::<i64>().ok());
    percent.map_or_else(|| value.as_i64().unwrap_or(0), |percent| (percent * replicas + up) / 100)
}

fn hash_of(object: &Value) -> &str {
    text(object, &format!("/metadata/labels/{HASH}"))
}

/// The active Service is the only end there is: all requests come to the revision that it selects.
fn active(server: &Server, service: &str, sets: &[Set]) -> Option<End> {
    server.get("v1", "Service", "default", service)?;
    let hash = of_service(server, service);
    // Pods that are ready now: at the moment of the switch the EndpointSlices still show those before them.
    let own = sets.iter().filter(|set| hash.is_empty() || set.hash == hash);
    let ready = own.map(|set| usize::try_from(set.ready).unwrap_or(0)).sum();
    Some(End { route: "active".into(), is_canary: false, weight: 100, service: service.into(), hash, ready })
}

fn ends(server: &Server, pods: &[Arc<Value>]) -> Vec<End> {
    let mut ends = Vec::new();
    for name in ["web", "api"] {
        let found = server.get("networking.istio.io/v1", "VirtualService", "default", name);
        let routes = found.iter().flat_map(|found| list(found, "/spec/http").to_vec()).enumerate();
        for (index, route) in routes {
            ends.extend(list(&route, "/route").iter().map(|end| {
                let (host, subset) = (text(end, "/destination/host"), text(end, "/destination/subset"));
                let hash = if subset.is_empty() { of_service(server, host) } else { of_subset(server, subset) };
                End {
                    route: format!("{name}/{index}"),
                    is_canary: host == "canary" || subset == "canary",
                    weight: number(end, "/weight"),
                    service: host.to_owned(),
                    ready: ready(server, pods, host, &hash),
                    hash,
                }
            }));
        }
    }
    ends
}

fn of_service(server: &Server, name: &str) -> String {
    let service = server.get("v1", "Service", "default", name);
    service.map(|found| text(&found, &format!("/spec/selector/{HASH}")).to_owned()).unwrap_or_default()
}

fn of_subset(server: &Server, subset: &str) -> String {
    let rule = server.get("networking.istio.io/v1", "DestinationRule", "default", "web");
    let subsets = rule.iter().flat_map(|rule| list(rule, "/spec/subsets")).find(|one| text(one, "/name") == subset);
    subsets.map(|found| text(found, &format!("/labels/{HASH}")).to_owned()).unwrap_or_default()
}

fn ready(server: &Server, pods: &[Arc<Value>], service: &str, hash: &str) -> usize {
    let slices = server.list("discovery.k8s.io/v1", "EndpointSlice");
    let own = slices.iter().filter(|slice| text(slice, "/metadata/labels/kubernetes.io~1service-name") == service);
    let ready = own
        .flat_map(|slice| list(slice, "/endpoints"))
        .filter(|endpoint| endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true)))
        .map(|endpoint| text(endpoint, "/targetRef/name"));
    let of_revision = |name: &&str| {
        pods.iter().any(|pod| text(pod, "/metadata/name") == *name && (hash.is_empty() || hash_of(pod) == hash))
    };
    ready.filter(of_revision).count()
}

fn sets(server: &Server, owner: &str, pods: &[Arc<Value>]) -> Vec<Set> {
    let all = server.list("apps/v1", "ReplicaSet");
    let own = all.iter().filter(|set| controller_uid(set) == owner && !is_deleting(set));
    own.map(|set| {
        let uid = text(set, "/metadata/uid");
        let is_ready = |pod: &&Arc<Value>| controller_uid(pod) == uid && is_true(pod, "Ready") && !is_deleting(pod);
        Set {
            name: text(set, "/metadata/name").to_owned(),
            hash: hash_of(set).to_owned(),
            asked: number(set, "/spec/replicas"),
            ready: i64::try_from(pods.iter().filter(is_ready).count()).unwrap_or(0),
        }
    })
    .collect()
}
