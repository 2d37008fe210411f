//! What the rules for an Experiment look at: copies of what the shell's stores hold. Filled in by the shell, read by `decide`.

use crate::rollout::Refusal;
use crds::{
    AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate, Experiment, FieldError, RawObject, ReplicaSet, Service,
};
use plan::ObjectRef;
use std::{collections::BTreeMap, sync::Arc};

/// One Experiment and all that its next step depends on.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The Experiment. Where a field has the wrong type, the rest of it, and `unreadable` says which.
    pub experiment: Arc<Experiment>,
    /// The field that has the wrong type.
    pub unreadable: Option<FieldError>,
    /// ReplicaSets that it controls.
    pub replica_sets: Vec<Arc<ReplicaSet>>,
    /// Services that it controls.
    pub services: Vec<Arc<Service>>,
    /// The objects of routers that the spec of its Rollout names.
    pub routed: Vec<Arc<RawObject>>,
    /// AnalysisRuns that it controls.
    pub runs: Vec<Arc<AnalysisRun>>,
    /// AnalysisTemplates of its namespace, by name.
    pub templates: BTreeMap<String, Arc<AnalysisTemplate>>,
    /// ClusterAnalysisTemplates, by name.
    pub cluster_templates: BTreeMap<String, Arc<ClusterAnalysisTemplate>>,
    /// The controller's `--instance-id`, which what we create carries too.
    pub instance_id: Option<String>,
    /// The last write for this Experiment that the API server refused.
    pub refused: Option<Refusal>,
}

impl Observed {
    /// The server's words, where it refused our last write to this object and nobody else simply holds the name.
    pub fn refusal_of(&self, object: &ObjectRef) -> Option<&str> {
        let refused = self.refused.as_ref().filter(|refused| refused.object == *object && !refused.is_taken())?;
        Some(&refused.message)
    }
}
