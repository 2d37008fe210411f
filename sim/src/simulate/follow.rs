//! Follows the Rollout through its first version and one update, does what a person would do, and sees when it is over.
//!
//! It reads what any client can read. How far the update goes, and why not further, is the controller's matter.

use crate::{
    simulate::{Ending, Request, cast::Cast, measurements::Measurements},
    simulation::{Action, Look, Simulation},
    world::{
        calls::{controller_uid, list, number, text},
        images::{Behaviour, Readiness},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::time::Duration;

/// How soon it looks again after something happened; the longer nothing happens, the more seldom it looks.
const GLANCE: Duration = Duration::from_millis(100);
/// It looks at least this often.
const SELDOM: Duration = Duration::from_secs(1);
/// Nobody waits longer than this for an update.
const LONGEST: TimeDelta = TimeDelta::days(30);
/// An analysis beside a pause without end is listened to for so long while it has something to say.
const LISTENS: TimeDelta = TimeDelta::hours(1);
/// Pods of the former version, or of one that was taken back, are gone within this time, or kept for good.
const CLEARS: Duration = Duration::from_secs(3600);
/// A Rollout that is stuck gets so long after its pods should be ready.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// Somebody who looks on and helps along.
pub(crate) struct Follower<'a> {
    simulation: &'a Simulation,
    cast: &'a Cast,
    request: &'a Request,
    metrics: &'a Measurements,
}

/// An update that was played.
pub(crate) struct Played {
    /// The line of the journal that the story begins with: how the first version came up is told only if it did not.
    pub(crate) first: usize,
    /// From the new image to the ending; that old pods go later is not counted.
    pub(crate) took: TimeDelta,
    pub(crate) ending: Ending,
}

/// Since when things are as they are.
#[derive(Default, PartialEq)]
struct Since {
    degraded: Option<DateTime<Utc>>,
    paused: Option<DateTime<Utc>>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(
        simulation: &'a Simulation,
        cast: &'a Cast,
        request: &'a Request,
        metrics: &'a Measurements,
    ) -> Follower<'a> {
        Follower { simulation, cast, request, metrics }
    }

    /// Plays both versions.
    pub(crate) async fn play(&self) -> Played {
        let made = self.now();
        if let Some(ending) = self.until_healthy().await {
            return Played { first: 0, took: self.now() - made, ending };
        }
        let (first, begun) = (self.simulation.journal().lines().len(), self.now());
        let ending = match self.update(begun - made).await {
            Err(why) => Ending::Degraded(why),
            Ok(()) => self.until_healthy().await.unwrap_or(Ending::Promoted),
        };
        let took = self.now() - begun;
        if matches!(ending, Ending::Promoted | Ending::TakenBack(_)) {
            self.simulation.until(CLEARS, |_| self.look().is_none_or(|look| is_clear(&look))).await;
        }
        Played { first, took, ending }
    }

    fn now(&self) -> DateTime<Utc> {
        self.simulation.clock().now()
    }

    fn look_if(&self, is_worth_it: bool) -> Option<Look> {
        if is_worth_it { self.look() } else { None }
    }

    fn look(&self) -> Option<Look> {
        self.simulation.look(self.cast.namespace(), self.cast.name())
    }

    /// Sets another image, whose pods start as the person said.
    async fn update(&self, waited: TimeDelta) -> Result<(), String> {
        let look = self.look().ok_or("the Rollout is gone")?;
        let container = look.rollout.pointer("/spec/template/spec/containers/0").unwrap_or(&Value::Null);
        let (name, image) = (text(container, "/name"), text(container, "/image"));
        let (pods, secs) = (look.pods.0, waited.num_seconds());
        self.simulation.journal().note(&format!("{image} is healthy after {secs} s with {pods} pods"));
        let next = next_image(image);
        let behaviour = Behaviour { readiness: self.request.readiness, ..Behaviour::default() };
        self.simulation.world().images().set(&next, behaviour);
        self.act(&Action::SetImage(format!("{name}={next}"))).await
    }

    async fn act(&self, action: &Action) -> Result<(), String> {
        let acted = self.simulation.act(self.cast.namespace(), self.cast.name(), action).await;
        acted.map_err(|failure| format!("{action}: {failure}"))
    }

    /// Lets time pass until the newest version is the stable one, or something else ends the story.
    async fn until_healthy(&self) -> Option<Ending> {
        let begun = self.now();
        let mut since = Since::default();
        let mut passes = None;
        let mut glance = GLANCE;
        loop {
            let now = self.now();
            let wrong = self.simulation.journal().wrong();
            if !wrong.is_empty() {
                return Some(Ending::Defect(wrong));
            }
            // Without a pass of the controller nothing has changed but the time, and looking has its price.
            let known = passes.replace(self.simulation.journal().passes());
            glance = if known == passes { SELDOM.min(glance * 2) } else { GLANCE };
            let is_new = known != passes || since != Since::default();
            if let Some(look) = self.look_if(is_new).filter(Look::is_observed) {
                if look.phase() == "Healthy" && look.canary_hash().is_none() {
                    return None;
                }
                if let Some(ending) = self.judge(&look, &mut since, now).await {
                    return Some(ending);
                }
            }
            if now - begun > LONGEST {
                return Some(Ending::Waits(format!("for something else, {} days and longer", LONGEST.num_days())));
            }
            self.simulation.advance(glance).await;
        }
    }

    async fn judge(&self, look: &Look, since: &mut Since, now: DateTime<Utc>) -> Option<Ending> {
        let message = look.message().to_owned();
        let conditions = list(&look.rollout, "/status/conditions");
        if let Some(invalid) = conditions.iter().find(|one| is(one, "InvalidSpec")) {
            return Some(Ending::Invalid(text(invalid, "/message").to_owned()));
        }
        // Its ReplicaSet is refused, which no time mends.
        let refused = conditions.iter().find(|one| text(one, "/reason") == "ReplicaSetCreateError");
        let message = refused.map_or(message, |refused| text(refused, "/message").to_owned());
        match look.phase() {
            "Degraded" if look.is_aborted() => Some(Ending::TakenBack(message)),
            phase if phase == "Degraded" || refused.is_some() => {
                let patience = match self.request.readiness {
                    Some(Readiness::After(delay)) => GRACE + TimeDelta::from_std(delay).unwrap_or(LONGEST),
                    Some(Readiness::Never | Readiness::Crashes) | None => GRACE,
                };
                let begun = *since.degraded.get_or_insert(now);
                (now - begun > patience).then_some(Ending::Degraded(message))
            }
            "Paused" => {
                let why = endless(look)?;
                if self.request.promotes {
                    since.paused = None;
                    return self.act(&Action::Promote).await.err().map(Ending::Degraded);
                }
                let begun = *since.paused.get_or_insert(now);
                let listens = now - begun < LISTENS && self.has_news_to_come(look);
                (!listens).then_some(Ending::Waits(why))
            }
            _ => {
                *since = Since::default();
                None
            }
        }
    }

    /// Is something measured whose next value may end the pause?
    fn has_news_to_come(&self, look: &Look) -> bool {
        let uid = look.text("/metadata/uid");
        let runs = self.simulation.server().list("argoproj.io/v1alpha1", "AnalysisRun");
        let mut running =
            runs.iter().filter(|run| controller_uid(run) == uid && text(run, "/status/phase") == "Running");
        running.any(|run| list(run, "/spec/metrics").iter().any(|metric| self.may_speak(run, text(metric, "/name"))))
    }

    /// The last value repeats: once that is a good one, nothing new comes.
    fn may_speak(&self, run: &Value, metric: &str) -> bool {
        let result = list(run, "/status/metricResults").iter().find(|result| text(result, "/name") == metric);
        let Some(result) = result else { return true };
        let last = list(result, "/measurements").last().map(|one| text(one, "/phase")).unwrap_or_default();
        text(result, "/phase") == "Running" && (self.metrics.has_more(metric) || last != "Successful")
    }
}

