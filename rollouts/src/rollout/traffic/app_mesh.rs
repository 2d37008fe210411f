//! AWS App Mesh: the weights of both virtual nodes in the routes of the virtual router behind a virtual service, and the labels by
//! which each node knows its pods. Works on raw JSON, so that every field that we do not know stays as it is.
//!
//! A pod learns its node when it is made: the canary's node knows the new revision before there is a pod of it. Two nodes should not
//! know the same pods: where both roles are one revision, the canary's node knows none as soon as it carries no weight.

mod nodes;

use super::{
    super::{invalid::Invalid, observed::Observed, replicas::WHOLE, spec::ends::Ends},
    router::{self, Backing, Change, PATH, Router, Selector, Wanted, Weights},
};
use crds::{
    Kind, RawObject, kind,
    rollout::{AppMeshTrafficRouting, AppMeshVirtualService, CanaryStrategy},
};
use plan::{ObjectRef, Write};
use serde_json::{Value, json};

/// The kinds of objects that it names.
pub(super) const KINDS: [Kind; 3] = [kind::MESH_SERVICE, kind::VIRTUAL_ROUTER, kind::VIRTUAL_NODE];
/// Where a virtual router holds its weights, as `managedFields` name it.
const FIELDS: [&str; 1] = ["/f:spec/f:routes"];
/// The kinds of routes that have weights.
const ROUTES: [&str; 4] = ["httpRoute", "tcpRoute", "http2Route", "grpcRoute"];

/// App Mesh, as a spec sets it.
#[derive(Clone, Debug)]
pub struct AppMesh<'a> {
    service: &'a AppMeshVirtualService,
    /// The names of the virtual nodes.
    nodes: Ends<'a>,
    /// The Services whose endpoints are those of the nodes.
    services: Ends<'a>,
}

/// The objects that the settings name, valid or not. The virtual router is named by the virtual service.
pub(super) fn references(settings: &AppMeshTrafficRouting, namespace: &str) -> Vec<ObjectRef> {
    let service = settings.virtual_service.iter().map(|service| (kind::MESH_SERVICE, service.name.as_str()));
    let nodes = nodes::named(settings).into_iter().flatten().map(|name| (kind::VIRTUAL_NODE, name));
    service.chain(nodes).map(|(kind, name)| ObjectRef::of(&kind, namespace, name)).collect()
}

/// The virtual router behind a virtual service.
pub(super) fn router_behind(service: &RawObject) -> Option<ObjectRef> {
    let spec = service.spec();
    let named = spec.pointer("/provider/virtualRouter/virtualRouterRef")?;
    let namespace = named.get("namespace").and_then(Value::as_str).unwrap_or(&service.metadata.namespace);
    Some(ObjectRef::of(&kind::VIRTUAL_ROUTER, namespace, named.get("name")?.as_str()?))
}

impl<'a> AppMesh<'a> {
    /// Checks what the spec alone shows.
    pub(super) fn parse(canary: &'a CanaryStrategy, settings: &'a AppMeshTrafficRouting) -> Result<Self, Invalid> {
        let path = format!("{PATH}.appMesh");
        let Some(service) = settings.virtual_service.as_ref().filter(|service| !service.name.is_empty()) else {
            return Err(Invalid::required(&format!("{path}.virtualService.name"), "a virtual service must be named"));
        };
        let nodes = match nodes::named(settings) {
            [Some(canary), Some(stable)] => Ends { canary, stable },
            _ => {
                let words = "a virtual node must be named for the canary and for the stable revision";
                return Err(Invalid::required(&format!("{path}.virtualNodeGroup"), words));
            }
        };
        if nodes.canary == nodes.stable {
            let words = "the canary and the stable revision need two different virtual nodes";
            let path = format!("{path}.virtualNodeGroup.canaryVirtualNodeRef.name");
            return Err(Invalid::value(&path, nodes.canary, words));
        }
        Ok(Self { service, nodes, services: router::services_of(canary) })
    }

    fn mesh_service(&self, namespace: &str) -> ObjectRef {
        ObjectRef::of(&kind::MESH_SERVICE, namespace, &self.service.name)
    }

