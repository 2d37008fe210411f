//! What Ingresses say to the controllers that divide traffic by them: nginx, which reads a second Ingress beside the first, and AWS',
//! which reads an annotation. Nothing is decided or sent here.

use crate::world::calls::{list, name_of, text};
use serde_json::Value;

/// The name of a port that stands for an annotation.
const BY_ANNOTATION: &str = "use-annotation";

/// One path of an Ingress and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Namespace of the Ingress.
    pub namespace: String,
    /// Name of the Ingress.
    pub ingress: String,
    /// Which of its paths.
    pub turn: usize,
    /// The Services and their weights.
    pub ends: Vec<(String, u64)>,
}

/// Where the paths of all Ingresses lead. A path that only requests with a header take is left out.
pub fn splits<'a>(all: impl Iterator<Item = &'a Value> + Clone) -> Vec<Split> {
    let mut splits = Vec::new();
    for ingress in all.clone().filter(|ingress| !is_canary(ingress)) {
        let (namespace, name) = name_of(ingress);
        let beside = all.clone().filter(|other| is_canary(other) && name_of(other).0 == namespace);
        for (turn, (host, path)) in paths(ingress).enumerate() {
            let service = text(path, "/backend/service/name");
            if annotation(ingress, &format!("/conditions.{service}")).is_some() {
                continue;
            }
            let ends = match text(path, "/backend/service/port/name") {
                BY_ANNOTATION => action(ingress, service),
                _ => shared(service, host, path, beside.clone()),
            };
            splits.push(Split { namespace: namespace.clone(), ingress: name.clone(), turn, ends });
        }
    }
    splits
}

fn paths(ingress: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let rules = list(ingress, "/spec/rules").iter();
    rules.flat_map(|rule| list(rule, "/http/paths").iter().map(|path| (text(rule, "/host"), path)))
}

/// The annotation whose name ends like this, whatever its prefix is.
fn annotation<'a>(ingress: &'a Value, end: &str) -> Option<&'a str> {
    let annotations = ingress.pointer("/metadata/annotations").and_then(Value::as_object);
    annotations.into_iter().flatten().find(|(name, _)| name.ends_with(end)).and_then(|(_, value)| value.as_str())
}

fn is_canary(ingress: &Value) -> bool {
    annotation(ingress, "/canary") == Some("true")
}

/// The Service of a path, and that of the same path of an Ingress beside it.
fn shared<'a>(
    service: &str,
    host: &str,
    path: &Value,
    mut beside: impl Iterator<Item = &'a Value>,
) -> Vec<(String, u64)> {
    let found = beside.find_map(|other| {
        let same = paths(other).find(|(at, found)| *at == host && text(found, "/path") == text(path, "/path"));
        let number = |end: &str, absent: u64| annotation(other, end).map_or(Some(absent), |text| text.parse().ok());
        let (weight, total) = (number("/canary-weight", 0)?, number("/canary-weight-total", 100)?);
        Some((text(same?.1, "/backend/service/name").to_owned(), weight, total))
    });
    match found {
        Some((canary, weight, total)) => vec![(canary, weight), (service.to_owned(), total.saturating_sub(weight))],
        None => vec![(service.to_owned(), 100)],
    }
}

/// The target groups of an action.
fn action(ingress: &Value, name: &str) -> Vec<(String, u64)> {
    let found = annotation(ingress, &format!("/actions.{name}")).and_then(|text| serde_json::from_str(text).ok());
    let action: Value = found.unwrap_or_default();
    let groups = list(&action, "/ForwardConfig/TargetGroups").iter();
    let end = |group: &Value| {
        (text(group, "/ServiceName").to_owned(), group.get("Weight").and_then(Value::as_u64).unwrap_or(1))
    };
    groups.map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::splits;
    use serde_json::{Value, json};

    fn ingress(name: &str, annotations: Value, service: &str, port: Value) -> Value {
        let path = json!({"path": "/", "backend": {"service": {"name": service, "port": port}}});
        let rules = json!([{"host": "web.example", "http": {"paths": [path]}}]);
        json!({"metadata": {"name": name, "namespace": "shop", "annotations": annotations}, "spec": {"rules": rules}})
    }

    #[test]
    fn a_path_leads_where_annotations_say() {
        let stable = ingress("web", json!({}), "stable", json!({"number": 80}));
        let beside = |annotations: Value| ingress("web-canary", annotations, "canary", json!({"number": 80}));
        let action = r#"{"ForwardConfig":{"TargetGroups":[{"ServiceName":"canary","Weight":10},{"ServiceName":"stable","Weight":90}]}}"#;
        let by_annotation = json!({"name": "use-annotation"});
        for (all, expected) in [
            (vec![stable.clone()], vec![("stable", 100)]),
            (
                vec![stable.clone(), beside(json!({"x/canary": "true", "x/canary-weight": "30"}))],
                vec![("canary", 30), ("stable", 70)],
            ),
            (
                vec![
                    stable.clone(),
                    beside(json!({"x/canary": "true", "x/canary-weight": "30", "x/canary-weight-total": "1000"})),
                ],
                vec![("canary", 30), ("stable", 970)],
            ),
            (
                vec![ingress("web", json!({"alb/actions.stable": action}), "stable", by_annotation.clone())],
                vec![("canary", 10), ("stable", 90)],
            ),
            (
                vec![ingress(
                    "web",
                    json!({"alb/actions.h": action, "alb/conditions.h": "[]"}),
                    "h",
                    by_annotation.clone(),
                )],
                vec![],
            ),
        ] {
            let found: Vec<(String, u64)> = splits(all.iter()).into_iter().flat_map(|split| split.ends).collect();
            let expected: Vec<(String, u64)> =
                expected.into_iter().map(|(name, weight)| (name.into(), weight)).collect();
            assert_eq!(found, expected, "{all:?}");
        }
    }
}
