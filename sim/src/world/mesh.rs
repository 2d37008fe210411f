//! A data plane: it sends requests by the weights and endpoints that it was last told, up to half a second late.
//!
//! Each VirtualService route, each rule of an HTTPRoute, each path of an Ingress, and each Service that asks for it by annotation,
//! gets a steady flow of requests. A request to a pod that is gone or not ready is lost, as is one without any endpoint; nothing
//! is retried, so what a real proxy might still save is counted here. What the data plane knows never steers the world.

mod clusters;
mod counts;
mod routes;
pub(crate) mod weighted;

pub use counts::{Counts, Lost, Served};
pub use routes::Cluster;

use crate::world::{
    Ground, Views,
    calls::{at, is_true, text},
    chance::Chance,
    view::Alarm,
};
use clusters::{Endpoint, clusters_of};
use crds::keys;
use routes::{Flow, flows_of, flows_of_gateway, flows_of_ingresses};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval};
use weighted::WEIGHTED;

/// How often requests are sent and news looked for.
const TICK: Duration = Duration::from_millis(50);
/// Ticks in a second.
const TICKS_PER_SECOND: u64 = 20;

/// What the data plane has counted. Copies are handles of the same one.
#[derive(Clone, Debug, Default)]
pub struct Mesh(Arc<Mutex<Counts>>);

