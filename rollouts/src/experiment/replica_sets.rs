//! The ReplicaSets of an Experiment: each template has one, made without pods and scaled once it is there. At its end the pods
//! stay for a while, so that what still asks them gets its answers.

use super::{look::Look, spec::Template};
use crds::{ReplicaSet, Time, keys, kind};
use plan::{Event, Requeue, Target, Write, reason::RolloutReason};
use serde_json::{Map, Value, json};

/// The ReplicaSet of a template, where it is needed and missing.
pub fn created(look: Look<'_>, template: &Template<'_>) -> Option<Write> {
    if look.is_over(template) || look.set_of(template).is_some() {
        return None;
    }
    let name = &template.replica_set;
    let mut spec = json!({ "replicas": 0, "selector": template.selector, "template": template.pods });
    if let (Some(seconds), Some(fields)) = (template.min_ready_seconds, spec.as_object_mut()) {
        fields.insert("minReadySeconds".into(), seconds.into());
    }
    let body = json!({
        "apiVersion": kind::REPLICA_SET.api_version(), "kind": kind::REPLICA_SET.kind,
        "metadata": {
            "name": name, "namespace": look.namespace(), "labels": template.labels(),
            "annotations": annotations(look, template), "ownerReferences": [look.owner()],
        },
        "spec": spec,
    });
    let because = RolloutReason::TemplateStarted { template: template.name.into(), replica_set: name.clone() };
    Some(Write::create(look.reference(&kind::REPLICA_SET, name), body, because.into()))
}

/// What tells whose an object is, and of which template.
pub fn annotations(look: Look<'_>, template: &Template<'_>) -> Value {
    json!({ keys::EXPERIMENT_NAME: look.name(), keys::EXPERIMENT_TEMPLATE_NAME: template.name })
}

/// The pods of a template as many as it is to have now; fewer only after the delay. And when to look again.
pub fn scaled(look: Look<'_>, template: &Template<'_>) -> (Option<Write>, Requeue) {
    let Some(set) = look.set_of(template) else { return (None, Requeue::Never) };
    let (from, to) = (set.asked(), look.desired(template));
    if from == to || (to < from && look.leading_to(template).is_some()) {
        return (None, Requeue::Never);
    }
    if to > from || look.spec.scale_down_delay.is_zero() {
        return (Some(resized(set, from, to)), Requeue::Never);
    }
    match set.scale_down_deadline() {
        None => {
            let due = look.now + look.spec.scale_down_delay;
            let body =
                json!({ "metadata": { "annotations": { keys::SCALE_DOWN_DEADLINE: Time::from(due).to_string() } } });
            let because = RolloutReason::Annotated { replica_set: set.metadata.name.clone() };
            (Some(Write::patch(Target::of(&kind::REPLICA_SET, &set.metadata), body, because.into())), Requeue::Never)
        }
        Some(due) if due > look.now => (None, Requeue::At(due)),
        Some(_) => (Some(resized(set, from, to)), Requeue::Never),
    }
}

fn resized(set: &ReplicaSet, from: i32, to: i32) -> Write {
    let name = &set.metadata.name;
    let mut fields = Map::new();
    fields.insert("spec".into(), json!({ "replicas": to }));
    if set.scale_down_deadline().is_some() {
        fields.insert("metadata".into(), json!({ "annotations": { keys::SCALE_DOWN_DEADLINE: Value::Null } }));
    }
    let direction = if to > from { "up" } else { "down" };
    let told = format!("Scaled {direction} ReplicaSet {name} from {from} to {to}");
    let because = RolloutReason::Scaled { replica_set: name.clone(), from, to };
    let target = Target::of(&kind::REPLICA_SET, &set.metadata);
    Write::patch(target, Value::Object(fields), because.into()).with_event(Event::normal("ScalingReplicaSet", told))
}
