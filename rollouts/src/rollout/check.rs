//! Is everything there that the spec refers to? Services, routes and templates must exist and fit before anything moves; while
//! one is missing the Rollout says so and stays as it is.

use super::{
    fleet::Fleet,
    invalid::Invalid,
    observed::Observed,
    runs,
    spec::{Spec, Step},
    traffic::{self, istio},
};
use crds::{
    analysis::{AnalysisTemplateSpec, Metric},
    keys,
    rollout::{IstioDestinationRule, IstioVirtualService, RolloutAnalysis},
};
use serde_json::Value;

const CANARY: &str = "spec.strategy.canary";

/// The first reference that leads nowhere or does not fit.
pub fn references(observed: &Observed, spec: &Spec<'_>, fleet: &Fleet<'_>) -> Result<(), Invalid> {
    let named = [("canaryService", &spec.canary.canary_service), ("stableService", &spec.canary.stable_service)];
    for (field, name) in named {
        if let Some(name) = name {
            service(observed, spec, &format!("{CANARY}.{field}"), name)?;
        }
    }
    for (index, step) in spec.steps.iter().enumerate() {
        if let Step::Analysis(analysis) = step {
            let path = format!("{CANARY}.steps[{index}].analysis");
            templates(observed, fleet, &path, analysis)?;
            ends_by_itself(observed, &path, analysis)?;
        }
    }
    if let Some(background) = &spec.background {
        templates(observed, fleet, &format!("{CANARY}.analysis"), &background.analysis)?;
    }
    routes(observed, spec)
}

fn service(observed: &Observed, spec: &Spec<'_>, path: &str, name: &str) -> Result<(), Invalid> {
    let Some(service) = observed.services.get(name) else {
        return Err(Invalid::value(path, name, format!("service \"{name}\" not found")));
    };
    let labels = spec.template.pointer("/metadata/labels");
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let strange = service
        .spec
        .selector
        .iter()
        .find(|(key, value)| *key != keys::POD_TEMPLATE_HASH && label(key) != Some(value.as_str()));
    if let Some((key, _)) = strange {
        return Err(Invalid::value(path, name, format!("Service \"{name}\" has unmatch label \"{key}\" in rollout")));
    }
    let manager = service.metadata.annotation(keys::MANAGED_BY_ROLLOUTS);
    if manager.is_some_and(|manager| manager != observed.rollout.metadata.name) {
        return Err(Invalid::value(path, name, format!("Service \"{name}\" is managed by another Rollout")));
    }
    Ok(())
}

fn templates(observed: &Observed, fleet: &Fleet<'_>, path: &str, analysis: &RolloutAnalysis) -> Result<(), Invalid> {
    let path = format!("{path}.templates");
    for named in &analysis.templates {
        let name = &named.template_name;
        let (is_there, kind) = if named.cluster_scope {
            (observed.cluster_templates.contains_key(name), "ClusterAnalysisTemplate")
        } else {
            (observed.templates.contains_key(name), "AnalysisTemplate")
        };
        if !is_there {
            return Err(Invalid::value(&path, name, format!("{kind} '{name}' not found")));
        }
    }
    let names: Vec<&str> = analysis.templates.iter().map(|named| named.template_name.as_str()).collect();
    runs::spec_of(observed, fleet, analysis)
        .map(|_| ())
        .map_err(|problem| Invalid::value(&path, names.join(", "), problem))
}

/// A step waits for its run, so its run must end: a metric with an interval needs a count.
fn ends_by_itself(observed: &Observed, path: &str, analysis: &RolloutAnalysis) -> Result<(), Invalid> {
    for named in &analysis.templates {
        let single = RolloutAnalysis { templates: vec![named.clone()], ..Default::default() };
        let templates = runs::templates_of(observed, &single).unwrap_or_default();
        if let Some(metric) = templates.iter().find_map(|template| endless(template)) {
            let name = &named.template_name;
            let count = metric.count.as_ref().map_or_else(|| "<nil>".to_owned(), ToString::to_string);
            let detail = format!(
                "AnalysisTemplate {name} has metric {} which runs indefinitely. Invalid value for count: {count}",
                metric.name
            );
            return Err(Invalid::value(&format!("{path}.templates"), name, detail));
        }
    }
    Ok(())
}

fn endless(template: &AnalysisTemplateSpec) -> Option<&Metric> {
    let is_endless = |count: Option<&crds::IntOrString>| count.is_none_or(|count| count.as_int() == Some(0));
    template.metrics.iter().find(|metric| metric.interval.is_some() && is_endless(metric.count.as_ref()))
}

fn routes(observed: &Observed, spec: &Spec<'_>) -> Result<(), Invalid> {
    let Some((istio, ends)) = spec.istio.zip(traffic::ends(spec)) else { return Ok(()) };
    let path = format!("{CANARY}.trafficRouting.istio");
    if let Some(rule) =
        istio.destination_rule.as_ref().filter(|rule| !observed.destination_rules.contains_key(&rule.name))
    {
        let missing = format!("destinationrules.networking.istio.io \"{}\" not found", rule.name);
        return Err(Invalid::value(&format!("{path}.destinationRule.name"), &rule.name, missing));
    }
    if let Some(rule) = &istio.destination_rule {
        subsets(observed, &path, rule)?;
    }
    if let Some(named) = &istio.virtual_service {
        virtual_service(observed, &format!("{path}.virtualService"), named, ends)?;
    }
    for (index, named) in istio.virtual_services.iter().enumerate() {
        virtual_service(observed, &format!("{path}.virtualServices[{index}]"), named, ends)?;
    }
    Ok(())
}

/// A subset that is not there can be pointed at nothing: the routes would send its share nowhere.
fn subsets(observed: &Observed, path: &str, rule: &IstioDestinationRule) -> Result<(), Invalid> {
    let Some(object) = observed.destination_rules.get(&rule.name) else { return Ok(()) };
    let spec = object.spec();
    let named = [("canarySubsetName", &rule.canary_subset_name), ("stableSubsetName", &rule.stable_subset_name)];
    match named.into_iter().find(|(_, name)| !istio::has_subset(&spec, name)) {
        Some((field, name)) => Err(Invalid::value(
            &format!("{path}.destinationRule.{field}"),
            name,
            format!("subset not found in DestinationRule \"{}\"", rule.name),
        )),
        None => Ok(()),
    }
}

fn virtual_service(
    observed: &Observed,
    path: &str,
    named: &IstioVirtualService,
    ends: istio::Ends<'_>,
) -> Result<(), Invalid> {
    let path = format!("{path}.name");
    let key = istio::name_of(&named.name, &observed.rollout.metadata.namespace);
    let Some(object) = observed.virtual_services.get(&key) else {
        return Err(Invalid::value(
            &path,
            &named.name,
            format!("virtualservices.networking.istio.io \"{}\" not found", key.1),
        ));
    };
    istio::select(&object.spec(), named, ends)
        .map(|_| ())
        .map_err(|problem| Invalid::value(&path, &named.name, problem))
}
