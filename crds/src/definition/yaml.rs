//! YAML that every parser reads alike: a text is bare only when no version of YAML takes it for something else, and is
//! otherwise written as in JSON, which is YAML too. Keys are sorted, so the same object gives the same file.

use serde_json::Value;

/// Words that some version of YAML reads as a boolean or as nothing.
const NOT_TEXTS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// The object as one YAML document.
pub fn to_yaml(object: &Value) -> String {
    let mut text = String::new();
    write(object, 0, &mut text);
    text
}

fn write(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) => {
            for (index, (key, field)) in fields.iter().enumerate() {
                // The first field of a list's item stands on the line of its dash.
                if index > 0 || !text.ends_with("- ") {
                    text.push_str(&" ".repeat(indent));
                }
                text.push_str(&bare_or_quoted(key));
                text.push(':');
                write_inside(field, indent + 2, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&" ".repeat(indent));
                text.push_str("- ");
                match item {
                    Value::Object(fields) if !fields.is_empty() => write(item, indent + 2, text),
                    other => write_line(other, text),
                }
            }
        }
        other => write_line(other, text),
    }
}

/// What follows the colon of a key.
fn write_inside(value: &Value, indent: usize, text: &mut String) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        text.push('\n');
        write(value, indent, text);
    } else {
        text.push(' ');
        write_line(value, text);
    }
}

fn write_line(value: &Value, text: &mut String) {
    match value {
        Value::String(content) => text.push_str(&bare_or_quoted(content)),
        other => text.push_str(&other.to_string()),
    }
    text.push('\n');
}

fn bare_or_quoted(content: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/' | '_');
    let is_bare = content.starts_with(|c: char| c.is_ascii_alphabetic())
        && content.chars().all(is_word)
        && !NOT_TEXTS.contains(&content.to_ascii_lowercase().as_str());
    if is_bare { content.to_owned() } else { Value::from(content).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::to_yaml;

    #[test]
    fn texts_stay_texts() {
        let cases = [
            ("abc", "abc\n"),
            ("apps/v1", "apps/v1\n"),
            ("y", "\"y\"\n"),
            ("On", "\"On\"\n"),
            ("1.5", "\"1.5\"\n"),
            (".status.phase", "\".status.phase\"\n"),
            ("a: b", "\"a: b\"\n"),
            ("say \"x\"\n", "\"say \\\"x\\\"\\n\"\n"),
            ("", "\"\"\n"),
        ];
        for (content, expected) in cases {
            assert_eq!(to_yaml(&content.into()), expected);
        }
    }

    #[test]
    fn reads_back_as_it_was() {
        let object = json!({
            "empty": {}, "none": [], "null": null, "y": true, "number": -1.5,
            "list": [{"a": 1, "b": {"c": ["x", "2"]}}, "text: #", [], {}],
        });
        let read: Value = serde_saphyr::from_str(&to_yaml(&object)).expect("is YAML");
        assert_eq!(read, object);
    }
}
