//! What lives around an API server: pods, endpoints, Jobs, a mesh that carries requests, a Prometheus that counts them.
//!
//! All of it are small actors over a `kube::Client`, on the time that tokio counts: the same world runs on virtual time in
//! process, and on real time over HTTP. Nothing here knows Rollouts; whoever rolls out is somebody else.

pub mod calls;
pub mod chance;
mod definitions;
mod endpoint_slices;
pub mod git;
pub mod images;
pub(crate) mod ingresses;
mod jobs;
mod kubelet;
pub mod mesh;
pub mod prometheus;
pub(crate) mod promql;
mod replica_sets;
pub mod view;

pub use definitions::definitions;
pub use kubelet::NODE;

use crate::{
    clock::Clock,
    world::{
        chance::Chance,
        endpoint_slices::EndpointSlices,
        images::Images,
        jobs::Jobs,
        kubelet::Kubelet,
        mesh::Mesh,
        prometheus::Prometheus,
        replica_sets::ReplicaSets,
        view::{Alarm, View, live},
    },
};
use kube::Client;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// How a world behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// All chance comes from here.
    pub seed: u64,
    /// A pod is ready between the first and the second of these after it was made.
    pub pods_ready_after: (Duration, Duration),
    /// A deleted pod serves on for this long.
    pub pods_stop_after: Duration,
    /// What stands in EndpointSlices follows pods and Services this much later.
    pub slices_after: Duration,
    /// How many requests each route of the mesh gets, unless an annotation says otherwise. With 0 there is no data plane at
    /// all, which makes long stories cheap.
    pub requests_per_second: u32,
    /// Routes and endpoints reach the mesh at most this much later than the API server.
    pub mesh_lag: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            seed: 1,
            pods_ready_after: (Duration::from_secs(1), Duration::from_secs(2)),
            pods_stop_after: Duration::from_secs(1),
            slices_after: Duration::ZERO,
            requests_per_second: 20,
            mesh_lag: Duration::from_millis(500),
        }
    }
}

/// Live copies of everything that the actors look at.
#[derive(Debug)]
pub struct Views {
    /// Pods.
    pub pods: Arc<View>,
    /// ReplicaSets.
    pub replica_sets: Arc<View>,
    /// Services.
    pub services: Arc<View>,
    /// EndpointSlices.
    pub slices: Arc<View>,
    /// Jobs.
    pub jobs: Arc<View>,
    /// VirtualServices.
    pub virtual_services: Arc<View>,
    /// DestinationRules.
    pub destination_rules: Arc<View>,
    /// HTTPRoutes.
    pub http_routes: Arc<View>,
    /// Ingresses.
    pub ingresses: Arc<View>,
    /// Objects of the routers that hold lists of weights.
    pub weighted: Vec<Arc<View>>,
}

/// What all actors stand on.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) chance: Chance,
    pub(crate) views: Arc<Views>,
    pub(crate) images: Images,
}

/// A world that runs until it is dropped.
#[derive(Debug)]
pub struct World {
    views: Arc<Views>,
    images: Images,
    mesh: Mesh,
    prometheus: Prometheus,
    _actors: JoinSet<()>,
}

impl World {
    /// Starts every actor. Must be called inside a runtime.
    pub fn start(client: Client, clock: Clock, settings: Settings) -> World {
        let views = Arc::new(Views {
            pods: View::new(calls::POD),
            replica_sets: View::new(calls::REPLICA_SET),
            services: View::new(calls::SERVICE),
            slices: View::new(calls::ENDPOINT_SLICE),
            jobs: View::new(calls::JOB),
            virtual_services: View::new(calls::VIRTUAL_SERVICE),
            destination_rules: View::new(calls::DESTINATION_RULE),
            http_routes: View::new(calls::HTTP_ROUTE),
            ingresses: View::new(calls::INGRESS),
            weighted: mesh::weighted::WEIGHTED.iter().map(|lists| View::new(lists.kind)).collect(),
        });
        let images = Images::default();
        let chance = Chance::new(settings.seed);
        let ground = Ground {
            client: client.clone(),
            clock,
            settings,
            chance,
            views: Arc::clone(&views),
            images: images.clone(),
        };
        let mesh = Mesh::default();
        let prometheus = Prometheus::new(clock);
        let mut actors = JoinSet::new();
        let Views { pods, replica_sets, services, slices, jobs, virtual_services, destination_rules, .. } = &*views;
        let routes = [virtual_services, destination_rules, &views.http_routes, &views.ingresses];
        for view in [pods, replica_sets, services, slices, jobs].into_iter().chain(routes).chain(&views.weighted) {
            actors.spawn(Arc::clone(view).follow(client.clone()));
        }
        actors.spawn(live(ReplicaSets { ground: ground.clone() }, Alarm::on(&[replica_sets, pods])));
        actors.spawn(live(Kubelet::on(ground.clone()), Alarm::on(&[pods]).and(images.changes())));
        actors.spawn(live(EndpointSlices::on(ground.clone()), Alarm::on(&[services, pods, slices])));
        actors.spawn(live(Jobs { ground: ground.clone() }, Alarm::on(&[jobs, pods])));
        if settings.requests_per_second > 0 {
            actors.spawn(mesh::carry(ground, mesh.clone()));
            actors.spawn(prometheus::scrape(prometheus.clone(), mesh.clone()));
        }
        World { views, images, mesh, prometheus, _actors: actors }
    }

    /// Live copies of what is in the cluster.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// How images behave; may be changed at any time.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The data plane.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The metrics server.
    pub fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }
}
