//! What an Application remembers: every field of its status that a decision reads. All else in the status is report.
//!
//! - `operation` and `status.operationState`: how far a sync is, and what the last one tried (`phase`, `startedAt`,
//!   `finishedAt`, `retryCount`, `syncResult.revision`, `.source` and `.resources`, `operation`);
//! - the references in `status.resources`: what may be pruned. They are recorded before the first of them is applied;
//! - `status.history[].id`: the number of the next entry;
//! - `status.health.status`: whether live objects are looked at more often than a round.

use chrono::{DateTime, Utc};
use crds::{
    Application,
    application::{ApplicationSource, ApplicationStatus, Operation, OperationState, ResourceStatus},
};
use plan::ObjectRef;

/// How far a sync is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress<'a> {
    /// None runs.
    Idle,
    /// Somebody asked for one.
    Asked(&'a Operation),
    /// One runs.
    Running(&'a Operation, &'a OperationState),
    /// One failed and is tried again; the time is that of the failure.
    Waiting(&'a Operation, &'a OperationState, DateTime<Utc>),
    /// Somebody asked to end it.
    Terminating(&'a OperationState),
    /// One runs, but its order is gone.
    Abandoned(&'a OperationState),
}

/// The last sync that ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempt<'a> {
    /// The commit that it was for; empty when that is not known.
    pub revision: &'a str,
    /// The source that it was for.
    pub source: Option<&'a ApplicationSource>,
    /// Whether it worked.
    pub is_success: bool,
    /// What it said at its end.
    pub message: &'a str,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How many syncs in a row, with this one, undid others' changes.
    pub heals: i64,
}

/// The memory of one Application.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    /// The status as it was read.
    pub status: &'a ApplicationStatus,
    operation: Option<&'a Operation>,
}

impl<'a> Memory<'a> {
    /// Reads it.
    pub fn of(application: &'a Application) -> Self {
        Self { status: &application.status, operation: application.operation.as_ref() }
    }

    /// How far a sync is.
    pub fn progress(&self) -> Progress<'a> {
        let state = self.status.operation_state.as_ref();
        let unended = state.filter(|state| matches!(state.phase.as_str(), "Running" | "Terminating"));
        match (self.operation, unended) {
            (None, None) => Progress::Idle,
            (None, Some(state)) => Progress::Abandoned(state),
            (Some(operation), None) => Progress::Asked(operation),
            (Some(_), Some(state)) if state.phase == "Terminating" => Progress::Terminating(state),
            (Some(operation), Some(state)) => match state.finished_at {
                Some(failed) => Progress::Waiting(operation, state, failed.into()),
                None => Progress::Running(operation, state),
            },
        }
    }

    /// The last sync that ended.
    pub fn attempt(&self) -> Option<Attempt<'a>> {
        let state = self
            .status
            .operation_state
            .as_ref()
            .filter(|state| !matches!(state.phase.as_str(), "Running" | "Terminating"))?;
        let result = state.sync_result.as_ref();
        let sync = state.operation.sync.as_ref();
        let revision = result.map(|result| result.revision.as_str()).filter(|revision| !revision.is_empty());
        Some(Attempt {
            revision: revision.or_else(|| sync?.revision.as_deref()).unwrap_or(""),
            source: result.and_then(|result| result.source.as_ref().or_else(|| result.sources.first())),
            is_success: state.phase == "Succeeded",
            message: state.message.as_deref().unwrap_or(""),
            finished_at: state.finished_at.map(Into::into),
            heals: sync.and_then(|sync| sync.auto_heal_attempts_count).unwrap_or(0),
        })
    }

    /// Every object that was ever reported and may still be there.
    pub fn recorded(&self) -> Vec<ObjectRef> {
        self.status.resources.iter().filter_map(recorded).collect()
    }

    /// The number of the next entry of the history.
    pub fn next_history_id(&self) -> i64 {
        self.status.history.iter().map(|entry| entry.id).max().map_or(0, |id| id + 1)
    }

    /// Whether the Application was last seen on its way.
    pub fn is_progressing(&self) -> bool {
        self.status.health.status.as_deref() == Some("Progressing")
    }
}

fn recorded(resource: &ResourceStatus) -> Option<ObjectRef> {
    let (kind, name) = (resource.kind.as_deref()?, resource.name.as_deref()?);
    let namespace = resource.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    Some(ObjectRef::new(resource.group.as_deref().unwrap_or(""), resource.version.as_deref()?, kind, namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn application(operation: Value, state: Value) -> Application {
        Application::from_value(&json!({"metadata": {}, "operation": operation, "status": {"operationState": state, "history": [{"id": 4}, {"id": 2}],
            "resources": [{"group": "apps", "version": "v1", "kind": "Deployment", "name": "web", "namespace": "shop"}, {"kind": "incomplete"}]}}))
        .expect("is an Application")
    }

    #[test]
    fn progress() {
        let asked = json!({"sync": {}});
        for (operation, state, expected) in [
            (Value::Null, Value::Null, "Idle"),
            (Value::Null, json!({"phase": "Succeeded"}), "Idle"),
            (Value::Null, json!({"phase": "Running"}), "Abandoned"),
            (asked.clone(), Value::Null, "Asked"),
            (asked.clone(), json!({"phase": "Failed", "finishedAt": "2026-01-01T00:00:00Z"}), "Asked"),
            (asked.clone(), json!({"phase": "Running"}), "Running"),
            (asked.clone(), json!({"phase": "Running", "finishedAt": "2026-01-01T00:00:00Z"}), "Waiting"),
            (asked, json!({"phase": "Terminating"}), "Terminating"),
        ] {
            let application = application(operation.clone(), state.clone());
            let found = format!("{:?}", Memory::of(&application).progress());
            assert!(found.starts_with(expected), "{found} for {operation} {state}");
        }
    }

    #[test]
    fn what_is_remembered() {
        let state = json!({"phase": "Succeeded", "syncResult": {"revision": "abc"}, "operation": {"sync": {"autoHealAttemptsCount": 2}}});
        let application = application(Value::Null, state);
        let memory = Memory::of(&application);
        assert_eq!(memory.recorded().iter().map(ToString::to_string).collect::<Vec<_>>(), ["Deployment shop/web"]);
        assert_eq!(memory.next_history_id(), 5);
        let attempt = memory.attempt().expect("there was one");
        assert_eq!((attempt.revision, attempt.is_success, attempt.heals), ("abc", true, 2));
    }
}
