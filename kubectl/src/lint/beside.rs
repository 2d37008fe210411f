//! What stands in the same files as a Rollout: put together as the controller's rules look at it.

use crds::{AnalysisTemplate, ClusterAnalysisTemplate, FieldError, Kind, RawObject, Rollout, Service, kind};
use rollouts::{Observed, References, rollout::workload::resolved};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// The objects of all files.
#[derive(Debug, Default)]
pub(super) struct Beside {
    objects: Vec<Value>,
}

impl Beside {
    pub(super) fn of<'a>(objects: impl Iterator<Item = &'a Value>) -> Self {
        Self { objects: objects.cloned().collect() }
    }

    /// What the rules look at. What is not in the files is absent.
    pub(super) fn observed(&self, rollout: Rollout) -> Observed {
        let namespace = rollout.metadata.namespace.clone();
        let routed = References::of(&rollout).objects.into_iter().filter_map(|object| {
            let group = |found: &Value| {
                text(found, "/apiVersion").split_once('/').map_or("", |(group, _)| group) == object.group
            };
            let is_it = |found: &&Value| {
                text(found, "/kind") == object.kind
                    && group(found)
                    && text(found, "/metadata/name") == object.name
                    && is_near(found, object.namespace.as_deref().unwrap_or_default())
            };
            let found = RawObject::from_value(self.objects.iter().find(is_it)?).ok()?;
            Some((object, Arc::new(found)))
        });
        let routed = routed.collect();
        let (rollout, workload) = resolved(Arc::new(rollout), &routed);
        Observed {
            services: self.named(&kind::SERVICE, &namespace, Service::from_value),
            templates: self.named(&kind::ANALYSIS_TEMPLATE, &namespace, AnalysisTemplate::from_value),
            cluster_templates: self.named(&kind::CLUSTER_ANALYSIS_TEMPLATE, "", ClusterAnalysisTemplate::from_value),
            routed,
            rollout,
            workload,
            ..Observed::default()
        }
    }

    fn named<T>(
        &self,
        kind: &Kind,
        namespace: &str,
        read: fn(&Value) -> Result<T, FieldError>,
    ) -> BTreeMap<String, Arc<T>> {
        let of_kind = self.objects.iter().filter(|object| {
            text(object, "/kind") == kind.kind
                && text(object, "/apiVersion") == kind.api_version()
                && is_near(object, namespace)
        });
        of_kind
            .filter_map(|object| Some((text(object, "/metadata/name").to_owned(), Arc::new(read(object).ok()?))))
            .collect()
    }
}

/// In the same namespace; a file that names none goes where the others go.
fn is_near(object: &Value, namespace: &str) -> bool {
    let own = text(object, "/metadata/namespace");
    own.is_empty() || namespace.is_empty() || own == namespace
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}
