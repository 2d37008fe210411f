//! Is everything there that the spec refers to? Services, routes and templates must exist and fit before anything moves; while
//! one is missing the Rollout says so and stays as it is.

use super::{
    drain, experiments,
    invalid::{Faults, Invalid},
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

/// Every reference must lead somewhere and fit.
pub fn references(look: &Look<'_>) -> Result<(), Faults> {
    let (observed, spec) = (look.observed, look.spec);
    let mut faults = Faults::default();
    faults.keep(drain::hook::check(observed, spec));
    for (path, name) in named_services(spec) {
        service(observed, spec, &path, name, &mut faults);
    }
    // An update that is taken back needs no templates: the way back stays open while one is missing.
    for (slot, analysis) in analyses(spec).filter(|_| !is_taken_back(look)) {
        templates(observed, slot, analysis, &mut faults);
    }
    for router in &spec.routers {
        faults.keep(router.check(observed));
    }
    faults.unless_any(())
}

/// The Services that a spec names, each with its path.
fn named_services<'a>(spec: &'a Spec<'_>) -> Vec<(String, &'a str)> {
    let named = match &spec.strategy {
        Strategy::Canary(canary) => {
            let turns = canary.ping_pong.as_ref();
            vec![
                (CANARY, "canaryService", canary.canary_service.as_deref()),
                (CANARY, "stableService", canary.stable_service.as_deref()),
                (CANARY, "pingPong.pingService", turns.map(|turns| turns.ping_service.as_str())),
                (CANARY, "pingPong.pongService", turns.map(|turns| turns.pong_service.as_str())),
            ]
        }
        Strategy::BlueGreen(sides) => vec![
            (BLUE_GREEN, "activeService", Some(sides.active_service)),
            (BLUE_GREEN, "previewService", sides.preview_service),
        ],
    };
    named.into_iter().filter_map(|(strategy, field, name)| Some((format!("{strategy}.{field}"), name?))).collect()
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

fn service(observed: &Observed, spec: &Spec<'_>, path: &str, name: &str, faults: &mut Faults) {
    let Some(service) = observed.services.get(name) else {
        return faults.note(Invalid::value(path, name, format!("service \"{name}\" not found")));
    };
    let labels = spec.template.pointer("/metadata/labels");
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    // Labels of a role do not count: pods get those of their next role after the Services are switched.
    let selector = service.spec.selector.iter().filter(|(key, _)| *key != keys::POD_TEMPLATE_HASH);
    for (key, _) in selector.filter(|(key, value)| label(key) != Some(value.as_str())) {
        let words = format!("Service \"{name}\" has unmatch label \"{key}\" in rollout");
        faults.note(Invalid::value(path, name, words));
    }
    let manager = service.metadata.annotation(keys::MANAGED_BY_ROLLOUTS);
    if manager.is_some_and(|manager| manager != observed.rollout.metadata.name) {
        faults.note(Invalid::value(path, name, format!("Service \"{name}\" is managed by another Rollout")));
    }
}

fn templates(observed: &Observed, slot: Slot, analysis: &RolloutAnalysis, faults: &mut Faults) {
    let path = format!("{}.templates", path_of(slot));
    let absent = analysis.templates.iter().filter_map(|named| {
        let name = &named.template_name;
        let (is_there, kind) = if named.cluster_scope {
            (observed.cluster_templates.contains_key(name), "ClusterAnalysisTemplate")
        } else {
            (observed.templates.contains_key(name), "AnalysisTemplate")
        };
        (!is_there).then(|| Invalid::value(&path, name, format!("{kind} '{name}' not found")))
    });
    let absent: Vec<Invalid> = absent.collect();
    if !absent.is_empty() {
        return absent.into_iter().for_each(|fault| faults.note(fault));
    }
    let names: Vec<&str> = analysis.templates.iter().map(|named| named.template_name.as_str()).collect();
    let value = format!("templateNames: [{}]", names.join(" "));
    let run = runs::check(observed, analysis).map_err(|problem| Invalid::value(&path, &value, problem));
    let Some(run) = faults.keep(run).filter(|_| slot != Slot::Background) else { return };
    for named in &analysis.templates {
        of_step(observed, &path, named, faults);
    }
    if let Some(tag) = unresolved(&run) {
        let names = names.join(", ");
        let problem = format!("AnalysisTemplate {names}: failed to resolve {{{{{tag}}}}}");
        faults.note(Invalid::value(&path, &names, problem));
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
fn of_step(observed: &Observed, path: &str, named: &AnalysisTemplateRef, faults: &mut Faults) {
    let single = RolloutAnalysis { templates: vec![named.clone()], ..Default::default() };
    let name = &named.template_name;
    let wrong = |problem: String| Invalid::value(path, name, format!("AnalysisTemplate {name}{problem}"));
    for template in runs::templates_of(observed, &single).unwrap_or_default() {
        for twice in template.args.iter().filter(|arg| arg.value.is_some() && arg.value_from.is_some()) {
            faults.note(wrong(format!(": arg '{}' has both Value and ValueFrom fields", twice.name)));
        }
        for metric in template.metrics.iter().filter(|metric| is_endless(metric)) {
            let count = metric.count.as_ref().map_or_else(|| "<nil>".to_owned(), ToString::to_string);
            let runs = format!("runs indefinitely. Invalid value for count: {count}");
            faults.note(wrong(format!(" has metric {} which {runs}", metric.name)));
        }
    }
}

/// One with an interval goes on until its count is reached.
fn is_endless(metric: &Metric) -> bool {
    metric.interval.is_some() && metric.count.as_ref().is_none_or(|count| count.as_int() == Some(0))
}
