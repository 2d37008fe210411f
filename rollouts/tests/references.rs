//! What a Rollout refers to and what is wrong with it, in the words that clients match on: a row for each message.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod toy;

use serde_json::{Value, json};
use toy::Toy;

fn canary(fields: Value) -> Toy {
    Toy::new(fields, 2).with_istio_hosts()
}

#[test]
fn what_is_named_must_be_there() {
    let canary_at = "spec.strategy.canary";
    let sides = "spec.strategy.blueGreen";
    let missing = |name: &str| json!({"templates": [{"templateName": name}]});
    for (strategy, fields, expected) in [
        (
            canary_at,
            json!({"canaryService": "gone"}),
            "canaryService: Invalid value: \"gone\": service \"gone\" not found",
        ),
        (
            canary_at,
            json!({"stableService": "gone"}),
            "stableService: Invalid value: \"gone\": service \"gone\" not found",
        ),
        (sides, json!({"activeService": "gone"}), "activeService: Invalid value: \"gone\": service \"gone\" not found"),
        (
            sides,
            json!({"previewService": "gone"}),
            "previewService: Invalid value: \"gone\": service \"gone\" not found",
        ),
        (
            sides,
            json!({"prePromotionAnalysis": missing("gone")}),
            "prePromotionAnalysis.templates: Invalid value: \"gone\": AnalysisTemplate 'gone' not found",
        ),
        (
            sides,
            json!({"postPromotionAnalysis": {"templates": [{"templateName": "gone", "clusterScope": true}]}}),
            "postPromotionAnalysis.templates: Invalid value: \"gone\": ClusterAnalysisTemplate 'gone' not found",
        ),
        // All that is missing is told at once.
        (
            canary_at,
            json!({"canaryService": "gone", "analysis": {"templates": [{"templateName": "a"}, {"templateName": "b"}]}}),
            "canaryService: Invalid value: \"gone\": service \"gone\" not found; spec.strategy.canary.analysis.templates: Invalid value: \"a\": AnalysisTemplate 'a' not found; spec.strategy.canary.analysis.templates: Invalid value: \"b\": AnalysisTemplate 'b' not found",
        ),
    ] {
        let mut toy = if strategy == sides { Toy::blue_green(fields.clone(), 2) } else { canary(fields.clone()) };
        assert_eq!(toy.fault(), format!("{strategy}.{expected}"), "{fields}");
    }
}

#[test]
fn what_a_service_selects_must_fit() {
    let path = "spec.strategy.canary.stableService: Invalid value: \"stable\": Service \"stable\"";
    for (service, expected) in [
        (json!({"spec": {"selector": {"tier": "x"}}}), format!("{path} has unmatch label \"tier\" in rollout")),
        (json!({"spec": {"selector": {"app": "other"}}}), format!("{path} has unmatch label \"app\" in rollout")),
        (
            json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "shop"}}}),
            format!("{path} is managed by another Rollout"),
        ),
        (json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}}}), String::new()),
        (json!({"spec": {"selector": {"rollouts-pod-template-hash": "old"}}}), String::new()),
        // Pods get the labels of a role after the Services are switched: meanwhile it would select none.
        (json!({"spec": {"selector": {"role": "stable"}}}), format!("{path} has unmatch label \"role\" in rollout")),
    ] {
        let mut toy = canary(json!({"stableService": "stable", "stableMetadata": {"labels": {"role": "stable"}}}));
        toy::merge(toy.services.get_mut("stable").expect("is there"), &service);
        assert_eq!(toy.fault(), expected, "{service}");
    }
}

#[test]
fn templates_must_be_there_and_fit() {
    let metric = |fields: Value| {
        let mut metric = json!({"name": "m", "provider": {"prometheus": {"query": "up"}}});
        toy::merge(&mut metric, &fields);
        json!({ "metrics": [metric] })
    };
    let with_args = |args: Value| {
        let mut template = metric(json!({}));
        template["args"] = args;
        template
    };
    let mut counted = metric(json!({"interval": "1m", "count": "{{ args.n }}"}));
    counted["args"] = json!([{"name": "n", "value": "3"}]);
    let secret = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let endless = "AnalysisTemplate rate has metric m which runs indefinitely. Invalid value for count:";
    for (template, of_step, of_background) in [
        (None, "AnalysisTemplate 'rate' not found", "AnalysisTemplate 'rate' not found"),
        (Some(metric(json!({"interval": "1m"}))), &*format!("{endless} <nil>"), ""),
        (Some(metric(json!({"interval": "1m", "count": 0}))), &format!("{endless} 0"), ""),
        (Some(counted), "", ""),
        (Some(with_args(json!([{"name": "x"}]))), "args.x was not resolved", "args.x was not resolved"),
        (
            Some(with_args(json!([{"name": "x", "value": "1", "valueFrom": secret}]))),
            "AnalysisTemplate rate: arg 'x' has both Value and ValueFrom fields",
            "",
        ),
        (
            Some(metric(json!({"provider": {"prometheus": {"query": "rate({{args.y}})"}}}))),
            "AnalysisTemplate rate: failed to resolve {{args.y}}",
            "",
        ),
        (
            Some(json!({"metrics": [], "templates": [{"templateName": "gone"}]})),
            "AnalysisTemplate 'gone' not found",
            "AnalysisTemplate 'gone' not found",
        ),
    ] {
        let analysis = json!({"templates": [{"templateName": "rate"}]});
        for (strategy, path, expected) in [
            (json!({"steps": [{ "analysis": analysis }]}), "steps[0].analysis", of_step),
            (json!({ "analysis": analysis }), "analysis", of_background),
        ] {
            let mut toy = canary(strategy);
            if let Some(template) = &template {
                toy = toy.with_template("rate", template.clone());
            }
            // What is wrong with all templates together names them all.
            let is_of_all = expected.ends_with("resolved") || expected.ends_with("'gone' not found");
            let value = if is_of_all { "templateNames: [rate]" } else { "rate" };
            let whole = format!("spec.strategy.canary.{path}.templates: Invalid value: \"{value}\": {expected}");
            assert_eq!(toy.fault(), if expected.is_empty() { "" } else { &whole }, "{template:?}");
        }
    }
}
