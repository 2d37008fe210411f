//! What `/metrics` serves, read back as strictly as the format demands.

use super::*;
use std::collections::BTreeMap;

/// A family: its type, and its samples by name and labels.
#[derive(Debug, Default)]
struct Parsed {
    kind: String,
    samples: BTreeMap<String, f64>,
}

/// Reads the text format; panics at anything that the format forbids.
fn parse(text: &str) -> BTreeMap<String, Parsed> {
    let sample =
        regex::Regex::new(r#"^([a-z0-9_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$"#).expect("a pattern");
    let mut families: BTreeMap<String, Parsed> = BTreeMap::new();
    let (mut current, mut helped) = (String::new(), String::new());
    let body = text.strip_suffix("# EOF\n").expect("ends with its mark");
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split(' ').next().expect("a name").to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert_eq!(name, helped, "each family is explained");
            current = name.to_owned();
            let known = families.insert(current.clone(), Parsed { kind: kind.to_owned(), ..Parsed::default() });
            assert!(known.is_none(), "{name} comes twice");
        } else {
            let parts = sample.captures(line).unwrap_or_else(|| panic!("no sample: {line}"));
            let family = families.get_mut(&current).expect("a sample belongs to a family");
            let suffix =
                parts[1].strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{line} is not of {current}"));
            let allowed: &[&str] = match family.kind.as_str() {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(allowed.contains(&suffix), "{line} in a {}", family.kind);
            let labels = parts.get(2).map_or("", |labels| labels.as_str());
            let value = parts[3].parse().unwrap_or_else(|_| panic!("no number: {line}"));
            let known = family.samples.insert(format!("{suffix}{labels}"), value);
            assert!(known.is_none(), "{line} comes twice");
        }
    }
    families
}

fn key() -> Key {
    Key::new(Kind::Rollout, "shop", "web")
}

fn figures(name: &str, phase: &str) -> RolloutFigures {
    let labels = RolloutLabels {
        namespace: "shop".into(),
        name: name.into(),
        strategy: "canary".into(),
        traffic_router: "Istio".into(),
        phase: phase.into(),
    };
    RolloutFigures { labels, desired: 5, available: 4, updated: 1 }
}

fn objects() -> Objects {
    let labels = RunLabels { namespace: "shop".into(), name: "run".into(), phase: "Failed".into() };
    let metric = MetricFigures {
        metric: "rate \"5m\"".into(),
        metric_type: "Prometheus".into(),
        dry_run: false,
        phase: "Failed".into(),
    };
    Objects {
        rollouts: vec![figures("web", "Paused")],
        runs: vec![RunFigures { labels: labels.clone(), metrics: vec![metric] }],
        experiments: vec![RunLabels { name: "trial".into(), ..labels }],
        templates: vec![TemplateFigures {
            namespace: "shop".into(),
            name: "success".into(),
            metrics: vec![("rate".into(), "Prometheus".into())],
        }],
    }
}

/// A controller that has done a little.
fn busy() -> Metrics {
    let metrics = Metrics::default();
    metrics.passed(&key(), Duration::from_millis(2), true);
    metrics.passed(&key(), Duration::from_secs(2), false);
    metrics.requested("Rollout", "patch", 200);
    metrics.told(&key(), &Event::normal("RolloutPaused", "paused"));
    metrics.ended(&Ended { how: "Promoted".into(), secs: 90, held_secs: 20 });
    metrics
}

fn sample(text: &str, family: &str, sample: &str) -> f64 {
    let families = parse(text);
    let found = families.get(family).unwrap_or_else(|| panic!("{family} is in\n{text}"));
    *found.samples.get(sample).unwrap_or_else(|| panic!("{sample} is in {found:?}"))
}

