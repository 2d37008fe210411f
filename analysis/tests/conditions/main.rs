//! Whole conditions against what the library behind existing manifests answers; nonsense is in `hostile`.
//!
//! The tables hold one row a condition: the result, the expression, the answer and, in the second table, its type.
//! `ERRC` is a refusal when the condition is read, `ERRR` a failure when it is evaluated; the text is the message.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may expect what must hold, outside of its body too")]

mod hostile;

use analysis::condition::{Condition, ConditionError, Key, MapKind, Shape, Value};
use chrono::{DateTime, TimeZone, Utc};

const ANSWERS: &str = include_str!("../data/conditions.tsv");
const CORNERS: &str = include_str!("../data/condition-corners.tsv");

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 7, 1, 12, 0, 0).single().expect("a time")
}

/// The result as the tables write it: `f[1,2]` is a list of numbers of a metric query, the rest JSON.
fn read(text: &str) -> Value {
    match text {
        "nil" | "null" => Value::Nil,
        "NaN" => Value::Float(f64::NAN),
        "Inf" => Value::Float(f64::INFINITY),
        "-Inf" => Value::Float(f64::NEG_INFINITY),
        _ => match text.strip_prefix("f[").and_then(|rest| rest.strip_suffix(']')) {
            Some(numbers) => {
                Value::floats(numbers.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().expect("a number")))
            }
            None => Value::from_json(&serde_json::from_str(text).expect("JSON")),
        },
    }
}

/// A value as the tables write it.
fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) | Value::Int64(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "NaN".to_string(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 { "+Inf" } else { "-Inf" }.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("bytes:{:?}", String::from_utf8_lossy(bytes)),
        Value::List(list) => {
            format!("[{}]", list.items().iter().map(show).collect::<Vec<_>>().join(","))
        }
        Value::Map(map) if map.kind() == MapKind::Text => {
            let entries = map.entries().iter().map(|(key, value)| format!("{}:{}", show_key(key), show(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(",")).replace(".0", "")
        }
        Value::Map(map) => {
            let entries = map.entries().iter().map(|(key, value)| format!("{}:{}", show_key(key), show(value)));
            format!("map[{}]", entries.collect::<Vec<_>>().join(" ").replace('"', ""))
        }
        Value::Time(moment) => format!("time:{}", moment.to_utc().format("%Y-%m-%dT%H:%M:%S%.fZ")),
        other => string(other),
    }
}

fn show_key(key: &Key) -> String {
    match key {
        Key::Text(text) => format!("{text:?}"),
        Key::Int(number) => number.to_string(),
        Key::Bool(truth) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

/// What `string()` makes of a value.
fn string(value: &Value) -> String {
    match value {
        Value::Duration(nanos) => {
            let condition = Condition::parse(&format!("string(duration(\"{nanos}ns\"))"), Shape::Any);
            match condition.and_then(|condition| condition.evaluate(&Value::Nil, noon())) {
                Ok(Value::Text(text)) => format!("dur:{text}"),
                other => format!("{other:?}"),
            }
        }
        Value::Function(_) => "func".to_string(),
        other => format!("{other:?}"),
    }
}

fn answer(text: &str, result: &Value) -> (String, &'static str) {
    let found = Condition::parse(text, Shape::of(result)).and_then(|condition| condition.evaluate(result, noon()));
    match found {
        Ok(value) => (show(&value), value.go_type()),
        Err(ConditionError::Rejected(reason)) => (format!("ERRC {reason}"), ""),
        Err(ConditionError::Failed(reason)) => (format!("ERRR {reason}"), ""),
        Err(ConditionError::NotBool(name)) => (format!("not a bool: {name}"), name),
    }
}

/// Checks every row of a table and returns how many there were.
fn check(table: &str) -> usize {
    let mut failures = Vec::new();
    let mut rows = 0;
    for line in table.lines().filter(|line| !line.starts_with("# ") && !line.is_empty()) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [result, text, expected, ref rest @ ..] = columns[..] else { panic!("a row has three columns: {line}") };
        rows += 1;
        let (found, go_type) = answer(text, &read(result));
        let expected = if expected == "Inf" { "+Inf" } else { expected };
        let type_differs = rest.first().is_some_and(|wanted| *wanted != go_type);
        if found != expected || type_differs {
            failures.push(format!("{result}\t{text}\n  expected {expected} {rest:?}\n  found    {found} {go_type}"));
        }
    }
    assert!(failures.is_empty(), "{} of {rows} rows fail:\n{}", failures.len(), failures.join("\n"));
    rows
}

#[test]
fn conditions_answer_as_expected() {
    assert_eq!(check(ANSWERS), 129);
}

#[test]
fn corners_answer_as_expected() {
    assert!(check(CORNERS) > 1_000);
}

#[test]
fn only_a_bool_is_an_answer() {
    for (text, result, expected) in [
        ("result > 3", Value::Float(5.0), Ok(true)),
        ("result[0] > 3", Value::floats([1.0]), Ok(false)),
        ("result", Value::floats([1.0]), Err(ConditionError::NotBool("[]float64"))),
        ("result.a", read(r#"{"a":{}}"#), Err(ConditionError::NotBool("map[string]interface {}"))),
        ("now()", Value::Nil, Err(ConditionError::NotBool("time.Time"))),
        ("now() == date(\"2026-07-01T14:00:00+02:00\")", Value::Nil, Ok(true)),
    ] {
        let found = Condition::parse(text, Shape::of(&result)).and_then(|condition| condition.holds(&result, noon()));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn an_unknown_shape_lets_through_what_may_work() {
    for text in ["result > 1", "result[0] > 1", "result.a.b == 'x'", "all(result, # > 1)", "result == nil"] {
        Condition::parse(text, Shape::Any).expect(text);
    }
    for text in ["result >", "1 + 'a'", "unknown > 1", "result matches '['", "isNaN('a')"] {
        Condition::parse(text, Shape::Any).expect_err(text);
    }
}
