//! Plays one storm: what was drawn happens, then everything is well again, the Rollout comes to rest, and a sound version
//! rolls through without a single lost request.

use crate::storm::{
    happening::{Happening, behaviours},
    setting::Setting,
    sky::Sky,
    watch::Watch,
};
use chrono::TimeDelta;
use controller::LeaseSettings;
use crds::kind;
use http::Request;
use serde_json::{Value, json};
use sim::{
    simulation::{Action, Look, Options, Simulation, runtime},
    world::{calls::text, images::Behaviour, prometheus::Health},
};
use std::{fmt::Write as _, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// How often the watch looks.
const TICK: Duration = Duration::from_millis(250);
/// Longer than every delay of a setting: nothing happens any more once it was quiet for so long.
const QUIET: TimeDelta = TimeDelta::seconds(40);
/// What was restored works again after this: longer than EndpointSlices and the mesh together are late.
const HEALING: Duration = Duration::from_secs(5);
/// A Rollout must have come to rest by then.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// No update has so many pauses that a person ends one by one.
const MOST_HOLDS: usize = 30;
/// The last lines of a transcript that are shown.
const SHOWN: usize = 70;
/// Versions that are well when the storm is over.
const SOUND_AT_THE_END: [&str; 3] = ["web:1", "web:2", "web:3"];
/// The version that ends a storm where none of those does.
const LAST: &str = "web:last";

impl Drop for Stage<'_> {
    /// The server holds the sky, which holds the server.
    fn drop(&mut self) {
        self.simulation.server().set_faults(None);
    }
}

/// Nothing is sent to the canary of an aborted update where the stable revision is back.
fn taken_back(look: &Look) -> Result<(), String> {
    let replicas = usize::try_from(look.rollout["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    let is_back = look.pods.0 >= replicas && look.rollout["spec"]["paused"] != true;
    match look.weight {
        Some(weight) if weight > 0 && look.is_aborted() && is_back => {
            Err(format!("it rests aborted with {weight} % at the canary"))
        }
        _ => Ok(()),
    }
}

fn image_of(object: &Value, spec: &str) -> String {
    text(object, &format!("{spec}/containers/0/image")).to_owned()
}

/// A storm that broke something.
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) transcript: String,
}

/// Plays a storm on virtual time.
pub(crate) fn play(setting: &Setting, story: &[(Duration, Happening)]) -> Result<(), Failure> {
    let runtime = runtime().expect("a runtime");
    runtime.block_on(async {
        let mut stage = Stage::new(setting);
        match stage.whole(story).await {
            Ok(()) => Ok(()),
            Err(what) => Err(Failure { what, transcript: stage.transcript() }),
        }
    })
}

struct Stage<'a> {
    setting: &'a Setting,
    simulation: Simulation,
    sky: Arc<Sky>,
    watch: Arc<Watch>,
    controllers: u64,
}

