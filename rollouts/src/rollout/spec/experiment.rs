//! The experiment of a step: what must hold of it before anything moves, in the words that existing clients know. What only the
//! Experiment itself could refuse is refused here too, so that no update waits for one that never begins.

use crate::rollout::{invalid::Invalid, runs};
use crds::{
    duration,
    rollout::{CanaryStrategy, ExperimentStep, TrafficRouting},
};

/// The revision that was promoted last, as a template names it.
pub const STABLE: &str = "stable";
/// The revision of the current template.
const CANARY: &str = "canary";

/// Checks the experiment of the step at `path`.
pub fn check(path: &str, step: &ExperimentStep, canary: &CanaryStrategy) -> Result<(), Invalid> {
    weights(&format!("{path}.experiment"), step, canary)?;
    for analysis in &step.analyses {
        if let Some(field) = runs::unreadable_metadata(&analysis.args) {
            return Err(Invalid::value(&format!("{path}.analyses"), field, super::UNREADABLE_METADATA));
        }
    }
    templates(&format!("{path}.experiment"), step)?;
    match step.duration.as_ref().filter(|text| duration::parse_go(text).is_none()) {
        Some(text) => Err(Invalid::value(&format!("{path}.experiment.duration"), text, "it is no duration")),
        None => Ok(()),
    }
}

fn weights(path: &str, step: &ExperimentStep, canary: &CanaryStrategy) -> Result<(), Invalid> {
    let Some((index, template)) = step.templates.iter().enumerate().find(|(_, template)| template.weight.is_some())
    else {
        return Ok(());
    };
    let path = format!("{path}.templates[{index}].weight");
    match &canary.traffic_routing {
        None => Err(Invalid::value(
            &path,
            template.weight,
            "Experiment template weight cannot be set unless TrafficRouting is enabled",
        )),
        Some(routing) if !has_extra_destinations(routing) => Err(Invalid::value(
            &path,
            template.weight,
            "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time",
        )),
        Some(_) => Err(Invalid::unsupported(&path)),
    }
}

/// Routers of which clients expect that a route can lead to an experiment too.
fn has_extra_destinations(routing: &TrafficRouting) -> bool {
    routing.istio.is_some() || routing.gateway_api.is_some() || !routing.plugins.is_empty()
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
