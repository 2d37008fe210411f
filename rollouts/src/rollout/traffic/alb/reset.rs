//! What becomes of an Ingress that a Rollout manages no more: its action leads to the one Service that it is named after, or else to
//! the stable one, and what its steps had set is gone. Only what the Rollout has recorded as its own is touched.

use super::{
    action::{Action, Group},
    annotation, paths, record_of,
};
use crate::rollout::{replicas::WHOLE, traffic::router};
use crds::{RawObject, keys, owned};
use serde_json::{Map, Value, json};

/// The patch that takes back what the Rollout of this name keeps in an Ingress; nothing where it keeps nothing.
pub fn given_back(ingress: &RawObject, rollout: &str) -> Option<Value> {
    let object = ingress.object.value();
    let mut record = record_of(&object);
    let own = record.remove(rollout)?;
    let named = |key: &str, kind: &str| key.split_once(kind).map(|(_, name)| name.to_owned());
    let routes: Vec<String> = own.iter().filter_map(|key| named(key, "/conditions.")).collect();
    let mut annotations = Map::new();
    for key in &own {
        match named(key, "/actions.") {
            Some(service) if !routes.contains(&service) => {
                let text = annotation(&object, key).and_then(|text| alone(text, &service));
                annotations.extend(text.map(|text| (key.clone(), text.into())));
            }
            Some(_) | None => {
                annotations.insert(key.clone(), Value::Null);
            }
        }
    }
    let left = serde_json::to_string(&record).ok().filter(|_| !record.is_empty());
    annotations.insert(keys::MANAGED_ALB_ANNOTATIONS.into(), left.map_or(Value::Null, Into::into));
    let mut patch = Map::from_iter([("metadata".to_owned(), json!({ "annotations": annotations }))]);
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let rules: Vec<Value> = router::rules(spec).iter().map(|rule| without(rule, &routes)).collect();
    if rules != router::rules(spec) {
        patch.insert("spec".into(), json!({ "rules": rules }));
    }
    Some(Value::Object(patch))
}

/// The action with this Service alone; where that is none of its Services, with the stable one, which is the last.
fn alone(text: &str, service: &str) -> Option<String> {
    let mut groups = Action::read(text)?.groups;
    let named = groups.iter().position(|group| group.service == service);
    let group = groups.swap_remove(named.or(groups.len().checked_sub(1))?);
    let groups = vec![Group { weight: WHOLE.into(), ..group }];
    Some(Action { groups, sticky_secs: None }.text())
}

/// A rule without the paths of these routes.
fn without(rule: &Value, routes: &[&str]) -> Value {
    let rest: Vec<Value> = paths(rule).iter().filter(|path| !owned::is_alb_route(path, routes)).cloned().collect();
    let mut changed = rule.clone();
    if let Some(Value::Array(list)) = changed.pointer_mut("/http/paths") {
        *list = rest;
    }
    changed
}
