//! The workload that a Rollout takes its pod template over from: a Deployment, a ReplicaSet or a PodTemplate.
//!
//! Its template, and its selector where the Rollout names none, stand in the Rollout as it is observed, and in no write: the
//! rules see no difference. A Deployment gives its own pods up as the first revision gets its own, in the way that the spec asks
//! for; nothing here touches it after that.

use super::{
    conditions,
    fleet::Revision,
    invalid::Invalid,
    look::{Look, rollout_target},
    observed::Observed,
};
use chrono::TimeDelta;
use crds::{Kind, LabelSelector, Raw, RawObject, Rollout, keys, kind, rollout::WorkloadRef};
use plan::{ObjectRef, Requeue, Target, Write, reason::RolloutReason};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The kinds that may be named.
pub const KINDS: [Kind; 3] = [kind::DEPLOYMENT, kind::REPLICA_SET, kind::POD_TEMPLATE];

/// The observed workload; the kind's template stands at the top of a PodTemplate and under `spec` in the others.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Which object.
    pub named: ObjectRef,
    /// The object.
    pub object: Arc<RawObject>,
    /// When it gives its pods up.
    pub scale_down: Option<String>,
}

/// What scaling the workload comes to.
#[derive(Clone, Debug, Default)]
pub struct Scaling {
    /// The write.
    pub write: Option<Write>,
    /// What holds it.
    pub held: Option<RolloutReason>,
    /// When to look again.
    pub requeue: Requeue,
}

/// The workload that a Rollout names, where it is of a kind that can be.
pub fn reference(rollout: &Rollout) -> Option<ObjectRef> {
    let named = rollout.spec.workload_ref.as_ref()?;
    let kind = kind_of(named)?;
    Some(ObjectRef::of(&kind, &rollout.metadata.namespace, named.name.as_deref().unwrap_or_default()))
}

/// The Rollout with the template of the workload that it names, and that workload.
pub fn resolved(
    rollout: Arc<Rollout>,
    routed: &BTreeMap<ObjectRef, Arc<RawObject>>,
) -> (Arc<Rollout>, Option<Workload>) {
    let found = reference(&rollout).filter(|_| has_no_template(&rollout));
    let Some((named, object)) = found.and_then(|named| Some((named.clone(), Arc::clone(routed.get(&named)?)))) else {
        return (rollout, None);
    };
    let whole = object.object.value();
    let (template, selector) = match whole.get("template") {
        Some(template) => (template, None),
        None => (whole.pointer("/spec/template").unwrap_or(&Value::Null), whole.pointer("/spec/selector")),
    };
    let mut resolved = Rollout::clone(&rollout);
    resolved.spec.template = Some(Raw::from(template));
    let selector = selector.and_then(|selector| serde_json::from_value::<LabelSelector>(selector.clone()).ok());
    resolved.spec.selector = resolved.spec.selector.or(selector);
    let scale_down = resolved.spec.workload_ref.take().and_then(|named| named.scale_down);
    (Arc::new(resolved), Some(Workload { named, object, scale_down }))
}

fn parts(named: &WorkloadRef) -> (&str, &str) {
    let version = named.api_version.as_deref().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    (group, named.kind.as_deref().unwrap_or_default())
}

fn kind_of(named: &WorkloadRef) -> Option<Kind> {
    KINDS.into_iter().find(|known| (known.group, known.kind) == parts(named))
}

/// One without labels and annotations counts as none: that is what a client leaves when it takes the template out.
pub fn is_no_template(template: &Value) -> bool {
    let is_empty = |part: &str| {
        let texts = template.pointer(part).and_then(Value::as_object);
        texts.is_none_or(serde_json::Map::is_empty)
    };
    is_empty("/metadata/labels") && is_empty("/metadata/annotations")
}

fn has_no_template(rollout: &Rollout) -> bool {
    is_no_template(&rollout.spec.template.as_ref().map(Raw::value).unwrap_or_default())
}