impl Mesh {
    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// How many requests were lost so far.
    pub fn lost(&self) -> u64 {
        self.lock().lost_requests
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// News that travel to the data plane, one stream for routes and one for endpoints.
#[derive(Debug)]
struct Stream<T> {
    known: T,
    sent: T,
    under_way: VecDeque<(Instant, T)>,
}

impl<T: Clone + PartialEq + Default> Stream<T> {
    fn new() -> Stream<T> {
        Stream { known: T::default(), sent: T::default(), under_way: VecDeque::new() }
    }

    /// Sends what is new. News do not overtake each other.
    fn send(&mut self, news: T, now: Instant, lag: Duration) {
        if news != self.sent {
            let after = self.under_way.back().map_or(now, |(at, _)| *at);
            self.under_way.push_back(((now + lag).max(after), news.clone()));
            self.sent = news;
        }
    }

    /// Takes in what has arrived; whether anything has.
    fn receive(&mut self, now: Instant) -> bool {
        let mut is_news = false;
        while let Some((at, _)) = self.under_way.front()
            && *at <= now
            && let Some((_, news)) = self.under_way.pop_front()
        {
            self.known = news;
            is_news = true;
        }
        is_news
    }
}

/// A flow as far as one looks at it before a request is sent: what becomes of one, for each pod that it may reach.
struct Lane {
    flow: Flow,
    /// One for each of the flow's destinations.
    ends: Vec<Vec<Outcome>>,
}

/// What becomes of a request.
enum Outcome {
    Served { served: Served, error_rate: f64, latency: Option<Duration> },
    Lost(String),
}

/// Carries requests for ever.
pub(crate) async fn carry(ground: Ground, mesh: Mesh) {
    let mut flows: Stream<Vec<Flow>> = Stream::new();
    let mut clusters: Stream<BTreeMap<String, Vec<Endpoint>>> = Stream::new();
    let Views { virtual_services, http_routes, ingresses, services, slices, destination_rules, pods, weighted, .. } =
        &*ground.views;
    let mut watched = vec![virtual_services, http_routes, ingresses, services, slices, destination_rules, pods];
    watched.extend(weighted);
    let mut news = Alarm::on(&watched).and(ground.images.changes());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut lanes = Vec::new();
    for tick in 0_u64.. {
        let now = ticks.tick().await;
        let chance = ground.chance.about(tick);
        let lag = |topic: u64| {
            let limit = u64::try_from(ground.settings.mesh_lag.as_millis()).unwrap_or(0);
            Duration::from_millis(chance.about(topic).below(limit))
        };
        let views = &ground.views;
        let is_news = news.has_rung();
        if is_news {
            let (usual, services) = (ground.settings.requests_per_second, views.services.all());
            let mut all = flows_of(&views.virtual_services.all(), &services, usual);
            all.extend(flows_of_gateway(&views.http_routes.all(), &services, usual));
            all.extend(flows_of_ingresses(&views.ingresses.all(), &services, usual));
            let beside: Vec<Arc<Value>> = weighted.iter().flat_map(|view| view.all()).collect();
            for (lists, view) in WEIGHTED.iter().zip(weighted) {
                all.extend(lists.flows(&view.all(), &beside, &services, usual));
            }
            flows.send(all, now, lag(1));
            let (slices, rules) = (views.slices.all(), views.destination_rules.all());
            clusters.send(clusters_of(&services, &slices, &rules, &views.pods.all()), now, lag(2));
        }
        if flows.receive(now) | clusters.receive(now) | is_news {
            lanes = flows.known.iter().map(|flow| lane(&ground, flow, &clusters.known)).collect();
        }
        for lane in &lanes {
            let chance = chance.named(&lane.flow.name);
            for turn in 0..requests_in(tick, lane.flow.requests_per_second) {
                send_one(&ground, &mesh, lane, chance.about(100 + turn));
            }
        }
    }
}

/// The requests of one tick: whole numbers that add up to the rate.
fn requests_in(tick: u64, rate: u32) -> u64 {
    let upto = |tick: u64| tick * u64::from(rate) / TICKS_PER_SECOND;
    upto(tick + 1) - upto(tick)
}

fn lane(ground: &Ground, flow: &Flow, clusters: &BTreeMap<String, Vec<Endpoint>>) -> Lane {
    let end = |cluster: &Cluster| {
        let endpoints = clusters.get(&cluster.name()).map(Vec::as_slice).unwrap_or_default();
        endpoints.iter().map(|endpoint| outcome(ground, cluster, endpoint)).collect()
    };
    Lane { ends: flow.shares.iter().map(|(cluster, _)| end(cluster)).collect(), flow: flow.clone() }
}

fn outcome(ground: &Ground, cluster: &Cluster, endpoint: &Endpoint) -> Outcome {
    let found = ground.views.pods.get(&endpoint.namespace, &endpoint.pod);
    match found.filter(|pod| text(pod, "/metadata/uid") == endpoint.uid) {
        Some(pod) if is_true(&pod, "Ready") => {
            let behaviour = ground.images.of(&pod);
            Outcome::Served {
                served: Served { cluster: cluster.clone(), hash: hash_of(&pod), code: 200 },
                error_rate: behaviour.error_rate.unwrap_or(0.0),
                latency: behaviour.latency,
            }
        }
        Some(_) => Outcome::Lost(format!("pod {} is not ready", endpoint.pod)),
        None => Outcome::Lost(format!("pod {} is gone", endpoint.pod)),
    }
}

fn send_one(ground: &Ground, mesh: &Mesh, lane: &Lane, chance: Chance) {
    let flow = &lane.flow;
    let Some((index, cluster)) = flow.pick(chance.about(1)) else { return };
    let now = ground.clock.now();
    let lose = |why: &str| {
        mesh.lock().lose(&flow.name, Lost { at: now, cluster: cluster.clone(), why: why.to_owned() });
    };
    let outcomes = lane.ends.get(index).map(Vec::as_slice).unwrap_or_default();
    match chance.about(2).pick(outcomes) {
        None => lose("no ready endpoint"),
        Some(Outcome::Lost(why)) => lose(why),
        Some(Outcome::Served { served, error_rate, latency }) => {
            let latency = latency.unwrap_or(Duration::from_millis(5 + chance.about(4).below(5)));
            if chance.about(3).happens(*error_rate) {
                mesh.lock().serve(&flow.name, &Served { code: 500, ..served.clone() }, latency);
            } else {
                mesh.lock().serve(&flow.name, served, latency);
            }
        }
    }
}

fn hash_of(pod: &Value) -> String {
    let labels = at(pod, "/metadata/labels");
    let hash = labels.and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH)).and_then(Value::as_str);
    hash.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Stream, TICKS_PER_SECOND, requests_in};
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn a_second_has_all_its_requests() {
        for rate in [1, 7, 20, 50, 200] {
            let sum: u64 = (0..TICKS_PER_SECOND).map(|tick| requests_in(tick, rate)).sum();
            assert_eq!(sum, u64::from(rate));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn news_arrive_late_and_in_order() {
        let start = Instant::now();
        let millis = |count| Duration::from_millis(count);
        let mut stream: Stream<u32> = Stream::new();
        stream.send(1, start, millis(400));
        stream.send(2, start + millis(100), millis(100));
        stream.receive(start + millis(300));
        assert_eq!(stream.known, 0);
        stream.receive(start + millis(400));
        assert_eq!(stream.known, 2);
    }
}
