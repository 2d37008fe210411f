//! The status as it is to be, and the one write that leads there.
//!
//! Nothing is written when only the time of the comparison would change, so that a quiet world stays quiet. The write is a
//! merge patch of the Application itself, which has no status endpoint; it also takes a request to refresh away.

use crate::{
    comparison::{Compared, Comparison},
    health::{self, Health},
    look,
    operation::{Pass, Record},
};
use crds::{
    Time,
    application::{
        ApplicationCondition, ApplicationStatus, ComparedTo, HealthStatus, Operation, OperationState, ResourceStatus,
        SyncStatus,
    },
    keys, kind,
};
use plan::{Event, ObjectRef, Reason, Target, Write};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A status and an order as they are to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The status.
    pub status: ApplicationStatus,
    /// The order of a sync, while one runs.
    pub operation: Option<Operation>,
    /// Events that tell of the change.
    pub events: Vec<Event>,
    /// A request to refresh was answered and goes away.
    pub is_refreshed: bool,
}

impl Draft {
    /// What is there now.
    pub fn unchanged(pass: Pass<'_>) -> Self {
        Self {
            status: pass.memory.status.clone(),
            operation: pass.observed.application.operation.clone(),
            events: Vec::new(),
            is_refreshed: look::is_refreshed(pass.observed, pass.spec, pass.now),
        }
    }

    /// What a comparison says. `error` is a condition that the sync policy adds.
    pub fn compared(pass: Pass<'_>, comparison: &Comparison, error: Option<String>) -> Self {
        let before = pass.memory.status;
        let mut status = before.clone();
        status.resources = comparison.objects.iter().map(resource).collect();
        status.sync = sync(pass, comparison);
        status.health = transition(&before.health, &application_health(comparison), pass);
        status.source_type = Some(comparison.source_type.clone());
        status.summary.images = images(comparison);
        let warnings = comparison.warnings.iter().map(|(name, message)| ((*name).to_owned(), message.clone()));
        let found = warnings.chain(error.map(|message| ("SyncError".to_owned(), message)));
        status.conditions = conditions(&before.conditions, found.collect(), pass);
        let events = changes(before, &status);
        Self { status, events, ..Self::unchanged(pass) }
    }

    /// That nothing can be compared: what was known of the objects stays.
    pub fn failed(pass: Pass<'_>, condition: &str, message: String) -> Self {
        let before = pass.memory.status;
        let mut status = before.clone();
        status.sync.status = "Unknown".into();
        status.conditions = conditions(&before.conditions, [(condition.to_owned(), message)].into(), pass);
        if status.health.status.is_none() {
            status.health = transition(&before.health, &Health::new(health::HealthCode::Unknown, ""), pass);
        }
        let events = changes(before, &status);
        Self { status, events, ..Self::unchanged(pass) }
    }

    /// What was known, with what holds the deletion up, if anything does.
    pub fn deleting(pass: Pass<'_>, error: Option<&str>) -> Self {
        let before = pass.memory.status;
        let found = error.map(|message| ("DeletionError".to_owned(), message.to_owned()));
        let conditions = conditions(&before.conditions, found.into_iter().collect(), pass);
        let events = match error {
            Some(message) if conditions != before.conditions => vec![Event::warning("DeletionError", message)],
            _ => Vec::new(),
        };
        Self { status: ApplicationStatus { conditions, ..before.clone() }, events, ..Self::unchanged(pass) }
    }

    /// With what is to be written down about a sync.
    pub fn with(mut self, record: &Record, history_limit: usize) -> Self {
        self.operation = record.operation.clone();
        self.status.operation_state = Some(record.state.clone());
        self.status.history.extend(record.history.clone());
        let excess = self.status.history.len().saturating_sub(history_limit);
        self.status.history.drain(..excess);
        self.events = record.events.iter().cloned().chain(self.events).collect();
        self
    }

    /// With a message of the sync that runs.
    pub fn saying(mut self, message: Option<String>) -> Self {
        if let (Some(state), Some(message)) = (&mut self.status.operation_state, message) {
            *state = OperationState { message: Some(message), ..state.clone() };
        }
        self
    }

    /// Whether it reports objects that are not recorded yet.
    pub fn has_new_objects(&self, pass: Pass<'_>) -> bool {
        let recorded = pass.memory.recorded().into_iter().collect::<BTreeSet<_>>();
        let reported = self.status.resources.iter().filter_map(|resource| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let namespace = resource.namespace.as_deref();
            Some(ObjectRef::new(
                &text(&resource.group),
                &text(&resource.version),
                resource.kind.as_deref()?,
                namespace,
                resource.name.as_deref()?,
            ))
        });
        reported.into_iter().any(|reference| !recorded.contains(&reference))
    }

    /// The write that leads from what is there to this, if there is anything to write.
    pub fn write(mut self, pass: Pass<'_>, because: Reason) -> Option<Write> {
        let application = &pass.observed.application;
        let mut body = Map::new();
        if application.operation != self.operation {
            let operation = value(&self.operation);
            body.extend(
                plan::merge_patch(&value(&application.operation), &operation)
                    .map(|patch| ("operation".to_owned(), patch)),
            );
        }
        let is_changed = self.status != application.status;
        if is_changed || self.is_refreshed {
            self.status.reconciled_at = Some(Time::from(pass.now));
            let patch = plan::merge_patch(&value(&application.status), &value(&self.status));
            body.extend(patch.map(|patch| ("status".to_owned(), patch)));
        }
        if self.is_refreshed {
            let stamp = application.metadata.annotations.contains_key(keys::REFRESH_TIMESTAMP);
            let names = [keys::REFRESH].into_iter().chain(stamp.then_some(keys::REFRESH_TIMESTAMP));
            let annotations = names.map(|name| (name.to_owned(), Value::Null)).collect::<Map<_, _>>();
            body.insert("metadata".to_owned(), json!({ "annotations": annotations }));
        }
        (!body.is_empty()).then(|| Write::patch(target(pass), Value::Object(body), because).with_events(self.events))
    }
}

