//! Is everything there that the spec refers to? Services, routes and templates must exist and fit before anything moves; while
//! one is missing the Rollout says so and stays as it is.

use super::{
    experiments,
    invalid::Invalid,
    look::Look,
    observed::Observed,
    phase::Phase,
    runs::{self, Slot, Verdict},
    spec::{Spec, Step, Strategy},
};
use crds::{
    analysis::{AnalysisRunSpec, AnalysisTemplateRef, Metric},
    keys,
    rollout::RolloutAnalysis,
};
use serde_json::Value;

const CANARY: &str = "spec.strategy.canary";
const BLUE_GREEN: &str = "spec.strategy.blueGreen";

/// The first reference that leads nowhere or does not fit.
pub fn references(look: &Look<'_>) -> Result<(), Invalid> {
    match all(look).into_iter().next() {
        Some(invalid) => Err(invalid),
        None => Ok(()),
    }
}

/// Every reference that leads nowhere or does not fit; of each the first that is wrong with it.
pub fn all(look: &Look<'_>) -> Vec<Invalid> {
    let (observed, spec) = (look.observed, look.spec);
    let services =
        named_services(spec).into_iter().filter_map(|(path, name)| service(observed, spec, &path, name).err());
    // An update that is taken back needs no templates: the way back stays open while one is missing.
    let judged = analyses(spec).filter(|_| !is_taken_back(look));
    let templates = judged.filter_map(|(slot, analysis)| templates(observed, slot, analysis).err());
    let routes = spec.routers.iter().filter_map(|router| router.check(observed).err());
    services.chain(templates).chain(routes).collect()
}

fn named_services<'a>(spec: &'a Spec<'_>) -> Vec<(String, &'a str)> {
    let (strategy, named) = match &spec.strategy {
        Strategy::Canary(canary) => (
            CANARY,
            [("canaryService", canary.canary_service.as_deref()), ("stableService", canary.stable_service.as_deref())],
        ),
        Strategy::BlueGreen(sides) => {
            (BLUE_GREEN, [("activeService", Some(sides.active_service)), ("previewService", sides.preview_service)])
        }
    };
    named.into_iter().filter_map(|(field, name)| Some((format!("{strategy}.{field}"), name?))).collect()
}

/// Whether every run and experiment that is to be created now can have its arguments.
pub fn runs(look: &Look<'_>) -> Result<(), Invalid> {
    if let Some((slot, problem)) = runs::impossible(look) {
        return Err(Invalid::value(&format!("{}.args", path_of(slot)), "", problem));
    }
    match experiments::impossible(look) {
        Some((index, problem)) => Err(Invalid::value(&format!("{CANARY}.steps[{index}].experiment"), "", problem)),
        None => Ok(()),
    }
}

fn is_taken_back(look: &Look<'_>) -> bool {
    let verdict = runs::verdict(look).or_else(|| experiments::verdict(look));
    look.phase == Phase::Aborted || matches!(verdict, Some(Verdict::Abort(_)))
}

fn analyses<'a>(spec: &'a Spec<'_>) -> impl Iterator<Item = (Slot, &'a RolloutAnalysis)> {
    let around = match &spec.strategy {
        Strategy::Canary(_) => [None, None],
        Strategy::BlueGreen(sides) => [
            sides.before.map(|analysis| (Slot::PrePromotion, analysis)),
            sides.after.map(|analysis| (Slot::PostPromotion, analysis)),
        ],
    };
    let of_step = |(index, step): (usize, &'a Step)| match step {
        Step::Analysis(analysis) => Some((Slot::Step(index), analysis.as_ref())),
        _ => None,
    };
    let background = spec.background.iter().map(|background| (Slot::Background, &background.analysis));
    spec.steps.iter().enumerate().filter_map(of_step).chain(background).chain(around.into_iter().flatten())
}

fn path_of(slot: Slot) -> String {
    match slot {
        Slot::Step(index) => format!("{CANARY}.steps[{index}].analysis"),
        Slot::Background => format!("{CANARY}.analysis"),
        Slot::PrePromotion => format!("{BLUE_GREEN}.prePromotionAnalysis"),
        Slot::PostPromotion => format!("{BLUE_GREEN}.postPromotionAnalysis"),
    }
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

fn templates(observed: &Observed, slot: Slot, analysis: &RolloutAnalysis) -> Result<(), Invalid> {
    let path = format!("{}.templates", path_of(slot));
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
    let names = names.join(", ");
    let run = runs::check(observed, analysis).map_err(|problem| Invalid::value(&path, &names, problem))?;
    if slot == Slot::Background {
        return Ok(());
    }
    analysis.templates.iter().try_for_each(|named| of_step(observed, &path, named))?;
    match unresolved(&run) {
        Some(tag) => {
            let problem = format!("AnalysisTemplate {names}: failed to resolve {{{{{tag}}}}}");
            Err(Invalid::value(&path, &names, problem))
        }
        None => Ok(()),
    }
}

/// The first `{{tag}}` in a metric that no argument is called.
fn unresolved(run: &AnalysisRunSpec) -> Option<String> {
    let text = serde_json::to_string(&run.metrics).unwrap_or_default();
    let is_known = |tag: &str| {
        let name = tag.trim().strip_prefix("args.");
        name.is_some_and(|name| run.args.iter().any(|argument| argument.name == name))
    };
    let tags = text.split("{{").skip(1).filter_map(|after| Some(after.split_once("}}")?.0));
    tags.filter(|tag| !is_known(tag)).map(str::to_owned).next()
}

/// A step waits for its run, so its run must be able to begin and to end.
fn of_step(observed: &Observed, path: &str, named: &AnalysisTemplateRef) -> Result<(), Invalid> {
    let single = RolloutAnalysis { templates: vec![named.clone()], ..Default::default() };
    let name = &named.template_name;
    let wrong = |problem: String| Invalid::value(path, name, format!("AnalysisTemplate {name}{problem}"));
    for template in runs::templates_of(observed, &single).unwrap_or_default() {
        if let Some(twice) = template.args.iter().find(|arg| arg.value.is_some() && arg.value_from.is_some()) {
            return Err(wrong(format!(": arg '{}' has both Value and ValueFrom fields", twice.name)));
        }
        if let Some(metric) = template.metrics.iter().find(|metric| is_endless(metric)) {
            let count = metric.count.as_ref().map_or_else(|| "<nil>".to_owned(), ToString::to_string);
            let runs = format!("runs indefinitely. Invalid value for count: {count}");
            return Err(wrong(format!(" has metric {} which {runs}", metric.name)));
        }
    }
    Ok(())
}

/// One with an interval goes on until its count is reached.
fn is_endless(metric: &Metric) -> bool {
    metric.interval.is_some() && metric.count.as_ref().is_none_or(|count| count.as_int() == Some(0))
}
