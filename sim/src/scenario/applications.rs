//! What must hold of an Application at a point of a story; what is not named is not looked at.

use crate::{
    simulation::Simulation,
    world::calls::{list, text},
};
use serde::Deserialize;
use serde_json::Value;

/// Findings about an Application.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expected {
    /// Its name; `web` unless another is said.
    pub name: Option<String>,
    /// `Synced` or `OutOfSync`.
    pub sync: Option<String>,
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing`.
    pub health: Option<String>,
    /// The phase of the sync.
    pub operation: Option<String>,
    /// A part of the sync's message.
    pub message: Option<String>,
    /// A part of a condition, said as `Type: message`; empty: there is none.
    pub condition: Option<String>,
    /// A resource, said as `Kind/name=Synced`.
    pub resource: Option<String>,
    /// Is it gone?
    pub gone: Option<bool>,
}

impl Expected {
    /// What does not hold, in words.
    pub fn unmet(&self, simulation: &Simulation) -> Vec<String> {
        let name = self.name.as_deref().unwrap_or("web");
        let namespace = &simulation.own_namespace();
        let found = simulation.server().get("argoproj.io/v1alpha1", "Application", namespace, name);
        if let Some(gone) = self.gone {
            return if found.is_none() == gone { Vec::new() } else { vec![format!("application {name} is not so")] };
        }
        let Some(found) = found else { return vec![format!("there is no application {name}")] };
        let mut unmet = Vec::new();
        let mut compare = |what: &str, wanted: &Option<String>, found: String, holds: fn(&str, &str) -> bool| {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| !holds(&found, wanted)) {
                unmet.push(format!("{what} of application {name} is {found}, not {wanted}"));
            }
        };
        let said = |pointer: &str| text(&found, pointer).to_owned();
        compare("sync", &self.sync, said("/status/sync/status"), |found, wanted| found == wanted);
        compare("health", &self.health, said("/status/health/status"), |found, wanted| found == wanted);
        compare("operation", &self.operation, said("/status/operationState/phase"), |found, wanted| found == wanted);
        compare("message", &self.message, said("/status/operationState/message"), |found, wanted| {
            found.contains(wanted)
        });
        let is_said =
            |found: &str, wanted: &str| if wanted.is_empty() { found.is_empty() } else { found.contains(wanted) };
        compare("condition", &self.condition, joined(&found, "/status/conditions", condition), is_said);
        compare("resource", &self.resource, joined(&found, "/status/resources", resource), is_said);
        unmet
    }
}

fn joined(application: &Value, pointer: &str, show: fn(&Value) -> String) -> String {
    list(application, pointer).iter().map(show).collect::<Vec<_>>().join("; ")
}

fn condition(one: &Value) -> String {
    format!("{}: {}", text(one, "/type"), text(one, "/message"))
}

fn resource(one: &Value) -> String {
    format!("{}/{}={}", text(one, "/kind"), text(one, "/name"), text(one, "/status"))
}
