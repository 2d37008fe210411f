//! What must hold at a point of a story; what is not named is not looked at.

use crate::{
    scenario::{Expected, step},
    simulation::Simulation,
    world::calls::{list, text},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::time::Duration;

/// Findings about a Rollout and the requests sent so far.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Check {
    /// `Healthy`, `Progressing`, `Paused`, `Degraded`; only once the status is about the present spec.
    pub phase: Option<String>,
    /// A part of the status message.
    pub message: Option<String>,
    /// The step that is being done.
    pub step: Option<i64>,
    /// The canary's weight.
    pub weight: Option<u64>,
    /// Ready pods of the stable and of the other revisions.
    pub pods: Option<(usize, usize)>,
    /// Is it taken back?
    pub aborted: Option<bool>,
    /// The image of the stable revision.
    pub stable: Option<String>,
    /// A condition, as `Type=Status` or `Type=Status:Reason`.
    pub condition: Option<String>,
    /// The phase of the newest AnalysisRun.
    pub run: Option<String>,
    /// The phase of the newest Experiment.
    pub experiment: Option<String>,
    /// An Event with this reason was sent.
    pub event: Option<String>,
    /// The transcript holds this text.
    pub said: Option<String>,
    /// So many requests were lost.
    pub lost: Option<u64>,
    /// What holds of an Application.
    pub application: Option<Expected>,
    /// How long to wait.
    #[serde(deserialize_with = "limit")]
    pub limit: Option<Duration>,
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    step::duration(deserializer).map(Some)
}

impl Check {
    /// What does not hold, in words.
    pub fn unmet(&self, simulation: &Simulation, name: &str) -> Vec<String> {
        let mut unmet = self.application.as_ref().map(|expected| expected.unmet(simulation)).unwrap_or_default();
        let transcript = simulation.journal().transcript();
        let unsaid = self.said.iter().filter(|text| !transcript.contains(*text));
        unmet.extend(unsaid.map(|text| format!("nobody said: {text}")));
        let experiment = newest(simulation, "Experiment");
        if let Some(wanted) = self.experiment.as_ref().filter(|wanted| **wanted != experiment) {
            unmet.push(format!("the experiment is {experiment}, not {wanted}"));
        }
        if !is_of_no_rollout(self) {
            unmet.extend(self.unmet_of_rollout(simulation, name));
        }
        unmet
    }

    fn unmet_of_rollout(&self, simulation: &Simulation, name: &str) -> Vec<String> {
        let mut unmet = Vec::new();
        let mut compare = |what: &str, wanted: Option<String>, found: String, holds: bool| {
            if let Some(wanted) = wanted.filter(|_| !holds) {
                unmet.push(format!("{what} is {found}, not {wanted}"));
            }
        };
        let Some(look) = simulation.look("default", name) else { return vec![format!("there is no rollout {name}")] };
        let is_phase = self.phase.as_deref().is_none_or(|phase| look.phase() == phase && look.is_observed());
        compare("the phase", self.phase.clone(), look.phase().to_owned(), is_phase);
        let says = self.message.as_deref().is_none_or(|part| look.message().contains(part));
        compare("the message", self.message.clone(), look.message().to_owned(), says);
        let step = look.step().map(|(step, _)| step);
        compare("the step", shown(self.step.as_ref()), format!("{step:?}"), self.step.is_none() || step == self.step);
        let is_weight = self.weight.is_none() || look.weight == self.weight;
        compare("the weight", shown(self.weight.as_ref()), format!("{:?}", look.weight), is_weight);
        let has_pods = self.pods.is_none_or(|pods| pods == look.pods);
        compare("pods", self.pods.map(|pods| format!("{pods:?}")), format!("{:?}", look.pods), has_pods);
        let is_aborted = look.is_aborted();
        let fits = self.aborted.is_none_or(|aborted| aborted == is_aborted);
        compare("aborted", shown(self.aborted.as_ref()), is_aborted.to_string(), fits);
        let stable = stable_image(simulation, look.text("/status/stableRS"));
        compare("stable", self.stable.clone(), stable.clone(), self.stable.as_ref().is_none_or(|it| *it == stable));
        let conditions = conditions(&look.rollout);
        let holds = self.condition.as_ref().is_none_or(|wanted| conditions.iter().any(|one| one.starts_with(wanted)));
        compare("condition", self.condition.clone(), conditions.join(" "), holds);
        let run = newest(simulation, "AnalysisRun");
        compare("the run", self.run.clone(), run.clone(), self.run.as_ref().is_none_or(|phase| *phase == run));
        let events = events(simulation);
        let holds = self.event.as_ref().is_none_or(|event| events.contains(event));
        compare("events", self.event.clone(), events.join(" "), holds);
        let lost = simulation.world().mesh().lost();
        compare("lost requests", shown(self.lost.as_ref()), lost.to_string(), self.lost.is_none_or(|it| it == lost));
        unmet
    }
}

/// A check that asks nothing about a Rollout.
fn is_of_no_rollout(check: &Check) -> bool {
    let rest = Check { application: None, experiment: None, said: None, limit: None, ..check.clone() };
    rest == Check::default()
}

fn shown<T: ToString>(value: Option<&T>) -> Option<String> {
    value.map(ToString::to_string)
}

fn conditions(rollout: &Value) -> Vec<String> {
    let all = list(rollout, "/status/conditions").iter();
    all.map(|one| format!("{}={}:{}", text(one, "/type"), text(one, "/status"), text(one, "/reason"))).collect()
}

fn stable_image(simulation: &Simulation, hash: &str) -> String {
    let sets = simulation.server().list("apps/v1", "ReplicaSet");
    let set = sets.iter().find(|set| text(set, "/metadata/labels/rollouts-pod-template-hash") == hash);
    set.map(|set| text(set, "/spec/template/spec/containers/0/image").to_owned()).unwrap_or_default()
}

/// The phase of the newest of a kind of ours.
fn newest(simulation: &Simulation, kind: &str) -> String {
    let all = simulation.server().list("argoproj.io/v1alpha1", kind);
    let newest = all.iter().max_by_key(|one| text(one, "/metadata/creationTimestamp").to_owned());
    newest.map(|one| text(one, "/status/phase").to_owned()).unwrap_or_default()
}

fn events(simulation: &Simulation) -> Vec<String> {
    simulation.server().list("v1", "Event").iter().map(|event| text(event, "/reason").to_owned()).collect()
}
