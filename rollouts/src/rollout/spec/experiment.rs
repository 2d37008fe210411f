//! The experiment of a step: what must hold of it before anything moves, in the words that existing clients know. What only the
//! Experiment itself could refuse is refused here too, so that no update waits for one that never begins.

use super::routing::has_plugin;
use crate::rollout::invalid::{Faults, Invalid};
use crds::{
    duration,
    rollout::{CanaryStrategy, ExperimentStep, TrafficRouting},
};

/// The revision that was promoted last, as a template names it.
pub const STABLE: &str = "stable";
/// The revision of the current template.
const CANARY: &str = "canary";

/// Checks the experiment of the step at `path`.
pub fn check(path: &str, step: &ExperimentStep, canary: &CanaryStrategy, faults: &mut Faults) {
    let path = format!("{path}.experiment");
    weights(&path, step, canary.traffic_routing.as_ref(), faults);
    faults.keep(templates(&path, step));
    if let Some(text) = step.duration.as_ref().filter(|text| duration::parse_go(text).is_none()) {
        faults.note(Invalid::value(&format!("{path}.duration"), text, "it is no duration"));
    }
}

fn weights(path: &str, step: &ExperimentStep, routing: Option<&TrafficRouting>, faults: &mut Faults) {
    let problem = match routing {
        None => "Experiment template weight cannot be set unless TrafficRouting is enabled",
        Some(routing) if has_extra_destinations(routing) => return,
        Some(_) => {
            "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time"
        }
    };
    for (index, template) in step.templates.iter().enumerate() {
        if let Some(weight) = template.weight {
            faults.note(Invalid::value(&format!("{path}.templates[{index}].weight"), weight, problem));
        }
    }
}

/// Routers of which clients expect that a route can lead to an experiment too.
fn has_extra_destinations(routing: &TrafficRouting) -> bool {
    routing.istio.is_some() || routing.alb.is_some() || routing.smi.is_some() || has_plugin(routing)
}

fn templates(path: &str, step: &ExperimentStep) -> Result<(), Invalid> {
    for (index, template) in step.templates.iter().enumerate() {
        let path = format!("{path}.templates[{index}]");
        if ![CANARY, STABLE].contains(&template.spec_ref.as_str()) {
            let words = format!("must be {CANARY} or {STABLE}");
            return Err(Invalid::value(&format!("{path}.specRef"), &template.spec_ref, words));
        }
        let is_repeated = step.templates.iter().take(index).any(|known| known.name == template.name);
        if template.name.is_empty() || is_repeated {
            let words = "every template needs a name of its own";
            return Err(Invalid::value(&format!("{path}.name"), &template.name, words));
        }
        if template.selector.as_ref().is_some_and(crds::LabelSelector::is_empty) && template.metadata.labels.is_empty()
        {
            return Err(Invalid::value(&format!("{path}.selector"), &template.selector, "it selects all pods"));
        }
    }
    Ok(())
}
