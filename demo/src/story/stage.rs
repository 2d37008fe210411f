//! The stage of a story: it looks at regular times, prints a line when something has changed, and waits with a limit.

use crate::{
    error::DemoError,
    manifests::{self, HOME, NAMESPACE, Steps, Version},
    measured::Window,
    outcome::Outcome,
    screen::Screen,
    seen::Seen,
    watching::{Copies, Watching},
    world::World,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use sim::world::calls::text;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Who the server notes for what the story itself writes.
const FIELD_MANAGER: &str = "leadline-demo";
/// Lines that differ only in their words come no faster.
const BETWEEN_WORDS: Duration = Duration::from_millis(900);
/// A line comes at least this often.
const AT_LEAST: Duration = Duration::from_secs(3);

/// Where a story is played.
#[derive(Debug)]
pub(super) struct Stage<'a, W> {
    world: &'a mut W,
    screen: &'a mut Screen,
    watching: Watching,
    window: Window,
    started: Instant,
    weight: u64,
    printed: Option<(Instant, Seen)>,
}

impl<'a, W: World> Stage<'a, W> {
    /// Starts to watch.
    pub(super) async fn set(world: &'a mut W, screen: &'a mut Screen) -> Result<Self, DemoError> {
        let client = world.client();
        apply(&client, "", "v1", "Namespace", "namespaces", None, &json!({"metadata": {"name": HOME}})).await?;
        let watching = Watching::start(&client);
        let window = Window::default();
        Ok(Self { world, screen, watching, window, started: Instant::now(), weight: 0, printed: None })
    }

    /// Begins an act.
    pub(super) fn act(&mut self, title: &str) {
        self.screen.act(title);
        self.printed = None;
    }

    /// Pushes a version, and waits until that commit is synced. The first push brings the Application too.
    pub(super) async fn push(&mut self, version: Version, steps: Steps, limit: Duration) -> Result<(), DemoError> {
        let files = manifests::files(version, steps, &self.world.prometheus());
        let commit = self.world.push(&format!("{version}: image {}", version.image()), files).await?;
        let short: String = commit.chars().take(7).collect();
        self.did(&format!("git push: image {}, commit {short}", version.image()));
        if self.watching.copies().application().is_none() {
            self.create_application().await?;
        }
        let what = format!("commit {short} is synced");
        self.until(&what, limit, |seen| {
            seen.synced == commit && seen.sync_status == "Synced" && seen.wanted == version.name
        })
        .await?;
        Ok(())
    }

    async fn create_application(&self) -> Result<(), DemoError> {
        let text = manifests::application(&self.world.repository());
        let body: Value =
            serde_saphyr::from_str(&text).map_err(|error| DemoError::Unusable(format!("the Application: {error}")))?;
        apply(&self.world.client(), "argoproj.io", "v1alpha1", "Application", "applications", Some(HOME), &body).await
    }

    /// Waits until something is reached.
    pub(super) async fn until(
        &mut self,
        what: &str,
        limit: Duration,
        is_reached: impl Fn(&Seen) -> bool,
    ) -> Result<Seen, DemoError> {
        let begun = Instant::now();
        loop {
            let seen = self.look()?;
            if is_reached(&seen) {
                self.print(&seen);
                return Ok(seen);
            }
            if begun.elapsed() > limit {
                return Err(DemoError::Missed { what: what.to_owned(), limit, last: seen.to_string() });
            }
            sleep(self.world.tick()).await;
        }
    }

    /// Looks on for a while.
    pub(super) async fn look_on(&mut self, time: Duration) -> Result<(), DemoError> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look()?;
            sleep(self.world.tick()).await;
        }
        Ok(())
    }

    /// Looks once, and prints a line when it is due.
    fn look(&mut self) -> Result<Seen, DemoError> {
        if let Some(reason) = self.world.ended() {
            return Err(DemoError::ControllerEnded(reason));
        }
        let now = Instant::now();
        self.window.take(now, self.world.traffic());
        let mut copies = self.watching.copies();
        if copies.weight() != self.weight {
            self.weight = copies.weight();
            self.window.restart();
        }
        let seen = Seen::of(&copies, &self.window, self.world.why());
        // The first one was there at the last look.
        let passed: Vec<_> = copies.take_passed().into_iter().skip(1).collect();
        drop(copies);
        passed.into_iter().for_each(|passed| self.screen.row(self.started.elapsed(), &seen.at_weight(passed)));
        let is_due = match &self.printed {
            None => true,
            Some((at, printed)) => {
                let is_news = (&seen.step, seen.weight, &seen.phase) != (&printed.step, printed.weight, &printed.phase);
                let has_new_words = seen.why != printed.why && now.duration_since(*at) >= BETWEEN_WORDS;
                is_news || has_new_words || now.duration_since(*at) >= AT_LEAST
            }
        };
        if is_due {
            self.print(&seen);
        }
        Ok(seen)
    }

    /// Prints a moment, unless it was just printed.
    fn print(&mut self, seen: &Seen) {
        if self.printed.as_ref().is_none_or(|(_, printed)| printed != seen) {
            self.screen.row(self.started.elapsed(), seen);
            self.printed = Some((Instant::now(), seen.clone()));
        }
    }

    /// Tells what somebody did.
    pub(super) fn did(&mut self, text: &str) {
        self.screen.did(self.started.elapsed(), text);
    }

    /// Tells what is as promised.
    pub(super) fn good(&mut self, text: &str) {
        self.screen.good(self.started.elapsed(), text);
    }

    /// Tells what was found bad.
    pub(super) fn bad(&mut self, text: &str) {
        self.screen.bad(self.started.elapsed(), text);
    }

    /// Reads the live copies.
    pub(super) fn with_copies<T>(&self, read: impl FnOnce(&Copies) -> T) -> T {
        read(&self.watching.copies())
    }

    /// The cluster as the plugin sees it.
    pub(super) fn plugin(&self) -> kubectl::Cluster {
        kubectl::Cluster::new(self.world.client(), NAMESPACE)
    }

    /// The figures so far.
    pub(super) fn outcome(&mut self, failing: &str) -> Outcome {
        let reactions = self.with_copies(Copies::reactions);
        Outcome::of(&self.world.traffic(), failing, reactions, self.started.elapsed())
    }
}

/// Creates an object, or brings it to what is asked.
async fn apply(
    client: &Client,
    group: &str,
    version: &str,
    kind: &str,
    plural: &str,
    namespace: Option<&str>,
    body: &Value,
) -> Result<(), DemoError> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("apiVersion".into(), json!(resource.api_version));
        fields.insert("kind".into(), json!(kind));
    }
    let name = text(&body, "/metadata/name").to_owned();
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = api.patch(&name, &parameters, &Patch::Apply(&body)).await;
    applied.map(|_| ()).map_err(DemoError::cluster(format!("{kind} {name} cannot be applied")))
}
