//! Queries as analyses write them, over counters whose rates are known.

use super::{Labels, NAME, Samples, Value, query};
use std::collections::BTreeMap;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// One sample a second for two minutes: 9 good and 1 bad request a second on the canary, 100 on stable.
fn series() -> BTreeMap<Labels, Samples> {
    let row = |cluster: &str, class: &str, rate: f64| {
        let name = "envoy_cluster_upstream_rq_xx";
        let labels = labels(&[(NAME, name), ("envoy_cluster_name", cluster), ("envoy_response_code_class", class)]);
        let samples = (0..=120).map(|second| (second * 1000, f64::from(i32::try_from(second).expect("small")) * rate));
        (labels, samples.collect())
    };
    let (canary, stable) = ("outbound|80||canary.shop.svc.cluster.local", "outbound|80||stable.shop.svc.cluster.local");
    BTreeMap::from([row(canary, "2", 9.0), row(canary, "5", 1.0), row(stable, "2", 100.0)])
}

fn single(text: &str) -> f64 {
    match query(text, &series(), 120_000) {
        Ok(Value::Scalar(value)) => value,
        Ok(Value::Vector(all)) if all.len() == 1 => all[0].1,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn values() {
    let rows = [
        ("1 + 2 * 3 ^ 2", 19.0),
        ("-(2 - 5) % 2", 1.0),
        ("2 > bool 1", 1.0),
        ("sum(rate(envoy_cluster_upstream_rq_xx[1m]))", 110.0),
        ("sum(rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=~\"outbound.*canary.*\"}[1m]))", 10.0),
        ("sum(increase(envoy_cluster_upstream_rq_xx{envoy_cluster_name!~\".*stable.*\"}[30s]))", 300.0),
        ("sum(irate(envoy_cluster_upstream_rq_xx{envoy_response_code_class!=\"5\"}[30s]))", 109.0),
        ("sum by (envoy_response_code_class) (rate(envoy_cluster_upstream_rq_xx[1m])) == 1", 1.0),
        ("count(envoy_cluster_upstream_rq_xx)", 3.0),
        ("sum(envoy_cluster_upstream_rq_xx offset 1m)", 6600.0),
        ("sum(nothing) or vector(0)", 0.0),
        ("scalar(sum(nothing) or vector(7)) * 2", 14.0),
        ("clamp_max(vector(7), 1)", 1.0),
        ("clamp_min(vector(-7), 1)", 1.0),
        ("max(max_over_time(envoy_cluster_upstream_rq_xx[10s]))", 12_000.0),
        ("absent(nothing)", 1.0),
        (
            "sum(rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=\"outbound|80||canary.shop.svc.cluster.local\", \
             envoy_response_code_class!=\"5\"}[1m])) / sum(rate(envoy_cluster_upstream_rq_xx{envoy_cluster_name=\
             \"outbound|80||canary.shop.svc.cluster.local\"}[1m]))",
            0.9,
        ),
    ];
    for (text, expected) in rows {
        let found = single(text);
        assert!((found - expected).abs() < 1e-9, "{text}: {found}");
    }
    assert!(single("scalar(envoy_cluster_upstream_rq_xx)").is_nan());
}

#[test]
fn vectors_may_be_empty() {
    for text in
        ["nothing", "sum(nothing)", "rate(envoy_cluster_upstream_rq_xx[1m]) > 1000", "vector(1) unless vector(2)"]
    {
        assert_eq!(query(text, &series(), 120_000), Ok(Value::Vector(Vec::new())), "{text}");
    }
    assert_eq!(query("sum(envoy_cluster_upstream_rq_xx)", &series(), 900_000), Ok(Value::Vector(Vec::new())), "stale");
}

#[test]
fn errors_say_what_is_wrong() {
    let rows = [
        ("sum(", "unclosed left parenthesis"),
        ("rate(envoy_cluster_upstream_rq_xx[1m:5s])", "subqueries are not known here"),
        ("histogram_quantile(0.9, nothing)", "histogram_quantile is not known here"),
        ("topk(1, nothing)", "topk is not known here"),
    ];
    for (text, expected) in rows {
        let failure = query(text, &series(), 120_000).expect_err(text).to_string();
        assert!(failure.contains(expected), "{text}: {failure}");
    }
}
