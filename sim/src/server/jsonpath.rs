//! The JSONPath of printer columns: fields, indexes, `[*]` and filters with one comparison.
//!
//! A path that cannot be read finds nothing, as an empty column.

use serde_json::Value;

/// All values that a path such as `.status.conditions[?(@.type=="Ready")].status` leads to.
pub(crate) fn find<'a>(path: &str, value: &'a Value) -> Vec<&'a Value> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    let mut found = vec![value];
    for step in steps(path) {
        found = found.into_iter().flat_map(|value| take(&step, value)).collect();
    }
    found
}

#[derive(Debug, PartialEq)]
enum Step {
    Field(String),
    All,
    Index(i64),
    Where(String, Option<(bool, String)>),
}

fn take<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match step {
        Step::Field(key) => value.get(key).into_iter().collect(),
        Step::All => match value {
            Value::Array(elements) => elements.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            _ => Vec::new(),
        },
        Step::Index(index) => {
            let Some(elements) = value.as_array() else { return Vec::new() };
            let length = i64::try_from(elements.len()).unwrap_or_default();
            let index = if *index < 0 { index + length } else { *index };
            usize::try_from(index).ok().and_then(|index| elements.get(index)).into_iter().collect()
        }
        Step::Where(path, test) => {
            let holds = |element: &&Value| {
                let found = find(path, element);
                match test {
                    None => !found.is_empty(),
                    Some((equal, wanted)) => found.iter().any(|one| (plain(one) == *wanted) == *equal),
                }
            };
            value.as_array().into_iter().flatten().filter(holds).collect()
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = field_end(after);
            let key = after.get(..end).unwrap_or_default().replace("\\.", ".");
            rest = after.get(end..).unwrap_or_default();
            if key == "*" {
                steps.push(Step::All);
            } else if !key.is_empty() {
                steps.push(Step::Field(key));
            }
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = bracket_end(after);
            steps.extend(bracket(after.get(..end).unwrap_or_default()));
            rest = after.get(end + 1..).unwrap_or_default();
        } else {
            let end = field_end(rest).max(1);
            steps.push(Step::Field(rest.get(..end).unwrap_or_default().replace("\\.", ".")));
            rest = rest.get(end..).unwrap_or_default();
        }
    }
    steps
}

/// Where a field's name ends: at a dot or bracket that no backslash takes away.
fn field_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            '\\' => is_escaped = !is_escaped,
            '.' | '[' if !is_escaped => return index,
            _ => is_escaped = false,
        }
    }
    text.len()
}

fn bracket_end(text: &str) -> usize {
    let mut quote = None;
    let mut depth = 0;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return index,
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    text.len()
}

fn bracket(inside: &str) -> Option<Step> {
    let inside = inside.trim();
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(test) = inside.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let (path, comparison) = if let Some((path, wanted)) = test.split_once("==") {
            (path, Some((true, unquoted(wanted))))
        } else if let Some((path, wanted)) = test.split_once("!=") {
            (path, Some((false, unquoted(wanted))))
        } else {
            (test, None)
        };
        let path = path.trim().trim_start_matches('@').to_owned();
        return Some(Step::Where(path, comparison));
    }
    if let Ok(index) = inside.parse() {
        return Some(Step::Index(index));
    }
    Some(Step::Field(unquoted(inside)))
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches(|c| c == '"' || c == '\'').to_owned()
}

#[cfg(test)]
mod tests {
    use super::find;
    use serde_json::json;

    #[test]
    fn finds() {
        let value = json!({
            "spec": { "replicas": 3, "hosts": ["a", "b"] },
            "metadata": { "labels": { "x.io/y": "z" } },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }, { "type": "Other", "status": "False" }] },
        });
        for (path, expected) in [
            (".spec.replicas", json!([3])),
            ("{.spec.hosts[1]}", json!(["b"])),
            (".spec.hosts[-1]", json!(["b"])),
            (".spec.hosts[*]", json!(["a", "b"])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            (".status.conditions[?(@.type!='Ready')].status", json!(["False"])),
            (".metadata.labels.x\\.io/y", json!(["z"])),
            (".metadata.labels['x.io/y']", json!(["z"])),
            (".no.such", json!([])),
        ] {
            assert_eq!(json!(find(path, &value)), expected, "{path}");
        }
    }
}
