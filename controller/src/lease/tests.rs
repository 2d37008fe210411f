//! The election on paused time: against a server that holds Leases, refuses old versions, and may fall silent.

use super::*;
use crate::testing::{self, Got};
use std::sync::{Arc, Mutex};

/// Leases by path, with a version each.
#[derive(Default)]
struct Leases {
    objects: BTreeMap<String, (u64, Value)>,
    is_silent: bool,
}

type Shared = Arc<Mutex<Leases>>;

impl Leases {
    fn answer(&mut self, got: &Got) -> (u16, Value) {
        if self.is_silent {
            return (0, Value::Null);
        }
        let name = match got.method.as_str() {
            "POST" => got.body["metadata"]["name"].as_str().expect("a name").to_owned(),
            _ => got.path.rsplit('/').next().expect("a name").to_owned(),
        };
        let held = self.objects.get(&name).cloned();
        match (got.method.as_str(), held) {
            ("GET", Some((_, lease))) => (200, lease),
            ("GET" | "PUT", None) => (404, json!({"message": "not found"})),
            ("POST", Some(_)) => (409, json!({"message": "already exists"})),
            (_, held) => {
                let version = held.map_or(0, |(version, _)| version);
                let named = got.body["metadata"]["resourceVersion"].as_str().unwrap_or("0");
                if named != version.to_string() {
                    return (409, json!({"message": "conflict"}));
                }
                let mut lease = got.body.clone();
                lease["metadata"]["resourceVersion"] = (version + 1).to_string().into();
                self.objects.insert(name, (version + 1, lease.clone()));
                (200, lease)
            }
        }
    }

    fn holder(&self, name: &str) -> String {
        self.objects.get(name).map_or_else(String::new, |(_, lease)| {
            lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
        })
    }
}

fn candidate(shared: &Shared, identity: &str) -> (Election, Leadership) {
    let leases = Arc::clone(shared);
    let (client, _) = testing::server(move |got| leases.lock().expect("leases").answer(got));
    let clock = Clock::starting_at(DateTime::UNIX_EPOCH);
    Election::new(client, clock, LeaseSettings::new(identity, "system"), "")
}

async fn after(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_the_other_takes_over_when_it_is_gone() {
    let shared = Shared::default();
    let (mut one, one_leads) = candidate(&shared, "one");
    let (mut two, two_leads) = candidate(&shared, "two");
    let first = tokio::spawn(async move { one.run().await });
    after(1).await;
    let _second = tokio::spawn(async move { two.run().await });
    after(60).await;
    assert!(one_leads.may_write() && !two_leads.may_write());
    for lease in [OWN_NAME, UPSTREAM_NAME] {
        assert_eq!(shared.lock().expect("leases").holder(lease), "one");
    }
    first.abort();
    after(12).await;
    assert!(!one_leads.may_write(), "it stopped by itself");
    assert!(!two_leads.may_write(), "not before the lease has run out");
    after(10).await;
    assert!(two_leads.may_write());
}

#[tokio::test(start_paused = true)]
async fn writing_stops_before_the_lease_runs_out_when_the_server_is_silent() {
    let shared = Shared::default();
    let (mut one, leads) = candidate(&shared, "one");
    let running = tokio::spawn(async move { one.run().await });
    after(5).await;
    assert!(leads.may_write());
    shared.lock().expect("leases").is_silent = true;
    let silent_since = Instant::now();
    let lost = running.await.expect("ends");
    assert_eq!(lost, Lost::Late(Duration::from_secs(10)));
    assert!(silent_since.elapsed() <= Duration::from_secs(10), "{:?}", silent_since.elapsed());
    assert!(!leads.may_write());
}

#[tokio::test(start_paused = true)]
async fn upstream_keeps_us_away_as_long_as_it_renews() {
    let shared = Shared::default();
    let mut spec = json!({"holderIdentity": "upstream", "leaseDurationSeconds": 15, "renewTime": "t0"});
    let lease = |spec: &Value, version: u64| {
        (version, json!({"metadata": {"name": UPSTREAM_NAME, "resourceVersion": version.to_string()}, "spec": spec}))
    };
    shared.lock().expect("leases").objects.insert(UPSTREAM_NAME.into(), lease(&spec, 1));
    let (mut one, leads) = candidate(&shared, "one");
    let _running = tokio::spawn(async move { one.run().await });
    for renewal in 2..6 {
        after(14).await;
        spec["renewTime"] = format!("t{renewal}").into();
        shared.lock().expect("leases").objects.insert(UPSTREAM_NAME.into(), lease(&spec, renewal));
        assert!(!leads.may_write());
    }
    // Its clock may show anything: what counts is that the record does not change any more.
    after(20).await;
    assert!(leads.may_write());
}

#[tokio::test(start_paused = true)]
async fn a_release_lets_the_next_one_in_at_once() {
    let shared = Shared::default();
    let (mut one, one_leads) = candidate(&shared, "one");
    tokio::time::timeout(Duration::from_secs(5), one.run()).await.expect_err("leads until it is stopped");
    assert!(one_leads.may_write());
    one.release().await;
    assert!(!one_leads.may_write());
    let (mut two, two_leads) = candidate(&shared, "two");
    let _second = tokio::spawn(async move { two.run().await });
    after(1).await;
    assert!(two_leads.may_write());
}

#[tokio::test(start_paused = true)]
async fn a_stolen_lease_ends_the_term() {
    let shared = Shared::default();
    let (mut one, leads) = candidate(&shared, "one");
    let running = tokio::spawn(async move { one.run().await });
    after(1).await;
    {
        let mut leases = shared.lock().expect("leases");
        let (version, mut lease) = leases.objects.get(OWN_NAME).cloned().expect("held");
        lease["spec"]["holderIdentity"] = "thief".into();
        lease["metadata"]["resourceVersion"] = (version + 1).to_string().into();
        leases.objects.insert(OWN_NAME.into(), (version + 1, lease));
    }
    let lost = running.await.expect("ends");
    assert_eq!(lost, Lost::Taken { lease: OWN_NAME.into(), holder: "thief".into() });
    assert!(!leads.may_write());
}
