//! What is wrong with files of manifests: fields that do not exist, values of the wrong type, and everything that the rules
//! for Rollouts, Experiments and analyses refuse, judged beside the Services and routes that stand in the same files.
//!
//! The rules are those of the controller, and the fields those of its definitions: nothing is said twice here. An object that
//! is not in the files may be in the cluster, and is no mistake.

mod beside;
mod places;
mod strict;

use crate::manifests::Text;
use beside::Beside;
use crds::{AnalysisRun, AnalysisTemplate, Experiment, FieldError, Rollout, kind};
use gitops::manifest::{self, Manifest};
use places::Places;

/// Everything that is wrong, as `file:line: field: problem`, in the order of the files.
pub(crate) fn findings(texts: &[Text]) -> Vec<String> {
    let mut found = Vec::new();
    let mut read: Vec<(Manifest, Places)> = Vec::new();
    for text in texts {
        let manifests = match manifest::parse_unnamed(&text.name, &text.content) {
            Ok(manifests) => manifests,
            Err(error) => {
                found.push(error.to_string());
                continue;
            }
        };
        let documents = Places::of(&text.content);
        read.extend(manifests.into_iter().map(|manifest| {
            let places = documents.iter().find(|places| places.line() == manifest.line).cloned();
            (manifest, places.unwrap_or_default())
        }));
    }
    let beside = Beside::of(read.iter().map(|(manifest, _)| &manifest.object));
    for (manifest, places) in &read {
        for FieldError { path, problem } in mistakes(manifest, &beside) {
            let line = places.line_of(&path).unwrap_or(manifest.line);
            let field = if path.is_empty() { String::new() } else { format!("{path}: ") };
            found.push(format!("{}:{line}: {field}{problem}", manifest.file));
        }
    }
    found
}

/// What is wrong with one object: its fields first; the rules judge only what has the right ones.
fn mistakes(manifest: &Manifest, beside: &Beside) -> Vec<FieldError> {
    let object = &manifest.object;
    let Some(kind) = strict::kind_of(object) else { return Vec::new() };
    let mut found = strict::check(kind, object);
    if found.iter().any(|mistake| !strict::is_unknown(mistake)) {
        return found;
    }
    match kind {
        kind::ROLLOUT => match Rollout::from_value(object) {
            Ok(rollout) => found.extend(rollouts::lint(&beside.observed(rollout))),
            Err(error) => found.push(error),
        },
        kind::EXPERIMENT => match Experiment::from_value(object) {
            Ok(experiment) => found.extend(rollouts::experiment::lint(&experiment).map(in_spec)),
            Err(error) => found.push(error),
        },
        kind::ANALYSIS_RUN => match AnalysisRun::from_value(object) {
            Ok(run) => found.extend(analysis::lint_run(&run.spec).map(in_spec)),
            Err(error) => found.push(error),
        },
        kind::ANALYSIS_TEMPLATE | kind::CLUSTER_ANALYSIS_TEMPLATE => match AnalysisTemplate::from_value(object) {
            Ok(template) => found.extend(analysis::lint_template(&template.spec).map(in_spec)),
            Err(error) => found.push(error),
        },
        _ => {}
    }
    found
}

/// Some rules say in their words where a mistake stands.
fn in_spec(problem: String) -> FieldError {
    FieldError { path: "spec".into(), problem }
}
