//! A whole cluster in one process: the API server, the world around it, and the controller's own loop on one clock.
//!
//! On a paused runtime ([`runtime`]) an hour passes in milliseconds and no socket is opened. Everything that happens is
//! written down in a [`Journal`]: a transcript for people, what broke an invariant, and which reasons were given.

mod audit;
mod deserted;
mod journal;
mod look;
mod user;

pub use deserted::{Deserted, NEWS};
pub use journal::{Journal, Line, News};
pub use look::{Look, Routing, words_of_step};
pub use user::{Action, Failure};

use crate::{
    clock::Clock,
    server::{Server, refusal::Refusal},
    world::{self, World, definitions},
};
use chrono::{DateTime, TimeZone, Utc};
use controller::{
    Controller, Settings as ControllerSettings,
    ask::{Answerer, Answerers},
};
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask};
use std::{
    fmt, io,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
    time::{Instant, sleep},
};

/// How often a wait looks whether it is over.
const GLANCE: Duration = Duration::from_millis(50);

/// What the controller's requests name as their sender.
pub const AGENT: &str = "leadline";
/// A program that ended is started again after this long.
const RESTARTED_AFTER: Duration = Duration::from_secs(1);

/// A runtime whose time is virtual: it jumps to the next timer whenever nothing is left to do.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().start_paused(true).build()
}

/// The time at which every simulation begins, on any machine.
pub fn beginning() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2030, 1, 1, 12, 0, 0).single().unwrap_or(DateTime::UNIX_EPOCH)
}

/// What a simulation is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// How the world behaves.
    pub world: world::Settings,
    /// How the controller is set.
    pub controller: ControllerSettings,
    /// Who answers metrics instead of the world's Prometheus.
    pub metrics: Option<Arc<dyn Answerer>>,
    /// Who answers questions about Git.
    pub git: Arc<dyn Answerer>,
}

impl Options {
    /// The usual world with this seed.
    pub fn seeded(seed: u64) -> Options {
        let controller = ControllerSettings {
            prometheus_address: Some("http://prometheus.monitoring:9090".into()),
            packs_objects: false,
            ..ControllerSettings::default()
        };
        Options {
            world: world::Settings { seed, ..world::Settings::default() },
            controller,
            metrics: None,
            git: Arc::new(NoGit),
        }
    }
}

/// A cluster and a controller that run until they are dropped.
pub struct Simulation {
    server: Server,
    clock: Clock,
    world: Arc<World>,
    journal: Arc<Journal>,
    options: Options,
    controllers: Vec<JoinHandle<()>>,
    sampler: JoinHandle<()>,
}

impl Simulation {
    /// Starts everything. Must be called inside a runtime; time is virtual when that is paused.
    pub fn start(options: Options) -> Simulation {
        let clock = Clock::starting_at(beginning());
        // Reading the definitions takes longer than many a story.
        static WITH_DEFINITIONS: OnceLock<Server> = OnceLock::new();
        let server = WITH_DEFINITIONS.get_or_init(|| Server::new(clock, &definitions())).copy(clock);
        let world = Arc::new(World::start(server.client(), clock, options.world));
        let journal = Arc::new(Journal::new(server.clone(), Arc::clone(&world), clock));
        let sampler = tokio::spawn(journal::sample(Arc::clone(&journal), options.world.requests_per_second));
        let mut simulation = Simulation { server, clock, world, journal, options, controllers: Vec::new(), sampler };
        simulation.start_controller(simulation.options.controller.clone());
        simulation
    }

    /// The API server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What lives around the server.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What was written down.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The namespace that the controller runs in, where Applications are.
    pub fn own_namespace(&self) -> String {
        self.options.controller.own_namespace.clone()
    }

    /// How a Rollout stands, as the server holds it.
    pub fn look(&self, namespace: &str, name: &str) -> Option<Look> {
        Look::at(&self.server, namespace, name)
    }

    /// Applies manifests.
    pub fn apply(&self, yaml: &str) -> Result<(), Refusal> {
        self.server.apply_yaml(yaml).map(|_| ())
    }

    /// Lets a user act on a Rollout.
    pub async fn act(&self, namespace: &str, name: &str, action: &Action) -> Result<(), Failure> {
        self.journal.note(&format!("USER {name}: {action}"));
        user::act(&self.server.client(), namespace, name, action).await
    }

    /// Lets time pass.
    pub async fn advance(&self, duration: Duration) {
        sleep(duration).await;
    }

    /// Lets time pass until something holds; false when it does not within the limit.
    pub async fn until(&self, limit: Duration, mut holds: impl FnMut(&Simulation) -> bool) -> bool {
        let end = Instant::now() + limit;
        loop {
            if holds(self) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep(GLANCE).await;
        }
    }

    /// Ends the controller at whatever point it is, as a crash does, and starts another.
    pub fn crash_controller(&mut self) {
        self.kill_controllers();
        self.start_controller(self.options.controller.clone());
    }

    /// Ends every controller at whatever point it is.
    pub fn kill_controllers(&mut self) {
        self.controllers.drain(..).for_each(|controller| controller.abort());
    }

    /// Starts a controller beside those that run. One that loses its leases ends, and is started again.
    pub fn start_controller(&mut self, settings: ControllerSettings) {
        let metrics: Arc<dyn Answerer> = match &self.options.metrics {
            Some(given) => Arc::clone(given),
            None => Arc::new(self.world.prometheus().clone()),
        };
        let answerers = Answerers { metrics, git: Arc::clone(&self.options.git) };
        let (server, journal) = (self.server.clone(), Arc::clone(&self.journal));
        self.controllers.push(tokio::spawn(async move {
            loop {
                let clock = controller::Clock::starting_at(journal.now());
                let client = server.client_of(AGENT);
                let controller = Controller::new(client, clock, settings.clone(), answerers.clone());
                let witness = Arc::clone(&journal) as Arc<dyn controller::Witness>;
                match controller.witnessed_by(witness).run(journal.spinning()).await {
                    Ok(()) => return,
                    Err(lost) => tracing::debug!(%lost, "the controller ended"),
                }
                sleep(RESTARTED_AFTER).await;
            }
        }));
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.kill_controllers();
        self.sampler.abort();
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Simulation").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Knows no repository.
#[derive(Debug)]
struct NoGit;

impl Answerer for NoGit {
    fn answer(&self, _: Ask) -> BoxFuture<'static, Answer> {
        async { Answer::Git(Err("this simulation has no Git".into())) }.boxed()
    }
}
