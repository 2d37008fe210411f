//! A toy cluster for one Experiment, as `toy.rs` is one for a Rollout: plans are carried out at once, pods become ready when told.

use crate::toy::merge;
use chrono::{DateTime, TimeDelta, Utc};
use crds::{AnalysisRun, AnalysisTemplate, Experiment, RawObject, ReplicaSet, Service};
use plan::{Moves, Plan, Requeue, Verb};
use rollouts::{
    Refusal,
    experiment::{Observed, decide},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

pub struct Lab {
    pub now: DateTime<Utc>,
    pub experiment: Value,
    pub objects: BTreeMap<(String, String), Value>,
    /// Objects of the routers of its Rollout.
    pub routes: Vec<Value>,
    pub told: Vec<String>,
    pub log: Vec<String>,
    pub pods_become_ready: bool,
    /// What the API server says when we write an object of this kind and name.
    pub refusals: BTreeMap<(String, String), String>,
    /// So many writes of a plan are carried out before the controller dies.
    pub most_writes: usize,
    refused: Option<Refusal>,
    version: u64,
}

pub fn template(name: &str, image: &str) -> Value {
    let container = json!({"name": "app", "image": image, "ports": [{"name": "http", "containerPort": 8080}]});
    let labels = json!({"app": "web", "side": name});
    json!({
        "name": name, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    })
}

/// One with a Service.
pub fn served(name: &str, image: &str) -> Value {
    let mut template = template(name, image);
    template["service"] = json!({});
    template
}

impl Lab {
    pub fn new(spec: Value) -> Self {
        let meta = json!({"name": "trial", "namespace": "shop", "uid": "trial-uid", "resourceVersion": "1"});
        Self {
            now: DateTime::from_timestamp(1_700_000_000, 0).expect("is a time"),
            experiment: json!({"metadata": meta, "spec": spec}),
            objects: BTreeMap::new(),
            routes: Vec::new(),
            told: Vec::new(),
            log: Vec::new(),
            pods_become_ready: true,
            refusals: BTreeMap::new(),
            most_writes: usize::MAX,
            refused: None,
            version: 1,
        }
    }

    fn of_kind<T>(&self, kind: &str, read: fn(&Value) -> Result<T, crds::FieldError>) -> Vec<Arc<T>> {
        let objects = self.objects.iter().filter(|((of, _), _)| of == kind);
        objects.map(|(_, object)| Arc::new(read(object).expect("reads"))).collect()
    }

    pub fn observe(&self) -> Observed {
        let args = ["hash", "set", "from"].map(|name| json!({"name": name, "value": ""}));
        let metrics = json!([{"name": "m", "provider": {"prometheus": {"query": "up"}}}]);
        let rate =
            json!({"metadata": {"name": "rate", "namespace": "shop"}, "spec": {"metrics": metrics, "args": args}});
        let rate = Arc::new(AnalysisTemplate::from_value(&rate).expect("a template"));
        Observed {
            experiment: Arc::new(Experiment::from_value(&self.experiment).expect("an experiment")),
            routed: self
                .routes
                .iter()
                .map(|route| Arc::new(RawObject::from_value(route).expect("an object")))
                .collect(),
            replica_sets: self.of_kind("ReplicaSet", ReplicaSet::from_value),
            services: self.of_kind("Service", Service::from_value),
            runs: self.of_kind("AnalysisRun", AnalysisRun::from_value),
            templates: [("rate".to_owned(), rate)].into(),
            refused: self.refused.clone(),
            ..Observed::default()
        }
    }

    /// One look; returns the plan after it was carried out.
    pub fn step(&mut self) -> Plan {
        let observed = self.observe();
        let plan = decide(&observed, self.now);
        assert_eq!(plan, decide(&observed, self.now), "the same view gives the same plan");
        assert!(!(plan.moves_memory() && plan.moves_world()), "it moves one of the two");
        self.log.extend(plan.to_string().lines().map(Into::into));
        self.refused = self.refused.take().filter(|_| plan.writes().iter().all(|write| write.moves == Moves::Report));
        for write in plan.writes().iter().take(self.most_writes) {
            let object = write.verb.object();
            if let Some(words) = self.refusals.get(&(object.kind.clone(), object.name.clone())) {
                let is_eviction = write.verb.is_eviction();
                self.refused =
                    Some(Refusal { object: object.clone(), is_eviction, message: words.clone(), at: self.now });
                break;
            }
            self.carry_out(&write.verb);
            let own = write.events.iter().filter(|event| event.about.is_none());
            self.told.extend(own.map(|event| format!("{}: {}", event.reason, event.message)));
        }
        plan
    }

    fn carry_out(&mut self, verb: &Verb) {
        self.version += 1;
        let version = Value::from(self.version.to_string());
        let object = verb.object();
        let key = (object.kind.clone(), object.name.clone());
        match verb {
            Verb::Create { body, .. } => {
                let mut created = body.clone();
                created["metadata"]["uid"] = object.name.clone().into();
                created["metadata"]["resourceVersion"] = version;
                assert!(self.objects.insert(key, created).is_none(), "{object} is there already");
            }
            Verb::Patch { target, body, .. } => {
                let is_own = object.kind == "Experiment";
                let live = if is_own { &mut self.experiment } else { self.objects.get_mut(&key).expect("exists") };
                assert_eq!(
                    live["metadata"]["resourceVersion"], target.resource_version,
                    "on the version that was seen"
                );
                merge(live, body);
                live["metadata"]["resourceVersion"] = version;
            }
            Verb::Delete { .. } => _ = self.objects.remove(&key),
            Verb::Evict { .. } | Verb::Apply { .. } => panic!("experiments never do that"),
        }
    }

    /// Pods follow their ReplicaSets.
    pub fn kubelet(&mut self) {
        for (_, set) in self.objects.iter_mut().filter(|((kind, _), _)| kind == "ReplicaSet") {
            let asked = set["spec"]["replicas"].as_i64().unwrap_or(0);
            let available = set.pointer("/status/availableReplicas").and_then(Value::as_i64).unwrap_or(0);
            let ready = if self.pods_become_ready { asked } else { available.min(asked) };
            set["status"] = json!({"replicas": asked, "readyReplicas": ready, "availableReplicas": ready});
        }
    }

    pub fn set_available(&mut self, name: &str, available: i64) {
        let set = self.objects.get_mut(&("ReplicaSet".into(), name.into())).expect("is there");
        set["status"]["availableReplicas"] = available.into();
    }

    /// Looks so many times; pods follow after each look.
    pub fn looks(&mut self, times: usize) -> Plan {
        let mut last = Plan::empty();
        for _ in 0..times {
            last = self.step();
            self.kubelet();
        }
        last
    }

    /// Looks until nothing moves; pods follow after each look.
    pub fn settle(&mut self) -> Plan {
        for _ in 0..100 {
            let plan = self.step();
            let before = self.objects.clone();
            self.kubelet();
            if plan.writes().is_empty() && self.objects == before {
                return plan;
            }
        }
        panic!("it never settles:\n{}", self.tail());
    }

    /// Lets time pass to the next wake-up, and settles.
    pub fn wake(&mut self) -> Plan {
        if let Requeue::At(time) = self.step().requeue {
            self.now = time;
        }
        self.settle()
    }

    pub fn pass(&mut self, secs: i64) -> Plan {
        self.now += TimeDelta::seconds(secs);
        self.settle()
    }

    /// A user's merge patch of the Experiment.
    pub fn patch(&mut self, patch: Value) {
        merge(&mut self.experiment, &patch);
        self.version += 1;
        self.experiment["metadata"]["resourceVersion"] = self.version.to_string().into();
    }

    /// A run gets this phase.
    pub fn end_run(&mut self, name: &str, phase: &str, message: &str) {
        let run = self.objects.get_mut(&("AnalysisRun".into(), name.into()));
        run.unwrap_or_else(|| panic!("run {name} exists"))["status"] = json!({"phase": phase, "message": message});
    }

    pub fn remove(&mut self, kind: &str, name: &str) {
        self.objects.remove(&(kind.into(), name.into())).expect("was there");
    }

    pub fn object(&self, kind: &str, name: &str) -> Value {
        let object = self.objects.get(&(kind.into(), name.into()));
        object.unwrap_or_else(|| panic!("there is a {kind} {name}:\n{}", self.tail())).clone()
    }

    /// The names of all objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<String> {
        self.objects.keys().filter(|(of, _)| of == kind).map(|(_, name)| name.clone()).collect()
    }

    /// Pods asked for by a ReplicaSet.
    pub fn pods(&self, name: &str) -> i64 {
        self.object("ReplicaSet", name)["spec"]["replicas"].as_i64().expect("replicas")
    }

    pub fn status(&self, pointer: &str) -> Value {
        self.experiment.pointer(&format!("/status/{pointer}")).cloned().unwrap_or_default()
    }

    pub fn condition(&self, condition_type: &str) -> (String, String, String) {
        let list = self.status("conditions");
        let found = list.as_array().into_iter().flatten().find(|condition| condition["type"] == condition_type);
        let text = |key: &str| found.and_then(|found| found[key].as_str()).unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// The last lines of the transcript.
    pub fn tail(&self) -> String {
        let from = self.log.len().saturating_sub(40);
        let shorten = |line: &String| line.chars().take(400).collect::<String>();
        self.log[from..].iter().map(shorten).collect::<Vec<_>>().join("\n")
    }
}
