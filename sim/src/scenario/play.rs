//! Plays a scenario: builds its cluster, does what the story says, and stops at the first thing that does not hold.

use crate::{
    scenario::{
        Change, Scenario, Step, Unreadable,
        source::{self, Source},
    },
    server::{
        call::{Call, Verb},
        faults::{Faults, Verdict},
        refusal::Refusal,
    },
    simulation::{Action, Failure, Options, Simulation},
    world::{calls::text, prometheus::Health},
};
use crds::kind;
use http::Request;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _, path::Path, sync::Arc, time::Duration};

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
    /// The Git repository cannot be made or changed.
    #[error("the repository: {0}")]
    Git(std::io::Error),
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
    let mut options = Options::seeded(scenario.seed);
    let documents = documents(scenario, folder)?;
    let source = if documents.iter().any(|text| source::is_named(text)) {
        Some(Source::create().map_err(Broken::Git)?)
    } else {
        None
    };
    if let Some(source) = &source {
        source.join(&mut options);
    }
    let mut stage = Stage { simulation: Simulation::start(options), source };
    documents.iter().try_for_each(|text| stage.apply(text))?;
    for (index, step) in scenario.story.iter().enumerate() {
        stage.perform(scenario, index + 1, step).await?;
    }
    let simulation = &stage.simulation;
    let mut transcript = stage.transcript();
    let counts = simulation.world().mesh().counts();
    let phase = simulation.look("default", &scenario.rollout).map(|look| look.phase().to_owned()).unwrap_or_default();
    let _ = writeln!(transcript, "ends {phase}; {} requests lost", counts.lost_requests);
    if let Some(what) = simulation.journal().wrong().first().cloned() {
        return Err(Broken::Wrong { what, transcript });
    }
    Ok(Played { transcript, reasons: simulation.journal().reasons() })
}

/// What is in the cluster before the story begins.
fn documents(scenario: &Scenario, folder: &Path) -> Result<Vec<String>, Broken> {
    let read = |name: &String| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|error| Broken::File(path.display().to_string(), error))
    };
    let included: Result<Vec<String>, Broken> = scenario.include.iter().map(read).collect();
    Ok(included?.into_iter().chain(scenario.objects.iter().map(Value::to_string)).collect())
}

/// Where a story is played.
struct Stage {
    simulation: Simulation,
    source: Option<Source>,
}

impl Stage {
    fn apply(&self, text: &str) -> Result<(), Broken> {
        let placed = self.source.as_ref().map(|source| source.placed(text));
        self.simulation.apply(placed.as_deref().unwrap_or(text)).map_err(Broken::Refused)
    }

    fn transcript(&self) -> String {
        let transcript = self.simulation.journal().transcript();
        self.source.as_ref().map_or_else(|| transcript.clone(), |source| source.told(&transcript))
    }

    fn source(&self, step: usize) -> Result<&Source, Broken> {
        self.source.as_ref().ok_or_else(|| Broken::Unknown(step, "a Git repository".into()))
    }

    async fn perform(&mut self, scenario: &Scenario, number: usize, step: &Step) -> Result<(), Broken> {
        let simulation = &mut self.simulation;
        match step {
            Step::Wait(check) => {
                let limit = check.limit.unwrap_or(PATIENCE);
                let name = &scenario.rollout;
                if !simulation.until(limit, |simulation| check.unmet(simulation, name).is_empty()).await {
                    return Err(self.unmet(number, check.unmet(&self.simulation, name)));
                }
            }
            Step::Expect(check) => {
                let found = check.unmet(simulation, &scenario.rollout);
                return if found.is_empty() { Ok(()) } else { Err(self.unmet(number, found)) };
            }
            Step::Advance(duration) => simulation.advance(*duration).await,
            Step::Change(change) => return patch(simulation, number, change).await,
            Step::Delete(object) => return delete(simulation, number, object).await,
            Step::Apply(object) => {
                note(simulation, &format!("applies {} {}", text(object, "/kind"), text(object, "/metadata/name")));
                return self.apply(&object.to_string());
            }
            other => {
                let Some(action) = action_of(other) else { return self.change_world(number, other) };
                let done = simulation.act("default", &scenario.rollout, &action).await;
                return done.map_err(|error| Broken::Action(number, error));
            }
        }
        Ok(())
    }

