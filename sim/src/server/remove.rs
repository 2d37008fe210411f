//! Deletion: finalizers, grace, propagation and preconditions, of one object or of many.
//!
//! A pod on a node leaves in two steps: it is marked, and the kubelet's delete with grace 0 removes it.

use crate::server::{
    State,
    answer::{Answer, JSON, shown},
    call::Call,
    dispatch::{parse_json, parse_yaml},
    kinds::Kind,
    object,
    read::plain_list,
    refusal::{Cause, Refusal},
    selectors::Selectors,
    store::Key,
};
use bytes::Bytes;
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};
use std::sync::Arc;

/// The finalizer of an object whose dependents are removed first.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";

/// The finalizer of an object whose dependents stay.
pub(crate) const ORPHAN: &str = "orphan";

/// What becomes of dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// How an object is to be deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) propagation: Option<Propagation>,
    pub(crate) grace_secs: Option<i64>,
    uid: Option<String>,
    version: Option<String>,
    pub(crate) is_dry_run: bool,
}

impl Options {
    /// A deletion by the server itself.
    pub(crate) fn with(propagation: Propagation) -> Options {
        Options { propagation: Some(propagation), ..Options::default() }
    }

    /// The deletion that an eviction asks for.
    pub(crate) fn evict(eviction: &Value, is_dry_run: bool) -> Options {
        let uid = object::text(eviction, &["deleteOptions", "preconditions", "uid"]);
        Options {
            grace_secs: object::int(eviction, &["deleteOptions", "gracePeriodSeconds"]),
            uid: Some(uid.to_owned()).filter(|uid| !uid.is_empty()),
            is_dry_run,
            ..Options::default()
        }
    }

    fn parse(call: &Call, body: &Bytes) -> Result<Options, Refusal> {
        let read = match call.media_type() {
            _ if body.is_empty() => Value::Null,
            "application/yaml" => parse_yaml(body)?,
            _ => parse_json(body)?,
        };
        let text = |path: &[&str]| Some(object::text(&read, path).to_owned()).filter(|text| !text.is_empty());
        let policy = text(&["propagationPolicy"]).or_else(|| call.option("propagationPolicy").map(str::to_owned));
        let propagation = match policy.as_deref() {
            Some("Background") => Some(Propagation::Background),
            Some("Foreground") => Some(Propagation::Foreground),
            Some("Orphan") => Some(Propagation::Orphan),
            Some(other) => {
                let allowed = ["Foreground", "Background", "Orphan", "nil"].map(str::to_owned);
                let cause = Cause::unsupported("propagationPolicy", &other.into(), &allowed);
                return Err(Refusal::invalid_options("DeleteOptions", cause));
            }
            None => match read.get("orphanDependents").and_then(Value::as_bool) {
                Some(true) => Some(Propagation::Orphan),
                Some(false) => Some(Propagation::Background),
                None => None,
            },
        };
        let from_query = || call.option("gracePeriodSeconds").and_then(|text| text.parse().ok());
        Ok(Options {
            propagation,
            grace_secs: object::int(&read, &["gracePeriodSeconds"]).or_else(from_query),
            uid: text(&["preconditions", "uid"]),
            version: text(&["preconditions", "resourceVersion"]),
            is_dry_run: call.is_dry_run() || object::list(&read, &["dryRun"]).contains(&json!("All")),
        })
    }

    pub(crate) fn check(&self, kind: &Kind, found: &Value) -> Result<(), Refusal> {
        let name = object::name(found);
        if let Some(uid) = self.uid.as_deref().filter(|&uid| uid != object::uid(found)) {
            let why = format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been \
                 deleted and then recreated",
                object::uid(found)
            );
            return Err(Refusal::precondition(kind, name, &why));
        }
        if let Some(version) = self.version.as_deref().filter(|&version| version != object::version(found)) {
            let why = format!(
                "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). \
                 The object might have been modified",
                object::version(found)
            );
            return Err(Refusal::precondition(kind, name, &why));
        }
        Ok(())
    }
}

/// What a deletion did.
pub(crate) enum Removal {
    /// The object is gone; this was its last state.
    Gone(Arc<Value>),
    /// The object is on its way out.
    Marked(Arc<Value>),
}