/// The workload that a Rollout without a template names was found, or is said to be missing.
pub fn check(observed: &Observed) -> Result<(), Invalid> {
    let unresolved = observed.rollout.spec.workload_ref.as_ref();
    // One that has a template too is told so with all else that is wrong with the spec.
    let Some(wanted) = unresolved.filter(|_| has_no_template(&observed.rollout)) else { return Ok(()) };
    let (group, name) = parts(wanted);
    let Some(kind) = kind_of(wanted) else {
        return Err(Invalid::rendered("", format!("workload of type {group}/{name} is not supported")));
    };
    let name = wanted.name.clone().unwrap_or_default();
    if let Some(why) = observed.closed_kinds.get(&kind) {
        let reason = RolloutReason::KindClosed { kind: kind.kind.into(), name, why: why.clone() };
        return Err(Invalid::absent(reason.to_string(), reason));
    }
    let resource = if group.is_empty() { kind.plural.to_owned() } else { format!("{}.{group}", kind.plural) };
    let words = format!("{resource} \"{name}\" not found");
    Err(Invalid::absent(words, RolloutReason::WorkloadNotFound { kind: kind.kind.into(), name }))
}

/// The generation of the workload, as clients read it off the Rollout.
pub fn generation(observed: &Observed) -> Option<String> {
    Some(observed.workload.as_ref()?.object.metadata.generation.to_string())
}

/// The annotation that says which generation of the workload was seen, where it says another.
pub fn seen(observed: &Observed) -> Option<Write> {
    let generation = generation(observed);
    if observed.rollout.metadata.annotation(keys::WORKLOAD_GENERATION) == generation.as_deref() {
        return None;
    }
    let body = json!({ "metadata": { "annotations": { keys::WORKLOAD_GENERATION: generation } } });
    let because = match observed.workload.as_ref().zip(generation) {
        Some((found, generation)) => RolloutReason::WorkloadSeen { workload: title(&found.named), generation },
        None => RolloutReason::WorkloadLeft,
    };
    Some(Write::patch(rollout_target(observed), body, because.into()))
}

fn title(named: &ObjectRef) -> String {
    format!("{} {}", named.kind, named.name)
}

/// How many pods the Deployment may keep beside those of the first revision.
pub fn scaling(look: &Look<'_>) -> Scaling {
    let Some((workload, canary)) = look.observed.workload.as_ref().zip(look.fleet.canary) else {
        return Scaling::default();
    };
    let is_first = canary.number() == 1 && look.fleet.all.len() == 1;
    if workload.named.kind != kind::DEPLOYMENT.kind || !is_first || look.is_halted() {
        return Scaling::default();
    }
    match workload.scale_down.as_deref() {
        Some("onsuccess") => once_healthy(look, workload, canary).unwrap_or_default(),
        Some("progressively") => match once_healthy(look, workload, canary) {
            Some(scaling) => scaling,
            None => beside(look, workload, canary),
        },
        _ => Scaling::default(),
    }
}

/// None of its pods, once the Rollout has been healthy for as long as pods stay that lost their traffic.
fn once_healthy(look: &Look<'_>, workload: &Workload, canary: Revision<'_>) -> Option<Scaling> {
    let healthy = conditions::find(look.status(), "Healthy").filter(|condition| condition.status == "True")?;
    if canary.lasting() < look.spec.limits.replicas {
        return None;
    }
    let since = healthy.last_transition_time.map_or(look.now, |time| time.0);
    let due = since + look.spec.scale_down_delay.max(TimeDelta::zero());
    if due > look.now && pods(workload) > 0 {
        let held = Some(RolloutReason::Draining { replica_set: title(&workload.named), until: due });
        return Some(Scaling { write: None, held, requeue: Requeue::At(due) });
    }
    Some(Scaling { write: resized(workload, 0), ..Scaling::default() })
}

/// As many of its pods as the Rollout lacks. One that has none is not started again.
fn beside(look: &Look<'_>, workload: &Workload, canary: Revision<'_>) -> Scaling {
    let available = canary.lasting();
    let lacking = (look.spec.limits.replicas - available).max(0);
    let write = resized(workload, lacking).filter(|_| available > 0 && pods(workload) > 0);
    Scaling { write, ..Scaling::default() }
}

fn pods(workload: &Workload) -> i32 {
    let asked = workload.object.object.value().pointer("/spec/replicas").and_then(Value::as_i64);
    asked.map_or(1, |asked| i32::try_from(asked).unwrap_or(i32::MAX))
}

fn resized(workload: &Workload, to: i32) -> Option<Write> {
    let from = pods(workload);
    let because = RolloutReason::WorkloadScaled { workload: title(&workload.named), from, to };
    let kind = KINDS.into_iter().find(|known| known.kind == workload.named.kind)?;
    let target = Target::of(&kind, &workload.object.metadata);
    (from != to).then(|| Write::patch(target, json!({ "spec": { "replicas": to } }), because.into()))
}
