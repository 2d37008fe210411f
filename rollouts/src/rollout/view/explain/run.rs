//! What an AnalysisRun or an Experiment found so far: metric by metric, with the last measurement in its own words.

use super::{Advice, Case, Link, kubectl, tree};
use chrono::{DateTime, Utc};
use crds::{
    AnalysisRun, Experiment,
    analysis::{AnalysisPhase, Measurement, Metric, MetricResult},
    duration,
};

/// An AnalysisRun by its name.
pub(super) fn named<'a>(case: &Case<'a>, name: &str) -> Option<&'a AnalysisRun> {
    case.evidence.scene.runs.iter().map(AsRef::as_ref).find(|run| run.metadata.name == name)
}

/// The run of this name, as the chain tells of it.
pub(super) fn link(case: &Case<'_>, name: &str) -> Link {
    let Some(run) = named(case, name) else { return Link::new(format!("analysis run {name} is not there yet")) };
    let message = run.status.message.as_deref().filter(|message| !message.is_empty());
    let because = message.map(|message| format!(": {message}")).unwrap_or_default();
    let what = match run.status.phase {
        AnalysisPhase::Unset => format!("analysis run {name} has not begun"),
        phase => format!("analysis run {name} is {phase}{because}"),
    };
    let since = if run.status.phase.is_completed() { run.status.completed_at } else { run.status.started_at };
    let metrics = run.spec.metrics.iter().map(|metric| of_metric(case, run, metric));
    Link::new(what).since(since.or(run.status.started_at)).over(metrics)
}

/// What a person can do about a run.
pub(super) fn advice(name: &str) -> Advice {
    kubectl("see all measurements", format!("get analysisrun {name} -o yaml"))
}

fn of_metric(case: &Case<'_>, run: &AnalysisRun, metric: &Metric) -> Link {
    let name = &metric.name;
    let Some(result) = run.status.metric_results.iter().find(|result| result.name == *name) else {
        return Link::new(format!("metric {name} has not been measured yet{}", wanted(metric)));
    };
    let Some(last) = result.measurements.last() else {
        return Link::new(format!("metric {name} is {}, without a measurement", result.phase));
    };
    let next = next(metric, result, last).map(|at| format!("; measured again {}", case.at(at))).unwrap_or_default();
    let what = format!("metric {name}: {}{}{}{next}", measured(case, last), counts(result), wanted(metric));
    Link::new(what)
}

fn measured(case: &Case<'_>, last: &Measurement) -> String {
    let ended = last.finished_at.or(last.started_at).map(|at| format!(" {} ago", case.ago(at)));
    let ago = ended.unwrap_or_default();
    let value = last.value.as_deref().filter(|value| !value.is_empty());
    let message = last.message.as_deref().filter(|message| !message.is_empty());
    let because = message.map(|message| format!(" ({message})")).unwrap_or_default();
    match (last.phase, value) {
        (AnalysisPhase::Error, _) => format!("could not be measured{ago}{because}"),
        (phase, Some(value)) => format!("{value} was {phase}{ago}{because}"),
        (phase, None) => format!("the last measurement is {phase}{ago}{because}"),
    }
}

fn counts(result: &MetricResult) -> String {
    let all = [
        (result.successful, "good"),
        (result.failed, "bad"),
        (result.inconclusive, "undecided"),
        (result.error, "errors"),
    ];
    let told = all.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let told: Vec<String> = told.collect();
    if told.is_empty() { String::new() } else { format!("; so far {}", told.join(", ")) }
}

/// The condition by which it is judged.
fn wanted(metric: &Metric) -> String {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (given(&metric.success_condition), given(&metric.failure_condition)) {
        (Some(good), _) => format!("; good is {good}"),
        (None, Some(bad)) => format!("; bad is {bad}"),
        (None, None) => String::new(),
    }
}

fn next(metric: &Metric, result: &MetricResult, last: &Measurement) -> Option<DateTime<Utc>> {
    if result.phase.is_completed() {
        return None;
    }
    let interval = metric.interval.as_deref().and_then(duration::parse_go)?;
    Some(last.finished_at?.0 + interval)
}

/// The Experiment of this name, as the chain tells of it, and when it ends.
pub(super) fn experiment(case: &Case<'_>, name: &str) -> (Link, Option<DateTime<Utc>>) {
    let found = tree::experiments_of(&case.evidence.scene).into_iter().find(|known| known.metadata.name == name);
    let Some(experiment) = found else { return (Link::new(format!("experiment {name} is not there yet")), None) };
    let status = &experiment.status;
    let message = status.message.as_deref().filter(|message| !message.is_empty());
    let because = message.map(|message| format!(": {message}")).unwrap_or_default();
    let what = match status.phase {
        AnalysisPhase::Unset => format!("experiment {name} has not begun"),
        phase => format!("experiment {name} is {phase}{because}"),
    };
    let begun = status.available_at.or(experiment.metadata.creation_timestamp);
    let link = Link::new(what).since(begun).over(below_experiment(case, experiment));
    let span = experiment.spec.duration.as_deref().and_then(duration::parse_go);
    (link, status.available_at.zip(span).map(|(begun, span)| begun.0 + span))
}

fn below_experiment(case: &Case<'_>, experiment: &Experiment) -> Vec<Link> {
    let mut links = Vec::new();
    for template in &experiment.status.template_statuses {
        let status = template.status.as_deref().unwrap_or("not begun");
        if matches!(status, "Running" | "Successful") {
            continue;
        }
        let message = template.message.as_deref().filter(|message| !message.is_empty());
        let because = message.map(|message| format!(": {message}")).unwrap_or_default();
        let link = Link::new(format!("template {} is {status}{because}", template.name));
        let sets = tree::replica_sets_of(&case.evidence.scene, &experiment.metadata.uid).into_iter();
        let of_template = sets.filter(|set| {
            set.metadata.annotation(crds::keys::EXPERIMENT_TEMPLATE_NAME) == Some(template.name.as_str())
        });
        links
            .push(link.over(of_template.filter_map(|set| super::pods::missing(case, set)).flat_map(|part| part.links)));
    }
    let runs = experiment.status.analysis_runs.iter().filter(|run| run.phase != AnalysisPhase::Successful);
    links.extend(runs.map(|run| link(case, &run.analysis_run)));
    links
}