impl State {
    /// Deletes one object.
    pub(crate) fn delete(&mut self, call: &Call, kind: &Kind, body: &Bytes) -> Result<Answer, Refusal> {
        let options = Options::parse(call, body)?;
        let found = self.find(call, kind)?;
        options.check(kind, &found)?;
        let removed = self.remove(kind, &found, &options);
        Ok(match removed {
            Removal::Marked(object) => Answer::json(200, &shown(kind, &object)),
            Removal::Gone(last) if shows_last_state(kind) => Answer::json(200, &shown(kind, &last)),
            Removal::Gone(last) => {
                let mut details =
                    json!({ "name": object::name(&last), "kind": kind.plural, "uid": object::uid(&last) });
                if !kind.group.is_empty() {
                    object::put(&mut details, &["group"], kind.group.as_str().into());
                }
                Answer::json(
                    200,
                    &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details }),
                )
            }
        })
    }

    /// Deletes what a collection's selectors name.
    pub(crate) fn delete_collection(&mut self, call: &Call, kind: &Kind, body: &Bytes) -> Result<Answer, Refusal> {
        if kind.is("", "namespaces") {
            return Err(Refusal::method_not_allowed());
        }
        let options = Options::parse(call, body)?;
        let selectors = Selectors::parse(call, kind)?;
        let mut found = self.store.list(&kind.shelf(), call.namespace.as_deref());
        found.retain(|object| selectors.matches(object));
        for object in &found {
            self.remove(kind, object, &options);
        }
        let metadata = json!({ "resourceVersion": self.store.revision().to_string() });
        Ok(Answer::bytes(200, JSON, plain_list(kind, metadata, &found)))
    }

    /// Removes an object, or marks it when something still keeps it.
    pub(crate) fn remove(&mut self, kind: &Kind, found: &Arc<Value>, options: &Options) -> Removal {
        let key: Key = (object::namespace(found).to_owned(), object::name(found).to_owned());
        let mut next = Value::clone(found);
        let propagation = options.propagation.unwrap_or(default_propagation(kind, found));
        set_finalizer(&mut next, FOREGROUND, propagation == Propagation::Foreground);
        set_finalizer(&mut next, ORPHAN, propagation == Propagation::Orphan);
        let grace = grace_of(kind, found, options);
        let is_kept = !object::finalizers(&next).is_empty() || grace > 0 || kind.is("", "namespaces");
        if options.is_dry_run {
            return if is_kept { Removal::Marked(found.clone()) } else { Removal::Gone(found.clone()) };
        }
        if !is_kept {
            return Removal::Gone(self.finish_removal(kind, &key, next));
        }
        let earlier = object::int(found, &["metadata", "deletionGracePeriodSeconds"]);
        if !object::is_deleting(found) || earlier.is_some_and(|earlier| grace < earlier) {
            let at = self.clock.now() + TimeDelta::seconds(grace);
            let stamp = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            if !object::is_deleting(found)
                && let Some(generation) = object::int(found, &["metadata", "generation"])
            {
                object::put(&mut next, &["metadata", "generation"], (generation + 1).into());
            }
            object::put(&mut next, &["metadata", "deletionTimestamp"], stamp.into());
            if !kind.is("", "namespaces") {
                object::put(&mut next, &["metadata", "deletionGracePeriodSeconds"], grace.into());
            }
        }
        if kind.is("", "namespaces") {
            object::put(&mut next, &["status", "phase"], "Terminating".into());
        }
        if object::same_content(found, &next) {
            return Removal::Marked(found.clone());
        }
        let stored = self.store.put(&kind.shelf(), key, next);
        self.after_mark(kind, &stored);
        Removal::Marked(stored)
    }
}

fn default_propagation(kind: &Kind, found: &Value) -> Propagation {
    if object::has_finalizer(found, FOREGROUND) {
        Propagation::Foreground
    } else if object::has_finalizer(found, ORPHAN) || kind.is("batch", "jobs") {
        // Deleting a Job without saying so has always left its pods.
        Propagation::Orphan
    } else {
        Propagation::Background
    }
}

fn set_finalizer(object: &mut Value, finalizer: &str, wanted: bool) {
    let has = object::has_finalizer(object, finalizer);
    if has == wanted {
        return;
    }
    let mut all: Vec<Value> = object::list(object, &["metadata", "finalizers"]).to_vec();
    if wanted {
        all.push(finalizer.into());
    } else {
        all.retain(|one| one != finalizer);
    }
    put_finalizers(object, all);
}

/// Writes the list of finalizers, or none.
pub(crate) fn put_finalizers(object: &mut Value, all: Vec<Value>) {
    if all.is_empty() {
        object::take(object, &["metadata", "finalizers"]);
    } else {
        object::put(object, &["metadata", "finalizers"], Value::Array(all));
    }
}

/// Only pods on a node that are not done yet get time to stop.
fn grace_of(kind: &Kind, found: &Value, options: &Options) -> i64 {
    let is_over = matches!(object::text(found, &["status", "phase"]), "Succeeded" | "Failed");
    if !kind.is("", "pods") || object::text(found, &["spec", "nodeName"]).is_empty() || is_over {
        return 0;
    }
    let own = || object::int(found, &["spec", "terminationGracePeriodSeconds"]).unwrap_or(30);
    let wanted = options.grace_secs.unwrap_or_else(own).max(0);
    match object::int(found, &["metadata", "deletionGracePeriodSeconds"]) {
        Some(earlier) if object::is_deleting(found) => wanted.min(earlier),
        _ => wanted,
    }
}

/// Some built-in kinds answer a deletion with the object, all others with a Status.
fn shows_last_state(kind: &Kind) -> bool {
    !kind.custom
        && kind.group.is_empty()
        && matches!(kind.plural.as_str(), "pods" | "services" | "serviceaccounts" | "podtemplates")
}
