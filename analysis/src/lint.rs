//! What is wrong with the metrics of a template or a run in a file. Where a value is still to be given, nothing is said: it
//! may decide whether they make sense.

use crate::{Observed, metric};
use crds::{
    AnalysisRun,
    analysis::{AnalysisRunSpec, AnalysisTemplateSpec},
};
use std::sync::Arc;

/// Stands for the server that the controller may be told of.
const SOME_SERVER: &str = "http://prometheus";

/// The first mistake in a template.
pub fn lint_template(template: &AnalysisTemplateSpec) -> Option<String> {
    // Whoever only puts other templates together has no metrics of its own.
    if template.metrics.is_empty() && !template.templates.is_empty() {
        return None;
    }
    lint_run(&AnalysisRunSpec {
        metrics: template.metrics.clone(),
        args: template.args.clone(),
        dry_run: template.dry_run.clone(),
        measurement_retention: template.measurement_retention.clone(),
        ..AnalysisRunSpec::default()
    })
}

/// The first mistake in a run.
pub fn lint_run(spec: &AnalysisRunSpec) -> Option<String> {
    if spec.args.iter().any(|argument| argument.value.is_none()) {
        return None;
    }
    let run = AnalysisRun { spec: spec.clone(), ..AnalysisRun::default() };
    let observed =
        Observed { run: Arc::new(run), prometheus_address: Some(SOME_SERVER.to_owned()), ..Observed::default() };
    metric::parse(&observed).err().map(|refusal| refusal.to_string())
}

#[cfg(test)]
mod tests {
    use super::lint_template;
    use crds::AnalysisTemplate;
    use serde_json::{Value, json};

    fn mistake(spec: Value) -> Option<String> {
        lint_template(&AnalysisTemplate::from_value(&json!({ "spec": spec })).expect("is a template").spec)
    }

    #[test]
    fn metrics_are_judged_as_in_a_run() {
        let prometheus = json!({"prometheus": {"query": "up"}});
        let metric = |changes: Value| {
            let mut metric = json!({"name": "m", "provider": prometheus});
            if let (Some(metric), Value::Object(changes)) = (metric.as_object_mut(), changes) {
                metric.extend(changes);
            }
            json!({ "metrics": [metric] })
        };
        for (spec, expected) in [
            (metric(json!({})), None),
            (metric(json!({"count": 3})), Some("metrics[0]: interval must be specified when count > 1")),
            (metric(json!({"provider": {}})), Some("metrics[0]: no provider specified")),
            (json!({"metrics": []}), Some("no metrics specified")),
            (json!({"templates": [{"templateName": "other"}]}), None),
        ] {
            let found = mistake(spec.clone());
            assert_eq!(found.is_some(), expected.is_some(), "{spec}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{spec}");
        }
        let mut open = metric(json!({"count": "{{args.n}}"}));
        open["args"] = json!([{"name": "n"}]);
        assert_eq!(mistake(open), None, "the value is not known yet");
    }
}
