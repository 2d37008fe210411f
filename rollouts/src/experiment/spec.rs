//! An Experiment's spec as the rules use it: parsed once, at the door. The first thing that is wrong is said in the words that
//! existing clients know.

use crate::template;
use chrono::TimeDelta;
use crds::{
    Experiment, LabelSelector, Raw, duration,
    experiment::{ExperimentAnalysis, ExperimentTemplate},
    keys,
};
use serde_json::{Map, Value};

/// Seconds without progress after which a template counts as stuck.
const PROGRESS_DEADLINE_SECS: i32 = 600;
/// Seconds that the pods stay after their end.
const SCALE_DOWN_DELAY_SECS: i32 = 30;

/// Everything an Experiment asks for.
#[derive(Clone, Debug)]
pub struct Spec<'a> {
    /// The revisions that run side by side.
    pub templates: Vec<Template<'a>>,
    /// What judges them.
    pub analyses: &'a [ExperimentAnalysis],
    /// How long it lasts once all pods are available; `None` lasts until something ends it.
    pub duration: Option<TimeDelta>,
    /// Time without progress after which a template counts as stuck.
    pub progress_deadline: TimeDelta,
    /// How long the pods stay after their end.
    pub scale_down_delay: TimeDelta,
}

/// One revision that runs.
#[derive(Clone, Debug)]
pub struct Template<'a> {
    /// Its name within the Experiment.
    pub name: &'a str,
    /// The pods that it asks for.
    pub replicas: i32,
    /// Seconds that a pod must be ready before it counts as available.
    pub min_ready_seconds: Option<i32>,
    /// Name of its ReplicaSet.
    pub replica_set: String,
    /// The pods, with the hash among their labels.
    pub pods: Value,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// Name of its Service, where it asks for one.
    pub service: Option<String>,
}

impl Template<'_> {
    /// The labels of its pods, which its ReplicaSet carries too.
    pub fn labels(&self) -> Map<String, Value> {
        self.pods.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default()
    }
}

impl<'a> Spec<'a> {
    /// Parses and checks a spec. The error is the first of the list that existing clients know.
    pub fn parse(experiment: &'a Experiment) -> Result<Self, String> {
        let spec = &experiment.spec;
        let deadline = spec.progress_deadline_seconds.unwrap_or(PROGRESS_DEADLINE_SECS);
        let mut templates: Vec<Template<'a>> = Vec::with_capacity(spec.templates.len());
        for (index, wire) in spec.templates.iter().enumerate() {
            let template = parsed(experiment, index, wire, deadline)?;
            if templates.iter().any(|known| known.name == template.name) {
                let (experiment, name) = (&experiment.metadata.name, template.name);
                return Err(format!("Experiment {experiment} has repeated template name '{name}' in templates"));
            }
            templates.push(template);
        }
        let lasts = match &spec.duration {
            None => None,
            Some(text) => Some(duration::parse_go(text).ok_or_else(|| {
                format!(
                    "The Experiment \"{}\" is invalid: spec.duration: Invalid value: {text:?}: it is no duration",
                    experiment.metadata.name
                )
            })?),
        };
        Ok(Self {
            templates,
            analyses: &spec.analyses,
            duration: lasts,
            progress_deadline: seconds(deadline),
            scale_down_delay: seconds(spec.scale_down_delay_seconds.unwrap_or(SCALE_DOWN_DELAY_SECS)),
        })
    }
}

fn parsed<'a>(
    experiment: &Experiment,
    index: usize,
    wire: &'a ExperimentTemplate,
    deadline: i32,
) -> Result<Template<'a>, String> {
    let owner = &experiment.metadata.name;
    let Some(selector) = &wire.selector else {
        return Err(format!("Rollout has missing field '.Spec.Templates[{index}].Selector'"));
    };
    if selector.is_empty() {
        return Err(format!(
            "This experiment is selecting all pods at index {index}. A non-empty selector is required."
        ));
    }
    if wire.min_ready_seconds.unwrap_or(0) > deadline {
        return Err(format!(
            "MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index {index}"
        ));
    }
    if wire.name.is_empty() {
        return Err(format!("Experiment {owner} has empty template name at index {index}"));
    }
    // It may be copied from a ReplicaSet, whose own hash is not part of it.
    let pods = template::unstamped(&wire.template.as_ref().map(Raw::value).unwrap_or_default());
    let hash = template::hash(&pods, None);
    let mut selector = selector.clone();
    selector.match_labels.insert(keys::POD_TEMPLATE_HASH.into(), hash.clone());
    let replica_set = format!("{owner}-{}", wire.name);
    let service = wire.service.as_ref().map(|service| service.name.clone().filter(|name| !name.is_empty()));
    Ok(Template {
        name: &wire.name,
        replicas: wire.replicas.unwrap_or(1).max(0),
        min_ready_seconds: wire.min_ready_seconds,
        pods: template::stamped(&pods, &hash),
        selector,
        service: service.map(|name| name.unwrap_or_else(|| replica_set.clone())),
        replica_set,
    })
}

fn seconds(number: i32) -> TimeDelta {
    TimeDelta::seconds(i64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_thing_that_is_wrong_is_said_as_clients_know_it() {
        let good = json!({"name": "a", "selector": {"matchLabels": {"app": "a"}}});
        for (spec, expected) in [
            (json!({"templates": [{"name": "a"}]}), "Rollout has missing field '.Spec.Templates[0].Selector'"),
            (
                json!({"templates": [good, {"name": "b", "selector": {}}]}),
                "This experiment is selecting all pods at index 1. A non-empty selector is required.",
            ),
            (
                json!({"progressDeadlineSeconds": 5, "templates": [{"name": "a", "selector": {"matchLabels": {"app": "a"}}, "minReadySeconds": 6}]}),
                "MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index 0",
            ),
            (
                json!({"templates": [good, {"name": "", "selector": {"matchLabels": {"app": "a"}}}]}),
                "Experiment trial has empty template name at index 1",
            ),
            (json!({"templates": [good, good]}), "Experiment trial has repeated template name 'a' in templates"),
            (
                json!({"templates": [good], "duration": "soon"}),
                "The Experiment \"trial\" is invalid: spec.duration: Invalid value: \"soon\": it is no duration",
            ),
        ] {
            let experiment = json!({"metadata": {"name": "trial"}, "spec": spec});
            let experiment = Experiment::from_value(&experiment).expect("reads");
            assert_eq!(Spec::parse(&experiment).map(|_| ()), Err(expected.to_owned()), "{spec}");
        }
    }

    #[test]
    fn a_template_has_a_hash_of_its_own_whatever_it_was_copied_from() {
        let labels = json!({"app": "a", keys::POD_TEMPLATE_HASH: "abc"});
        let template = json!({
            "name": "a", "selector": {"matchLabels": labels}, "service": {},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
        });
        let experiment = json!({"metadata": {"name": "trial"}, "spec": {"templates": [template], "duration": "1m"}});
        let experiment = Experiment::from_value(&experiment).expect("reads");
        let spec = Spec::parse(&experiment).expect("is valid");
        let template = &spec.templates[0];
        assert_ne!(template.labels()[keys::POD_TEMPLATE_HASH], "abc");
        assert_eq!(template.selector.match_labels[keys::POD_TEMPLATE_HASH], template.labels()[keys::POD_TEMPLATE_HASH]);
        assert_eq!((template.replica_set.as_str(), template.service.as_deref()), ("trial-a", Some("trial-a")));
        assert_eq!((template.replicas, spec.duration), (1, Some(TimeDelta::minutes(1))));
    }
}
