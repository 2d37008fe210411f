//! How a plan names objects: by group, version and kind, and, where it changes one, by the version it was decided on.

use crds::{Kind, ObjectMeta};
use std::fmt;

/// One object in the cluster, whatever its kind. The shell finds its resource path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// API group; empty for the core group.
    pub group: String,
    /// API version, such as `v1alpha1`.
    pub version: String,
    /// Kind, such as `Rollout`.
    pub kind: String,
    /// Namespace; absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// Names an object.
    pub fn new(group: &str, version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: name.into(),
        }
    }

    /// Names an object of a kind that we know. One that is cluster-scoped has no namespace, whatever is given.
    pub fn of(kind: &Kind, namespace: &str, name: &str) -> Self {
        Self::new(kind.group, kind.version, kind.kind, kind.namespaced.then_some(namespace), name)
    }

    /// `apiVersion` as manifests write it: `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(out, "{} {namespace}/{}", self.kind, self.name),
            None => write!(out, "{} {}", self.kind, self.name),
        }
    }
}

/// An object that is to be changed or deleted, and the version on which that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which object.
    pub object: ObjectRef,
    /// Its uid: a successor of the same name is another object.
    pub uid: String,
    /// The `resourceVersion` that was looked at. The server refuses the write when it has changed since.
    pub resource_version: String,
}

impl Target {
    /// The object with this metadata, at the version that it had when it was looked at.
    pub fn of(kind: &Kind, meta: &ObjectMeta) -> Self {
        Self {
            object: ObjectRef::of(kind, &meta.namespace, &meta.name),
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
        }
    }
}
