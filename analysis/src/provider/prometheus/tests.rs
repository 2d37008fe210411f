//! Tables for Prometheus: what is asked, and what each of its answers means. The messages are those that people
//! know from their runs.

use super::{Query, Samples, read};
use crate::{arguments::Arguments, refusal::Refusal};
use crds::analysis::{Argument, PrometheusMetric};
use plan::{Credentials, HttpReply};
use serde_json::{Value, json};

fn query(fields: Value) -> Result<Query, Refusal> {
    let metric: PrometheusMetric = serde_json::from_value(fields).expect("the provider reads");
    let arguments: Vec<Argument> = serde_json::from_value(json!([
        {"name": "service", "value": "shop"},
        {"name": "token", "valueFrom": {"secretKeyRef": {"name": "prometheus", "key": "token"}}},
    ]))
    .expect("arguments read");
    Query::parse("provider.prometheus", &metric, &Arguments::parse(&arguments, "shop")?, Some("http://default:9090"))
}

fn read_body(status: u16, body: &str) -> Result<(String, String), String> {
    read(&HttpReply { status, body: body.into() }).map(|reading| (reading.samples.text(), reading.warnings))
}

#[test]
fn the_question_has_everything_the_shell_needs() {
    let ask = query(json!({
        "address": "http://{{args.service}}:9090",
        "query": "sum({{args.service}})",
        "timeout": 5,
        "insecure": true,
        "headers": [{"key": "X-Scope-OrgID", "value": "{{args.service}}"}, {"key": "Authorization", "value": "Bearer {{args.token}}"}],
        "authentication": {"basicAuth": {"username": "me", "password": "{{args.token}}"}},
    }))
    .and_then(|query| query.ask("errors", 3).map_err(Refusal::unsupported))
    .expect("can be asked");
    assert_eq!((ask.metric.as_str(), ask.ordinal, ask.timeout_secs, ask.insecure), ("errors", 3, 5, true));
    assert_eq!((ask.address.to_string(), ask.query.to_string()), ("http://shop:9090".into(), "sum(shop)".into()));
    let headers: Vec<String> = ask.headers.iter().map(|header| format!("{}: {}", header.name, header.value)).collect();
    assert_eq!(headers, ["X-Scope-OrgID: shop", "Authorization: Bearer *****"]);
    let Credentials::Basic { username, password } = &ask.credentials else { panic!("has credentials") };
    assert_eq!((username.to_string(), password.to_string()), ("me".into(), "*****".into()));
}

#[test]
fn what_is_absent_has_a_default() {
    let ask = query(json!({"query": "up"})).expect("reads").ask("m", 0).expect("can be asked");
    assert_eq!((ask.address.to_string(), ask.timeout_secs, ask.insecure), ("http://default:9090".into(), 30, false));
    assert_eq!((ask.headers.len(), ask.credentials), (0, Credentials::None));
}

#[test]
fn a_question_that_cannot_be_asked() {
    for (fields, default, expected) in [
        (json!({"query": "up"}), None, "prometheus address is not configured"),
        (json!({"query": "up", "address": "prometheus:9090"}), None, "prometheus address is not is url format"),
        (json!({"query": "up", "address": "http://"}), None, "prometheus address is not is url format"),
        (json!({"query": "up"}), Some("http:// x"), "prometheus address is not is url format"),
        (
            json!({"query": "up", "address": "http://x", "timeout": -1}),
            None,
            "prometheus timeout should not be negative",
        ),
    ] {
        let metric: PrometheusMetric = serde_json::from_value(fields.clone()).expect("reads");
        let query = Query::parse("p", &metric, &Arguments::default(), default).expect("parses");
        assert_eq!(query.ask("m", 0).expect_err("cannot be asked"), expected, "{fields}");
    }
    query(json!({"query": "up", "address": "{{args.token}}"}))
        .expect("parses")
        .ask("m", 0)
        .expect("only the shell can tell");
}

