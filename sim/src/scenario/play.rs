//! Plays a scenario: builds its cluster, does what the story says, and stops at the first thing that does not hold.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use serde_json::Value;

use crate::scenario::{Change, Scenario, Step, Unreadable};
use crate::server::call::{Call, Verb};
use crate::server::faults::{Faults, Verdict};
use crate::server::refusal::Refusal;
use crate::simulation::{Action, Failure, Options, Simulation};
use crate::world::calls::text;
use crate::world::prometheus::Health;

/// A wait that names no limit.
const PATIENCE: Duration = Duration::from_secs(180);

/// A story that was told.
#[derive(Clone, Debug)]
pub struct Played {
    /// The transcript, with how it ended.
    pub transcript: String,
    /// The names of all reasons that were given.
    pub reasons: BTreeSet<String>,
}

/// A story that did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Its files cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A file is missing.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The server refused one of its objects.
    #[error("the server refuses an object: {0}")]
    Refused(Refusal),
    /// A user's action failed.
    #[error("step {0}: {1:?}")]
    Action(usize, Failure),
    /// A request failed.
    #[error("step {0}: {1}")]
    Request(usize, kube::Error),
    /// There is no such kind of object.
    #[error("step {0}: {1} is no object")]
    Unknown(usize, String),
    /// Something did not hold.
    #[error("step {step}: {what}\n{transcript}")]
    Unmet {
        /// The step, counted from 1.
        step: usize,
        /// What did not hold.
        what: String,
        /// What happened so far.
        transcript: String,
    },
    /// An invariant was broken.
    #[error("an invariant is broken: {what}\n{transcript}")]
    Wrong {
        /// Which, and when.
        what: String,
        /// What happened.
        transcript: String,
    },
}

/// Plays a scenario whose included files are in this folder. Must be called on a paused runtime.
pub async fn play(scenario: &Scenario, folder: &Path) -> Result<Played, Broken> {
    let mut simulation = Simulation::start(Options::seeded(scenario.seed));
    for name in &scenario.include {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| Broken::File(path.display().to_string(), error))?;
        simulation.apply(&text).map_err(Broken::Refused)?;
    }
    for object in &scenario.objects {
        simulation.apply(&object.to_string()).map_err(Broken::Refused)?;
    }
    for (index, step) in scenario.story.iter().enumerate() {
        perform(&mut simulation, scenario, index + 1, step).await?;
    }
    let mut transcript = simulation.journal().transcript();
    let counts = simulation.world().mesh().counts();
    let phase = simulation.look("default", &scenario.rollout).map(|look| look.phase().to_owned()).unwrap_or_default();
    let _ = writeln!(transcript, "ends {phase}; {} requests lost", counts.lost_requests);
    if let Some(what) = simulation.journal().wrong().first().cloned() {
        return Err(Broken::Wrong { what, transcript });
    }
    Ok(Played { transcript, reasons: simulation.journal().reasons() })
}

async fn perform(simulation: &mut Simulation, scenario: &Scenario, number: usize, step: &Step) -> Result<(), Broken> {
    let action = match step {
        Step::Wait(check) => {
            let limit = check.limit.unwrap_or(PATIENCE);
            let name = &scenario.rollout;
            if !simulation.until(limit, |simulation| check.unmet(simulation, name).is_empty()).await {
                return Err(unmet(simulation, number, check.unmet(simulation, name)));
            }
            return Ok(());
        }
        Step::Expect(check) => {
            let found = check.unmet(simulation, &scenario.rollout);
            return if found.is_empty() { Ok(()) } else { Err(unmet(simulation, number, found)) };
        }
        Step::Advance(duration) => {
            simulation.advance(*duration).await;
            return Ok(());
        }
        Step::Change(change) => return patch(simulation, number, change).await,
        Step::Delete(object) => return delete(simulation, number, object).await,
        Step::Apply(object) => {
            note(simulation, &format!("applies {} {}", text(object, "/kind"), text(object, "/metadata/name")));
            return simulation.apply(&object.to_string()).map_err(Broken::Refused);
        }
        Step::Behaviour(behaves) => {
            note(simulation, &format!("{} behaves differently", behaves.image));
            simulation.world().images().set(&behaves.image, behaves.behaviour());
            return Ok(());
        }
        Step::Prometheus(how) => {
            note(simulation, &format!("Prometheus: {how}"));
            simulation.world().prometheus().set_health(health(how));
            return Ok(());
        }
        Step::CrashController => {
            note(simulation, "the controller dies, another starts");
            simulation.crash_controller();
            return Ok(());
        }
        Step::CutWatches => {
            note(simulation, "the API server drops all watches");
            simulation.server().cut_watches();
            return Ok(());
        }
        Step::Forbid(plural) => {
            note(simulation, &format!("forbids writes to {plural}"));
            simulation.server().set_faults(Some(Arc::new(forbidden(plural.clone()))));
            return Ok(());
        }
        Step::Allow => {
            note(simulation, "allows every write again");
            simulation.server().set_faults(None);
            return Ok(());
        }
        Step::SetImage(image) => Action::SetImage(image.clone()),
        Step::Promote => Action::Promote,
        Step::PromoteFull => Action::PromoteFull,
        Step::Abort => Action::Abort,
        Step::Retry => Action::Retry,
        Step::Pause => Action::Pause(true),
        Step::Resume => Action::Pause(false),
        Step::Patch(patch) => Action::Patch(patch.clone()),
    };
    simulation.act("default", &scenario.rollout, &action).await.map_err(|error| Broken::Action(number, error))
}

