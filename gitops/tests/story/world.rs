//! A small world for stories: a Git branch, an API server that knows server-side apply, and a loop that carries plans out.
//! Only as much of a real server as the stories need; the simulator has the whole.

use chrono::{DateTime, TimeDelta, Utc};
use crds::{Application, Rollout};
use gitops::{
    FIELD_MANAGER, Observed, Refusal,
    key::{self, Key},
};
use plan::{Answer, Answered, Ask, GitAnswer, LiveAsk, Moves, ObjectRef, Plan, Requeue, Verb, merge_patch};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

pub struct World {
    pub now: DateTime<Utc>,
    pub application: Value,
    pub objects: BTreeMap<Key, Value>,
    /// The commit and the files of the branch, or why Git cannot be reached.
    pub git: Result<(String, BTreeMap<String, String>), String>,
    pub commits: BTreeMap<String, BTreeMap<String, String>>,
    /// Objects whose apply is refused, by name.
    pub refuses: BTreeMap<String, String>,
    /// What the server puts into an object where it is missing, by name.
    pub defaults: BTreeMap<String, Value>,
    pub landed: Vec<ObjectRef>,
    pub refusals: Vec<Refusal>,
    pub answers: Vec<Answered>,
    /// One line for each write to another object than the Application.
    pub story: Vec<String>,
    pub memory_writes: usize,
    pub reports: usize,
    pub asks: usize,
    /// The controller dies after so many more writes and comes back with nothing but what the cluster holds.
    pub dies_after: Option<usize>,
    version: u64,
}

impl World {
    pub fn new(spec: Value) -> Self {
        let application = json!({
            "metadata": {"name": "web", "namespace": "argocd", "uid": "app", "resourceVersion": "1"},
            "spec": spec,
        });
        Self {
            now: DateTime::from_timestamp(1_800_000_000, 0).expect("is a time"),
            application,
            objects: BTreeMap::new(),
            git: Err("nothing was pushed".into()),
            commits: BTreeMap::new(),
            refuses: BTreeMap::new(),
            defaults: BTreeMap::new(),
            landed: Vec::new(),
            refusals: Vec::new(),
            answers: Vec::new(),
            story: Vec::new(),
            memory_writes: 0,
            reports: 0,
            asks: 0,
            dies_after: None,
            version: 1,
        }
    }

    pub fn push(&mut self, commit: &str, files: &[(&str, String)]) {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect::<BTreeMap<_, _>>();
        self.commits.insert(commit.to_owned(), files.clone());
        self.git = Ok((commit.to_owned(), files));
    }

    /// Carries plans out until nothing is to be written or asked now; the last plan tells why.
    pub fn settle(&mut self) -> Plan {
        for _ in 0..200 {
            let plan = self.pass();
            if plan.is_quiet() {
                return plan;
            }
        }
        panic!("the loop does not end: {:#?}", self.story);
    }

    /// Lets time pass, looking whenever a plan asked to look again.
    pub fn run_for(&mut self, seconds: i64) -> Plan {
        let end = self.now + TimeDelta::seconds(seconds);
        loop {
            let plan = self.settle();
            match plan.requeue {
                Requeue::At(next) if next <= end => {
                    assert!(next > self.now, "a wake-up in the past: {plan}");
                    self.now = next;
                }
                _ => {
                    self.now = end;
                    return self.settle();
                }
            }
        }
    }

    pub fn pass(&mut self) -> Plan {
        let plan = gitops::decide(&self.observed(), self.now);
        assert!(!(plan.moves_memory() && plan.moves_world()), "memory and world in one plan: {plan}");
        if plan.moves_memory() || plan.moves_world() {
            (self.landed, self.refusals) = (Vec::new(), Vec::new());
        }
        for write in plan.writes() {
            match write.moves {
                Moves::Memory => self.memory_writes += 1,
                Moves::Report => self.reports += 1,
                Moves::World => {}
            }
            let is_sent = self.write(&write.verb);
            self.dies_after = self.dies_after.map(|left| left.saturating_sub(1));
            if self.dies_after == Some(0) {
                self.dies_after = None;
                (self.landed, self.refusals, self.answers) = (Vec::new(), Vec::new(), Vec::new());
                return plan;
            }
            if !is_sent {
                break;
            }
        }
        for ask in &plan.asks {
            self.asks += 1;
            let answer = self.answer(ask);
            self.answers.retain(|known| known.ask != *ask);
            self.answers.push(Answered { ask: ask.clone(), answer, asked_at: self.now, answered_at: self.now });
        }
        plan
    }

