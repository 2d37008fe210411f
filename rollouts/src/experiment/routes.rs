//! Does a route lead to a Service? Of the technologies that lead to an Experiment's Services each names them in its own place: a
//! destination, a backend, or an action in an annotation.
//!
//! What it sends there is not asked: a route that names a Service finds it missing once that is gone, at any weight.

use serde_json::Value;

/// Where an Ingress holds the actions of an AWS load balancer, behind any prefix.
const ACTIONS: &str = "/actions.";

/// Whether a route leads to a Service.
pub fn name(route: &Value, service: &str) -> bool {
    let annotations = route.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let actions = annotations.filter(|(key, _)| key.contains(ACTIONS)).filter_map(|(_, text)| text.as_str());
    let mut actions = actions.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    route.get("spec").is_some_and(|spec| leads(spec, service)) || actions.any(|action| leads(&action, service))
}

fn leads(value: &Value, service: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| leads(item, service)),
        Value::Object(fields) => fields.iter().any(|(key, field)| match (key.as_str(), field) {
            ("destination" | "mirror", Value::Object(to)) => to.get("host").is_some_and(|host| is(host, service)),
            ("service" | "ServiceName", Value::String(_)) => is(field, service),
            _ => leads(field, service),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A host begins with the name of its Service.
fn is(host: &Value, service: &str) -> bool {
    host.as_str().and_then(|host| host.split('.').next()) == Some(service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_names_a_service_as_a_host_as_a_backend_or_in_an_annotation() {
        let action = |text: &str| json!({"metadata": {"annotations": {"alb.ingress.kubernetes.io/actions.web": text}}});
        let rule = json!({"spec": {"host": "web", "subsets": [{"name": "web-next", "labels": {"a": "web-next"}}]}});
        for (route, is_named) in [
            (json!({"spec": {"http": [{"route": [{"destination": {"host": "web-next"}, "weight": 10}]}]}}), true),
            (
                json!({"spec": {"tcp": [{"route": [{"destination": {"host": "web-next.shop.svc.cluster.local"}}]}]}}),
                true,
            ),
            (json!({"spec": {"backends": [{"service": "web-next", "weight": 0}]}}), true),
            (json!({"spec": {"http": [{"mirror": {"host": "web-next"}}]}}), true),
            (
                action(
                    r#"{"ForwardConfig":{"TargetGroups":[{"ServiceName":"web","ServicePort":"80"},{"ServiceName":"web-next"}]}}"#,
                ),
                true,
            ),
            (action("web-next"), false),
            (rule, false),
            (json!({"spec": {"http": [{"name": "web-next"}]}}), false),
            (json!({"spec": {"hosts": ["web-next-2", "my-web-next"]}, "metadata": {"name": "web-next"}}), false),
            (Value::Null, false),
        ] {
            assert_eq!(name(&route, "web-next"), is_named, "{route}");
        }
    }
}
