//! Which Application an object belongs to: the tracking annotation, written at each apply and read before a deletion.
//!
//! The id names the object too, so that a copy of an object's metadata on another one does not count.

use crate::key::{self, Key};
use crds::{Application, keys};
use serde_json::Value;

/// How one Application signs its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// The name in the id: the Application's, with its namespace before it outside the controller's own.
    application: String,
    /// Stands in the id of cluster-scoped objects.
    destination_namespace: String,
}

impl Tracking {
    /// The signature of an Application.
    pub fn of(application: &Application, controller_namespace: &str) -> Self {
        let metadata = &application.metadata;
        let name = if metadata.namespace == controller_namespace {
            metadata.name.clone()
        } else {
            format!("{}_{}", metadata.namespace, metadata.name)
        };
        let destination_namespace = application.spec.destination.namespace.clone().unwrap_or_default();
        Self { application: name, destination_namespace }
    }

    /// The id of one object.
    pub fn id(&self, object: &Key) -> String {
        let namespace = object.namespace.as_deref().unwrap_or(&self.destination_namespace);
        format!("{}:{}/{}:{namespace}/{}", self.application, object.group, object.kind, object.name)
    }

    /// Whether a live object is ours, by its annotation.
    pub fn is_ours(&self, object: &Key, live: &Value) -> bool {
        key::annotation(live, keys::TRACKING_ID) == Some(self.id(object).as_str())
    }

    /// The other Application that a live object says it belongs to.
    pub fn other_owner<'a>(&self, object: &Key, live: &'a Value) -> Option<&'a str> {
        let id = key::annotation(live, keys::TRACKING_ID)?;
        let (owner, rest) = id.split_once(':')?;
        let own = self.id(object);
        let names_this_object = own.split_once(':').is_some_and(|(_, own)| own == rest);
        (names_this_object && owner != self.application).then_some(owner)
    }
}

/// Definitions of kinds are never tracked: deleting one deletes every object of the kind.
pub fn is_trackable(object: &Key) -> bool {
    !(object.group == "apiextensions.k8s.io" && object.kind == "CustomResourceDefinition")
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan::ObjectRef;
    use serde_json::json;

    fn tracking(controller_namespace: &str) -> Tracking {
        let application = Application::from_value(
            &json!({"metadata": {"name": "web", "namespace": "argocd"}, "spec": {"destination": {"namespace": "shop"}}}),
        );
        Tracking::of(&application.expect("is an Application"), controller_namespace)
    }

    #[test]
    fn ids() {
        let deployment = Key::of(&ObjectRef::new("apps", "v1", "Deployment", Some("shop"), "web"));
        let role = Key::of(&ObjectRef::new("rbac.authorization.k8s.io", "v1", "ClusterRole", None, "web"));
        let service = Key::of(&ObjectRef::new("", "v1", "Service", Some("shop"), "web"));
        for (tracking, object, expected) in [
            (tracking("argocd"), &deployment, "web:apps/Deployment:shop/web"),
            (tracking("other"), &deployment, "argocd_web:apps/Deployment:shop/web"),
            (tracking("argocd"), &role, "web:rbac.authorization.k8s.io/ClusterRole:shop/web"),
            (tracking("argocd"), &service, "web:/Service:shop/web"),
        ] {
            assert_eq!(tracking.id(object), expected);
        }
    }

    #[test]
    fn owners() {
        let service = Key::of(&ObjectRef::new("", "v1", "Service", Some("shop"), "web"));
        for (id, is_ours, other) in [
            ("web:/Service:shop/web", true, None),
            ("api:/Service:shop/web", false, Some("api")),
            ("api:/Service:shop/copied", false, None),
        ] {
            let live = json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": id}}});
            assert_eq!(
                (tracking("argocd").is_ours(&service, &live), tracking("argocd").other_owner(&service, &live)),
                (is_ours, other),
                "{id}"
            );
        }
    }
}