    pub fn observed(&self) -> Observed {
        let is_rollout = |object: &&Value| object["kind"] == "Rollout";
        let rollouts = self
            .objects
            .values()
            .filter(is_rollout)
            .map(|object| Arc::new(Rollout::from_value(object).expect("is a Rollout")));
        Observed {
            application: Arc::new(Application::from_value(&self.application).expect("is an Application")),
            rollouts: rollouts.collect(),
            answers: self.answers.clone(),
            refusals: self.refusals.clone(),
            landed: self.landed.clone(),
            poll_interval: TimeDelta::seconds(120),
            allow_file_urls: false,
            controller_namespace: "argocd".into(),
        }
    }

    /// Somebody else changes an object; a watch would tell, so live answers are dropped.
    pub fn edit(&mut self, name: &str, change: Value) {
        let object =
            self.objects.values_mut().find(|object| object["metadata"]["name"] == name).expect("the object exists");
        patch(object, &change);
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.forget_live();
    }

    pub fn edit_application(&mut self, change: Value) {
        patch(&mut self.application, &change);
        self.version += 1;
        self.application["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }

    pub fn object(&self, name: &str) -> &Value {
        self.objects.values().find(|object| object["metadata"]["name"] == name).expect("the object exists")
    }

    pub fn has(&self, name: &str) -> bool {
        self.objects.values().any(|object| object["metadata"]["name"] == name)
    }

    pub fn status(&self, pointer: &str) -> &str {
        self.application["status"].pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }

    pub fn conditions(&self) -> Vec<String> {
        let conditions = self.application["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions
            .iter()
            .map(|condition| {
                format!("{}: {}", condition["type"].as_str().unwrap_or(""), condition["message"].as_str().unwrap_or(""))
            })
            .collect()
    }

    /// The story since it was last told.
    pub fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }

    fn forget_live(&mut self) {
        self.answers.retain(|answered| !matches!(answered.ask, Ask::Live(_)));
    }

    fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::Git(git) => Answer::Git(match &self.git {
                Err(message) => Err(message.clone()),
                Ok((commit, files)) => {
                    let (commit, files) = match self.commits.get(&git.revision) {
                        Some(files) => (&git.revision, files),
                        None => (commit, files),
                    };
                    Ok(GitAnswer { commit: commit.clone(), files: files.clone(), source_type: "Directory".into() })
                }
            }),
            Ask::Live(LiveAsk::Get(references)) => Answer::Live(Ok(references
                .iter()
                .filter_map(|reference| self.objects.get(&Key::of(reference)).cloned())
                .collect())),
            Ask::Live(LiveAsk::DryRun(reference, body)) => {
                Answer::DryRun(Ok(applied(self.objects.get(&Key::of(reference)), body)))
            }
            Ask::Metric(_) => panic!("nobody asks for metrics here"),
        }
    }

