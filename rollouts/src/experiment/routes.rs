//! Does a route lead to a Service? Whatever technology it is of: its rules, or an annotation, name the Service.
//!
//! What it sends there is not asked: a route that names a Service finds it missing once that is gone, at any weight.

use crds::keys;
use serde_json::Value;

/// Whether the rules of a route, or its annotations, name a Service.
pub fn name(route: &Value, service: &str) -> bool {
    let annotations = route.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let mut live = annotations.filter(|(key, _)| *key != keys::LAST_APPLIED).map(|(_, value)| value);
    route.get("spec").is_some_and(|spec| is_in(spec, service)) || live.any(|value| is_in(value, service))
}

fn is_in(value: &Value, service: &str) -> bool {
    match value {
        Value::String(text) => is_word_of(text, service),
        Value::Array(items) => items.iter().any(|item| is_in(item, service)),
        Value::Object(fields) => fields.values().any(|field| is_in(field, service)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A host begins with the name, and an annotation holds a whole document with it.
fn is_word_of(text: &str, service: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').any(|word| word == service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_names_a_service_as_a_host_as_a_backend_or_in_an_annotation() {
        let applied = json!({"metadata": {"annotations": {keys::LAST_APPLIED: "{\"host\":\"web-next\"}"}}});
        let action = json!({"metadata": {"annotations": {"alb/actions.web": "{\"serviceName\":\"web-next\"}"}}});
        for (route, is_named) in [
            (json!({"spec": {"http": [{"route": [{"destination": {"host": "web-next"}, "weight": 10}]}]}}), true),
            (
                json!({"spec": {"tcp": [{"route": [{"destination": {"host": "web-next.shop.svc.cluster.local"}}]}]}}),
                true,
            ),
            (json!({"spec": {"backends": [{"service": "web-next", "weight": 0}]}}), true),
            (action, true),
            (applied, false),
            (json!({"spec": {"hosts": ["web-next-2", "my-web-next"]}, "metadata": {"name": "web-next"}}), false),
            (Value::Null, false),
        ] {
            assert_eq!(name(&route, "web-next"), is_named, "{route}");
        }
    }
}
