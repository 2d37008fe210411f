//! The Services of an Experiment: a template that asks for one has it while it has pods, with one port for each port of its
//! containers.

use super::{look::Look, replica_sets, spec::Template};
use crds::{Service, kind};
use plan::{Propagation, Target, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};

/// A template has its ReplicaSet, is to have pods, and lacks the Service that it asks for.
pub fn is_missing(look: Look<'_>, template: &Template<'_>) -> bool {
    let is_wanted = template.service.is_some() && look.desired(template) > 0;
    is_wanted && look.set_of(template).is_some() && look.service_of(template).is_none()
}

/// The Service of a template, where it is missing.
pub fn created(look: Look<'_>, template: &Template<'_>) -> Option<Write> {
    let name = template.service.as_ref().filter(|_| is_missing(look, template))?;
    let body = json!({
        "apiVersion": kind::SERVICE.api_version(), "kind": kind::SERVICE.kind,
        "metadata": {
            "name": name, "namespace": look.namespace(),
            "annotations": replica_sets::annotations(look, template), "ownerReferences": [look.owner()],
        },
        "spec": { "selector": template.labels(), "ports": ports(&template.pods) },
    });
    let because = RolloutReason::TemplateServed { template: template.name.into(), service: name.clone() };
    Some(Write::create(look.reference(&kind::SERVICE, name), body, because.into()))
}

/// The Services behind which no pod is left.
pub fn removed(look: Look<'_>) -> impl Iterator<Item = Write> {
    let uid = &look.observed.experiment.metadata.uid;
    let own = look.observed.services.iter().filter(move |service| service.metadata.is_controlled_by(uid));
    own.filter(move |service| !service.metadata.is_deleted() && !is_used(look, service)).map(|service| {
        let target = Target::of(&kind::SERVICE, &service.metadata);
        let because = RolloutReason::ServiceRemoved { service: service.metadata.name.clone() };
        Write::delete(target, Propagation::Background, because.into())
    })
}

fn is_used(look: Look<'_>, service: &Service) -> bool {
    let template =
        look.spec.templates.iter().find(|template| template.service.as_ref() == Some(&service.metadata.name));
    template.is_some_and(|template| {
        let available = look.set_of(template).map_or(0, |set| set.status.available_replicas);
        look.desired(template) > 0 || available > 0
    })
}

/// One port for each port of the containers.
fn ports(pods: &Value) -> Vec<Value> {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let spec = pods.get("spec").cloned().unwrap_or_default();
    let ports = list(&spec, "containers").into_iter().flat_map(|container| list(&container, "ports"));
    ports.filter_map(|port| port_of(&port)).collect()
}

fn port_of(port: &Value) -> Option<Value> {
    let number = port.get("containerPort")?;
    let mut fields = Map::new();
    fields.extend(["name", "protocol"].iter().filter_map(|key| Some(((*key).to_owned(), port.get(*key)?.clone()))));
    fields.insert("port".into(), number.clone());
    fields.insert("targetPort".into(), number.clone());
    Some(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_of_the_containers_is_one_of_the_service() {
        let pods = json!({"spec": {"containers": [
            {"name": "a", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"containerPort": 9090}]},
            {"name": "b"},
            {"name": "c", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP", "hostPort": 53}]},
        ]}});
        assert_eq!(
            Value::from(ports(&pods)),
            json!([
                {"name": "http", "port": 8080, "targetPort": 8080, "protocol": "TCP"},
                {"port": 9090, "targetPort": 9090},
                {"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"},
            ])
        );
        assert!(ports(&Value::Null).is_empty());
    }
}
