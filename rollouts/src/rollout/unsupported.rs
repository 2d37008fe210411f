//! Fields that are known and not acted on in this version. They are refused by name, never ignored: a rollout that silently
//! skipped a step would be believed. Fields that nobody knows are left alone.

use super::invalid::Invalid;
use crds::{
    owned,
    rollout::{BlueGreenStrategy, CanaryStep, CanaryStrategy, RolloutSpec, TrafficRouting},
};

fn refuse(prefix: &str, fields: &[(&str, bool)]) -> Result<(), Invalid> {
    match fields.iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => Err(Invalid::unsupported(&format!("{prefix}.{field}"))),
        None => Ok(()),
    }
}

/// Checks the fields beside the strategy.
pub fn check_outer(spec: &RolloutSpec) -> Result<(), Invalid> {
    refuse("spec", &[("workloadRef", spec.workload_ref.is_some())])
}

/// Checks the fields of the canary strategy beside its steps and router.
pub fn check_canary(canary: &CanaryStrategy) -> Result<(), Invalid> {
    refuse(
        "spec.strategy.canary",
        &[("antiAffinity", canary.anti_affinity.is_some()), ("pingPong", canary.ping_pong.is_some())],
    )
}

/// Checks the fields of the blue-green strategy.
pub fn check_blue_green(blue_green: &BlueGreenStrategy) -> Result<(), Invalid> {
    refuse("spec.strategy.blueGreen", &[("antiAffinity", blue_green.anti_affinity.is_some())])
}

/// Checks the routers.
pub fn check_routing(routing: &TrafficRouting) -> Result<(), Invalid> {
    let additional = routing
        .istio
        .as_ref()
        .and_then(|istio| istio.destination_rule.as_ref())
        .is_some_and(|rule| !rule.additional_subset_names.is_empty());
    let path = "spec.strategy.canary.trafficRouting";
    if let Some(other) = routing.plugins.keys().find(|name| *name != owned::GATEWAY_PLUGIN) {
        return Err(Invalid::unsupported(&format!("{path}.plugins.{other}")));
    }
    refuse(
        path,
        &[
            ("nginx", routing.nginx.is_some()),
            ("alb", routing.alb.is_some()),
            ("smi", routing.smi.is_some()),
            ("ambassador", routing.ambassador.is_some()),
            ("appMesh", routing.app_mesh.is_some()),
            ("traefik", routing.traefik.is_some()),
            ("apisix", routing.apisix.is_some()),
            ("maxTrafficWeight", routing.max_traffic_weight.is_some()),
            ("istio.destinationRule.additionalSubsetNames", additional),
        ],
    )
}

/// Checks one step.
pub fn check_step(path: &str, step: &CanaryStep) -> Result<(), Invalid> {
    refuse(path, &[("plugin", step.plugin.is_some())])
}
