//! Parses an Application's spec, or the sync that somebody asked for, into what the rules can carry out.
//!
//! A known field that nothing here acts on is refused by its path, never ignored; unknown fields never arrive. An error
//! touches nothing but the status.

mod options;
mod retry;

pub use options::{Options, ResourceOptions};
pub use retry::Retry;

use crds::{
    Application,
    application::{ApplicationDestination, ApplicationSource, Operation, OperationResource, RetryStrategy, SyncPolicy},
};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

/// How many former syncs are remembered when nobody says.
const DEFAULT_HISTORY_LIMIT: usize = 10;
/// The cluster that the controller runs in, as an address and as a name.
const THIS_CLUSTER: &str = "https://kubernetes.default.svc";
const THIS_CLUSTER_NAME: &str = "in-cluster";

/// Why a spec cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecError {
    /// A known field that nothing here acts on.
    #[error("{path}: Forbidden: not supported by this version")]
    Unsupported {
        /// Where.
        path: String,
    },
    /// A field with a value that means nothing.
    #[error("{path}: Invalid value: {problem}")]
    Invalid {
        /// Where.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A field that must be there.
    #[error("{path}: Required value{}", if why.is_empty() { String::new() } else { format!(": {why}") })]
    Missing {
        /// Where.
        path: String,
        /// What for.
        why: String,
    },
}

/// All that is wrong, in one text.
pub fn sentences(errors: &[SpecError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What changes the cluster without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Automated {
    /// Delete what Git no longer has.
    pub prune: bool,
    /// Undo what others changed.
    pub self_heal: bool,
    /// Delete everything when Git has nothing.
    pub allow_empty: bool,
}

/// A spec that can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The one source, as the user wrote it.
    pub source: ApplicationSource,
    /// Whether the user wrote it as `sources` with one element.
    pub is_listed: bool,
    /// Where manifests go.
    pub destination: ApplicationDestination,
    /// Namespace for manifests that name none; empty when the user names none either.
    pub namespace: String,
    /// Automated sync, where it is on.
    pub automated: Option<Automated>,
    /// Options of every sync.
    pub options: Options,
    /// What follows a failed automated sync, as the user wrote it.
    pub retry: Option<RetryStrategy>,
    /// How many former syncs are remembered.
    pub history_limit: usize,
}

impl Spec {
    /// What is known of a spec that cannot be carried out: enough to report that.
    pub fn unreadable(application: &Application) -> Self {
        Self {
            source: application.spec.source.clone().unwrap_or_default(),
            is_listed: false,
            destination: application.spec.destination.clone(),
            namespace: String::new(),
            automated: None,
            options: Options::default(),
            retry: None,
            history_limit: history_limit(application.spec.revision_history_limit),
        }
    }

    /// Folder in the repository; empty is its root.
    pub fn path(&self) -> &str {
        let path = self.source.path.as_deref().unwrap_or("").trim_end_matches('/');
        let path = path.strip_prefix("./").unwrap_or(path);
        if path == "." { "" } else { path }
    }
}

/// A sync that can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The revision, in place of the Application's.
    pub revision: Option<String>,
    /// Delete what Git no longer has.
    pub prune: bool,
    /// Only these objects; all when empty.
    pub resources: Vec<OperationResource>,
    /// Options of this sync.
    pub options: Options,
    /// What follows a failure.
    pub retry: Retry,
    /// Whether nobody asked for it.
    pub is_automated: bool,
}

/// Reads the spec, or says everything that is wrong with it.
pub fn spec(application: &Application, allow_file_urls: bool) -> Result<Spec, Vec<SpecError>> {
    let wire = &application.spec;
    let mut errors = Vec::new();
    let allowed = ["source", "sources", "destination", "project", "syncPolicy", "info", "revisionHistoryLimit"];
    refuse_others(wire, "spec", &allowed, &mut errors);
    if !matches!(wire.project.as_str(), "" | "default") {
        errors.push(unsupported("spec.project"));
    }
    let (source, path) = match wire.sources.as_slice() {
        [] => (wire.source.clone(), "spec.source"),
        [one] => (Some(one.clone()), "spec.sources[0]"),
        _ => {
            errors.push(unsupported("spec.sources"));
            (None, "")
        }
    };
    match &source {
        Some(source) => check_source(source, path, allow_file_urls, &mut errors),
        None if path == "spec.source" => errors.push(missing(path, "a Git repository")),
        None => {}
    }
    check_destination(&wire.destination, &mut errors);
    let policy = wire.sync_policy.clone().unwrap_or_default();
    refuse_others(&policy, "spec.syncPolicy", &["automated", "syncOptions", "retry"], &mut errors);
    let options = Options::parse(&policy.sync_options, "spec.syncPolicy.syncOptions", &mut errors);
    if let Some(retry) = &policy.retry {
        Retry::parse(retry, "spec.syncPolicy.retry", &mut errors);
    }
    match source.filter(|_| errors.is_empty()) {
        Some(source) => Ok(Spec {
            source,
            is_listed: !wire.sources.is_empty(),
            destination: wire.destination.clone(),
            namespace: wire.destination.namespace.clone().unwrap_or_default(),
            automated: automated(&policy),
            options,
            retry: policy.retry,
            history_limit: history_limit(wire.revision_history_limit),
        }),
        None => Err(errors),
    }
}