    fn node(&self, observed: &Observed, name: &str) -> ObjectRef {
        ObjectRef::of(&kind::VIRTUAL_NODE, &observed.rollout.metadata.namespace, name)
    }

    fn router(&self, observed: &Observed) -> Option<ObjectRef> {
        router_behind(observed.routed.get(&self.mesh_service(&observed.rollout.metadata.namespace))?)
    }

    /// Whether a route carries the weights: those that are named, or all.
    fn is_weighed(&self, route: &Value) -> bool {
        let name = route.get("name").and_then(Value::as_str).unwrap_or_default();
        self.service.routes.is_empty() || self.service.routes.iter().any(|wanted| wanted == name)
    }

    /// Whether a target is this virtual node of the Rollout's namespace; `near` is that of the router.
    fn is(&self, target: &Value, node: &str, namespace: &str, near: &str) -> bool {
        let text = |field: &str| target.pointer(&format!("/virtualNodeRef/{field}")).and_then(Value::as_str);
        text("name") == Some(node) && text("namespace").unwrap_or(near) == namespace
    }

    /// What is wrong with a router, if anything: where, and in which words.
    fn problem(&self, router: &ObjectRef, spec: &Value, namespace: &str) -> Result<(), (String, String)> {
        let (name, near) = (&router.name, router.namespace.as_deref().unwrap_or(namespace));
        let list = routes(spec);
        if list.is_empty() {
            return Err(("spec.routes".into(), format!("No routes defined for AppMesh virtual-router {name}")));
        }
        for wanted in &self.service.routes {
            if !list.iter().any(|route| route.get("name").and_then(Value::as_str) == Some(wanted)) {
                let words = format!("AppMesh virtual-router {name} has no route {wanted}");
                return Err(("spec.routes".into(), words));
            }
        }
        for (index, route) in list.iter().enumerate().filter(|(_, route)| self.is_weighed(route)) {
            let called = route.get("name").and_then(Value::as_str).unwrap_or_default();
            let of_route = format!("for AppMesh virtual-router {name} and route {called}");
            let path = format!("spec.routes[{index}]");
            let Some(kind) = kind_of(route) else {
                let words = format!("Error getting route details {of_route}. Error: Route has unsupported route type");
                return Err((path, words));
            };
            let path = format!("{path}.{kind}.action.weightedTargets");
            let Some(targets) = targets(route) else {
                return Err((path, format!("Invalid route action found {of_route}")));
            };
            if targets.len() != 2 {
                let count = targets.len();
                return Err((path, format!("Invalid number of weightedTargets ({count}) {of_route}, expected 2")));
            }
            let missing = [self.nodes.canary, self.nodes.stable].into_iter();
            let missing = missing.filter(|node| !targets.iter().any(|target| self.is(target, node, namespace, near)));
            if let Some(node) = missing.into_iter().next() {
                return Err((path, format!("virtual node {node} is none of the weightedTargets {of_route}")));
            }
        }
        Ok(())
    }
}

