//! Reasons of the rules for Rollouts: what they do, what they wait for and what they refuse.

use super::Share;
use chrono::{DateTime, Utc};
use thiserror::Error;

/// Why a Rollout moves or does not move.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RolloutReason {
    // What moves.
    /// The template was seen for the first time.
    #[error("revision {revision} is new")]
    NewRevision { revision: u64 },
    /// A template or step change starts the update over.
    #[error("the pod template or the steps changed")]
    UpdateStarted,
    /// `spec.replicas` was absent.
    #[error("spec.replicas is absent and means 1")]
    ReplicasDefaulted,
    /// The workload that the template is taken from was looked at.
    #[error("{workload} is at generation {generation}")]
    WorkloadSeen { workload: String, generation: String },
    /// The Rollout names no workload any more.
    #[error("the template is the rollout's own again")]
    WorkloadLeft,
    /// The workload that the template was taken from gives up pods.
    #[error("{workload} goes from {from} to {to} pods, as the rollout has its own")]
    WorkloadScaled { workload: String, from: i32, to: i32 },
    /// A ReplicaSet gets another size.
    #[error("{replica_set} goes from {from} to {to} pods")]
    Scaled { replica_set: String, from: i32, to: i32 },
    /// A ReplicaSet's bookkeeping annotation follows the Rollout.
    #[error("the annotations of {replica_set} follow the rollout")]
    Annotated { replica_set: String },
    /// A template, or a pod, gets the labels and annotations of its revision's role.
    #[error("{what} carries the labels and annotations of its role")]
    RoleTold { what: String },
    /// A Service is pointed at a revision.
    #[error("service {service} selects revision {hash}")]
    ServiceSwitched { service: String, hash: String },
    /// Something that selected a revision belongs to no Rollout any more.
    #[error("{what} selects no revision any more, since the rollout does not name it")]
    GivenBack { what: String },
    /// The action of an Ingress belongs to no Rollout any more.
    #[error("Ingress {ingress} sends all requests to one Service again, since the rollout does not name it")]
    ActionReset { ingress: String },
    /// Subsets are pointed at revisions.
    #[error("the subsets of DestinationRule {rule} select canary {canary} and stable {stable}")]
    SubsetsSwitched { rule: String, canary: String, stable: String },
    /// A virtual node is pointed at a revision, or at none.
    #[error("virtual node {node} knows {}", revision.as_ref().map_or_else(|| "no pods".to_owned(), |hash| format!("the pods of revision {hash}")))]
    NodeSwitched { node: String, revision: Option<String> },
    /// A route gets another weight.
    #[error("{kind} {name} sends {share} to the canary")]
    WeightSet { kind: String, name: String, share: Share },
    /// Routes that steps set are added, changed or taken away.
    #[error("{kind} {name} {}", if routes.is_empty() { "loses the routes that steps set".to_owned() } else { format!("gets the routes that steps set: {}", routes.join(", ")) })]
    RoutesSet { kind: String, name: String, routes: Vec<String> },
    /// What an object holds beside its weights is as it should be again.
    #[error("{kind} {name} is brought in line")]
    BroughtInLine { kind: String, name: String },
    /// A step is over.
    #[error("step {step} of {of} is complete ({what})")]
    StepCompleted { step: usize, of: usize, what: String },
    /// A pause begins.
    #[error("a pause begins ({reason})")]
    PauseStarted { reason: String },
    /// The whole update is done.
    #[error("revision {revision} is stable now: {why}")]
    Promoted { revision: u64, why: String },
    /// The update is taken back.
    #[error("the update is aborted{}", why.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    Aborted { why: Option<String> },
    /// An AnalysisRun's name is recorded, then the run is created.
    #[error("analysis run {run} judges this revision")]
    RunStarted { run: String },
    /// An AnalysisRun is no longer needed.
    #[error("analysis run {run} is no longer needed")]
    RunEnded { run: String },
    /// A template of an Experiment gets its pods.
    #[error("{replica_set} runs template {template}")]
    TemplateStarted { template: String, replica_set: String },
    /// A template of an Experiment gets its Service.
    #[error("service {service} leads to template {template}")]
    TemplateServed { template: String, service: String },
    /// A Service of an Experiment has no pods any more.
    #[error("service {service} leads to nobody any more")]
    ServiceRemoved { service: String },
    /// An Experiment begins, goes on or ends.
    #[error("the experiment is {phase}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    ExperimentMoved { phase: String, message: String },
    /// An Experiment's name is recorded, then the Experiment is created.
    #[error("experiment {experiment} compares revisions")]
    ExperimentStarted { experiment: String },
    /// An Experiment is no longer needed.
    #[error("experiment {experiment} is no longer needed")]
    ExperimentEnded { experiment: String },
    /// A pod that is older than the restart that somebody asked for.
    #[error("pod {pod} is older than the restart of {}", at.format("%H:%M:%S"))]
    PodRestarted { pod: String, at: DateTime<Utc> },
    /// No pod is older than the restart any more.
    #[error("all pods are newer than the restart of {}", at.format("%H:%M:%S"))]
    Restarted { at: DateTime<Utc> },
    /// An object beyond the history limit goes.
    #[error("{name} is beyond the history limit")]
    HistoryTrimmed { name: String },
    /// Status follows what is observed.
    #[error("status follows what is observed")]
    Reported,

    // What is waited for.
    /// A pause holds until a client acts or time passes.
    #[error("paused ({reason}) until somebody promotes")]
    Paused { reason: String },
    /// A timed pause.
    #[error("paused until {}", until.format("%H:%M:%S"))]
    PausedUntil { until: DateTime<Utc> },
    /// The user paused the whole rollout.
    #[error("paused by spec.paused")]
    PausedByUser,
    /// Pods are not available yet.
    #[error("{have} of {want} pods of {replica_set} are available")]
    PodsNotReady { replica_set: String, want: i32, have: i32 },
    /// Endpoints are behind the pods.
    #[error("service {service} shows {have} of {want} ready endpoints of revision {hash}")]
    EndpointsNotReady { service: String, hash: String, want: usize, have: usize },
    /// Traffic still flows to what is to be changed.
    #[error("{what} still carries traffic")]
    StillCarriesTraffic { what: String },
    /// Pods stay for a while after their traffic went.
    #[error("{replica_set} keeps its pods until {}", until.format("%H:%M:%S"))]
    Draining { replica_set: String, until: DateTime<Utc> },
    /// An AnalysisRun has not ended; without a phase it has not begun.
    #[error("analysis run {run} {}", if phase.is_empty() { "has not begun".to_owned() } else { format!("is {phase}") })]
    RunUnfinished { run: String, phase: String },
    /// A step's Experiment has not ended; without a phase it has not begun.
    #[error("experiment {experiment} {}", if phase.is_empty() { "has not begun".to_owned() } else { format!("is {phase}") })]
    ExperimentUnfinished { experiment: String, phase: String },
    /// The Experiment of a step gets its share once proxies have heard of its pods.
    #[error("the experiment gets its share at {}, when proxies have heard of its pods", until.format("%H:%M:%S"))]
    ShareComes { until: DateTime<Utc> },
    /// An Experiment goes on for so long.
    #[error("the experiment lasts until {}", until.format("%H:%M:%S"))]
    LastsUntil { until: DateTime<Utc> },
    /// An Experiment goes on without an end.
    #[error("the experiment lasts until somebody, or an analysis, ends it")]
    LastsUntilEnded,
    /// Old pods must go first.
    #[error("{count} pods of older revisions are still there")]
    OldPodsRemain { count: i32 },
    /// A restart goes on as new pods become available.
    #[error("pods still to be restarted: {count}; {available} are available, {fewest} must be")]
    RestartHeld { count: usize, available: i32, fewest: i32 },
    /// A restart lies ahead.
    #[error("the pods are restarted at {}", at.format("%H:%M:%S"))]
    RestartAhead { at: DateTime<Utc> },
    /// An aborted rollout stays until someone acts.
    #[error("aborted: retry, or set another template")]
    StaysAborted,

    // What is refused.
    /// The spec is invalid.
    #[error("the spec is invalid: {message}")]
    InvalidSpec { message: String },
    /// An object of a router is missing.
    #[error("{kind} `{name}` not found")]
    RoutedNotFound { kind: String, name: String },
    /// The workload that the template is to be taken from is missing.
    #[error("{kind} {name}, which has the pod template, is not there")]
    WorkloadNotFound { kind: String, name: String },
    /// Objects of a router's kind cannot be read at all.
    #[error("{kind} {name}: {why}")]
    KindClosed { kind: String, name: String, why: String },
    /// Somebody else changed a weight.
    #[error("{who} set the weight in {kind} {name} to {found}, it is set to {share} again")]
    ForeignWeight { kind: String, name: String, who: String, found: Share, share: Share },
    /// The API server refused a write; the reason is that of the Event.
    #[error("{message}")]
    WriteRefused { reason: &'static str, message: String },
    /// The plan would have broken an invariant.
    #[error("refused, since it breaks an invariant: {invariant}")]
    Refused { invariant: String },
}
