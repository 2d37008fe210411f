//! Fields of a pod template that no version of Kubernetes that we know has: a misspelt name is dropped in silence by the API
//! server, so whoever checks a file wants to hear of it. Never used to decide anything: a newer cluster may know more.

use super::order::{Kind, POD_TEMPLATE, shapes};
use serde_json::Value;

/// Paths of the fields that are not known, below `path`.
pub fn unknown_fields(template: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&shapes().named(POD_TEMPLATE), template, path, &mut found);
    found
}

fn collect(kind: &Kind, value: &Value, path: &str, found: &mut Vec<String>) {
    match (kind, value) {
        (Kind::Struct(shape), Value::Object(object)) => {
            for (name, value) in object {
                let path = format!("{path}.{name}");
                match shapes().fields(*shape).iter().find(|field| field.name == name) {
                    Some(field) => collect(&field.kind, value, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Kind::Optional(inner), value) => collect(inner, value, path, found),
        (Kind::List(inner), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                collect(inner, item, &format!("{path}[{index}]"), found);
            }
        }
        (Kind::Map(inner), Value::Object(object)) => {
            for (key, value) in object {
                collect(inner, value, &format!("{path}.{key}"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::unknown_fields;
    use serde_json::json;

    #[test]
    fn misspelt_names_are_found_wherever_they_stand() {
        let template = json!({
            "metadata": {"labels": {"any": "x"}, "label": {}},
            "spec": {
                "containers": [{"name": "app", "image": "a", "resources": {"limits": {"cpu": "1"}}}, {"name": "b", "imagePullpolicy": "Always"}],
                "volumes": [{"name": "v", "emptyDir": {}}],
                "terminationGraceperiodSeconds": 3,
            },
        });
        assert_eq!(
            unknown_fields(&template, "spec.template"),
            [
                "spec.template.metadata.label",
                "spec.template.spec.containers[1].imagePullpolicy",
                "spec.template.spec.terminationGraceperiodSeconds",
            ]
        );
    }
}
