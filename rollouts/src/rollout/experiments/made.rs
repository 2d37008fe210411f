//! What an Experiment is made of: the pods of the step's revisions as they are now, and the step's own wishes on top.

use crate::rollout::{fleet::owner, look::Look, runs, spec};
use crds::{
    Raw,
    experiment::{ExperimentAnalysis, ExperimentSpec, ExperimentTemplate},
    keys, kind,
    rollout::{ExperimentStep, ExperimentStepAnalysis, ExperimentStepTemplate, ServiceName},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The spec of the Experiment of a step, or why there can be none now.
pub fn spec(look: &Look<'_>, step: &ExperimentStep) -> Result<ExperimentSpec, String> {
    let templates = step.templates.iter().map(|wanted| template(look, wanted)).collect::<Result<_, _>>()?;
    let analyses = step.analyses.iter().map(|wanted| analysis(look, wanted)).collect::<Result<_, _>>()?;
    Ok(ExperimentSpec {
        templates,
        duration: step.duration.clone(),
        progress_deadline_seconds: look.observed.rollout.spec.progress_deadline_seconds,
        analyses,
        scale_down_delay_seconds: step.scale_down_delay_seconds,
        dry_run: step.dry_run.clone(),
        analysis_run_metadata: step.analysis_run_metadata.clone(),
        ..ExperimentSpec::default()
    })
}

fn template(look: &Look<'_>, wanted: &ExperimentStepTemplate) -> Result<ExperimentTemplate, String> {
    let is_stable = wanted.spec_ref == spec::experiment::STABLE;
    let revision = if is_stable { look.fleet.stable } else { look.fleet.canary };
    let Some(revision) = revision else { return Err(format!("there is no {} revision", wanted.spec_ref)) };
    let set = &revision.set.spec;
    let mut selector = wanted.selector.clone().unwrap_or_else(|| set.selector.clone());
    selector.match_labels.extend(wanted.metadata.labels.clone());
    let mut pods = set.template.value();
    add(&mut pods, "labels", &wanted.metadata.labels);
    add(&mut pods, "annotations", &wanted.metadata.annotations);
    Ok(ExperimentTemplate {
        name: wanted.name.clone(),
        replicas: wanted.replicas,
        min_ready_seconds: set.min_ready_seconds,
        selector: Some(selector),
        template: Some(Raw::from(pods)),
        // What gets a share of the traffic is reached through a Service.
        service: wanted.service.clone().or_else(|| wanted.weight.map(|_| ServiceName::default())),
    })
}

fn add(pods: &mut Value, field: &str, texts: &BTreeMap<String, String>) {
    let metadata = pods.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata.filter(|_| !texts.is_empty())
        && let Some(kept) = metadata.entry(field).or_insert_with(|| json!({})).as_object_mut()
    {
        kept.extend(texts.iter().map(|(key, value)| (key.clone(), value.clone().into())));
    }
}

fn analysis(look: &Look<'_>, wanted: &ExperimentStepAnalysis) -> Result<ExperimentAnalysis, String> {
    Ok(ExperimentAnalysis {
        name: wanted.name.clone(),
        template_name: wanted.template_name.clone(),
        cluster_scope: wanted.cluster_scope,
        args: runs::arguments(look.observed, look.fleet, &wanted.args)?,
        required_for_completion: wanted.required_for_completion,
    })
}

/// The whole Experiment.
pub fn body(look: &Look<'_>, name: &str, spec: &ExperimentSpec) -> Value {
    let meta = &look.observed.rollout.metadata;
    let mut labels: Map<String, Value> =
        meta.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    labels.insert(keys::POD_TEMPLATE_HASH.into(), look.fleet.hash.clone().into());
    labels.extend(look.observed.instance_id.iter().map(|id| (keys::INSTANCE_ID.to_owned(), id.clone().into())));
    let revision = look.fleet.canary.map_or(0, |canary| canary.number());
    json!({
        "apiVersion": kind::EXPERIMENT.api_version(), "kind": kind::EXPERIMENT.kind,
        "metadata": {
            "name": name, "namespace": meta.namespace, "labels": labels,
            "annotations": { keys::REVISION: revision.to_string() }, "ownerReferences": [owner(look.observed)],
        },
        "spec": spec,
    })
}
