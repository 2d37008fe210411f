//! Where a Rollout's pod template lives: in the Rollout, or in the workload that it refers to.

use crate::Error;
use crds::{Kind, Rollout, kind};
use serde_json::{Map, Value, json};

/// The object that holds a pod template.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where in it the template stands.
    pub path: &'static str,
}

impl Home {
    /// That of a Rollout.
    pub(super) fn of(rollout: &Rollout) -> Result<Self, Error> {
        let Some(workload) = &rollout.spec.workload_ref else {
            return Ok(Self { kind: kind::ROLLOUT, name: rollout.metadata.name.clone(), path: "/spec/template" });
        };
        let (kind, path) = match workload.kind.as_deref().unwrap_or_default() {
            "Deployment" => (kind::DEPLOYMENT, "/spec/template"),
            "ReplicaSet" => (kind::REPLICA_SET, "/spec/template"),
            // The one kind with its template at the top.
            "PodTemplate" => (kind::POD_TEMPLATE, "/template"),
            other => return Err(Error::Usage(format!("workload of kind \"{other}\" is not supported"))),
        };
        Ok(Self { kind, name: workload.name.clone().unwrap_or_default(), path })
    }

    /// A merge patch of the object that changes this of the template's pod spec.
    pub(super) fn patch(&self, pod_spec: Value) -> Map<String, Value> {
        let names = self.path.split('/').filter(|name| !name.is_empty()).chain(["spec"]).rev();
        let nested = names.fold(pod_spec, |inner, name| json!({ name: inner }));
        nested.as_object().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Home;
    use crds::Rollout;
    use serde_json::{Value, json};

    #[test]
    fn a_template_is_where_the_workload_has_it() {
        let deep = json!({"spec": {"template": {"spec": {"a": 1}}}});
        for (workload, expected) in [
            (json!(null), Some(("rollouts", "web", deep.clone()))),
            (json!({"kind": "Deployment", "name": "old"}), Some(("deployments", "old", deep.clone()))),
            (json!({"kind": "ReplicaSet", "name": "old"}), Some(("replicasets", "old", deep))),
            (
                json!({"kind": "PodTemplate", "name": "old"}),
                Some(("podtemplates", "old", json!({"template": {"spec": {"a": 1}}}))),
            ),
            (json!({"kind": "StatefulSet", "name": "old"}), None),
        ] {
            let rollout = json!({"metadata": {"name": "web"}, "spec": {"workloadRef": workload}});
            let found = Home::of(&Rollout::from_value(&rollout).expect("is a Rollout")).ok();
            let found =
                found.map(|home| (home.kind.plural, home.name.clone(), Value::from(home.patch(json!({"a": 1})))));
            assert_eq!(found, expected.map(|(plural, name, patch)| (plural, name.to_owned(), patch)), "{workload}");
        }
    }
}
