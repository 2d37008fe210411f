//! One look at an Experiment: what the rules derive once and then share. Whether it is to end is read off the recorded status,
//! never off what this look is about to record.

use super::{
    observed::Observed,
    routes,
    spec::{Spec, Template},
    templates::TemplatePhase,
};
use crate::child::{self, Children};
use chrono::{DateTime, Utc};
use crds::{
    AnalysisRun, RawObject, ReplicaSet, Service,
    analysis::AnalysisPhase,
    experiment::{ExperimentAnalysisRunStatus, ExperimentStatus, ExperimentTemplateStatus},
    kind,
};
use plan::ObjectRef;
use serde_json::Value;

/// What the rules see.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The stores' contents.
    pub observed: &'a Observed,
    /// The parsed spec.
    pub spec: &'a Spec<'a>,
    /// The time.
    pub now: DateTime<Utc>,
}

impl<'a> Look<'a> {
    /// The recorded status.
    pub fn status(self) -> &'a ExperimentStatus {
        &self.observed.experiment.status
    }

    /// The Experiment's name.
    pub fn name(self) -> &'a str {
        &self.observed.experiment.metadata.name
    }

    /// The Experiment's namespace.
    pub fn namespace(self) -> &'a str {
        &self.observed.experiment.metadata.namespace
    }

    /// The Experiment as the owner of what is created for it.
    pub fn owner(self) -> Value {
        child::owner(&kind::EXPERIMENT, &self.observed.experiment.metadata)
    }

    /// The ReplicaSet of a template.
    pub fn set_of(self, template: &Template<'_>) -> Option<&'a ReplicaSet> {
        let uid = &self.observed.experiment.metadata.uid;
        let sets = self.observed.replica_sets.iter().map(AsRef::as_ref);
        let mut own = sets.filter(|set| set.metadata.is_controlled_by(uid) && !set.metadata.is_deleted());
        own.find(|set| set.metadata.name == template.replica_set)
    }

    /// The Service of a template.
    pub fn service_of(self, template: &Template<'_>) -> Option<&'a Service> {
        let (uid, name) = (&self.observed.experiment.metadata.uid, template.service.as_ref()?);
        let mut services = self.observed.services.iter().map(AsRef::as_ref);
        services.find(|service| service.metadata.name == *name && service.metadata.is_controlled_by(uid))
    }

    /// An object of its namespace.
    pub fn reference(self, kind: &crds::Kind, name: &str) -> ObjectRef {
        ObjectRef::of(kind, self.namespace(), name)
    }

    /// The runs as children of the Experiment.
    pub fn runs(self) -> Children<'a, AnalysisRun> {
        let observed = self.observed;
        Children { owner: &observed.experiment.metadata, all: &observed.runs, refused: observed.refused.as_ref() }
    }

    /// What status has recorded for a template.
    pub fn recorded_template(self, name: &str) -> Option<&'a ExperimentTemplateStatus> {
        self.status().template_statuses.iter().find(|status| status.name == name)
    }

    /// What status has recorded for an analysis.
    pub fn recorded_run(self, analysis: &str) -> Option<&'a ExperimentAnalysisRunStatus> {
        self.status().analysis_runs.iter().find(|status| status.name == analysis)
    }

    /// Everything is to end: somebody said so, it is over, something failed, or all that had to be shown was shown.
    pub fn is_terminating(self) -> bool {
        let status = self.status();
        self.observed.experiment.spec.terminate
            || status.phase.is_completed()
            || status.template_statuses.iter().any(|template| TemplatePhase::of(template).is_bad())
            || status.analysis_runs.iter().any(|run| is_bad(run.phase))
            || has_shown_enough(self.spec, &status.analysis_runs)
    }

    /// A template has had its time, or is to end.
    pub fn is_over(self, template: &Template<'_>) -> bool {
        let recorded = self.recorded_template(template.name);
        self.is_terminating() || recorded.is_some_and(|status| TemplatePhase::of(status).is_completed())
    }

    /// The pods that a template is to have now.
    pub fn desired(self, template: &Template<'_>) -> i32 {
        if self.is_over(template) { 0 } else { template.replicas }
    }

    /// The route of its Rollout that leads to a template's Service. One that does so after the end has not been moved away yet.
    pub fn leading_to(self, template: &Template<'_>) -> Option<&'a RawObject> {
        let service = template.service.as_deref()?;
        self.observed.routed.iter().map(AsRef::as_ref).find(|route| routes::name(&route.object.value(), service))
    }

    /// When its time is over; `None` before it began, or where it has no end.
    pub fn ends_at(self) -> Option<DateTime<Utc>> {
        Some(self.status().available_at?.0 + self.spec.duration?)
    }

    /// Its time is over.
    pub fn has_lasted(self) -> bool {
        self.ends_at().is_some_and(|end| end <= self.now)
    }
}

/// A run that ended, and not well.
pub fn is_bad(phase: AnalysisPhase) -> bool {
    phase.is_completed() && phase != AnalysisPhase::Successful
}

/// There are analyses that it cannot do without, and all of those were successful.
pub fn has_shown_enough(spec: &Spec<'_>, runs: &[ExperimentAnalysisRunStatus]) -> bool {
    let is_successful = |name: &str| runs.iter().any(|run| run.name == name && run.phase == AnalysisPhase::Successful);
    let mut required = spec.analyses.iter().filter(|analysis| analysis.required_for_completion).peekable();
    required.peek().is_some() && required.all(|analysis| is_successful(&analysis.name))
}
