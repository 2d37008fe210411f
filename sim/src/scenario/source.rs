//! The Git repository of a story, and how its Applications read it: the controller's own Git, on a folder of this machine.
//!
//! In a story the repository is called `${REPOSITORY}`; that name stands in transcripts too, so that they read alike on every
//! machine.

use crate::{scenario::Commit, simulation::Options, world::git::Repository};
use controller::{
    ApplicationSettings,
    ask::{
        Answerer,
        git::{GitInProcess, GitSettings},
    },
};
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask};
use serde_json::Value;
use std::{io, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::time::sleep;

/// What a story calls its repository.
const NAME: &str = "${REPOSITORY}";
/// Git works on a thread of its own, and how fast that is depends on the machine: the answer comes so much later, when all
/// that others do at that time is done, so that a story always reads the same.
const LATER: Duration = Duration::from_millis(1);
/// How often the controller looks whether there is a new commit.
const POLLING: Duration = Duration::from_secs(10);

/// A repository in a folder that goes with it.
#[derive(Debug)]
pub(crate) struct Source {
    folder: TempDir,
    repository: Repository,
}

impl Source {
    /// An empty repository.
    pub(crate) fn create() -> io::Result<Source> {
        let folder = tempfile::Builder::new().prefix("leadline-story-").tempdir()?;
        let repository = Repository::create(folder.path().join("repository"))?;
        Ok(Source { folder, repository })
    }

    /// Lets the controller follow Applications out of it.
    pub(crate) fn join(&self, options: &mut Options) {
        let cache = self.folder.path().join("cache");
        let namespace = options.controller.own_namespace.clone();
        let kubectl = "kubectl".to_owned();
        let settings = GitSettings { cache: cache.clone(), allow_file: true, kubectl: kubectl.clone(), namespace };
        options.git = Arc::new(Later(GitInProcess::new(settings, None)));
        options.controller.applications =
            Some(ApplicationSettings { polling: POLLING, allow_file: true, cache_folder: cache, kubectl });
    }

    /// Commits files.
    pub(crate) fn commit(&self, commit: &Commit) -> io::Result<()> {
        let text = |file: &Value| match file {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            object => Some(object.to_string()),
        };
        let files: Vec<(&str, Option<String>)> =
            commit.files.iter().map(|(path, file)| (path.as_str(), text(file))).collect();
        let files: Vec<(&str, Option<&str>)> = files.iter().map(|(path, text)| (*path, text.as_deref())).collect();
        self.repository.commit(&commit.message, &files).map(|_| ())
    }

    /// Puts it where nobody finds it, or back.
    pub(crate) fn set_reachable(&self, is_up: bool) -> io::Result<()> {
        let (place, elsewhere) = (self.repository.folder(), self.folder.path().join("elsewhere"));
        match (is_up, place.exists()) {
            (true, false) => std::fs::rename(elsewhere, place),
            (false, true) => std::fs::rename(place, elsewhere),
            _ => Ok(()),
        }
    }

    /// An object of the story with the repository's true address.
    pub(crate) fn placed(&self, text: &str) -> String {
        text.replace(NAME, &self.repository.url())
    }

    /// A text of this run as every run says it.
    pub(crate) fn told(&self, text: &str) -> String {
        text.replace(&self.repository.url(), NAME).replace(&self.repository.folder().display().to_string(), NAME)
    }
}

/// Answers a moment later.
#[derive(Debug)]
struct Later(GitInProcess);

impl Answerer for Later {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        let answer = self.0.answer(ask);
        async move {
            let answer = answer.await;
            sleep(LATER).await;
            answer
        }
        .boxed()
    }
}

/// Does a story speak of a repository?
pub(crate) fn is_named(text: &str) -> bool {
    text.contains(NAME)
}
