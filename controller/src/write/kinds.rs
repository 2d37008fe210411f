//! Where objects of a kind live in the API: from a table for the kinds that we know, from the server's discovery otherwise.
//!
//! Discovery is read once for each group and version, and again when a kind is not in it or not where it was: definitions
//! come and go.

use super::{Class, Refusal, TIMEOUT};
use crate::settings::ApiVersions;
use kube::Client;
use plan::ObjectRef;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::time::timeout;

/// A kind's place in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What a new object is to call its version, where that is not what the rules call it.
    pub(crate) api_version: Option<String>,
    prefix: String,
    plural: String,
    namespace: Option<String>,
    /// Whether status is written through its own endpoint.
    pub(crate) has_status: bool,
}

impl Place {
    /// The path of the collection.
    pub(crate) fn collection(&self) -> String {
        let scope = self.namespace.as_ref().map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
        format!("{}{scope}/{}", self.prefix, self.plural)
    }

    /// The path of one object.
    pub(crate) fn object(&self, name: &str) -> String {
        format!("{}/{name}", self.collection())
    }
}

#[derive(Clone, Debug)]
struct Resource {
    plural: String,
    is_namespaced: bool,
    has_status: bool,
}

type Discovered = BTreeMap<(String, String), Resource>;

/// Finds places.
#[derive(Clone)]
pub(crate) struct Kinds {
    client: Client,
    api_versions: ApiVersions,
    discovered: Arc<Mutex<Discovered>>,
}

impl fmt::Debug for Kinds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Kinds").finish_non_exhaustive()
    }
}

impl Kinds {
    pub(crate) fn new(client: Client, api_versions: ApiVersions) -> Self {
        Self { client, api_versions, discovered: Arc::default() }
    }

    /// Where this object lives.
    pub(crate) async fn place(&self, object: &ObjectRef) -> Result<Place, Refusal> {
        let (version, resource) = self.resource(object).await?;
        if resource.is_namespaced && object.namespace.is_none() {
            return Err(Refusal::new(Class::Invalid, format!("{object} needs a namespace")));
        }
        Ok(self.placed(object, &version, resource))
    }

    /// The path of the collection of this object's kind in its namespace, or in all where it has none.
    pub(crate) async fn collection(&self, object: &ObjectRef) -> Result<String, Refusal> {
        let (version, resource) = self.resource(object).await?;
        Ok(self.placed(object, &version, resource).collection())
    }

    /// The version to use, and the resource.
    async fn resource(&self, object: &ObjectRef) -> Result<(String, Resource), Refusal> {
        let own = |resource| (object.version.clone(), resource);
        let Some(kind) = crds::Kind::of(&object.api_version(), &object.kind) else {
            return self.discover(object).await.map(own);
        };
        if let Some(successor) = kind.successor() {
            let newer = ObjectRef { version: successor.into(), ..object.clone() };
            return match self.discover(object).await {
                Err(refusal) if refusal.class == Class::Invalid => {
                    self.discover(&newer).await.map(|resource| (newer.version, resource))
                }
                found => found.map(own),
            };
        }
        Ok(own(Resource {
            plural: kind.plural.to_owned(),
            is_namespaced: kind.namespaced,
            has_status: kind.status_subresource,
        }))
    }

    fn placed(&self, object: &ObjectRef, version: &str, resource: Resource) -> Place {
        // Rules name one version of a router's API; which one the cluster serves is a setting.
        let spoken = self.api_versions.spoken(&object.group);
        let (group, version) = spoken.unwrap_or((&object.group, version));
        let prefix = if group.is_empty() { "/api".into() } else { format!("/apis/{group}") };
        Place {
            api_version: spoken.map(|(group, version)| format!("{group}/{version}")),
            prefix: format!("{prefix}/{version}"),
            plural: resource.plural,
            namespace: object.namespace.clone().filter(|_| resource.is_namespaced),
            has_status: resource.has_status,
        }
    }

    async fn discover(&self, object: &ObjectRef) -> Result<Resource, Refusal> {
        let api_version = object.api_version();
        let key = (api_version.clone(), object.kind.clone());
        if let Some(resource) = self.known(&key) {
            return Ok(resource);
        }
        let listing = async {
            match object.group.is_empty() {
                true => self.client.list_core_api_resources(&object.version).await,
                false => self.client.list_api_group_resources(&api_version).await,
            }
        };
        let silent = |_| Refusal::new(Class::Unanswered, format!("no kinds within {} s", TIMEOUT.as_secs()));
        let listed = timeout(TIMEOUT, listing).await.map_err(silent)?;
        let missing =
            || Refusal::new(Class::Invalid, format!("the server has no kind {} in {api_version}", object.kind));
        let listed = match listed {
            Ok(listed) => listed,
            Err(kube::Error::Api(status)) if status.code == 404 => return Err(missing()),
            Err(error) => return Err(Refusal::new(Class::Unanswered, crate::logging::chain(&error))),
        };
        let found: Discovered = listed
            .resources
            .iter()
            .filter(|resource| !resource.name.contains('/'))
            .map(|resource| {
                let status = format!("{}/status", resource.name);
                let found = Resource {
                    plural: resource.name.clone(),
                    is_namespaced: resource.namespaced,
                    has_status: listed.resources.iter().any(|other| other.name == status),
                };
                ((api_version.clone(), resource.kind.clone()), found)
            })
            .collect();
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        self.known(&key).ok_or_else(missing)
    }

    /// Discovers a kind anew: its definition may come back in another scope or under another name.
    pub(super) fn forget(&self, object: &ObjectRef) {
        let key = (object.api_version(), object.kind.clone());
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn known(&self, key: &(String, String)) -> Option<Resource> {
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}
