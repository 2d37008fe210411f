//! Subresources: status, scale, eviction, binding and finalize.
//!
//! Each is another door to an object that is there; none is stored by itself.

use crate::server::{
    State,
    answer::Answer,
    call::{Call, Verb},
    dispatch::{one, parse_json, read_body},
    kinds::{Kind, Scale},
    object,
    patch::{PatchForm, json_patch, merge_patch},
    refusal::{Cause, Refusal},
    remove::Options,
    selectors::{label_selector_matches, selector_text},
    write::Proposal,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

impl State {
    /// Answers a call to a subresource.
    pub(crate) fn answer_subresource(
        &mut self,
        call: &Call,
        kind: &Arc<Kind>,
        subresource: &str,
        body: &Bytes,
    ) -> Result<Answer, Refusal> {
        let known = kind.subresources();
        if !known.iter().any(|(name, _, _)| *name == subresource) {
            if kind.custom {
                return Err(Refusal::not_found(kind, call.name.as_deref().unwrap_or_default()));
            }
            return Err(Refusal::no_resource());
        }
        match (subresource, call.verb) {
            ("status", Verb::Get) => {
                let found = self.find(call, kind)?;
                one(self, call, kind, 200, &found)
            }
            ("status", Verb::Update) => {
                let (object, warnings) = self.update(call, kind, read_body(call, kind, body)?)?;
                Ok(one(self, call, kind, 200, &object)?.with_warnings(warnings))
            }
            ("status", Verb::Patch) => {
                let (code, object, warnings) = self.patch(call, kind, body)?;
                Ok(one(self, call, kind, code, &object)?.with_warnings(warnings))
            }
            ("scale", Verb::Get | Verb::Update | Verb::Patch) => self.scale(call, kind, body),
            ("eviction", Verb::Create) => self.evict(call, kind, body),
            ("binding", Verb::Create) => self.bind(call, kind, &read_body(call, kind, body)?),
            ("finalize", Verb::Update) => self.finalize(call, kind, &read_body(call, kind, body)?),
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    fn scale(&mut self, call: &Call, kind: &Arc<Kind>, body: &Bytes) -> Result<Answer, Refusal> {
        let Some(scale) = &kind.scale else { return Err(Refusal::no_resource()) };
        let before = self.find(call, kind)?;
        let shown = scale_of(scale, &before);
        let wanted = match call.verb {
            Verb::Get => return Ok(Answer::json(200, &shown)),
            Verb::Update => read_body(call, kind, body)?,
            _ => {
                let patch = parse_json(body)?;
                match PatchForm::of(call.media_type(), false)? {
                    PatchForm::Json => json_patch(&shown, patch)?,
                    PatchForm::Merge | PatchForm::Strategic | PatchForm::Apply => {
                        let mut wanted = shown;
                        merge_patch(&mut wanted, patch);
                        wanted
                    }
                }
            }
        };
        let version = object::version(&wanted);
        if !version.is_empty() && version != object::version(&before) {
            return Err(Refusal::modified(kind, object::name(&before)));
        }
        let replicas = object::int(&wanted, &["spec", "replicas"]).unwrap_or_default();
        if replicas < 0 {
            let cause = Cause::invalid(".spec.replicas", &replicas.into(), "should be a non-negative integer");
            return Err(Refusal::invalid(kind, object::name(&before), &[cause]));
        }
        let mut after = Value::clone(&before);
        object::put(&mut after, &path_of(&scale.spec), replicas.into());
        let (stored, _) = self.change(call, kind, Proposal { before, after, is_managed: false })?;
        Ok(Answer::json(200, &scale_of(scale, &stored)))
    }

    fn evict(&mut self, call: &Call, kind: &Arc<Kind>, body: &Bytes) -> Result<Answer, Refusal> {
        let eviction = read_body(call, kind, body)?;
        let pod = self.find(call, kind)?;
        let labels = object::at(&pod, &["metadata", "labels"]).cloned().unwrap_or_default();
        let is_over = matches!(object::text(&pod, &["status", "phase"]), "Succeeded" | "Failed");
        for budget in self.store.list("poddisruptionbudgets.policy", call.namespace.as_deref()) {
            let selector = object::at(&budget, &["spec", "selector"]);
            let covers = selector.is_some_and(|selector| label_selector_matches(selector, &labels));
            let allowed = object::int(&budget, &["status", "disruptionsAllowed"]).unwrap_or_default();
            if covers && !is_over && allowed <= 0 {
                let mut refusal =
                    Refusal::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.");
                refusal.details = json!({ "causes": [{
                    "reason": "DisruptionBudget",
                    "message": format!("The disruption budget {} needs more healthy pods", object::name(&budget)),
                }] });
                return Err(refusal);
            }
        }
        let options = Options::evict(&eviction, call.is_dry_run());
        options.check(kind, &pod)?;
        self.remove(kind, &pod, &options);
        Ok(Answer::json(201, &success()))
    }

    fn bind(&mut self, call: &Call, kind: &Arc<Kind>, binding: &Value) -> Result<Answer, Refusal> {
        let before = self.find(call, kind)?;
        let node = object::text(binding, &["target", "name"]);
        let mut after = Value::clone(&before);
        object::put(&mut after, &["spec", "nodeName"], node.into());
        let mut conditions = object::list(&after, &["status", "conditions"]).to_vec();
        conditions.retain(|condition| object::text(condition, &["type"]) != "PodScheduled");
        conditions.push(json!({ "type": "PodScheduled", "status": "True", "lastTransitionTime": self.clock.stamp() }));
        object::put(&mut after, &["status", "conditions"], conditions.into());
        let key = (object::namespace(&before).to_owned(), object::name(&before).to_owned());
        self.store.put(&kind.shelf(), key, after);
        Ok(Answer::json(201, &success()))
    }

    fn finalize(&mut self, call: &Call, kind: &Arc<Kind>, wanted: &Value) -> Result<Answer, Refusal> {
        let before = self.find(call, kind)?;
        let mut after = Value::clone(&before);
        object::put(&mut after, &["spec", "finalizers"], object::list(wanted, &["spec", "finalizers"]).into());
        let (stored, _) = self.change(call, kind, Proposal { before, after, is_managed: false })?;
        one(self, call, kind, 200, &stored)
    }
}

fn success() -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 })
}

fn path_of(dotted: &str) -> Vec<&str> {
    dotted.split('.').filter(|part| !part.is_empty()).collect()
}

fn scale_of(scale: &Scale, object: &Value) -> Value {
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object::at(object, &["metadata", key]) {
            object::put(&mut metadata, &[key], value.clone());
        }
    }
    let mut status = json!({ "replicas": object::int(object, &path_of(&scale.status)).unwrap_or_default() });
    let selector = object::at(object, &path_of(&scale.selector)).filter(|_| !scale.selector.is_empty());
    if let Some(text) = selector.map(selector_text).filter(|text| !text.is_empty()) {
        object::put(&mut status, &["selector"], text.into());
    }
    let replicas = object::int(object, &path_of(&scale.spec)).unwrap_or_default();
    let spec = if replicas == 0 { json!({}) } else { json!({ "replicas": replicas }) };
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": spec, "status": status,
    })
}
