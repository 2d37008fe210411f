//! What the rules for a Rollout look at: copies of what the shell's stores hold. Filled in by the shell, read by `decide`.

use super::refusal::Refusal;
use crds::{
    AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate, DestinationRule, EndpointSlice, FieldError, Pod,
    ReplicaSet, Rollout, Service, VirtualService,
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
    /// Pods of those ReplicaSets.
    pub pods: Vec<Arc<Pod>>,
    /// Services that its spec, or the hosts of its DestinationRule, name; by name. One that is missing is absent.
    pub services: BTreeMap<String, Arc<Service>>,
    /// EndpointSlices of those Services.
    pub endpoint_slices: Vec<Arc<EndpointSlice>>,
    /// VirtualServices that its spec names, by namespace and name.
    pub virtual_services: BTreeMap<(String, String), Arc<VirtualService>>,
    /// DestinationRules that its spec names, by name.
    pub destination_rules: BTreeMap<String, Arc<DestinationRule>>,
    /// AnalysisRuns that it controls.
    pub runs: Vec<Arc<AnalysisRun>>,
    /// AnalysisTemplates of its namespace, by name.
    pub templates: BTreeMap<String, Arc<AnalysisTemplate>>,
    /// ClusterAnalysisTemplates, by name.
    pub cluster_templates: BTreeMap<String, Arc<ClusterAnalysisTemplate>>,
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

    /// The server said that this name is taken. What we would take for our own is no refusal: somebody else holds it.
    pub fn is_taken(&self, object: &ObjectRef) -> bool {
        self.refusal_of(object).is_some_and(|words| words.ends_with("already exists"))
    }
}

/// The objects beside its own that a Rollout's spec names: what the shell wakes it for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Services by name, in the Rollout's namespace.
    pub services: Vec<String>,
    /// VirtualServices by namespace and name.
    pub virtual_services: Vec<(String, String)>,
    /// DestinationRules by name, in the Rollout's namespace.
    pub destination_rules: Vec<String>,
}

impl References {
    /// Reads them off the spec, valid or not.
    pub fn of(rollout: &Rollout) -> Self {
        let mut found = Self::default();
        if let Some(blue_green) = &rollout.spec.strategy.blue_green {
            found.services.push(blue_green.active_service.clone());
            found.services.extend(blue_green.preview_service.clone());
        }
        let Some(canary) = &rollout.spec.strategy.canary else { return found };
        found.services.extend([&canary.canary_service, &canary.stable_service].into_iter().flatten().cloned());
        let Some(istio) = canary.traffic_routing.as_ref().and_then(|routing| routing.istio.as_ref()) else {
            return found;
        };
        found.virtual_services.extend(
            istio
                .virtual_service
                .iter()
                .chain(&istio.virtual_services)
                .map(|named| super::traffic::istio::name_of(&named.name, &rollout.metadata.namespace)),
        );
        found.destination_rules.extend(istio.destination_rule.iter().map(|rule| rule.name.clone()));
        found
    }
}