/// Reads the sync that somebody asked for, or says everything that is wrong with it.
pub fn request(operation: &Operation, spec: &Spec) -> Result<Request, Vec<SpecError>> {
    let mut errors = Vec::new();
    let sync = operation.sync.clone().unwrap_or_default();
    if operation.sync.is_none() {
        errors.push(missing("operation.sync", ""));
    }
    let allowed = ["revision", "prune", "resources", "syncStrategy", "syncOptions", "autoHealAttemptsCount", "source"];
    refuse_others(&sync, "operation.sync", &allowed, &mut errors);
    if sync.source.as_ref().is_some_and(|source| *source != spec.source) {
        errors.push(unsupported("operation.sync.source"));
    }
    let strategy = sync.sync_strategy.clone().unwrap_or_default();
    if strategy.apply.is_some_and(|apply| apply.force) {
        errors.push(unsupported("operation.sync.syncStrategy.apply.force"));
    }
    if strategy.hook.is_some_and(|hook| hook.force) {
        errors.push(unsupported("operation.sync.syncStrategy.hook.force"));
    }
    // Without options of its own a sync follows the Application's.
    let options = match sync.sync_options.as_slice() {
        [] => spec.options,
        given => Options::parse(given, "operation.sync.syncOptions", &mut errors),
    };
    let is_automated = operation.initiated_by.as_ref().is_some_and(|initiator| initiator.automated);
    let retry = match &operation.retry {
        Some(retry) => Retry::parse(retry, "operation.retry", &mut errors),
        None => Retry::default_for(is_automated),
    };
    if errors.is_empty() {
        let revision = sync.revision.filter(|revision| !revision.is_empty());
        Ok(Request { revision, prune: sync.prune, resources: sync.resources, options, retry, is_automated })
    } else {
        Err(errors)
    }
}

fn automated(policy: &SyncPolicy) -> Option<Automated> {
    let automated = policy.automated.as_ref().filter(|automated| automated.enabled != Some(false))?;
    Some(Automated {
        prune: automated.prune == Some(true),
        self_heal: automated.self_heal == Some(true),
        allow_empty: automated.allow_empty == Some(true),
    })
}

fn history_limit(limit: Option<i64>) -> usize {
    limit.map_or(DEFAULT_HISTORY_LIMIT, |limit| usize::try_from(limit).unwrap_or(0))
}

fn check_source(source: &ApplicationSource, path: &str, allow_file_urls: bool, errors: &mut Vec<SpecError>) {
    refuse_others(source, path, &["repoURL", "path", "targetRevision", "name", "directory"], errors);
    if let Some(directory) = &source.directory {
        refuse_others(directory, &format!("{path}.directory"), &["recurse"], errors);
    }
    let address = source.repo_url.trim();
    let repository = format!("{path}.repoURL");
    if address.is_empty() {
        errors.push(missing(&repository, ""));
    } else if address.starts_with("oci://") || (address.starts_with("file://") && !allow_file_urls) {
        errors.push(unsupported(&repository));
    }
    let folder = source.path.as_deref().unwrap_or("");
    if folder.starts_with('/') || folder.split('/').any(|part| part == "..") {
        errors.push(SpecError::Invalid {
            path: format!("{path}.path"),
            problem: format!("{folder:?} is not a folder inside the repository"),
        });
    }
}

/// Whether a destination is this cluster, and what is wrong with it otherwise.
pub fn check_destination(destination: &ApplicationDestination, errors: &mut Vec<SpecError>) {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (text(&destination.server), text(&destination.name)) {
        (None, None) => errors.push(missing("spec.destination", "server or name")),
        (Some(_), Some(_)) => errors.push(SpecError::Invalid {
            path: "spec.destination".into(),
            problem: "server and name cannot both be set".into(),
        }),
        (Some(server), None) if server.trim_end_matches('/') != THIS_CLUSTER => {
            errors.push(unsupported("spec.destination.server"));
        }
        (None, Some(name)) if name != THIS_CLUSTER_NAME => errors.push(unsupported("spec.destination.name")),
        _ => {}
    }
}

/// Refuses every field of a wire struct that is set and not on the list. Empty objects say nothing.
fn refuse_others(wire: &impl Serialize, path: &str, allowed: &[&str], errors: &mut Vec<SpecError>) {
    let Ok(Value::Object(fields)) = serde_json::to_value(wire) else { return };
    for (name, value) in fields {
        let says_nothing = match &value {
            Value::Object(fields) => fields.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        if !says_nothing && !allowed.contains(&name.as_str()) {
            errors.push(SpecError::Unsupported { path: format!("{path}.{name}") });
        }
    }
}

fn unsupported(path: &str) -> SpecError {
    SpecError::Unsupported { path: path.to_owned() }
}

fn missing(path: &str, why: &str) -> SpecError {
    SpecError::Missing { path: path.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests;
