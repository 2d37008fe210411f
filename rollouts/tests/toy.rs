//! A toy cluster for the rules: objects as JSON, plans carried out at once, pods that become ready when told. It knows no API
//! server's subtleties; those belong to the simulator. It lets a story of the rules be played in microseconds.

// A bench includes this file by its path, from which a module of it would be looked for elsewhere.
#[path = "toy/words.rs"]
mod words;

use chrono::{DateTime, TimeDelta, Utc};
use crds::{
    AnalysisRun, AnalysisTemplate, EndpointSlice, Experiment, Pod, RawObject, ReplicaSet, Rollout, Service, keys, kind,
};
use plan::{Moves, ObjectRef, Plan, Requeue, Verb};
use rollouts::{Observed, Refusal, audit, decide, rollout::workload::resolved};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The hash label, in short.
const HASH: &str = keys::POD_TEMPLATE_HASH;

pub struct Toy {
    pub now: DateTime<Utc>,
    pub rollout: Value,
    pub sets: BTreeMap<String, Value>,
    /// Pods by name, as they were made and changed since.
    pub pods: BTreeMap<String, Value>,
    /// Deployments and the like, by kind and name.
    pub workloads: BTreeMap<(String, String), Value>,
    pub services: BTreeMap<String, Value>,
    pub routes: BTreeMap<String, Value>,
    pub rules: BTreeMap<String, Value>,
    pub runs: BTreeMap<String, Value>,
    pub experiments: BTreeMap<String, Value>,
    pub templates: BTreeMap<String, Value>,
    pub events: Vec<String>,
    /// What Events and conditions said, in full.
    pub told: BTreeSet<String>,
    pub log: Vec<String>,
    pub pods_become_ready: bool,
    /// Whether pods that are ready stand in EndpointSlices.
    pub endpoints_follow: bool,
    /// What the API server says when we write an object of this kind and name.
    pub refusals: BTreeMap<(String, String), String>,
    /// EndpointSlices, and the counts of ReplicaSets, are shown as they were one look ago.
    pub lags: bool,
    /// Major and minor version of the API server.
    pub server: Option<(u32, u32)>,
    refused: Option<Refusal>,
    shown: Option<Shown>,
    version: u64,
}

/// What a cluster that lags shows.
struct Shown {
    slices: Vec<Arc<EndpointSlice>>,
    counts: BTreeMap<String, Value>,
}

pub fn routed(steps: Value) -> Value {
    json!({
        "canaryService": "canary", "stableService": "stable", "steps": steps,
        "trafficRouting": {"istio": {"virtualService": {"name": "web"}}},
    })
}

pub fn metric() -> Value {
    json!({"metrics": [{"name": "m", "provider": {"prometheus": {"query": "up"}}}]})
}

/// A routed canary of the second image that stands where its steps first hold it.
pub fn updating(strategy: Value, replicas: i32) -> Toy {
    let mut toy = Toy::new(strategy, replicas)
        .with_istio_hosts()
        .with_template("rate", metric())
        .with_template("watch", metric());
    toy.settle();
    toy.set_image("web:2");
    toy.settle();
    toy
}

/// A run of this suffix, by revision, step and number.
pub fn run(toy: &Toy, suffix: &str) -> String {
    format!("web-{}-{suffix}", toy.hash_of("web:2"))
}

