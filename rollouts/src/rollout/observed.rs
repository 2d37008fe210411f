//! What the rules for a Rollout look at: copies of what the shell's stores hold. Filled in by the shell, read by `decide`.

use super::{
    left::Marked,
    refusal::Refusal,
    workload::{self, Workload},
};
use crds::{
    AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate, EndpointSlice, Experiment, FieldError, Kind, Pod,
    RawObject, ReplicaSet, Rollout, Service,
};
use plan::ObjectRef;
use std::{collections::BTreeMap, sync::Arc};

/// One Rollout and all that its next step depends on.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The Rollout. Where a field has the wrong type, the rest of it, and `unreadable` says which.
    pub rollout: Arc<Rollout>,
    /// The field that has the wrong type.
    pub unreadable: Option<FieldError>,
    /// ReplicaSets of its namespace that it controls, and those without controller that its selector matches.
    pub replica_sets: Vec<Arc<ReplicaSet>>,
    /// Pods of those ReplicaSets. Their annotations are there where `References` says that they matter.
    pub pods: Vec<Arc<Pod>>,
    /// Services that its spec, or an object of a router, names; by name. One that is missing is absent.
    pub services: BTreeMap<String, Arc<Service>>,
    /// EndpointSlices of those Services.
    pub endpoint_slices: Vec<Arc<EndpointSlice>>,
    /// The objects of routers that its spec names, and the workload. One that is missing is absent.
    pub routed: BTreeMap<ObjectRef, Arc<RawObject>>,
    /// The workload that it takes its template from. The template, and the selector, stand in `rollout` then.
    pub workload: Option<Workload>,
    /// Kinds of routers' objects, and of workloads, of which none can be read, and why.
    pub closed_kinds: BTreeMap<Kind, String>,
    /// AnalysisRuns that it controls.
    pub runs: Vec<Arc<AnalysisRun>>,
    /// Experiments that it controls.
    pub experiments: Vec<Arc<Experiment>>,
    /// AnalysisTemplates of its namespace, by name.
    pub templates: BTreeMap<String, Arc<AnalysisTemplate>>,
    /// ClusterAnalysisTemplates, by name.
    pub cluster_templates: BTreeMap<String, Arc<ClusterAnalysisTemplate>>,
    /// Major and minor version of the API server, where `References` says that it matters.
    pub server: Option<(u32, u32)>,
    /// What carries its mark, named or not.
    pub marked: Marked,
    /// The controller's `--instance-id`, which what we create carries too.
    pub instance_id: Option<String>,
    /// The last write for this Rollout that the API server refused.
    pub refused: Option<Refusal>,
}

impl Observed {
    /// The server's words, where it refused our last write to this object.
    pub fn refusal_of(&self, object: &ObjectRef) -> Option<&str> {
        let refused = self.refused.as_ref().filter(|refused| refused.object == *object)?;
        Some(&refused.message)
    }

    /// The server said that somebody else holds this name.
    pub fn is_taken(&self, object: &ObjectRef) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.object == *object && refused.is_taken())
    }
}

/// The objects beside its own that a Rollout's spec names: what the shell wakes it for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Services by name, in the Rollout's namespace.
    pub services: Vec<String>,
    /// Objects of its routers, and the workload that it takes its template from.
    pub objects: Vec<ObjectRef>,
    /// Whether annotations of its pods matter: they are not kept for Rollouts that give their pods none.
    pub pod_annotations: bool,
    /// Whether the API server's version matters.
    pub server: bool,
}

impl References {
    /// Reads them off the spec, valid or not.
    pub fn of(rollout: &Rollout) -> Self {
        let mut found = Self { objects: workload::reference(rollout).into_iter().collect(), ..Self::default() };
        if let Some(blue_green) = &rollout.spec.strategy.blue_green {
            found.services.push(blue_green.active_service.clone());
            found.services.extend(blue_green.preview_service.clone());
            found.server = blue_green.drain_seconds.is_some();
            found.pod_annotations = blue_green.preview_metadata.is_some() || blue_green.active_metadata.is_some();
        }
        let Some(canary) = &rollout.spec.strategy.canary else { return found };
        found.services.extend([&canary.canary_service, &canary.stable_service].into_iter().flatten().cloned());
        let turning = canary.ping_pong.iter().flat_map(|pair| [&pair.ping_service, &pair.pong_service]);
        found.services.extend(turning.cloned());
        found.server |= canary.drain_seconds.is_some();
        found.pod_annotations |= canary.canary_metadata.is_some() || canary.stable_metadata.is_some();
        found.objects.extend(super::traffic::references(rollout));
        found
    }
}