fn is(condition: &Value, kind: &str) -> bool {
    text(condition, "/type") == kind && text(condition, "/status") == "True"
}

/// All pods are of the stable revision, and there are as many as there should be.
fn is_clear(look: &Look) -> bool {
    let wanted = look.rollout.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let all = look.rollout.pointer("/status/replicas").and_then(Value::as_u64).unwrap_or(0);
    look.pods.1 == 0 && all == wanted && u64::try_from(look.pods.0).is_ok_and(|count| count == wanted)
}

/// Why a pause ends only when somebody acts; nothing when time ends it.
fn endless(look: &Look) -> Option<String> {
    let promote = format!("`kubectl leadline promote {}`", look.text("/metadata/name"));
    if look.rollout.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Some(format!("since spec.paused is set, until {promote}"));
    }
    let pauses = list(&look.rollout, "/status/pauseConditions");
    if pauses.iter().any(|one| text(one, "/reason") == "InconclusiveAnalysisRun") {
        return Some(format!("since an analysis was inconclusive, until {promote} or abort"));
    }
    if let Some(blue_green) = look.rollout.pointer("/spec/strategy/blueGreen") {
        let is_by_hand = blue_green.pointer("/autoPromotionEnabled") == Some(&Value::Bool(false));
        return is_by_hand.then(|| format!("before the switch, `autoPromotionEnabled: false`, until {promote}"));
    }
    let index = number(&look.rollout, "/status/currentStepIndex");
    let steps = list(&look.rollout, "/spec/strategy/canary/steps");
    let step = usize::try_from(index).ok().and_then(|index| steps.get(index))?;
    let is_endless = step.get("pause").is_some() && step.pointer("/pause/duration").is_none();
    is_endless.then(|| format!("at step {} of {}, `pause: {{}}`, until {promote}", index + 1, steps.len()))
}

/// The same image under another tag.
fn next_image(image: &str) -> String {
    let named = image.split('@').next().unwrap_or(image);
    let after_path = named.rfind('/').map_or(0, |slash| slash + 1);
    let has_tag = named.get(after_path..).is_some_and(|last| last.contains(':'));
    if has_tag { format!("{named}-next") } else { format!("{named}:next") }
}

#[cfg(test)]
mod tests {
    use super::next_image;

    #[test]
    fn the_next_image_has_another_tag() {
        for (image, next) in [
            ("nginx:1.28", "nginx:1.28-next"),
            ("nginx", "nginx:next"),
            ("registry:5000/team/web", "registry:5000/team/web:next"),
            ("registry:5000/web:1", "registry:5000/web:1-next"),
            ("web@sha256:0123", "web:next"),
            ("web:1@sha256:0123", "web:1-next"),
        ] {
            assert_eq!(next_image(image), next, "{image}");
        }
    }
}