    /// Carries one write out; false when it is refused.
    fn write(&mut self, verb: &Verb) -> bool {
        let reference = verb.object().clone();
        let is_application = reference.kind == "Application";
        if !is_application {
            self.forget_live();
        }
        if let Some(message) = self.refuses.get(&reference.name).filter(|_| !is_application) {
            self.refusals.push(Refusal { object: reference, message: message.clone() });
            return false;
        }
        self.version += 1;
        let version = json!(self.version.to_string());
        match verb {
            Verb::Patch { target, body, .. } if is_application => {
                assert_eq!(
                    self.application["metadata"]["resourceVersion"],
                    json!(target.resource_version),
                    "a stale write"
                );
                patch(&mut self.application, body);
                self.application["metadata"]["resourceVersion"] = version;
            }
            Verb::Patch { body, .. } => {
                let object = self.objects.get_mut(&Key::of(&reference)).expect("a patched object exists");
                patch(object, body);
                fill_in(object, self.defaults.get(&reference.name).unwrap_or(&Value::Null));
                object["metadata"]["resourceVersion"] = version;
                self.landed.push(reference.clone());
                self.story.push(format!("patch {reference}"));
            }
            Verb::Apply { body, .. } => {
                let before = self.objects.get(&Key::of(&reference));
                let seen = key::text(body, &["metadata", "resourceVersion"]);
                if seen.is_some()
                    && seen != before.and_then(|before| key::text(before, &["metadata", "resourceVersion"]))
                {
                    self.story.push(format!("conflict {reference}"));
                    return false;
                }
                let mut object = applied(before, body);
                let is_changed = before.is_none_or(|before| before["spec"] != object["spec"]);
                let generation = before.and_then(|before| before["metadata"]["generation"].as_i64()).unwrap_or(0);
                object["metadata"]["generation"] = json!(generation + i64::from(is_changed));
                object["metadata"]["uid"] = json!(reference.name);
                object["metadata"]["resourceVersion"] = version;
                self.objects.insert(Key::of(&reference), object);
                self.landed.push(reference.clone());
                self.story.push(format!("apply {reference}"));
            }
            Verb::Delete { target, .. } => {
                assert_eq!(self.objects[&Key::of(&reference)]["metadata"]["uid"], json!(target.uid));
                self.objects.remove(&Key::of(&reference));
                self.landed.push(reference.clone());
                self.story.push(format!("delete {reference}"));
            }
            Verb::Create { .. } | Verb::Evict { .. } => panic!("nothing is created by POST here"),
        }
        true
    }
}

fn patch(object: &mut Value, change: &Value) {
    match (object, change) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                if change.is_null() {
                    fields.remove(name);
                } else {
                    patch(fields.entry(name.clone()).or_insert(Value::Null), change);
                }
            }
        }
        (object, change) => *object = without_nulls(change),
    }
}

fn fill_in(object: &mut Value, defaults: &Value) {
    for (name, default) in defaults.as_object().into_iter().flatten() {
        let field = &mut object[name.as_str()];
        if field.is_null() {
            *field = default.clone();
        } else {
            fill_in(field, default);
        }
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        other => other.clone(),
    }
}

/// Server-side apply with atomic lists: what we set before and do not set now goes away.
fn applied(before: Option<&Value>, body: &Value) -> Value {
    let mut object = before.cloned().unwrap_or_else(|| json!({}));
    let mut set = body.clone();
    if let Some(metadata) = set["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let ours = entries.iter().find(|entry| entry["manager"] == FIELD_MANAGER);
    if let Some(fields) = ours.and_then(|entry| entry["fieldsV1"].as_object()) {
        drop_unset(&mut object, fields, &set);
    }
    patch(&mut object, &set);
    object["metadata"]["managedFields"] =
        json!([{"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields_of(&set)}]);
    let unchanged = merge_patch(before.unwrap_or(&Value::Null), &object).is_none();
    if unchanged { before.cloned().unwrap_or_default() } else { object }
}

fn drop_unset(object: &mut Value, fields: &Map<String, Value>, set: &Value) {
    for (name, below) in fields {
        let name = name.trim_start_matches("f:");
        let Some(found) = object.as_object_mut().and_then(|object| object.get_mut(name)) else { continue };
        match set.get(name) {
            Some(set) => drop_unset(found, below.as_object().expect("is a set of fields"), set),
            None => {
                object.as_object_mut().expect("is an object").remove(name);
            }
        }
    }
}

fn fields_of(set: &Value) -> Value {
    match set {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !["apiVersion", "kind", "name", "namespace"].contains(&name.as_str()))
            .map(|(name, value)| (format!("f:{name}"), fields_of(value)))
            .collect(),
        _ => json!({}),
    }
}
