//! Answers questions about Git: the manifests below one path at one revision.
//!
//! Repositories are fetched in process into a bare cache, one folder each, only the one commit that is asked for. A folder
//! with a kustomization is handed to `render.rs`; any other is read as plain manifests. What goes wrong (no server, wrong
//! credentials, no such revision or path, a link that leaves the repository) is the answer, in words. Nothing is written to
//! any repository but the cache.

mod credentials;
mod fetch;
mod tree;

use super::{Answerer, Secrets, render::Renderer};
use credentials::Access;
use futures::{FutureExt, future::BoxFuture};
use plan::{Answer, Ask, GitAnswer, GitAsk};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use thiserror::Error;
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    time::timeout,
};

/// A fetch that takes longer is given up.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// Fetches at the same time: each holds a thread.
const AT_ONCE: usize = 4;

/// Why there is no tree.
#[derive(Debug, Error)]
pub(super) enum GitError {
    #[error("repository address {0:?} is not supported: use https, http, ssh or git")]
    Scheme(String),
    #[error("repositories on the controller's own file system are switched off")]
    FileSwitchedOff,
    #[error("unable to resolve '{0}' to a commit SHA")]
    Unresolved(String),
    #[error("{0}: app path does not exist")]
    NoPath(String),
    #[error("path {0:?} leaves the repository")]
    PathLeaves(String),
    #[error("{0}: the symbolic link leaves the repository")]
    LinkLeaves(String),
    #[error("the manifests are larger than {0} MiB")]
    TooLarge(usize),
    #[error("the fetch took longer than {} s", FETCH_TIMEOUT.as_secs())]
    TooLong,
    #[error("{0}")]
    Fetch(String),
    #[error("{0}")]
    Render(String),
    #[error("the cache cannot be used")]
    Cache(#[from] std::io::Error),
}

impl From<gix::Error> for GitError {
    fn from(error: gix::Error) -> Self {
        Self::Fetch(crate::logging::chain(&error))
    }
}

/// How repositories are read.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// Where fetched repositories are kept.
    pub cache: PathBuf,
    /// Accept `file://` addresses.
    pub allow_file: bool,
    /// The program that renders kustomizations.
    pub kubectl: String,
    /// The namespace with the Secrets of repositories.
    pub namespace: String,
}

/// One folder of the cache, used by one fetch at a time.
type Folders = Arc<Mutex<BTreeMap<PathBuf, Arc<AsyncMutex<()>>>>>;

/// Reads repositories in process.
#[derive(Clone, Debug)]
pub struct GitInProcess {
    settings: GitSettings,
    secrets: Option<Secrets>,
    renderer: Renderer,
    folders: Folders,
    permits: Arc<Semaphore>,
}

impl GitInProcess {
    /// Reads repositories; credentials come from `secrets`, where there are any. Over https it needs an installed rustls
    /// provider.
    pub fn new(settings: GitSettings, secrets: Option<Secrets>) -> Self {
        let renderer = Renderer::new(&settings.kubectl);
        Self { settings, secrets, renderer, folders: Folders::default(), permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    async fn look(&self, ask: GitAsk) -> Result<GitAnswer, GitError> {
        let scheme = fetch::scheme(&ask.repository)?;
        if scheme == fetch::Scheme::File && !self.settings.allow_file {
            return Err(GitError::FileSwitchedOff);
        }
        let access = match &self.secrets {
            Some(secrets) if scheme != fetch::Scheme::File => {
                credentials::find(secrets, &self.settings.namespace, &ask.repository).await
            }
            _ => Access::default(),
        };
        match self.fetch(ask, access).await? {
            tree::Found::Plain { commit, files } => Ok(GitAnswer { commit, files, source_type: "Directory".into() }),
            tree::Found::Kustomize { commit, checkout, path } => {
                let rendering = self.renderer.kustomize(checkout.path(), &path).await.map_err(GitError::Render)?;
                let files = BTreeMap::from([(path, rendering)]);
                Ok(GitAnswer { commit, files, source_type: "Kustomize".into() })
            }
        }
    }

    async fn fetch(&self, ask: GitAsk, access: Access) -> Result<tree::Found, GitError> {
        let folder = self.settings.cache.join(fetch::folder_name(&ask.repository));
        let lock = {
            let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(folders.entry(folder.clone()).or_default())
        };
        let interrupt = Arc::new(AtomicBool::new(false));
        let work = async {
            // The lock goes into the thread: it is free again when the thread ends, not when we stop waiting for it.
            let held = lock.lock_owned().await;
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            let interrupt = Arc::clone(&interrupt);
            let work = move || {
                let _held = (held, permit);
                let fetched = fetch::commit(&ask, &access, &folder, &interrupt)?;
                tree::read(&fetched, &ask)
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(GitError::Fetch(error.to_string())))
        };
        timeout(FETCH_TIMEOUT, work).await.unwrap_or_else(|_| {
            interrupt.store(true, Ordering::Relaxed);
            Err(GitError::TooLong)
        })
    }
}

impl Answerer for GitInProcess {
    fn answer(&self, ask: Ask) -> BoxFuture<'static, Answer> {
        let git = self.clone();
        async move {
            match ask {
                Ask::Git(ask) => Answer::Git(git.look(ask).await.map_err(|error| crate::logging::chain(&error))),
                other => Answer::Git(Err(format!("not about Git: {other}"))),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