#[test]
fn metadata_shows_the_query_without_secrets() {
    let metadata =
        query(json!({"query": "up{job=\"{{args.service}}\",t=\"{{args.token}}\"}"})).expect("parses").metadata();
    assert_eq!(metadata.get("ResolvedPrometheusQuery").map(String::as_str), Some("up{job=\"shop\",t=\"*****\"}"));
    assert!(query(json!({})).expect("parses").metadata().is_empty());
}

#[test]
fn answers_with_numbers() {
    let success = |result_type: &str, result: Value| {
        json!({"status": "success", "data": {"resultType": result_type, "result": result}}).to_string()
    };
    for (body, expected) in [
        (success("scalar", json!([1.5, "0.98"])), "0.98"),
        (success("scalar", json!([1, "NaN"])), "NaN"),
        (success("scalar", json!([1, "1e21"])), "1000000000000000000000"),
        (success("scalar", json!([1, "-0"])), "-0"),
        (success("vector", json!([])), "[]"),
        (
            success("vector", json!([{"metric": {}, "value": [1, "1"]}, {"metric": {"a": "b"}, "value": [1, "2.50"]}])),
            "[1,2.5]",
        ),
        (
            success("vector", json!([{"value": [1, "+Inf"]}, {"value": [1, "-Inf"]}, {"value": [1, "NaN"]}])),
            "[+Inf,-Inf,NaN]",
        ),
        (
            success("matrix", json!([{"values": [[1, "1"], [2, "2"]]}, {"values": []}, {"values": [[1, "3"]]}])),
            "[1,2,3]",
        ),
    ] {
        assert_eq!(read_body(200, &body), Ok((expected.into(), String::new())), "{body}");
    }
}

#[test]
fn warnings_are_kept() {
    let body = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}, "warnings": ["slow", "partial"]});
    let silent = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}, "warnings": null});
    assert_eq!(read_body(200, &silent.to_string()), Ok(("1".into(), String::new())));
    assert_eq!(read_body(200, &body.to_string()), Ok(("1".into(), "\"slow\", \"partial\"".into())));
}

#[test]
fn answers_that_are_errors() {
    let success = |result_type: &str, result: Value| {
        json!({"status": "success", "data": {"resultType": result_type, "result": result}}).to_string()
    };
    let refusal = json!({"status": "error", "errorType": "bad_data", "error": "1:4: parse error"}).to_string();
    for (status, body, expected) in [
        (500, "oops".to_owned(), "server_error: server error: 500"),
        (503, success("scalar", json!([1, "1"])), "server_error: server error: 503"),
        (
            503,
            json!({"status": "error", "errorType": "timeout", "error": "query timed out"}).to_string(),
            "server_error: server error: 503: query timed out",
        ),
        (401, String::new(), "client_error: client error: 401"),
        (302, String::new(), "bad_response: bad response code 302"),
        (400, refusal.clone(), "bad_data: 1:4: parse error"),
        (422, refusal.clone(), "bad_data: 1:4: parse error"),
        (400, success("scalar", json!([1, "1"])), "bad_response: inconsistent body for response code"),
        (200, refusal, "bad_response: inconsistent body for response code"),
        (200, "<html>".to_owned(), "bad_response: expected value at line 1 column 1"),
        (200, "{}".to_owned(), "bad_response: the answer is no success"),
        (200, success("string", json!([1, "x"])), "Prometheus metric type not supported"),
        (200, success("vector", json!([{"metric": {}, "histogram": [1, {}]}])), "Prometheus metric type not supported"),
        (200, success("vector", json!([{"value": [1, "x"]}])), "bad_response: the vector cannot be read"),
        (200, success("vector", json!({})), "bad_response: the vector cannot be read"),
        (200, success("matrix", json!([{}])), "bad_response: the matrix cannot be read"),
        (200, success("scalar", json!([1])), "bad_response: the scalar cannot be read"),
    ] {
        assert_eq!(read_body(status, &body).expect_err("is an error"), expected, "{status} {body}");
    }
}

#[test]
fn a_vector_is_a_list_however_short() {
    let body =
        json!({"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "2"]}]}}).to_string();
    let reading = read(&HttpReply { status: 200, body }).expect("reads");
    assert_eq!(reading.samples, Samples::Many(vec![2.0]));
}