impl Router for AppMesh<'_> {
    fn check(&self, observed: &Observed) -> Result<(), Invalid> {
        let namespace = &observed.rollout.metadata.namespace;
        let (path, name) = (format!("{PATH}.appMesh.virtualService.name"), &self.service.name);
        let named = self.mesh_service(namespace);
        let service = router::observed_at(observed, &path, name, &kind::MESH_SERVICE, &named)?;
        let Some(router) = router_behind(service) else {
            return Err(Invalid::value(&path, name, "Virtual-service is not associated with virtual-router"));
        };
        let found = router::observed_at(observed, &path, name, &kind::VIRTUAL_ROUTER, &router)?;
        self.problem(&router, &found.spec(), namespace)
            .map_err(|(path, words)| Invalid::value(&path, &router.name, words))?;
        for (field, node) in [("canaryVirtualNodeRef", self.nodes.canary), ("stableVirtualNodeRef", self.nodes.stable)]
        {
            let path = format!("{PATH}.appMesh.virtualNodeGroup.{field}.name");
            router::observed_at(observed, &path, node, &kind::VIRTUAL_NODE, &self.node(observed, node))?;
        }
        Ok(())
    }

    fn objects(&self, observed: &Observed) -> Vec<ObjectRef> {
        self.router(observed).into_iter().collect()
    }

    fn weights(&self, observed: &Observed, named: &ObjectRef, object: &Value) -> Vec<Weights> {
        if self.router(observed).as_ref() != Some(named) {
            return Vec::new();
        }
        let namespace = &observed.rollout.metadata.namespace;
        let near = named.namespace.as_deref().unwrap_or(namespace);
        let of = |targets: &Vec<Value>| {
            let weight = |target: &Value| target.get("weight").and_then(Value::as_i64).unwrap_or(0);
            let sum: i64 = targets.iter().map(weight).sum();
            let part = |node: &str| {
                let of_node = targets.iter().filter(|target| self.is(target, node, namespace, near));
                router::part_of(WHOLE, of_node.map(weight).sum(), sum)
            };
            Weights { canary: part(self.nodes.canary), stable: part(self.nodes.stable) }
        };
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let weighed = routes(spec).iter().filter(|route| self.is_weighed(route));
        weighed.filter_map(targets).map(of).collect()
    }

    /// The endpoints are those of the Services, as far as their nodes know them.
    fn backings(&self, observed: &Observed) -> (Backing, Backing) {
        let of = |service: &str, node: &str| Backing {
            service: service.into(),
            hash: nodes::hash_of(observed.routed.get(&self.node(observed, node)).map(AsRef::as_ref)),
        };
        (of(self.services.canary, self.nodes.canary), of(self.services.stable, self.nodes.stable))
    }

    /// All routes are in the patch, since a merge patch replaces lists.
    fn change(&self, observed: &Observed, named: &ObjectRef, object: &Value, wanted: &Wanted<'_>) -> Option<Change> {
        let namespace = &observed.rollout.metadata.namespace;
        let near = named.namespace.as_deref().unwrap_or(namespace);
        let list = routes(object.get("spec")?);
        let reweighted = |route: &Value| {
            let mut route = route.clone();
            if !self.is_weighed(&route) {
                return route;
            }
            let at = kind_of(&route).map(|kind| format!("/{kind}/action/weightedTargets"));
            let targets = at.and_then(|at| route.pointer_mut(&at)).and_then(Value::as_array_mut);
            for target in targets.into_iter().flatten() {
                let shares = [(self.nodes.canary, wanted.canary), (self.nodes.stable, wanted.stable())];
                let share = shares.into_iter().find(|(node, _)| self.is(target, node, namespace, near));
                if let (Some((_, share)), Value::Object(fields)) = (share, target) {
                    fields.insert("weight".into(), share.into());
                }
            }
            route
        };
        let changed: Vec<Value> = list.iter().map(reweighted).collect();
        (changed != list).then(|| Change::Patch(json!({ "spec": { "routes": changed } })))
    }

    fn fields(&self) -> &'static [&'static str] {
        &FIELDS
    }

    fn selectors(&self, observed: &Observed) -> Option<(Selector, Selector)> {
        let (mut canary, stable) = self.backings(observed);
        // One that knows the pods of the stable revision too is to know none.
        canary.hash = canary.hash.filter(|hash| stable.hash.as_ref() != Some(hash));
        let named =
            |node: &str, backing| Selector { what: format!("virtual node {node}"), backing, precedes_pods: true };
        Some((named(self.nodes.canary, canary), named(self.nodes.stable, stable)))
    }

    fn switched(&self, observed: &Observed, canary: Option<&str>, stable: Option<&str>) -> Vec<Write> {
        let found = |node: &str| observed.routed.get(&self.node(observed, node)).map(AsRef::as_ref);
        let (canary_node, stable_node) = (found(self.nodes.canary), found(self.nodes.stable));
        nodes::switched(observed, [canary_node, stable_node], canary, stable)
    }
}

fn routes(spec: &Value) -> &[Value] {
    spec.get("routes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn kind_of(route: &Value) -> Option<&'static str> {
    ROUTES.into_iter().find(|kind| route.get(kind).is_some())
}

fn targets(route: &Value) -> Option<&Vec<Value>> {
    route.get(kind_of(route)?)?.pointer("/action/weightedTargets")?.as_array()
}

#[cfg(test)]
mod tests;