    /// What happens around the Rollout. Steps of other sorts change nothing here.
    fn change_world(&mut self, number: usize, step: &Step) -> Result<(), Broken> {
        let simulation = &mut self.simulation;
        match step {
            Step::Behaviour(behaves) => {
                note(simulation, &format!("{} behaves differently", behaves.image));
                simulation.world().images().set(&behaves.image, behaves.behaviour());
            }
            Step::Prometheus(how) => {
                note(simulation, &format!("Prometheus: {how}"));
                simulation.world().prometheus().set_health(health(how));
            }
            Step::Commit(commit) => {
                note(simulation, &format!("commits: {}", commit.message));
                return self.source(number)?.commit(commit).map_err(Broken::Git);
            }
            Step::Git(how) => {
                note(simulation, &format!("Git: {how}"));
                return self.source(number)?.set_reachable(how == "up").map_err(Broken::Git);
            }
            Step::CrashController => {
                note(simulation, "the controller dies, another starts");
                simulation.crash_controller();
            }
            Step::CutWatches => {
                note(simulation, "the API server drops all watches");
                simulation.server().cut_watches();
            }
            Step::Forbid(plural) => {
                note(simulation, &format!("forbids writes to {plural}"));
                simulation.server().set_faults(Some(Arc::new(forbidden(plural.clone()))));
            }
            Step::Allow => {
                note(simulation, "allows every write again");
                simulation.server().set_faults(None);
            }
            _ => {}
        }
        Ok(())
    }

    fn unmet(&self, step: usize, what: Vec<String>) -> Broken {
        let mut what = what;
        what.extend(self.simulation.journal().wrong());
        Broken::Unmet { step, what: what.join("; "), transcript: self.transcript() }
    }
}

/// What a user does to the Rollout.
fn action_of(step: &Step) -> Option<Action> {
    Some(match step {
        Step::SetImage(image) => Action::SetImage(image.clone()),
        Step::Promote => Action::Promote,
        Step::PromoteFull => Action::PromoteFull,
        Step::Abort => Action::Abort,
        Step::Retry => Action::Retry,
        Step::Pause => Action::Pause(true),
        Step::Resume => Action::Pause(false),
        Step::Patch(patch) => Action::Patch(patch.clone()),
        _ => return None,
    })
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

fn path(simulation: &Simulation, step: usize, object: &str) -> Result<String, Broken> {
    let unknown = || Broken::Unknown(step, object.to_owned());
    let (kind, name) = object.split_once('/').ok_or_else(unknown)?;
    let kind = kind::ALL.iter().find(|known| known.kind.eq_ignore_ascii_case(kind)).ok_or_else(unknown)?;
    let own = simulation.own_namespace();
    let namespace = if *kind == kind::APPLICATION { &own } else { "default" };
    Ok(format!("{}/{name}", kind.path(Some(namespace))))
}

async fn patch(simulation: &Simulation, step: usize, change: &Change) -> Result<(), Broken> {
    note(simulation, &format!("changes {}", change.object));
    let manager = change.manager.as_deref().unwrap_or("kubectl-edit");
    let uri = format!("{}?fieldManager={manager}", path(simulation, step, &change.object)?);
    let request = Request::patch(uri).header("content-type", "application/merge-patch+json");
    send(simulation, step, request.body(change.patch.to_string().into_bytes())).await
}

async fn delete(simulation: &Simulation, step: usize, object: &str) -> Result<(), Broken> {
    note(simulation, &format!("deletes {object}"));
    send(simulation, step, Request::delete(path(simulation, step, object)?).body(Vec::new())).await
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