/// Refuses every write to objects of this kind.
fn forbidden(plural: String) -> impl Faults {
    move |call: &Call| {
        let is_write = !matches!(call.verb, Verb::Get | Verb::List | Verb::Watch);
        if is_write && call.resource == plural { Verdict::Refuse(403) } else { Verdict::Pass }
    }
}

fn note(simulation: &Simulation, what: &str) {
    simulation.journal().note(&format!("USER {what}"));
}

fn unmet(simulation: &Simulation, step: usize, what: Vec<String>) -> Broken {
    let mut what = what;
    what.extend(simulation.journal().wrong());
    Broken::Unmet { step, what: what.join("; "), transcript: simulation.journal().transcript() }
}

fn health(how: &str) -> Health {
    match how {
        "up" => Health::Up,
        "down" => Health::Down,
        "hangs" => Health::Hangs,
        text => match text.parse() {
            Ok(status) => Health::Says(status, "Internal Server Error".into()),
            Err(_) => Health::Says(200, text.to_owned()),
        },
    }
}

/// Where the objects of a kind live that stories change.
const PATHS: [(&str, &str, &str); 7] = [
    ("rollout", "/apis/argoproj.io/v1alpha1", "rollouts"),
    ("analysistemplate", "/apis/argoproj.io/v1alpha1", "analysistemplates"),
    ("virtualservice", "/apis/networking.istio.io/v1", "virtualservices"),
    ("destinationrule", "/apis/networking.istio.io/v1", "destinationrules"),
    ("service", "/api/v1", "services"),
    ("replicaset", "/apis/apps/v1", "replicasets"),
    ("pod", "/api/v1", "pods"),
];

fn path(step: usize, object: &str) -> Result<String, Broken> {
    let unknown = || Broken::Unknown(step, object.to_owned());
    let (kind, name) = object.split_once('/').ok_or_else(unknown)?;
    let (_, root, plural) = PATHS.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(kind)).ok_or_else(unknown)?;
    Ok(format!("{root}/namespaces/default/{plural}/{name}"))
}

async fn patch(simulation: &Simulation, step: usize, change: &Change) -> Result<(), Broken> {
    note(simulation, &format!("changes {}", change.object));
    let manager = change.manager.as_deref().unwrap_or("kubectl-edit");
    let uri = format!("{}?fieldManager={manager}", path(step, &change.object)?);
    let request = Request::patch(uri).header("content-type", "application/merge-patch+json");
    send(simulation, step, request.body(change.patch.to_string().into_bytes())).await
}

async fn delete(simulation: &Simulation, step: usize, object: &str) -> Result<(), Broken> {
    note(simulation, &format!("deletes {object}"));
    send(simulation, step, Request::delete(path(step, object)?).body(Vec::new())).await
}

async fn send(
    simulation: &Simulation,
    step: usize,
    request: Result<Request<Vec<u8>>, http::Error>,
) -> Result<(), Broken> {
    let request = request.map_err(|error| Broken::Request(step, kube::Error::HttpError(error)))?;
    let answer: Result<Value, kube::Error> = simulation.server().client().request(request).await;
    answer.map(|_| ()).map_err(|error| Broken::Request(step, error))
}
