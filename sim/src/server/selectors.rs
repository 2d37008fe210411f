//! Label and field selectors: which objects a list, a watch or a collection delete is about.

use crate::server::{call::Call, kinds::Kind, object, refusal::Refusal};
use serde_json::Value;

/// Both selectors of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selectors {
    labels: Vec<Requirement>,
    fields: Vec<(Vec<String>, bool, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Above(String, i64),
    Below(String, i64),
}

impl Selectors {
    /// The selectors of a request for objects of this kind.
    pub(crate) fn parse(call: &Call, kind: &Kind) -> Result<Selectors, Refusal> {
        let labels = match call.option("labelSelector") {
            Some(text) => parse_labels(text)?,
            None => Vec::new(),
        };
        let mut fields = Vec::new();
        for term in call.option("fieldSelector").unwrap_or_default().split(',').filter(|term| !term.is_empty()) {
            fields.push(parse_field(term, kind)?);
        }
        // A watch or list of one named object, as `/pods/NAME?watch=1` asks for.
        if let Some(name) = &call.name {
            fields.push((vec!["metadata".to_owned(), "name".to_owned()], true, name.clone()));
        }
        Ok(Selectors { labels, fields })
    }

    /// Does it select this object?
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = object::at(object, &["metadata", "labels"]).unwrap_or(&Value::Null);
        self.labels.iter().all(|requirement| requirement.holds(labels))
            && self.fields.iter().all(|(path, equal, wanted)| (field_text(object, path) == *wanted) == *equal)
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let of = |key: &str| labels.get(key).and_then(Value::as_str);
        let number = |key: &str| of(key).and_then(|value| value.parse::<i64>().ok());
        match self {
            Requirement::In(key, values) => of(key).is_some_and(|value| values.iter().any(|one| one == value)),
            Requirement::NotIn(key, values) => of(key).is_none_or(|value| values.iter().all(|one| one != value)),
            Requirement::Exists(key) => of(key).is_some(),
            Requirement::Absent(key) => of(key).is_none(),
            Requirement::Above(key, bound) => number(key).is_some_and(|value| value > *bound),
            Requirement::Below(key, bound) => number(key).is_some_and(|value| value < *bound),
        }
    }
}

