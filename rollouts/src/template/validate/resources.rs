//! What a container asks for and is allowed at most.

use serde_json::{Map, Value};

use super::finding::{Findings, object};
use crate::template::{names, quantity::Quantity};

const CONTAINER_RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
const HUGE_PAGES: &str = "hugepages-";
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// Checks limits, then requests.
pub(super) fn check(container: &Map<String, Value>, path: &str, findings: &mut Findings) {
    let Some(resources) = object(container, "resources") else { return };
    let limits = amounts(resources, "limits");
    for (name, limit) in &limits {
        amount(name, limit, &format!("{path}.limits[{name}]"), findings);
    }
    for (name, request) in amounts(resources, "requests") {
        amount(name, &request, &format!("{path}.requests[{name}]"), findings);
        let is_divisible = !name.starts_with(HUGE_PAGES) && is_native(name);
        match limits.iter().find(|(other, _)| *other == name) {
            Some((_, limit)) if !is_divisible && request.value_text() != limit.value_text() => {
                let detail = format!("must be equal to {name} limit of {}", limit.text());
                findings.invalid_text(&format!("{path}.requests"), &request.text(), vec![detail]);
            }
            Some((_, limit)) if request.exceeds(limit) => {
                let detail = format!("must be less than or equal to {name} limit of {}", limit.text());
                findings.invalid_text(&format!("{path}.requests"), &request.text(), vec![detail]);
            }
            None if !is_divisible => {
                findings.required(format!("{path}.limits"), "Limit must be set for non overcommitable resources");
            }
            _ => (),
        }
    }
}

fn amounts<'parent>(resources: &'parent Map<String, Value>, name: &str) -> Vec<(&'parent str, Quantity)> {
    let entries = object(resources, name).into_iter().flatten();
    let mut amounts: Vec<_> =
        entries.filter_map(|(name, amount)| Some((name.as_str(), Quantity::from_json(amount)?))).collect();
    amounts.sort_unstable_by_key(|(name, _)| *name);
    amounts
}

fn amount(name: &str, quantity: &Quantity, path: &str, findings: &mut Findings) {
    let complaints = names::label_key(name);
    let is_well_formed = complaints.is_empty();
    findings.invalid_text_json(path, name, complaints);
    let is_known = CONTAINER_RESOURCES.contains(&name) || name.starts_with(HUGE_PAGES);
    if is_well_formed && !name.contains('/') && !is_known {
        findings.invalid_text_json(path, name, vec!["must be a standard resource type or fully qualified".to_owned()]);
        findings.invalid_text_json(path, name, vec!["must be a standard resource for containers".to_owned()]);
    }
    if quantity.is_negative() {
        findings.invalid_text(path, &quantity.text(), vec![NOT_NEGATIVE.to_owned()]);
    }
    if !is_native(name) && !name.starts_with("requests.") && !quantity.is_whole() {
        findings.invalid_text(path, &quantity.text(), vec!["must be an integer".to_owned()]);
    }
}

/// True for the resources of Kubernetes itself; the others (`nvidia.com/gpu`) cannot be shared.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}