impl<'a> Stage<'a> {
    fn new(setting: &'a Setting) -> Stage<'a> {
        let mut options = Options::seeded(setting.seed);
        options.world = setting.world;
        if setting.has_leases {
            options.controller.lease = Some(LeaseSettings::new("one", "argo-rollouts"));
        }
        let simulation = Simulation::start(options);
        let watch = Arc::new(Watch::on(simulation.server().clone(), simulation.clock()));
        let sky = Arc::new(Sky::over(setting, Arc::clone(&watch)));
        simulation.server().set_faults(Some(Arc::clone(&sky) as Arc<_>));
        for (image, behaviour) in behaviours() {
            simulation.world().images().set(image, behaviour);
        }
        Stage { setting, simulation, sky, watch, controllers: 1 }
    }

    async fn whole(&mut self, story: &[(Duration, Happening)]) -> Result<(), String> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "argo-rollouts" } });
        for object in [&namespace].into_iter().chain(&self.setting.others).chain([&self.setting.rollout]) {
            self.simulation
                .apply(&object.to_string())
                .map_err(|refusal| format!("the setting is refused: {refusal}"))?;
        }
        self.live(Duration::from_secs(12)).await?;
        for (wait, happening) in story {
            self.live(*wait).await?;
            self.happens(happening).await;
        }
        self.live(Duration::from_secs(20)).await?;
        self.all_is_well().await;
        // A Service that comes back has endpoints only after a while, and the data plane hears of them later still.
        self.live(HEALING).await?;
        self.rest().await?;
        self.watch.excuse(self.watch.is_damaged());
        let last = self.last_version().await?;
        self.rest().await?;
        self.nothing_is_left(&last)
    }

    /// Time goes by.
    async fn live(&mut self, duration: Duration) -> Result<(), String> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            if timeout(TICK.min(end - Instant::now()), self.sky.dies.notified()).await.is_ok() {
                self.note("the controller dies at a write, another starts");
                self.restart();
            }
            self.watch.tick(self.simulation.world().mesh());
            let journal = self.simulation.journal();
            if let Some(wrong) = self.watch.wrong().or_else(|| journal.first_wrong()) {
                return Err(wrong);
            }
            if journal.has_reason("Rollout::Refused") {
                return Err("the controller's own audit refuses a plan".into());
            }
        }
        Ok(())
    }

    fn restart(&mut self) {
        self.simulation.kill_controllers();
        self.start("one");
    }

    fn start(&mut self, name: &str) {
        self.controllers += 1;
        let mut settings = Options::seeded(self.setting.seed).controller;
        if self.setting.has_leases {
            settings.lease = Some(LeaseSettings::new(format!("{name}-{}", self.controllers), "argo-rollouts"));
        }
        self.simulation.start_controller(settings);
    }

    fn note(&self, what: &str) {
        self.simulation.journal().note(&format!("-- {what}"));
    }

    async fn happens(&mut self, happening: &Happening) {
        self.note(&happening.to_string());
        if happening.is_damage() {
            self.watch.excuse(true);
        }
        match happening {
            Happening::User(action) => self.act(action).await,
            Happening::Mend => self.act(&Action::Patch(self.setting.mending())).await,
            Happening::Image(image, behaviour) => self.simulation.world().images().set(image, *behaviour),
            Happening::Weather(weather) => {
                self.sky.set(*weather);
                self.watch.weather(*weather);
            }
            Happening::DiesAtWrite { write, is_done } => self.sky.light_fuse(*write, *is_done),
            Happening::Dies => self.restart(),
            Happening::AnotherController => self.start("two"),
            Happening::CutWatches => self.simulation.server().cut_watches(),
            Happening::Prometheus(health) => self.simulation.world().prometheus().set_health(health.clone()),
            Happening::ForeignWeight(weight) => self.foreign_weight(*weight).await,
            Happening::Delete(kind, which) => self.delete(kind, *which).await,
            Happening::Restore => self.restore(),
        }
    }

    /// People may be refused: what they try is not always possible.
    async fn act(&self, action: &Action) {
        if let Err(failure) = self.simulation.act("default", "web", action).await {
            self.note(&format!("refused: {failure:?}"));
        }
    }

    async fn foreign_weight(&self, weight: u64) {
        let Some(found) = self.simulation.server().get("networking.istio.io/v1", "VirtualService", "default", "web")
        else {
            return;
        };
        let mut http = found["spec"]["http"].clone();
        http[0]["route"][0]["weight"] = (100 - weight).into();
        http[0]["route"][1]["weight"] = weight.into();
        let path = format!("{}/web?fieldManager=somebody", kind::VIRTUAL_SERVICE.path(Some("default")));
        let body = json!({ "spec": { "http": http } }).to_string();
        let request = Request::patch(path).header("content-type", "application/merge-patch+json");
        self.send(request.body(body.into_bytes()).expect("a request")).await;
    }

    async fn delete(&self, kind: &str, which: u64) {
        let kind = kind::ALL.iter().find(|known| known.kind == kind).expect("a kind that we know");
        let all = self.simulation.server().list(&kind.api_version(), kind.kind);
        let Some(turn) = which.checked_rem(all.len() as u64) else { return };
        let name = text(&all[usize::try_from(turn).expect("a small number")], "/metadata/name").to_owned();
        let path = format!("{}/{name}", kind.path(Some("default")));
        self.send(Request::delete(path).body(Vec::new()).expect("a request")).await;
    }

    async fn send(&self, request: Request<Vec<u8>>) {
        let answer: Result<Value, kube::Error> = self.simulation.server().client().request(request).await;
        if let Err(error) = answer {
            self.note(&format!("refused: {error}"));
        }
    }

    /// What is missing comes back as it was in the beginning.
    fn restore(&self) {
        for object in &self.setting.others {
            let (api, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
            if self.simulation.server().get(api, kind, "default", text(object, "/metadata/name")).is_none() {
                self.simulation.apply(&object.to_string()).expect("it was taken before");
            }
        }
    }

    /// Every fault ends.
    async fn all_is_well(&mut self) {
        self.note("the storm is over");
        self.sky.clear();
        self.watch.weather(None);
        self.simulation.world().prometheus().set_health(Health::Up);
        for image in ["web:1", "web:2"] {
            self.simulation.world().images().set(image, Behaviour::default());
        }
        self.restore();
        self.act(&Action::Patch(self.setting.mending())).await;
        let replicas = self.look().map_or(1, |look| look.rollout["spec"]["replicas"].as_i64().unwrap_or(1));
        if replicas == 0 {
            self.act(&Action::Patch(json!({ "spec": { "replicas": 2 } }))).await;
        }
    }

    fn look(&self) -> Option<Look> {
        self.simulation.look("default", "web")
    }

    /// Nothing moves any more, and the status says how it stands and why.
    async fn rest(&mut self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.live(TICK).await?;
            let is_said = self.look().is_some_and(|look| {
                let has_reason = look.phase() == "Healthy" || !look.message().is_empty();
                ["Healthy", "Paused", "Degraded"].contains(&look.phase()) && has_reason && look.is_observed()
            });
            if is_said && self.watch.quiet() > QUIET {
                return self.look().map_or(Ok(()), |look| taken_back(&look));
            }
        }
        let status = self.look().map(|look| look.rollout["status"].to_string()).unwrap_or_default();
        Err(format!("it does not come to rest; quiet for {:?}; {status}", self.watch.quiet()))
    }

    /// A sound version, and a person who lets it go on wherever it stops; its image.
    async fn last_version(&mut self) -> Result<String, String> {
        self.note("a sound version, and a person who goes on wherever it stops");
        self.act(&Action::Pause(false)).await;
        let image = self.look().map(|look| image_of(&look.rollout, "/spec/template/spec")).unwrap_or_default();
        let is_sound = SOUND_AT_THE_END.contains(&image.as_str());
        let image = if is_sound && !self.setting.ends_with_another { image } else { LAST.to_owned() };
        self.act(&Action::SetImage(image.clone())).await;
        let end = Instant::now() + PATIENCE;
        // What the canary before it answered may still be in the measured time, and take a sound version back.
        let mut retries = 0..3;
        let mut holds = 0..MOST_HOLDS;
        while Instant::now() < end {
            self.live(Duration::from_secs(1)).await?;
            let Some(look) = self.look().filter(Look::is_observed) else { continue };
            match look.phase() {
                "Healthy" if look.canary_hash().is_none() => return Ok(image),
                // A stable version that nobody can call good or bad is compared for ever.
                "Paused" if look.message() == "InconclusiveExperiment" => self.act(&Action::PromoteFull).await,
                // Neither is one that is bad for ever: an analysis beside it never decides.
                "Paused" if holds.next().is_none() => self.act(&Action::PromoteFull).await,
                "Paused" => self.act(&Action::Promote).await,
                "Degraded" if look.message().contains("Metric") => {
                    self.live(Duration::from_secs(20)).await?;
                    // Without a router the stable version is measured too: a bad one never lets a good one pass.
                    let is_hopeless = retries.next().is_none();
                    self.act(if is_hopeless { &Action::PromoteFull } else { &Action::Retry }).await;
                }
                // The storm took it back, and the person wants it after all. What finds no room beside a stable version that is
                // never ready goes on without it.
                "Degraded" => {
                    if look.is_aborted() {
                        self.act(&Action::Retry).await;
                    }
                    if look.message().contains("timed out progressing") {
                        self.act(&Action::PromoteFull).await;
                    }
                }
                _ => {}
            }
        }
        let status = self.look().map(|look| look.rollout["status"].to_string()).unwrap_or_default();
        Err(format!("the last version does not roll out: {status}"))
    }

    /// All pods are the last version's, and all traffic goes to the stable end.
    fn nothing_is_left(&self, last: &str) -> Result<(), String> {
        let Some(look) = self.look() else { return Err("the rollout is gone".into()) };
        let replicas = usize::try_from(look.rollout["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
        let pods = self.simulation.server().list("v1", "Pod");
        let old = pods.iter().filter(|pod| image_of(pod, "/spec") != last).count();
        if look.phase() != "Healthy" || look.pods != (replicas, 0) || old > 0 || look.weight.unwrap_or(0) != 0 {
            let (phase, pods, weight) = (look.phase(), look.pods, look.weight);
            return Err(format!("in the end: {phase}, pods {pods:?} of {replicas}, {old} old ones, weight {weight:?}"));
        }
        let open = |phase: &str| ["", "Pending", "Running"].contains(&phase);
        for kind in ["AnalysisRun", "Experiment"] {
            let all = self.simulation.server().list("argoproj.io/v1alpha1", kind);
            if let Some(one) = all.iter().find(|one| open(text(one, "/status/phase"))) {
                return Err(format!("{} still runs", text(one, "/metadata/name")));
            }
        }
        let services = self.simulation.server().list("v1", "Service");
        match services.iter().find(|service| text(service, "/metadata/ownerReferences/0/kind") == "Experiment") {
            Some(service) => Err(format!("Service {} still leads to nobody", text(service, "/metadata/name"))),
            None => Ok(()),
        }
    }

    fn transcript(&self) -> String {
        let lines = self.simulation.journal().lines();
        let mut text = String::new();
        for line in lines.iter().skip(lines.len().saturating_sub(SHOWN)) {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}
