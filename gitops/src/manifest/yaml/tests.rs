//! What kubectl makes of each of these, taken from kubectl itself: a manifest must not change its meaning by coming from Git.

use super::documents;
use serde_json::{Value, json};

/// The value of `v` in a document that holds the text behind it.
fn value(text: &str) -> Result<Value, String> {
    let found = documents(&format!("v: {text}\n")).map_err(|error| error.to_string())?;
    Ok(found.into_iter().next().and_then(|(_, document)| document.get("v").cloned()).unwrap_or(Value::Null))
}

#[test]
fn plain_words_mean_what_kubectl_takes_them_for() {
    for (text, expected) in [
        ("yes", json!(true)),
        ("No", json!(false)),
        ("on", json!(true)),
        ("OFF", json!(false)),
        ("y", json!(true)),
        ("n", json!(false)),
        ("Y", json!(true)),
        ("true", json!(true)),
        ("TRUE", json!(true)),
        ("~", json!(null)),
        ("null", json!(null)),
        ("NULL", json!(null)),
        ("", json!(null)),
        ("010", json!(8)),
        ("08", json!(8)),
        ("0o10", json!(8)),
        ("0b11", json!(3)),
        ("0x1F", json!(31)),
        ("1_000", json!(1000)),
        ("+5", json!(5)),
        ("-0", json!(0)),
        (".5", json!(0.5)),
        ("0.1", json!(0.1)),
        ("1.0", json!(1)),
        ("1e3", json!(1000)),
        ("1e400", json!("1e400")),
        ("12e4567", json!("12e4567")),
        ("9007199254740993", json!(9_007_199_254_740_993_u64)),
        ("123456789012345678901234567890", json!(1.234_567_890_123_456_8e29)),
        ("12:30:45", json!("12:30:45")),
        ("2001-12-14", json!("2001-12-14")),
        ("2001-12-14t21:59:43.10-05:00", json!("2001-12-14t21:59:43.10-05:00")),
        ("=", json!("=")),
        ("\"yes\"", json!("yes")),
        ("'010'", json!("010")),
        ("\"1e400\"", json!("1e400")),
        ("\"a\\tb\"", json!("a\tb")),
        ("!!str 5", json!("5")),
        ("!!int \"5\"", json!(5)),
        ("!!float 1", json!(1)),
        ("!!binary aGk=", json!("hi")),
        ("!custom x", json!("x")),
        ("[a, b,]", json!(["a", "b"])),
        ("|\n  a\n  b\n", json!("a\nb\n")),
        (">-\n  a\n  b\n", json!("a b")),
        ("{a: 1,\t b: 2}", json!({"a": 1, "b": 2})),
    ] {
        assert_eq!(value(text), Ok(expected), "{text}");
    }
}

#[test]
fn keys_are_texts() {
    for (text, expected) in [
        ("{a: 1, yes: 2}", json!({"a": 1, "true": 2})),
        ("{y: 1, on: 2, 010: 3}", json!({"true": 2, "8": 3})),
        ("{1: a, 2.5: b, true: c}", json!({"1": "a", "2.5": "b", "true": "c"})),
        ("{'y': 1, \"on\": 2, '010': 3}", json!({"y": 1, "on": 2, "010": 3})),
        ("{a: 1, a: 2}", json!({"a": 2})),
    ] {
        assert_eq!(value(text), Ok(expected), "{text}");
    }
}

#[test]
fn anchors_and_merges() {
    for (text, expected) in [
        ("{<<: *one, a: 3}", json!({"a": 3, "c": 2})),
        ("{<<: [*one, *two]}", json!({"a": 1, "c": 2, "e": 5})),
        ("[*one, *two]", json!([{"a": 1, "c": 2}, {"a": 2, "e": 5}])),
    ] {
        let whole = format!("one: &one {{a: 1, c: 2}}\ntwo: &two {{a: 2, e: 5}}\nv: {text}\n");
        let found = documents(&whole).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(found[0].1["v"], expected, "{text}");
    }
}

#[test]
fn documents_and_the_marks_between_them() {
    let texts = |text: &str| documents(text).map(|found| found.into_iter().map(|(_, document)| document).collect());
    for (text, expected) in [
        ("a: 1\n---\nb: 2\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("---\na: 1\n...\n", vec![json!({"a": 1})]),
        ("a: 1\n---\n---\n# nothing\n---\nb: 2\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("\u{feff}a: 1\n", vec![json!({"a": 1})]),
        ("a: 1\r\nb: 2\r\n", vec![json!({"a": 1, "b": 2})]),
        ("{\"a\": \"\\u00e9\"}", vec![json!({"a": "é"})]),
        ("", vec![]),
    ] {
        let found: Result<Vec<Value>, _> = texts(text);
        let mut found = found.unwrap_or_else(|error| panic!("{text:?}: {error}"));
        found.retain(|document| !document.is_null());
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn what_kubectl_refuses_is_refused() {
    for text in [
        ".nan",
        "-.inf",
        "{null: d}",
        "{[a]: b}",
        "a: b",
        "*missing",
        "&a [1, *a]",
        "@x",
        "%x",
        "`x",
        "\n\ta: 1",
        "{a: 1",
        "\"open",
    ] {
        assert!(value(text).is_err(), "{text}: {:?}", value(text));
    }
}

#[test]
fn one_anchor_may_be_named_many_times() {
    let text = format!("labels: &labels {{app: web}}\nall:\n{}", "- *labels\n".repeat(500));
    let read = documents(&text).expect("is no bomb");
    assert_eq!(read[0].1.pointer("/all/499"), Some(&json!({"app": "web"})));
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(documents(&bomb).is_err());
    assert!(value(&format!("{}{}", "[".repeat(300), "]".repeat(300))).is_err());
    let overflows = vec!["1e400"; 1000].join(", ");
    assert!(value(&format!("[{overflows}]")).is_err(), "each of them costs another reading");
    assert_eq!(value("[1e400, é, 1e999, '1e400']"), Ok(json!(["1e400", "é", "1e999", "1e400"])));
}
