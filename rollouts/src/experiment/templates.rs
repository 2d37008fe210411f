//! How far is each template? Its pods are counted; it is Running once all of them are available, and stuck once nothing moved
//! for too long. A template that is over stays so.

use super::{look::Look, services, spec::Template};
use chrono::{DateTime, Utc};
use crds::{Time, experiment::ExperimentTemplateStatus, keys, kind};
use plan::Requeue;
use std::fmt;

/// How far a template is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplatePhase {
    /// It has had its time.
    Successful,
    /// All its pods are available.
    Running,
    /// Its pods are on their way.
    Progressing,
    /// They did not come in time.
    Failed,
    /// They cannot come.
    Error,
}

impl TemplatePhase {
    /// What a status says. What nobody knows has not begun.
    pub fn of(status: &ExperimentTemplateStatus) -> Self {
        match status.status.as_deref().unwrap_or_default() {
            "Successful" => Self::Successful,
            "Running" => Self::Running,
            "Failed" => Self::Failed,
            "Error" => Self::Error,
            _ => Self::Progressing,
        }
    }

    /// The text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::Running => "Running",
            Self::Progressing => "Progressing",
            Self::Failed => "Failed",
            Self::Error => "Error",
        }
    }

    /// Whether it is over, well or not.
    pub fn is_completed(self) -> bool {
        match self {
            Self::Successful | Self::Failed | Self::Error => true,
            Self::Running | Self::Progressing => false,
        }
    }

    /// Whether it is over, and not well.
    pub fn is_bad(self) -> bool {
        self.is_completed() && self != Self::Successful
    }
}

impl fmt::Display for TemplatePhase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What is to be recorded for a template.
pub fn status(look: Look<'_>, template: &Template<'_>) -> ExperimentTemplateStatus {
    let before = look.recorded_template(template.name);
    let mut next = before.cloned().unwrap_or_else(|| ExperimentTemplateStatus {
        name: template.name.to_owned(),
        ..ExperimentTemplateStatus::default()
    });
    let counts = look.set_of(template).map(|set| set.status.clone()).unwrap_or_default();
    next.replicas = counts.replicas;
    next.updated_replicas = counts.replicas;
    next.ready_replicas = counts.ready_replicas;
    next.available_replicas = counts.available_replicas;
    let service = look.service_of(template);
    let hash = || template.labels().get(keys::POD_TEMPLATE_HASH).and_then(|hash| Some(hash.as_str()?.to_owned()));
    next.service_name = service.map(|service| service.metadata.name.clone());
    next.pod_template_hash = service.and_then(|_| hash());
    if before.is_none_or(|before| !TemplatePhase::of(before).is_completed()) {
        let (phase, message) = judged(look, template, before);
        next.status = Some(phase.to_string());
        next.message = message;
    }
    let has_moved = before.is_none_or(|before| before.status != next.status || !has_same_counts(before, &next));
    if has_moved {
        next.last_transition_time = Some(Time::from(look.now));
    }
    next
}

/// The same pods, as far as they are counted.
pub fn has_same_counts(one: &ExperimentTemplateStatus, other: &ExperimentTemplateStatus) -> bool {
    let counts = |status: &ExperimentTemplateStatus| {
        (status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas)
    };
    counts(one) == counts(other)
}

fn judged(
    look: Look<'_>,
    template: &Template<'_>,
    before: Option<&ExperimentTemplateStatus>,
) -> (TemplatePhase, Option<String>) {
    if let Some(message) = refused(look, template) {
        return (TemplatePhase::Error, Some(message));
    }
    // Nobody is kept waiting for pods that are to go.
    if look.is_terminating() {
        return (TemplatePhase::Successful, None);
    }
    let set = look.set_of(template);
    if set.is_some_and(|set| set.status.available_replicas == template.replicas && set.asked() == template.replicas) {
        let phase = if look.has_lasted() { TemplatePhase::Successful } else { TemplatePhase::Running };
        return (phase, None);
    }
    match before.and_then(|before| deadline(look, before)) {
        Some(due) if due <= look.now => {
            let (name, limit) = (template.name, look.spec.progress_deadline.num_seconds());
            (TemplatePhase::Failed, Some(format!("Template '{name}' exceeded its progressDeadlineSeconds ({limit})")))
        }
        _ => (TemplatePhase::Progressing, None),
    }
}

/// What the server will never take. A name that somebody else holds may yet come free: that is waited for.
fn refused(look: Look<'_>, template: &Template<'_>) -> Option<String> {
    let name = template.name;
    let words = |kind, object: &str| look.observed.refusal_of(&look.reference(kind, object));
    if let Some(words) = words(&kind::REPLICA_SET, &template.replica_set) {
        return Some(match look.set_of(template) {
            None => format!("Failed to create ReplicaSet for template '{name}': {words}"),
            Some(_) => {
                let desired = look.desired(template);
                format!(
                    "Unable to scale ReplicaSet for template '{name}' to desired replica count '{desired}': {words}"
                )
            }
        });
    }
    let service = template.service.as_ref().filter(|_| services::is_missing(look, template))?;
    let words = words(&kind::SERVICE, service)?;
    Some(format!("Failed to create Service {service} for template '{name}': {words}"))
}

fn deadline(look: Look<'_>, status: &ExperimentTemplateStatus) -> Option<DateTime<Utc>> {
    Some(status.last_transition_time?.0 + look.spec.progress_deadline)
}

/// When a template that makes no progress counts as stuck.
pub fn wake_up(look: Look<'_>) -> Requeue {
    let waits = |status: &&ExperimentTemplateStatus| TemplatePhase::of(status) == TemplatePhase::Progressing;
    let deadlines = look.status().template_statuses.iter().filter(waits).filter_map(|status| deadline(look, status));
    deadlines.map(Requeue::At).fold(Requeue::Never, Requeue::earliest)
}