fn field_text(object: &Value, path: &[String]) -> String {
    let found = path.iter().try_fold(object, |inner, key| inner.get(key));
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn parse_field(term: &str, kind: &Kind) -> Result<(Vec<String>, bool, String), Refusal> {
    let (field, equal, value) = if let Some((field, value)) = term.split_once("!=") {
        (field, false, value)
    } else if let Some((field, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (field, true, value)
    } else {
        return Err(Refusal::bad_request(format!("invalid field selector \"{term}\": can't understand '{term}'")));
    };
    let field = field.trim();
    let known = field == "metadata.name"
        || (field == "metadata.namespace" && kind.namespaced)
        || kind.selectable.iter().any(|one| one.trim_start_matches('.') == field)
        || (!kind.custom && known_fields(kind).contains(&field));
    if !known {
        let only = if !kind.custom && known_fields(kind).is_empty() {
            format!("\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        } else {
            format!("field label not supported: {field}")
        };
        return Err(Refusal::bad_request(only));
    }
    let path = match (kind.group.as_str(), field) {
        ("", "source") => "source.component",
        ("events.k8s.io", other) => {
            let path = other.replacen("regarding", "involvedObject", 1);
            return Ok((path.split('.').map(str::to_owned).collect(), equal, value.trim().to_owned()));
        }
        (_, other) => other,
    };
    Ok((path.split('.').map(str::to_owned).collect(), equal, value.trim().to_owned()))
}

fn known_fields(kind: &Kind) -> &'static [&'static str] {
    match kind.plural.as_str() {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "nodes" => &["spec.unschedulable"],
        "jobs" => &["status.successful"],
        "replicasets" => &["status.replicas"],
        "services" => &["spec.clusterIP", "spec.type"],
        _ => &[],
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Refusal> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut term = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if character == ',' && depth == 0 {
            found.push(parse_requirement(&term)?);
            term.clear();
        } else {
            term.push(character);
        }
    }
    if !term.trim().is_empty() {
        found.push(parse_requirement(&term)?);
    }
    Ok(found)
}

fn parse_requirement(term: &str) -> Result<Requirement, Refusal> {
    let term = term.trim();
    let unreadable = || Refusal::bad_request(format!("unable to parse requirement: found '{term}'"));
    let one = |key: &str, value: &str| (key.trim().to_owned(), vec![value.trim().to_owned()]);
    if let Some((key, value)) = term.split_once("!=") {
        let (key, values) = one(key, value);
        return Ok(Requirement::NotIn(key, values));
    }
    if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        let (key, values) = one(key, value);
        return Ok(Requirement::In(key, values));
    }
    for (sign, above) in [('>', true), ('<', false)] {
        if let Some((key, value)) = term.split_once(sign) {
            let bound = value.trim().parse().map_err(|_| unreadable())?;
            let key = key.trim().to_owned();
            return Ok(if above { Requirement::Above(key, bound) } else { Requirement::Below(key, bound) });
        }
    }
    if let Some((head, values)) = term.split_once('(') {
        let values = values.trim().strip_suffix(')').ok_or_else(unreadable)?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        let words: Vec<&str> = head.split_whitespace().collect();
        return match words.as_slice() {
            [key, "in"] => Ok(Requirement::In((*key).to_owned(), values)),
            [key, "notin"] => Ok(Requirement::NotIn((*key).to_owned(), values)),
            _ => Err(unreadable()),
        };
    }
    match term.strip_prefix('!') {
        _ if term.contains(char::is_whitespace) => Err(unreadable()),
        Some(key) => Ok(Requirement::Absent(key.to_owned())),
        None if term.is_empty() => Err(unreadable()),
        None => Ok(Requirement::Exists(term.to_owned())),
    }
}

/// The selector of a spec as the text that a scale subresource shows.
pub(crate) fn selector_text(selector: &Value) -> String {
    if let Some(text) = selector.as_str() {
        return text.to_owned();
    }
    let mut terms = Vec::new();
    for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        terms.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    for row in object::list(selector, &["matchExpressions"]) {
        let key = object::text(row, &["key"]);
        let values: Vec<&str> = object::list(row, &["values"]).iter().filter_map(Value::as_str).collect();
        terms.push(match object::text(row, &["operator"]) {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

/// Does a `LabelSelector` select these labels? An empty one selects everything.
pub(crate) fn label_selector_matches(selector: &Value, labels: &Value) -> bool {
    let of = |key: &str| labels.get(key).and_then(Value::as_str);
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut equal = equal.map(|(key, value)| of(key) == value.as_str());
    let mut rows = object::list(selector, &["matchExpressions"]).iter().map(|row| {
        let found = of(object::text(row, &["key"]));
        let listed = object::list(row, &["values"]).iter().any(|value| found == value.as_str());
        match object::text(row, &["operator"]) {
            "In" => found.is_some() && listed,
            "NotIn" => found.is_none() || !listed,
            "Exists" => found.is_some(),
            "DoesNotExist" => found.is_none(),
            _ => false,
        }
    });
    equal.all(|holds| holds) && rows.all(|holds| holds)
}

#[cfg(test)]
mod tests {
    use super::{Selectors, label_selector_matches, parse_labels, selector_text};
    use serde_json::json;

    #[test]
    fn labels() {
        let labelled = json!({ "metadata": { "labels": { "app": "web", "tier": "front", "n": "5" } } });
        for (text, expected) in [
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app in (api, web)", true),
            ("app notin (api,web)", false),
            ("missing notin (a)", true),
            ("tier", true),
            ("!tier", false),
            ("!absent,app", true),
            ("n>4", true),
            ("n<5", false),
            ("", true),
        ] {
            let selectors = Selectors { labels: parse_labels(text).expect(text), fields: Vec::new() };
            assert_eq!(selectors.matches(&labelled), expected, "{text}");
        }
        assert!(parse_labels("a b").is_err());
        assert!(parse_labels("a in b").is_err());
    }

    #[test]
    fn label_selectors() {
        let labels = json!({ "app": "web" });
        let row =
            |operator: &str| json!({ "matchExpressions": [{ "key": "app", "operator": operator, "values": ["web"] }] });
        for (selector, expected) in [
            (json!({}), true),
            (json!({ "matchLabels": { "app": "web" } }), true),
            (json!({ "matchLabels": { "app": "api" } }), false),
            (row("In"), true),
            (row("NotIn"), false),
            (row("Exists"), true),
            (row("DoesNotExist"), false),
        ] {
            assert_eq!(label_selector_matches(&selector, &labels), expected, "{selector}");
        }
        assert_eq!(selector_text(&json!({ "matchLabels": { "b": "2", "a": "1" } })), "a=1,b=2");
    }
}