/// The Application as the target of a write.
pub fn target(pass: Pass<'_>) -> Target {
    Target::of(&kind::APPLICATION, &pass.observed.application.metadata)
}

fn value(wire: &impl serde::Serialize) -> Value {
    serde_json::to_value(wire).unwrap_or_default()
}

fn resource(object: &Compared) -> ResourceStatus {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let health = match &object.health {
        _ if object.is_missing() => Some(Health::new(health::HealthCode::Missing, "")),
        health => health.clone(),
    };
    ResourceStatus {
        group: text(&object.key.group),
        version: text(&object.reference.version),
        kind: text(&object.key.kind),
        namespace: object.key.namespace.clone(),
        name: text(&object.key.name),
        status: Some(if object.is_synced() { "Synced" } else { "OutOfSync" }.into()),
        health: health.map(|health| HealthStatus {
            status: Some(health.code.to_string()),
            message: text(&health.message),
            last_transition_time: None,
        }),
        requires_pruning: object.is_extra(),
        sync_wave: Some(i64::from(object.settings.wave)).filter(|wave| *wave != 0),
        ..ResourceStatus::default()
    }
}

fn sync(pass: Pass<'_>, comparison: &Comparison) -> SyncStatus {
    let source = Some(pass.spec.source.clone());
    let (source, sources) =
        if pass.spec.is_listed { (None, source.into_iter().collect()) } else { (source, Vec::new()) };
    let destination = pass.spec.destination.clone();
    SyncStatus {
        status: if comparison.is_synced() { "Synced" } else { "OutOfSync" }.into(),
        compared_to: Some(ComparedTo { source, destination, sources, ..ComparedTo::default() }),
        revision: Some(comparison.revision.clone()),
        ..SyncStatus::default()
    }
}

fn application_health(comparison: &Comparison) -> Health {
    let live = comparison.objects.iter().filter(|object| object.live.is_some());
    let counted = live.clone().filter(|object| !object.settings.is_health_ignored);
    let parts = counted.filter_map(|object| Some((object.key.to_string(), object.health.clone()?)));
    health::aggregate(&parts.collect::<Vec<_>>(), comparison.objects.len(), live.count())
}

fn transition(before: &HealthStatus, health: &Health, pass: Pass<'_>) -> HealthStatus {
    let status = Some(health.code.to_string());
    let is_same = before.status == status;
    HealthStatus {
        status,
        message: Some(health.message.clone()).filter(|message| !message.is_empty()),
        last_transition_time: before.last_transition_time.filter(|_| is_same).or(Some(pass.now.into())),
    }
}

/// Conditions in the order that clients expect; the time of one that says the same stays.
fn conditions(
    before: &[ApplicationCondition],
    mut found: Vec<(String, String)>,
    pass: Pass<'_>,
) -> Vec<ApplicationCondition> {
    found.sort();
    found.dedup();
    found
        .into_iter()
        .map(|(condition_type, message)| {
            let known = before.iter().find(|known| known.condition_type == condition_type && known.message == message);
            let since = known.and_then(|known| known.last_transition_time).unwrap_or(Time::from(pass.now));
            ApplicationCondition { condition_type, message, last_transition_time: Some(since) }
        })
        .collect()
}

fn images(comparison: &Comparison) -> Vec<String> {
    let live = comparison.objects.iter().filter_map(|object| object.live.as_ref());
    let containers = live.flat_map(|live| {
        let template = crate::key::at(live, &["spec", "template", "spec"]);
        let list = |name: &str| template.and_then(|template| template.get(name)).and_then(Value::as_array);
        list("containers").into_iter().chain(list("initContainers")).flatten()
    });
    let images = containers.filter_map(|container| crate::key::text(container, &["image"]).map(ToOwned::to_owned));
    images.collect::<BTreeSet<_>>().into_iter().collect()
}

fn changes(before: &ApplicationStatus, after: &ApplicationStatus) -> Vec<Event> {
    let text = |text: &str| if text.is_empty() { "Unknown" } else { text }.to_owned();
    let health = |status: &ApplicationStatus| text(status.health.status.as_deref().unwrap_or(""));
    let pairs =
        [("sync", text(&before.sync.status), text(&after.sync.status)), ("health", health(before), health(after))];
    let changed = pairs.into_iter().filter(|(_, before, after)| before != after);
    changed
        .map(|(what, before, after)| {
            Event::normal("ResourceUpdated", format!("Updated {what} status: {before} -> {after}"))
        })
        .collect()
}
