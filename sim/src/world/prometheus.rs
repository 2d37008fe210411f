//! A Prometheus: it scrapes the data plane's counters each second under Envoy's names and answers instant queries.
//!
//! It answers the controller in process, for virtual time, or anybody over HTTP in Prometheus' own API. It can be told to be
//! down, to refuse or to talk nonsense.

use crate::{
    clock::Clock,
    world::{
        mesh::{Counts, Mesh},
        promql::{self, Failure, Labels, NAME, Samples, Value},
    },
};
use controller::ask::Answerer;
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask, HttpReply};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{MissedTickBehavior, interval, sleep};

mod http;
pub use http::serve;

/// Samples are kept this long.
const KEPT_MS: i64 = 3_600_000;

/// So many scrapes wait for a query.
const MOST_SCRAPED: usize = 1_000;

/// How the server feels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    #[default]
    Up,
    /// Nobody listens.
    Down,
    /// It never answers.
    Hangs,
    /// It answers this, whatever is asked.
    Says(u16, String),
}

/// A metrics server. Copies are handles of the same one.
#[derive(Clone, Debug)]
pub struct Prometheus {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    series: BTreeMap<Labels, Samples>,
    /// What was scraped since the last query: most of it is never asked for.
    scraped: Vec<(i64, Counts)>,
    health: Health,
    asked: u64,
}

impl Prometheus {
    pub(crate) fn new(clock: Clock) -> Prometheus {
        Prometheus { clock, shared: Arc::default() }
    }

    /// Sets how it feels from now on.
    pub fn set_health(&self, health: Health) {
        self.lock().health = health;
    }

    /// How many queries it got.
    pub fn asked(&self) -> u64 {
        self.lock().asked
    }

    /// Answers an instant query in the format of Prometheus' API.
    pub fn query(&self, text: &str) -> HttpReply {
        let mut shared = self.lock();
        shared.asked += 1;
        let now = self.clock.now().timestamp_millis();
        shared.sort_in();
        match promql::query(text, &shared.series, now) {
            Ok(value) => reply(value, now),
            Err(failure) => {
                let (status, kind) = match failure {
                    Failure::Unreadable(_) => (400, "bad_data"),
                    Failure::Unsupported(_) => (422, "execution"),
                };
                let body = json!({ "status": "error", "errorType": kind, "error": failure.to_string() });
                HttpReply { status, body: body.to_string() }
            }
        }
    }

    /// Adds one sample of every counter.
    fn take_in(&self, counts: Counts) {
        let now = self.clock.now().timestamp_millis();
        let mut shared = self.lock();
        shared.scraped.push((now, counts));
        if shared.scraped.len() > MOST_SCRAPED {
            shared.sort_in();
        }
    }

    fn health(&self) -> Health {
        self.lock().health.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Puts what was scraped into its series.
    fn sort_in(&mut self) {
        for (now, counts) in std::mem::take(&mut self.scraped) {
            for (labels, value) in samples_of(&counts) {
                let samples = self.series.entry(labels).or_default();
                samples.push_back((now, value));
                while samples.front().is_some_and(|(time, _)| *time < now - KEPT_MS) {
                    samples.pop_front();
                }
            }
        }
    }
}

/// Scrapes for ever.
pub(crate) async fn scrape(prometheus: Prometheus, mesh: Mesh) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        prometheus.take_in(mesh.counts());
    }
}

impl Answerer for Prometheus {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        let own = self.clone();
        async move {
            let Ask::Metric(ask) = ask else { return Answer::Metric(Err(format!("not a metric: {ask}"))) };
            Answer::Metric(match own.health() {
                Health::Up => Ok(own.query(&ask.query.to_string())),
                Health::Down => Err("the request failed: tcp connect error: Connection refused (os error 111)".into()),
                Health::Says(status, body) => Ok(HttpReply { status, body }),
                Health::Hangs => {
                    sleep(Duration::from_secs(ask.timeout_secs)).await;
                    Err(format!("no reply from {} within {} s", ask.address, ask.timeout_secs))
                }
            })
        }
        .boxed()
    }
}

/// Every counter under the name that Envoy, or Istio's own statistics, give it.
fn samples_of(counts: &Counts) -> BTreeMap<Labels, f64> {
    let mut samples: BTreeMap<Labels, f64> = BTreeMap::new();
    let mut add = |pairs: &[(&str, &str)], count: u64| {
        let labels = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        // Counts of requests are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let count = count as f64;
        *samples.entry(labels).or_default() += count;
    };
    let lost = counts.lost_by_cluster.iter().map(|(cluster, count)| (cluster, 503, *count));
    let served = counts.served.iter().map(|(served, count)| (&served.cluster, served.code, *count));
    for (cluster, code, count) in served.chain(lost) {
        let (name, code, class) = (cluster.name(), code.to_string(), (code / 100).to_string());
        let of_cluster = ("envoy_cluster_name", name.as_str());
        add(&[(NAME, "envoy_cluster_upstream_rq_total"), of_cluster], count);
        add(&[(NAME, "envoy_cluster_upstream_rq"), of_cluster, ("envoy_response_code", &code)], count);
        add(&[(NAME, "envoy_cluster_upstream_rq_xx"), of_cluster, ("envoy_response_code_class", &class)], count);
        let istio = [
            (NAME, "istio_requests_total"),
            ("reporter", "source"),
            ("destination_service", &cluster.host()),
            ("destination_service_name", &cluster.service),
            ("destination_service_namespace", &cluster.namespace),
            ("response_code", &code),
        ];
        add(&istio, count);
    }
    for (cluster, millis) in &counts.time_ms {
        let name = cluster.name();
        add(&[(NAME, "envoy_cluster_upstream_rq_time_sum"), ("envoy_cluster_name", &name)], *millis);
        let answered = counts.answered(|served| served.cluster == *cluster);
        add(&[(NAME, "envoy_cluster_upstream_rq_time_count"), ("envoy_cluster_name", &name)], answered);
    }
    samples
}

/// A value in the format of Prometheus' API.
pub(crate) fn reply(value: Value, now: i64) -> HttpReply {
    let (result_type, result) = shown(value, now);
    let data = json!({ "resultType": result_type, "result": result });
    HttpReply { status: 200, body: json!({ "status": "success", "data": data }).to_string() }
}

fn shown(value: Value, now: i64) -> (&'static str, serde_json::Value) {
    // Milliseconds since 1970 are exact in an f64.
    #[allow(clippy::cast_precision_loss)]
    let at = now as f64 / 1000.0;
    match value {
        Value::Scalar(value) => ("scalar", json!([at, number(value)])),
        Value::Text(text) => ("string", json!([at, text])),
        Value::Vector(all) => {
            let rows = all.into_iter().map(|(labels, value)| json!({ "metric": labels, "value": [at, number(value)] }));
            ("vector", rows.collect())
        }
    }
}

/// A number as Prometheus writes it.
fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}