impl Toy {
    pub fn new(strategy: Value, replicas: i32) -> Self {
        let rollout = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "rollout-uid", "resourceVersion": "1", "generation": 1},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "web:1"}]}},
                "strategy": {"canary": strategy},
            },
        });
        let now = DateTime::from_timestamp(1_700_000_000, 0).expect("is a time");
        let empty = BTreeMap::new;
        Self {
            now,
            rollout,
            sets: empty(),
            pods: empty(),
            workloads: BTreeMap::new(),
            services: empty(),
            routes: empty(),
            rules: empty(),
            runs: empty(),
            experiments: empty(),
            templates: empty(),
            events: Vec::new(),
            told: BTreeSet::new(),
            log: Vec::new(),
            pods_become_ready: true,
            endpoints_follow: true,
            refusals: BTreeMap::new(),
            lags: false,
            server: Some((1, 30)),
            refused: None,
            shown: None,
            version: 1,
        }
    }

    /// Blue-green behind the Services `active` and `preview`, with these fields beside them.
    pub fn blue_green(fields: Value, replicas: i32) -> Self {
        let mut toy = Self::new(Value::Null, replicas);
        let mut strategy = json!({"activeService": "active", "previewService": "preview"});
        merge(&mut strategy, &fields);
        toy.rollout["spec"]["strategy"] = json!({ "blueGreen": strategy });
        for name in ["active", "preview"] {
            toy.add_service(name);
        }
        toy.with_template("rate", metric()).with_template("watch", metric())
    }

    fn add_service(&mut self, name: &str) {
        let meta = json!({"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"});
        self.services.insert(name.into(), json!({"metadata": meta, "spec": {"selector": {"app": "web"}}}));
    }

    /// The image that a Service leads to; empty where it leads to all of them.
    pub fn behind(&self, service: &str) -> String {
        let hash = &self.services[service]["spec"]["selector"][HASH];
        let set = self.sets.values().find(|set| set["metadata"]["labels"][HASH] == *hash);
        let image = |set: &Value| set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned);
        set.and_then(image).unwrap_or_default()
    }

    /// Adds the two Services and a VirtualService over them.
    pub fn with_istio_hosts(mut self) -> Self {
        for name in ["canary", "stable"] {
            self.add_service(name);
        }
        let route = json!([{"destination": {"host": "stable"}, "weight": 100}, {"destination": {"host": "canary"}, "weight": 0}]);
        self.add_route(route);
        self
    }

    /// Adds one Service, a DestinationRule with two subsets and a VirtualService over them.
    pub fn with_istio_subsets(mut self) -> Self {
        let service = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "web", "resourceVersion": "1"}, "spec": {"selector": {"app": "web"}}});
        self.services.insert("web".into(), service);
        let subsets =
            json!([{"name": "stable", "labels": {"app": "web"}}, {"name": "canary", "labels": {"app": "web"}}]);
        let meta = json!({"name": "web", "namespace": "shop", "uid": "rule", "resourceVersion": "1"});
        self.rules.insert(
            "web".into(),
            json!({"metadata": meta, "spec": {"host": "web.shop.svc.cluster.local", "subsets": subsets}}),
        );
        self.add_route(json!([{"destination": {"host": "web", "subset": "stable"}, "weight": 100}, {"destination": {"host": "web", "subset": "canary"}, "weight": 0}]));
        self
    }

    fn add_route(&mut self, route: Value) {
        let meta = json!({"name": "web", "namespace": "shop", "uid": "vs", "resourceVersion": "1"});
        self.routes.insert(
            "web".into(),
            json!({"metadata": meta, "spec": {"hosts": ["web"], "http": [{"name": "primary", "route": route}]}}),
        );
    }

    pub fn with_template(mut self, name: &str, spec: Value) -> Self {
        self.templates.insert(name.into(), json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec}));
        self
    }

    pub fn observe(&self) -> Observed {
        let pods = self.pods();
        let shown = self.shown.as_ref().filter(|_| self.lags);
        let set_of = |(name, set): (&String, &Value)| {
            let mut set = set.clone();
            if let Some(counts) = shown.and_then(|shown| shown.counts.get(name)) {
                set["status"] = counts.clone();
            }
            Arc::new(ReplicaSet::from_value(&set).expect("a replica set"))
        };
        let routed = self.routed();
        let rollout = Arc::new(Rollout::from_value(&self.rollout).expect("a rollout"));
        let (rollout, workload) = resolved(rollout, &routed);
        Observed {
            rollout,
            workload,
            replica_sets: self.sets.iter().map(set_of).collect(),
            services: self
                .services
                .iter()
                .map(|(name, value)| (name.clone(), Arc::new(Service::from_value(value).expect("a service"))))
                .collect(),
            endpoint_slices: shown.map_or_else(|| self.slices(&pods), |shown| shown.slices.clone()),
            refused: self.refused.clone(),
            server: self.server,
            routed,
            runs: self.runs.values().map(|run| Arc::new(AnalysisRun::from_value(run).expect("a run"))).collect(),
            experiments: self
                .experiments
                .values()
                .map(|value| Arc::new(Experiment::from_value(value).expect("an experiment")))
                .collect(),
            templates: self
                .templates
                .iter()
                .map(|(name, value)| (name.clone(), Arc::new(AnalysisTemplate::from_value(value).expect("a template"))))
                .collect(),
            pods,
            ..Observed::default()
        }
    }

    fn routed(&self) -> BTreeMap<ObjectRef, Arc<RawObject>> {
        let of_kind = |kind, objects: &BTreeMap<String, Value>| {
            let whole = |value| Arc::new(RawObject::from_value(value).expect("an object"));
            let named = objects.iter().map(|(name, value)| (ObjectRef::of(kind, "shop", name), whole(value)));
            named.collect::<Vec<_>>()
        };
        let routes = of_kind(&kind::VIRTUAL_SERVICE, &self.routes);
        let workloads = self.workloads.iter().map(|((of, name), value)| {
            let group = if of == "PodTemplate" { "" } else { "apps" };
            let whole = RawObject::from_value(value).expect("an object");
            (ObjectRef::new(group, "v1", of, Some("shop"), name), Arc::new(whole))
        });
        routes.into_iter().chain(of_kind(&kind::DESTINATION_RULE, &self.rules)).chain(workloads).collect()
    }

    fn slices(&self, pods: &[Arc<Pod>]) -> Vec<Arc<EndpointSlice>> {
        let pods = if self.endpoints_follow { pods } else { &[] };
        self.services.iter().map(|(name, service)| slice(name, service, pods)).collect()
    }

    fn pods(&self) -> Vec<Arc<Pod>> {
        self.made().values().map(|pod| Arc::new(Pod::from_value(pod).expect("a pod"))).collect()
    }

    /// The pods that the counts tell of: those that were there before stay as they are.
    pub fn made(&self) -> BTreeMap<String, Value> {
        let of_set = |(name, set): (&String, &Value)| {
            let available = set.pointer("/status/availableReplicas").and_then(Value::as_i64).unwrap_or(0);
            let metadata = set.pointer("/spec/template/metadata").cloned().unwrap_or_default();
            let owner = json!([{"kind": "ReplicaSet", "name": name, "uid": name, "controller": true}]);
            let pods = (0..available).map(|index| {
                let name = format!("{name}-{index}");
                let mut pod = json!({"metadata": metadata});
                pod["metadata"]["name"] = name.clone().into();
                pod["metadata"]["ownerReferences"] = owner.clone();
                pod["metadata"]["resourceVersion"] = "0".into();
                let pod = self.pods.get(&name).cloned().unwrap_or(pod);
                (name, pod)
            });
            pods.collect::<Vec<_>>()
        };
        self.sets.iter().flat_map(of_set).collect()
    }

    /// One look; returns the plan after it was carried out.
    pub fn step(&mut self) -> Plan {
        let observed = self.observe();
        let plan = decide(&observed, self.now);
        audit(&observed, &plan, self.now).expect("the plan breaks no invariant");
        assert_eq!(plan, decide(&observed, self.now), "the same view gives the same plan");
        self.log.extend(plan.to_string().lines().map(Into::into));
        let counts = self.sets.iter().map(|(name, set)| (name.clone(), set["status"].clone())).collect();
        self.shown = Some(Shown { slices: self.slices(&observed.pods), counts });
        // What was refused stays known until something else than a report is written.
        self.refused = self.refused.take().filter(|_| plan.writes().iter().all(|write| write.moves == Moves::Report));
        for write in plan.writes() {
            let object = write.verb.object();
            if let Some(words) = self.refusals.get(&(object.kind.clone(), object.name.clone())) {
                let is_eviction = write.verb.is_eviction();
                self.refused =
                    Some(Refusal { object: object.clone(), is_eviction, message: words.clone(), at: self.now });
                break;
            }
            self.carry_out(&write.verb);
            self.events.extend(write.events.iter().map(|event| event.reason.clone()));
            self.told.extend(write.events.iter().map(|event| format!("{}: {}", event.reason, event.message)));
            let conditions = self.rollout["status"]["conditions"].as_array().into_iter().flatten();
            let text = |condition: &Value, name: &str| condition[name].as_str().unwrap_or_default().to_owned();
            self.told.extend(conditions.map(|condition| {
                let [kind, status, reason, message] =
                    ["type", "status", "reason", "message"].map(|name| text(condition, name));
                format!("{kind} {status} {reason}: {message}")
            }));
        }
        plan
    }

    fn carry_out(&mut self, verb: &Verb) {
        self.version += 1;
        let version = self.version.to_string();
        match verb {
            Verb::Create { object, body } => {
                let mut created = body.clone();
                created["metadata"]["uid"] = object.name.clone().into();
                created["metadata"]["resourceVersion"] = version.into();
                created["metadata"]["creationTimestamp"] = crds::Time::from(self.now).to_string().into();
                self.kind(&object.kind).insert(object.name.clone(), created);
            }
            Verb::Patch { target, body, subresource } => {
                let name = target.object.name.clone();
                let generation = u64::from(subresource.is_none() && body.get("spec").is_some());
                let key = (target.object.kind.clone(), name.clone());
                let live = if target.object.kind == "Rollout" {
                    &mut self.rollout
                } else if let Some(workload) = self.workloads.get_mut(&key) {
                    workload
                } else {
                    self.kind(&target.object.kind).get_mut(&name).expect("exists")
                };
                assert_eq!(
                    live["metadata"]["resourceVersion"], target.resource_version,
                    "written on the version that was seen"
                );
                merge(live, body);
                live["metadata"]["resourceVersion"] = version.into();
                let before = live["metadata"]["generation"].as_u64().unwrap_or(0);
                live["metadata"]["generation"] = (before + generation).into();
            }
            Verb::Delete { target, .. } => _ = self.kind(&target.object.kind).remove(&target.object.name),
            Verb::Evict { target } => panic!("pods here have no owner that could miss {}", target.object.name),
            Verb::Apply { .. } => panic!("rollouts never apply"),
        }
    }

    fn kind(&mut self, kind: &str) -> &mut BTreeMap<String, Value> {
        match kind {
            "ReplicaSet" => &mut self.sets,
            "Pod" => &mut self.pods,
            "Service" => &mut self.services,
            "VirtualService" => &mut self.routes,
            "DestinationRule" => &mut self.rules,
            "AnalysisRun" => &mut self.runs,
            "Experiment" => &mut self.experiments,
            other => panic!("no {other} here"),
        }
    }

    /// Pods follow their ReplicaSets.
    pub fn kubelet(&mut self) {
        for set in self.sets.values_mut() {
            let asked = set["spec"]["replicas"].as_i64().unwrap_or(0);
            let available = set.pointer("/status/availableReplicas").and_then(Value::as_i64).unwrap_or(0);
            let ready = if self.pods_become_ready { asked } else { available.min(asked) };
            set["status"] = json!({"replicas": asked, "readyReplicas": ready, "availableReplicas": ready, "observedGeneration": set["metadata"]["generation"]});
        }
        self.pods = self.made();
    }

    /// Looks so many times; pods follow after each look.
    pub fn looks(&mut self, times: usize) {
        for _ in 0..times {
            self.step();
            self.kubelet();
        }
    }

    /// Looks until nothing moves; pods follow after each look.
    pub fn settle(&mut self) -> Plan {
        // What lags shows two looks later that nothing moves any more.
        let needed = if self.lags { 3 } else { 1 };
        let mut quiet = 0;
        for _ in 0..200 {
            let plan = self.step();
            let before = self.sets.clone();
            self.kubelet();
            let is_quiet = plan.writes().is_empty() && self.sets == before;
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet >= needed {
                return plan;
            }
        }
        panic!("it never settles:\n{}", self.tail());
    }

    /// Lets time pass to the next wake-up, and settles.
    pub fn wake(&mut self) -> Plan {
        let plan = self.step();
        if let Requeue::At(time) = plan.requeue {
            self.now = time;
        }
        self.settle()
    }

    pub fn pass(&mut self, secs: i64) -> Plan {
        self.now += TimeDelta::seconds(secs);
        self.settle()
    }

    /// A user's merge patch of the Rollout.
    pub fn patch(&mut self, patch: Value) {
        merge(&mut self.rollout, &patch);
        self.version += 1;
        self.rollout["metadata"]["resourceVersion"] = self.version.to_string().into();
        let before = self.rollout["metadata"]["generation"].as_u64().unwrap_or(0);
        self.rollout["metadata"]["generation"] = (before + u64::from(patch.get("spec").is_some())).into();
    }

    pub fn set_image(&mut self, image: &str) {
        self.patch(json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}));
    }

    /// A run ends.
    pub fn end_run(&mut self, name: &str, phase: &str, message: &str) {
        let run = self.runs.get_mut(name).unwrap_or_else(|| panic!("run {name} exists"));
        run["status"] = json!({"phase": phase, "message": message, "metricResults": [], "runSummary": {}});
    }

    /// An experiment gets this phase.
    pub fn end_experiment(&mut self, name: &str, phase: &str, message: &str) {
        let experiment = self.experiments.get_mut(name).unwrap_or_else(|| panic!("experiment {name} exists"));
        experiment["status"] = json!({"phase": phase, "message": message});
    }

    /// The last lines of the transcript.
    pub fn tail(&self) -> String {
        let from = self.log.len().saturating_sub(60);
        let shorten = |line: &String| line.chars().take(600).collect::<String>();
        self.log[from..].iter().map(shorten).collect::<Vec<_>>().join("\n")
    }

    pub fn status(&self, pointer: &str) -> Value {
        self.rollout.pointer(&format!("/status/{pointer}")).cloned().unwrap_or_default()
    }

    pub fn weight(&self) -> i64 {
        self.routes["web"]["spec"]["http"][0]["route"][1]["weight"].as_i64().expect("a weight")
    }

    /// Pods asked for by the ReplicaSet of an image.
    pub fn pods_of(&self, image: &str) -> i64 {
        let set = self.sets.values().find(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == image);
        set.map_or(0, |set| set["spec"]["replicas"].as_i64().expect("replicas"))
    }

    pub fn hash_of(&self, image: &str) -> String {
        let set = self.sets.values().find(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == image);
        set.and_then(|set| set["metadata"]["labels"][HASH].as_str()).unwrap_or_default().into()
    }

    /// Whether a ReplicaSet keeps pods only for a while.
    pub fn has_deadlines(&self) -> bool {
        self.sets.values().any(|set| set.pointer("/metadata/annotations/scale-down-deadline").is_some())
    }
}

fn slice(name: &str, service: &Value, pods: &[Arc<Pod>]) -> Arc<EndpointSlice> {
    let selector: BTreeMap<String, String> =
        serde_json::from_value(service["spec"]["selector"].clone()).expect("a selector");
    let selected =
        pods.iter().filter(|pod| selector.iter().all(|(key, value)| pod.metadata.labels.get(key) == Some(value)));
    let endpoints: Vec<Value> = selected.map(|pod| json!({"addresses": ["x"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": pod.metadata.name}})).collect();
    let slice = json!({"metadata": {"name": name, "labels": {keys::SERVICE_NAME: name}}, "endpoints": endpoints});
    Arc::new(EndpointSlice::from_value(&slice).expect("a slice"))
}

pub fn merge(live: &mut Value, patch: &Value) {
    let (Value::Object(fields), true) = (patch, live.is_object() || live.is_null()) else {
        *live = patch.clone();
        return;
    };
    if live.is_null() {
        *live = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            live.as_object_mut().expect("an object").remove(key);
        } else {
            merge(&mut live[key.as_str()], value);
        }
    }
}
