//! Fields that are known and not acted on in this version. They are refused by name, never ignored: a rollout that silently
//! skipped a step would be believed. Fields that nobody knows are left alone.

use super::invalid::{Faults, Invalid};
use crds::{
    owned,
    rollout::{CanaryStep, RolloutSpec, TrafficRouting},
};

const CANARY: &str = "spec.strategy.canary";

/// Notes each such field, after what is wrong for every version: clients know that first.
pub fn note(spec: &RolloutSpec, faults: &mut Faults) {
    let Some(canary) = &spec.strategy.canary else { return };
    if let Some(routing) = &canary.traffic_routing {
        of_routing(routing, faults);
    }
    // Of Gateway API only the ends are weighed.
    let has_branches = canary
        .traffic_routing
        .as_ref()
        .is_none_or(|routing| routing.istio.is_some() || routing.alb.is_some() || routing.smi.is_some());
    for (index, step) in canary.steps.iter().enumerate() {
        of_step(&format!("{CANARY}.steps[{index}]"), step, has_branches, faults);
    }
}

fn refuse(prefix: &str, fields: &[(&str, bool)], faults: &mut Faults) {
    for (field, _) in fields.iter().filter(|(_, is_set)| *is_set) {
        faults.note(Invalid::unsupported(&format!("{prefix}.{field}")));
    }
}

fn of_routing(routing: &TrafficRouting, faults: &mut Faults) {
    for other in routing.plugins.keys().filter(|name| *name != owned::GATEWAY_PLUGIN) {
        faults.note(Invalid::unsupported(&format!("{CANARY}.trafficRouting.plugins.{other}")));
    }
}

fn of_step(path: &str, step: &CanaryStep, has_branches: bool, faults: &mut Faults) {
    let templates = step.experiment.iter().flat_map(|experiment| &experiment.templates).enumerate();
    for (index, _) in templates.filter(|(_, template)| template.weight.is_some() && !has_branches) {
        faults.note(Invalid::unsupported(&format!("{path}.experiment.templates[{index}].weight")));
    }
    refuse(path, &[("plugin", step.plugin.is_some())], faults);
}