#[test]
fn names_labels_and_types_are_those_that_dashboards_know() {
    let text = busy().text(&objects(), &BTreeMap::from([(Kind::Rollout, QueueFigures { depth: 3, adds: 7 })]));
    for (family, kind, name, value) in [
        (
            "rollout_info",
            "gauge",
            r#"{namespace="shop",name="web",strategy="canary",traffic_router="Istio",phase="Paused"}"#,
            1.0,
        ),
        ("rollout_phase", "gauge", r#"{namespace="shop",name="web",strategy="canary",phase="Completed"}"#, 0.0),
        ("rollout_info_replicas_desired", "gauge", r#"{namespace="shop",name="web"}"#, 5.0),
        ("rollout_info_replicas_unavailable", "gauge", r#"{namespace="shop",name="web"}"#, 1.0),
        ("rollout_reconcile", "histogram", r#"_bucket{le="0.01",namespace="shop",name="web"}"#, 1.0),
        ("rollout_reconcile", "histogram", r#"_bucket{le="+Inf",namespace="shop",name="web"}"#, 2.0),
        ("rollout_reconcile", "histogram", r#"_count{namespace="shop",name="web"}"#, 2.0),
        ("rollout_reconcile_error", "gauge", r#"{namespace="shop",name="web"}"#, 1.0),
        (
            "rollout_events",
            "counter",
            r#"_total{namespace="shop",name="web",type="Normal",reason="RolloutPaused"}"#,
            1.0,
        ),
        ("analysis_run_info", "gauge", r#"{namespace="shop",name="run",phase="Failed"}"#, 1.0),
        ("analysis_run_phase", "gauge", r#"{namespace="shop",name="run",phase="Running"}"#, 0.0),
        (
            "analysis_run_metric_type",
            "gauge",
            r#"{namespace="shop",name="run",metric="rate \"5m\"",type="Prometheus"}"#,
            1.0,
        ),
        (
            "analysis_run_metric_phase",
            "gauge",
            r#"{namespace="shop",name="run",metric="rate \"5m\"",type="Prometheus",dry_run="false",phase="Failed"}"#,
            1.0,
        ),
        ("analysis_template_info", "gauge", r#"{namespace="shop",name="success"}"#, 1.0),
        (
            "analysis_template_metric_info",
            "gauge",
            r#"{namespace="shop",name="success",type="Prometheus",metric="rate"}"#,
            1.0,
        ),
        ("rollout_duration_seconds", "histogram", r#"_sum{status="Promoted"}"#, 90.0),
        ("rollout_progression_duration_seconds", "histogram", r#"_sum{status="Promoted"}"#, 70.0),
        ("rollout_manual_pause_duration_seconds", "histogram", r#"_sum{status="Promoted"}"#, 20.0),
        ("rollout_manual_pause_duration_seconds", "histogram", r#"_bucket{le="15.0",status="Promoted"}"#, 0.0),
        ("rollout_manual_pause_duration_seconds", "histogram", r#"_bucket{le="30.0",status="Promoted"}"#, 1.0),
        ("experiment_info", "gauge", r#"{namespace="shop",name="trial",phase="Failed"}"#, 1.0),
        ("experiment_phase", "gauge", r#"{namespace="shop",name="trial",phase="Pending"}"#, 0.0),
        (
            "controller_clientset_k8s_request",
            "counter",
            r#"_total{kind="Rollout",verb="patch",status_code="200"}"#,
            1.0,
        ),
        ("workqueue_adds", "counter", r#"_total{name="Rollouts"}"#, 7.0),
        ("workqueue_depth", "gauge", r#"{name="Rollouts"}"#, 3.0),
    ] {
        assert_eq!(sample(&text, family, name), value, "{family} {name}");
        assert_eq!(parse(&text)[family].kind, kind, "{family}");
    }
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(sample(&text, "argo_rollouts_controller_info", &version), 1.0);
    assert!(sample(&text, "process_resident_memory_bytes", "") > 0.0);
    assert!(sample(&text, "process_start_time_seconds", "") > 1e9);
}

#[test]
fn a_deleted_object_leaves_nothing_behind() {
    let metrics = busy();
    metrics.forget(&key());
    let text = metrics.text(&Objects::default(), &BTreeMap::new());
    parse(&text);
    assert!(!text.contains("name=\"web\""), "{text}");
}

#[test]
fn nothing_grows_but_with_the_objects_that_are_there() {
    let metrics = Metrics::default();
    let series = |metrics: &Metrics| {
        let families = parse(&metrics.text(&Objects::default(), &BTreeMap::new()));
        families.values().map(|family| family.samples.len()).sum::<usize>()
    };
    let one = |number: usize| {
        let key = Key::new(Kind::Rollout, "shop", format!("web-{number}"));
        metrics.passed(&key, Duration::from_millis(2), true);
        metrics.requested("Rollout", "patch", 200);
        metrics.told(&key, &Event::normal("RolloutPaused", "paused"));
        metrics.forget(&key);
        series(&metrics)
    };
    let first = one(0);
    assert_eq!((1..200).map(one).max(), Some(first));
}

#[test]
fn names_that_need_quoting_are_quoted() {
    let mut objects = Objects::default();
    objects.rollouts.push(figures("a\"b\\c\nd", "Paused"));
    parse(&Metrics::default().text(&objects, &BTreeMap::new()));
}
